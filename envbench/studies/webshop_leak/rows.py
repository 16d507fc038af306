"""The table of the study: one estimate per row, as CSV."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from envbench.errors import DataCorrupt
from envbench.seeding import derive_seed
from envbench.stats import Interval, bootstrap
from envbench.studies import tables

ROOT = 0
"""Seed below which every draw of the study is derived."""


@dataclass(frozen=True, slots=True)
class Row:
    """One estimate, a share in 0..1 rounded to six digits.

    Attributes:
        dataset: of the card.
        part: `splits`, `prices` or `pages`.
        case: the set-up or the agent.
        groups: training groups, and so training seeds; 0 where there are none.
        measure: what the share is of.
        estimate, low, high: the share and its 95 % interval; NaN bounds where everything was counted.
        n: values behind it.
        unit: what was resampled, or `all`.
        units: their number.
    """

    dataset: str
    part: str
    case: str
    groups: int
    measure: str
    estimate: float
    low: float
    high: float
    n: int
    unit: str
    units: int


def sampled(
    dataset: str, part: str, case: str, measure: str, values: Any, *, unit: str, groups: int = 0, **by: Any
) -> Row:
    """Return the mean of `values` [n] with its bootstrap interval; `by` may hold `cluster`."""
    seed = derive_seed(ROOT, "webshop-leak", "bootstrap", dataset, part, case, groups, measure)
    found: Interval = bootstrap(values, rng=seed, unit=unit, **by)
    share, low, high = (round(number, 6) for number in (found.estimate, found.low, found.high))
    return Row(dataset, part, case, groups, measure, share, low, high, found.n, unit, found.units)


def counted(dataset: str, part: str, case: str, measure: str, share: float, n: int, groups: int = 0) -> Row:
    """Return a share that was counted over everything there is."""
    return Row(dataset, part, case, groups, measure, round(share, 6), math.nan, math.nan, n, "all", n)


def write_rows(rows: Iterable[Row]) -> str:
    """Return the rows as CSV; NaN is empty."""
    return tables.write_rows(rows, Row)


def read_rows(text: str) -> list[Row]:
    """Return the rows of `write_rows`.

    Raises:
        DataCorrupt: for another table.
    """
    return tables.read_rows(text, Row, "scripts/webshop_leak.py")


def find(rows: Sequence[Row], dataset: str, part: str, case: str, measure: str, groups: int = 0) -> Row:
    """Return the one row of this name.

    Raises:
        DataCorrupt: when the table lacks it.
    """
    for row in rows:
        if (row.dataset, row.part, row.case, row.measure, row.groups) == (dataset, part, case, measure, groups):
            return row
    raise DataCorrupt(
        f"the table has no row {dataset}, {part}, {case}, {measure}, {groups}; run scripts/webshop_leak.py"
    )
