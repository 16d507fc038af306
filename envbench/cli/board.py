"""`envbench board`: the leaderboards and their pages."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from envbench.cli import common

app = typer.Typer(help="Leaderboards: list them, build their tables and site.", no_args_is_help=True)


@app.command("list")
def list_boards(as_json: common.Json = False) -> None:
    """List the boards with their plans and how many submissions they hold."""
    from envbench.leaderboard.board import boards, plan_hash
    from envbench.leaderboard.rows import place_of, submission_folders

    rows = [
        {
            "name": name,
            "title": board.title,
            "env": board.env,
            "dataset": board.dataset,
            "split": board.split,
            "tasks": board.tasks,
            "trials": board.trials,
            "metric": board.metric,
            "plan_sha256": plan_hash(board),
            "submissions": len(submission_folders(place_of(name))),
        }
        for name, board in boards().items()
    ]
    if as_json:
        common.emit_json(rows)
    else:
        columns = ("name", "title", "env", "dataset", "split", "tasks", "trials", "metric", "submissions")
        common.table("boards", columns, [[row[column] for column in columns] for row in rows])
    common.next_command("envbench eval --board NAME --agent random")


@app.command("build")
def build(
    board: Annotated[
        list[str] | None, typer.Argument(help="Names, or folders of boards; all when left out.", metavar="[BOARD...]")
    ] = None,
    out: Annotated[Path, typer.Option(help="Folder of the site; an earlier site is replaced.", metavar="DIR")] = Path(
        "build/boards"
    ),
    anew: Annotated[
        bool, typer.Option("--verify", help="Verify every submission again, committed reports or not.")
    ] = False,
    workers: common.Workers = 1,
    as_json: common.Json = False,
) -> None:
    """Verify submissions and write table.md and index.json beside them, and a static site. Exit 1: not all accepted."""
    from envbench.report import require_extra

    require_extra("envbench board build")
    from envbench.leaderboard import pages

    common.say(f"board build: {', '.join(board) if board else 'every board'}, into {out}; new submissions are replayed")
    with common.progress("episodes") as on_progress:
        built = pages.build(board or (), out, workers, anew=anew, on_progress=on_progress)
    refused = [(one.board.name, bad.id, bad.report) for one in built.standings for bad in one.refused]
    if as_json:
        common.emit_json(
            {
                "site": str(out),
                "files": [str(path) for path in (*built.files, *built.pages)],
                "rows": {one.board.name: len(one.rows) for one in built.standings},
                "refused": [{"board": name, "id": bad, "reason": report.reason} for name, bad, report in refused],
            }
        )
    else:
        for path in (*built.files, *built.pages):
            common.stdout.print(str(path), markup=False, soft_wrap=True)
    for name, bad, report in refused:
        common.say(f"{name}/{bad} is {report.verdict}: {report.reason}")
    common.next_command(f"open {out / 'index.html'} in a browser")
    if refused:
        raise typer.Exit(1)
