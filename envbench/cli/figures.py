"""`envbench figures`: the figures of committed results, and of credit methods."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from envbench.cli import common
from envbench.errors import InvalidValue


def figures(
    name: Annotated[str | None, typer.Argument(help="Which figure; all are listed when left out.")] = None,
    every: Annotated[bool, typer.Option("--all", help="Draw every figure.")] = False,
    out: Annotated[Path, typer.Option(help="Folder that the files go to.", metavar="DIR")] = Path("figures"),
    as_json: common.Json = False,
) -> None:
    """Draw a figure of committed results or of a credit method again: PNG, SVG and its table; without a name, list."""
    from envbench.report import figure_names, write_figure

    known = figure_names()
    if name is None and not every:
        if as_json:
            common.emit_json([{"name": key, "about": about} for key, about in known.items()])
        else:
            common.table("figures", ("name", "what it shows"), list(known.items()))
        common.next_command(f"envbench figures {next(iter(known))} --out {out}")
        return
    if name is not None and every:
        raise InvalidValue(f"--all draws every figure: leave out {name!r}, or --all")
    names = [name] if name is not None else list(known)
    common.say(f"figures: {', '.join(names)}, a few seconds each, into {out}")
    files = [path for one in names for path in write_figure(one, out)]
    if as_json:
        common.emit_json({"names": names, "files": [str(path) for path in files]})
    else:
        for path in files:
            common.stdout.print(str(path), markup=False, soft_wrap=True)
    common.next_command("envbench report RUN, for runs of your own")
