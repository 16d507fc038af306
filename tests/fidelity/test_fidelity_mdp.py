"""Exact values against closed forms, value iteration written elsewhere, and finite differences."""

import gymnasium
import numpy as np
import pytest
from small_mdps import bandit, chain, mdp_of, waiting

import envbench
from envbench.envs.frozenlake.engine import optimal_values
from envbench.errors import InvalidValue
from envbench.fidelity import policies
from envbench.fidelity.enumeration import enumerate_tasks
from envbench.fidelity.mdp import clock_spread, evaluate, optimal, policy_gradient, visits


def random_policy(mdp, seed=0):
    weight = np.random.Generator(np.random.PCG64(seed)).random(mdp.num_edges) + 0.1
    return weight / mdp.over_edges(weight)[mdp.edge_node]


def test_a_bandit():
    mdp = bandit(0.2, 0.7)
    values = evaluate(mdp, np.array([0.25, 0.75]), horizon=1)
    assert values.q.tolist() == [[0.2, 0.7]]
    assert values.v[0, 0] == pytest.approx(0.25 * 0.2 + 0.75 * 0.7, abs=1e-15)
    assert optimal(mdp, horizon=1).v[0, 0] == 0.7
    # d/dlogit: pi (q - v).
    expected = [0.25 * (0.2 - 0.575), 0.75 * (0.7 - 0.575)]
    assert policy_gradient(mdp, np.array([0.25, 0.75]), 1) == pytest.approx(expected, abs=1e-15)


@pytest.mark.parametrize("p", [0.3, 0.9])
def test_a_chain(p):
    length = 4
    mdp = chain(length)
    policy = np.array([p, 1.0 - p] * length)
    values = evaluate(mdp, policy, horizon=length)
    # At step t the episode is in place t; Q of `on` is p to the number of forks that are left after it.
    for t in range(length):
        assert values.q[t, 2 * t] == pytest.approx(p ** (length - 1 - t), rel=1e-12)
        assert values.q[t, 2 * t + 1] == 0.0
        assert visits(mdp, policy, length)[t, t] == pytest.approx(p**t, rel=1e-12)
    assert evaluate(mdp, policy, horizon=length - 1).v[0, 0] == 0.0  # the last fork is never reached
    assert policies.success_rate(mdp, policy, length) == pytest.approx(p**length, rel=1e-12)


def test_the_clock_matters_where_time_runs_out():
    mdp, push = waiting(), np.array([1.0, 0.0])
    values = evaluate(mdp, push, horizon=3)
    assert values.v[:, 0].tolist() == [0.875, 0.75, 0.5, 0.0]
    assert values.q[:, 1].tolist() == [0.75, 0.5, 0.0]
    # Visits 1, 1/2, 1/4 of Q = 7/8, 3/4, 1/2: mean 11/14, variance 3/196 * ... worked out by hand below.
    weight, q = np.array([4, 2, 1]) / 7, np.array([0.875, 0.75, 0.5])
    by_hand = float(np.sqrt(weight @ (q - weight @ q) ** 2))
    assert clock_spread(mdp, push, 3) == pytest.approx(by_hand, rel=1e-12)
    assert clock_spread(chain(3), np.array([0.5, 0.5] * 3), 3) == 0.0  # each place has a time of its own


def test_the_discounted_form():
    mdp, gamma = waiting(), 0.9
    values = evaluate(mdp, np.array([0.5, 0.5]), None, gamma)
    # v = 1/2 (1/2 + 1/2 gamma v) + 1/2 gamma v
    assert values.v[0, 0] == pytest.approx(0.25 / (1 - 0.75 * gamma), rel=1e-10)
    assert optimal(mdp, None, gamma).v[0, 0] == pytest.approx(0.5 / (1 - 0.5 * gamma), rel=1e-10)
    with pytest.raises(InvalidValue, match="discount must be below 1"):
        evaluate(mdp, np.array([0.5, 0.5]), None)


def test_the_gradient_is_that_of_the_expected_return():
    mdp = mdp_of(
        [
            {"a": [(0.5, 1, 1.0, False, False), (0.5, 0, -0.25, False, False)], "b": [(1.0, 2, 0.0, False, False)]},
            {"a": [(1.0, 0, 0.5, False, False)], "b": [(1.0, 3, 2.0, True, True)], "c": [(1.0, 1, 0.0, False, False)]},
            {"a": [(0.25, 1, 0.0, False, False), (0.75, 3, 3.0, True, True)], "b": [(1.0, 0, 0.0, False, False)]},
            {},
        ],
        roots=(0, 2),
    )
    logits, horizon, step = np.linspace(-1.0, 1.0, mdp.num_edges), 7, 1e-5

    def worth(at):
        return mdp.start @ evaluate(mdp, policies.softmax(mdp, at, 1.0), horizon).v[0]

    numeric = [
        (worth(logits + step * unit) - worth(logits - step * unit)) / (2 * step) for unit in np.eye(mdp.num_edges)
    ]
    exact = policy_gradient(mdp, policies.softmax(mdp, logits, 1.0), horizon)
    assert exact == pytest.approx(numeric, abs=1e-8)


def test_what_is_no_policy_is_refused():
    for wrong in ([0.5, 0.4], [1.5, -0.5], [1.0], [float("nan"), 1.0]):
        with pytest.raises(InvalidValue, match=r"probabilities"):
            evaluate(bandit(0.2, 0.7), np.array(wrong), 1)


@pytest.mark.parametrize("slippery", [False, True])
def test_frozenlake_against_its_own_value_iteration(slippery):
    env = gymnasium.make("envbench/FrozenLake-v0", max_steps=None, slippery=slippery).unwrapped
    tasks = envbench.panel("envbench/FrozenLake-v0", split="train", slippery=slippery)[:3]
    horizon = 40
    for task in tasks:
        mdp = enumerate_tasks(env, [task], horizon)
        lake = task.payload
        by_steps_left = optimal_values(lake.rows, slippery, horizon)
        best = optimal(mdp, horizon)
        for t in (0, 17, horizon - 1):
            assert best.v[t, mdp.roots[0]] == pytest.approx(by_steps_left[horizon - t][lake.start], abs=1e-12)
