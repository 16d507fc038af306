"""Exact values, visits and gradients of a policy in an environment whose situations were all enumerated.

Axes: N nodes (anchors), M edges (valid actions of the nodes, in their order), B branches (outcomes of the edges),
H steps of the horizon. A policy is a float64 [M] of probabilities that sum to 1 over the edges of every node.

Truth is finite-horizon: Q_t(n, e) is the expected sum of rewards from step t on when `e` is taken in `n` and the policy
followed after, up to the limit that is part of the task. Without a horizon it is the discounted form.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from typing import Literal, NamedTuple, TypeAlias

import numpy as np
from numpy.typing import NDArray

from envbench.errors import InvalidValue

Floats: TypeAlias = NDArray[np.float64]
Ints: TypeAlias = NDArray[np.int64]
Flags: TypeAlias = NDArray[np.bool_]
Signal: TypeAlias = Literal["reward", "success"]
Follow: TypeAlias = Callable[[Floats], Floats]  # float64 [M] of edges -> float64 [N] of nodes

_CONVERGED = 1e-12  # largest change of a value, in units of reward, that ends the discounted iteration
_MOST_SWEEPS = 100_000


class Values(NamedTuple):
    """Values of a policy.

    Attributes:
        q: float64 [H, M], of edges at step t; [1, M] in the discounted form.
        v: float64 [H + 1, N], of nodes at step t, 0 after the last; [1, N] in the discounted form.
    """

    q: Floats
    v: Floats


@dataclass(frozen=True, eq=False)
class Mdp:
    """Everything that can happen on some tasks, by anchor.

    Attributes:
        anchors: hash of each node. actions: its valid actions; () where the episode is over.
        roots: int64 [tasks], where each task starts. tasks: their ids.
        first: int64 [N + 1], edges of node n are first[n] to first[n + 1] - 1.
        opens: int64 [M + 1], branches of edge e are opens[e] to opens[e + 1] - 1.
        probability: float64 [B]. target: int64 [B], node after. reward: float64 [B].
        terminated, success: bool [B].
    """

    anchors: tuple[str, ...]
    actions: tuple[tuple[str, ...], ...]
    tasks: tuple[str, ...]
    roots: Ints
    first: Ints
    opens: Ints
    probability: Floats
    target: Ints
    reward: Floats
    terminated: Flags
    success: Flags

    @property
    def num_nodes(self) -> int:
        return len(self.anchors)

    @property
    def num_edges(self) -> int:
        return len(self.opens) - 1

    @cached_property
    def node_of(self) -> dict[str, int]:
        """Node number by anchor hash."""
        return {anchor: node for node, anchor in enumerate(self.anchors)}

    @cached_property
    def edge_node(self) -> Ints:
        """int64 [M], the node of each edge."""
        return np.repeat(np.arange(self.num_nodes), np.diff(self.first))

    @cached_property
    def _branch_edge(self) -> Ints:
        return np.repeat(np.arange(self.num_edges), np.diff(self.opens))

    @cached_property
    def start(self) -> Floats:
        """float64 [N], the distribution of the first node: every task equally often."""
        return np.bincount(self.roots, minlength=self.num_nodes) / len(self.roots)

    def at_start(self, values: Values) -> float:
        """Return the value of an episode on a task drawn at random."""
        return float((self.start * values.v[0]).sum())

    def over_edges(self, values: Floats) -> Floats:
        """Return float64 [N], the sum over each node's edges of `values` [M]."""
        return np.bincount(self.edge_node, values, minlength=self.num_nodes).astype(np.float64, copy=False)

    def backup(self, signal: Floats, after: Floats, gamma: float = 1.0) -> Floats:
        """Return float64 [M], the expected `signal` [B] plus gamma times `after` [N] of where the edge leads."""
        worth = self.probability * (signal + gamma * np.where(self.terminated, 0.0, after[self.target]))
        return np.bincount(self._branch_edge, worth, minlength=self.num_edges).astype(np.float64, copy=False)

    def signal(self, name: Signal) -> Floats:
        """Return float64 [B], the reward of each branch, or 1 where it ends the task in success."""
        return self.reward if name == "reward" else (self.success & self.terminated).astype(np.float64)

    def best_edges(self, q: Floats) -> Floats:
        """Return float64 [N], the greatest of `q` [M] over each node's edges; 0 where the episode is over."""
        best = np.full(self.num_nodes, -np.inf)
        np.maximum.at(best, self.edge_node, q)
        return np.where(np.isneginf(best), 0.0, best)


def check_policy(mdp: Mdp, policy: Floats) -> None:
    """Raise InvalidValue unless `policy` is float64 [M] and sums to 1 over the edges of every open node."""
    if policy.shape != (mdp.num_edges,) or not np.isfinite(policy).all() or (policy < 0.0).any():
        raise InvalidValue(f"a policy is {mdp.num_edges} probabilities, one per edge; got shape {policy.shape}")
    total = mdp.over_edges(policy)
    if not np.allclose(total[np.diff(mdp.first) > 0], 1.0, atol=1e-9):
        raise InvalidValue("the probabilities of a node's actions do not sum to 1; normalise the policy")


def evaluate(mdp: Mdp, policy: Floats, horizon: int | None, gamma: float = 1.0, signal: Signal = "reward") -> Values:
    """Return the exact values of a policy.

    Args:
        mdp: what can happen.
        policy: float64 [M].
        horizon: steps of an episode; None for the discounted form, which needs `gamma` below 1.
        gamma: discount of a step.
        signal: what is summed up: `reward`, or `success` at the end (its value is the probability of success).

    Raises:
        InvalidValue: for a policy that is none, or no horizon with gamma 1.
    """
    check_policy(mdp, policy)
    worth = mdp.signal(signal)

    def follow(q: Floats) -> Floats:
        return mdp.over_edges(policy * q)

    return _finite(mdp, worth, follow, horizon, gamma) if horizon else _discounted(mdp, worth, follow, gamma)


def optimal(mdp: Mdp, horizon: int | None, gamma: float = 1.0, signal: Signal = "reward") -> Values:
    """Return the exact values of the best policy; arguments and errors as `evaluate`."""
    worth = mdp.signal(signal)
    if horizon:
        return _finite(mdp, worth, mdp.best_edges, horizon, gamma)
    return _discounted(mdp, worth, mdp.best_edges, gamma)


def _finite(mdp: Mdp, worth: Floats, follow: Follow, horizon: int, gamma: float) -> Values:
    q, v = np.zeros((horizon, mdp.num_edges)), np.zeros((horizon + 1, mdp.num_nodes))
    for t in range(horizon - 1, -1, -1):
        q[t] = mdp.backup(worth, v[t + 1], gamma)
        v[t] = follow(q[t])
    return Values(q, v)


def _discounted(mdp: Mdp, worth: Floats, follow: Follow, gamma: float) -> Values:
    if not 0.0 <= gamma < 1.0:
        raise InvalidValue(f"gamma={gamma}: without a horizon the discount must be below 1")
    v = np.zeros(mdp.num_nodes)
    for _ in range(_MOST_SWEEPS):
        q = mdp.backup(worth, v, gamma)
        after = follow(q)
        change = float(np.abs(after - v).max(initial=0.0))
        v = after
        if change * gamma <= _CONVERGED * (1.0 - gamma):
            return Values(q[None], v[None])
    raise InvalidValue(f"gamma={gamma}: {_MOST_SWEEPS} sweeps did not converge; lower it or give a horizon")


def visits(mdp: Mdp, policy: Floats, horizon: int) -> Floats:
    """Return float64 [H, N], the probability that an episode is under way in node n at step t."""
    check_policy(mdp, policy)
    seen = np.zeros((horizon, mdp.num_nodes))
    seen[0] = mdp.start
    flow = mdp.probability * ~mdp.terminated
    edge = mdp._branch_edge
    node = mdp.edge_node[edge]
    for t in range(horizon - 1):
        seen[t + 1] = np.bincount(mdp.target, seen[t, node] * policy[edge] * flow, minlength=mdp.num_nodes)
    return seen


def policy_gradient(mdp: Mdp, policy: Floats, horizon: int) -> Floats:
    """Return float64 [M], the gradient of the expected return in the logits of a softmax policy.

    dJ / dlogit(n, e) = sum_t d_t(n) pi(e | n) (Q_t(n, e) - V_t(n)), with d_t the visits of step t (policy gradient
    theorem in its finite-horizon form; the advantage enters, as the logits of a node are normalised together).
    """
    values = evaluate(mdp, policy, horizon)
    weight = visits(mdp, policy, horizon)[:, mdp.edge_node] * policy
    return np.asarray((weight * (values.q - values.v[:-1, mdp.edge_node])).sum(axis=0))


def clock_spread(mdp: Mdp, policy: Floats, horizon: int) -> float:
    """Return how much Q differs within one (node, action) over the steps at which it is met, weighed by visits.

    The square root of the visit-weighted variance of Q_t(n, e) over t: 0 where the clock does not matter. In units of
    reward. Keys that leave the clock out (anchors do) cannot tell these apart: clock aliasing.
    """
    q = evaluate(mdp, policy, horizon).q
    weight = visits(mdp, policy, horizon)[:, mdp.edge_node] * policy
    total = weight.sum(axis=0)
    mean = (weight * q).sum(axis=0) / np.where(total > 0.0, total, 1.0)
    return float(np.sqrt((weight * (q - mean) ** 2).sum() / total.sum()))
