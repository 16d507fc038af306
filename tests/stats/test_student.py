"""Student's interval against printed quantiles and hand values."""

import math

import numpy as np
import pytest

from envbench import stats
from envbench.errors import InvalidValue

# Two-sided 95 % and 99 % points, Fisher and Yates, table III.
POINTS = {
    (1, 0.95): 12.7062, (2, 0.95): 4.30265, (3, 0.95): 3.18245, (4, 0.95): 2.77645, (9, 0.95): 2.26216,
    (30, 0.95): 2.04227, (2, 0.99): 9.92484, (4, 0.99): 4.60409,
}  # fmt: skip


@pytest.mark.parametrize(("freedom", "confidence"), POINTS, ids=str)
def test_half_width_is_the_printed_quantile(freedom, confidence):
    values = np.arange(freedom + 1.0)
    interval = stats.student(values, confidence)
    error = values.std(ddof=1) / math.sqrt(len(values))
    assert interval.estimate == pytest.approx(values.mean())
    assert interval.high - interval.estimate == pytest.approx(POINTS[freedom, confidence] * error, rel=2e-6)
    assert interval.estimate - interval.low == pytest.approx(interval.high - interval.estimate)
    assert (interval.method, interval.unit, interval.n, interval.units) == ("student", "seed", *[freedom + 1] * 2)


def test_one_value_has_no_bounds_and_equal_ones_have_no_width():
    assert not stats.student([0.3]).known
    assert stats.student([0.3]).estimate == 0.3
    same = stats.student([0.5, 0.5, 0.5])
    assert (same.low, same.high) == (0.5, 0.5)


def test_order_decides_nothing():
    assert stats.student([0.1, 0.7, 0.4]) == stats.student([0.7, 0.4, 0.1])


@pytest.mark.parametrize("values", [[], [1.0, float("nan")], [math.inf]], ids=str)
def test_what_is_no_sample_is_refused(values):
    with pytest.raises(InvalidValue):
        stats.student(values)


def test_coverage_is_what_it_says():
    draws = np.random.Generator(np.random.PCG64(0)).normal(size=(2000, 3))
    inside = [interval.low <= 0.0 <= interval.high for interval in map(stats.student, draws)]
    assert np.mean(inside) == pytest.approx(0.95, abs=0.015)
