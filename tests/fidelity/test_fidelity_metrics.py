"""The measures: on credit that is the truth, on noise, on made-up cases with known answers."""

import numpy as np
import pytest
from small_mdps import chain

from envbench.fidelity import metrics
from envbench.fidelity.mdp import evaluate, policy_gradient, visits


def normal(size, seed=0):
    return np.random.Generator(np.random.PCG64(seed)).standard_normal(size)


TRUTH = normal(20_000, 1)
NOISE = normal(20_000, 2)
MEASURES = {
    "pearson": metrics.pearson,
    "spearman": metrics.spearman,
    "sign": lambda credit, truth: metrics.sign_accuracy(credit, truth, 1.0),
}


@pytest.mark.parametrize("name", sorted(MEASURES))
@pytest.mark.parametrize("factor", [0.01, 1.0, 40.0])
def test_truth_and_noise(name, factor):
    measure = MEASURES[name]
    assert measure(factor * TRUTH, TRUTH) == pytest.approx(1.0, abs=1e-12)
    assert measure(-factor * TRUTH, TRUTH) == pytest.approx(0.0 if name == "sign" else -1.0, abs=1e-12)
    assert measure(factor * NOISE, TRUTH) == pytest.approx(0.5 if name == "sign" else 0.0, abs=0.025)


def test_ranks_share_ties():
    assert metrics._ranks(np.array([5.0, 1.0, 5.0, 9.0])).tolist() == [2.5, 1.0, 2.5, 4.0]


def test_no_credit_is_no_correlation_and_half_right():
    zero = np.zeros_like(TRUTH)
    assert metrics.pearson(zero, TRUTH) == 0.0
    assert metrics.sign_accuracy(zero, TRUTH, 1.0) == 0.5
    assert np.isnan(metrics.pearson(TRUTH, zero))
    assert np.isnan(metrics.sign_accuracy(TRUTH, zero, 1.0))


def test_error_splits_into_bias_and_variance():
    """Two pairs with truth +1 and -1; credit 2 A + 0.5 on the first, and noise of variance 4 on both."""
    count = 40_000
    pair = np.repeat([7, 3], count)
    truth = np.repeat([1.0, -1.0], count)
    credit = 2.0 * truth + np.repeat([0.5, 0.0], count) + 2.0 * normal(2 * count)
    found = metrics.error(credit, truth, pair)
    # Least squares: c = 2 + 0.25; biases 0.25 and 0.25; E[A^2] = 1.
    assert found.scale == pytest.approx(2.25, abs=0.03)
    assert found.bias == pytest.approx(0.0625 / 2.25**2, abs=0.01)
    assert found.variance == pytest.approx(4.0 / 2.25**2, rel=0.05)
    assert found.total == pytest.approx(found.bias + found.variance, rel=1e-12)
    assert found.share == 1.0


def test_error_does_not_depend_on_the_size_of_credit():
    pair = np.repeat(np.arange(100), 200)
    a, b = (metrics.error(factor * (TRUTH[pair] + NOISE), TRUTH[pair], pair) for factor in (1.0, 17.0))
    assert a[1:] == pytest.approx(b[1:], rel=1e-9)
    assert b.scale == pytest.approx(17.0 * a.scale, rel=1e-9)


def test_error_leaves_out_what_was_seldom_visited():
    pair = np.array([0] * 30 + [1] * 29)
    truth = np.where(pair == 0, 1.0, -1.0)
    found = metrics.error(truth.copy(), truth, pair)
    assert found.share == pytest.approx(30 / 59)
    assert (found.scale, found.total) == (1.0, 0.0)
    assert np.isnan(metrics.error(np.zeros(59), truth, pair).total)
    assert np.isnan(metrics.error(truth[:20], truth[:20], pair[:20]).total)


def test_attenuation_undoes_noise_in_the_truth():
    noisy = TRUTH + 0.5 * NOISE
    factor = metrics.attenuation(noisy, np.full(len(noisy), 0.5))
    assert factor == pytest.approx((1 / 1.25) ** 0.5, abs=0.01)
    assert metrics.pearson(TRUTH, noisy) / factor == pytest.approx(1.0, abs=0.01)
    assert metrics.attenuation(TRUTH, np.zeros_like(TRUTH)) == 1.0
    assert np.isnan(metrics.attenuation(TRUTH, np.full_like(TRUTH, 3.0)))


def dense(signal, edge, policy, edge_node, group, groups):
    """Each group's estimate in full, float64 [groups, M]."""
    found = np.zeros((groups, len(policy)))
    for value, taken, member in zip(signal, edge, group, strict=True):
        found[member, taken] += value
        found[member] -= value * policy * (edge_node == edge_node[taken])
    return found


def estimates_of(matrix):
    return metrics.Estimates(matrix.mean(axis=0), float((matrix**2).sum(axis=1).mean()), len(matrix))


def test_gradient_estimates():
    mdp = chain(2)
    policy = np.array([0.75, 0.25, 0.5, 0.5])
    # Group 0 takes `on` twice with credit 1 and 2, group 1 `off` with credit -4.
    rows = (np.array([1.0, 2.0, -4.0]), np.array([0, 2, 1]), policy, mdp.edge_node, np.array([0, 0, 1]), 2)
    by_hand = np.array([[0.25, -0.25, 1.0, -1.0], [3.0, -3.0, 0.0, 0.0]])
    assert dense(*rows).tolist() == by_hand.tolist()
    found = metrics.gradient_estimates(*rows)
    assert found.mean.tolist() == by_hand.mean(axis=0).tolist()
    assert found.square == pytest.approx(float((by_hand**2).sum() / 2), rel=1e-12)


def test_gradient_estimates_of_many_rows():
    mdp = chain(9)
    policy = np.tile([0.3, 0.7], 9)
    bits = np.random.PCG64(5)
    edge = (bits.random_raw(500) % np.uint64(18)).astype(np.int64)
    group = (bits.random_raw(500) % np.uint64(7)).astype(np.int64)
    rows = (normal(500), edge, policy, mdp.edge_node, group, 8)  # the last group is empty
    expected = dense(*rows)
    found = metrics.gradient_estimates(*rows)
    assert found.mean == pytest.approx(expected.mean(axis=0), abs=1e-12)
    assert found.square == pytest.approx(float((expected**2).sum() / 8), rel=1e-10)


def test_sample_cost():
    """Estimates g + noise of variance v in all: cosine 0.9 needs n with |g|^2 / (|g|^2 + v / n) = 0.81."""
    exact = np.zeros(50)
    exact[0] = 2.0
    matrix = exact + normal((40_000, 50))
    found = metrics.gradient(estimates_of(matrix), exact, group_size=8)
    assert found.sample_cost == pytest.approx(8 * (50 / 4) / (1 / 0.81 - 1), rel=0.05)
    assert found.cosine == pytest.approx(1.0, abs=0.01)
    wrong = exact + np.eye(50)[1] * 2.0  # half of the direction is a bias that no number of episodes removes
    assert metrics.gradient(estimates_of(wrong + normal((4000, 50))), exact, 8).sample_cost == np.inf
    assert metrics.gradient(estimates_of(-matrix[:100]), exact, 8).sample_cost == np.inf
    assert metrics.gradient(estimates_of(np.repeat(exact[None], 5, axis=0)), exact, 8) == (pytest.approx(1.0), 8.0)
    assert np.isnan(metrics.gradient(estimates_of(matrix[:1]), exact, 8).sample_cost)


def test_the_truth_as_credit_points_along_the_gradient():
    mdp, policy, horizon = chain(3), np.array([0.6, 0.4] * 3), 3
    exact = policy_gradient(mdp, policy, horizon)
    # Every first step of the chain, in proportion to its visits, with its true advantage.
    values = evaluate(mdp, policy, horizon)
    weight = visits(mdp, policy, horizon)[:, mdp.edge_node] * policy
    credit = values.q - values.v[:-1, mdp.edge_node]
    t, edge = np.nonzero(weight)
    signal = weight[t, edge] * credit[t, edge]
    found = metrics.gradient_estimates(signal, edge, policy, mdp.edge_node, np.zeros(len(edge), int), 1)
    assert found.mean == pytest.approx(exact, abs=1e-12)


def test_decisive_share():
    credit, decisive = np.array([3.0, -1.0, 0.0, 0.0]), np.array([True, False, True, False])
    assert metrics.decisive_share(credit, decisive) == 0.75
    assert metrics.decisive_share(np.zeros(4), decisive) == 0.5


def test_merging_by_hand():
    group = np.array([0, 0, 0, 0, 1])
    true = np.array([1, 1, 2, 3, 1])
    shown = np.array([5, 6, 6, 6, 5])
    # Shown equal in group 0: three pairs, none of them truly equal; truly equal: one pair, shown as different.
    assert metrics.merging(shown, true, group) == (1.0, 1.0)
    assert metrics.merging(true, true, group) == (0.0, 0.0)
    assert metrics.merging(group * 0, true, group) == (pytest.approx(5 / 6), 0.0)
    assert np.isnan(metrics.merging(np.arange(5), np.arange(5), group)).all()
