"""Studies of credit against the truth as tables: rows of pools to one row per method, with intervals over pools.

A cell is a setting at a skill; a pool is the episodes of one seed, on which every method of a cell is judged. A mean
over cells is taken within each seed first, so that its interval is over seeds and says what other episodes in the same
cells would give: it says nothing of cells that were not played.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import pandas as pd

from envbench import credit
from envbench.fidelity.summary import MEASURES, summarise
from envbench.stats import Interval, student

REFERENCES = ("truth", "random")
MEANS = ("pearson", "pearson_corrected", "spearman", "sign_accuracy", "cosine", "decisive_share")
MEDIANS = ("error", "bias", "variance", "sample_cost")  # not bounded: a mean would be that of the worst cell
COSTS = ("env_steps", "continuations")
KEYS = ("text", "text_history", "state")
BASE = "grpo"  # what every other method is compared with, where the study has it
CELL = ["setting", "skill"]
CONFIDENCE = 0.95


def judged(rows: Iterable[Mapping[str, Any]]) -> pd.DataFrame:
    """Return the rows of a study, one per cell, pool, method and group size, with every measure as a column.

    Columns beyond theirs: `family`, the environment's name with its kind of truth. A sample cost that no number of
    episodes pays is infinite.
    """
    frame = pd.DataFrame([row for row in rows if row["method"] != "keys"])
    for measure in (*MEANS, *MEDIANS, *COSTS, "decisive_steps", "truth_error", "success"):
        frame[measure] = frame[measure].astype(float) if measure in frame else math.nan
    frame["sample_cost"] = frame["sample_cost"].fillna(math.inf).where(frame["cosine"].notna())
    names = frame["env"].str.split("/").str[-1].str.rsplit("-", n=1).str[0]
    frame["family"] = names + frame["truth"].map({"exact": "", "monte-carlo": " (sampled truth)"})
    return frame


def summary_table(rows: Sequence[Mapping[str, Any]]) -> pd.DataFrame:
    """Return what `envbench.fidelity.summary.summarise` finds, references first, `keys` left out."""
    frame = pd.DataFrame([row for row in summarise(rows) if row["method"] != "keys"])
    return frame.reindex(columns=[name for name in frame if not str(name).startswith(tuple(f"{k}_" for k in KEYS))])


def common_size(frame: pd.DataFrame) -> int:
    """Return the group size at which most methods were judged, the largest of equals."""
    counts = frame.groupby("group_size")["method"].nunique()
    return int(counts[counts == counts.max()].index.max())


def shared_cells(frame: pd.DataFrame) -> pd.DataFrame:
    """Return the rows of the cells in which every method of the frame was judged on every pool."""
    counts = frame.groupby([*CELL, "method"])["seed"].nunique().unstack("method")
    complete = counts[counts.eq(counts.max().max()).all(axis=1)].index
    return frame[pd.MultiIndex.from_frame(frame[CELL]).isin(complete)]


def standings(frame: pd.DataFrame) -> pd.DataFrame:
    """Return one row per method over the cells in which all were judged: references first, then the highest pearson.

    Columns: `method`, `cells`, `pools` (seeds); for each of `MEANS` the mean over cells with `_low`, `_high` (Student's
    95 % over seeds; NaN for one); for each of `MEDIANS` the median over cells and pools; `never`, the share of pools
    whose sample cost is infinite; `rank` in pearson (1 is best, references left out) as a mean over cells with
    `rank_best`, `rank_worst`; `COSTS` as means; `gap`, the difference in pearson to `BASE` with `_low`, `_high`, and
    `verdict`.

    Args:
        frame: rows of one group size, from `judged`.
    """
    shared = shared_cells(frame)
    cells = len(shared[CELL].drop_duplicates())
    if not cells:
        return pd.DataFrame()
    ranks = cell_ranks(shared)
    means = _by_seed(shared)
    base = means[BASE]["pearson"].dropna() if BASE in means else pd.Series(dtype=float)
    methods = [name for name in shared["method"].unique() if name not in REFERENCES]
    rows = []
    for name in (*REFERENCES, *methods):
        mine = shared[shared["method"] == name]
        row: dict[str, Any] = {"method": name, "cells": cells, "pools": mine["seed"].nunique()}
        for measure in MEANS if name in means else ():
            row |= _columns(measure, means[name][measure].dropna())
        row |= {measure: _median(mine[measure]) for measure in MEDIANS}
        row["never"] = float(mine["sample_cost"].eq(math.inf).mean()) if mine["cosine"].notna().any() else math.nan
        row |= {measure: float(mine[measure].mean()) for measure in COSTS}
        if name in ranks:
            row |= {"rank": ranks[name].mean(), "rank_best": ranks[name].min(), "rank_worst": ranks[name].max()}
        if name not in (*REFERENCES, BASE) and len(base):
            row |= against(means[name]["pearson"] - base, len(methods) - 1)
        rows.append(row)
    found = pd.DataFrame(rows).reindex(columns=STANDINGS)
    found["order"] = [REFERENCES.index(name) if name in REFERENCES else len(REFERENCES) for name in found["method"]]
    keys = ["order", "pearson", "method"]
    return found.sort_values(keys, ascending=[True, False, True], ignore_index=True).drop(columns="order")


STANDINGS = [
    "method", "cells", "pools",
    *(f"{measure}{side}" for measure in MEANS for side in ("", "_low", "_high")),
    "rank", "rank_best", "rank_worst", *MEDIANS, "never", *COSTS, "gap", "gap_low", "gap_high", "verdict",
]  # fmt: skip


def _by_seed(frame: pd.DataFrame) -> dict[str, pd.DataFrame]:
    """Return each method's means over cells: a row per seed, a column for each of `MEANS`; NaN where no cell has it."""
    means = frame.groupby(["method", "seed"])[list(MEANS)].mean()
    return {str(method): part.droplevel("method") for method, part in means.groupby("method")}


def _columns(name: str, values: pd.Series[float]) -> dict[str, float]:
    if values.empty:
        return {}
    interval = student(values.to_numpy(float), CONFIDENCE)
    return {name: interval.estimate, f"{name}_low": interval.low, f"{name}_high": interval.high}


def _median(values: pd.Series[float]) -> float:
    """Return the middle value; infinite where half of them are."""
    known = values.dropna().sort_values().to_numpy(float)
    if not len(known):
        return math.nan
    low, high = float(known[(len(known) - 1) // 2]), float(known[len(known) // 2])
    return low if low == high else (low + high) / 2.0


def cell_ranks(frame: pd.DataFrame) -> pd.DataFrame:
    """Return each method's rank in pearson, 1 the best: a row per cell, a column per method, ties share their mean."""
    methods = frame[~frame["method"].isin(REFERENCES)]
    means = methods.groupby([*CELL, "method"])["pearson"].mean().unstack("method").round(6)
    return means.rank(axis="columns", ascending=False)


def against(difference: pd.Series[float], count: int) -> dict[str, Any]:
    """Return a difference paired by seed with an interval that holds for `count` comparisons at once (Bonferroni)."""
    interval = student(difference.to_numpy(float), 1.0 - (1.0 - CONFIDENCE) / max(count, 1))
    bounds = {"gap": interval.estimate, "gap_low": interval.low, "gap_high": interval.high}
    return {**bounds, "verdict": "equal" if not difference.abs().max() > 1e-9 else _verdict(interval)}


def _verdict(interval: Interval) -> str:
    if interval.low > 0.0:
        return "better"
    return "worse" if interval.high < 0.0 else "not distinguishable"


def rivals(frame: pd.DataFrame, best: str) -> list[str]:
    """Return the methods that cannot be told apart from `best` in pearson, over the cells in which all were judged."""
    shared = shared_cells(frame)
    methods = sorted(set(shared["method"]) - {*REFERENCES, best})
    pearson = {name: means["pearson"] for name, means in _by_seed(shared).items()}
    verdicts = {name: against(pearson[best] - pearson[name], len(methods))["verdict"] for name in methods}
    return [name for name, verdict in verdicts.items() if verdict != "better"]


def keys_table(rows: Iterable[Mapping[str, Any]]) -> pd.DataFrame:
    """Return how well keys tell states apart: a row per setting, means over skills and pools, the range beside them."""
    frame = pd.DataFrame([row for row in rows if row["method"] == "keys"])
    names = [f"{key}_false_{what}" for key in KEYS for what in ("merges", "splits")] + ["clock_spread"]
    frame = frame.assign(**{name: frame[name].astype(float) if name in frame else math.nan for name in names})
    by = frame.groupby("setting", sort=False)
    parts = [by["env"].first(), by["skill"].nunique().rename("skills"), by["seed"].nunique().rename("pools")]
    for name in names:
        parts += [by[name].mean(), by[name].min().rename(f"{name}_low"), by[name].max().rename(f"{name}_high")]
    return pd.concat(parts, axis=1).reset_index()


def points(frame: pd.DataFrame, by: Sequence[str], measure: str = "pearson") -> pd.DataFrame:
    """Return `measure` with its interval over seeds for each method and value of the columns `by`.

    Columns: `by`, `method`, `mean`, `low`, `high`.
    """
    per_seed = frame.groupby([*by, "method", "seed"], sort=True)[measure].mean().dropna()
    rows = []
    for key, values in per_seed.groupby([*by, "method"], sort=True):
        interval = student(values.to_numpy(float), CONFIDENCE)
        bounds = {"mean": interval.estimate, "low": interval.low, "high": interval.high}
        rows.append({**dict(zip([*by, "method"], key, strict=True)), **bounds})
    return pd.DataFrame(rows, columns=[*by, "method", "mean", "low", "high"])


def axes_table(frame: pd.DataFrame, settings: Sequence[Mapping[str, Any]]) -> pd.DataFrame:
    """Return `points` over the axes that settings name: columns `axis`, `value`, `method`, `mean`, `low`, `high`.

    A setting that names several axes is the point in which they meet. An axis with one value is no curve.
    """
    parts = []
    for axis in dict.fromkeys(name for setting in settings for name in setting.get("axes", {})):
        values = {one["name"]: float(one["axes"][axis]) for one in settings if axis in one.get("axes", {})}
        if len(set(values.values())) > 1:
            rows = frame[frame["setting"].isin(values)]
            rows = rows.assign(axis=axis, value=rows["setting"].map(values))
            parts.append(points(rows, ["axis", "value"]))
    return pd.concat(parts, ignore_index=True) if parts else pd.DataFrame(columns=["axis", "value", "method", "mean"])


def featured(frame: pd.DataFrame, count: int = 7) -> list[str]:
    """Return the methods that curves name: `BASE`, variants that the study labels itself, then the highest in pearson.

    Of methods with the same pearson the first stands for all.
    """
    table = standings(frame)
    known = {method.name for method in credit.methods("advantage")}
    values = dict(zip(table["method"], table["pearson"].round(4), strict=True)) if len(table) else {}
    ordered = [str(name) for name in values if name not in REFERENCES]
    first = [name for name in ordered if name == BASE] + [name for name in ordered if name not in known]
    shown: list[str] = []
    for name in dict.fromkeys([*first, *ordered]):
        if len(shown) < count and values[name] not in [values[other] for other in shown]:
            shown.append(name)
    return shown


def twins(frame: pd.DataFrame) -> list[list[str]]:
    """Return sets of methods whose pearson is the same on every pool, so that tables say the same of them."""
    wide = frame[~frame["method"].isin(REFERENCES)].pivot_table(
        index=[*CELL, "seed", "group_size"], columns="method", values="pearson"
    )
    found: dict[tuple[float, ...], list[str]] = {}
    for name in wide:
        key = tuple(wide[name].round(6).fillna(-9.0).tolist())
        found.setdefault(key, []).append(str(name))
    return [names for names in found.values() if len(names) > 1]


__all__ = [
    "BASE",
    "MEASURES",
    "REFERENCES",
    "against",
    "axes_table",
    "cell_ranks",
    "common_size",
    "featured",
    "judged",
    "keys_table",
    "points",
    "rivals",
    "shared_cells",
    "standings",
    "summary_table",
    "twins",
]
