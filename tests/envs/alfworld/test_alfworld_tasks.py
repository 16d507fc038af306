"""Which tasks there are: both forms of the user's games, holes, names of partial training sets, what is skipped."""

import json
import logging
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import gymnasium
import pytest
from alfworld_house import make_game, problem_text, row_of, write_lines, write_tree

import envbench
from envbench import data, registry
from envbench.envs.alfworld import store, tasks
from envbench.envs.alfworld.game import TASK_TYPES, Game, Problem
from envbench.envs.alfworld.packed import Packed, game_sha256, world_of
from envbench.envs.alfworld.pddl import parse_problem, write_problem
from envbench.errors import DataCorrupt, DataMissing, UnknownName

ID = "envbench/ALFWorld-v0"
NAMES = [f"valid_seen/kind-{letter}-7/trial" for letter in "abc"]


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """An empty folder of games that is the only one known."""
    monkeypatch.setenv("ENVBENCH_HOME", str(tmp_path / "home"))
    monkeypatch.delenv("ENVBENCH_DATA", raising=False)
    place = tmp_path / "games"
    place.mkdir()
    monkeypatch.setenv("ALFWORLD_DATA", str(place))
    registry._panel.cache_clear()
    yield place
    registry._panel.cache_clear()


@pytest.fixture
def locked(folder: Path, monkeypatch: pytest.MonkeyPatch) -> list[Game]:
    """Three games that the lock lists for valid_seen."""
    games = [make_game(name=name) for name in NAMES]
    lock = data.Lock(games={"valid_seen": tuple((game.name, game_sha256(game)) for game in games)})
    monkeypatch.setattr(data, "read_lock", lambda family: lock)
    return games


def panel(split: str = "valid_seen") -> Any:
    return envbench.panel(ID, dataset="original", split=split)


@pytest.mark.parametrize("write", [write_tree, write_lines])
def test_both_forms_give_the_same_tasks(folder: Path, locked: list[Game], write: Callable[..., Any]) -> None:
    write(folder, locked[::-1])
    found = panel()
    assert [task.source for task in found] == NAMES
    assert [task.id for task in found] == [f"alfworld/original/valid_seen/{index:04d}" for index in range(3)]
    assert {task.cluster for task in found} == {"7"}
    assert [task.content for task in found] == [{"game": game_sha256(game)} for game in locked]
    assert not found.holes


def test_white_space_is_no_content_and_words_are() -> None:
    game = make_game()
    spaced = Game(game.name, game.task_type, game.task, 7, {}, problem_text().replace("\n", "\r\n\t"))
    assert game_sha256(spaced) == game_sha256(game)
    assert game_sha256(make_game(extra="(openable Desk_bar_1)")) != game_sha256(game)
    assert game_sha256(Game(game.name, game.task_type, "put an apple.", 7, {}, problem_text())) != game_sha256(game)


def test_packed_games_come_back_whole() -> None:
    text = make_game()
    facts = Game(text.name, text.task_type, text.task, 7, {"object_sliced": False}, parse_problem(problem_text()))
    for game in (text, facts):
        packed = Packed(game)
        assert packed.game() == game
        assert world_of(packed) is world_of(packed)
    assert isinstance(Packed(facts).game().problem, Problem)


@pytest.mark.parametrize("fault", ["missing", "changed", "no json", "unknown type", "no start"])
def test_a_bad_game_leaves_a_hole_and_no_other_number(
    folder: Path, locked: list[Game], fault: str, caplog: pytest.LogCaptureFixture
) -> None:
    rows = [row_of(game) for game in locked]
    rows[1] |= {
        "changed": {"task": "put two apple on desk."},
        "unknown type": {"task_type": "sweep_the_floor"},
        "no start": {"pddl_problem": "(define)"},
    }.get(fault, {})
    lines = [json.dumps(row) for row in rows]
    lines[1:2] = {"missing": [], "no json": [lines[1][:-5]]}.get(fault, lines[1:2])
    (folder / "games.jsonl").write_text("\n".join(lines))
    with caplog.at_level(logging.WARNING):
        found = panel()
    assert [task.id[-4:] for task in found] == ["0000", "0002"]
    assert list(found.holes) == ["alfworld/original/valid_seen/0001"]
    assert "games skipped" in caplog.text
    env = gymnasium.make(ID, dataset="original", split="valid_seen").unwrapped
    with pytest.raises(DataMissing) as caught:
        env.reset(options={"task": "alfworld/original/valid_seen/0001"})
    assert "\n" not in str(caught.value)
    assert NAMES[1] in str(caught.value)
    assert "envbench data add" in str(caught.value)
    with pytest.raises(DataCorrupt, match="skipped") as refused:
        gymnasium.make(ID, dataset="original", split="valid_seen", strict=True)
    assert "\n" not in str(refused.value)


def test_strict_takes_what_is_whole(folder: Path, locked: list[Game]) -> None:
    write_lines(folder, locked)
    assert gymnasium.make(ID, dataset="original", split="valid_seen", strict=True)


def test_a_game_that_parses_badly_is_told_when_it_is_played(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write_lines(folder, [make_game(name="train/x-7/t", extra="(inReceptacle Apple_bar_1)")])
    env = gymnasium.make(ID, dataset=tasks.train_name(["train/x-7/t"])).unwrapped
    with pytest.raises(DataCorrupt, match="train/x-7/t"):
        env.reset(seed=0)


def test_half_a_file_gives_the_games_before_the_break(folder: Path, locked: list[Game]) -> None:
    path = write_lines(folder, locked * 3, "games.jsonl.gz")
    path.write_bytes(path.read_bytes()[:-30])
    found = store.read(folder, "valid_seen")
    assert set(found.games) <= set(NAMES)
    assert "games.jsonl.gz" in found.skipped


def test_trees_are_read_as_the_original_reads_them(folder: Path) -> None:
    names = ["train/a-Apple-None-Desk-7/t", "train/a-AppleSliced-None-Desk-7/t", "train/a_movable-Apple-None-Desk-7/t"]
    write_tree(folder, [make_game(name=name) for name in names])
    write_tree(folder, [make_game(name="train/b-Apple-None-Desk-7/t")], solvable=False)
    write_tree(folder, [make_game(name="train/c-Apple-None-Desk-7/t")])
    broken = folder / "json_2.1.1" / "train/c-Apple-None-Desk-7/t" / "game.tw-pddl"
    broken.write_text(broken.read_text()[:50])
    other = make_game("pick_and_place_simple", "train/d-Apple-None-Desk-7/t")
    write_tree(folder, [Game(other.name, "pick_and_place_with_movable_recep", other.task, 7, {}, other.problem)])
    found = store.read(folder, "train")
    assert list(found.games) == names[:1]
    assert list(found.skipped) == ["train/c-Apple-None-Desk-7/t"]
    assert found.games[names[0]].task == "put some apple on desk."
    assert store.tree_of(folder / "json_2.1.1") == folder / "json_2.1.1"


def test_a_part_of_train_is_named_after_what_it_holds(folder: Path) -> None:
    names = [f"train/x-{number}/t" for number in (8, 7)]
    write_lines(folder, [make_game(name=name) for name in names])
    dataset = tasks.train_name(names)
    assert dataset == tasks.train_name(names[::-1]) != tasks.train_name(names[:1])
    found = envbench.panel(ID, dataset=dataset, split="train")
    assert [task.id for task in found] == [f"alfworld/{dataset}/train/{index:04d}" for index in range(2)]
    assert [task.source for task in found] == sorted(names)
    for other in ("original", "original-train", "original-train-00000000"):
        with pytest.raises(DataMissing, match=dataset) as caught:
            envbench.panel(ID, dataset=other, split="train")
        assert "\n" not in str(caught.value)
    with pytest.raises(UnknownName):
        envbench.panel(ID, dataset=dataset + "0", split="train")
    with pytest.raises(UnknownName):
        envbench.panel(ID, dataset="original-00000000", split="valid_seen")


def test_all_of_train_is_the_original() -> None:
    assert tasks.train_name([str(number) for number in range(tasks.TRAIN_GAMES)]) == "original"


def test_nothing_there(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(DataMissing, match="envbench data add alfworld DIR"):
        panel()
    monkeypatch.delenv("ALFWORLD_DATA")
    with pytest.raises(DataMissing, match="no folder is known"):
        panel()
    (folder / "games.jsonl").write_text("{}\n")
    monkeypatch.setenv("ALFWORLD_DATA", str(folder))
    with pytest.raises(DataMissing, match="cannot be read") as caught:
        panel()
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("task_type", TASK_TYPES)
def test_a_problem_that_is_written_is_read_again(task_type: str) -> None:
    problem = parse_problem(problem_text(task_type))
    text = write_problem(problem)
    assert parse_problem(text) == problem
    for declared in ("agent1 - agent", "apple_bar_1 - object", "fridge_bar_1 - receptacle", "loc_bar_5 - location"):
        assert f"\n{declared}\n" in text
    assert "\nbutterknifetype - otype\n" in text  # the domain names it, though no such knife is here


def test_a_task_tells_its_kind() -> None:
    tasks = envbench.panel(ID, split="valid_seen")
    assert {task.kind for task in tasks} == set(TASK_TYPES)
    assert all(task.source.split("/")[1].startswith(f"{task.kind}-") for task in tasks)


def test_an_absent_split_names_those_that_are_here(folder: Path) -> None:
    write_lines(folder, [make_game(name="valid_unseen/a/b")])
    with pytest.raises(DataMissing, match=r"no game of train .*here are split='valid_unseen'; run"):
        envbench.panel(ID, dataset="original")
    with pytest.raises(DataMissing, match="split='valid_unseen'") as caught:
        gymnasium.make(ID, dataset="original").reset(seed=0)
    assert "\n" not in str(caught.value)
