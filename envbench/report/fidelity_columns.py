"""Columns of the tables of studies of credit against the truth: values to cells."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import pandas as pd

from envbench.report.fidelity_tables import BASE, KEYS
from envbench.report.layout import Cell, Column, text

KEYS_NOTE = (
    "False merges: of the pairs of steps that a key calls equal, the share in different states. False splits: of the "
    "pairs in one state, the share that the key calls different. Mean over skills and pools, range beside it. Clock: "
    "root mean square spread of Q over time within a state and action, in units of reward, which no such key sees."
)


def standings_spec(part: pd.DataFrame) -> list[Column]:
    """Return the columns of a table of standings; measures that no method has are left out."""
    spec: list[Column] = [
        ("method", text("method")),
        ("correlation", bounded("pearson")),
        ("corrected for noise in the truth", bounded("pearson_corrected")),
        (f"against {BASE}", _gap),
        ("rank", _rank),
        ("sign accuracy", bounded("sign_accuracy")),
        ("decisive share", bounded("decisive_share")),
        ("gradient cosine", bounded("cosine")),
        ("episodes to cosine 0.9", _cost),
        ("error", _plain("error")),
        ("bias", _plain("bias")),
        ("variance", _plain("variance")),
        ("continuations", _plain("continuations")),
    ]
    sampled = part["pearson_corrected"].round(6).ne(part["pearson"].round(6)).any()
    empty = {
        "corrected for noise in the truth": not sampled,
        f"against {BASE}": part["verdict"].isna().all(),
        "decisive share": part["decisive_share"].isna().all(),
        "gradient cosine": part["cosine"].isna().all(),
        "episodes to cosine 0.9": part["cosine"].isna().all(),
        "error": part["error"].isna().all(),
        "bias": part["error"].isna().all(),
        "variance": part["error"].isna().all(),
        "continuations": not part["continuations"].any(),
    }
    return [(name, cell) for name, cell in spec if not empty.get(name, False)]


def keys_spec() -> list[Column]:
    """Return the columns of the table of keys."""
    words = {"text": "text", "text_history": "text and two steps of history", "state": "true state"}
    pairs = [(key, what) for key in KEYS for what in ("merges", "splits")]
    shares = [(f"false {what}, {words[key]}", _ranged(f"{key}_false_{what}")) for key, what in pairs]
    return [("setting", text("setting")), *shares, ("clock", _ranged("clock_spread"))]


def bounded(column: str) -> Callable[[Any], Cell]:
    """Return a maker of cells from a mean and its bounds; empty where there is no value."""

    def cell(row: Any) -> Cell:
        value, low, high = (float(row[name]) for name in (column, f"{column}_low", f"{column}_high"))
        if math.isnan(value):
            return Cell("", sort=-math.inf)
        return Cell(_number(value), "" if math.isnan(low) else f"[{_number(low)}, {_number(high)}]", value)

    return cell


def _number(value: float) -> str:
    shown = f"{value:.3f}"
    return shown.removeprefix("-") if float(shown) == 0.0 else shown


def _ranged(column: str) -> Callable[[Any], Cell]:
    def cell(row: Any) -> Cell:
        value, low, high = (float(row[name]) for name in (column, f"{column}_low", f"{column}_high"))
        if math.isnan(value):
            return Cell("", sort=-math.inf)
        return Cell(_number(value), "" if low == high else f"{_number(low)} to {_number(high)}", value)

    return cell


def _plain(column: str) -> Callable[[Any], Cell]:
    def cell(row: Any) -> Cell:
        value = float(row[column])
        if math.isnan(value):
            return Cell("", sort=math.inf)
        if column == "continuations" or abs(value) >= 1000:
            return Cell(f"{value:,.0f}", sort=value)
        return Cell("0.00" if abs(value) < 0.005 else f"{value:.2f}" if abs(value) < 10 else f"{value:.0f}", sort=value)

    return cell


def _gap(row: Any) -> Cell:
    if not isinstance(row["verdict"], str):
        return Cell("", sort=0.0)
    if row["verdict"] == "equal":
        return Cell("equal", sort=0.0)
    value, low, high = (float(row[name]) for name in ("gap", "gap_low", "gap_high"))
    aside = "" if math.isnan(low) else f"[{low:+.3f}, {high:+.3f}]"
    return Cell(f"{value:+.3f} {row['verdict']}", aside, value)


def _rank(row: Any) -> Cell:
    if math.isnan(row["rank"]):
        return Cell("", sort=0.0)
    best, worst = row["rank_best"], row["rank_worst"]
    return Cell(f"{row['rank']:.1f}", "" if best == worst else f"{best:g} to {worst:g}", float(row["rank"]))


def _cost(row: Any) -> Cell:
    cost, never = float(row["sample_cost"]), float(row["never"])
    if math.isnan(never):
        return Cell("", sort=math.inf)
    most = math.isinf(cost)
    share = f"in {100 * (1.0 - never if most else never):.0f} %"
    aside = ("reached " if most else "never ") + share if 0.0 < never < 1.0 else ""
    return Cell("never" if most else f"{cost:,.0f}", aside, cost)
