"""Estimates with their intervals."""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from numpy.typing import ArrayLike

from envbench.errors import InvalidValue
from envbench.stats.resample import (
    Estimator,
    Floats,
    Labels,
    Rng,
    check_resamples,
    draw,
    finite,
    generator_of,
    group_units,
    mean,
    quantile,
    resample,
    tails,
)


@dataclass(frozen=True, slots=True)
class Interval:
    """An estimate with its interval.

    Attributes:
        estimate: the point estimate.
        low: lower bound, NaN when unknown.
        high: upper bound, NaN when unknown.
        n: number of values (not of units).
        unit: what was resampled: `episode`, `cluster`, `seed`, ...
        method: `wilson`, `bootstrap` or `student`.
        confidence: nominal coverage, such as 0.95.
        units: number of units.
    """

    estimate: float
    low: float
    high: float
    n: int
    unit: str
    method: str
    confidence: float
    units: int

    @property
    def known(self) -> bool:
        """Whether there are bounds."""
        return not math.isnan(self.low)


@dataclass(frozen=True, slots=True)
class Band:
    """Curves over seeds: `mean`, `low`, `high` are float64 [points]; low and high are NaN for a single seed."""

    mean: Floats
    low: Floats
    high: Floats
    seeds: int
    confidence: float


def wilson(successes: int, n: int, confidence: float = 0.95, unit: str = "episode") -> Interval:
    """Return the score interval of a success rate (Wilson 1927) for n independent units.

    With z the normal quantile of (1 + confidence) / 2 and p = successes / n: centre (p + z^2 / 2n) / (1 + z^2 / n),
    half width z sqrt(p (1 - p) / n + z^2 / 4n^2) / (1 + z^2 / n). It keeps a width at p = 0 and p = 1, where a
    bootstrap has none.

    Raises:
        InvalidValue: unless 0 <= successes <= n and n > 0.
    """
    if n <= 0 or not 0 <= successes <= n:
        raise InvalidValue(f"wilson: {successes} successes of {n}: n must be positive and hold the successes")
    p, z = successes / n, quantile(confidence)
    shrink = 1.0 + z * z / n
    centre = (p + z * z / (2 * n)) / shrink
    half = z * math.sqrt(p * (1.0 - p) / n + z * z / (4 * n * n)) / shrink
    low = 0.0 if successes == 0 else centre - half
    high = 1.0 if successes == n else centre + half
    return Interval(p, low, high, n, unit, "wilson", confidence, n)


def bootstrap(
    values: ArrayLike,
    cluster: Labels | None = None,
    strata: Labels | None = None,
    estimator: Estimator = mean,
    *,
    rng: Rng,
    resamples: int = 2000,
    confidence: float = 0.95,
    unit: str = "",
) -> Interval:
    """Return the percentile interval of the stratified cluster bootstrap.

    Each resample draws, within every stratum, as many clusters as the stratum has, with replacement, and pools their
    values. For the interval of Agarwal et al. over a [runs, tasks] array take its flat values, no clusters, and the
    task of each value as stratum. Equal values give an interval of width 0 (nothing else was ever seen); for success
    rates near 0 or 1 `wilson` is the honest choice.

    Args:
        values: [n], finite.
        cluster: [n] labels; None makes each value its own unit.
        strata: [n] labels, constant within a cluster; None is one stratum.
        estimator: `mean` or `iqm` (vectorised), or any function of a 1-D array.
        rng: generator or seed.
        resamples: number of resamples.
        confidence: nominal coverage.
        unit: name of the unit in the result; by default `cluster` with labels, else `episode`.

    Returns:
        The interval; bounds are NaN when no stratum has two units.

    Raises:
        InvalidValue: for no values, values that are not finite, labels of another length, or a cluster in two strata.
    """
    flat = finite(values).ravel()
    quantile(confidence)
    check_resamples(resamples)
    value, code, bounds = group_units(flat, cluster, strata)
    unit = unit or ("episode" if cluster is None else "cluster")
    units = int(bounds[-1])
    low = high = math.nan
    if np.max(np.diff(bounds)) > 1:
        estimates = resample(value, code, bounds, estimator, resamples, generator_of(rng))
        low, high = (float(bound) for bound in np.quantile(estimates, tails(confidence)))
    return Interval(float(estimator(value)), low, high, flat.size, unit, "bootstrap", confidence, units)


def student(values: ArrayLike, confidence: float = 0.95, unit: str = "seed") -> Interval:
    """Return the mean of a few independent values with Student's t interval (1908).

    For the handful of seeds that a study can pay: a bootstrap of five values is too narrow.

    Args:
        values: [n], finite; one value leaves the bounds unknown.
        confidence: nominal coverage.
        unit: name of the unit in the result.

    Raises:
        InvalidValue: for no values or values that are not finite.
    """
    flat = finite(values).ravel()
    centre, n = math.fsum(flat) / flat.size, flat.size
    quantile(confidence)
    if n < 2:
        return Interval(centre, math.nan, math.nan, n, unit, "student", confidence, n)
    spread = math.sqrt(math.fsum((flat - centre) ** 2) / (n - 1) / n)
    half = _student_quantile(n - 1, (1.0 + confidence) / 2.0) * spread
    return Interval(centre, centre - half, centre + half, n, unit, "student", confidence, n)


@lru_cache(maxsize=64)
def _student_quantile(freedom: int, probability: float) -> float:
    """Return the quantile (above 1/2) of Student's t distribution by bisection.

    The tail follows from x = n / (n + t^2) and the distribution's finite series in cos(theta), theta = atan(t / sqrt n)
    (Abramowitz and Stegun 26.7.3 and 26.7.4).
    """
    low, high = 0.0, 1.0
    while _student_central(freedom, high) < 2.0 * probability - 1.0:
        high *= 2.0
    for _ in range(80):
        middle = (low + high) / 2.0
        low, high = (middle, high) if _student_central(freedom, middle) < 2.0 * probability - 1.0 else (low, middle)
    return high


def _student_central(freedom: int, t: float) -> float:
    """Return the probability that |T| <= t."""
    theta = math.atan(t / math.sqrt(freedom))
    cosine, even = math.cos(theta), freedom % 2 == 0
    term = 1.0 if even else cosine
    terms = [term]
    for step in range(1 if even else 2, freedom - 2, 2):  # 1/2, 3/4, ... for even degrees, 2/3, 4/5, ... for odd ones
        term *= cosine * cosine * step / (step + 1)
        terms.append(term)
    total = math.sin(theta) * math.fsum(terms)
    if even:
        return total
    return 2.0 / math.pi * (theta + (total if freedom > 1 else 0.0))


def curve_band(runs: ArrayLike, *, rng: Rng, resamples: int = 2000, confidence: float = 0.95) -> Band:
    """Return the mean curve of `runs` [seeds, points] with a pointwise percentile band, whole seeds resampled.

    Raises:
        InvalidValue: unless `runs` is a finite, non-empty matrix.
    """
    matrix = finite(runs)
    if matrix.ndim != 2:
        raise InvalidValue(f"curve_band: got an array of shape {matrix.shape}, expected [seeds, points]")
    check_resamples(resamples)
    quantile(confidence)
    matrix = matrix[np.lexsort(matrix.T[::-1])]  # the order of the seeds decides nothing
    seeds, points = matrix.shape
    centre = matrix.mean(axis=0)
    low = high = np.full(points, math.nan)
    if seeds > 1:
        counts = draw(np.array([0, seeds]), resamples, generator_of(rng))
        low, high = np.quantile(counts @ matrix / seeds, tails(confidence), axis=0)
    return Band(centre, low, high, seeds, confidence)
