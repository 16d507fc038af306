"""What the figures of credit methods share: a row of panels over a caption, and lines with intervals."""

from __future__ import annotations

import textwrap
from typing import Any

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import FixedLocator, FuncFormatter, NullLocator

from envbench.report.plots import DASHES, LIGHT, dress, new_figure

THEME = LIGHT
GREY = 6  # place of the neutral colour in the palette
MARKERS = ("o", "s", "^", "D", "v", "P", "X")
Z = 1.96  # standard errors to either side of a 95 % interval
_LINE = 0.135  # inches of a line of the caption


def sheet(
    rows: int, columns: int, height: float, caption: str, *, left: float = 0.1, right: float = 0.985,
    top: float = 0.3, wspace: float = 0.28, hspace: float = 0.5, **grid: Any,
) -> tuple[Figure, Any]:  # fmt: skip
    """Return a figure and its axes [rows, columns]; `height` and `top` are inches, of the panels and above them."""
    lines = textwrap.wrap(" ".join(caption.split()), 136, break_on_hyphens=False)
    below = 0.5 + _LINE * len(lines) + 0.12
    whole = top + height + below
    figure, axes = new_figure(rows, columns, whole, THEME, **grid)
    figure.subplots_adjust(
        left=left, right=right, top=1 - top / whole, bottom=below / whole, wspace=wspace, hspace=hspace
    )
    figure.text(0.012, 0.06 / whole, "\n".join(lines), fontsize=7, color=THEME.soft, va="bottom", linespacing=1.25)
    return figure, axes


def title(axes: Axes, text: str) -> None:
    """Write a panel's title."""
    axes.set_title(text, loc="left", fontsize=9, fontweight="bold", color=THEME.ink, pad=6)


def line(
    axes: Axes, rows: pd.DataFrame, x: str, y: str, label: str, place: int, *, error: str | None = None, dash: int = 0,
    **style: Any,
) -> None:  # fmt: skip
    """Draw a line with marks and 95 % bars; `place` chooses colour and mark, `error` names the standard errors."""
    given: dict[str, Any] = {"marker": MARKERS[place % len(MARKERS)], "markersize": 3.8, "linewidth": 1.4}
    bars = None if error is None else Z * rows[error].to_numpy(float)
    axes.errorbar(
        rows[x].to_numpy(float), rows[y].to_numpy(float), yerr=bars, label=label, elinewidth=1, capsize=1.8,
        color=THEME.palette[place % len(THEME.palette)], linestyle=DASHES[dash % len(DASHES)], **{**given, **style},
    )  # fmt: skip


def legend(axes: Axes, **options: Any) -> None:
    """Add a plain legend."""
    given: dict[str, Any] = {"frameon": False, "fontsize": 7.5, "labelcolor": THEME.ink, "handlelength": 2.2}
    axes.legend(**{**given, "borderaxespad": 0.3, "labelspacing": 0.3, **options})


def top_legend(figure: Figure, axes: Axes, columns: int) -> None:
    """Put the legend of `axes` above all panels."""
    handles, labels = axes.get_legend_handles_labels()
    figure.legend(
        handles, labels, loc="upper left", bbox_to_anchor=(0.02, 1.0), ncols=columns, frameon=False, fontsize=7.5,
        labelcolor=THEME.ink, columnspacing=1.2, handlelength=2, labelspacing=0.3,
    )  # fmt: skip


def note(
    axes: Axes, text: str, spot: tuple[float, float], shift: tuple[float, float], place: int, side: str = "center"
) -> None:
    """Write beside a mark, in its colour; `shift` in points."""
    options: Any = {"ha": side, "fontsize": 7, "textcoords": "offset points", "annotation_clip": False}
    axes.annotate(text, spot, shift, color=THEME.palette[place], **options)


def ticks(axes: Axes, which: str, values: Any, log: int | None = None) -> None:
    """Put ticks at values and nowhere else, on a logarithmic scale of base `log` if there is one."""
    if log is not None:
        (axes.set_xscale if which == "x" else axes.set_yscale)("log", base=log)
    axis = axes.xaxis if which == "x" else axes.yaxis
    axis.set_major_locator(FixedLocator(np.asarray(values, np.float64).tolist()))
    axis.set_minor_locator(NullLocator())
    axis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))


def percent(axes: Axes, which: str = "y") -> None:
    """Write shares in percent."""
    axis = axes.xaxis if which == "x" else axes.yaxis
    axis.set_major_formatter(FuncFormatter(lambda value, _: f"{100 * value:g} %"))


def finish(axes: Axes, x: str, y: str) -> None:
    """Name the axes and dress them."""
    axes.set_xlabel(x, fontsize=8.5)
    axes.set_ylabel(y, fontsize=8.5)
    dress(axes, THEME, "y")
