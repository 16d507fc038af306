"""What a page says: sentences, plots and tables of the runs."""

from __future__ import annotations

from typing import Any

import pandas as pd

from envbench import __version__
from envbench.report import fidelity
from envbench.report.agents import agent_pairs, agents_table, groups, kinds_table
from envbench.report.commands import recipe
from envbench.report.curves import at_own_rate, curves_table, method_pairs, methods_table, rates_table, scale_words
from envbench.report.layout import (
    Cell,
    Column,
    Page,
    Plot,
    Section,
    Table,
    estimate,
    interval,
    number,
    pair_spec,
    table,
    text,
)
from envbench.report.load import Loaded
from envbench.report.plots import agents_plot, curves_plot, rates_plot
from envbench.report.triage_section import triage_section
from envbench.types.trajectory import OUTCOMES


def build(loaded: Loaded) -> Page:
    """Return the page of what was loaded."""
    runs = runs_table(loaded)
    frames = {"runs": runs}
    summary: list[str] = []
    sections = [Section("runs", "What was run", tables=_runs(runs))]
    if len(loaded.episodes):
        agents = agents_table(loaded.episodes)
        pairs = agent_pairs(loaded.episodes)
        agents.insert(4, "group", _letters(agents, pairs))
        errors = errors_table(loaded.episodes)
        kinds = kinds_table(loaded.episodes)
        frames |= {"agents": agents, "agent-pairs": pairs, "errors": errors}
        frames |= {"kinds": kinds} if len(kinds) else {}
        summary += _agent_sentences(agents, pairs)
        sections.append(_agents(agents, kinds, pairs, errors))
        triage, signs = triage_section(loaded.episodes)
        sections.append(triage)
        frames |= signs
    if len(loaded.metrics):
        rates = rates_table(loaded.metrics)
        own = at_own_rate(loaded.metrics, rates)
        methods, curves, duels = methods_table(own, rates), curves_table(own), method_pairs(loaded.runs, loaded.metrics)
        frames |= {"learning-rates": rates, "methods": methods, "curves": curves, "method-pairs": duels}
        summary += _method_sentences(methods, duels)
        sections.append(_methods(rates, methods, curves, duels))
    for run in loaded.runs:
        if run.kind == "fidelity":
            said, section, measured = fidelity.section(run)
            summary += said
            sections.append(section)
            frames |= measured
    return Page("envbench report", __version__, summary, [recipe(run) for run in loaded.runs], sections, frames)


def runs_table(loaded: Loaded) -> pd.DataFrame:
    """Return one row per run: what it was, on which panel, with which seeds, by which code."""
    rows = []
    for run in loaded.runs:
        config, session = run.config, run.sessions[-1]
        panel = config.get("panel", {})
        rows.append(
            {
                "run": run.run_id,
                "kind": run.kind,
                "env": config.get("env", "")
                or ", ".join(dict.fromkeys(one["env"] for one in config.get("settings", ()))),
                "dataset": config.get("dataset", ""),
                "split": config.get("split", ""),
                "panel": panel.get("id", ""),
                "panel_sha256": panel.get("sha256", ""),
                "seed": config.get("seed", ""),
                "cells": run.cells,
                "plan_sha256": run.plan_sha256,
                "envbench": session.get("envbench", ""),
                "code": session.get("code", ""),
                "python": session.get("python", ""),
                "platform": session.get("platform", ""),
            }
        )
    return pd.DataFrame(rows)


def errors_table(episodes: pd.DataFrame) -> pd.DataFrame:
    """Return how often each agent met each error, the most frequent first."""
    failed = episodes[episodes["error"] != ""]
    counts = failed.groupby(["panel", "label", "outcome", "error"]).size().reset_index(name="n")
    return counts.sort_values(["n", "panel", "label", "error"], ascending=[False, True, True, True], ignore_index=True)


def _letters(agents: pd.DataFrame, pairs: pd.DataFrame) -> list[str]:
    letters: dict[tuple[str, str], str] = {}
    for panel, rows in agents.groupby("panel", sort=False):
        here = pairs[(pairs["panel"] == panel) & (pairs["measure"] == "success")]
        letters |= {(str(panel), name): letter for name, letter in groups(list(rows["agent"]), here).items()}
    return [letters[key] for key in zip(agents["panel"], agents["agent"], strict=True)]


# Sentences.


def _agent_sentences(agents: pd.DataFrame, pairs: pd.DataFrame) -> list[str]:
    found = []
    for panel, rows in agents.groupby("panel", sort=False):
        best = rows.iloc[0]
        sentence = (
            f"{panel}: {best['agent']} has the highest success rate, {estimate(best, 'success')} "
            f"(n = {best['n']} episodes, {best['clusters']} clusters)."
        )
        here = pairs[(pairs["panel"] == panel) & (pairs["measure"] == "success")]
        found.append(sentence + _company(str(best["agent"]), here, len(rows)))
    return found


def _method_sentences(methods: pd.DataFrame, duels: pd.DataFrame) -> list[str]:
    found = []
    for (panel, scale), rows in methods.groupby(["panel", "advantage_scale"], sort=False):
        best = rows.iloc[0]
        sentence = (
            f"{panel}, {scale_words(str(scale))}: {best['method']} has the largest area under its training curve, "
            f"{estimate(best, 'area')} (n = {best['n']} seeds, learning rate {best['learning_rate']:g})."
        )
        here = duels[(duels["panel"] == panel) & (duels["advantage_scale"] == scale)]
        found.append(sentence + _company(str(best["method"]), here, len(rows)))
    return found


def _company(best: str, pairs: pd.DataFrame, count: int) -> str:
    """Say from whom the best one cannot be told apart."""
    mine = pairs[((pairs["a"] == best) | (pairs["b"] == best)) & (pairs["verdict"] == "not distinguishable")]
    if count < 2 or pairs.empty:
        return ""
    others = sorted({*mine["a"], *mine["b"]} - {best})
    return (
        f" Not distinguishable from it: {', '.join(others)}." if others else " All others are distinguishable from it."
    )


# Sections.


def _runs(runs: pd.DataFrame) -> list[Table]:
    panels = runs[runs["panel"] != ""].groupby(["panel", "panel_sha256"], sort=False).size().reset_index(name="runs")
    spec: list[Column] = [
        ("run", text("run")),
        ("environment", text("env")),
        ("panel", text("panel")),
        ("seed", number("seed")),
        ("cells", number("cells")),
        ("envbench", text("envbench")),
        ("code", lambda row: Cell(str(row["code"])[:15])),
        ("Python", text("python")),
    ]
    hashes: list[Column] = [("panel", text("panel")), ("sha256", text("panel_sha256")), ("runs", number("runs"))]
    found = [table("Runs", runs, spec, "runs")]
    return [*found, table("Panels", panels, hashes, "runs")] if len(panels) else found


def _agents(agents: pd.DataFrame, kinds: pd.DataFrame, pairs: pd.DataFrame, errors: pd.DataFrame) -> Section:
    alt = "Success rate and mean score of each agent with intervals"
    caption = (
        "Bars are means over all planned episodes, whiskers 95 % intervals. An episode that ended in an error counts "
        "as no success."
    )
    section = Section(
        "agents",
        "Agents",
        [
            "Intervals are at 95 %: Wilson for a success rate where every cluster has one episode (or all came out "
            "alike), else a bootstrap that resamples whole clusters. Agents that share a group letter are not "
            "distinguishable in success: paired by task, sign-flip test over clusters, Holm over all pairs of a panel."
        ],
        [Plot("agents", alt, caption, lambda theme: agents_plot(agents, theme))],
    )
    for panel, rows in agents.groupby("panel", sort=False):
        section.tables.append(_scores(str(panel), rows))
        section.tables.append(_outcomes(str(panel), rows))
        if len(kinds) and (kinds["panel"] == panel).any():
            section.tables.append(_kinds(str(panel), kinds[kinds["panel"] == panel]))
    if len(pairs):
        spec = [
            ("panel", text("panel")),
            ("measure", text("measure")),
            *pair_spec("tasks", "clusters"),
        ]
        section.tables.append(table("Paired comparisons", pairs, spec, "agent-pairs"))
    if len(errors):
        spec = [("panel", text("panel")), ("agent", text("label")), ("outcome", text("outcome"))]
        spec += [("error", lambda row: Cell(row["error"][:300])), ("n", number("n"))]
        section.tables.append(table("Errors", errors, spec, "errors"))
    return section


def _scores(panel: str, rows: pd.DataFrame) -> Table:
    spec: list[Column] = [
        ("agent", text("agent")),
        ("group", text("group")),
        ("n", number("n")),
        ("clusters", number("clusters")),
    ]
    names = {
        "success": "success",
        "score": "score",
        "score_iqm": "score, IQM",
        "episode_return": "return",
        "steps": "steps",
        "invalid_rate": "invalid actions",
    }
    spec += [(title, interval(name)) for name, title in names.items()]
    return table(f"Scores: {panel}", rows, spec, "agents", f"panel sha256 {rows['panel_sha256'].iloc[0]}")


def _outcomes(panel: str, rows: pd.DataFrame) -> Table:
    spec: list[Column] = [("agent", text("agent")), ("n", number("n"))]
    spec += [(name, number(f"outcome_{name}")) for name in OUTCOMES]
    if rows["model_calls"].any():
        spec += [("unparsed replies", interval("format_invalid_rate")), ("model calls", number("model_calls"))]
        spec += [("prompt tokens", number("prompt_tokens")), ("completion tokens", number("completion_tokens"))]
        spec.append(("cost, USD", lambda row: Cell(f"{row['cost_usd']:.4f}", sort=float(row["cost_usd"]))))
    return table(f"Outcomes, in episodes: {panel}", rows, spec, "agents")


def _kinds(panel: str, rows: pd.DataFrame) -> Table:
    """Return success by kind of task; the agents of a kind stand together."""
    spec: list[Column] = [("kind of task", text("kind")), ("agent", text("agent"))]
    spec += [("n", number("n")), ("clusters", number("clusters")), ("success", interval("success"))]
    return table(f"Success by kind of task: {panel}", rows, spec, "kinds")


def _methods(rates: pd.DataFrame, methods: pd.DataFrame, curves: pd.DataFrame, duels: pd.DataFrame) -> Section:
    chosen = (
        "each method at the learning rate that its selection seeds chose; the seeds shown are others"
        if methods["held_out_choice"].all()
        else "some rates were chosen on the very seeds that are shown, where a run declares no selection seeds"
    )
    section = Section(
        "methods",
        "Credit methods",
        [
            "Success is measured on the training panel, on the episodes sampled for training: nothing here is held "
            "out. With one learning rate the size of a method's advantages alone decides who wins, so every method has "
            "its own best one, at advantages as they are and at advantages of equal size.",
            "The area is the mean success over the logged iterations; the last checkpoint is the mean of the last "
            "tenth of them; the best checkpoint is one iteration for all seeds, chosen on the selection seeds, never "
            "the peak of a seed. Intervals are 95 % bootstraps over seeds.",
        ],
        [
            Plot(
                "curves",
                "Learning curves of each method with bands",
                f"Success on the training panel: mean over seeds with a 95 % bootstrap band, {chosen}.",
                lambda theme: curves_plot(curves, theme),
            ),
            Plot(
                "learning-rates",
                "Final success of each method against the learning rate",
                "Last checkpoint on the training panel against the learning rate, 95 % intervals over seeds. A ring "
                "marks the rate that was chosen.",
                lambda theme: rates_plot(rates, theme),
            ),
        ],
    )
    for (panel, scale), rows in methods.groupby(["panel", "advantage_scale"], sort=False):
        section.tables.append(_standings(f"{panel}, {scale_words(str(scale))}", rows))
    if len(duels):
        spec = [("panel", text("panel")), ("advantages", text("advantage_scale")), *pair_spec("seeds")]
        title = "Paired comparisons of the area, each method at its own rate"
        section.tables.append(table(title, duels, spec, "method-pairs"))
    return section


def _standings(title: str, rows: pd.DataFrame) -> Table:
    def rate(row: Any) -> Cell:
        edge = "at the edge of the grid" if row["edge"] else ""
        return Cell(f"{row['learning_rate']:g}", edge, float(row["learning_rate"]))

    spec: list[Column] = [
        ("method", text("method")),
        ("learning rate", rate),
        ("n, seeds", number("n")),
        ("area", interval("area")),
        ("last checkpoint", interval("final")),
        ("best checkpoint", interval("best")),
        ("at iteration", number("best_iteration")),
        ("of", number("last_iteration")),
        ("seeds it was chosen on", number("selection_n")),
    ]
    return table(title, rows, spec, "methods", f"panel sha256 {rows['panel_sha256'].iloc[0]}")
