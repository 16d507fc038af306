import json

import numpy as np
import pytest

from envbench.errors import InvalidValue, UnknownName
from envbench.policies import TabularPolicy
from envbench.seeding import generator, uniform

ABC = ("a", "b", "c")


def rows(*numbers):
    return np.array(numbers, np.int64)


def test_starts_uniform_and_pads_with_zero():
    policy = TabularPolicy()
    both = rows(policy.row("k", ABC), policy.row("l", ("a", "b")))
    assert policy.probabilities(both).tolist() == [[pytest.approx(1 / 3)] * 3 + [0.0], [0.5, 0.5, 0.0, 0.0]]


def test_update_is_the_policy_gradient():
    """Against finite differences of sum_i signal_i log pi(choice_i | row_i)."""
    policy = TabularPolicy()
    situations = [policy.row("k", ABC), policy.row("l", ("a", "b")), policy.row("k", ABC), policy.row("k", ("b", "c"))]
    at, choices = rows(*situations), rows(0, 1, 2, 1)
    signal = np.array([1.5, -0.5, 0.25, 2.0])
    policy.update(at, rows(1, 0, 1, 0), np.array([0.3, 0.1, -0.7, 0.2]), 1.0)  # away from uniform

    def objective(plain):
        moved = TabularPolicy.from_plain(plain)
        numbers = rows(*(moved.row(*where) for where in [("k", ABC), ("l", ("a", "b")), ("k", ABC), ("k", ("b", "c"))]))
        return float(signal @ np.log(moved.probabilities(numbers)[np.arange(4), choices]))

    before, expected = policy.to_plain(), {}
    for key, logits in before["logits"].items():
        for action in logits:
            up, down = json.loads(json.dumps(before)), json.loads(json.dumps(before))
            up["logits"][key][action] += 1e-6
            down["logits"][key][action] -= 1e-6
            expected[key, action] = (objective(up) - objective(down)) / 2e-6
    policy.update(at, choices, signal, 0.5)
    after = policy.to_plain()["logits"]
    assert len(expected) == 5
    for (key, action), slope in expected.items():
        assert after[key][action] - before["logits"][key][action] == pytest.approx(0.5 * slope, abs=1e-7)


def test_samples_follow_the_probabilities():
    policy = TabularPolicy()
    row = policy.row("k", ABC)
    policy.update(rows(row), rows(2), np.array([1.0]), 2.0)
    bits, n = generator(3), 20_000
    drawn = policy.sample(np.full(n, row), np.array([uniform(bits) for _ in range(n)]))
    expected = policy.probabilities(rows(row))[0, :3]
    assert np.bincount(drawn, minlength=3) / n == pytest.approx(expected, abs=0.015)
    assert policy.greedy(rows(row)).tolist() == [2]


def test_a_draw_next_to_one_never_leaves_the_actions():
    policy = TabularPolicy()
    row = policy.row("k", ("a", "b"))
    policy.row("wide", tuple(map(str, range(9))))
    assert policy.sample(rows(row), np.array([1.0 - 2.0**-53])).tolist() == [1]
    assert policy.sample(rows(row), np.array([0.0])).tolist() == [0]


def test_survives_json_and_growth():
    policy = TabularPolicy("observation")
    numbers = [policy.row(f"k{i}", tuple("abcdefgh"[: 1 + i % 8])) for i in range(300)]
    policy.update(rows(*numbers), np.zeros(300, np.int64), np.ones(300), 0.7)
    copy = TabularPolicy.from_plain(json.loads(json.dumps(policy.to_plain())))
    again = [copy.row(f"k{i}", tuple("abcdefgh"[: 1 + i % 8])) for i in range(300)]
    assert np.array_equal(copy.probabilities(rows(*again)), policy.probabilities(rows(*numbers)))
    assert copy.to_plain() == policy.to_plain()


def test_equal_situations_are_one_row_and_other_actions_another():
    policy = TabularPolicy()
    assert policy.row("k", ABC) == policy.row("k", list(ABC))
    assert policy.row("k", ABC) != policy.row("k", ("a", "b"))


def test_refuses_what_it_cannot_hold():
    with pytest.raises(UnknownName, match="anchor"):
        TabularPolicy("anker")
    with pytest.raises(InvalidValue, match="valid actions"):
        TabularPolicy().row("k", ())
    with pytest.raises(InvalidValue, match="observation"):
        TabularPolicy().load(TabularPolicy("observation").to_plain())


def test_wider_situations_do_not_double_the_rows():
    """Found with ALFWorld, where each of forty situations had one action more: 2 ** 40 rows were asked for."""
    policy = TabularPolicy("anchor")
    for width in range(1, 60):
        policy.row(f"situation {width}", [f"action {number}" for number in range(width)])
    assert policy._table.shape == (64, 59)
    assert policy.probabilities(np.array([58])).sum() == pytest.approx(1.0)
