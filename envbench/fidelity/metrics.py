"""How right credit is: measures that compare what a method assigned to steps with their true advantages.

Axes: S rows (steps of episodes), K rows of which the truth is known. Every function is pure. What a method dropped
(weight 0) counts as credit 0: not to credit a step is an answer too.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from envbench.fidelity.mdp import Flags, Floats, Ints

NEGLIGIBLE = 0.01  # true advantages below this share of the reward range have no sign to be right about
LEAST_VISITS = 30  # visits of a (state, action, t) before its mean and variance are believed
GOAL = 0.9  # cosine with the exact gradient that the sample cost is counted to


def pearson(credit: Floats, truth: Floats) -> float:
    """Return the linear correlation of float64 [K] with float64 [K]; 0 where the credit is constant, NaN the truth."""
    a, b = credit - credit.mean(), truth - truth.mean()
    sizes = np.sqrt(_inner(a, a) * _inner(b, b))
    if not b.any():
        return float("nan")
    return _inner(a, b) / sizes if sizes > 0.0 else 0.0


def _inner(a: Floats, b: Floats) -> float:
    """Return the inner product, added up in one thread: the same bits wherever it runs, and no waiting for others."""
    return float((a * b).sum())


def spearman(credit: Floats, truth: Floats) -> float:
    """Return the rank correlation (ties share their mean rank); as `pearson` where one of them is constant."""
    return pearson(_ranks(credit), _ranks(truth))


def _ranks(values: Floats) -> Floats:
    _, place, count = np.unique(values, return_inverse=True, return_counts=True)
    ends = np.cumsum(count)
    ranks: Floats = (ends - (count - 1) / 2.0)[place]
    return ranks


def sign_accuracy(credit: Floats, truth: Floats, reward_range: float) -> float:
    """Return the share of steps whose credit has the sign of their true advantage; a credit of 0 is half right.

    Args:
        credit: float64 [K].
        truth: float64 [K].
        reward_range: greatest minus least episode return; steps with a truth below `NEGLIGIBLE` of it are left out.

    Returns:
        In [0, 1], 0.5 for a coin; NaN where no step is left.
    """
    kept = np.abs(truth) > NEGLIGIBLE * reward_range
    if not kept.any():
        return float("nan")
    right = np.sign(credit[kept]) * np.sign(truth[kept])
    return float((1.0 + right).mean() / 2.0)


class Error(NamedTuple):
    """Error of a method on the pairs that were visited often enough.

    Attributes:
        scale: c, the least-squares factor of the truth in the credit; advantages have no unit of their own.
        bias: visit-weighted mean of bias^2 over c^2 E[A^2]; the variance's share in the mean is taken out, so that it
            may come out below 0 by chance.
        variance: visit-weighted mean of the variance within (state, action, t) over c^2 E[A^2].
        total: bias + variance.
        share: of the rows, how many belong to pairs with at least `LEAST_VISITS`.
    """

    scale: float
    bias: float
    variance: float
    total: float
    share: float


def error(credit: Floats, truth: Floats, pair: Ints) -> Error:
    """Return (bias^2 + variance) / (c^2 E[A^2]), bias and variance conditional on (state, action, t).

    Args:
        credit: float64 [K].
        truth: float64 [K], equal within a pair.
        pair: int64 [K], id of the row's (state, action, t).

    Returns:
        NaN but for `share` where no pair was visited `LEAST_VISITS` times or the credit has nothing of the truth in it
        (c = 0).
    """
    _, place, count = np.unique(pair, return_inverse=True, return_counts=True)
    often = (count >= LEAST_VISITS)[place]
    share = float(often.mean())
    credit, truth, place = credit[often], truth[often], place[often]
    power = _inner(truth, truth)
    scale = _inner(credit, truth) / power if power > 0.0 else 0.0
    if not len(credit) or scale == 0.0:
        return Error(scale, float("nan"), float("nan"), float("nan"), share)
    visited = np.bincount(place, minlength=len(count)).astype(np.float64)
    seen = np.maximum(visited, 1.0)
    mean = np.bincount(place, credit, minlength=len(count)) / seen
    square = np.bincount(place, (credit - mean[place]) ** 2, minlength=len(count))
    variance = square / np.maximum(visited - 1.0, 1.0)
    true = np.bincount(place, truth, minlength=len(count)) / seen
    bias = (mean - scale * true) ** 2 - variance / seen
    unit = scale * scale * power
    systematic, random = _inner(visited, bias) / unit, _inner(visited, variance) / unit
    return Error(scale, systematic, random, systematic + random, share)


def attenuation(truth: Floats, standard_error: Floats) -> float:
    """Return the factor by which noise in a sampled truth shrinks correlations: sqrt(var of truth / var of sample).

    Dividing a raw correlation by it corrects for attenuation (Spearman 1904). 1 for an exact truth; NaN where noise is
    all that there is.
    """
    spread = float(np.var(truth))
    noise = float(np.mean(standard_error**2))
    return float(np.sqrt((spread - noise) / spread)) if spread > noise else float("nan")


class Gradient(NamedTuple):
    """A method's gradient estimate against the exact policy gradient.

    Attributes:
        cosine: of the mean over all groups with the exact gradient.
        sample_cost: episodes after which the cosine is expected to be `GOAL`; inf where no number is enough.
    """

    cosine: float
    sample_cost: float


class Estimates(NamedTuple):
    """Gradient estimates of many groups, as far as comparing them needs.

    Attributes:
        mean: float64 [M], over groups. square: mean over groups of the squared length. groups: their number.
    """

    mean: Floats
    square: float
    groups: int


def gradient_estimates(
    signal: Floats, edge: Ints, policy: Floats, edge_node: Ints, group: Ints, groups: int
) -> Estimates:
    """Return the groups' estimates of the gradient in the logits of a softmax policy.

    A group's is the sum over its rows of signal (1[e = edge] - pi(e | node)). Nothing as large as groups x M is made:
    with x(e) the signal that a group has on edge e and y(n) that on all edges of a node, the squared length is
    sum_e x(e)^2 - 2 sum_e x(e) y(n) pi(e) + sum_n y(n)^2 sum_e pi(e)^2.

    Args:
        signal: float64 [S], weight times credit.
        edge: int64 [S], the edge taken.
        policy: float64 [M].
        edge_node: int64 [M].
        group: int64 [S], below `groups`.
        groups: their number.
    """
    edges, nodes = len(policy), int(edge_node.max()) + 1
    node = edge_node[edge]
    total = np.bincount(node, signal, minlength=nodes)
    mean = (np.bincount(edge, signal, minlength=edges) - total[edge_node] * policy) / groups
    at_edge, place = np.unique(group * edges + edge, return_inverse=True)
    at_node, where = np.unique(group * nodes + node, return_inverse=True)
    taken: Floats = np.bincount(place, signal).astype(np.float64, copy=False)
    summed: Floats = np.bincount(where, signal).astype(np.float64, copy=False)
    taken_edge = at_edge % edges
    own = summed[np.searchsorted(at_node, at_edge // edges * nodes + edge_node[taken_edge])]
    spread: Floats = np.bincount(edge_node, policy * policy, minlength=nodes).astype(np.float64, copy=False)
    square = (
        _inner(taken, taken)
        - 2.0 * _inner(taken * own, policy[taken_edge])
        + _inner(summed * summed, spread[at_node % nodes])
    )
    return Estimates(mean, square / groups, groups)


def gradient(estimates: Estimates, exact: Floats, group_size: int) -> Gradient:
    """Compare per-group gradient estimates with the exact gradient.

    The sample cost follows from the estimates' mean m and the trace v of their covariance: the cosine of a mean of n
    groups with the exact gradient g is about (m . g / |g|) / sqrt(|m|^2 + v / n), with |m|^2 freed of its own noise.

    Args:
        estimates: of at least one group.
        exact: float64 [M].
        group_size: episodes of a group.
    """
    mean, groups = estimates.mean, estimates.groups
    size, length = float(np.sqrt(_inner(exact, exact))), _inner(mean, mean)
    if size == 0.0 or length == 0.0:
        return Gradient(0.0 if size else float("nan"), float("inf"))
    along = _inner(mean, exact) / size
    cosine = along / float(np.sqrt(length))
    if groups < 2:
        return Gradient(cosine, float("nan"))
    spread = max(estimates.square - length, 0.0) * groups / (groups - 1)
    room = (along / GOAL) ** 2 - (length - spread / groups)  # what the noise may add to |m|^2
    if along <= 0.0 or room <= 0.0:
        return Gradient(cosine, float("inf"))
    return Gradient(cosine, max(spread / room, 1.0) * group_size)


def decisive_share(credit: Floats, decisive: Flags) -> float:
    """Return the share of |credit| that lies on decisive steps (bool [S]); their share of steps where all is 0."""
    size = np.abs(credit)
    total = float(size.sum())
    return float(size[decisive].sum() / total) if total > 0.0 else float(decisive.mean())


class Merging(NamedTuple):
    """How well a key tells states apart, over pairs of rows of one group.

    Attributes:
        false_merges: of the pairs that the key calls equal, the share whose true keys differ.
        false_splits: of the pairs whose true keys are equal, the share that the key calls different.
    """

    false_merges: float
    false_splits: float


def merging(key: Ints, true: Ints, group: Ints) -> Merging:
    """Compare a grouping key with the true one (all int64 [S]); NaN where there is no such pair."""
    shown, real, both = (_pairs(group, *keys) for keys in ((key,), (true,), (key, true)))
    return Merging(1.0 - both / shown if shown else float("nan"), 1.0 - both / real if real else float("nan"))


def _pairs(*keys: Ints) -> int:
    """Return the number of pairs of rows that agree in all keys."""
    count = np.unique(np.stack(keys), axis=1, return_counts=True)[1].astype(np.int64)
    return int((count * (count - 1)).sum()) // 2
