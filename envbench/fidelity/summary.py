"""From the rows of a study to its tables: means over pools with intervals."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from envbench.runs import Run
from envbench.runs.files import plain_errors, write_atomic
from envbench.runs.tables import episode_table
from envbench.stats import student

Row = dict[str, Any]

# Measure -> what it is, as tables and plots head it.
MEASURES = {
    "pearson": "correlation with the true advantage",
    "pearson_corrected": "correlation, corrected for noise in the truth",
    "spearman": "rank correlation",
    "sign_accuracy": "sign accuracy",
    "error": "error: (bias^2 + variance) / (c^2 E[A^2])",
    "bias": "bias^2 / (c^2 E[A^2])",
    "variance": "variance / (c^2 E[A^2])",
    "scale": "c, size of the truth in the credit",
    "visited_share": "rows in pairs with 30 visits",
    "cosine": "cosine with the exact gradient",
    "sample_cost": "episodes until the cosine is 0.9",
    "decisive_share": "share of |credit| on decisive steps",
    "decisive_steps": "share of steps that decide",
    "truth_error": "standard error of the truth",
    "env_steps": "environment steps",
    "continuations": "continuations",
    "success": "success of the policy",
    "clock_spread": "spread of Q over the clock",
    "text_false_merges": "false merges by text",
    "text_false_splits": "false splits by text",
    "text_history_false_merges": "false merges by text and two steps of history",
    "text_history_false_splits": "false splits by text and two steps of history",
    "state_false_merges": "false merges by state",
    "state_false_splits": "false splits by state",
}
WHERE = ("setting", "env", "truth", "skill", "method", "group_size")


def summarise(rows: Iterable[Mapping[str, Any]]) -> list[Row]:
    """Return one row for each setting, skill, method and group size: every measure's mean over the pools.

    `<measure>_low` and `<measure>_high` are Student's 95 % interval over pools, absent for a single one. The sample
    cost is a median, since it may be infinite; where it is for half of the pools it is absent and `reached` is less
    than half. `n` is the number of pools.
    """
    pools: dict[tuple[Any, ...], list[Mapping[str, Any]]] = {}
    for row in rows:
        pools.setdefault(tuple(row[name] for name in WHERE), []).append(row)
    found = []
    for where, members in pools.items():
        summed: Row = {**dict(zip(WHERE, where, strict=True)), "n": len(members)}
        for measure in MEASURES:
            values = [float(row[measure]) for row in members if measure in row]
            if measure == "sample_cost":
                summed |= _sample_cost(members)
            elif values:
                summed |= _mean(measure, values)
        found.append(summed)
    return found


def _mean(measure: str, values: list[float]) -> Row:
    interval = student(values)
    bounds = {f"{measure}_low": interval.low, f"{measure}_high": interval.high} if interval.known else {}
    return {measure: interval.estimate, **bounds}


def _sample_cost(members: list[Mapping[str, Any]]) -> Row:
    if not any("cosine" in row for row in members):
        return {}
    costs = sorted(float(row.get("sample_cost", math.inf)) for row in members)
    middle = (costs[(len(costs) - 1) // 2] + costs[len(costs) // 2]) / 2.0
    reached = sum(math.isfinite(cost) for cost in costs) / len(costs)
    return {"reached": reached, **({"sample_cost": middle} if math.isfinite(middle) else {})}


def write_results(run: Run, folder: Path) -> Path:
    """Write what is committed of a finished study: `results.parquet` (or `.jsonl`), its rows rounded to 4 digits.

    Wall time is left out: it differs between machines.

    Args:
        run: the study.
        folder: made if absent.
    """
    rows = [{name: _rounded(value) for name, value in row.items() if name not in _LEFT_OUT} for row in run.metrics()]
    columns = list(dict.fromkeys(name for row in rows for name in row))
    suffix, data = episode_table([{name: row.get(name) for name in columns} for row in rows])
    with plain_errors(folder):
        folder.mkdir(parents=True, exist_ok=True)
        write_atomic(folder / f"results{suffix}", data)
    return folder / f"results{suffix}"


_LEFT_OUT = ("seconds", "cell", "rows")


def _rounded(value: Any) -> Any:
    return float(f"{value:.4g}") if isinstance(value, float) else value
