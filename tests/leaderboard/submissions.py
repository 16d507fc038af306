"""Small boards, runs on them, bundles of the runs, and forgers."""

import hashlib
import io
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

from envbench.evaluate import evaluate
from envbench.leaderboard.archive import read_archive, write_archive
from envbench.leaderboard.board import Board, board_plan
from envbench.leaderboard.bundle import EPISODES, MANIFEST, write_bundle
from envbench.leaderboard.schema import Metadata
from envbench.registry import card_of, panel
from envbench.runs import Run

Row = dict[str, Any]
Forger = Callable[[Row, list[Row]], object]


def small_board(env: str, tasks: int = 3, trials: int = 1, **more: Any) -> Board:
    """Return a board of the first tasks of the evaluation split of a builtin data set."""
    card = card_of(env)
    split = card.dataset("builtin").eval_split
    chosen = panel(env, "builtin", split)[:tasks]
    given = {"max_steps": card.env.max_steps, "metric": "success", "rules": "None.", "seed": 0} | more
    return Board(
        name=f"small-{card.env.family}",
        title="A small one",
        env=card.env.ids[0],
        dataset="builtin",
        split=split,
        panel=chosen.sha256,
        tasks=len(chosen),
        trials=trials,
        **given,
    )


def played(board: Board, agent: str, out: Path) -> Run:
    return evaluate(board_plan(board, agent), out)


def bundled(board: Board, agent: str, folder: Path, **metadata: Any) -> Path:
    """Return the bundle of a new run."""
    out = folder / f"{agent}.zip"
    write_bundle(played(board, agent, folder / agent), board, Metadata(method=agent, **metadata), out)
    return out


def contents(bundle: bytes) -> tuple[dict[str, Any], list[dict[str, Any]]]:
    manifest, episodes = (b"".join(member.chunks(1 << 28)) for member in read_archive(bundle, (MANIFEST, EPISODES)))
    return json.loads(manifest), [json.loads(line) for line in episodes.splitlines()]


def packed(manifest: bytes, episodes: bytes) -> bytes:
    buffer = io.BytesIO()
    write_archive(buffer, {MANIFEST: manifest, EPISODES: episodes})
    return buffer.getvalue()


def sealed(manifest: dict[str, Any], episodes: bytes) -> bytes:
    """Return a bundle whose manifest seals whatever the episodes are."""
    rows = episodes.count(b"\n")
    seal = {"rows": rows, "bytes": len(episodes), "sha256": hashlib.sha256(episodes).hexdigest()}
    return packed(json.dumps(manifest | {"episodes": seal}).encode(), episodes)


def lines(rows: list[dict[str, Any]]) -> bytes:
    return b"".join(json.dumps(row).encode() + b"\n" for row in rows)


def forged(bundle: bytes, forge: Forger) -> bytes:
    """Let a forger change manifest and rows in place, and seal what is left."""
    manifest, rows = contents(bundle)
    forge(manifest, rows)
    return sealed(manifest, lines(rows))
