"""Training runs as tables: curves, the choice of learning rates, and which methods can be told apart.

The learning rate and the best checkpoint of a method are chosen on its selection seeds, everything reported comes from
the others, by the rules of `envbench.compare`. All values are means over the sampled training episodes: on the training
panel, nothing is held out.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pandas as pd

from envbench.compare import OWN, compare_sweeps
from envbench.report.agents import PAIR_COLUMNS, interval_columns, pair_row
from envbench.runs import Run
from envbench.seeding import derive_seed
from envbench.stats import Interval, bootstrap, curve_band

SCALES = {"raw": "advantages as they are", "unit_rms": "advantages of equal size (RMS 1)"}
CONDITION = ["panel", "advantage_scale", "label"]
FINAL = 10  # the final value is the mean of the last tenth of the logged iterations


def matrix(runs: pd.DataFrame, use: str = "", measure: str = "success") -> pd.DataFrame:
    """Return a measure as [seeds, iterations] over the iterations that every seed has.

    Args:
        runs: metric rows of one condition and learning rate.
        use: `selection` or `report` seeds only; all when empty. Seeds of no declared use (`both`) serve for either.
        measure: column.
    """
    kept = runs[runs["use"].isin([use, "both"])] if use else runs
    return kept.pivot_table(index="seed", columns="iteration", values=measure, aggfunc="mean").dropna(axis="columns")


def smoothed(curves: pd.DataFrame) -> pd.DataFrame:
    """Return trailing means over a tenth of the iterations: what a checkpoint is worth, without one sample's luck."""
    window = max(1, curves.shape[1] // FINAL)
    return curves.T.rolling(window, min_periods=1).mean().T


def rates_table(metrics: pd.DataFrame, seed: int = 0) -> pd.DataFrame:
    """Return one row per condition and learning rate.

    Columns: `panel`, `advantage_scale`, `method`, `learning_rate`, `n` (seeds), `use` (of these: `report`, or
    `selection` at the rates that the report seeds did not run at); `area` (mean success over the logged
    iterations) and `final` (over the last tenth of them) with `_low`, `_high` (95 %), `_method`; `selection_area` on
    `selection_n` seeds; `chosen` (the highest `selection_area`, the lowest rate of equal ones); `edge` (chosen, and at
    an end of the grid: a better rate may lie outside).

    Args:
        metrics: as `load` returns.
        seed: root of the bootstrap's generators.
    """
    rows: list[dict[str, Any]] = []
    for (panel, scale, label), group in metrics.groupby(CONDITION, sort=True):
        found: list[dict[str, Any]] = []
        for rate, runs in group.groupby("learning_rate", sort=True):
            choose, shown = matrix(runs, "selection"), matrix(runs, "report")
            if choose.empty:
                continue
            use, shown = ("selection", choose) if shown.empty else ("report", shown)
            row = {"panel": panel, "advantage_scale": scale, "method": label, "learning_rate": rate}
            row |= {"n": len(shown), "use": use}
            row |= interval_columns("area", _over_seeds(shown.mean(axis=1), seed, "standing", str(scale), str(label)))
            row |= interval_columns("final", _over_seeds(smoothed(shown).iloc[:, -1], seed, "final"))
            means = choose.mean(axis=1)
            found.append(row | {"selection_area": means.mean(), "selection_n": len(means)})
        reported = [row for row in found if row["use"] == "report"]
        best = max(reported, key=lambda row: (row["selection_area"], -row["learning_rate"]), default=None)
        for row in found if best else ():
            row["chosen"] = row is best
            row["edge"] = row is best and len(found) > 1 and (row is found[0] or row is found[-1])
            rows.append(row)
    return pd.DataFrame(rows)


def _over_seeds(values: pd.Series[float], seed: int, *names: str) -> Interval:
    return bootstrap(values.to_numpy(), rng=derive_seed(seed, *names), unit="seed")


def at_own_rate(metrics: pd.DataFrame, rates: pd.DataFrame) -> pd.DataFrame:
    """Return the metric rows of each condition at its chosen learning rate."""
    chosen = rates.loc[rates["chosen"], ["panel", "advantage_scale", "method", "learning_rate"]]
    kept = chosen.rename(columns={"method": "label"})
    return metrics.merge(kept, on=[*CONDITION, "learning_rate"], how="inner")


def curves_table(own: pd.DataFrame, seed: int = 0) -> pd.DataFrame:
    """Return the success curve of each condition at its own rate, over the seeds that report.

    Columns: `panel`, `advantage_scale`, `method`, `learning_rate`, `iteration`, `mean`, `low`, `high` (pointwise 95 %
    band, whole seeds resampled; NaN for one seed), `n` (seeds).
    """
    parts = []
    for (panel, scale, label), group in own.groupby(CONDITION, sort=True):
        values = matrix(group, "report")
        band = curve_band(values.to_numpy(), rng=derive_seed(seed, "curve"))
        head = {"panel": panel, "advantage_scale": scale, "method": label}
        body = {"iteration": values.columns, "mean": band.mean, "low": band.low, "high": band.high, "n": band.seeds}
        parts.append(pd.DataFrame({**head, "learning_rate": group["learning_rate"].iloc[0], **body}))
    return pd.concat(parts, ignore_index=True)


def methods_table(own: pd.DataFrame, rates: pd.DataFrame, seed: int = 0) -> pd.DataFrame:
    """Return each condition at its own rate, the highest area first.

    Columns: those of `rates_table` for the chosen rate, `panel_sha256`, `seeds` (as text), `last_iteration`, and the
    best checkpoint: `best_iteration` (the highest mean of the selection seeds, one for all seeds: never the peak of a
    seed) and `best` (its value on the seeds that report) with `_low`, `_high`, `_method`.
    """
    rows = []
    for (panel, scale, label), group in own.groupby(CONDITION, sort=True):
        choose, shown = smoothed(matrix(group, "selection")), smoothed(matrix(group, "report"))
        common = choose.columns.intersection(shown.columns)
        peak = int(common[int(choose[common].mean().to_numpy().argmax())])
        row = {"panel": panel, "advantage_scale": scale, "method": label, "best_iteration": peak}
        row |= {"panel_sha256": group["panel_sha256"].iloc[0], "last_iteration": int(shown.columns[-1])}
        row["held_out_choice"] = bool((group["use"] != "both").all())
        rows.append(row | interval_columns("best", _over_seeds(shown[peak], seed, "best")))
    frame = rates[rates["chosen"]].merge(pd.DataFrame(rows), on=["panel", "advantage_scale", "method"])
    keys = ["panel", "advantage_scale", "area", "method"]
    return frame.sort_values(keys, ascending=[True, True, False, True], ignore_index=True)


def method_pairs(runs: Sequence[Run], metrics: pd.DataFrame) -> pd.DataFrame:
    """Return what `envbench compare` finds for the sweeps among the runs: areas at own rates, paired by report seed.

    Sweeps that differ in their methods alone are compared with each other. Columns: `panel`, `advantage_scale`, `a`,
    and the columns of `agents.agent_pairs`, with n the number of seeds.
    """
    rows: list[dict[str, Any]] = []
    panels = dict(zip(metrics["run"], metrics["panel"], strict=True))
    for together in _comparable([run for run in runs if run.kind == "sweep"]):
        panel = panels[together[0].run_id]
        for duel in compare_sweeps(together)[1]:
            pair = pair_row(duel.a, duel.b, duel.comparison, duel.verdict)
            rows.append({"panel": panel, "advantage_scale": duel.context, **pair})
    return pd.DataFrame(rows, columns=["panel", "advantage_scale", *PAIR_COLUMNS])


def _comparable(sweeps: Sequence[Run]) -> list[list[Run]]:
    """Group sweeps of one setting; those that share a method's label stay alone."""
    found: list[tuple[dict[str, Any], list[Run]]] = []
    for run in sweeps:
        setting = {name: value for name, value in run.config.items() if name not in OWN}
        for other, together in found:
            if setting == other and not _labels(run) & {label for one in together for label in _labels(one)}:
                together.append(run)
                break
        else:
            found.append((setting, [run]))
    return [together for _, together in found]


def _labels(run: Run) -> set[str]:
    return {method["label"] for method in run.config["methods"]}


def scale_words(scale: str) -> str:
    """Return an advantage scale in words."""
    return SCALES.get(scale, scale)
