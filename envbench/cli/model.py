"""`envbench model`: small language models without a download."""

from __future__ import annotations

from importlib.util import find_spec
from pathlib import Path
from typing import Annotated, Any

import typer

from envbench.cli import common
from envbench.errors import MissingExtra
from envbench.runs.files import plain_errors

app = typer.Typer(help="Small language models, made on this machine.", no_args_is_help=True)


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
    _need_extra("envbench model new")
    from envbench.policies.lm.build import new_model, parameters

    weights = parameters(size)
    common.say(f"model new: {size}, about {weights / 1e6:.2f} M weights ({weights * 4 / 1e6:.1f} MB), seed {seed}")
    common.say("cost: a few seconds of walks through the environments; nothing is downloaded")
    with plain_errors(out):
        record = new_model(size, out, env or (), seed)
    if as_json:
        common.emit_json({"model": str(out), **record})
    else:
        typer.echo(f"{out}: {record['parameters']} weights, {record['vocabulary']} tokens, random weights")
    first = record["envs"][0]
    common.next_command(f"envbench model warmup {out} --env {first} --out {out}-warm")


@app.command()
def warmup(
    model: Annotated[Path, typer.Argument(help="Folder of the model to begin with; it stays as it is.", metavar="DIR")],
    env: common.EnvId,
    out: Annotated[Path, typer.Option(help="Folder to make; one that exists is refused.", metavar="DIR")],
    dataset: common.Dataset = "builtin",
    style: Annotated[str, typer.Option(help="Of the prompt and its parser.")] = "observation",
    history: Annotated[int, typer.Option(help="Past steps that a prompt repeats.", min=0)] = 0,
    tasks: Annotated[
        int | None, typer.Option(help="Demonstrate the first N training tasks; all when left out.", min=1)
    ] = None,
    low: Annotated[float, typer.Option(help="Stop at this success on the panel.", min=0.0, max=1.0)] = 0.25,
    high: Annotated[
        float, typer.Option(help="Above this success little is left to learn: say so.", min=0.0, max=1.0)
    ] = 0.6,
    max_tokens: Annotated[int, typer.Option(help="Of one reply.", min=1)] = 16,
    steps: Annotated[int, typer.Option(help="Optimiser steps at most.", min=1)] = 2000,
    batch: Annotated[int, typer.Option(help="Rows of an optimiser step.", min=1)] = 128,
    check_every: Annotated[int, typer.Option(help="Steps between two measurements.", min=1)] = 50,
    learning_rate: Annotated[float, typer.Option(help="Of AdamW.")] = 2e-3,
    device: Annotated[str, typer.Option(help="cpu, cuda, ...")] = "cpu",
    dtype: Annotated[str, typer.Option(help="float32 or bfloat16.")] = "float32",
    threads: Annotated[int, typer.Option(help="Of torch on the CPU.", min=1)] = 2,
    keep: Annotated[bool, typer.Option("--keep", help="Write the model also where the steps did not suffice.")] = False,
    seed: common.Seed = 0,
    as_json: common.Json = False,
) -> None:
    """Clone the oracle's behaviour until the model succeeds sometimes, so that learning by reward can begin."""
    _need_extra("envbench model warmup")
    from envbench.train.lm.warmup import WarmupConfig, warm_up

    config = WarmupConfig(
        env=env,
        dataset=dataset,
        style=style,
        history=history,
        tasks=tasks,
        low=low,
        high=high,
        max_tokens=max_tokens,
        steps=steps,
        batch=batch,
        check_every=check_every,
        learning_rate=learning_rate,
        device=device,
        dtype=dtype,  # type: ignore[arg-type]  # `LMConfig` refuses other words
        threads=threads,
        keep=keep,
        seed=seed,
    )
    common.say(
        f"model warmup: clone the oracle of {env} into {out}, until {low:.0%} of the first {config.panel} training "
        f"tasks succeed; at most {steps} steps of {batch} rows, about a minute for a nano model on Sokoban"
    )
    record = warm_up(model, out, config, on_check=_show)["warmup"]
    if record["aim"] != "met":
        common.say(
            f"warning: success is {record['success']:.3f}, {record['aim']} what was aimed at: {_AIMS[record['aim']]}"
        )
    if as_json:
        common.emit_json({"model": str(out), **record})
    else:
        rows = [
            (name, f"{record[name]:.3f}", "[{:.3f}, {:.3f}]".format(*record[f"{name}_interval"]))
            for name in ("success", "held_out")
        ]
        common.table(f"{out}: {record['step']} steps, {record['seconds']:.0f} s", ("panel", "success", "95 %"), rows)
    asked = f" --style {style}" * (style != "observation") + f" --with history={history}" * (history > 0)
    common.next_command(f"envbench train --env {env} --method gigpo --model {out}{asked} --max-tokens {max_tokens}")


_AIMS = {
    "below": "give more --steps, fewer --tasks, or a larger model",
    "above": "little is left to learn; a lower --low or --check-every stops earlier, more --tasks learn slower",
}


def _show(checked: dict[str, Any]) -> None:
    held_out = f", held-out {checked['held_out']:.3f}" if "held_out" in checked else ""
    common.say(
        f"step {checked['step']}: loss {checked['loss']:.3f}, success {checked['success']:.3f}{held_out} "
        f"({checked['seconds']:.0f} s)"
    )


def _need_extra(what: str) -> None:
    for package in ("torch", "transformers"):
        if find_spec(package) is None:
            raise MissingExtra(what, "train", package)
