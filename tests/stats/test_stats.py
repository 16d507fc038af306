"""Intervals and tests against hand values, textbook formulas and simulation."""

import math
from dataclasses import replace
from itertools import product
from statistics import NormalDist

import numpy as np
import pytest

from envbench import stats
from envbench.errors import InvalidValue
from envbench.stats import resample


def rng(seed=0):
    return np.random.Generator(np.random.PCG64(seed))


def bounds(interval):
    return interval.low, interval.high


@pytest.mark.parametrize(
    ("successes", "n", "low", "high"),
    # Newcombe (1998), Statistics in Medicine 17, table I, method 3 (score, no continuity correction).
    [(81, 263, 0.2553, 0.3662), (15, 148, 0.0624, 0.1605), (0, 20, 0.0, 0.1611), (1, 29, 0.0061, 0.1718)],
)
def test_wilson_published_values(successes, n, low, high):
    interval = stats.wilson(successes, n)
    assert interval.estimate == successes / n
    assert bounds(interval) == pytest.approx((low, high), abs=5e-5)
    assert (interval.n, interval.units, interval.method) == (n, n, "wilson")


def test_wilson_bounds_solve_the_score_equation():
    z = NormalDist().inv_cdf(0.95)
    for successes, n in [(3, 10), (49, 50), (1, 2)]:
        for p in bounds(stats.wilson(successes, n, 0.9)):
            assert abs(successes / n - p) == pytest.approx(z * math.sqrt(p * (1 - p) / n))
    assert stats.wilson(5, 5).high == 1.0
    assert stats.wilson(0, 5).low == 0.0
    assert stats.wilson(5, 5).low == pytest.approx(1 - stats.wilson(0, 5).high)


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        ([3.0], 3.0),
        ([0.0, 1.0, 5.0], 2.0),  # floor(3 / 4) = 0: nothing is cut
        ([0.0, 1.0, 2.0, 9.0], 1.5),
        ([[9.0, 1.0, 3.0, 2.0], [0.0, 4.0, 8.0, -7.0]], 2.5),  # flat: of -7 0 1 2 3 4 8 9 the middle four
        (list(range(10)), 4.5),
        ([0, 0, 0, 0, 0, 1, 1, 10, 10], 0.4),  # 9 values, two cut from each end: 0 0 0 1 1
    ],
)
def test_iqm_by_hand(values, expected):
    assert stats.iqm(values) == pytest.approx(expected)


def test_bootstrap_enumerated_by_hand():
    # Two clusters {1, 1, 1} and {5}: the means of the four equally likely resamples are 1, 2, 2, 5.
    interval = stats.bootstrap([1, 5, 1, 1], ["a", "b", "a", "a"], rng=1, confidence=0.4, resamples=20000)
    assert interval.estimate == 2.0
    assert bounds(interval) == (2.0, 2.0)
    assert bounds(stats.bootstrap([1, 5, 1, 1], [0, 1, 0, 0], rng=1, confidence=0.6)) == (1.0, 5.0)
    assert (interval.n, interval.units, interval.unit, interval.method) == (4, 2, "cluster", "bootstrap")


def test_bootstrap_of_a_mean_has_the_textbook_width():
    values = rng(3).normal(size=400)
    interval = stats.bootstrap(values, rng=0, resamples=4000)
    half = 1.959964 * values.std() / 20
    assert bounds(interval) == pytest.approx((values.mean() - half, values.mean() + half), abs=0.012)
    assert interval.unit == "episode"


def test_strata_keep_their_share():
    values, strata = [0.0] * 10 + [1.0] * 30, ["easy"] * 10 + ["hard"] * 30
    interval = stats.bootstrap(values, strata=strata, rng=0)
    assert bounds(interval) == (0.75, 0.75)  # every resample holds 10 of one and 30 of the other
    free = stats.bootstrap(values, rng=0)
    assert free.low < 0.7 < 0.8 < free.high


def test_clusters_widen_the_interval():
    values = np.repeat(rng(1).normal(size=25), 16)
    alone = stats.bootstrap(values, rng=0)
    together = stats.bootstrap(values, np.repeat(np.arange(25), 16), rng=0)
    ratio = (together.high - together.low) / (alone.high - alone.low)
    assert ratio == pytest.approx(4.0, rel=0.15)  # sqrt(16)


@pytest.mark.parametrize("estimator", [stats.mean, stats.iqm])
@pytest.mark.parametrize("clusters", [None, 7])
def test_vectorised_estimators_equal_the_plain_ones(estimator, clusters, monkeypatch):
    values = rng(5).normal(size=40)
    labels = None if clusters is None else rng(6).integers(0, clusters, size=40)
    options = {"strata": None if clusters is None else labels % 2, "resamples": 300, "rng": 9}
    fast = stats.bootstrap(values, labels, estimator=estimator, **options)
    monkeypatch.setattr(resample, "BLOCK", 1000)  # many blocks
    blocks = stats.bootstrap(values, labels, estimator=estimator, **options)
    plain = stats.bootstrap(values, labels, estimator=lambda x: estimator(x), **options)
    assert bounds(fast) == pytest.approx(bounds(plain), rel=1e-12)
    assert bounds(fast) == pytest.approx(bounds(blocks), rel=1e-12)
    assert fast.estimate == plain.estimate == estimator(values)


@pytest.mark.parametrize("estimator", [stats.mean, stats.iqm])
def test_coverage_of_clustered_values(estimator):
    draws, hits, sizes = rng(11), 0, [1, 2, 3, 4] * 10
    labels = np.repeat(np.arange(40), sizes)
    for seed in range(300):
        values = draws.normal(size=40)[labels] + draws.normal(size=100)
        interval = stats.bootstrap(values, labels, estimator=estimator, resamples=400, rng=seed)
        hits += interval.low <= 0.0 <= interval.high
    assert 0.90 <= hits / 300 <= 0.98


def test_false_alarms_and_power_of_the_paired_test():
    draws, labels = rng(12), np.repeat(np.arange(20), 3)
    alarms = seen = 0
    for seed in range(300):
        noise = draws.normal(size=20)[labels] * 0.5 + draws.normal(size=60) * 0.5
        alarms += stats.paired(noise, np.zeros(60), labels, rng=seed, resamples=400).verdict != "not distinguishable"
        seen += stats.paired(noise + 0.4, np.zeros(60), labels, rng=seed, resamples=400).verdict == "a better"
    sd = math.sqrt(0.25 + 0.25 / 3)
    assert 0.02 <= alarms / 300 <= 0.08
    assert seen / 300 == pytest.approx(stats.power(0.4, sd, 20), abs=0.08)


def test_seed_is_honoured():
    values, other, labels = *rng(2).normal(size=(2, 60)), np.arange(60) // 3

    def everything(seed):
        difference = stats.paired(values, other, labels, rng=seed, resamples=200)
        return (
            bounds(stats.bootstrap(values, labels, rng=seed)),
            bounds(difference.difference),
            difference.p_value,
            stats.curve_band(values.reshape(20, 3), rng=seed).low.tolist(),
        )

    assert everything(4) == everything(4) == everything(np.int64(4))
    assert all(one != other for one, other in zip(everything(4), everything(5), strict=True))
    assert stats.bootstrap(values, rng=rng(4)) == stats.bootstrap(values, rng=4)
    shared = rng(4)
    assert stats.bootstrap(values, rng=shared) != stats.bootstrap(values, rng=shared)  # the stream moves on


def test_global_generator_is_left_alone():
    before = np.random.get_state()[1].tobytes()  # noqa: NPY002 - the state that must not move
    stats.paired(np.arange(20.0), np.ones(20), rng=1)
    assert np.random.get_state()[1].tobytes() == before  # noqa: NPY002


def test_order_of_rows_decides_nothing():
    values, other, labels = rng(1).normal(size=50), rng(2).normal(size=50), rng(3).integers(0, 9, size=50)
    order = rng(4).permutation(50)
    for cluster, strata in [(None, None), (labels, None), (labels, labels // 3), (None, labels)]:
        mixed = [None if column is None else column[order] for column in (cluster, strata)]
        assert stats.bootstrap(values, cluster, strata, rng=7) == stats.bootstrap(values[order], *mixed, rng=7)
        assert stats.paired(values, other, cluster, rng=7) == stats.paired(values[order], other[order], mixed[0], rng=7)
    runs = values.reshape(10, 5)
    one, two = stats.curve_band(runs, rng=7), stats.curve_band(runs[::-1], rng=7)
    assert np.array_equal([one.mean, one.low, one.high], [two.mean, two.low, two.high])


@pytest.mark.parametrize("n", [3, 8, 12])
def test_sign_flip_is_exact_for_few_clusters(n):
    gap = np.round(rng(n).normal(0.5, 1.0, size=n), 1)
    sums = [abs(sum(s * g for s, g in zip(signs, gap, strict=True))) for signs in product((1, -1), repeat=n)]
    expected = sum(total >= abs(gap.sum()) - 1e-9 for total in sums) / 2**n
    result = stats.paired(gap, np.zeros(n), rng=0)
    assert result.p_value == expected
    assert result.difference.unit == "pair"


@pytest.mark.parametrize("n", [3, 12, 30])
def test_the_least_p_is_that_of_differences_on_one_side(n):
    assert stats.least_p(n) == stats.paired(np.ones(n), np.zeros(n), rng=0).p_value


def test_sampled_sign_flip_agrees_with_the_exact_one(monkeypatch):
    gap = rng(8).normal(0.5, 1.0, size=12)
    exact = stats.paired(gap, np.zeros(12), rng=0).p_value
    monkeypatch.setattr("envbench.stats.compare._EXACT", 4)
    assert stats.paired(gap, np.zeros(12), rng=0, resamples=20000).p_value == pytest.approx(exact, abs=0.01)


def test_verdicts():
    a, b = np.arange(30.0) + 1, np.arange(30.0)
    assert stats.paired(a, b, rng=0).verdict == "a better"
    assert stats.paired(b, a, rng=0).verdict == "b better"
    assert stats.paired(a, a, rng=0).verdict == "not distinguishable"
    assert stats.paired(a, a, rng=0).p_value == 1.0
    assert stats.paired(a[:5], b[:5], rng=0).verdict == "not distinguishable"  # p cannot be under 2 / 32
    assert stats.paired(a, b, [0] * 30, rng=0).verdict == "not distinguishable"  # one unit
    assert stats.paired(a[:6], b[:6], rng=0).verdict == "a better"  # 2 / 64
    assert replace(stats.paired(a[:6], b[:6], rng=0), p_value=0.2).verdict == "not distinguishable"


def test_holm_by_hand():
    # Sorted 0.005 0.01 0.03 0.04: times 4 3 2 1 is 0.02 0.03 0.06 0.04, then the running maximum.
    assert stats.holm([0.01, 0.04, 0.03, 0.005]) == pytest.approx([0.03, 0.06, 0.06, 0.02])
    assert stats.holm([0.7, 0.6]) == pytest.approx([1.0, 1.0])


def test_power_and_its_inverse():
    effect = stats.minimum_detectable_effect(0.5, 100)
    assert effect == pytest.approx(2.801585 * 0.05, abs=1e-6)  # 1.959964 + 0.841621
    assert stats.power(effect, 0.5, 100) == pytest.approx(0.8, abs=1e-5)
    assert stats.power(0.0, 1.0, 10) == pytest.approx(0.05)
    assert stats.power(-effect, 0.5, 100) == stats.power(effect, 0.5, 100)


def test_curve_band():
    runs = rng(1).normal(size=(50, 4)) * [0.0, 1.0, 2.0, 4.0] + [5.0, 0.0, 0.0, 0.0]
    band = stats.curve_band(runs, rng=0, resamples=4000)
    assert band.mean == pytest.approx(runs.mean(axis=0))
    assert (band.low[0], band.high[0]) == pytest.approx((5.0, 5.0))
    half = 1.959964 * runs.std(axis=0) / math.sqrt(50)
    assert band.high - band.low == pytest.approx(2 * half, rel=0.06)
    single = stats.curve_band(runs[:1], rng=0)
    assert (single.seeds, np.isnan(single.low).all(), single.mean.tolist()) == (1, True, runs[0].tolist())


def test_no_precision_is_invented():
    for interval in (
        stats.bootstrap([0.5], rng=0),
        stats.bootstrap([0.0, 1.0], ["only", "only"], rng=0),
        stats.bootstrap([0.0, 1.0], strata=["a", "b"], rng=0),
    ):
        assert interval.estimate == 0.5
        assert not interval.known
        assert math.isnan(interval.high)
    equal = stats.bootstrap([0.3] * 9, rng=0)
    assert (equal.estimate, equal.low, equal.high) == pytest.approx((0.3, 0.3, 0.3))
    assert equal.known


@pytest.mark.parametrize(
    ("call", "words"),
    [
        (lambda: stats.wilson(0, 0), "0 successes of 0"),
        (lambda: stats.wilson(3, 2), "3 successes of 2"),
        (lambda: stats.wilson(1, 2, 95), "confidence=95"),
        (lambda: stats.mean([]), "no values"),
        (lambda: stats.iqm([1.0, math.nan]), "NaN or infinities"),
        (lambda: stats.bootstrap([], rng=0), "no values"),
        (lambda: stats.bootstrap([1, 2], [1], rng=0), "1 labels for 2 values"),
        (lambda: stats.bootstrap([1, 2], ["x", "x"], ["p", "q"], rng=0), "one cluster lies in two strata"),
        (lambda: stats.bootstrap([1, 2], rng=0, resamples=0), "resamples=0"),
        (lambda: stats.bootstrap([1, 2], rng=0, confidence=1.0), "confidence=1.0"),
        (lambda: stats.paired([1, 2], [1], rng=0), "2 against 1 values"),
        (lambda: stats.aligned({"a": 1.0, "b": 2.0}, {"a": 1.0}), "different panels: 1 entries .* such as 'b'"),
        (lambda: stats.curve_band([1.0, 2.0], rng=0), r"shape \(2,\)"),
        (lambda: stats.curve_band([[1.0], [2.0]], rng=0, resamples=0), "resamples=0"),
        (lambda: stats.power(1.0, 0.0, 5), "both must be positive"),
        (lambda: stats.minimum_detectable_effect(1.0, 5, 80), "chance=80"),
    ],
)
def test_bad_input_is_refused(call, words):
    with pytest.raises(InvalidValue, match=words):
        call()


def test_aligned_sorts_by_key():
    keys, a, b = stats.aligned({"y": 1, "x": 2}, {"x": 3, "y": 4})
    assert (keys, a.tolist(), b.tolist()) == (["x", "y"], [2.0, 1.0], [3.0, 4.0])
