"""Figures of the group-advantage methods that need no language model, as rows: exact where possible, else simulated.

Each function returns a list of dictionaries, the same on every machine, within seconds. Counter-examples stay in.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from itertools import combinations
from math import ceil, comb, log2
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from envbench import credit
from envbench.seeding import derive_seed, generator
from envbench.types import StepBatch

Row: TypeAlias = dict[str, Any]
Floats: TypeAlias = NDArray[np.float64]
Duel: TypeAlias = Callable[[int, int], tuple[float, float]]


def uniforms(seed: int, *shape: int) -> Floats:
    """Return float64 numbers in [0, 1) from the raw stream of the seed."""
    raw = generator(seed).random_raw(int(np.prod(shape)))
    return ((np.asarray(raw, dtype=np.uint64) >> np.uint64(11)).astype(np.float64) * 2.0**-53).reshape(shape)


def one_step_groups(returns: Floats, **columns: Any) -> StepBatch:
    """Return the batch of one-step episodes of `returns`, float64 [groups, members]."""
    groups, members = returns.shape
    count = groups * members
    return StepBatch.from_columns(
        episode=np.arange(count),
        t=np.zeros(count, dtype=np.int64),
        reward=returns.reshape(-1),
        group=np.repeat(np.arange(groups), members),
        **columns,
    )


def _share(hits: Floats) -> tuple[float, float]:
    """Return the mean over groups [groups] and its standard error."""
    return float(hits.mean()), float(hits.std(ddof=1) / np.sqrt(len(hits)))


# MC-GRPO: which sign an advantage has, against the sign it would have under the true mean.


def _composite(accuracy: float) -> Callable[[Floats], Floats]:
    return lambda u: (u[0] < accuracy) * 1.0 + 0.5 * (u[1] < 0.7)


FAMILIES: Mapping[str, tuple[Callable[[Floats], Floats], float]] = {
    "composite 0.1": (_composite(0.1), 0.45),
    "composite 0.3": (_composite(0.3), 0.65),
    "composite 0.5": (_composite(0.5), 0.85),
    "skewed": (lambda u: (u[0] < 0.3) * 1.0 + 0.3 * u[1], 0.45),
    "binary 0.3": (lambda u: (u[0] < 0.3) * 1.0, 0.3),
}
"""Rewards by name, with their mean: correctness plus half a format point; correctness plus U(0, 0.3), the
counter-example, for the median of a skewed law is not its mean; binary rewards, whose sign no baseline gets wrong."""


def mc_grpo_sign_flips(groups: int = 4000, sizes: Sequence[int] = (2, 4, 8, 16, 32), seed: int = 0) -> list[Row]:
    """Share of samples whose advantage has the wrong sign, and share with advantage 0, by group size and baseline.

    The mean is taken over G rollouts. The median has one more, as the paper asks, and drops its pivot, so that both
    train on G samples, over which the shares are taken.
    """
    rows: list[Row] = []
    for (family, (law, truth)), size in ((one, size) for one in FAMILIES.items() for size in sizes):
        draws = uniforms(derive_seed(seed, "sign_flips", family, size), 2, groups, size + 1)
        returns = law(draws)
        for baseline, method, members in (("mean", "grpo", size), ("median", "mc_grpo", size + 1)):
            result = credit.advantages(method, one_step_groups(returns[:, :members]))
            value = result.value.numpy().reshape(groups, members)
            kept = np.ones(value.shape) if result.weight is None else result.weight.numpy().reshape(groups, members)
            wrong = (value * (returns[:, :members] - truth) < 0.0) * kept
            flips, error = _share(wrong.sum(1) / size)
            zeros = float((((value == 0.0) * kept).sum(1) / size).mean())
            row = {"family": family, "baseline": baseline, "group_size": size, "flips": flips, "flips_se": error}
            rows.append({**row, "zeros": zeros, "groups": groups})
    return rows


# V_0.5: mean squared error of the baseline, by enumeration.


def v05_errors(size: int, pairs: Sequence[tuple[float, float]]) -> list[Row]:
    """Exact error of the baselines of `size` binary rollouts, for pairs of success rate and prior."""
    wins = np.arange(size + 1)
    returns = np.tile((np.arange(size) < wins[:, None]).astype(np.float64), (len(pairs), 1))
    prior = np.repeat([prior for _, prior in pairs], (size + 1) * size)
    batch = one_step_groups(returns, prior=prior)
    found = {"mean": np.tile(wins / size, (len(pairs), 1))}
    found["prior"] = np.repeat([[prior] for _, prior in pairs], size + 1, axis=1)
    for name, variance in (("fused", "smoothed"), ("fused, sample variance", "sample")):
        parts = credit.advantages("v05", batch, variance=variance).parts
        found[name] = parts["baseline"].numpy().reshape(len(pairs), size + 1, size)[:, :, 0]
    rows: list[Row] = []
    for place, (rate, prior_value) in enumerate(pairs):
        chance = np.array([comb(size, k) * rate**k * (1.0 - rate) ** (size - k) for k in wins.tolist()])
        for name, baseline in found.items():
            error = float((chance * (baseline[place] - rate) ** 2).sum())
            rows.append({"size": size, "rate": rate, "prior": prior_value, "baseline": name, "mse": error})
    return rows


def v05_error_over_priors(
    sizes: Sequence[int] = (2, 4, 8), errors: Sequence[float] = (-0.3, -0.1, 0.0, 0.1, 0.3)
) -> list[Row]:
    """Error of V_0.5's baseline by success rate, error of the prior (held in [0, 1]) and group size; exact.

    A prior that is wrong by 0.3 makes the mix worse than the plain mean at most rates.
    """
    rates = [place / 20 for place in range(1, 20)]
    rows: list[Row] = []
    for size in sizes:
        for error in errors:
            pairs = [(rate, min(1.0, max(0.0, rate + error))) for rate in rates]
            rows += [{**row, "prior_error": error} for row in v05_errors(size, pairs)]
    return rows


# Share of groups with a signal, by enumeration.

SIGNAL: Mapping[str, tuple[str, Mapping[str, Any], float]] = {
    "GRPO": ("grpo", {}, 0.5),
    "NGRPO": ("ngrpo", {}, 0.5),
    "A-GRAE, mean reward 0.2": ("a_grae", {}, 0.2),
    "A-GRAE, mean reward 0.8": ("a_grae", {}, 0.8),
    "COPO": ("copo", {}, 0.5),
    "V_0.5, prior right": ("v05", {}, 0.5),
}


def signal_share(sizes: Sequence[int] = (4, 8, 16)) -> list[Row]:
    """Share of groups with a non-zero advantage, and sum of |A| in a group, by success rate; exact, binary returns.

    The batch holds one group per number of successes, and constant groups that set the mean reward which A-GRAE reads.
    For COPO all successes give one answer and all failures another. V_0.5 has the true rate as prior. A-GRAE weighs
    groups and rescues none.
    """
    rows: list[Row] = []
    for size in sizes:
        wins = np.arange(size + 1)
        outcomes = (np.arange(size) < wins[:, None]) * 1.0  # their mean is 0.5
        for rate in (place / 20 for place in range(1, 20)):
            chance = np.array([comb(size, k) * rate**k * (1.0 - rate) ** (size - k) for k in wins.tolist()])
            for name, (method, options, mean) in SIGNAL.items():
                rest = np.full((4 * len(wins), size), (5.0 * mean - 0.5) / 4.0)
                returns = np.concatenate((outcomes, rest))
                answer, prior = (returns.reshape(-1) < 1.0).astype(np.int64), np.full(returns.size, rate)
                batch = one_step_groups(returns, answer=answer, prior=prior)
                size_of = np.abs(credit.advantages(method, batch, **options).value.numpy().reshape(returns.shape))
                some, total = (size_of > 0.0).any(axis=1), size_of.sum(axis=1)
                share, weight = (float((chance * np.asarray(one)[: size + 1]).sum()) for one in (some, total))
                rows.append({"method": name, "size": size, "rate": rate, "share": share, "weight": weight})
    return rows


# Rewarding the Unlikely: whose log-probability rises, and what that is worth.


def pass_uplift(rates: Sequence[float], sizes: Sequence[int], gain: float = 0.1) -> list[Row]:
    """Gain of pass@N when a success rate rises by the share `gain`; exact."""
    return [
        {"rate": rate, "N": size, "uplift": (1.0 - rate) ** size - (1.0 - (1.0 + gain) * rate) ** size}
        for rate in rates
        for size in sizes
    ]


SPREAD = 1.5  # deviation of the prior's logits


def rank_bias(problems: int = 400, answers: int = 64, members: int = 32, rate: float = 8.0, seed: int = 0) -> list[Row]:
    """Share of correct samples whose log-probability rose in an update, by rank (eighths, least likely first).

    A problem is a softmax over `answers`, log-normal prior, every other answer right. `members` are sampled, and the
    clipped policy loss (0.2) is followed by exact gradients, `epochs` steps of size `rate` on all samples. beta = 0 is
    GRPO. The simulation is ours; too much of the cure (beta and 4 epochs) turns the bias against the likeliest answers.
    """
    normal = uniforms(derive_seed(seed, "rank_bias", "prior"), problems, answers, 12).sum(2) - 6.0
    logits = SPREAD * normal  # twelve uniforms, centred: nearly normal, with variance 1
    logits -= np.log(np.exp(logits).sum(1, keepdims=True))
    draws = uniforms(derive_seed(seed, "rank_bias", "samples"), problems, members)
    sampled = (draws[:, :, None] > np.exp(logits).cumsum(1)[:, None, :-1]).sum(2)
    old = np.take_along_axis(logits, sampled, 1)
    right = (sampled % 2 == 0) * 1.0
    steps = np.arange(problems * members)
    batch = one_step_groups(right, token_step=steps, logprob=old.reshape(-1))
    below = (old[:, :, None] > old[:, None, :]).sum(2) + 0.5 * ((old[:, :, None] == old[:, None, :]).sum(2) - 1)
    eighth = np.minimum(7, (below * 8 / members).astype(np.int64))
    rows: list[Row] = []
    for beta in (0.0, 0.25):
        advantage = credit.advantages("unlikeliness", batch, beta=beta).value.numpy().reshape(problems, members)
        for epochs in (1, 2, 4):
            after = _updated(logits, sampled, advantage, epochs, rate)
            rose = np.take_along_axis(after, sampled, 1) > old
            for place in range(8):
                chosen = (eighth == place) & (right > 0.0)
                count, share = int(chosen.sum()), float(rose[chosen].mean()) if chosen.any() else None
                rows.append({"beta": beta, "epochs": epochs, "eighth": place, "rose": share, "samples": count})
    return rows


def _updated(logits: Floats, sampled: NDArray[np.int64], advantage: Floats, epochs: int, rate: float) -> Floats:
    """Return the log-probabilities [problems, answers] after `epochs` ascents of the clipped objective."""
    now, old = logits, np.take_along_axis(logits, sampled, 1)
    for _ in range(epochs):
        ratio = np.exp(np.take_along_axis(now, sampled, 1) - old)
        live = np.where(advantage > 0.0, ratio < 1.2, ratio > 0.8)  # beyond, the clipped objective is flat
        push = live * ratio * advantage / sampled.shape[1]
        slope = -np.exp(now) * push.sum(1, keepdims=True)
        np.add.at(slope, (np.arange(len(now))[:, None], sampled), push)
        now = now + rate * slope
        now = now - np.log(np.exp(now).sum(1, keepdims=True))
    return now


# ArenaRL: what a comparison buys.

TOPOLOGIES = ("anchor", "elimination", "swiss", "double elimination", "round_robin")


def arena_topologies(
    members: int = 16, groups: int = 100, noises: Sequence[float] = (0.0, 0.25, 0.5, 1.0, 2.0), seed: int = 0
) -> list[Row]:
    """Kendall correlation of the ranks with the true quality, and comparisons used, by topology and judge's noise.

    Qualities are logistic; the judge prefers i to j with probability sigmoid((q_i - q_j) / noise), and keeps to it.
    The counter-example, quality "equal", is a group of equals: there is nothing to find, and `mean_abs` (of A) shows
    what the ranks hand out all the same.
    """
    rows: list[Row] = []
    draws = uniforms(derive_seed(seed, "arena", "quality"), groups, members)
    logistic = np.log((draws + 1e-12) / (1.0 - draws))
    for spread, noise in (*(("logistic", one) for one in noises), ("equal", 1.0)):
        quality = logistic if spread == "logistic" else np.zeros_like(logistic)
        duels = _duels(quality, noise, derive_seed(seed, "arena", spread, str(noise)))
        for topology in TOPOLOGIES:
            reward, asked = _arena(topology, duels)
            batch = one_step_groups(reward)
            value = credit.advantages("grpo", batch, single="zero").value.numpy()
            tau, error = _share(_kendall(reward, quality)) if spread == "logistic" else (None, None)
            row = {"quality": spread, "noise": noise, "topology": topology, "comparisons": asked, "tau": tau}
            rows.append({**row, "tau_se": error, "mean_abs": float(np.abs(value).mean()), "groups": groups})
    return rows


def _duels(quality: Floats, noise: float, seed: int) -> Floats:
    """Return the score of i against j, float64 [groups, members, members]; the better opinion of the two wins."""
    draws = uniforms(seed, *quality.shape, quality.shape[1])
    error = noise * np.log((draws + 1e-12) / (1.0 - draws))
    error = np.triu(error, 1) - np.swapaxes(np.triu(error, 1), 1, 2)
    return quality[:, :, None] + 0.5 * error  # the difference of both sides is q_i - q_j + logistic noise


def _kendall(found: Floats, truth: Floats) -> Floats:
    """Return Kendall's tau [groups] between the members' rewards and qualities."""
    pairs = np.array(list(combinations(range(truth.shape[1]), 2)))
    agree = np.sign((found[:, pairs[:, 0]] - found[:, pairs[:, 1]]) * (truth[:, pairs[:, 0]] - truth[:, pairs[:, 1]]))
    return np.asarray(agree.mean(1), dtype=np.float64)


def _arena(topology: str, duels: Floats) -> tuple[Floats, int]:
    """Return the rank rewards [groups, members] in [0, 1] and the comparisons per group."""
    groups, members, _ = duels.shape
    counts = {"anchor": members - 1, "elimination": 2 * (members - 1), "round_robin": members * (members - 1) // 2}
    if topology in counts:
        batch = one_step_groups(np.zeros((groups, members)), duel=duels.reshape(groups * members, members))
        result = credit.advantages("arenarl", batch, judge="duel", topology=topology)
        return result.parts["reward"].numpy().reshape(groups, members), counts[topology]
    play = _swiss if topology == "swiss" else _double_elimination
    reward, asked = np.zeros((groups, members)), 0
    for group in range(groups):
        ranking, asked = play(members, _asking(duels[group]))
        reward[group, ranking] = 1.0 - np.arange(members) / (members - 1)
    return reward, asked


def _asking(table: Floats) -> Duel:
    return lambda i, j: (float(table[i, j]), float(table[j, i]))


def _swiss(members: int, duel: Duel) -> tuple[list[int], int]:
    """Return the ranking, best first, after ceil(log2 n) rounds among players with like records; no seeding."""
    wins, points, met = [0] * members, [0.0] * members, [set[int]() for _ in range(members)]
    asked = 0
    for _ in range(ceil(log2(members))):
        waiting = sorted(range(members), key=lambda i: (-wins[i], i))
        while len(waiting) > 1:
            one = waiting.pop(0)
            other = next((i for i in waiting if i not in met[one]), waiting[0])
            waiting.remove(other)
            first, second = duel(one, other)
            asked += 1
            wins[one if first >= second else other] += 1
            for i, j, score in ((one, other, first), (other, one, second)):
                points[i] += score
                met[i].add(j)
        for alone in waiting:  # a bye counts as a win
            wins[alone] += 1
    return sorted(range(members), key=lambda i: (-wins[i], -points[i], i)), asked


def _double_elimination(members: int, duel: Duel) -> tuple[list[int], int]:
    """Return the ranking, best first: out after two defeats, later defeats rank higher; no seeding."""
    losses, points, played = [0] * members, [0.0] * members, [0] * members
    out: list[int] = []
    asked = 0
    while len(out) < members - 1:
        alive = [i for i in range(members) if losses[i] < 2]
        brackets = [[i for i in alive if losses[i] == defeats] for defeats in (0, 1)]
        if max(map(len, brackets)) < 2:
            brackets = [alive]  # the final: both champions, until one is out
        gone: list[int] = []
        for bracket in brackets:
            for one, other in zip(bracket[::2], bracket[1::2], strict=False):
                scores = duel(one, other)
                asked += 1
                for i, score in zip((one, other), scores, strict=True):
                    points[i] += score
                    played[i] += 1
                loser = other if scores[0] >= scores[1] else one
                losses[loser] += 1
                gone += [loser] if losses[loser] == 2 else []
        out += sorted(gone, key=lambda i: points[i] / played[i])
    winner = next(i for i in range(members) if losses[i] < 2)
    return [winner, *reversed(out)], asked
