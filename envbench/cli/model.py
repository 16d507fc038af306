"""`envbench model`: small language models without a download."""

from __future__ import annotations

from importlib.util import find_spec
from pathlib import Path
from typing import Annotated

import typer

from envbench.cli import common
from envbench.errors import MissingExtra

app = typer.Typer(help="Small language models, made on this machine.", no_args_is_help=True)


@app.callback()
def group() -> None:
    """Keep `new` a verb of its own while it is the only one."""


@app.command()
def new(
    size: Annotated[str, typer.Option(help="nano (0.35 M weights), micro (1.2 M) or small (22.6 M).", metavar="SIZE")],
    out: Annotated[Path, typer.Option(help="Folder to make; one that exists is refused.", metavar="DIR")],
    env: Annotated[
        list[str] | None,
        typer.Option(
            help="Whose text the tokenizer learns; may be repeated; all core ones when left out.", metavar="ID"
        ),
    ] = None,
    seed: common.Seed = 0,
    as_json: common.Json = False,
) -> None:
    """Make a Qwen2 model with random weights, and a tokenizer trained on the environments' own text."""
    for package in ("torch", "transformers"):
        if find_spec(package) is None:
            raise MissingExtra("envbench model new", "train", package)
    from envbench.policies.lm.build import new_model, parameters

    weights = parameters(size)
    common.say(f"model new: {size}, about {weights / 1e6:.2f} M weights ({weights * 4 / 1e6:.1f} MB), seed {seed}")
    common.say("cost: a few seconds of walks through the environments; nothing is downloaded")
    record = new_model(size, out, env or (), seed)
    if as_json:
        common.emit_json({"model": str(out), **record})
    else:
        typer.echo(f"{out}: {record['parameters']} weights, {record['vocabulary']} tokens, random weights")
    first = record["envs"][0]
    common.next_command(f"envbench eval --agent policy --model {out} --env {first} --episodes 8")
