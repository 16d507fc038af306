"""Sessions of the hand-made kitchen, and the recorded data where they are."""

import gzip
import json
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from alfworld_house import make_game

from envbench.envs.alfworld.compile import compile_game
from envbench.envs.alfworld.engine import State
from envbench.testing.require import missing


@pytest.fixture
def play() -> Callable[..., State]:
    """Return a session of the small kitchen in which some commands were carried out, all of them admissible."""

    def start(*commands: str, task_type: str = "pick_and_place_simple", style: str = "0.4.2", **changes: Any) -> State:
        state = State(compile_game(make_game(task_type, **changes)), style)
        for command in commands:
            assert state.step(command).admissible, command
        return state

    return start


@pytest.fixture(scope="session")
def recorded() -> Callable[[str], list[Any]]:
    """Return a reader of the recorded files."""
    folder = Path(os.environ.get("ENVBENCH_DATA", "")) / "alfworld"
    if not os.environ.get("ENVBENCH_DATA") or not (folder / "golden_traces.jsonl.gz").is_file():
        missing("$ENVBENCH_DATA/alfworld with the recorded traces is not here", "alfworld/original")

    def read(name: str) -> list[Any]:
        return [json.loads(line) for line in gzip.decompress((folder / name).read_bytes()).decode().splitlines()]

    return read
