"""The package itself, where the extra `textworld` is installed: the twin beside it, snapshots, games of the user."""

import json
import shutil
from pathlib import Path
from typing import Any

import gymnasium
import pytest
from compare_games import assert_twin_agrees, play, slim

import envbench
from envbench.envs.textworld import made_games, maker, package, package_session
from envbench.errors import DataCorrupt, EnvbenchError, InvalidValue, SnapshotMismatch
from envbench.testing.require import missing

ID = "envbench/TextWorld-v0"


@pytest.fixture(autouse=True)
def _installed() -> None:
    try:
        package.require()
    except EnvbenchError as error:
        missing(str(error), "textworld")


def make(**arguments: Any) -> Any:
    return gymnasium.make(ID, **({"dataset": "textworld", "split": "val"} | arguments)).unwrapped


def task_of(kind: str) -> str:
    tasks = envbench.panel(ID, dataset="textworld", split="val")
    return next(task.id for task in tasks if task.payload.kind == kind)


HARD = [
    made_games.Recipe("treasure", "tw-treasure_hunter", {"level": 30}, 7),
    made_games.Recipe("treasure", "tw-treasure_hunter", {"level": 24}, 3),
    made_games.Recipe(
        "cooking",
        "tw-cooking",
        {"recipe": 3, "take": 3, "go": 9, "open": True, "cook": True, "cut": True, "recipe_seed": 0, "split": None},
        1,
    ),
    made_games.Recipe("cooking", "tw-cooking", {"recipe": 2, "take": 1, "go": 1, "recipe_seed": 0, "split": None}, 3),
    made_games.Recipe("coin", "tw-coin_collector", {"level": 108}, 3),
]


@pytest.mark.parametrize("recipe", HARD, ids=lambda recipe: f"{recipe.kind}-{recipe.seed}")
def test_the_twin_does_what_the_package_does(recipe: made_games.Recipe) -> None:
    story = made_games.story_of(recipe)
    document = slim(json.loads(story.with_suffix(".json").read_text(encoding="utf-8")))
    env = package.start(story)
    for seed in range(5):
        assert_twin_agrees(document, play(env, document, seed, 60))
    env.close()


@pytest.mark.parametrize("kind", made_games.KINDS)
def test_native_and_replayed_snapshots_lead_to_one_future(kind: str) -> None:
    env, other = make(), make()
    env.reset(seed=0, options={"task": task_of(kind)})
    for _ in range(2):
        env.step(env.oracle())
    snapshot = env.snapshot()
    native = env.restore(snapshot)
    onward = [env.step(env.oracle()) for _ in range(3)]
    package_session._natives.clear()
    assert other.restore(snapshot) == native
    assert [other.step(other.oracle()) for _ in range(3)] == onward


def test_a_snapshot_that_leads_elsewhere_is_refused() -> None:
    env = make()
    env.reset(seed=0, options={"task": task_of("coin")})
    env.step(env.oracle())
    document = json.loads(env.snapshot())
    document["memory"] = []
    package_session._natives.clear()
    with pytest.raises(SnapshotMismatch, match="led to another state"):
        env.restore(json.dumps(document).encode())


def test_commands_that_the_package_does_not_offer_are_not_sent() -> None:
    env = make()
    _, info = env.reset(seed=0, options={"task": task_of("cooking")})
    for command in ("quit", "undo", "restart", "tw-print state", "go nowhere", "take moon"):
        *_, after = env.step(command)
        assert after["valid"] is False
        assert after["state_hash"] == info["state_hash"]
    assert env.step("l")[4]["valid"] is True


def test_the_anchor_leaves_out_what_the_state_keeps() -> None:
    env = make()
    _, first = env.reset(seed=0, options={"task": task_of("coin")})
    before = env._session.points(), first["anchor_hash"]
    env.step(first["valid_actions"][0])
    env.step("look")
    _, again = env.reset(seed=0, options={"task": task_of("coin")})
    assert (env._session.points(), again["anchor_hash"]) == before


@pytest.fixture
def own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with a story and its JSON, and another game as JSON alone."""
    folder = tmp_path / "textworld"
    folder.mkdir()
    coin, custom = (made_games.story_of(made_games.recipes("val", kind)[0]) for kind in ("coin", "custom"))
    shutil.copy(coin, folder / "coin.z8")
    shutil.copy(coin.with_suffix(".json"), folder / "coin.json")
    shutil.copy(custom.with_suffix(".json"), folder / "alone.json")
    monkeypatch.setenv("ENVBENCH_DATA", str(tmp_path))
    envbench.registry._panel.cache_clear()
    return folder


@pytest.mark.usefixtures("own")
def test_games_of_the_user_are_played_and_won() -> None:
    env = make(dataset="files", split="all")
    tasks = envbench.panel(ID, dataset="files")
    assert [task.source for task in tasks] == ["alone.json", "coin.z8"]
    for task in tasks:
        env.reset(seed=0, options={"task": task.id})
        over = False
        while not over:
            *_, terminated, truncated, info = env.step(env.oracle())
            over = terminated or truncated
        assert (info["score"], info["outcome"]) == (1.0, "success")


def test_a_story_of_another_game_than_its_json_is_one_line(own: Path) -> None:
    (own / "coin.json").write_text('{"version": 1}', encoding="utf-8")
    with pytest.raises(DataCorrupt, match="the package cannot load it") as caught:
        make(dataset="files", split="all").reset(seed=0, options={"task": "textworld/files/all/0001"})
    assert "\n" not in str(caught.value)


def test_a_game_that_cannot_be_made_is_one_line() -> None:
    recipe = made_games.Recipe("coin", "tw-coin_collector", {"level": 999}, 1)
    with pytest.raises(InvalidValue, match=r"cannot be made .*level") as caught:
        made_games.story_of(recipe)
    assert "\n" not in str(caught.value)


def test_the_same_recipe_makes_the_same_story(tmp_path: Path) -> None:
    recipe = made_games.recipes("val", "coin")[0]
    order = {"challenge": recipe.challenge, "settings": recipe.settings, "seed": recipe.seed}
    made_games._make({**order, "out": str(tmp_path / "game.z8")}, made_games.DEADLINE)
    story = (tmp_path / "game.z8").read_bytes()
    assert story == made_games.story_of(recipe).read_bytes()
    assert story[maker.SERIAL] == b"000000"  # and on every day
