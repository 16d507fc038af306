"""Plots of studies of credit against the truth, from the tables of `fidelity_tables`."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.colors import LinearSegmentedColormap
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.ticker import FixedLocator, FuncFormatter, MaxNLocator, NullLocator

from envbench.report.fidelity_tables import REFERENCES
from envbench.report.plots import LIGHT, Theme, dress, label_width, new_figure, settled

_COLUMNS = 3  # small plots beside each other


@settled()
def overview_plot(table: pd.DataFrame, theme: Theme = LIGHT) -> Figure:
    """Draw correlation and cosine of each method as dots with 95 % intervals; the references are lines.

    Args:
        table: from `fidelity_tables.standings`.
        theme: colours.
    """
    rows = table[~table["method"].isin(REFERENCES)].iloc[::-1]
    measures = [("pearson", "correlation with the true advantage")]
    if rows["cosine"].notna().any():
        measures.append(("cosine", "cosine with the exact gradient"))
    height = 0.21 * len(rows) + 0.95
    figure, ((*panels,),) = new_figure(1, len(measures), height, theme)
    for axes, (measure, title) in zip(panels, measures, strict=True):
        _dots(axes, rows, measure, theme)
        _reference_lines(axes, table, measure, theme)
        axes.set_xlabel(title)
        axes.set_yticks(range(len(rows)), rows["method"] if axes is panels[0] else [""] * len(rows), color=theme.ink)
    left = 0.02 + label_width(rows["method"])
    figure.subplots_adjust(left=left, right=0.975, top=1 - 0.3 / height, bottom=0.5 / height, wspace=0.13)
    return figure


def _dots(axes: Axes, rows: pd.DataFrame, measure: str, theme: Theme) -> None:
    values, low, high = (rows[name].to_numpy(float) for name in (measure, f"{measure}_low", f"{measure}_high"))
    places = np.arange(len(rows))
    known = ~np.isnan(low)
    axes.hlines(places[known], low[known], high[known], color=theme.palette[0], linewidth=1.4)
    axes.plot(values, places, "o", markersize=4, color=theme.palette[0])
    axes.set_ylim(-0.7, len(rows) - 0.3)
    dress(axes, theme, "x")
    axes.grid(axis="y", color=theme.grid, linewidth=0.5)
    axes.tick_params(axis="y", length=0, labelsize=8)


def _reference_lines(axes: Axes, table: pd.DataFrame, measure: str, theme: Theme) -> None:
    values = table.set_index("method")[measure]
    axes.set_xlim(min(0.0, float(values.min())) - 0.04, 1.04)
    axes.xaxis.set_major_locator(FixedLocator([0, 0.25, 0.5, 0.75, 1]))
    axes.xaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))
    for name in REFERENCES:
        axes.axvline(values[name], color=theme.palette[1], linewidth=1, linestyle=(0, (4, 2)), zorder=1)
        axes.annotate(
            name, (values[name], 1), (0, 3), xycoords=("data", "axes fraction"), textcoords="offset points",
            ha="center", fontsize=8, color=theme.palette[1],
        )  # fmt: skip


@settled()
def settings_plot(cells: pd.DataFrame, order: Sequence[str], theme: Theme = LIGHT) -> Figure:
    """Draw the correlation of each method in each setting as a table of colours.

    Args:
        cells: columns `setting`, `method`, `mean`; what was not judged is missing.
        order: methods from above.
        theme: colours.
    """
    names = list(dict.fromkeys(cells["setting"]))
    wide = cells.pivot_table(index="method", columns="setting", values="mean", sort=False).reindex(list(order))[names]
    values = wide.to_numpy(float)
    foot = 0.057 * max(map(len, names)) + 0.08
    height = 0.2 * len(order) + foot + 0.15
    figure, ((axes,),) = new_figure(1, 1, height, theme)
    colours = LinearSegmentedColormap.from_list("credit", [theme.palette[1], theme.ground, theme.palette[0]])
    most = 1.4 * float(np.nanmax(np.abs(values)))  # full colour would hide the figures
    axes.imshow(values, cmap=colours, vmin=-most, vmax=most, aspect="auto", interpolation="nearest")
    for (line, column), value in np.ndenumerate(values):
        digits = f"{value:.2f}".replace("0.", ".", 1).replace("-", "−")  # there is no room for more
        text = "·" if np.isnan(value) else digits
        axes.text(column, line, text, ha="center", va="center", fontsize=6, color=theme.ink)
    axes.set_xticks(range(len(names)), names, rotation=90, color=theme.ink)
    axes.set_yticks(range(len(order)), order, color=theme.ink)
    dress(axes, theme, "x")
    axes.grid(visible=False)
    axes.tick_params(length=0, labelsize=7)
    for spine in axes.spines.values():
        spine.set_visible(False)
    left = 0.01 + label_width(order) * 0.9
    figure.subplots_adjust(left=left, right=0.99, top=1 - 0.1 / height, bottom=foot / height)
    return figure


@settled()
def curves_plot(
    points: pd.DataFrame, by: tuple[str, str], names: Sequence[str], xlabel: str = "", theme: Theme = LIGHT
) -> Figure:
    """Draw the correlation over something: a small plot for each value of `by[0]`, a line for each method.

    Args:
        points: columns of `by`, `method`, `mean`, `low`, `high`.
        by: what the small plots stand for, and what is on the horizontal axis; group sizes are on a log scale.
        names: methods that are named, in the order of the legend; the others are thin lines in grey.
        xlabel: name of the horizontal axis; the small plot's own title where empty.
        theme: colours.
    """
    facets = list(dict.fromkeys(points[by[0]]))
    columns = min(_COLUMNS, len(facets))
    lines = -(-len(facets) // columns)
    height = 1.75 * lines + 0.75
    figure, grid = new_figure(lines, columns, height, theme, sharey=True)
    shown = points[~points["method"].isin(REFERENCES)]
    for axes, facet in zip(grid.flat, facets, strict=False):
        _lines(axes, shown[shown[by[0]] == facet], by[1], names, theme)
        dress(axes, theme, "y")
        axes.set_title(str(facet), loc="left", fontsize=9, fontweight="bold", color=theme.ink, pad=4)
        if xlabel:
            axes.set_xlabel(xlabel, fontsize=8)
    for axes in list(grid.flat)[len(facets) :]:
        axes.set_visible(False)
    grid[0, 0].set_ylim(min(0.0, float(shown["mean"].min())) - 0.03, min(1.02, float(shown["mean"].max()) + 0.08))
    for row in grid:
        row[0].set_ylabel("correlation", fontsize=8)
    handles = [Line2D([], [], color=_colour(theme, index), linewidth=2) for index in range(len(names))]
    handles.append(Line2D([], [], color=theme.soft, linewidth=0.8, alpha=0.6))
    figure.legend(
        handles, [*names, "other methods"], loc="upper left", bbox_to_anchor=(0.06, 1.0), ncols=4,
        frameon=False, fontsize=8, labelcolor=theme.ink, handlelength=1.4, columnspacing=1.4,
    )  # fmt: skip
    figure.subplots_adjust(
        left=0.085, right=0.985, top=1 - 0.75 / height, bottom=0.48 / height, wspace=0.1, hspace=0.62
    )
    return figure


def _colour(theme: Theme, index: int) -> str:
    return theme.palette[index % len(theme.palette)]


def _lines(axes: Axes, rows: pd.DataFrame, x: str, names: Sequence[str], theme: Theme) -> None:
    for method, line in rows.groupby("method", sort=True):
        if method not in names:
            axes.plot(line[x], line["mean"], color=theme.soft, linewidth=0.7, alpha=0.45)
    for index, name in enumerate(names):
        line = rows[rows["method"] == name]
        places, mean = line[x].to_numpy(float), line["mean"].to_numpy(float)
        colour = _colour(theme, index)
        axes.plot(places, mean, color=colour, linewidth=1.6, marker="o", markersize=3)
        if len(line) and line["low"].notna().all():
            low, high = line["low"].to_numpy(float), line["high"].to_numpy(float)
            axes.fill_between(places, low, high, color=colour, alpha=0.15, linewidth=0)
    every = sorted({float(value) for value in rows[x]})
    if x == "group_size":
        axes.set_xscale("log", base=2)
        axes.xaxis.set_minor_locator(NullLocator())
    if x == "success":
        axes.set_xlim(0.0, 1.0)
        axes.xaxis.set_major_locator(MaxNLocator(5))
    else:
        axes.xaxis.set_major_locator(FixedLocator(every))
    axes.xaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))


__all__ = ["curves_plot", "overview_plot", "settings_plot"]
