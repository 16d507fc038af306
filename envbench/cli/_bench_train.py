"""`envbench bench train`: ours against TRL and a plain loop, and where an iteration's time goes."""

from __future__ import annotations

from collections.abc import Mapping
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from envbench.cli import common
from envbench.errors import MissingExtra

_NAMES = {
    "ours": "ours",
    "repeated": "ours, prompts repeated",
    "generate": "transformers generate",
    "trl": "TRL",
}


def bench_train(size: str, model: Path | None, seed: int, repeats: int, out: Path | None, as_json: bool) -> None:
    """Run the measurements and print their tables."""
    for package in ("torch", "transformers"):
        if find_spec(package) is None:
            raise MissingExtra("envbench bench train", "train", package)
    from envbench.bench import write_table
    from envbench.bench.training import TrainingSettings, make_training_plan, measure_training, training_summary
    from envbench.runs import execute

    settings = TrainingSettings(size=size, model=str(model or ""), seed=seed, repeats=repeats)
    plan = make_training_plan(settings)
    folder = out if out is not None else Path("runs") / plan.run_id
    common.say(
        f"bench train: a {size} model, {repeats} rounds of every program in turn, on {settings.threads} threads; "
        f"five to ten minutes for micro with TRL, into {folder}. Nothing else may run meanwhile"
    )
    if (folder / "DONE").exists():
        common.say(f"{folder} holds this measurement already; give another --out to measure anew")
    with common.progress("bench train") as on_progress:
        run = execute(plan, measure_training, folder, on_progress=on_progress)
    rows = training_summary(run.metrics())
    write_table(folder / "table.json", rows)
    if as_json:
        common.emit_json({"run": str(folder), "run_id": run.run_id, "sessions": run.sessions, "rows": rows})
    else:
        for row in rows:
            _SHOWS.get(row["job"], _show_programs)(row)
    common.next_command(f"envbench bench train --json --out {folder}")


def _show_programs(row: Mapping[str, Any]) -> None:
    title = {
        "prompt": f"one step, prompts of {row.get('tokens')} tokens: sampling, forward and backward, AdamW",
        "rollout": "rollouts of growing histories (Sokoban)",
        "dialogue": "iterations on growing histories (Sokoban)",
    }[row["job"]]
    columns = ("program", "episodes/s", "lowest", "highest", "ours is times as fast", "lowest", "highest", "target")
    body = []
    for one in row["programs"]:
        if "absent" in one:
            common.say(f"not measured: {one['absent']}")
            continue
        target = f">= {one['target']:g}" if "target" in one else ""
        spreads = _cells(one["episodes_per_second"]) + _cells(one["ratio"])
        body.append([_name(one), *spreads, target])
    common.table(title, columns, body)


def _show_packed(row: Mapping[str, Any]) -> None:
    columns = ("prompt", "form", "seconds", "places computed", "speed-up", "bound", "log-probs differ", "gradients")
    body = [
        [
            str(one["tokens_of_prompt"]),
            one["form"],
            f"{one['seconds']:.3g}",
            f"{one['computed']:,}",
            f"{one['speedup']:.2f}",
            f"{one['bound']:.2f}",
            f"{one['logprob_difference']:.1e}",
            f"{one['gradient_difference']:.1e}",
        ]
        for one in row["forms"]
    ]
    common.table(f"forward and backward, 4 groups; target >= {row['target']:g} at 256 tokens", columns, body)


def _show_iteration(row: Mapping[str, Any]) -> None:
    columns = ("seconds", "median", "lowest", "highest", "share")
    body = [[name, *_cells(one), f"{one['share']:.1%}"] for name, one in row["parts"].items()]
    body.append(["all", *_cells(row["seconds"]), "100 %"])
    common.table(f"an iteration on Sokoban, observations alone; target <= {row['target']:g} s", columns, body)
    turns, trained, computed = (row[name]["median"] for name in ("turns", "trained_rows", "computed"))
    common.say(
        f"credit and env: {row['credit_env_share']:.1%} of the time, target <= {row['share_target']:.0%}; "
        f"{turns:,.0f} turns, {trained:,.0f} of them with an advantage, {computed:,.0f} places computed in the update"
    )


_SHOWS = {"packed": _show_packed, "iteration": _show_iteration}


def _name(one: Mapping[str, Any]) -> str:
    known = _NAMES[one["program"]]
    return f"{known} ({one['peer']})" if one["program"] in ("generate", "trl") and " " in one["peer"] else known


def _cells(values: Mapping[str, float]) -> list[str]:
    return [
        f"{values[part]:.3g}" if values[part] < 100 else f"{values[part]:,.0f}" for part in ("median", "low", "high")
    ]
