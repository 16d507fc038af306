"""`envbench view`: the episodes of a run or a bundle, to read in a browser."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from envbench.cli import common
from envbench.cli._source import source_of


def view(
    path: Annotated[Path, typer.Argument(help="Directory of a finished eval, or a bundle.", metavar="RUN|BUNDLE")],
    method: Annotated[
        list[str] | None,
        typer.Option(help="A credit method to show; grpo, gigpo and hgpo when left out.", metavar="NAME"),
    ] = None,
    port: Annotated[int, typer.Option(help="Of the local page; any free one when 0.", min=0, max=65535)] = 0,
    open_browser: Annotated[bool, typer.Option("--open", help="Open the page in your browser.")] = False,
    export: Annotated[
        Path | None, typer.Option(help="Write one HTML file that needs no server instead.", metavar="FILE")
    ] = None,
    episode: Annotated[
        list[int] | None,
        typer.Option(help="A number of an episode for --export; the 20 worth reading first when left out.", min=0),
    ] = None,
    as_json: common.Json = False,
) -> None:
    """Read trajectories: every episode step by step, its group side by side, the ones worth reading first."""
    from envbench.report import view as viewing

    methods = tuple(dict.fromkeys(method or viewing.METHODS))
    if method:
        _check(methods)
    source = source_of(path)
    if export is not None:
        common.say(f"view: episodes of {source.name} are played again into {export}")
        chosen = viewing.export(source, methods, episode, export)
        if as_json:
            common.emit_json({"file": str(export), "episodes": chosen})
        else:
            common.stdout.print(str(export), markup=False, soft_wrap=True)
        common.next_command(f"open {export} in a browser")
        return
    viewer = viewing.Viewer(source, methods, port)
    common.say(
        f"view: {len(source.rows)} episodes of {source.name}; this machine alone can see the page; Ctrl-C ends it"
    )
    if as_json:
        common.emit_json({"url": viewer.url, "episodes": len(source.rows)})
    else:
        typer.echo(viewer.url)
    if open_browser:
        import webbrowser

        webbrowser.open(viewer.url)
    try:
        viewer.run()
    except KeyboardInterrupt:
        common.next_command(f"envbench view {path} --export episodes.html")


def _check(methods: tuple[str, ...]) -> None:
    """Refuse what is no method of advantages, before anything is read."""
    from envbench import credit
    from envbench.errors import UnknownName

    known = [one.name for one in credit.methods("advantage")]
    for name in methods:
        if name not in known:
            raise UnknownName("advantage method", name, known)
