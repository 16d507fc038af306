"""A board full of made-up rows, to measure and to test its pages with."""

from __future__ import annotations

from pathlib import Path

import msgspec
import numpy as np

from envbench.evaluate import evaluate
from envbench.leaderboard.board import Board, board_plan
from envbench.leaderboard.bundle import BUNDLE_NAME, write_bundle
from envbench.leaderboard.rows import REPORT, SUBMISSIONS, report_bytes
from envbench.leaderboard.schema import Measure, Metadata
from envbench.leaderboard.verdict import Report
from envbench.leaderboard.verify import verify
from envbench.seeding import derive_seed
from envbench.stats import wilson
from envbench.toml import dumps

_METHODS = ("GRPO", "GiGPO", "HGPO", "PPO", "RLOO", "prompted", "ArCHer", "SPA")
_SIZES = (500_000_000, 1_500_000_000, 3_000_000_000, 7_000_000_000, 14_000_000_000, 70_000_000_000)


def write_rows(folder: Path, board: Board, rows: int, seed: int = 0) -> Path:
    """Write a board with made-up submissions and return its folder.

    The bundle of each is that of the random agent; its report claims to have verified it, with other numbers.

    Args:
        folder: where the board's own folder is made.
        board: of the rows; renamed it would be another plan, so its folder bears its name.
        rows: number of submissions.
        seed: of the numbers.
    """
    home = folder / board.name
    (home / SUBMISSIONS).mkdir(parents=True)
    (home / "board.toml").write_text(dumps(msgspec.to_builtins(board)), "utf-8")
    bundle = folder / "played.zip"
    write_bundle(evaluate(board_plan(board, "random"), folder / "run"), board, Metadata(method="random"), bundle)
    report = verify(bundle, board=board)
    data = bundle.read_bytes()
    for number in range(rows):
        place = home / SUBMISSIONS / f"row-{number:04d}"
        place.mkdir()
        (place / BUNDLE_NAME).write_bytes(data)
        (place / REPORT).write_bytes(report_bytes(_made_up(board, report, number, seed)))
    return home


def _made_up(board: Board, report: Report, number: int, seed: int) -> Report:
    assert report.row is not None  # the random agent's bundle is accepted
    draw = np.random.Generator(np.random.PCG64(derive_seed(seed, "board row", str(number))))
    steps = int(10 ** draw.uniform(4, 7.5))
    skill = float(np.clip(0.13 * (np.log10(steps) - 3) + draw.normal(0, 0.1), 0.01, 0.98))
    values = tuple(float(draw.random() < skill) for _ in report.row.values)
    measure = interval_of(values)
    size = int(draw.choice(_SIZES))
    method = str(draw.choice(_METHODS))
    metadata = Metadata(
        method=f"{method} run {number}",
        model=f"a model of {size / 1e9:g}B",
        parameters=size,
        env_steps=steps if number % 10 else None,
        tokens=steps * 400,
        hours=round(steps / 40_000, 1),
    )
    row = msgspec.structs.replace(
        report.row, agent="openai", metadata=metadata, success=measure, score=measure, values=values
    )
    return msgspec.structs.replace(report, row=row)


def interval_of(values: tuple[float, ...]) -> Measure:
    """Return the mean of values of 0 and 1 with its interval, each value a unit."""
    found = wilson(int(sum(values)), len(values))
    return Measure(
        estimate=found.estimate,
        low=found.low,
        high=found.high,
        n=found.n,
        units=found.units,
        unit=found.unit,
        method=found.method,
    )
