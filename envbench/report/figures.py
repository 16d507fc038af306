"""Figures by name. Adding one is adding one function with `@figure` below, or an entry to `credit_figures.FIGURES`.

Figures of credit methods are computed from scratch. The others read what is committed: metric rows in
`baselines/<method>/results/NAME.parquet` (or `.jsonl`), made by the sweep file `baselines/<method>/sweeps/NAME.toml`,
and the tables of studies beside the cards, such as `envs/webshop/leak.csv`.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

import pandas as pd
from matplotlib.figure import Figure

from envbench.cards import home
from envbench.compare import labeller
from envbench.errors import DataCorrupt, InvalidValue, UnknownName
from envbench.report import fidelity, fidelity_board
from envbench.report.credit_figures import DPI, CreditFigure
from envbench.report.credit_figures import FIGURES as CREDIT_FIGURES
from envbench.report.curves import at_own_rate, curves_table, rates_table
from envbench.report.leak import leak_plot
from envbench.report.load import labelled_methods, metric_row
from envbench.report.page import csv, write_file
from envbench.report.plots import LIGHT, curves_plot, rates_plot, render
from envbench.report.sweep_figures import (
    SETTINGS,
    SUFFIXES,
    committed_sweep,
    rates_frame,
    sensitivity_plot,
    short,
    standings_frame,
    standings_plot,
    sweep_of,
)


class Drawn(NamedTuple):
    """A figure, the table behind it, and the pixels per inch of its PNG."""

    figure: Figure
    table: pd.DataFrame
    dpi: int = 160


_FIGURES: dict[str, tuple[str, Callable[[], Drawn]]] = {}


def figure(name: str, about: str) -> Callable[[Callable[[], Drawn]], Callable[[], Drawn]]:
    """Register a figure under a name with one line about it."""

    def register(function: Callable[[], Drawn]) -> Callable[[], Drawn]:
        _FIGURES[name] = about, function
        return function

    return register


TABULAR = ("gigpo", "grpo", "reinforce", "rloo")


@figure("tabular-curves", "GRPO, GiGPO, RLOO, REINFORCE at their own best learning rates, raw and unit-RMS advantages")
def tabular_curves() -> Drawn:
    metrics = committed(TABULAR)
    curves = curves_table(at_own_rate(metrics, rates_table(metrics)))
    return Drawn(curves_plot(curves), curves)


@figure("tabular-rates", "the same methods' final success against the learning rate")
def tabular_rates() -> Drawn:
    rates = rates_table(committed(TABULAR))
    return Drawn(rates_plot(rates), rates)


def _standings(setting: str) -> Drawn:
    table = standings_frame(sweep_of(setting))
    return Drawn(standings_plot(table, SETTINGS[setting]), table, DPI)


def _sensitivity(setting: str) -> Drawn:
    table = rates_frame(sweep_of(setting))
    return Drawn(sensitivity_plot(table, SETTINGS[setting]), table, 92)


def _nano(name: str, words: str, measure: str) -> Drawn:
    table = standings_frame(sweep_of(name, "nano"))
    return Drawn(standings_plot(table, f"{words}, nano language model", measure=measure), table, DPI)


for _name, _words, _measure in (
    ("nano-sokoban", "Sokoban", "success on held-out rooms"),
    ("nano-webshop", "WebShop", "success on 64 training tasks, mean over the curve"),
):
    figure(_name, f"{_words}: every method at its own best rate, on a nano language model")(
        partial(_nano, _name, _words, _measure)
    )

for _name, _words in SETTINGS.items():
    figure(f"all-methods-{_name}", f"{_words}: every method at its own best rate")(partial(_standings, _name))
    figure(f"all-methods-{_name}-rates", f"{_words}: every method at every rate")(partial(_sensitivity, _name))


@figure("webshop-leak", "WebShop's usual set-up: test goals that are trained on, and observations that are no states")
def webshop_leak() -> Drawn:
    path = home() / "envs" / "webshop" / "leak.csv"
    try:
        rows = pd.read_csv(path)
    except (OSError, ValueError) as error:
        raise DataCorrupt(f"{short(path)} cannot be read ({error}); run scripts/webshop_leak.py --pin") from None
    return Drawn(leak_plot(rows), rows)


def _credit(one: CreditFigure) -> Drawn:
    table = one.table()
    return Drawn(one.figure(table), table, DPI)


for _name, _one in CREDIT_FIGURES.items():
    figure(_name, _one.about)(partial(_credit, _one))


def _fidelity(kind: str) -> Drawn:
    study = fidelity_board.committed()
    plot = next(plot for plot in fidelity.plots_of(study, fidelity_board.BOARD) if plot.name.endswith(f"-{kind}"))
    return Drawn(plot.draw(LIGHT), study.summary)


@figure("credit-fidelity", "every method's correlation with the true advantage, and its gradient's cosine")
def credit_fidelity() -> Drawn:
    return _fidelity("methods")


@figure("credit-fidelity-settings", "the same correlation in every setting")
def credit_fidelity_settings() -> Drawn:
    return _fidelity("settings")


@figure("credit-fidelity-group-size", "the same correlation over the size of the group")
def credit_fidelity_group_size() -> Drawn:
    return _fidelity("group-size")


@figure("credit-fidelity-axes", "the same correlation over aliasing, distance, delay, chance and other knobs")
def credit_fidelity_axes() -> Drawn:
    return _fidelity("axes")


@figure("credit-fidelity-skill", "the same correlation over the skill of the policy")
def credit_fidelity_skill() -> Drawn:
    return _fidelity("skill")


def known() -> dict[str, str]:
    """Return name -> one line."""
    return {name: about for name, (about, _) in sorted(_FIGURES.items())}


def draw(name: str, out: Path) -> list[Path]:
    """Write a figure; see `envbench.report.write_figure`."""
    if name not in _FIGURES:
        raise UnknownName("figure", name, _FIGURES)
    drawn = _FIGURES[name][1]()
    files = {f"{name}.png": render(drawn.figure, "png", drawn.dpi), f"{name}.svg": render(drawn.figure, "svg")}
    files[f"{name}.csv"] = csv(drawn.table)
    return [write_file(out / file, data) for file, data in files.items()]


def committed(methods: tuple[str, ...]) -> pd.DataFrame:
    """Return the committed metric rows of these methods, of their own folders, as the frame that `Loaded.metrics` is.

    Raises:
        InvalidValue: when there are none here.
        DataCorrupt, MissingExtra: as `committed_sweep`.
    """
    rows: list[dict[str, Any]] = []
    for path in sorted(path for name in methods for path in home().glob(f"baselines/{name}/results/*")):
        if path.suffix not in SUFFIXES:
            continue
        name, config, found = committed_sweep(path)
        label = labeller(config)
        use = {seed: name for name in ("selection", "report") for seed in config[f"{name}_seeds"]}
        kept = [row for row in found if row.get("method") in methods]
        rows += [metric_row(name, row, label(row), use, config) for row in kept]
    if not rows:
        raise InvalidValue(
            f"no results of {', '.join(methods)} in {home() / 'baselines'}: a wheel leaves them out, use a checkout"
        )
    return labelled_methods(rows)
