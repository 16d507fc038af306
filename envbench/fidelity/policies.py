"""Policies of a chosen skill over an enumerated environment, as probabilities per edge (float64 [M])."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np

from envbench.errors import InvalidValue
from envbench.fidelity.mdp import Floats, Ints, Mdp, evaluate, optimal
from envbench.policies.tabular import TabularPolicy

PLANNING_GAMMA = 0.95  # discount of the stationary values that softmax policies follow: sooner is better
_HALVINGS = 60
_SHARPEST = 1e4  # greatest inverse temperature tried, in units of 1 / reward


def uniform(mdp: Mdp) -> Floats:
    """Return the policy that takes every valid action equally often."""
    return 1.0 / np.diff(mdp.first)[mdp.edge_node]


def softmax(mdp: Mdp, scores: Floats, sharpness: float) -> Floats:
    """Return pi(e | n) proportional to exp(sharpness * score(e)); `scores` is float64 [M]."""
    logits = sharpness * scores
    weight: Floats = np.exp(logits - mdp.best_edges(logits)[mdp.edge_node])
    return weight / mdp.over_edges(weight)[mdp.edge_node]


def planned(mdp: Mdp) -> Floats:
    """Return float64 [M], the discounted optimal values that `softmax` turns into policies of any skill."""
    values: Floats = optimal(mdp, None, PLANNING_GAMMA).q[0]
    return values


def epsilon_greedy(mdp: Mdp, best: Ints, epsilon: float) -> Floats:
    """Return the policy that takes edge `best[n]` (int64 [N], -1 for none known) but a random one at rate epsilon."""
    policy = uniform(mdp)
    known = best >= 0
    policy *= np.where(known, epsilon, 1.0)[mdp.edge_node]
    policy[best[known]] += 1.0 - epsilon
    return policy


def of_table(mdp: Mdp, table: TabularPolicy) -> Floats:
    """Return the policy that a table on anchors holds; situations that it never met are uniform.

    Raises:
        InvalidValue: for a table on another key, which no enumeration by anchor can follow.
    """
    if table.key != "anchor":
        raise InvalidValue(f"a policy on {table.key!r} is no function of the anchor; give one with key='anchor'")
    return per_node(mdp, lambda anchor, actions: table.probabilities(np.array([table.row(anchor, actions)]))[0])


def per_node(mdp: Mdp, choose: Callable[[str, tuple[str, ...]], Sequence[float] | Floats]) -> Floats:
    """Return the policy that `choose(anchor, actions)` gives for each open node, such as a language model's.

    `choose` returns probabilities of the actions in order; what is behind the last is left out.
    """
    policy = np.zeros(mdp.num_edges)
    for node, actions in enumerate(mdp.actions):
        if actions:
            at = int(mdp.first[node])
            policy[at : at + len(actions)] = choose(mdp.anchors[node], actions)[: len(actions)]
    return policy


def success_rate(mdp: Mdp, policy: Floats, horizon: int) -> float:
    """Return the exact probability that an episode on a task drawn at random ends in success."""
    return mdp.at_start(evaluate(mdp, policy, horizon, signal="success"))


def of_skill(mdp: Mdp, success: float, horizon: int) -> tuple[Floats, float]:
    """Return the softmax policy over `planned` values whose exact success is `success`, and its sharpness.

    Args:
        mdp: what can happen.
        success: in (0, 1).
        horizon: steps of an episode.

    Raises:
        InvalidValue: where the uniform policy is better already, or the sharpest not good enough; it names the range.
    """
    scores = planned(mdp)

    def reached(sharpness: float) -> float:
        return success_rate(mdp, softmax(mdp, scores, sharpness), horizon)

    low, high = 0.0, 1.0
    while reached(high) < success and high < _SHARPEST:
        high *= 2.0
    if not reached(low) <= success <= reached(high):
        raise InvalidValue(
            f"success={success:.3f}: softmax policies reach from {reached(low):.3f} to {reached(_SHARPEST):.3f} here; "
            "choose a skill in between"
        )
    for _ in range(_HALVINGS):
        middle = (low + high) / 2.0
        low, high = (middle, high) if reached(middle) < success else (low, middle)
    return softmax(mdp, scores, high), high


def as_table(mdp: Mdp, policy: Floats) -> TabularPolicy:
    """Return a table on anchors that acts as `policy` does, for collectors to play.

    Impossible actions get a logit so low that they are never drawn.
    """
    with np.errstate(divide="ignore"):
        logits = np.maximum(np.log(policy), -700.0)
    table = TabularPolicy("anchor")
    plain = {}
    for node, actions in enumerate(mdp.actions):
        if actions:
            at = int(mdp.first[node])
            plain[mdp.anchors[node]] = dict(zip(actions, logits[at : at + len(actions)].tolist(), strict=True))
    table.load({"key": "anchor", "logits": plain})
    return table
