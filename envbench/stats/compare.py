"""Two sides on one panel: differences, tests, power."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from statistics import NormalDist
from typing import Literal, TypeAlias

import numpy as np
from numpy.typing import ArrayLike

from envbench.errors import InvalidValue
from envbench.stats.intervals import Interval, bootstrap
from envbench.stats.resample import BLOCK, Floats, Labels, Rng, finite, generator_of, group_units, quantile

Verdict: TypeAlias = Literal["a better", "b better", "not distinguishable"]

_EXACT = 12  # clusters up to which all sign flips are enumerated


@dataclass(frozen=True, slots=True)
class Comparison:
    """A paired comparison of `a` with `b` on one panel.

    Attributes:
        difference: mean of a - b with its bootstrap interval.
        p_value: of the sign-flip test, two-sided. For many pairs put the one of `holm` in its place
            (`dataclasses.replace`).
    """

    difference: Interval
    p_value: float

    @property
    def verdict(self) -> Verdict:
        """A side is better when the test rejects at 1 - confidence and the interval leaves 0 out; higher is better."""
        alpha = 1.0 - self.difference.confidence
        if self.p_value <= alpha and self.difference.low > 0.0:
            return "a better"
        if self.p_value <= alpha and self.difference.high < 0.0:
            return "b better"
        return "not distinguishable"


def paired(
    a: ArrayLike,
    b: ArrayLike,
    cluster: Labels | None = None,
    *,
    rng: Rng,
    resamples: int = 2000,
    confidence: float = 0.95,
    unit: str = "",
) -> Comparison:
    """Compare two sides on one panel: entry i of both is the same task, seed and trial (`aligned` sees to that).

    The interval of the mean difference is a cluster bootstrap. The p-value is that of flipping the sign of all
    differences of a cluster together, two-sided, on the absolute sum: over all 2^k flips for k <= 12 clusters, else
    (1 + hits) / (1 + resamples) over random ones. Fewer than six clusters can therefore never reach 0.05 (`least_p`).

    Args:
        a: [n], finite.
        b: [n], finite.
        cluster: [n] labels; None makes each pair its own unit.
        rng: generator or seed.
        resamples: number of resamples and of random flips.
        confidence: nominal coverage; the verdict tests at 1 - confidence.
        unit: as in `bootstrap`.

    Raises:
        InvalidValue: for panels of different length, and as `bootstrap` does.
    """
    left, right = finite(a).ravel(), finite(b).ravel()
    if left.size != right.size:
        raise InvalidValue(f"paired: {left.size} against {right.size} values: compare both sides on one panel")
    generator = generator_of(rng)
    gap = left - right
    difference = bootstrap(
        gap,
        cluster,
        rng=generator,
        resamples=resamples,
        confidence=confidence,
        unit=unit or ("pair" if cluster is None else "cluster"),
    )
    value, code, bounds = group_units(gap, cluster, None)
    sums = np.bincount(code, value, int(bounds[-1])).astype(np.float64)
    return Comparison(difference, _sign_flip(sums, resamples, generator))


def least_p(n: int, resamples: int = 2000) -> float:
    """Return the smallest p-value that `paired` can give over `n` units: all differences on one side."""
    return 2.0 ** (1 - n) if n <= _EXACT else 1.0 / (1 + resamples)


def aligned(a: Mapping[str, float], b: Mapping[str, float]) -> tuple[list[str], Floats, Floats]:
    """Return (keys, values of a, values of b) in sorted key order.

    Raises:
        InvalidValue: unless both sides have the same keys.
    """
    odd = sorted(a.keys() ^ b.keys())
    if odd:
        raise InvalidValue(
            f"the two sides were measured on different panels: {len(odd)} entries are in one only, such as {odd[0]!r}; "
            f"run both on the same tasks, seeds and trials"
        )
    keys = sorted(a)
    return keys, np.array([a[key] for key in keys], np.float64), np.array([b[key] for key in keys], np.float64)


def holm(p_values: ArrayLike) -> Floats:
    """Return the p-values adjusted for testing all of them (Holm 1979), in the order given.

    The i-th smallest of m (from 0) becomes the largest so far of min(1, (m - i) p).
    """
    p = finite(p_values).ravel()
    order = np.argsort(p, kind="stable")
    adjusted = np.empty_like(p)
    adjusted[order] = np.maximum.accumulate(np.minimum(1.0, (p.size - np.arange(p.size)) * p[order]))
    return adjusted


def power(effect: float, sd: float, n: int, confidence: float = 0.95) -> float:
    """Return the chance that a two-sided paired z-test over `n` units sees a mean difference of `effect`.

    Normal approximation with `sd` the standard deviation of the differences between units:
    Phi(|effect| sqrt(n) / sd - z) + Phi(-|effect| sqrt(n) / sd - z).
    """
    _positive(sd, n)
    shift, z, normal = abs(effect) * math.sqrt(n) / sd, quantile(confidence), NormalDist()
    return normal.cdf(shift - z) + normal.cdf(-shift - z)


def minimum_detectable_effect(sd: float, n: int, chance: float = 0.8, confidence: float = 0.95) -> float:
    """Return the mean difference that `n` paired units reveal with probability `chance`.

    Normal approximation, the inverse of `power` without its far tail: (z + Phi^-1(chance)) sd / sqrt(n).
    """
    _positive(sd, n)
    if not 0.5 <= chance < 1.0:
        raise InvalidValue(f"chance={chance}: give a power between 0.5 and 1, usually 0.8")
    return (quantile(confidence) + NormalDist().inv_cdf(chance)) * sd / math.sqrt(n)


def _sign_flip(sums: Floats, resamples: int, generator: np.random.Generator) -> float:
    """Return the two-sided p-value of |sum| under independent random signs of the cluster sums [k]."""
    observed = abs(sums.sum())
    slack = 1e-12 * np.abs(sums).sum()  # equal sums in another order of addition are hits
    if sums.size <= _EXACT:
        flips = np.arange(2**sums.size)[:, None] >> np.arange(sums.size) & 1
        return float(np.mean(np.abs((1.0 - 2.0 * flips) @ sums) >= observed - slack))
    hits = 0
    block = max(1, BLOCK // sums.size)
    for start in range(0, resamples, block):
        signs = np.where(generator.random((min(block, resamples - start), sums.size)) < 0.5, -1.0, 1.0)
        hits += int(np.count_nonzero(np.abs(signs @ sums) >= observed - slack))
    return (1 + hits) / (1 + resamples)


def _positive(sd: float, n: int) -> None:
    if not (sd > 0.0 and n > 0):
        raise InvalidValue(f"sd={sd}, n={n}: both must be positive")
