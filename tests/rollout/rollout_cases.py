"""Environments, members and collectors that the tests of this folder share."""

import gymnasium
import numpy as np

import envbench
from envbench.policies import TabularPolicy
from envbench.rollout.graph import Graph
from envbench.rollout.members import Members
from envbench.rollout.steps import StepCollector
from envbench.rollout.walk import GraphCollector

DRY = ("envbench/FrozenLake-v0", {"slippery": False})
WET = ("envbench/FrozenLake-v0", {"slippery": True})
BOXES = ("envbench/Sokoban-v0", {})
LIMIT = 12


def make(id, knobs, max_steps=None):
    return gymnasium.make(id, max_steps=max_steps, **knobs).unwrapped


def members(case, tasks=3, size=4, iteration=0, max_steps=LIMIT, first=0):
    id, knobs = case
    return Members(envbench.panel(id, **knobs)[:tasks], size, 7, iteration, max_steps, first)


def collectors(case, key="anchor"):
    """Return (collector, policy) on the graph and on the environment."""
    walked, stepped = TabularPolicy(key), TabularPolicy(key)
    return (
        (GraphCollector(Graph(make(*case)), walked), walked),
        (StepCollector(make(*case, max_steps=LIMIT), stepped, snapshots=True), stepped),
    )


def chains(case=DRY, **changes):
    """Return a rollout of chains, its collector and its policy."""
    (collector, policy), _ = collectors(case)
    return collector.collect(members(case, **changes)), collector, policy


def partition(ids):
    """Return ids renumbered by first appearance."""
    seen = {}
    return [seen.setdefault(one, len(seen)) for one in ids.tolist()]


def path(rollout, leaf):
    """Return the rows from the start of the task to the end of an episode, by walking up its parents."""
    own = np.flatnonzero(rollout.episode == leaf).tolist()
    cut, parent = int(rollout.branch_t[leaf]), int(rollout.parent[leaf])
    if parent < 0:
        return own
    return [row for row in path(rollout, parent) if rollout.t[row] < cut] + own
