"""The graph collector against the environment, step for step and in distribution."""

import numpy as np
import pytest
from rollout_cases import BOXES, DRY, make, members, partition

import envbench
from envbench.errors import GroupMismatch, InvalidValue, UnknownName
from envbench.policies import TabularPolicy
from envbench.rollout.graph import Graph
from envbench.rollout.record import RECORDED
from envbench.rollout.steps import StepCollector
from envbench.rollout.walk import GraphCollector
from envbench.seeding import derive_seed

CASES = [DRY, BOXES, ("envbench/WebShop-v0", {})]


@pytest.mark.parametrize("key", ["anchor", "observation", "history"])
@pytest.mark.parametrize(("id", "knobs"), CASES, ids=lambda case: case if isinstance(case, str) else "")
def test_graph_equals_the_environment(id, knobs, key):
    walked, stepped = TabularPolicy(key), TabularPolicy(key)
    graph = GraphCollector(Graph(make(id, knobs)), walked)
    steps = StepCollector(make(id, knobs, max_steps=12), stepped)
    for iteration in range(3):
        who = members((id, knobs), iteration=iteration)
        a, b = graph.collect(who), steps.collect(who)
        for name in ("episode", "t", "reward", "choice", "group", "terminated", "truncated", "score", "success"):
            assert np.array_equal(getattr(a, name), getattr(b, name)), name
        for name in ("state", "anchor", "observation", "action", "row"):
            assert partition(getattr(a, name)) == partition(getattr(b, name)), name
        both = [np.concatenate([one.anchor, one.next_anchor]) for one in (a, b)]
        assert partition(both[0]) == partition(both[1])
        signal = np.cos(np.arange(len(a.t)))
        for policy, one in ((walked, a), (stepped, b)):
            policy.update(one.row, one.choice, signal, 1.0)
        assert walked.to_plain()["logits"] == stepped.to_plain()["logits"]
    assert len(set(a.t.tolist())) > 3


def test_recorded_groups_replay():
    id, knobs = "envbench/FrozenLake-v0", {}
    who = members((id, knobs))
    env = make(id, knobs, max_steps=12)
    rollout = StepCollector(env, TabularPolicy()).collect(who)
    assert [group.id for group in rollout.groups] == [(task.id, 7, 0, g) for g, task in enumerate(who.tasks)]
    for g, group in enumerate(rollout.groups):
        for i, member in enumerate(group.members):
            assert member.seed == derive_seed(7, 0, g, i)
            _, info = env.reset(seed=member.seed, options={"task": member.task})
            for step in member.steps:
                assert info["state_hash"] == step.state
                *_, info = env.step(step.action)
            assert info["state_hash"] == member.final_state


def test_stochastic_graph_agrees_in_distribution():
    """Same start, same policy: frequencies of (first next cell, success) from 3,000 episodes of both collectors."""
    id, knobs = "envbench/FrozenLake-v0", {"slippery": True}
    rates = []
    for build in (
        lambda policy: GraphCollector(Graph(make(id, knobs)), policy),
        lambda policy: StepCollector(make(id, knobs, max_steps=12), policy),
    ):
        collector = build(TabularPolicy())
        rollout = collector.collect(members((id, knobs), tasks=1, size=3000))
        lengths = rollout.lengths
        moved = (rollout.anchor != rollout.next_anchor)[rollout.t == 0].mean()
        rates.append([moved, lengths.mean() / 12, rollout.terminated.mean(), (lengths <= 4).mean()])
    assert rates[0] == pytest.approx(rates[1], abs=0.04)  # three standard errors of a rate near 1/2


def test_stochastic_edges_hold_the_outcomes():
    env = make("envbench/FrozenLake-v0", {"slippery": True})
    graph = Graph(env)
    task = envbench.panel("envbench/FrozenLake-v0")[0]
    root = graph.root(task)
    edge = np.array([int(graph.nodes.first[root])])
    env.reset(options={"task": task.id})
    expected = [one.probability for one in env.outcomes(env.valid_actions()[0])]
    first = int(graph.branch(edge, np.array([0.0]))[0])
    last = int(graph.branch(edge, np.array([1.0 - 2.0**-53]))[0])
    found = graph.branches.cumulative[first : last + 1].tolist()
    assert found[:-1] == pytest.approx(np.cumsum(expected)[:-1])
    assert found[-1] == np.inf


def test_members_draws_depend_on_their_place_alone():
    short, long = members(DRY, max_steps=5), members(DRY, max_steps=9)
    assert np.array_equal(short.action_draws(), long.action_draws()[:5])
    assert not np.array_equal(short.action_draws(), short.noise_draws())
    assert not np.array_equal(short.action_draws(), members(DRY, iteration=1, max_steps=5).action_draws())


def test_batch_has_the_columns_asked_for():
    rollout = GraphCollector(Graph(make(*DRY)), TabularPolicy()).collect(members(DRY))
    whole = rollout.batch()
    assert all(getattr(whole, name) is not None for name in RECORDED)
    assert rollout.batch(("anchor",)).state is None
    assert whole.num_groups == 3
    assert whole.num_episodes == 12
    with pytest.raises(UnknownName, match="anchor"):
        rollout.batch(("anchr",))


class Wandering(type(make(*DRY))):
    """A lake whose episodes start anywhere."""

    def _reset(self, task):
        observation = super()._reset(task)
        self._cell = self.seed % 3
        return observation


def test_group_must_start_alike():
    env = Wandering(slippery=False, max_steps=12)
    with pytest.raises(GroupMismatch, match="different states"):
        StepCollector(env, TabularPolicy()).collect(members(DRY))
    graph = Graph(Wandering(slippery=False, max_steps=None))
    with pytest.raises(InvalidValue, match="collector='steps'"):
        list(map(graph.root, envbench.panel(*DRY[:1], **DRY[1])[:8]))


def test_limits_are_the_walkers():
    with pytest.raises(InvalidValue, match="max_steps=None"):
        Graph(make(*DRY, max_steps=5))
    with pytest.raises(InvalidValue, match="max_steps=12"):
        StepCollector(make(*DRY, max_steps=5), TabularPolicy()).collect(members(DRY))
