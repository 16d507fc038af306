"""`envbench train`: one policy, a table or a language model, and its curve."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated, Any

import typer

from envbench import toml
from envbench.cli import common
from envbench.cli._training import Watch, show
from envbench.errors import InvalidValue

_COLUMNS = ("iteration", "env_steps", "success", "score", "episode_return", "episode_length", "advantage_rms")
_VALIDATED = ("val_iteration", "val_success", "val_score", "best_iteration", "best_val_success")
_SHOWN = 11  # rows of the printed curve


def train(
    env: Annotated[str | None, typer.Option(help="Gymnasium id, e.g. envbench/WebShop-v0.", metavar="ID")] = None,
    method: Annotated[
        str | None, typer.Option(help="Credit method: envbench credit list; grpo when left out.", metavar="NAME")
    ] = None,
    model: Annotated[
        str | None, typer.Option(help="Folder or hub id of a language model; a table learns without.", metavar="DIR")
    ] = None,
    policy: Annotated[str | None, typer.Option(help="tabular, or lm with a --model.")] = None,
    config: Annotated[
        Path | None,
        typer.Option(help="TOML file of options by their names in the docs; flags win over it.", metavar="FILE"),
    ] = None,
    dataset: Annotated[str | None, typer.Option(help="Data set of the card; builtin when left out.")] = None,
    split: common.Split = None,
    knobs: common.Knobs = None,
    iterations: Annotated[int | None, typer.Option(help="Updates of the policy; 100 when left out.", min=1)] = None,
    episodes: Annotated[
        int | None, typer.Option(help="Train on the first N tasks of the panel; 16 when left out.", min=1)
    ] = None,
    groups: Annotated[int | None, typer.Option(help="Groups an iteration, each on the next task; 16.", min=1)] = None,
    group_size: Annotated[int | None, typer.Option(help="Episodes of a group; 8.", min=1)] = None,
    learning_rate: Annotated[
        float | None, typer.Option(help="4 for a table (plain gradient ascent), 3e-4 for a model (AdamW).")
    ] = None,
    advantage_scale: Annotated[
        str | None, typer.Option(help="raw, or unit_rms: equal step size for every method.")
    ] = None,
    option: Annotated[
        list[str] | None, typer.Option("--option", help="An option of the method.", metavar="NAME=VALUE")
    ] = None,
    also: Annotated[
        list[str] | None,
        typer.Option("--with", help="Any further option of the run, e.g. minibatches=2.", metavar="NAME=VALUE"),
    ] = None,
    max_steps: Annotated[int | None, typer.Option(help="Limit of an episode; the card's when left out.", min=1)] = None,
    log_every: Annotated[int | None, typer.Option(help="Iterations between two logged ones; 1.", min=1)] = None,
    average: Annotated[str | None, typer.Option(help="Table: divide a row's gradient by episodes or rows.")] = None,
    key: Annotated[
        str | None, typer.Option(help="Table: anchor, observation or history, what situations are told apart by.")
    ] = None,
    collector: Annotated[str | None, typer.Option(help="Table: graph (memoised transitions) or steps.")] = None,
    style: Annotated[str | None, typer.Option(help="Model: of the prompt; observation when left out.")] = None,
    max_tokens: Annotated[int | None, typer.Option(help="Model: of one reply; 16.", min=1)] = None,
    validate_every: Annotated[
        int | None, typer.Option(help="Model: iterations between two validations; 0 for none.", min=0)
    ] = None,
    device: Annotated[str | None, typer.Option(help="Model: cpu, cuda, ...")] = None,
    dtype: Annotated[str | None, typer.Option(help="Model: float32 or bfloat16.")] = None,
    threads: Annotated[int | None, typer.Option(help="Model: of torch on the CPU.", min=1)] = None,
    tensorboard: Annotated[
        Path | None, typer.Option(help="Also write the curves there for TensorBoard.", metavar="DIR")
    ] = None,
    seed: Annotated[int | None, typer.Option(help="Root of every seed of the run.", min=0)] = None,
    out: common.Out = None,
    as_json: common.Json = False,
) -> None:
    """Train a policy on the training split; the curve is of the tasks that it is trained on."""
    from envbench.train.read import config_from, read_config
    from envbench.train.run import execute_training, train_plan

    flags = {
        "env": env, "method": method, "model": model, "policy": policy, "dataset": dataset, "split": split,
        "iterations": iterations, "tasks": episodes, "groups": groups, "group_size": group_size,
        "learning_rate": learning_rate, "advantage_scale": advantage_scale, "max_steps": max_steps,
        "log_every": log_every, "average": average, "key": key, "collector": collector, "style": style,
        "max_tokens": max_tokens, "validate_every": validate_every, "device": device, "dtype": dtype,
        "threads": threads, "seed": seed,
    }  # fmt: skip
    values = {} if config is None else read_config(config)
    values |= {name: value for name, value in flags.items() if value is not None} | _pairs("--with", also)
    if option:
        values["options"] = {**values.get("options", {}), **_pairs("--option", option)}
    if "env" not in values:
        raise InvalidValue(
            "name an environment: --env ID (`envbench list` shows them), or --config FILE with the key env"
        )
    if knobs:
        values["knobs"] = {**values.get("knobs", {}), **common.parse_knobs(values["env"], knobs)}
    resolved = config_from(values, str(config or "options")).resolved()
    plan = train_plan(resolved)
    panel = resolved.panel()
    folder = Path("runs") / plan.run_id if out is None else out
    common.say(toml.dumps({name: value for name, value in resolved.plain().items() if value is not None}))
    common.say(
        f"train {resolved.method} on {panel.id}: {resolved.iterations} iterations of {resolved.groups} x "
        f"{resolved.group_size} episodes of at most {resolved.max_steps} steps, into {folder}; a run of the same "
        f"configuration goes on where it stopped"
    )
    with Watch(resolved.iterations, tensorboard):
        run = execute_training(resolved, folder, on_row=show)
    rows = run.metrics()
    if as_json:
        common.emit_json({"run": str(folder), "run_id": run.run_id, "panel": run.config["panel"], "metrics": rows})
    else:
        shown = _COLUMNS + (_VALIDATED if _VALIDATED[0] in rows[-1] else ())
        common.table(f"{resolved.method} on its training panel {panel.id}", shown, _curve(rows, shown))
    common.next_command(f"envbench report {folder}")


def _pairs(flag: str, given: list[str] | None) -> dict[str, Any]:
    """Return `name=value` arguments; a value is JSON where it parses, else a word."""
    options: dict[str, Any] = {}
    for text in given or ():
        name, equals, value = text.partition("=")
        if not equals:
            raise InvalidValue(f"{flag} {text!r}: expected name=value, e.g. {flag} gamma=0.9")
        try:
            options[name] = json.loads(value)
        except ValueError:
            options[name] = value
    return options


def _curve(rows: list[dict[str, Any]], columns: tuple[str, ...]) -> list[list[str]]:
    """Return about `_SHOWN` rows of the curve, the first and the last among them."""
    last = len(rows) - 1
    picked = sorted({round(place * last / (_SHOWN - 1)) for place in range(_SHOWN)})
    return [[_cell(rows[index].get(name)) for name in columns] for index in picked]


def _cell(value: object) -> str:
    return "" if value is None else str(value) if isinstance(value, int) else f"{value:.3f}"
