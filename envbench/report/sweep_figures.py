"""Figures of a committed sweep of many methods: where each stands, and how it depends on the learning rate."""

from __future__ import annotations

import importlib
import importlib.util
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.colors import LinearSegmentedColormap
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.ticker import MaxNLocator

from envbench.cards import home
from envbench.compare import SweepTable, compare_tables
from envbench.errors import DataCorrupt, InvalidValue, MissingExtra
from envbench.report.curves import scale_words
from envbench.report.plots import LIGHT, Theme, dress, label_width, new_figure, settled

FOLDER = "all-methods"  # of `baselines/`
SETTINGS = {"sokoban": "Sokoban", "frozenlake": "FrozenLake", "bifurcation": "Bifurcation", "webshop": "WebShop"}
SUFFIXES = (".parquet", ".jsonl")
_VERDICTS = ("better", "not distinguishable", "worse")
_DASH = (0, (4, 2))


def committed_sweep(path: Path) -> SweepTable:
    """Return the sweep whose committed curves are at `path`, with the configuration of the sweep file beside them.

    Raises:
        DataCorrupt: for a file that cannot be read, or whose sweep file is missing.
        MissingExtra: without torch, which reading a sweep file needs.
    """
    if importlib.util.find_spec("torch") is None:
        raise MissingExtra("reading a sweep file", "train", "torch")
    sweep, results = (importlib.import_module(f"envbench.{name}") for name in ("sweep", "sweep_results"))
    file, name = path.parents[1] / "sweeps" / f"{path.stem}.toml", short(path)
    if not file.is_file():
        raise DataCorrupt(f"{name} has no sweep file {short(file)}; bring it back from the repository")
    return SweepTable(name, sweep.sweep_plan(sweep.read_sweep(file)).config, results.read_results(path))


def short(path: Path) -> str:
    """Return a path below `home()` in words."""
    return path.relative_to(home()).as_posix() if path.is_relative_to(home()) else path.as_posix()


def sweep_of(setting: str, of: str = FOLDER) -> SweepTable:
    """Return the committed sweep of a setting in a folder of `baselines/`; that of all methods by default.

    Raises:
        InvalidValue: when it is not here.
    """
    folder = home() / "baselines" / of / "results"
    for suffix in SUFFIXES:
        if (folder / f"{setting}{suffix}").is_file():
            return committed_sweep(folder / f"{setting}{suffix}")
    raise InvalidValue(f"no results of {setting} in {folder}: a wheel leaves them out, use a checkout")


def standings_frame(sweep: SweepTable) -> pd.DataFrame:
    """Return one row per advantage scale and method at its own rate, the best by raw advantages first.

    Columns: `scale`, `method`, `learning_rate`, `edge`, `success` with `low` and `high` (95 %), `difference` from the
    reference with `difference_low`, `difference_high`, `p` (Holm) and `verdict` (`better`, `worse`,
    `not distinguishable`, `reference`), `env_steps` and `policy_tokens` of a run.
    """
    standings, duels = compare_tables([sweep])
    against = {(duel.context, duel.a): duel for duel in duels}
    words = {"a better": "better", "b better": "worse"}
    rows = []
    for one in standings:
        row = {"scale": one.scale, "method": one.method, "learning_rate": one.learning_rate, "edge": one.edge}
        row |= {"success": one.report.estimate, "low": one.report.low, "high": one.report.high}
        duel = against.get((one.scale, one.method))
        gap = duel.comparison.difference if duel else None
        row |= {"difference": gap.estimate if gap else 0.0}
        row |= {"difference_low": gap.low if gap else 0.0, "difference_high": gap.high if gap else 0.0}
        row |= {"p": duel.comparison.p_value if duel else 1.0}
        verdict = duel.comparison.verdict if duel else "reference"
        rows.append(row | {"verdict": words.get(verdict, verdict), **one.budget})
    frame = pd.DataFrame(rows)
    first = frame["scale"].iloc[0]
    height = frame[frame["scale"] == first].set_index("method")["success"]
    frame["order"] = frame["method"].map(height)
    frame["scales"] = frame["scale"] != first
    ordered = frame.sort_values(["scales", "order", "method"], ascending=[True, False, True], ignore_index=True)
    return ordered.drop(columns=["order", "scales"])


def rates_frame(sweep: SweepTable) -> pd.DataFrame:
    """Return one row per advantage scale, method and rate: `success`, the mean that the rate is chosen by, `chosen`."""
    order = list(dict.fromkeys(standings_frame(sweep)["method"]))
    standings = sorted(compare_tables([sweep])[0], key=lambda one: order.index(one.method))
    return pd.DataFrame(
        {
            "scale": one.scale, "method": one.method, "learning_rate": rate, "success": value,
            "chosen": rate == one.learning_rate,
        }
        for scale in dict.fromkeys(one.scale for one in standings)
        for one in standings
        if one.scale == scale
        for rate, value in one.rates.items()
    )  # fmt: skip


@settled()
def standings_plot(
    frame: pd.DataFrame, title: str, theme: Theme = LIGHT, measure: str = "success, mean over the curve"
) -> Figure:
    """Draw each method as a dot with its 95 % interval, a panel for each advantage scale.

    Args:
        frame: from `standings_frame`.
        title: what the panel of tasks is called.
        theme: colours.
        measure: what is shown, in words.
    """
    scales, order = list(dict.fromkeys(frame["scale"])), list(dict.fromkeys(frame["method"]))[::-1]
    height = 0.185 * len(order) + 1.35
    figure, ((*panels,),) = new_figure(1, len(scales), height, theme, sharex=True)
    for axes, scale in zip(panels, scales, strict=True):
        rows = frame[frame["scale"] == scale].set_index("method").reindex(order)
        _dots(axes, rows, theme)
        axes.set_title(scale_words(scale), loc="left", fontsize=8.5, color=theme.soft, pad=4)
        axes.set_xlabel(measure, fontsize=8)
        axes.set_yticks(range(len(order)), order if axes is panels[0] else [""] * len(order), color=theme.ink)
        axes.tick_params(axis="y", length=0, labelsize=7.5)
    low, high = float(frame["low"].min()), float(frame["high"].max())
    panels[0].set_xlim(max(0.0, low - 0.06 * (high - low)), min(1.0, high + 0.06 * (high - low)))
    panels[0].xaxis.set_major_locator(MaxNLocator(5))
    reference = frame.loc[frame["verdict"] == "reference", "method"].iloc[0]
    style: dict[str, Any] = {"marker": "o", "markersize": 4, "linewidth": 1.4}
    marks = [Line2D([], [], color=_colour(word, theme), label=word, **style) for word in _VERDICTS]
    marks.insert(0, Line2D([], [], color=theme.palette[0], linewidth=1, linestyle=_DASH, label=reference))
    marks.append(
        Line2D([], [], color=theme.soft, marker="o", fillstyle="none", linestyle="", label="rate ends the grid")
    )
    figure.legend(
        handles=marks, loc="upper right", bbox_to_anchor=(0.985, 1 - 0.22 / height),
        ncols=5, frameon=False, fontsize=7.5, labelcolor=theme.ink, handlelength=1.6, columnspacing=1.2,
    )  # fmt: skip
    figure.text(0.015, 1 - 0.2 / height, title, fontsize=9.5, fontweight="bold", color=theme.ink, va="center")
    left = 0.02 + label_width(order) * 0.86
    figure.subplots_adjust(left=left, right=0.94, top=1 - 0.72 / height, bottom=0.5 / height, wspace=0.17)
    return figure


def _colour(verdict: str, theme: Theme) -> str:
    places = {"reference": 0, "worse": 1, "better": 2}
    return theme.palette[places[verdict]] if verdict in places else theme.soft


def _dots(axes: Axes, rows: pd.DataFrame, theme: Theme) -> None:
    reference = rows[rows["verdict"] == "reference"].iloc[0]
    axes.axvspan(reference["low"], reference["high"], color=theme.palette[0], alpha=0.12, linewidth=0)
    axes.axvline(reference["success"], color=theme.palette[0], linewidth=1, linestyle=_DASH, zorder=1)
    for place, (_, row) in enumerate(rows.iterrows()):
        colour = _colour(row["verdict"], theme)
        axes.hlines(place, row["low"], row["high"], color=colour, linewidth=1.4)
        axes.plot(
            row["success"], place, "o", markersize=4.2, color=colour,
            markerfacecolor=theme.ground if row["edge"] else colour,
        )  # fmt: skip
        times = row["env_steps"] / reference["env_steps"]
        if times >= 1.5:  # the budget is one of the learner's episodes, not of what is branched off them
            axes.annotate(
                f"{times:.0f}×" if times >= 10 else f"{times:.1f}×", (1, place), (3, 0), va="center", fontsize=6.5,
                xycoords=("axes fraction", "data"), textcoords="offset points", color=theme.soft, annotation_clip=False,
            )  # fmt: skip
    axes.annotate(
        "steps", (1, 1), (3, 4), xycoords="axes fraction", textcoords="offset points", fontsize=6.5, color=theme.soft
    )
    axes.set_ylim(-0.7, len(rows) - 0.3)
    dress(axes, theme, "x")
    axes.grid(axis="y", color=theme.grid, linewidth=0.5)


@settled()
def sensitivity_plot(frame: pd.DataFrame, title: str, theme: Theme = LIGHT) -> Figure:
    """Draw success over the learning rate as a table of colours, a panel for each advantage scale.

    Args:
        frame: from `rates_frame`.
        title: what the panel of tasks is called.
        theme: colours.
    """
    scales, order = list(dict.fromkeys(frame["scale"])), list(dict.fromkeys(frame["method"]))
    height = 0.185 * len(order) + 1.0
    figure, ((*panels,),) = new_figure(1, len(scales), height, theme)
    colours = LinearSegmentedColormap.from_list("success", [theme.ground, theme.palette[0]])
    most = 1.35 * float(frame["success"].max())  # full colour would hide the figures
    for axes, scale in zip(panels, scales, strict=True):
        wide = frame[frame["scale"] == scale].pivot_table(index="method", columns="learning_rate", values="success")
        chosen = frame[(frame["scale"] == scale) & frame["chosen"]].set_index("method")["learning_rate"]
        wide = wide.reindex(order)
        rates = list(wide.columns)
        axes.imshow(wide.to_numpy(), cmap=colours, vmin=0.0, vmax=most, aspect="auto", interpolation="nearest")
        for (line, column), value in np.ndenumerate(wide.to_numpy()):
            own = chosen[order[line]] == rates[column]
            axes.text(
                column, line, f"{value:.2f}".removeprefix("0"), ha="center", va="center", fontsize=6.3,
                color=theme.ink if own else theme.soft, fontweight="bold" if own else "normal",
            )  # fmt: skip
        dress(axes, theme, "x")
        axes.grid(visible=False)
        axes.set_xticks(range(len(rates)), [f"{rate:g}" for rate in rates], color=theme.ink)
        axes.set_yticks(range(len(order)), order if axes is panels[0] else [""] * len(order), color=theme.ink)
        axes.tick_params(length=0, labelsize=7.5)
        axes.set_title(scale_words(scale), loc="left", fontsize=8.5, color=theme.soft, pad=4)
        axes.set_xlabel("learning rate; bold: chosen", fontsize=8)
        for spine in axes.spines.values():
            spine.set_visible(False)
    figure.text(0.015, 1 - 0.17 / height, title, fontsize=9.5, fontweight="bold", color=theme.ink, va="center")
    left = 0.02 + label_width(order) * 0.86
    figure.subplots_adjust(left=left, right=0.985, top=1 - 0.52 / height, bottom=0.45 / height, wspace=0.05)
    return figure
