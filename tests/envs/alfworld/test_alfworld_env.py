"""The environment over hand-made games: answers to bad commands, protocols, keys, snapshots."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import gymnasium
import pytest
from alfworld_house import make_game, write_lines

from envbench import registry
from envbench.agents.prompts import Situation, load_prompt, read_reply
from envbench.cards import cards
from envbench.envs.alfworld import tasks
from envbench.errors import InvalidValue, SnapshotMismatch
from envbench.hashing import encode
from envbench.vector.memory import Memory
from envbench.vector.session import Plain, open_session

WIN = ("go to shelf 2", "take apple 2 from shelf 2", "go to desk 1", "move apple 2 to desk 1")


@pytest.fixture
def dataset(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """The name of a data set of two training games: place one, look at one."""
    games = [make_game(kind, f"train/{kind}/t") for kind in ("pick_and_place_simple", "look_at_obj_in_light")]
    write_lines(tmp_path / "data" / "alfworld", games)
    monkeypatch.setenv("ENVBENCH_HOME", str(tmp_path / "home"))
    monkeypatch.setenv("ENVBENCH_DATA", str(tmp_path / "data"))
    registry._panel.cache_clear()
    yield tasks.train_name([game.name for game in games])
    registry._panel.cache_clear()


def made(dataset: str, **knobs: Any) -> Any:
    return gymnasium.make("envbench/ALFWorld-v0", dataset=dataset, **knobs).unwrapped


def started(dataset: str, index: int = 1, **knobs: Any) -> Any:
    env = made(dataset, **knobs)
    env.reset(seed=0, options={"task": f"alfworld/{dataset}/train/{index:04d}"})
    return env


@pytest.mark.parametrize(("protocol", "reward"), [("original", 1.0), ("verl-agent", 10.0)])
def test_winning(dataset: str, protocol: str, reward: float) -> None:
    env = started(dataset, protocol=protocol)
    results = [env.step(command) for command in WIN]
    assert [result[1] for result in results] == [0.0, 0.0, 0.0, reward]
    info = results[-1][4]
    assert (info["score"], info["success"], info["outcome"], info["valid_actions"]) == (1.0, True, "success", ())
    assert info["task_type"] == "pick_and_place_simple"


def test_a_refused_command_is_answered_and_changes_nothing(dataset: str) -> None:
    env = started(dataset)
    before = env.step("go to shelf 1")
    observation, reward, terminated, truncated, info = env.step("go to shelf 1")
    assert (observation, reward, terminated, truncated, info["valid"]) == ("Nothing happens.", 0.0, False, False, False)
    assert info["state_hash"] == before[4]["state_hash"]
    assert info["observation_hash"] == env.observation_hash() != before[4]["observation_hash"]
    again, restored = env.restore(env.snapshot())
    assert (again, restored) == (observation, info)
    assert env.step(" look\n")[4]["valid"] is True


def test_default_limit_is_fifty(dataset: str) -> None:
    env = started(dataset)
    for _ in range(49):
        assert env.step("nothing")[3] is False
    observation, *_, truncated, info = env.step("nothing")
    assert (truncated, info["outcome"], observation) == (True, "timeout", "Nothing happens.")


def test_verl_agent_shows_no_help(dataset: str) -> None:
    info = started(dataset, protocol="verl-agent")._build_info()
    assert info["shown_actions"] == tuple(command for command in info["valid_actions"] if command != "help")
    assert "shown_actions" not in started(dataset)._build_info()


def test_verl_agent_reads_thirty_characters() -> None:
    prompt = load_prompt(cards()["alfworld"], "verl-agent")
    reply = "I would like to Take the Apple 1 from the Fridge 1"
    assert read_reply(prompt, "verl-agent", reply) == (reply.lower()[-30:], False)
    webshop = load_prompt(cards()["webshop"], "verl-agent")
    assert read_reply(webshop, "verl-agent", reply) == (reply.lower()[-20:], False)


def test_verl_agent_states_the_task_from_the_second_turn_on(dataset: str) -> None:
    env = started(dataset, protocol="verl-agent")
    observation, info = env.reset(seed=0)
    prompt = load_prompt(cards()["alfworld"], "verl-agent")
    situation = Situation(info["instruction"], observation, info["shown_actions"], 0, env.max_steps, ())
    (first,) = prompt.messages(situation)
    assert first["content"].count("put some apple on desk.") == 1  # in what is seen
    assert "\n 'inventory'\n 'look'\n" in first["content"]
    assert "'help'" not in first["content"]
    later = situation._replace(
        step=2, observation="Nothing happens.", past=[(observation, "go up"), ("You see.", "look")]
    )
    text = prompt.messages(later)[0]["content"]
    assert text.index("Your task: put some apple on desk.\n") < text.index("\n[Observation 1: '-= Welcome")
    assert "\n[Observation 2: 'You see.', Action 2: 'look']\n" in text


def test_style_is_part_of_the_task(dataset: str) -> None:
    env, old = started(dataset), started(dataset, style="2.1.1")
    assert env.task.digest != old.task.digest
    with pytest.raises(SnapshotMismatch):
        old.restore(env.snapshot())
    with pytest.raises(InvalidValue):
        made(dataset, style="2.0")


def test_keys_are_those_of_the_plain_data(dataset: str) -> None:
    env = started(dataset)
    for command in (*WIN[:2], "no such", "inventory"):
        env.step(command)
        assert env._encoded() == (encode(env._state()), encode(env._anchor()))
        hasher = env._hasher
        assert env.state_hash() == hasher("state", env._state())
        assert env.anchor_hash() == hasher("anchor", env._anchor())
    assert env._state()["receptacles"] == {"shelf 2": [False, ["cup 1", "knife 1"], ["apple 2"]]}
    assert env._anchor()["receptacles"] == {"shelf 2": [False, ["cup 1", "knife 1"]]}


def test_snapshots_travel_between_environments_and_tasks(dataset: str) -> None:
    env, other = started(dataset), started(dataset, index=0)
    for command in WIN[:3]:
        env.step(command)
    other.restore(env.snapshot())
    assert other.step(WIN[3]) == env.step(WIN[3])
    assert json.loads(env.snapshot())["family"] == "alfworld"


def test_sessions_of_a_batch_answer_refused_commands_too(dataset: str) -> None:
    session = open_session(made(dataset), Memory(made(dataset), 1 << 20))
    assert isinstance(session, Plain)
    env = started(dataset)
    session.start(0, env.task.id)
    assert session.step("no such")[0] == env.step("no such")[0] == "Nothing happens."


def test_one_line_when_the_training_games_are_not_all_here(dataset: str) -> None:
    env = made("original")
    with pytest.raises(Exception, match=dataset) as caught:
        env.reset(seed=0)
    assert "\n" not in str(caught.value)
