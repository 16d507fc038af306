"""Intervals, the interquartile mean, paired comparison and power.

Pure functions on numpy arrays. Whoever calls gives the generator: `rng` is a `numpy.random.Generator` or an int seed
for PCG64, and equal seeds give equal numbers. Results do not depend on the order of the rows.

The resampling unit is a cluster: values that were not drawn independently of each other (tasks that are nearly one,
trials of one task, points of one seed) travel together. Fewer than two units say nothing about the spread between
units, so the bounds are NaN there: no precision is invented (`Interval.known` is False).

Sources: E. B. Wilson (1927), "Probable inference, the law of succession, and statistical inference"; R. Agarwal et al.
(2021), "Deep reinforcement learning at the edge of the statistical precipice" (IQM, stratified bootstrap); B. Efron and
R. Tibshirani (1993), "An introduction to the bootstrap" (percentile interval); S. Holm (1979), "A simple sequentially
rejective multiple test procedure".
"""

from envbench.stats.compare import Comparison, aligned, holm, least_p, minimum_detectable_effect, paired, power
from envbench.stats.intervals import Band, Interval, bootstrap, curve_band, student, wilson
from envbench.stats.resample import iqm, mean

__all__ = [
    "Band",
    "Comparison",
    "Interval",
    "aligned",
    "bootstrap",
    "curve_band",
    "holm",
    "iqm",
    "least_p",
    "mean",
    "minimum_detectable_effect",
    "paired",
    "power",
    "student",
    "wilson",
]
