"""Paired comparisons between methods of a sweep, and between two evaluations."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import combinations
from math import fsum
from typing import Any, Literal, NamedTuple, TypeAlias

import numpy as np

from envbench.errors import InvalidValue, UnknownName
from envbench.hashing import encode
from envbench.runs import Run
from envbench.seeding import derive_seed
from envbench.stats import Comparison, Interval, aligned, bootstrap, holm, least_p, paired

Measure: TypeAlias = Literal["area", "final", "test"]
Values: TypeAlias = dict[tuple[str, str, float], dict[str, float]]  # (scale, label, rate) -> seed -> measure

MEASURES: Mapping[Measure, str] = {
    "area": "success on the training panel, mean over the logged iterations",
    "final": "success on the training panel, last tenth of the logged iterations",
    "test": "success on held-out tasks after the last iteration, rates chosen by validation",
}
OWN = ("methods", "title", "reference")  # keys in which sweeps may differ that are compared with each other
BUDGET = {
    "env_steps": "env steps",
    "policy_tokens": "policy tokens",
    "wall_seconds": "seconds (of its machine)",
}  # of a metric row


@dataclass(frozen=True, slots=True)
class Standing:
    """One method of a sweep, at one advantage scale.

    Attributes:
        scale, method: which.
        learning_rate: the best one on the selection seeds.
        edge: `lowest` or `highest` where that rate ends the grid, so that a better one may lie outside; else "".
        selection: mean of the measure on the selection seeds at that rate.
        report: mean over the report seeds, with its interval.
        rates: mean at every rate of the grid: over the report seeds, or where these ran at the best rate alone over
            the selection seeds.
        budget: what a run cost until its last logged iteration, mean over the report seeds, by column of `BUDGET`;
            without those that the rows lack. `wall_seconds` is of the machine that ran it.
    """

    scale: str
    method: str
    learning_rate: float
    edge: str
    selection: float
    report: Interval
    rates: dict[float, float]
    budget: dict[str, float]


@dataclass(frozen=True, slots=True)
class Duel:
    """Two sides on one panel; `comparison.difference` is of `a` minus `b`, `context` the scale or the column."""

    context: str
    a: str
    b: str
    comparison: Comparison

    @property
    def verdict(self) -> str:
        """`<name> better` or `not distinguishable`."""
        verdict = self.comparison.verdict
        return {"a better": f"{self.a} better", "b better": f"{self.b} better"}.get(verdict, verdict)


def too_few(duels: Sequence[Duel]) -> str:
    """Return one line where the seeds are too few for any verdict on the duels of a scale, "" where they are not.

    The least p-value of a sign-flip test, times the duels of a scale (Holm), is then above the level of the test.
    """
    for context in dict.fromkeys(duel.context for duel in duels):
        gaps = [duel.comparison.difference for duel in duels if duel.context == context]
        seeds = min(gap.units for gap in gaps)
        least = min(len(gaps) * least_p(seeds), 1.0)
        if least > 1.0 - gaps[0].confidence:
            return (
                f"{seeds} seeds cannot tell any of {len(gaps)} pairs apart: p is at least {least:.3f} when "
                "adjusted. Read the intervals; a verdict takes more seeds, or fewer pairs (`reference`)"
            )
    return ""


class SweepTable(NamedTuple):
    """A sweep's resolved configuration and metric rows, and the words for it in messages."""

    name: str
    config: Mapping[str, Any]
    rows: Sequence[Mapping[str, Any]]


def compare_sweeps(
    runs: Sequence[Run], measure: Measure | None = None, seed: int = 0, reference: str = ""
) -> tuple[list[Standing], list[Duel]]:
    """Compare the methods of sweeps that differ in their methods alone; see `compare_tables`.

    Raises:
        RunUnreadable: for an unfinished or damaged run.
    """
    tables = [SweepTable(str(run.path), run.config, run.metrics()) for run in runs]
    return compare_tables(tables, measure, seed, reference)


def compare_tables(
    tables: Sequence[SweepTable], measure: Measure | None = None, seed: int = 0, reference: str = ""
) -> tuple[list[Standing], list[Duel]]:
    """Compare the methods of sweeps that differ in their methods alone.

    A run's `area` is the mean success over its logged iterations, `final` that of the last tenth of them (at least
    one), both on the training panel; `test` (of a language model) is success on the test panel after the last
    iteration, with rates chosen by the mean of `val_success` over the iterations. The best rate of a method is the one
    of the highest mean on the selection seeds (the lowest of equal ones), by area where the report seeds ran at that
    rate alone; the duels are paired by report seed, each method at its best rate, with p-values adjusted for the number
    of duels at that scale (Holm).

    Args:
        tables: the sweeps.
        measure: of a run; `measure_of` the first sweep when None.
        seed: root of the resampling.
        reference: label of the method that each other one duels with; by default that of the first sweep, and where
            it names none, all pairs duel.

    Raises:
        InvalidValue: for sweeps of different settings, or two methods with one label.
        UnknownName: for another measure, or a reference that is no method.
    """
    first = tables[0].config
    measure = measure or measure_of(first)
    if measure not in MEASURES:
        raise UnknownName("measure", measure, MEASURES)
    if measure == "test" and measure_of(first) != "test":
        raise InvalidValue(
            "measure 'test' is of language models with test_tasks, a table knows no other tasks: use area or final"
        )
    reference = reference or str(first.get("reference", ""))
    values: Values = {}
    spent: dict[tuple[str, str, float], dict[str, dict[str, float]]] = {}
    for table in tables:
        _check_comparable(tables[0], table)
        for key, by_seed in _measured(table, measure).items():
            if key in values:
                raise InvalidValue(f"two sweeps hold a method {key[1]!r}: give one of them another label")
            values[key] = by_seed
        spent.update(_spent(table))
    selection, report = ([str(one) for one in first[f"{use}_seeds"]] for use in ("selection", "report"))
    standings: list[Standing] = []
    duels: list[Duel] = []
    for scale in dict.fromkeys(key[0] for key in values):
        labels = list(dict.fromkeys(label for of, label, _ in values if of == scale))
        here = [_standing(values, spent, scale, label, selection, report, seed) for label in labels]
        standings += here
        duels += _duels(values, here, report, seed, reference)
    return standings, duels


def best_rates(table: SweepTable) -> dict[tuple[str, str], float]:
    """Return the best rate of each (scale, label): the highest mean area on the selection seeds, the lowest of equals.

    Args:
        table: rows of the report seeds may be missing.
    """
    values, found = _measured(table, measure_of(table.config)), dict[tuple[str, str], float]()
    for scale, label in dict.fromkeys(key[:2] for key in values):
        found[scale, label] = _best(
            _chosen(values, scale, label, [str(one) for one in table.config["selection_seeds"]])
        )
    return found


def _chosen(values: Values, scale: str, label: str, selection: Sequence[str]) -> dict[float, float]:
    """Return the mean of the selection seeds by rate, ascending."""
    grid = sorted(rate for of, name, rate in values if (of, name) == (scale, label))
    return {rate: float(np.mean([values[scale, label, rate][one] for one in selection])) for rate in grid}


def _best(chosen: Mapping[float, float]) -> float:
    return max(chosen, key=lambda rate: (chosen[rate], -rate))


def _check_comparable(first: SweepTable, other: SweepTable) -> None:
    for name in sorted((first.config.keys() | other.config.keys()) - set(OWN)):
        if first.config.get(name) != other.config.get(name):
            raise InvalidValue(f"{first.name} and {other.name} differ in {name}: compare sweeps of one setting")


def _measured(table: SweepTable, measure: Measure) -> Values:
    curves: dict[tuple[str, str, float, str], list[float]] = defaultdict(list)
    chosen_on = {str(one) for one in table.config["selection_seeds"]}
    for (scale, label, rate), row in _keyed(table):
        seed = str(row["seed"])
        column = "success" if measure != "test" else "val_success" if seed in chosen_on else "test_success"
        if row.get(column) is not None:
            curves[scale, label, rate, seed].append(row[column])
    values: Values = defaultdict(dict)
    for (scale, label, rate, seed), success in curves.items():
        kept = success[-max(1, len(success) // 10) :] if measure == "final" else success
        values[scale, label, rate][seed] = fsum(kept) / len(kept)
    return dict(values)


def measure_of(config: Mapping[str, Any]) -> Measure:
    """Return the measure by which a sweep is compared where none is named: `test` where there was one."""
    return "test" if (config.get("lm") or {}).get("test_tasks") else "area"


def _keyed(table: SweepTable) -> Iterator[tuple[tuple[str, str, float], Mapping[str, Any]]]:
    """Yield ((scale, label, rate), row) for every row."""
    label = labeller(table.config)
    for row in table.rows:
        yield (row["advantage_scale"], label(row), row["learning_rate"]), row


def labeller(config: Mapping[str, Any]) -> Callable[[Mapping[str, Any]], str]:
    """Return what tells the label that a sweep with this configuration gives the method of a metric row.

    It raises `UnknownName` for a row of another sweep.
    """
    labels = {(one["name"], encode(one.get("options", {})).decode()): str(one["label"]) for one in config["methods"]}

    def label(row: Mapping[str, Any]) -> str:
        name = row["method"], row["options"]
        if name not in labels:
            raise UnknownName("method of the sweep", row["method"], labels.values())
        return labels[name]

    return label


def _spent(table: SweepTable) -> dict[tuple[str, str, float], dict[str, dict[str, float]]]:
    """Return what each run had cost in its last row: (scale, label, rate) -> seed -> column of `BUDGET` -> value."""
    spent: dict[tuple[str, str, float], dict[str, dict[str, float]]] = defaultdict(dict)
    for key, row in _keyed(table):  # those of a run are in order, so that the last one stays
        spent[key][str(row["seed"])] = {name: row[name] for name in BUDGET if name in row}
    return dict(spent)


def _standing(
    values: Values,
    spent: Mapping[tuple[str, str, float], Mapping[str, Mapping[str, float]]],
    scale: str,
    label: str,
    selection: Sequence[str],
    report: Sequence[str],
    seed: int,
) -> Standing:
    chosen = _chosen(values, scale, label, selection)
    grid = list(chosen)
    reported = {
        rate: [by_seed[one] for one in report]
        for rate in grid
        if set(report) <= (by_seed := values[scale, label, rate]).keys()
    }
    best = _best({rate: chosen[rate] for rate in reported})
    edge = "" if len(grid) < 2 else {grid[0]: "lowest", grid[-1]: "highest"}.get(best, "")
    interval = bootstrap(reported[best], rng=derive_seed(seed, "standing", scale, label), unit="seed")
    complete = len(reported) == len(grid)
    rates = {rate: float(np.mean(reported[rate])) for rate in grid} if complete else chosen
    costs = [spent[scale, label, best][one] for one in report]
    budget = {name: float(np.mean([one[name] for one in costs])) for name in costs[0]}
    return Standing(scale, label, best, edge, chosen[best], interval, rates, budget)


def _duels(
    values: Values, standings: Sequence[Standing], report: Sequence[str], seed: int, reference: str
) -> list[Duel]:
    duels = []
    for a, b in _pairs(standings, reference):
        sides = [{one: values[side.scale, side.method, side.learning_rate][one] for one in report} for side in (a, b)]
        _, left, right = aligned(*sides)
        rng = derive_seed(seed, "duel", a.scale, a.method, b.method)
        duels.append(Duel(a.scale, a.method, b.method, paired(left, right, rng=rng, unit="seed")))
    if not duels:
        return []
    adjusted = holm([duel.comparison.p_value for duel in duels])
    return [
        replace(duel, comparison=replace(duel.comparison, p_value=float(p)))
        for duel, p in zip(duels, adjusted, strict=True)
    ]


def _pairs(standings: Sequence[Standing], reference: str) -> Iterable[tuple[Standing, Standing]]:
    if not reference:
        return combinations(standings, 2)
    by_label = {one.method: one for one in standings}
    if reference not in by_label:
        raise UnknownName("reference", reference, by_label)
    return [(one, by_label[reference]) for one in standings if one.method != reference]


def compare_evals(a: Run, b: Run, seed: int = 0) -> list[Duel]:
    """Compare two evaluations on one panel, paired by (task, trial), clusters of tasks resampled.

    Every episode of the plan counts, also those that ended in an error: success False, score as stored.

    Raises:
        InvalidValue: when the panels, tasks or trials differ.
        RunUnreadable: for an unfinished or damaged run.
    """
    if a.config["panel"]["sha256"] != b.config["panel"]["sha256"]:
        raise InvalidValue(
            f"{a.path} and {b.path} are on different panels ({a.config['panel']['id']}, {b.config['panel']['id']}): "
            f"evaluate both on the same tasks"
        )
    names = [_eval_name(run) for run in (a, b)]
    if names[0] == names[1]:
        names = [f"{name} ({run.path})" for name, run in zip(names, (a, b), strict=True)]
    tables = [{f"{row['task']} {row['trial']}": row for row in run.episodes()} for run in (a, b)]
    duels = []
    for column in ("success", "score", "episode_return"):
        keys, left, right = aligned(*({key: float(row[column]) for key, row in rows.items()} for rows in tables))
        clusters = [tables[0][key]["cluster"] for key in keys]
        rng = derive_seed(seed, "evals", column)
        duels.append(Duel(column, names[0], names[1], paired(left, right, clusters, rng=rng)))
    return duels


def _eval_name(run: Run) -> str:
    agent = run.config["agent"]
    model = agent.get("options", {}).get("model")
    return f"{agent['name']} {model}" if model else str(agent["name"])


def bounds(interval: Interval) -> str:
    """Return the bounds of an interval as text."""
    return f"[{interval.low:.3f}, {interval.high:.3f}]" if interval.known else "unknown"
