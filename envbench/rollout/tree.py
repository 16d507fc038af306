"""Trees: chains first, then rounds of branches from rows that a rule picks (Tree-GRPO, arXiv:2509.21240, and others).

Every leaf is an episode. A branch holds its own rows only; its `tree` is the chain that the tree began with.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import TypeAlias

import numpy as np

from envbench.rollout.forks import Collector, Forks
from envbench.rollout.members import Members
from envbench.rollout.parts import EPISODES, ROWS, grafted, previous_rows
from envbench.rollout.record import Ints, Rollout
from envbench.seeding import below, derive_seed, generator, sample

# (what there is so far, number of the round) to the rows that are branched from; one that comes up twice, twice.
Rule: TypeAlias = Callable[[Rollout, int], Ints]

# Credit methods that compare branches with each other; on chains they have little to say.
BRANCHED = ("arpo_attribution", "portool", "spo_tree", "tree_grpo")


def grow(collector: Collector, members: Members, rule: Rule, rounds: int) -> Rollout:
    """Play every member once, then `rounds` times branch where `rule` says.

    Args:
        collector: plays.
        members: `size` chains of each group, the trees.
        rule: may return no rows.
        rounds: of branching.
    """
    whole = collector.collect(members)
    for number in range(rounds):
        rows = rule(whole, number)
        if len(rows):
            whole = grafted(whole, collector.fork(Forks(whole, rows, f"branch {number}")))
    return whole


def random_nodes(count: int) -> Rule:
    """Return Tree-GRPO's rule: `count` nodes of each tree, drawn with replacement, the root among them.

    A node is a situation that the policy acted in; the one that a branch shares with its parent counts once. M chains
    of a group and L rounds of N nodes make M (1 + N L) leaves.
    """

    def rule(whole: Rollout, number: int) -> Ints:
        shared = np.zeros(len(whole.t), np.bool_)
        shared[whole.first_rows[whole.parent >= 0]] = True
        nodes = np.flatnonzero(~shared)
        tree = whole.member[whole.episode[nodes]]
        order = nodes[np.argsort(tree, kind="stable")]
        size = np.bincount(tree)
        start = np.cumsum(size) - size
        bits = _bits(whole, "nodes", number)
        return np.array(
            [order[start[one] + below(bits, int(size[one]))] for one in np.flatnonzero(size) for _ in range(count)]
        )

    return rule


def at_levels(interval: int, factor: int) -> Rule:
    """Return the rule of full trees: in round k every episode branches `factor` - 1 times at t = (k + 1) `interval`.

    With R rounds a chain that lives long enough grows into a tree with `factor` ** R leaves (SPO-tree's b-b-b
    branching, arXiv:2505.23564, the first level of which are the chains of the group).
    """

    def rule(whole: Rollout, number: int) -> Ints:
        return np.repeat(np.flatnonzero(whole.t == (number + 1) * interval), factor - 1)

    return rule


def leaves_kept(whole: Rollout, count: int) -> Rollout:
    """Return the rollout with at most `count` leaves of each tree, drawn at random; what was spent stays.

    Rows that only dropped leaves need go; a prefix whose owner goes belongs to the first leaf kept below it.
    """
    bits = _bits(whole, "leaves", 0)
    trees = [np.flatnonzero(whole.member == tree).tolist() for tree in np.unique(whole.member).tolist()]
    leaves = sorted(leaf for tree in trees for leaf in sample(bits, tree, min(count, len(tree))))
    previous, last = previous_rows(whole), whole.last_rows
    owner = np.full(len(whole.t), -1)
    parent = np.full(len(leaves), -1)
    for number, leaf in enumerate(leaves):
        row = int(last[leaf])
        while row >= 0 and owner[row] < 0:
            owner[row] = number
            row = int(previous[row])
        if row >= 0:
            parent[number] = owner[row]
    rows = np.flatnonzero(owner >= 0)
    rows = rows[np.lexsort((whole.t[rows], owner[rows]))]
    place = whole.place[rows] if isinstance(whole.place, np.ndarray) else [whole.place[row] for row in rows.tolist()]
    columns = {name: getattr(whole, name)[rows] for name in ROWS if name != "place"}
    columns.update({name: getattr(whole, name)[leaves] for name in EPISODES if name != "branch_t"})
    kept = replace(whole, episode=owner[rows], parent=parent, place=place, groups=(), filled={}, **columns)
    return replace(kept, branch_t=kept.t[kept.first_rows])


def _bits(whole: Rollout, *names: str | int) -> np.random.PCG64:
    members = whole.members
    return generator(derive_seed(members.seed, members.iteration, members.first, "tree", *names))
