"""Drawings of the group-advantage and trained figures, from the tables of `credit_figures`."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from envbench.report.credit_panels import (
    GREY,
    MARKERS,
    THEME,
    Z,
    finish,
    legend,
    line,
    note,
    percent,
    sheet,
    ticks,
    title,
    top_legend,
)  # fmt: skip
from envbench.report.plots import Ends, dress, label_ends, settled


@settled()
def sign_flips(table: pd.DataFrame, caption: str) -> Figure:
    """Share of wrong signs (above) and of zero advantages (below) by group size, a column per law of the reward."""
    families = [name for name in dict.fromkeys(table["family"]) if not name.startswith("binary")]
    figure, grid = sheet(2, len(families), 3.6, caption, sharex=True, sharey="row", wspace=0.1, hspace=0.18)
    sizes = sorted(set(table["group_size"]))
    for column, family in enumerate(families):
        for row, (measure, error) in enumerate((("flips", "flips_se"), ("zeros", None))):
            axes = grid[row, column]
            for place, baseline in enumerate(("mean", "median")):
                rows = table[(table["family"] == family) & (table["baseline"] == baseline)]
                name = "mean (GRPO)" if place == 0 else "median (MC-GRPO)"
                line(axes, rows, "group_size", measure, name, place, error=error)
            ticks(axes, "x", sizes, log=2)
            axes.set_ylim(0, 0.36 if measure == "flips" else 0.85)
            percent(axes)
            label = ("wrong sign", "advantage 0")[row] if column == 0 else ""
            finish(axes, "group size G" if row else "", label)
        title(grid[0, column], family)
    legend(grid[0, 0], loc="upper right")
    return figure


@settled()
def v05_error(table: pd.DataFrame, caption: str) -> Figure:
    """Mean squared error of the baselines by success rate, a panel per number of rollouts."""
    sizes = sorted(set(table["size"]))
    figure, grid = sheet(1, len(sizes), 2.2, caption, top=0.55, wspace=0.32)
    for axes, size in zip(grid[0], sizes, strict=True):
        rows = table[table["size"] == size]
        plain = rows[(rows["baseline"] == "mean") & (rows["prior_error"] == 0.0)]
        line(axes, plain, "rate", "mse", "mean of n (GRPO)", GREY, dash=1, marker="")
        for place, error in enumerate((0.0, 0.1, 0.3, -0.3)):
            fused = rows[(rows["baseline"] == "fused") & (rows["prior_error"] == error)]
            line(
                axes,
                fused,
                "rate",
                "mse",
                f"fused, prior {error:+g}" if error else "fused, prior right",
                place,
                markevery=3,
            )
        ticks(axes, "x", (0, 0.25, 0.5, 0.75, 1))
        axes.set_ylim(0, None)
        title(axes, f"n = {size}")
        finish(axes, "success rate p", "mean squared error" if size == sizes[0] else "")
    top_legend(figure, grid[0, 0], columns=5)
    return figure


@settled()
def signal_share(table: pd.DataFrame, caption: str) -> Figure:
    """Share of groups with a signal, and size of it, by success rate."""
    figure, grid = sheet(1, 2, 2.5, caption, top=0.7, wspace=0.24)
    for axes, measure in zip(grid[0], ("share", "weight"), strict=True):
        for place, (name, rows) in enumerate(table.groupby("method", sort=False)):
            marks: dict[str, Any] = {"markevery": (place, 6), "linewidth": 2.6 if name == "GRPO" else 1.4}
            line(axes, rows, "rate", measure, str(name), place, dash=0 if place < 2 else 1 + place % 2, **marks)
        ticks(axes, "x", (0, 0.25, 0.5, 0.75, 1))
    left, right = grid[0]
    left.set_ylim(0, 1.04)
    ticks(right, "y", (0.5, 1, 2, 4, 8, 16, 32), log=2)
    percent(left)
    title(left, "groups with a non-zero advantage")
    title(right, "sum of |A| over a group of 8")
    finish(left, "success rate p", "share of groups")
    finish(right, "success rate p", "sum of |A| (log scale)")
    top_legend(figure, left, columns=3)
    return figure


@settled()
def rank_bias(table: pd.DataFrame, caption: str) -> Figure:
    """Share of right samples that became likelier, by rank; gain of pass@N by success rate."""
    figure, grid = sheet(1, 2, 2.7, caption, wspace=0.26)
    left, right = grid[0]
    ranks = table[table["part"] == "rank"]
    ranks = ranks.assign(
        error=np.sqrt(ranks["rose"] * (1 - ranks["rose"]) / ranks["samples"]), place=ranks["eighth"] + 1
    )
    for beta, epochs in ranks[["beta", "epochs"]].drop_duplicates().to_numpy(float).tolist():
        rows = ranks[(ranks["beta"] == beta) & (ranks["epochs"] == epochs)]
        name = f"{'GRPO' if beta == 0 else f'beta {beta:g}'}, {epochs:g} epoch{'s' if epochs > 1 else ''}"
        dash = (1, 2, 4).index(int(epochs))
        line(left, rows, "place", "rose", name, int(beta > 0), error="error", dash=dash)
    ticks(left, "x", range(1, 9))
    left.set_ylim(0.5, 1.01)
    percent(left)
    title(left, "right samples that became likelier")
    finish(left, "rank in the group, eighths (1: least likely)", "share of samples")
    legend(left, loc="lower right", ncols=2, columnspacing=1, handlelength=1.8)
    uplift = table[table["part"] == "uplift"]
    for place, rate in enumerate(uplift["rate"].drop_duplicates().tolist()):
        line(right, uplift[uplift["rate"] == rate], "N", "uplift", f"p = 1/{round(1 / rate)}", place)
    ticks(right, "x", (1, 4, 16, 64, 256), log=2)
    right.set_ylim(0, 0.056)
    title(right, "gain of pass@N, p a tenth higher")
    finish(right, "N", "gain of pass@N")
    legend(right, loc="upper right", ncols=2)
    return figure


@settled()
def pass_at_k(table: pd.DataFrame, caption: str) -> Figure:
    """Pass@k at one stage of training, and pass@1 against pass@256 along it."""
    figure, grid = sheet(1, 2, 2.8, caption, wspace=0.26)
    left, right = grid[0]
    stage, most = 40, int(table["k"].max())
    start = table[(table["updates"] == 0) & (table["method"] == "GRPO")]
    line(left, start, "k", "pass", "before training", GREY, error="pass_se", dash=1)
    for place, (name, rows) in enumerate(table.groupby("method", sort=False)):
        line(left, rows[rows["updates"] == stage], "k", "pass", str(name), place, error="pass_se")
        ends = rows.pivot(index="updates", columns="k", values="pass")
        path = pd.DataFrame({"x": ends[1], "y": ends[most]})
        line(right, path, "x", "y", str(name), place)
        if place == 0:
            error = Z * rows[rows["k"] == most].set_index("updates")["pass_se"]
            right.fill_between(
                path["x"], path["y"] - error, path["y"] + error, color=THEME.palette[0], alpha=0.12, linewidth=0
            )
            for update in (0, 20, 40, 80):
                note(right, f"{update}", (path["x"][update], path["y"][update]), (0, 7), 0)
    ticks(left, "x", (1, 4, 16, 64, 256), log=2)
    left.set_ylim(0, 1)
    title(left, f"after {stage} updates")
    finish(left, "k", "pass@k")
    legend(left, loc="lower right")
    right.set_xlim(0, 0.9)
    title(right, "along training (numbers: updates)")
    finish(right, "pass@1", f"pass@{most}")
    return figure


# Reported in the paper's ablation over the weight of the tool advantage: accuracy in percent.
WEIGHTS = (0.0, 0.10, 0.15, 0.20)
REPORTED = {
    "V*": (88.7, 88.0, 91.1, 87.4),
    "HR-4K": (81.0, 83.5, 83.5, 82.5),
    "HR-8K": (79.2, 81.0, 82.0, 80.5),
    "CharXiv-RQ": (51.0, 52.7, 54.1, 51.5),
    "MathVista": (76.9, 77.4, 78.0, 77.2),
}


@settled()
def hdpo_trade_off(table: pd.DataFrame, caption: str) -> Figure:
    """Success against tool calls of the trained policies, and the paper's ablation."""
    figure, grid = sheet(1, 2, 2.9, caption, wspace=0.26)
    left, right = grid[0]
    names = {
        "coupled": (
            "one reward: accuracy - penalty x calls",
            {0: (0, 6), 0.03: (13, 5), 0.1: (-12, 0), 0.3: (-9, -9), 1: (-12, 0)},
        ),
        "hdpo": ("HDPO, by weight of A_tool", {0.1: (10, -9), 0.15: (10, -9), 0.5: (10, -9)}),
    }
    for place, (method, (name, shifts)) in enumerate(names.items()):
        rows = table[table["method"] == method]
        rows = rows.assign(lost=100 * (rows["best"] - rows["success"]), error=100 * rows["success_se"])
        line(left, rows, "calls", "lost", name, place, error="error", xerr=Z * rows["calls_se"].to_numpy(float))
        for x, y, strength in rows[["calls", "lost", "strength"]].to_numpy(float).tolist():
            if strength in shifts:
                note(left, f"{strength:g}", (x, y), shifts[strength], place)
    ticks(left, "x", (0.25, 0.5, 1, 2), log=2)
    ticks(left, "y", (0.25, 0.5, 1, 2, 4, 8, 16), log=2)
    left.set_xlim(0.15, 2.9)
    left.set_ylim(0.22, 26)
    title(left, "simulated: success lost, and calls")
    finish(left, "tool calls per episode (log scale)", "points below the best success (log scale)")
    legend(left, loc="upper right")
    for place, (name, values) in enumerate(REPORTED.items()):
        rows = pd.DataFrame({"weight": WEIGHTS, "gain": np.array(values) - values[0]})
        line(right, rows, "weight", "gain", name, place)
    right.axhline(0, color=THEME.soft, linewidth=0.8)
    ticks(right, "x", WEIGHTS)
    title(right, "reported: accuracy over weight 0")
    finish(right, "weight of the tool advantage", "points")
    legend(right, loc="upper left")
    return figure


@settled()
def arena_topologies(table: pd.DataFrame, caption: str) -> Figure:
    """Rank correlation by comparisons and noise, and the advantages of equals."""
    figure, grid = sheet(1, 2, 2.9, caption, width_ratios=(1.7, 1), wspace=0.72)
    left, right = grid[0]
    ranked = table[table["quality"] == "logistic"].sort_values(["noise", "comparisons"])
    names = list(dict.fromkeys(ranked.sort_values("comparisons")["topology"]))
    ends: Ends = []
    for place, (noise, rows) in enumerate(ranked.groupby("noise")):
        for name, one in rows.groupby("topology"):
            mark = MARKERS[names.index(str(name))]
            line(left, one, "comparisons", "tau", "_", place, error="tau_se", marker=mark, markersize=5)
        ends.append((float(rows["tau"].iloc[-1]), f"noise {noise:g}", THEME.palette[place]))
    for place, name in enumerate(names):
        left.plot([], [], MARKERS[place], color=THEME.soft, markersize=5, label=_words(name))
    ticks(left, "x", (15, 30, 60, 120), log=2)
    left.set_xlim(13, 135)
    left.set_ylim(0, 1.03)
    label_ends(left, ends, gap=0.055, ceiling=1.0)
    title(left, "how well the ranks fit the qualities")
    finish(left, "comparisons per group of 16", "Kendall's tau")
    legend(left, loc="lower right", handlelength=1, ncols=2)
    _equals(right, table[table["quality"] == "equal"].set_index("topology").loc[names[::-1]])
    return figure


def _equals(axes: Axes, rows: pd.DataFrame) -> None:
    axes.barh(range(len(rows)), rows["mean_abs"], height=0.55, color=THEME.bar, linewidth=0)
    axes.set_yticks(range(len(rows)), [_words(name) for name in rows.index], fontsize=8)
    axes.set_xlim(0, 1)
    title(axes, "mean |A| among equals")
    axes.set_xlabel("mean |A| (noise 1)", fontsize=8.5)
    dress(axes, THEME, "x")
    axes.tick_params(axis="y", length=0, labelcolor=THEME.ink)


def _words(name: str) -> str:
    return name.replace("_", " ")
