"""`envbench fidelity FILE`: how right each method's credit is, against the truth."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from envbench.cli import common

_SHOWN = ("pearson", "sign_accuracy", "error", "cosine", "sample_cost", "decisive_share")


def fidelity(
    file: Annotated[
        Path, typer.Argument(help="Study file, e.g. leaderboards/credit-fidelity/study.toml.", metavar="FILE")
    ],
    workers: common.Workers = 1,
    out: common.Out = None,
    results: Annotated[
        Path | None, typer.Option(help="Also write the rows there, small enough to commit.", metavar="DIR")
    ] = None,
    as_json: common.Json = False,
) -> None:
    """Judge credit methods by the true advantage: correlation, sign, error, gradient, decisive steps, cost."""
    from envbench.fidelity.config import read_study
    from envbench.fidelity.study import cost, execute_study, study_plan
    from envbench.fidelity.summary import summarise, write_results

    config = read_study(file)
    folder = Path("runs") / study_plan(config).run_id if out is None else out
    common.say(f"{cost(config)}; into {folder}, where the same study goes on if it is stopped")
    with common.progress("fidelity") as on_progress:
        run = execute_study(config, folder, workers=workers, on_progress=on_progress)
    if results is not None:
        common.say(f"rows written to {write_results(run, results)}")
    summary = summarise(run.metrics())
    if as_json:
        common.emit_json({"run": str(folder), "run_id": run.run_id, "summary": summary})
    else:
        _show(summary)
    common.next_command(f"envbench report {folder}")


def _show(summary: list[dict[str, Any]]) -> None:
    """Print one table per setting and skill, at the largest group size."""
    where = {(row["setting"], row["skill"]) for row in summary}
    for setting, skill in sorted(where):
        here = [row for row in summary if (row["setting"], row["skill"]) == (setting, skill)]
        largest = max(row["group_size"] for row in here)
        rows = [row for row in here if row["group_size"] == largest and row["method"] != "keys"]
        success = next((row["success"] for row in here if "success" in row), None)
        title = f"{setting}, skill {skill:g} (success {success:.2f}), groups of {largest}"
        common.table(
            title, ("method", *_SHOWN), [[row["method"], *map(_cell, [row] * len(_SHOWN), _SHOWN)] for row in rows]
        )


def _cell(row: dict[str, Any], measure: str) -> str:
    """Return a value with its interval; "never" for a sample cost that no number of episodes pays."""
    if measure not in row:
        return "never" if measure == "sample_cost" and "reached" in row else ""
    decimals = 0 if measure == "sample_cost" else 3
    bounds = [row.get(f"{measure}_{side}") for side in ("low", "high")]
    interval = "" if None in bounds else f" [{bounds[0]:.{decimals}f}, {bounds[1]:.{decimals}f}]"
    return f"{row[measure]:,.{decimals}f}{interval}"
