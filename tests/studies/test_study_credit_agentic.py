"""The figures of the agentic methods: against closed forms, plain simulations and exact values."""

from math import sqrt

import numpy as np
import pytest

from envbench.fidelity.mdp import evaluate
from envbench.rollout.members import Members
from envbench.studies import credit_agentic as study


def pick(rows, key, **where):
    return [row[key] for row in rows if all(row[name] == value for name, value in where.items())]


def test_step_group_sizes_are_shares():
    rows = study.step_group_sizes(epsilons=(1.0, 0.1), tasks=4, size=4)
    for place in ("FrozenLake", "Sokoban", "WebShop"):
        for epsilon in (1.0, 0.1):
            where = {"env": place, "epsilon": epsilon}
            assert sum(pick(rows, "steps_share", **where)) == pytest.approx(1.0)
            assert sum(pick(rows, "step_groups_share", **where)) == pytest.approx(1.0)
            assert pick(rows, "steps_share", size="1", **where) == pick(rows, "single", size="1", **where)
        assert pick(rows, "success", env=place, epsilon=0.1)[0] > pick(rows, "success", env=place, epsilon=1.0)[0]
    assert rows == study.step_group_sizes(epsilons=(1.0, 0.1), tasks=4, size=4)


def test_sizes_of_steps_counted_by_hand():
    """Two episodes that meet in anchors 0 and 1, and one that goes round in 2 and 3."""

    class Rollout:
        episode = np.array([0, 0, 1, 1, 1, 2, 2, 2, 2])
        anchor = np.array([0, 1, 0, 1, 4, 2, 3, 2, 3])
        group = np.array([0, 0, 1])

    rows = {row["size"]: row for row in study._size_rows(Rollout())}
    assert rows["1"]["steps_share"] == pytest.approx(1 / 9)
    assert rows["2"]["steps_share"] == pytest.approx(8 / 9)
    assert rows["2"]["step_groups_share"] == pytest.approx(4 / 5)
    assert rows["1"]["own"] == pytest.approx(4 / 9)


def played(world, horizon, episodes, generator):
    """Return marks [episodes, horizon], played in plain Python."""
    marks = np.zeros((episodes, horizon))
    for episode in range(episodes):
        situation = 0
        for t in range(horizon):
            edge = 2 * situation + (generator.random() >= world.chance[situation])
            marks[episode, t] = world.mark[edge]
            situation = world.target[edge]
    return marks


def test_slate_variance():
    rows = study.slate_variance()
    for row in rows:
        where = {"world": row["world"], "T": row["T"]}
        ratio = pick(rows, "variance", method="whole", **where)[0] / pick(rows, "variance", method="step", **where)[0]
        if row["world"] == "independent":
            assert ratio == pytest.approx(row["T"])
            assert row["agreement"] == pytest.approx(1.0)
        elif row["T"] > 2:
            assert (ratio < row["T"]) == (row["world"] == "mending")
    generator = np.random.Generator(np.random.PCG64(0))
    for name, world in study.WORLDS.items():
        returns = played(world, 4, 4000, generator).sum(1)
        expected = pick(rows, "variance", world=name, T=4, method="whole")[0] / 0.75
        assert returns.var(ddof=1) == pytest.approx(expected, rel=0.12)


def test_leaves_of_trees_and_chains():
    shapes = ((1, 0, 0), (3, 0, 0), (2, 2, 1), (2, 1, 2))
    rows = study.tree_leaves(copies=40, shapes=shapes)
    assert [row["leaves"] for row in rows] == [m * (1 + n * k) for m, n, k in shapes]
    for row, chains in zip(rows[:2], (1, 3), strict=True):
        assert row["cost"] == pytest.approx(chains, abs=4 * row["cost_se"])
        assert row["worth"] == pytest.approx(chains, abs=4 * row["worth_se"])
    for row in rows[2:]:
        assert row["cost"] < row["leaves"]
        assert row["worth"] < row["leaves"]


def test_errors_of_spo():
    rows = study.spo_value_error(counts=(1, 16), intervals=(1, 4), factors=(2, 4), copies=4)
    for interval in (1, 4):
        for measure in ("step", "segment", "early"):
            noisy, good = (pick(rows, measure, form="chain", interval=interval, K=count)[0] for count in (1, 16))
            assert noisy > 2 * good
        wide, narrow = (pick(rows, "steps", form="tree", interval=interval, K=factor)[0] for factor in (2, 4))
        assert wide < narrow
    assert pick(rows, "step", form="chain", interval=1) == pick(rows, "segment", form="chain", interval=1)
    long = {"form": "chain", "interval": 4, "K": 16}
    assert pick(rows, "step", **long)[0] > pick(rows, "segment", **long)[0]


def test_segments_of_exact_values_are_exact():
    place = study.sokoban()
    chains = place.collector.collect(Members(place.tasks, 2, 0, 0, study.HORIZON))
    advantage, value, left = study._exact(chains)
    assert study._segments(chains, value, 1) == pytest.approx(advantage, abs=1e-9)
    assert (left > 1.0 - 1e-9).all()
    assert evaluate(place.mdp, place.policy, study.HORIZON, signal="success").v[0, place.mdp.roots].mean() == (
        pytest.approx(study.SKILL, abs=1e-9)
    )


def test_branching_chances():
    for row in study.branching_chance(steps=1000):
        if row["rule"] == "threshold":
            assert row["share"] == (row["rise"] > 0)
        else:
            chance = min(1.0, max(0.0, 0.5 + 0.2 * row["rise"])) if row["rule"] == "draw" else 0.5
            assert row["share"] == pytest.approx(chance, abs=4.5 * sqrt(chance * (1 - chance) / 1000))
