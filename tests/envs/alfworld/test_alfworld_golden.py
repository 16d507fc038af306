"""Every recorded step of the original, through the engine and through the environment."""

import hashlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import gymnasium
import pytest

import envbench
from envbench.envs.alfworld.compile import compile_game
from envbench.envs.alfworld.engine import State
from envbench.envs.alfworld.game import Game

FILES = {"golden_traces.jsonl.gz": 543, "golden_walks.jsonl.gz": 610}
Recorded = Callable[[str], list[Any]]


@pytest.fixture(scope="module")
def games(recorded: Recorded) -> dict[str, Game]:
    rows = recorded("games.jsonl.gz")
    return {
        row["id"]: Game(row["id"], row["task_type"], row["task"], row["scene"], row["pddl_params"], row["pddl_problem"])
        for row in rows
    }


def _state_digest(state: State) -> str:
    return hashlib.sha256("\n".join(state.facts()).encode()).hexdigest()[:16]


@pytest.mark.parametrize("name", sorted(FILES))
def test_engine_repeats_every_record(name: str, recorded: Recorded, games: dict[str, Game]) -> None:
    compared = 0
    for episode in recorded(name):
        state = State(compile_game(games[episode["id"]]))
        for step in episode["steps"]:
            shown = state.reset() if step["action"] is None else state.step(step["action"]).observation
            got = (shown, list(state.admissible()), int(state.solved()), state.solved(), _state_digest(state))
            assert got == (step["obs"], step["admissible"], step["reward"], step["won"], step["state"]), step["action"]
            compared += 1
    assert compared == FILES[name]


@pytest.mark.parametrize("name", sorted(FILES))
def test_environment_repeats_every_record_of_any_split(
    name: str, recorded: Recorded, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """One environment, made for the training split that is not here, plays the games of both evaluation splits."""
    monkeypatch.setenv("ENVBENCH_HOME", str(tmp_path))
    env = gymnasium.make("envbench/ALFWorld-v0", dataset="original", max_steps=None).unwrapped
    tasks = {
        task.source: task.id
        for split in ("valid_seen", "valid_unseen")
        for task in envbench.panel("envbench/ALFWorld-v0", dataset="original", split=split)
    }
    won = 0
    for episode in recorded(name):
        observation, info = env.reset(options={"task": tasks[episode["id"]]})
        reward, terminated = 0.0, False
        assert info["task_type"] == episode["task_type"]
        for step in episode["steps"]:
            if terminated:  # walks go on, episodes do not
                break
            if step["action"] is not None:
                observation, reward, terminated, _, info = env.step(step["action"])
                known = episode["steps"][episode["steps"].index(step) - 1]["admissible"]
                assert info["valid"] is (step["action"].strip() in known)
            assert (observation, reward, terminated) == (step["obs"], float(step["reward"]), step["won"])
            assert info["valid_actions"] == (() if terminated else tuple(step["admissible"]))
        won += terminated
    assert won == (40 if "traces" in name else won)
