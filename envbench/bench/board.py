"""How long a leaderboard makes people wait: `envbench bench board`.

Each cell makes what it needs in a folder of its own, untimed, and times fresh processes, as a user starts them.
"""

from __future__ import annotations

import json
import os
import platform
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any
from urllib.request import urlopen

import msgspec

from envbench.bench.board_rows import write_rows
from envbench.bench.summary import Row, spread
from envbench.errors import InvalidValue
from envbench.evaluate import evaluate, make_plan
from envbench.hashing import digest
from envbench.leaderboard.board import Board, board_plan, read_board
from envbench.leaderboard.bundle import write_bundle
from envbench.leaderboard.schema import Metadata
from envbench.registry import panel
from envbench.runs import Cell, CellResult, Plan
from envbench.runs.session import code_digest
from envbench.toml import dumps

_TRIALS = 4
_ROOM_TRIALS, _ROOM_STEPS = 6, 34  # episodes of a task of Sokoban, and steps of the random agent in one, about


@dataclass(frozen=True, slots=True)
class BoardSettings:
    """How much is measured.

    Attributes:
        seed: root of the episodes.
        repeats: times that each command is run.
        episodes: of the bundle that is verified, rounded up to whole tasks.
        steps: of the run that the viewer opens, rounded up to whole tasks.
        workers: processes of a verification.
        rows: of the board whose site is built.
    """

    seed: int = 0
    repeats: int = 3
    episodes: int = 2_500
    steps: int = 100_000
    workers: int = 2
    rows: int = 1_000

    def __post_init__(self) -> None:
        for name in ("repeats", "episodes", "steps", "workers", "rows"):
            if getattr(self, name) < 1:
                raise InvalidValue(f"bench: {name}={getattr(self, name)}: expected a whole number above 0")


def make_board_plan(settings: BoardSettings) -> Plan:
    """Return the plan: one cell per thing that is waited for; other code is another plan."""
    config = {**asdict(settings), "code": code_digest(), "machine": digest(platform.node())}
    return Plan("bench", config, tuple(Cell(name, {"job": name}) for name in _JOBS), label="board")


def measure_board(config: Mapping[str, Any], spec: Mapping[str, Any]) -> CellResult:
    """Measure one cell (the worker of `runs.execute`); returns one metric row."""
    settings = BoardSettings(**{name: config[name] for name in BoardSettings.__slots__})
    with tempfile.TemporaryDirectory() as folder:
        row = _JOBS[spec["job"]](settings, Path(folder))
    return CellResult(metrics=[{**spec, "load_average": list(os.getloadavg()), **row}])


def board_summary(metrics: list[Row]) -> list[Row]:
    """Return a row per cell: what was done, `seconds` as a spread, and the `target` in seconds."""
    return [
        {
            "job": row["job"],
            "what": row["what"],
            "target": row["target"],
            "seconds": spread(row["wall_seconds"]),
            "load_average": row["load_average"],
        }
        for row in metrics
    ]


def _verify(settings: BoardSettings, folder: Path) -> Row:
    """Time `envbench verify` on episodes of the random agent, which are the longest."""
    board = _board(settings)
    home = folder / board.name
    home.mkdir()
    (home / "board.toml").write_text(dumps(msgspec.to_builtins(board)), "utf-8")
    run = evaluate(board_plan(board, "random"), folder / "run", workers=settings.workers)
    bundle = folder / "bundle.zip"
    write_bundle(run, board, Metadata(method="random"), bundle)
    command = ["-m", "envbench", "verify", str(bundle), "--board", str(home), "--workers", str(settings.workers)]
    steps = sum(row["steps"] for row in run.episodes())
    return {
        "what": f"verify {board.tasks * board.trials} WebShop episodes ({steps} steps), {settings.workers} processes",
        "target": 30.0,
        "wall_seconds": [_timed(command) for _ in range(settings.repeats)],
    }


def _view(settings: BoardSettings, folder: Path) -> Row:
    """Time `envbench view` on a run of random Sokoban episodes, to the list of episodes in a reader's hands."""
    tasks = -(-settings.steps // (_ROOM_TRIALS * _ROOM_STEPS))
    plan = make_plan("sokoban", "random", split="train", episodes=tasks, trials=_ROOM_TRIALS, seed=settings.seed)
    run = evaluate(plan, folder / "run", workers=settings.workers)
    steps = sum(row["steps"] for row in run.episodes())
    return {
        "what": f"view: open a run of {steps} steps ({run.cells} episodes)",
        "target": 2.0,
        "wall_seconds": [_opened(run.path) for _ in range(settings.repeats)],
    }


def _opened(run: Path) -> float:
    """Return the seconds from the command to its page and list of episodes."""
    started = time.perf_counter()
    command = [sys.executable, "-m", "envbench", "view", str(run), "--json"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL) as viewer:
        assert viewer.stdout is not None  # a pipe was asked for
        try:
            url = json.loads(viewer.stdout.readline())["url"]
            for place in ("", "api/index"):
                with urlopen(url + place, timeout=60) as answer:
                    answer.read()
            return time.perf_counter() - started
        finally:
            viewer.terminate()


def _site(settings: BoardSettings, folder: Path) -> Row:
    """Time `envbench board build` on made-up rows, whose reports are taken and whose bundles are read."""
    home = write_rows(folder, read_board("sokoban"), settings.rows, settings.seed)
    command = ["-m", "envbench", "board", "build", str(home), "--out", str(folder / "site")]
    return {
        "what": f"board build: tables and site of {settings.rows} rows",
        "target": 10.0,
        "wall_seconds": [_timed(command) for _ in range(settings.repeats)],
    }


def _board(settings: BoardSettings) -> Board:
    board = read_board("webshop-builtin")
    tasks = panel(board.env, board.dataset, board.split)[: -(-settings.episodes // _TRIALS)]
    changes = {"tasks": len(tasks), "panel": tasks.sha256, "trials": _TRIALS, "seed": settings.seed}
    return msgspec.structs.replace(board, name="measured", **changes)


def _timed(arguments: list[str]) -> float:
    """Return the seconds that a fresh process takes.

    Raises:
        subprocess.CalledProcessError: when it fails.
    """
    started = time.perf_counter()
    subprocess.run([sys.executable, *arguments], check=True, capture_output=True)
    return time.perf_counter() - started


_JOBS: dict[str, Callable[[BoardSettings, Path], Row]] = {"verify": _verify, "view": _view, "site": _site}
