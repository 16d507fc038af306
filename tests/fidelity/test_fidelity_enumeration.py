"""The search: complete, bounded, resumable, and the policies on top of it as skilled as asked."""

import gymnasium
import numpy as np
import pytest
from small_mdps import bandit

import envbench
from envbench.errors import DataCorrupt, InvalidValue
from envbench.fidelity import policies
from envbench.fidelity.enumeration import Enumeration, enumerate_tasks
from envbench.fidelity.mdp import evaluate
from envbench.policies.tabular import TabularPolicy
from envbench.rollout.graph import Graph
from envbench.rollout.members import Members
from envbench.rollout.walk import GraphCollector

SETTINGS = {
    "frozenlake": ("envbench/FrozenLake-v0", 40, {}),
    "frozenlake-dry": ("envbench/FrozenLake-v0", 40, {"slippery": False}),
    "sokoban": ("envbench/Sokoban-v0", 36, {}),
    "webshop": ("envbench/WebShop-v0", 8, {}),
}


def setting(name, tasks=2):
    id, horizon, knobs = SETTINGS[name]
    env = gymnasium.make(id, max_steps=None, **knobs).unwrapped
    return env, [envbench.panel(id, split="train", **knobs)[number] for number in range(tasks)], horizon


@pytest.mark.parametrize("name", sorted(SETTINGS))
def test_exact_values_are_those_of_episodes_played(name):
    """The truth is not circular: another code path plays the environment, and its mean lies within five errors."""
    env, tasks, horizon = setting(name)
    mdp = enumerate_tasks(env, tasks, horizon)
    policy, _ = policies.of_skill(mdp, 0.3, horizon)
    exact = float(mdp.start @ evaluate(mdp, policy, horizon).v[0])
    collector = GraphCollector(Graph(env), policies.as_table(mdp, policy))
    rollout = collector.collect(Members(tasks, 1000, 0, 0, horizon))
    returns = np.bincount(rollout.episode, rollout.reward)
    assert returns.mean() == pytest.approx(exact, abs=5 * returns.std() / len(returns) ** 0.5)
    assert rollout.success.mean() == pytest.approx(0.3, abs=5 * 0.5 / len(returns) ** 0.5)


def test_a_search_taken_up_again_finds_the_same():
    env, tasks, horizon = setting("webshop", 1)
    whole = enumerate_tasks(env, tasks, horizon)
    search = Enumeration(env, horizon)
    search.add(tasks[0])
    pieces = 0
    while not search.run(most=100):
        pieces += 1
        data = search.dump()
        search = Enumeration(env, horizon)
        search.load(data)
    assert pieces > 3
    found = search.mdp()
    assert (found.anchors, found.actions, found.tasks) == (whole.anchors, whole.actions, whole.tasks)
    for column in ("roots", "first", "opens", "probability", "target", "reward", "terminated", "success"):
        assert np.array_equal(getattr(found, column), getattr(whole, column)), column


def test_the_bound_says_how_far_it_came():
    env, tasks, _ = setting("webshop", 1)
    with pytest.raises(InvalidValue, match=r"more than 50 situations on these 1 tasks \(\d+ tried out, \d+ waiting\)"):
        enumerate_tasks(env, tasks, None, limit=50)


def test_progress_is_told():
    env, tasks, horizon = setting("sokoban", 12)
    search, told = Enumeration(env, horizon), []
    for task in tasks:
        search.add(task)
    assert search.run(on_progress=lambda found, waiting: told.append((found, waiting)))
    assert len(told) == search.nodes // 1000 or len(told) == (search.nodes // 1000) - 1
    assert told


def test_what_cannot_be_enumerated_is_refused():
    limited = gymnasium.make("envbench/Sokoban-v0").unwrapped
    with pytest.raises(InvalidValue, match="max_steps=None"):
        Enumeration(limited, 5)
    env, tasks, _ = setting("sokoban", 1)
    search = Enumeration(env, 5)
    search.add(tasks[0])
    with pytest.raises(InvalidValue, match="were not tried out yet"):
        search.mdp()
    with pytest.raises(DataCorrupt, match="no enumeration"):
        search.load(b"\xc1")


def test_skill_is_exact_and_bounded():
    env, tasks, horizon = setting("sokoban", 3)
    mdp = enumerate_tasks(env, tasks, horizon)
    for skill in (0.2, 0.5, 0.8):
        policy, sharpness = policies.of_skill(mdp, skill, horizon)
        assert policies.success_rate(mdp, policy, horizon) == pytest.approx(skill, abs=1e-6)
        assert sharpness > 0.0
    with pytest.raises(InvalidValue, match=r"softmax policies reach from 0\.\d+ to"):
        policies.of_skill(bandit(0.1, 0.6), 0.9, 1)


def test_tables_and_enumerated_policies_are_the_same_thing():
    mdp = bandit(0.2, 0.7)
    policy = np.array([0.25, 0.75])
    assert policies.of_table(mdp, policies.as_table(mdp, policy)) == pytest.approx(policy, abs=1e-12)
    assert policies.of_table(mdp, TabularPolicy("anchor")).tolist() == [0.5, 0.5]
    with pytest.raises(InvalidValue, match="key='anchor'"):
        policies.of_table(mdp, TabularPolicy("observation"))


def test_epsilon_greedy():
    mdp = bandit(0.2, 0.7)
    assert policies.epsilon_greedy(mdp, np.array([1, -1]), 0.5).tolist() == [0.25, 0.75]
    assert policies.epsilon_greedy(mdp, np.array([-1, -1]), 0.5).tolist() == [0.5, 0.5]
    assert policies.per_node(mdp, lambda anchor, actions: [0.1, 0.9, 0.0]).tolist() == [0.1, 0.9]
