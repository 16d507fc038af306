"""`envbench verify`: is a submission what it says it is?"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from envbench.cli import common


def verify(
    path: Annotated[Path, typer.Argument(help="Bundle, or the folder of a submission.", metavar="PATH")],
    board: Annotated[
        Path | None, typer.Option(help="Folder or board.toml of a board that is none of the project's.", metavar="PATH")
    ] = None,
    workers: common.Workers = 1,
    as_json: common.Json = False,
) -> None:
    """Play every episode of a submission again and check its claim. Exit 0: accepted, 1: refused, 2: unreadable.

    The file may come from anyone: nothing of it is unpacked or run.
    """
    from envbench.leaderboard.board import read_board
    from envbench.leaderboard.verdict import EXIT_CODES
    from envbench.leaderboard.verify import verify as check

    chosen = None if board is None else read_board(board)
    common.say(f"verify: every recorded episode of {path} is played again, no model calls")
    with common.progress("episodes") as on_progress:
        report = check(path, workers, board=chosen, on_progress=on_progress)
    if as_json:
        common.emit_json(report.plain())
    else:
        rows = [(one.name, _word(one.ok, one.flagged), one.text) for one in report.checks]
        common.table(f"{path}", ("check", "verdict", "what was found"), rows)
        typer.echo(report.note)
        typer.echo(f"{report.verdict}: {report.reason}")
    if report.verdict == "accepted":
        common.next_command(f"envbench view {path}")
    else:
        common.next_command("envbench submit RUN --board BOARD --out FILE, from the run as `envbench eval` left it")
    raise typer.Exit(EXIT_CODES[report.verdict])


def _word(ok: bool, flagged: bool) -> str:
    if not ok:
        return "failed"
    return "look" if flagged else "passed"
