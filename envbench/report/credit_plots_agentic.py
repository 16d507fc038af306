"""Drawings of the agentic figures, from the tables of `credit_figures`."""

from __future__ import annotations

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from envbench.report.credit_panels import GREY, THEME, Z, finish, legend, line, note, percent, sheet, ticks, title
from envbench.report.plots import dress, settled

SHADES = ("#e69f00", "#c6dbef", "#84b8dc", "#3f8cc4", "#0b4f8a")  # a step alone, then ever larger groups


@settled()
def step_group_sizes(table: pd.DataFrame, caption: str) -> Figure:
    """Share of steps, and of step groups, by the size of the step group."""
    places = list(dict.fromkeys(table["env"]))
    figure, grid = sheet(
        len(places), 2, 3.9, caption, left=0.2, right=0.93, top=0.62, sharex=True, wspace=0.24, hspace=0.42
    )
    for row, place in zip(grid, places, strict=True):
        rows = table[table["env"] == place]
        for axes, measure in zip(row, ("step_groups_share", "steps_share"), strict=True):
            _stacks(axes, rows, measure)
        title(row[0], place)
        row[1].tick_params(labelleft=False)
        for height, (_, one) in enumerate(rows[::-1].groupby("epsilon", sort=False)):
            text = f"({100 * one['own'].iloc[0]:.0f} %)"
            row[1].annotate(text, (1.01, height), va="center", fontsize=7.5, color=THEME.soft, annotation_clip=False)
    for axes, name in zip(grid[-1], ("share of step groups", "share of steps"), strict=True):
        axes.set_xlabel(name, fontsize=8.5)
    handles, labels = grid[0, 0].get_legend_handles_labels()
    names = [f"{label} step{'s' if label != '1' else ''}" for label in labels]
    figure.legend(
        handles, names, loc="upper right", bbox_to_anchor=(0.95, 1.0), ncols=5, frameon=False, fontsize=8,
        labelcolor=THEME.ink, handlelength=1, columnspacing=1.2,
    )  # fmt: skip
    return figure


def _stacks(axes: Axes, rows: pd.DataFrame, measure: str) -> None:
    skills = list(dict.fromkeys(rows["epsilon"]))[::-1]
    left = np.zeros(len(skills))
    for size, shade in zip(dict.fromkeys(rows["size"]), SHADES, strict=True):
        values = rows[rows["size"] == size].set_index("epsilon").loc[skills, measure].to_numpy(float)
        axes.barh(range(len(skills)), values, left=left, height=0.7, color=shade, linewidth=0, label=str(size))
        left += values
    if measure == "steps_share":
        single = rows[rows["size"] == rows["size"].iloc[0]].set_index("epsilon").loc[skills]
        error = Z * single["single_se"].to_numpy(float)
        axes.errorbar(
            single["single"], range(len(skills)), xerr=error, fmt="none", ecolor=THEME.ink, elinewidth=1, capsize=2
        )
    success = rows.groupby("epsilon")["success"].first()
    axes.set_yticks(range(len(skills)), [f"eps {eps:g} ({success[eps]:.2f})" for eps in skills], fontsize=8)
    axes.set_xlim(0, 1)
    axes.set_xticks((0, 0.25, 0.5, 0.75, 1))
    percent(axes, "x")
    dress(axes, THEME, "x")
    axes.tick_params(axis="y", length=0, labelcolor=THEME.ink)


@settled()
def slate_variance(table: pd.DataFrame, caption: str) -> Figure:
    """Ratio of the variances, and agreement of the step's mark with the truth, by length of the episode."""
    figure, grid = sheet(1, 2, 2.8, caption, wspace=0.26)
    left, right = grid[0]
    wide = table.pivot(index=["world", "T"], columns="method", values="variance")
    ratio = (wide["whole"] / wide["step"]).rename("ratio").reset_index()
    lengths = sorted(set(table["T"]))
    left.plot(
        lengths, lengths, color=THEME.soft, linewidth=5, alpha=0.3, label="claimed at most: T", solid_capstyle="round"
    )
    for place, world in enumerate(dict.fromkeys(table["world"])):
        line(left, ratio[ratio["world"] == world], "T", "ratio", str(world), place)
        step = table[(table["world"] == world) & (table["method"] == "step")]
        line(right, step, "T", "agreement", str(world), place)
    for axes in (left, right):
        ticks(axes, "x", lengths, log=2)
    ticks(left, "y", (1, 2, 4, 8, 16, 32, 64, 128), log=2)
    right.set_ylim(0, 1.05)
    title(left, "variance: whole episodes / steps")
    title(right, "mark of a step, against Q - V")
    finish(left, "steps T of an episode", "ratio (log scale)")
    finish(right, "steps T of an episode", "correlation")
    legend(left, loc="upper left")
    return figure


@settled()
def tree_leaves(table: pd.DataFrame, caption: str) -> Figure:
    """Leaves by cost, and their worth by cost, with chains as the diagonal."""
    figure, grid = sheet(1, 2, 3.0, caption, wspace=0.24)
    for axes, measure in zip(grid[0], ("leaves", "worth"), strict=True):
        axes.plot((0, 12), (0, 12), color=THEME.palette[GREY], linestyle="--", linewidth=1.3, label="chains (GRPO)")
        for place, ((chains, rounds), rows) in enumerate(table.groupby(["M", "L"])):
            name = f"M = {chains}, L = {rounds}"
            error = "worth_se" if measure == "worth" else None
            line(axes, rows, "cost", measure, name, place, error=error, xerr=Z * rows["cost_se"].to_numpy(float))
            if measure == "leaves":
                for x, y, branches in rows[["cost", "leaves", "N"]].to_numpy(float).tolist():
                    note(axes, f"N={branches:g}", (x, y), (14, -9) if place == 1 else (-14, 4), place)
        axes.set_xlim(0, 12)
        axes.set_ylim(0, 20 if measure == "leaves" else 12)
        ticks(axes, "x", range(0, 13, 2))
        ticks(axes, "y", range(0, 21, 4) if measure == "leaves" else range(0, 13, 2))
    left, right = grid[0]
    paper = table[(table["M"] == 2) & (table["N"] == 2) & (table["L"] == 1)]
    left.plot(
        paper["cost"],
        paper["leaves"],
        "o",
        markersize=11,
        markerfacecolor="none",
        color=THEME.ink,
        label="the official code's setting",
    )
    title(left, "leaves that a budget buys")
    title(right, "episodes that they are worth")
    finish(left, "cost of a group, in chains", "leaves")
    finish(right, "cost of a group, in chains", "episodes")
    legend(left, loc="upper left")
    return figure


@settled()
def spo_value_error(table: pd.DataFrame, caption: str) -> Figure:
    """Error by number of continuations and interval; error by cost, chains and trees."""
    figure, grid = sheet(1, 2, 3.0, caption, wspace=0.26)
    left, right = grid[0]
    chains, trees = (table[table["form"] == form] for form in ("chain", "tree"))
    for place, (interval, rows) in enumerate(chains.groupby("interval")):
        line(left, rows, "K", "step", f"segments of {interval}", place, error="step_se")
        line(right, rows, "steps", "early", f"chain, {interval}", 0, error="early_se", dash=place)
    for place, (interval, rows) in enumerate(trees.groupby("interval")):
        line(right, rows, "steps", "early", f"tree, {interval}", 1, error="early_se", dash=place)
    truth = float(chains["truth"].iloc[0])
    left.axhline(truth, color=THEME.soft, linewidth=1, linestyle=":")
    left.annotate(
        "root mean square of Q - V", (1, truth), (0, -9), textcoords="offset points", fontsize=7.5, color=THEME.soft
    )
    ticks(left, "x", sorted(set(chains["K"])), log=2)
    ticks(right, "x", (16, 32, 64, 128, 256, 512), log=2)
    for axes in (left, right):
        axes.set_ylim(0, 8.5)
    title(left, "chains: error against Q - V")
    title(right, "first two segments: error against cost")
    finish(left, "continuations K from each cut", "root mean squared error (reward)")
    finish(right, "environment steps per segment", "root mean squared error (reward)")
    legend(left, loc="upper right")
    legend(right, loc="upper right", ncols=2)
    return figure


@settled()
def branching_chance(table: pd.DataFrame, caption: str) -> Figure:
    """Share of steps that branch, by rise of the entropy."""
    figure, grid = sheet(1, 1, 2.4, caption)
    axes = grid[0, 0]
    rises = np.linspace(-4, 4, 161)
    axes.plot(rises, np.clip(0.5 + 0.2 * rises, 0, 1), color=THEME.palette[0], linewidth=4, alpha=0.25)
    names = {"draw": "code: drawn", "threshold": "paper: threshold", "control": "control: at random"}
    for place, (rule, name) in enumerate(names.items()):
        rows = table[table["rule"] == rule]
        rows = rows.assign(error=np.sqrt(rows["share"] * (1 - rows["share"]) / rows["steps"]))
        line(axes, rows, "rise", "share", name, place, error="error", dash=place)
    percent(axes)
    axes.set_ylim(-0.03, 1.04)
    title(axes, "when ARPO's sampler branches")
    finish(axes, "rise of the entropy over the first step, dH", "steps that branch")
    legend(axes, loc="upper left")
    return figure
