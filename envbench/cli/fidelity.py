"""`envbench fidelity FILE`: how right each method's credit is, against the truth."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import msgspec
import typer

from envbench.cli import common
from envbench.errors import InvalidValue, UnknownName

if TYPE_CHECKING:
    from envbench.fidelity.config import StudyConfig

_SHOWN = ("pearson", "sign_accuracy", "error", "cosine", "sample_cost", "decisive_share")


def fidelity(
    file: Annotated[
        Path, typer.Argument(help="Study file, e.g. leaderboards/credit-fidelity/study.toml.", metavar="FILE")
    ],
    workers: common.Workers = 1,
    out: common.Out = None,
    results: Annotated[
        Path | None,
        typer.Option(
            help="Also write the rows there, small enough to commit, with table.md and figures.", metavar="DIR"
        ),
    ] = None,
    horizon: Annotated[
        str, typer.Option(help="`limit`: truth up to the step limit; `none`: discounted, free of the clock.")
    ] = "limit",
    gamma: Annotated[float, typer.Option(help="Discount of --horizon none.")] = 0.95,
    group: Annotated[
        str | None,
        typer.Option(
            help="Write a page of one group of this setting instead, the truth beside credit.", metavar="SETTING"
        ),
    ] = None,
    skill: Annotated[float | None, typer.Option(help="Of the policy of --group; the middle one when left out.")] = None,
    show: Annotated[
        list[str] | None, typer.Option(help="A method on the page of --group; may be repeated.", metavar="LABEL")
    ] = None,
    as_json: common.Json = False,
) -> None:
    """Judge credit methods by the true advantage: correlation, sign, error, gradient, decisive steps, cost."""
    from envbench.fidelity.config import read_study
    from envbench.fidelity.study import cost, execute_study, study_plan
    from envbench.fidelity.summary import summarise, write_results
    from envbench.report import require_extra, write_board

    config = _without_clock(read_study(file), horizon, gamma)
    if group is not None:
        _page(config, group, skill, show or (), out, as_json)
        return
    if skill is not None or show:
        raise InvalidValue("--skill and --show are of the page of a group: give --group SETTING too")
    if results is not None:
        require_extra("envbench fidelity --results")
    folder = Path("runs") / study_plan(config).run_id if out is None else out
    common.say(f"{cost(config)}; into {folder}, where the same study goes on if it is stopped")
    with common.progress("fidelity") as on_progress:
        run = execute_study(config, folder, workers=workers, on_progress=on_progress)
    if results is not None:
        files = [write_results(run, results), *write_board(results, file)]
        common.say(f"written: {', '.join(map(str, files))}")
    summary = summarise(run.metrics())
    if as_json:
        common.emit_json({"run": str(folder), "run_id": run.run_id, "summary": summary})
    else:
        _show(summary)
    common.next_command(f"envbench report {folder}")


def _without_clock(config: StudyConfig, horizon: str, gamma: float) -> StudyConfig:
    """Return the study as the file says it, or with the discounted truth."""
    if horizon not in ("limit", "none"):
        raise UnknownName("horizon", horizon, ("limit", "none"))
    if horizon == "limit":
        return config
    changed = msgspec.structs.replace(config, discount=gamma)
    changed.check()
    return changed


def _page(
    config: StudyConfig, setting: str, skill: float | None, labels: Sequence[str], out: Path | None, as_json: bool
) -> None:
    """Write the page of a group."""
    from envbench.fidelity.example import example
    from envbench.fidelity.study import study_plan
    from envbench.report import require_extra, write_group

    require_extra("envbench fidelity --group")
    folder = Path("runs") / f"{study_plan(config).run_id}-group" if out is None else out
    common.say(f"one pool of {setting!r} is played again, usually a few seconds; into {folder}")
    shown = example(config, setting, skill, labels)
    file = write_group(config, shown, folder)
    if as_json:
        about = {"setting": shown.setting, "skill": shown.skill, "task": shown.task, "group": shown.number}
        common.emit_json({"page": str(file), **about, "methods": list(shown.methods)})
    else:
        common.stdout.print(str(file), markup=False, soft_wrap=True)
    common.next_command(f"open {file} in a browser")


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
