"""`envbench compare RUN [RUN...]`: methods of a sweep, or two evaluations, with intervals."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from math import isnan
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, cast

import typer

from envbench.cli import common
from envbench.errors import InvalidValue, UnknownName

if TYPE_CHECKING:
    from envbench.compare import Duel
    from envbench.runs import Run
    from envbench.stats import Interval


def compare(
    runs: Annotated[list[Path], typer.Argument(help="Sweeps of one setting, or two evaluations on one panel.")],
    measure: Annotated[
        str | None, typer.Option(help="Of sweeps: area, final, or test (held-out success of a language model).")
    ] = None,
    reference: Annotated[
        str, typer.Option(help="Of sweeps: compare each method with this one instead of all pairs.", metavar="LABEL")
    ] = "",
    seed: common.Seed = 0,
    as_json: common.Json = False,
) -> None:
    """Compare what the runs hold, pair by pair."""
    from envbench.compare import MEASURES, compare_evals
    from envbench.runs import open_run

    if measure not in (None, *MEASURES):
        raise UnknownName("measure", measure, MEASURES)
    opened = [open_run(path) for path in runs]
    kinds = sorted({run.kind for run in opened})
    if kinds == ["sweep"]:
        if as_json:
            common.emit_json(sweep_document(opened, measure, seed, reference))
        else:
            show_sweeps(opened, measure, seed, reference)
    elif kinds == ["eval"] and len(opened) == 2:
        duels = compare_evals(opened[0], opened[1], seed)
        if as_json:
            common.emit_json({"kind": "eval", "pairs": [_plain_duel(duel) for duel in duels]})
        else:
            common.table(
                f"paired by task and trial, on {opened[0].config['panel']['id']}", _DUEL, map(_duel_row, duels)
            )
    else:
        raise InvalidValue(
            f"cannot compare {len(opened)} run(s) of kind {', '.join(kinds)}: give sweeps of one setting, or exactly "
            f"two evaluations on one panel"
        )
    common.next_command(f"envbench report {' '.join(map(str, runs))}")


def show_sweeps(runs: Sequence[Run], measure: str | None = None, seed: int = 0, reference: str = "") -> None:
    """Print the tables of a sweep."""
    from envbench.compare import BUDGET, MEASURES, bounds, compare_sweeps, measure_of, too_few

    standings, duels = compare_sweeps(runs, cast(Any, measure), seed, reference)
    config = runs[0].config
    about = MEASURES[cast(Any, measure) or measure_of(config)]
    seeds = f"{len(config['report_seeds'])} report seeds"
    common.table(
        f"{about}; {config['panel']['id']}; each at its best rate on {len(config['selection_seeds'])} "
        f"selection seeds, then {seeds}",
        ("scale", "method", "best rate", "success", "interval", *BUDGET.values(), "note"),
        (
            (
                one.scale,
                one.method,
                f"{one.learning_rate:g}",
                f"{one.report.estimate:.3f}",
                bounds(one.report),
                *(_amount(one.budget.get(name)) for name in BUDGET),
                f"{one.edge} rate of the grid: a better one may lie outside" if one.edge else "",
            )
            for one in standings
        ),
    )
    words = f"pairs, over {seeds} in common; p adjusted for all these pairs of a scale"
    common.table(words, _DUEL, map(_duel_row, duels))
    if few := too_few(duels):
        common.say(few)


def sweep_document(
    runs: Sequence[Run], measure: str | None = None, seed: int = 0, reference: str = ""
) -> dict[str, Any]:
    """Return what `show_sweeps` prints, as plain data."""
    from envbench.compare import MEASURES, compare_sweeps, measure_of, too_few

    standings, duels = compare_sweeps(runs, cast(Any, measure), seed, reference)
    shown = cast(Any, measure) or measure_of(runs[0].config)
    return {
        "kind": "sweep",
        "measure": shown,
        "about": MEASURES[shown],
        "panel": runs[0].config["panel"],
        "methods": [
            {
                "scale": one.scale,
                "method": one.method,
                "learning_rate": one.learning_rate,
                "edge": one.edge,
                "selection": one.selection,
                "report": _plain_interval(one.report),
                "budget": one.budget,
                "rates": [{"learning_rate": rate, "report": value} for rate, value in one.rates.items()],
            }
            for one in standings
        ],
        "pairs": [_plain_duel(duel) for duel in duels],
        "too_few": too_few(duels),
    }


def _amount(value: float | None) -> str:
    return "" if value is None else f"{value:,.0f}" if value >= 100 else f"{value:.2f}"


_DUEL = ("of", "a", "b", "a - b", "interval", "n", "p", "verdict")


def _duel_row(duel: Duel) -> Iterable[str]:
    from envbench.compare import bounds

    difference = duel.comparison.difference
    p = f"{duel.comparison.p_value:.4f}"
    return (
        duel.context,
        duel.a,
        duel.b,
        f"{difference.estimate:+.3f}",
        bounds(difference),
        str(difference.n),
        p,
        duel.verdict,
    )


def _plain_duel(duel: Duel) -> dict[str, Any]:
    return {
        "of": duel.context,
        "a": duel.a,
        "b": duel.b,
        "difference": _plain_interval(duel.comparison.difference),
        "p": duel.comparison.p_value,
        "verdict": duel.verdict,
    }


def _plain_interval(interval: Interval) -> dict[str, Any]:
    low, high = (None if isnan(bound) else bound for bound in (interval.low, interval.high))
    return {"estimate": interval.estimate, "low": low, "high": high, "n": interval.n, "unit": interval.unit}
