"""Plots of the tables that `agents` and `curves` make. Only matplotlib's objects are used, no pyplot state.

Colours are Okabe and Ito's, told apart by readers who see red and green alike; lines are labelled where they end.
"""

from __future__ import annotations

import io
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, Literal, TypeAlias

import matplotlib as mpl
import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.ticker import FixedLocator, FuncFormatter, MaxNLocator, NullLocator

from envbench.report.curves import scale_words

DASHES = ("-", (0, (5, 1.6)), (0, (1.2, 1.2)))
WIDTH = 7.2  # inches

Ends: TypeAlias = list[tuple[float, str, str]]  # height, text and colour of the label beside a line
_SETTINGS: Any = {"svg.hashsalt": "envbench", "svg.fonttype": "path", "font.family": ["DejaVu Sans"], "font.size": 9.0}


@dataclass(frozen=True, slots=True)
class Theme:
    """Colours of one rendition."""

    name: str
    ink: str
    soft: str
    grid: str
    ground: str
    bar: str
    palette: tuple[str, ...]


LIGHT = Theme(
    "light", "#1a1a1a", "#5c5c5c", "#e3e3e3", "#ffffff", "#5ba4cf",
    ("#0072b2", "#d55e00", "#009e73", "#cc79a7", "#b8860b", "#56b4e9", "#333333"),
)  # fmt: skip
DARK = Theme(
    "dark", "#ededed", "#a9a9a9", "#3a3d42", "#17191c", "#2f6f9f",
    ("#56b4e9", "#ff8a3d", "#2fd0a0", "#e6a0c8", "#e6b422", "#9fd3f2", "#d0d0d0"),
)  # fmt: skip


@contextmanager
def settled() -> Iterator[None]:
    """Draw with matplotlib's own defaults and ours, whatever a `matplotlibrc` says; put everything back afterwards."""
    with mpl.rc_context():
        mpl.rcdefaults()
        mpl.rcParams.update(_SETTINGS)
        yield


@settled()
def render(figure: Figure, kind: Literal["png", "svg"], dpi: int = 160) -> bytes:
    """Return a figure as bytes that depend on nothing but the figure: no date, fixed ids."""
    buffer = io.BytesIO()
    metadata: dict[str, Any] = {"Software": None} if kind == "png" else {"Date": None, "Creator": "envbench"}
    FigureCanvasAgg(figure)
    figure.savefig(buffer, format=kind, dpi=dpi, metadata=metadata, facecolor=figure.get_facecolor())
    return buffer.getvalue()


def new_figure(rows: int, columns: int, height: float, theme: Theme, **grid: Any) -> tuple[Figure, Any]:
    """Return a figure of the common width, and its axes [rows, columns]; `grid` goes to `subplots`."""
    figure = Figure(figsize=(WIDTH, height), facecolor=theme.ground)
    return figure, figure.subplots(rows, columns, squeeze=False, **grid)


def dress(axes: Axes, theme: Theme, grid: Literal["x", "y"]) -> None:
    """Give axes the theme's colours, with grid lines across `grid` only."""
    axes.set_facecolor(theme.ground)
    for side, spine in axes.spines.items():
        spine.set_visible(side == "bottom" or (side == "left" and grid == "y"))
        spine.set_color(theme.soft)
        spine.set_linewidth(0.8)
    axes.tick_params(colors=theme.soft, labelsize=8, length=3)
    axes.grid(axis=grid, color=theme.grid, linewidth=0.8)
    axes.set_axisbelow(True)
    axes.xaxis.label.set_color(theme.ink)
    axes.yaxis.label.set_color(theme.ink)


@settled()
def agents_plot(agents: pd.DataFrame, theme: Theme = LIGHT) -> Figure:
    """Draw success and score of each agent as bars with their 95 % intervals, one row of panels per panel of tasks.

    Args:
        agents: from `agents.agents_table`, with the column `group` (letters).
        theme: colours.
    """
    panels = list(dict.fromkeys(agents["panel"]))
    sizes = [int((agents["panel"] == panel).sum()) for panel in panels]
    heights = [0.3 * size + 0.75 for size in sizes]
    figure, grid = new_figure(
        len(panels), 2, sum(heights) + 0.35, theme, sharex=True, height_ratios=[0.3 * size for size in sizes]
    )
    for row, panel in zip(grid, panels, strict=True):
        rows = agents[agents["panel"] == panel].iloc[::-1]
        for axes, measure in zip(row, ("success", "score"), strict=True):
            _bars(axes, rows, measure, theme)
        row[0].set_yticks(range(len(rows)), [_shorten(label) for label in rows["agent"]], color=theme.ink)
        row[1].set_yticks(range(len(rows)), [""] * len(rows))
        row[0].set_title(_shorten(panel, 80), loc="left", fontsize=9.5, color=theme.ink, fontweight="bold", pad=8)
    for axes, name in zip(grid[-1], ("success rate", "mean score"), strict=True):
        axes.set_xlabel(f"{name} (0 to 1)")
    total = sum(heights) + 0.35
    left = 0.03 + label_width(_shorten(label) for label in agents["agent"])
    figure.subplots_adjust(left=left, right=0.97, top=1 - 0.4 / total, bottom=0.55 / total, wspace=0.08, hspace=0.5)
    return figure


def _bars(axes: Axes, rows: pd.DataFrame, measure: str, theme: Theme) -> None:
    values, low, high = (rows[name].to_numpy(float) for name in (measure, f"{measure}_low", f"{measure}_high"))
    places = np.arange(len(rows))
    axes.barh(places, values, height=0.58, color=theme.bar, linewidth=0)
    known = ~np.isnan(low)
    errors = np.abs(np.vstack([values - low, high - values]))[:, known]
    axes.errorbar(values[known], places[known], xerr=errors, fmt="none", ecolor=theme.ink, elinewidth=1.1, capsize=2.5)
    ends = np.where(known, high, values)
    for place, value, end in zip(places, values, ends, strict=True):
        axes.annotate(
            f"{value:.2f}", (end, place), (5, 0), textcoords="offset points", va="center", fontsize=8, color=theme.ink
        )
    axes.set_xlim(0, 1.13)
    axes.set_ylim(-0.6, len(rows) - 0.4)
    axes.xaxis.set_major_locator(FixedLocator([0, 0.25, 0.5, 0.75, 1]))
    axes.xaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))
    dress(axes, theme, "x")
    axes.tick_params(axis="y", length=0)


@settled()
def curves_plot(curves: pd.DataFrame, theme: Theme = LIGHT, measure: str = "success") -> Figure:
    """Draw learning curves with their 95 % bands: a row per panel of tasks, a column per advantage scale.

    Args:
        curves: from `curves.curves_table`.
        theme: colours.
        measure: name on the axis.
    """
    styles = line_styles(list(curves["method"]), theme)

    def draw(axes: Axes, rows: pd.DataFrame) -> Ends:
        ends = []
        for method, line in rows.groupby("method", sort=True):
            style = styles[str(method)]
            x, mean = line["iteration"].to_numpy(float), line["mean"].to_numpy(float)
            axes.plot(x, mean, linewidth=1.6, solid_capstyle="round", marker="o" if len(x) == 1 else "", **style)
            if line["low"].notna().all():
                low, high = line["low"].to_numpy(float), line["high"].to_numpy(float)
                axes.fill_between(x, low, high, color=style["color"], alpha=0.18, linewidth=0)
            ends.append(
                (float(mean[-1]), f"{_shorten(str(method))}  lr {line['learning_rate'].iloc[0]:g}", style["color"])
            )
        axes.set_xlim(rows["iteration"].min(), max(rows["iteration"].max(), rows["iteration"].min() + 1))
        axes.xaxis.set_major_locator(MaxNLocator(5, integer=True))
        return ends

    figure, grid = _multiples(curves, theme, draw)
    for axes in grid[-1]:
        axes.set_xlabel("iteration")
    for row in grid:
        row[0].set_ylabel(f"{measure}, training panel")
    return figure


@settled()
def rates_plot(rates: pd.DataFrame, theme: Theme = LIGHT, measure: str = "success") -> Figure:
    """Draw the final value against the learning rate; a ring marks the rate that the selection seeds chose.

    Args:
        rates: from `curves.rates_table`.
        theme: colours.
        measure: name on the axis.
    """
    styles = line_styles(list(rates["method"]), theme)

    def draw(axes: Axes, rows: pd.DataFrame) -> Ends:
        ends = []
        lines = list(rows.groupby("method", sort=True))
        for index, (method, line) in enumerate(lines):
            style = styles[str(method)]
            x, value = line["learning_rate"].to_numpy(float), line["final"].to_numpy(float)
            x = x * 1.05 ** (index - (len(lines) - 1) / 2)  # side by side, so that no interval hides another
            low, high = line["final_low"].to_numpy(float), line["final_high"].to_numpy(float)
            axes.plot(x, value, linewidth=1.4, marker="o", markersize=3.5, **style)
            known = ~np.isnan(low)
            axes.vlines(x[known], low[known], high[known], color=style["color"], linewidth=1.2, alpha=0.7)
            chosen = line["chosen"].to_numpy(bool)
            axes.plot(
                x[chosen], value[chosen], "o", markersize=9, markerfacecolor="none", color=style["color"], clip_on=False
            )
            ends.append((float(value[-1]), _shorten(str(method)), style["color"]))
        every = sorted(float(rate) for rate in rows["learning_rate"].unique())
        axes.set_xscale("log", base=2)
        axes.set_xlim(every[0] / 1.25, every[-1] * 1.25)
        axes.xaxis.set_major_locator(FixedLocator(every))
        axes.xaxis.set_minor_locator(NullLocator())
        axes.xaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))
        return ends

    figure, grid = _multiples(rates, theme, draw)
    for axes in grid[-1]:
        axes.set_xlabel("learning rate (log scale)")
    for row in grid:
        row[0].set_ylabel(f"final {measure}, training panel")
    return figure


def _multiples(frame: pd.DataFrame, theme: Theme, draw: Callable[[Axes, pd.DataFrame], Ends]) -> tuple[Figure, Any]:
    """Draw one small plot per panel (rows) and advantage scale (columns) with equal axes; `draw` returns labels."""
    panels, scales = list(dict.fromkeys(frame["panel"])), sorted(set(frame["advantage_scale"]))
    height = 2.35 * len(panels) + 0.35
    figure, grid = new_figure(len(panels), len(scales), height, theme, sharey=True, sharex="row")
    labels: list[str] = []
    for row, panel in zip(grid, panels, strict=True):
        for axes, scale in zip(row, scales, strict=True):
            rows = frame[(frame["panel"] == panel) & (frame["advantage_scale"] == scale)]
            axes.set_ylim(0, 1)
            axes.yaxis.set_major_locator(FixedLocator([0, 0.25, 0.5, 0.75, 1]))
            axes.yaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))
            ends = draw(axes, rows) if len(rows) else []
            label_ends(axes, ends)
            labels += [text for _, text, _ in ends]
            dress(axes, theme, "y")
            axes.set_title(scale_words(scale), loc="left", fontsize=8.5, color=theme.soft, pad=5)
        row[0].annotate(
            _shorten(panel, 80), (0, 1), (0, 20), xycoords="axes fraction", textcoords="offset points",
            fontsize=9.5, fontweight="bold", color=theme.ink,
        )  # fmt: skip
    margin, left, count = label_width(labels), 0.09, len(scales)
    width = (1.0 - left - margin - (count - 1) * (margin + 0.02)) / count
    figure.subplots_adjust(
        left=left,
        right=1.0 - margin,
        top=1 - 0.45 / height,
        bottom=0.5 / height,
        wspace=(margin + 0.02) / width,
        hspace=0.62,
    )
    return figure, grid


def line_styles(labels: Sequence[str], theme: Theme) -> dict[str, dict[str, Any]]:
    """Return colour and dash per label: the same for a label in every plot of a report."""
    count = len(theme.palette)
    return {
        label: {"color": theme.palette[index % count], "linestyle": DASHES[index // count % len(DASHES)]}
        for index, label in enumerate(sorted(set(labels)))
    }


def label_ends(axes: Axes, ends: Ends, gap: float = 0.085, ceiling: float = 0.97) -> None:
    """Write each line's name beside its end, moved apart where they would overlap."""
    ordered = sorted(ends)
    blocks: list[tuple[float, int]] = []  # centre and number of labels that stand together, from below
    for value, _, _ in ordered:
        centre, count = min(value, ceiling), 1
        while blocks and blocks[-1][0] + (blocks[-1][1] + count) * gap / 2 > centre:
            below, others = blocks.pop()
            centre, count = (below * others + centre * count) / (others + count), others + count
            centre = min(centre, ceiling - (count - 1) * gap / 2)
        blocks.append((centre, count))
    places = [centre + (index - (count - 1) / 2) * gap for centre, count in blocks for index in range(count)]
    for place, (_, text, colour) in zip(places, ordered, strict=True):
        axes.annotate(
            text, (1, place), (5, 0), xycoords=("axes fraction", "data"), textcoords="offset points",
            va="center", fontsize=8, color=colour, annotation_clip=False,
        )  # fmt: skip


def label_width(labels: Iterable[str]) -> float:
    """Return about how much of a figure's width its longest label takes."""
    return max(map(len, labels), default=0) * 0.066 / WIDTH + 0.01


def _shorten(text: str, limit: int = 26) -> str:
    """Return one line of plain text; `$` would start a formula."""
    flat = " ".join(text.split()).replace("$", r"\$")
    return flat if len(flat) <= limit else flat[: limit - 1] + "…"
