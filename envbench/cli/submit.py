"""`envbench submit`: one file that proves what a run achieved on a board."""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import msgspec
import typer

from envbench.cli import common
from envbench.errors import InvalidValue, UnknownName

if TYPE_CHECKING:
    from envbench.leaderboard.schema import Metadata
    from envbench.runs import Run


def submit(
    context: typer.Context,
    run: Annotated[Path, typer.Argument(help="Directory of a finished eval.", metavar="RUN")],
    board: Annotated[str, typer.Option(help="Name of the board; `leaderboards/` holds them.")],
    out: Annotated[Path, typer.Option(help="File to write.", metavar="FILE")],
    allow_partial: Annotated[
        bool, typer.Option("--allow-partial", help="Accept missing episodes; they count as failures.")
    ] = False,
    metadata: Annotated[
        Path | None, typer.Option(help="TOML file with the values below; flags win.", metavar="FILE")
    ] = None,
    method: Annotated[str | None, typer.Option(help="Name of the row; the agent's when left out.")] = None,
    model: Annotated[str | None, typer.Option(help="The model that decides; the agent's when left out.")] = None,
    parameters: Annotated[int | None, typer.Option(help="Parameters of the model.", min=0)] = None,
    tokens: Annotated[int | None, typer.Option(help="Tokens of training, in all.", min=0)] = None,
    env_steps: Annotated[int | None, typer.Option(help="Environment steps of training, in all.", min=0)] = None,
    hours: Annotated[float | None, typer.Option(help="Hours of training, in all.", min=0)] = None,
    cost_usd: Annotated[float | None, typer.Option(help="Dollars of training, in all.", min=0)] = None,
    paper: Annotated[str | None, typer.Option(help="Reference or address of the paper.")] = None,
    code: Annotated[str | None, typer.Option(help="Address and revision of the code.")] = None,
    contact: Annotated[str | None, typer.Option(help="Who answers questions.")] = None,
    trained_on: Annotated[
        list[str] | None, typer.Option(help="A panel that was trained on.", metavar="FAMILY/DATASET/SPLIT")
    ] = None,
    as_json: common.Json = False,
) -> None:
    """Write a finished eval of a board's plan as one file: plan, actions, rewards, state hashes, metadata, claim.

    What the file proves is what the actions led to; who chose them is your word.
    """
    from envbench.leaderboard.board import read_board
    from envbench.leaderboard.bundle import write_bundle
    from envbench.leaderboard.checks import shown
    from envbench.runs import open_run

    opened, chosen = open_run(run), read_board(board)
    common.say(f"submit: {opened.cells} episodes of {opened.run_id} to {chosen.name}; nothing is played or sent")
    manifest = write_bundle(opened, chosen, _metadata(opened, metadata, context.params), out, allow_partial)
    if as_json:
        common.emit_json({"bundle": str(out), "manifest": msgspec.to_builtins(manifest)})
    else:
        claim = manifest.claim
        typer.echo(
            f"{out}: {manifest.episodes.rows} episodes, {claim.missing} missing; "
            f"claim: success {shown(claim.success)}, score {shown(claim.score)}"
        )
    common.next_command(f"envbench verify {out}" + ("" if board == chosen.name else f" --board {board}"))


def _metadata(run: Run, file: Path | None, flags: Mapping[str, Any]) -> Metadata:
    """Return what is said about the method: flags, else the file, else what the run knows.

    Raises:
        InvalidValue: for a file that is no TOML, and for values that a bundle cannot hold.
        UnknownName: for a key of the file that there is not.
    """
    from envbench.leaderboard.schema import Metadata

    known = Metadata.__struct_fields__
    agent = run.config.get("agent") or {}
    table: dict[str, Any] = {"method": agent.get("name", ""), "model": agent.get("options", {}).get("model", "")}
    if file is not None:
        try:
            table |= tomllib.loads(file.read_text("utf-8"))
        except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
            raise InvalidValue(f"--metadata {file} cannot be read as TOML ({error})") from None
    for name in table:
        if name not in known:
            raise UnknownName("key", name, known, f"(--metadata {file})")
    table |= {name: flags[name] for name in known if flags.get(name) not in (None, [], ())}
    try:
        return msgspec.convert(table, Metadata)
    except msgspec.ValidationError as error:
        raise InvalidValue(f"metadata: {error}") from None
