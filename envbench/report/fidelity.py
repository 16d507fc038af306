"""What a page says of a study of credit against the truth: sentences, plots and tables."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import pandas as pd

from envbench.report import fidelity_tables as tables
from envbench.report.fidelity_columns import KEYS_NOTE, keys_spec, standings_spec
from envbench.report.fidelity_plots import curves_plot, overview_plot, settings_plot
from envbench.report.fidelity_tables import BASE, REFERENCES
from envbench.report.layout import Plot, Section, Table, estimate, table
from envbench.report.plots import Theme
from envbench.runs import Run

HOW_TO_READ = [
    "Every method is judged on the same episodes, step by step, against the true advantage of the action that was "
    "taken: exact by dynamic programming, or sampled by continuing from snapshots. The reference truth puts the true "
    "advantage in as a method, random puts in noise: what a perfect and a blind method come to there.",
    "A cell is a setting at a skill; a pool is the episodes of one seed. Means over cells are taken within each seed, "
    "so that intervals (Student, 95 %) are over seeds: they say what other episodes in these very cells would give, "
    "and nothing of other cells. An average over settings means as much as the choice of the settings; the tables by "
    "environment and by setting come without it.",
    "Error, bias, variance and sample cost have no upper bound: medians over cells and pools stand for them. Error is "
    "(bias^2 + variance) / (c^2 E[A^2]) on pairs of state, action and time with at least 30 visits, c the size of the "
    "truth in the credit. Sample cost is the number of episodes after which the cosine of the gradient estimate with "
    "the exact gradient is 0.9. The decisive share is that of |credit| on steps that decide, where the environment "
    "says which do; rank 1 is the highest correlation in a cell.",
    f"Better, worse and not distinguishable compare a method's correlation with that of {BASE} on the same pools; "
    "the intervals of these differences hold for all methods of a table at once (Bonferroni).",
]


@dataclass(frozen=True, slots=True, eq=False)
class Study:
    """A study's rows as tables.

    Attributes:
        judged: from `fidelity_tables.judged`. keys: from `keys_table`. summary: from `summary_table`.
        settings: as the study file gives them.
        size: group size at which methods are compared. at_size: the rows of it.
        overall: standings over the cells in which all methods were judged. families: standings of each environment.
    """

    judged: pd.DataFrame
    keys: pd.DataFrame
    summary: pd.DataFrame
    settings: Sequence[Mapping[str, Any]]
    size: int
    at_size: pd.DataFrame
    overall: pd.DataFrame
    families: dict[str, pd.DataFrame]


def study_of(rows: Sequence[Mapping[str, Any]], settings: Sequence[Mapping[str, Any]]) -> Study:
    """Return the tables of a study.

    Args:
        rows: metric rows of a run of kind `fidelity`, or those of its committed results.
        settings: of the study, for the axes of curves.
    """
    judged = tables.judged(rows)
    size = tables.common_size(judged)
    at_size = judged[judged["group_size"] == size]
    families = {str(name): tables.standings(part) for name, part in at_size.groupby("family", sort=False)}
    return Study(
        judged,
        tables.keys_table(rows),
        tables.summary_table(rows),
        settings,
        size,
        at_size,
        tables.standings(at_size),
        {name: part for name, part in families.items() if len(part)},
    )


def section(run: Run) -> tuple[list[str], Section, dict[str, pd.DataFrame]]:
    """Return the sentences, the section and the frames of a run of kind `fidelity`."""
    study = study_of(run.metrics(), run.config["settings"])
    name = run.run_id
    title = f"Credit against the truth: {run.config.get('title') or name}"
    made = Section(name, title, list(HOW_TO_READ), plots_of(study, name), _tables(study, name))
    frames = {f"{name}-methods": study.overall, f"{name}-summary": study.summary, f"{name}-keys": study.keys}
    frames |= {f"{name}-{_slug(family)}": part for family, part in study.families.items()}
    return sentences(study), made, {key: frame for key, frame in frames.items() if len(frame.columns)}


def sentences(study: Study) -> list[str]:
    """Return what the intervals carry, in words."""
    ranked = study.overall[~study.overall["method"].isin(REFERENCES)] if len(study.overall) else study.overall
    if ranked.empty:
        return []
    best = ranked.iloc[0]
    rivals = tables.rivals(study.at_size, str(best["method"]))
    where = (
        f"Over the {best['cells']} cells (setting and skill) in which all methods were judged, groups of {study.size}"
    )
    company = f" Not distinguishable from it: {_listed(rivals, len(ranked) - 1)}." if rivals else ""
    found = [
        f"{where}: {best['method']} has the highest correlation with the true advantage, {estimate(best, 'pearson')} "
        f"(n = {best['pools']} pools).{company}"
    ]
    for verdict, words in (
        ("better", f"Above {BASE} in correlation"),
        ("worse", f"Below {BASE} in correlation"),
        ("not distinguishable", f"Not distinguishable from {BASE} in correlation"),
    ):
        names = list(ranked.loc[ranked["verdict"] == verdict, "method"])
        if names:
            found.append(f"{words}: {', '.join(names)}.")
    alike = tables.twins(study.at_size)
    if alike:
        sets = "; ".join(", ".join(names) for names in alike)
        found.append(f"The same correlation on every pool: {sets}.")
    return [*found, *_keys_sentence(study.keys)]


def _listed(names: Sequence[str], count: int) -> str:
    """Return names; where they are many, how many of `count`."""
    return ", ".join(names) if len(names) <= _MANY else f"{len(names)} of the {count} others"


_MANY = 8


def _keys_sentence(keys: pd.DataFrame) -> list[str]:
    merged = keys[keys["text_false_merges"] > 0.0].sort_values("text_false_merges", ascending=False)
    if merged.empty:
        return [f"In all {len(keys)} settings, steps of one group with one text are in one state."]
    shares = ", ".join(
        f"{row['setting']} ({100 * row['text_false_merges']:.0f} %)" for row in merged.to_dict("records")
    )
    return [f"Of the pairs of steps of one group that share a text, so many are in different states: {shares}."]


def plots_of(study: Study, name: str) -> list[Plot]:
    """Return the plots of a study, their file names beginning with `name`."""
    shown = tables.featured(study.at_size)
    order = list(tables.standings(_lasting(study.at_size))["method"])[len(REFERENCES) :]
    order += sorted(set(study.at_size["method"]) - set(order) - set(REFERENCES))
    cells = tables.points(study.at_size, ["setting"])
    cells = cells.set_index("setting").loc[list(dict.fromkeys(study.at_size["setting"]))].reset_index()
    sizes = tables.points(study.judged, ["family", "group_size"])
    exact = study.at_size[study.at_size["truth"] == "exact"]
    skills = tables.points(exact, ["family", "skill"])
    axes = tables.axes_table(study.at_size, study.settings)
    groups = f"groups of {study.size}"
    curve = "Mean over settings and skills, band: 95 % over seeds"
    every: list[tuple[str, str, pd.DataFrame, Callable[[Theme], Any]]] = [
        ("methods", f"Correlation and gradient of every method, {groups}, over the cells in which all were judged; "
         "whiskers: 95 % over seeds.", study.overall, lambda theme: overview_plot(study.overall, theme)),
        ("settings", f"Correlation with the true advantage in every setting, mean over skills, {groups}.",
         cells, lambda theme: settings_plot(cells, order, theme)),
        ("group-size", f"Correlation over the size of the group, by environment. {curve}.", sizes,
         lambda theme: curves_plot(sizes, ("family", "group_size"), shown, "group size", theme)),
        ("axes", f"Correlation over one knob at a time, {groups}. {curve}.", axes,
         lambda theme: curves_plot(axes, ("axis", "value"), shown, "", theme)),
        ("skill", f"Correlation over the skill of the policy, its share of the best reachable success, {groups}. "
         f"{curve}.", skills, lambda theme: curves_plot(skills, ("family", "skill"), shown, "skill", theme)),
    ]  # fmt: skip
    return [Plot(f"{name}-{kind}", words, words, draw) for kind, words, frame, draw in every if len(frame)]


def _lasting(frame: pd.DataFrame) -> pd.DataFrame:
    """Return the frame without the methods that were not judged in the cells where most were."""
    shared = tables.shared_cells(frame)
    return shared if len(shared) else frame


def _tables(study: Study, name: str) -> list[Table]:
    where = f"groups of {study.size}"
    made = []
    if len(study.overall):
        title = f"Methods over the {study.overall['cells'].iloc[0]} cells in which all were judged, {where}"
        made.append(table(title, study.overall, standings_spec(study.overall), f"{name}-methods"))
    for family, part in study.families.items():
        title = f"{family}, {where}: mean over {_counted(part)}"
        made.append(table(title, part, standings_spec(part), f"{name}-{_slug(family)}"))
    for setting, rows in study.at_size.groupby("setting", sort=False):
        part = tables.standings(rows)
        if len(part):
            made.append(
                table(f"{setting}, {where}: mean over {_counted(part)}", part, standings_spec(part), f"{name}-summary")
            )
    made.append(table("Keys: which steps of a group share one", study.keys, keys_spec(), f"{name}-keys", KEYS_NOTE))
    return made


def _counted(part: pd.DataFrame) -> str:
    cells, pools = int(part["cells"].iloc[0]), int(part["pools"].iloc[0])
    return f"{cells} {'cell' if cells == 1 else 'cells'}, {pools} {'pool' if pools == 1 else 'pools'}"


def _slug(name: str) -> str:
    return "-".join("".join(char if char.isalnum() else " " for char in name).lower().split())
