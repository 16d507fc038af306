"""Accepted rows with any numbers and any words, around one real bundle."""

import hashlib
from pathlib import Path
from typing import Any

import msgspec

from envbench.bench.board_rows import interval_of
from envbench.leaderboard.board import Board
from envbench.leaderboard.bundle import BUNDLE_NAME
from envbench.leaderboard.rows import SUBMISSIONS, Submission
from envbench.leaderboard.schema import Metadata
from envbench.leaderboard.verdict import Report
from envbench.leaderboard.verify import verify
from envbench.toml import dumps


def board_home(folder: Path, board: Board) -> Path:
    """Write the folder of a board without submissions."""
    home = folder / board.name
    home.mkdir()
    (home / "board.toml").write_text(dumps(msgspec.to_builtins(board)), "utf-8")
    return home


def put(home: Path, name: str, bundle: bytes) -> Path:
    folder = home / SUBMISSIONS / name
    folder.mkdir(parents=True)
    (folder / BUNDLE_NAME).write_bytes(bundle)
    return folder


def accepted(folder: Path, bundle: bytes, board: Board) -> Report:
    file = folder / "accepted.zip"
    file.write_bytes(bundle)
    return verify(file, board=board)


def submission(
    report: Report, name: str, values: tuple[float, ...], *, agent: str = "openai", level: Any = "replayed",
    bundle: bytes | None = None, **metadata: Any,
) -> Submission:  # fmt: skip
    """Return a submission that reached `values`, each of them a cluster of its own."""
    measure = interval_of(values)
    row = msgspec.structs.replace(
        report.row,
        agent=agent,
        metadata=Metadata(**({"method": name} | metadata)),
        success=measure,
        score=measure,
        values=values,
        clusters=tuple(range(len(values))),
        planned=len(values),
    )
    changes = {"row": row, "level": level}
    if bundle is not None:
        changes["bundle_sha256"] = hashlib.sha256(bundle).hexdigest()
    return Submission(name, msgspec.structs.replace(report, **changes))
