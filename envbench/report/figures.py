"""Figures by name. Adding one is adding one function with `@figure` below, or an entry to `credit_figures.FIGURES`.

Figures of credit methods are computed from scratch. The others read what is committed: metric rows in
`baselines/<method>/results/NAME.parquet` (or `.jsonl`), made by the sweep file `baselines/<method>/sweeps/NAME.toml`,
and the tables of studies beside the cards, such as `envs/webshop/leak.csv`.
"""

from __future__ import annotations

import importlib
import importlib.util
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

import pandas as pd
from matplotlib.figure import Figure

from envbench.cards import home
from envbench.compare import label_of
from envbench.errors import DataCorrupt, InvalidValue, MissingExtra, UnknownName
from envbench.report import fidelity, fidelity_board
from envbench.report.credit_figures import DPI, CreditFigure
from envbench.report.credit_figures import FIGURES as CREDIT_FIGURES
from envbench.report.curves import at_own_rate, curves_table, rates_table
from envbench.report.leak import leak_plot
from envbench.report.load import labelled_methods, metric_row
from envbench.report.page import csv, write_file
from envbench.report.plots import LIGHT, curves_plot, rates_plot, render


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


@figure("webshop-leak", "WebShop's usual set-up: test goals that are trained on, and observations that are no states")
def webshop_leak() -> Drawn:
    path = home() / "envs" / "webshop" / "leak.csv"
    try:
        rows = pd.read_csv(path)
    except (OSError, ValueError) as error:
        raise DataCorrupt(f"{_short(path)} cannot be read ({error}); run scripts/webshop_leak.py --pin") from None
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
    """Return the committed metric rows of these methods as the frame that `Loaded.metrics` is.

    Raises:
        InvalidValue: when there are none here.
        DataCorrupt: for a file that cannot be read, or whose sweep file is missing.
        MissingExtra: without torch, which reading a sweep file needs.
    """
    if importlib.util.find_spec("torch") is None:
        raise MissingExtra("reading a sweep file", "train", "torch")
    sweep, results = (importlib.import_module(f"envbench.{name}") for name in ("sweep", "sweep_results"))
    rows: list[dict[str, Any]] = []
    for path in sorted(path for path in home().glob("baselines/*/results/*") if path.suffix in _SUFFIXES):
        file = path.parents[1] / "sweeps" / f"{path.stem}.toml"
        if not file.is_file():
            raise DataCorrupt(f"{_short(path)} has no sweep file {_short(file)}; bring it back from the repository")
        config = sweep.sweep_plan(sweep.read_sweep(file)).config
        use = {seed: name for name in ("selection", "report") for seed in config[f"{name}_seeds"]}
        kept = [row for row in results.read_results(path) if row.get("method") in methods]
        rows += [metric_row(_short(path), row, label_of(config, row), use, config) for row in kept]
    if not rows:
        raise InvalidValue(
            f"no results of {', '.join(methods)} in {home() / 'baselines'}: a wheel leaves them out, use a checkout"
        )
    return labelled_methods(rows)


_SUFFIXES = (".parquet", ".jsonl")


def _short(path: Path) -> str:
    return path.relative_to(home()).as_posix()
