"""Forks: trees of branches, values by continuations, and that nothing of them depends on the collector."""

import dataclasses
import json

import numpy as np
import pytest
from rollout_cases import BOXES, DRY, LIMIT, WET, chains, collectors, make, members, partition, path

from envbench.errors import InvalidValue
from envbench.rollout.forks import Forks
from envbench.rollout.parts import previous_rows
from envbench.rollout.steps import StepCollector
from envbench.rollout.tree import at_levels, grow, leaves_kept, random_nodes
from envbench.rollout.values import with_values


@pytest.mark.parametrize("key", ["anchor", "history"])
@pytest.mark.parametrize("case", [DRY, BOXES], ids=["lake", "sokoban"])
def test_trees_are_equal_on_graph_and_environment(case, key):
    a, b = (grow(collector, members(case), random_nodes(2), 2) for collector, _ in collectors(case, key))
    for name in (
        "episode", "t", "reward", "choice", "group", "member", "parent", "branch_t", "terminated", "truncated", "score",
    ):  # fmt: skip
        assert np.array_equal(getattr(a, name), getattr(b, name)), name
    for name in ("state", "anchor", "observation", "action", "row"):
        assert partition(getattr(a, name)) == partition(getattr(b, name)), name
    assert dataclasses.replace(a.spent, seconds=0.0) == dataclasses.replace(b.spent, seconds=0.0)


def test_a_tree_has_the_leaves_of_its_budget():
    (collector, _), _ = collectors(DRY)
    for nodes, rounds in ((2, 1), (2, 2), (3, 1), (1, 4)):
        who = members(DRY, size=2)
        tree = grow(collector, who, random_nodes(nodes), rounds)
        assert len(tree.group) == who.count * (1 + nodes * rounds)
        assert (np.bincount(tree.member) == 1 + nodes * rounds).all()
        assert (np.bincount(tree.group) == 2 * (1 + nodes * rounds)).all()
        assert tree.spent.env_steps == len(tree.t)
        assert tree.spent.episodes == len(tree.group)


@pytest.mark.parametrize("case", [DRY, WET], ids=["dry", "wet"])
def test_a_branch_continues_its_parent(case):
    for collector, policy in collectors(case):
        tree = grow(collector, members(case), random_nodes(2), 2)
        batch = tree.batch()
        assert np.array_equal(previous_rows(tree), batch.previous_rows().numpy())
        previous = previous_rows(tree)
        rooted = np.flatnonzero(previous >= 0)
        assert np.array_equal(tree.anchor[rooted], tree.next_anchor[previous[rooted]])
        assert np.array_equal(tree.t[rooted], tree.t[previous[rooted]] + 1)
        assert (tree.t[previous < 0] == 0).all()
        for leaf in range(len(tree.group)):
            rows = path(tree, leaf)
            assert tree.t[rows].tolist() == list(range(len(rows)))
            assert len(rows) <= LIMIT
            assert tree.truncated[leaf] == (not tree.terminated[leaf])
            assert tree.returns()[leaf] == tree.reward[rows].sum()
        assert np.array_equal(batch.parent.numpy(), tree.parent)
        alone = collector.collect(members(case))
        assert tree.means() == alone.means()  # of the chains, which branches do not touch
        assert policy.row(tree.ids.texts[tree.anchor[0]], policy.situation(int(tree.row[0]))[1]) == tree.row[0]


def test_branch_points_are_drawn_among_all_situations_of_the_tree():
    """Tree-GRPO draws with replacement from the nodes, the root among them; each situation counts once."""
    (collector, _), _ = collectors(DRY)
    who = members(DRY, tasks=1, size=1)
    first = collector.collect(who)
    drawn = np.concatenate([random_nodes(4)(first, number) for number in range(500)])
    share = np.bincount(drawn, minlength=len(first.t)) / len(drawn)
    assert share == pytest.approx(np.full(len(first.t), 1 / len(first.t)), abs=0.03)
    tree = grow(collector, who, random_nodes(3), 1)
    again = random_nodes(50)(tree, 1)
    assert not np.isin(again, tree.first_rows[tree.parent >= 0]).any()


def test_full_trees_branch_at_their_levels():
    (collector, _), _ = collectors(DRY)
    tree = grow(collector, members(DRY, size=3), at_levels(2, 3), 2)
    assert set(tree.branch_t[tree.parent >= 0].tolist()) == {2, 4}
    for chain in range(9):
        length = int(tree.lengths[chain])
        assert ((tree.parent == chain) & (tree.branch_t == 2)).sum() == (2 if length > 2 else 0)
    long = [leaf for leaf in range(len(tree.group)) if len(path(tree, leaf)) > 4]
    assert len(long) > 9


def test_leaves_kept_take_their_prefix_with_them():
    (collector, _), _ = collectors(DRY)
    tree = grow(collector, members(DRY, size=2), random_nodes(3), 2)
    few = leaves_kept(tree, 3)
    assert (np.bincount(few.member) == 3).all()
    assert few.spent == tree.spent
    whole = {tuple(tree.action[path(tree, leaf)].tolist()) for leaf in range(len(tree.group))}
    for leaf in range(len(few.group)):
        rows = path(few, leaf)
        assert few.t[rows].tolist() == list(range(len(rows)))
        assert tuple(few.action[rows].tolist()) in whole
        assert few.returns()[leaf] == few.reward[rows].sum()
    used = {row for leaf in range(len(few.group)) for row in path(few, leaf)}
    assert used == set(range(len(few.t)))
    few.batch()  # the batch checks parents and branch points
    assert len(leaves_kept(tree, 99).t) == len(tree.t)


def test_forks_draw_noise_of_their_own():
    """From one row, continuations on ice differ, and a second call with the name gives them again."""
    for collector, _ in collectors(WET):
        origin = collector.collect(members(WET, tasks=1, size=1))
        forks = Forks(origin, np.zeros(60, np.int64), "test")
        a, b = collector.fork(forks), collector.fork(forks)
        assert np.array_equal(a.anchor, b.anchor)
        assert not np.array_equal(a.anchor, collector.fork(Forks(origin, forks.rows, "other")).anchor)
        assert len(set(a.lengths.tolist())) > 1
    seeds = {Forks(origin, np.zeros(60, np.int64), "test").noise_seed(fork) for fork in range(60)}
    assert len(seeds) == 60


@pytest.mark.parametrize("where", [0, 1], ids=["graph", "steps"])
def test_values_agree_with_dynamic_programming(where):
    """On a dry lake the uniform policy's value within the limit follows from the graph's own edges."""
    collector, _ = collectors(DRY)[where]
    rollout = collector.collect(members(DRY, tasks=2, size=2))
    env, exact = make(*DRY), {}

    def value(snapshot, left):
        if (snapshot, left) not in exact:
            total = 0.0
            for action in actions(snapshot):
                env.restore(snapshot)
                _, reward, terminated, _, _ = env.step(action)
                total += reward
                if not terminated and left > 1:
                    total += value(clockless(env.snapshot()), left - 1)
            exact[snapshot, left] = total / len(actions(snapshot))
        return exact[snapshot, left]

    def actions(snapshot):
        return env.restore(snapshot)[1]["valid_actions"]

    def clockless(snapshot):
        document = json.loads(snapshot)
        return json.dumps({**document, "t": 0, "result": [0.0, False, True]}).encode()

    filled = with_values(rollout, collector, 400 if where == 0 else 30)
    assert filled.spent.env_steps > rollout.spent.env_steps + len(rollout.t)
    assert filled.filled["value"].shape == rollout.t.shape
    expected = []
    for row in range(len(rollout.t)):
        place = rollout.place[row]
        snapshot = collector._graph.places[place].snapshot if where == 0 else place
        expected.append(value(clockless(snapshot), LIMIT - int(rollout.t[row])))
    error = filled.filled["value"] - np.array(expected)
    assert np.abs(error).max() < (0.1 if where == 0 else 0.4)
    assert abs(error.mean()) < 0.03
    assert np.array_equal(filled.filled["value"], filled.filled["success_rate"])  # the reward is the success here
    assert max(expected) > 0.0


def test_what_cannot_be_forked_is_refused():
    rollout, _, policy = chains()
    bare = StepCollector(make(*DRY, max_steps=LIMIT), policy)
    with pytest.raises(InvalidValue, match="snapshots=True"):
        bare.fork(Forks(bare.collect(members(DRY)), np.array([0]), "branch"))
    with pytest.raises(InvalidValue, match="cannot be continued"):
        collectors(DRY)[0][0].fork(Forks(rollout, np.array([0]), "branch"))
    with pytest.raises(InvalidValue, match="continuations=0"):
        with_values(rollout, bare, 0)


def test_a_greedy_policy_branches_into_itself():
    """Forks ask the policy as it is now: one that is certain repeats the chain to the end."""
    (collector, policy), _ = collectors(DRY)
    first = collector.collect(members(DRY, tasks=1, size=1))
    seen = dict(zip(first.row.tolist(), first.choice.tolist(), strict=True))
    for row in range(int(first.row.max()) + 1):
        policy.update(np.array([row]), np.array([seen.get(row, 0)]), np.array([1.0]), 1e4)
    again = collector.collect(members(DRY, tasks=1, size=1, iteration=1))
    tree = grow(collector, members(DRY, tasks=1, size=1, iteration=1), random_nodes(3), 1)
    for leaf in range(4):
        assert np.array_equal(tree.action[path(tree, leaf)], again.action)
