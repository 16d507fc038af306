"""MatchTIR (arXiv:2601.10712): tool calls matched with reference calls, advantages on two levels."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Literal

import torch
from torch import Tensor

from envbench.credit.kernels import Segments, discounted_returns, episode_returns, groups, per_step, rows_of
from envbench.credit.kernels_tree import Forks, leaf_means, normalised, split_groups, turn_index
from envbench.credit.options import Discount, NonNegative, Options
from envbench.credit.registry import register
from envbench.types import Advantages, StepBatch

MAX_ROUNDS = 10_000  # of Sinkhorn; it stops earlier when the marginals agree


@dataclass(frozen=True, slots=True)
class MatchTIRConfig(Options):
    """Options of MatchTIR.

    Attributes:
        matching: `greedy` (what the code's hungarian_assignment does: pairs in descending similarity, positive ones
            only, ties by order), `optimal` (an assignment of the largest sum), or `transport` (Sinkhorn).
        gamma: discount of the turn returns.
        regularisation: of the transport.
        single: what a group or turn group of one yields: its raw score (the code) or `zero`.
        epsilon: added to the deviations.
    """

    matching: Literal["greedy", "optimal", "transport"] = "greedy"
    gamma: Discount = 0.9
    regularisation: NonNegative = 0.1
    single: Literal["raw", "zero"] = "raw"
    epsilon: NonNegative = 1e-6


@register(
    "matchtir",
    kind="advantage",
    paper="arXiv:2601.10712",
    evidence="code",
    needs=("tool_match", "call_step"),
    cost="greedy O(C R^2) for C calls, R references; optimal O(C R^2) in Python; transport O(C R) per round",
    columns={"tool_match": ("C", "R"), "call_step": ("C",)},
)
def matchtir(batch: StepBatch, cfg: MatchTIRConfig) -> Advantages:
    """Mean of a trajectory and a turn advantage, both on rewards of matched tool calls.

    `tool_match[c, r]` is the similarity of call c to reference r of its episode, below 0 where the episode has fewer
    references; `call_step[c]` is the row of the call. A row with calls is paid the mean of its calls' rewards, one
    without (the answer) its environment reward. Trajectory term: N(sum of the rewards) over the episodes of the group.
    Turn term: the discounted return, over the rows of the group with the same turn index. N takes the sample
    deviation. Matching is over the calls that an episode holds. `parts` holds reward and both terms.
    """
    paid = replace(batch, reward=turn_rewards(batch, cfg))
    forks = Forks.of(batch)
    bins, size = groups(batch)
    leaf = normalised(episode_returns(paid), Segments.of(bins, size), single=cfg.single, epsilon=cfg.epsilon)
    trajectory, _ = leaf_means(batch, forks, leaf)
    turns = split_groups(rows_of(batch, bins), turn_index(batch, forks))
    turn = normalised(discounted_returns(paid, cfg.gamma), turns, single=cfg.single, epsilon=cfg.epsilon)
    return per_step(batch, (trajectory + turn) / 2.0, reward=paid.reward, trajectory=trajectory, turn=turn)


def turn_rewards(batch: StepBatch, cfg: MatchTIRConfig) -> Tensor:
    """Return float64 [S], the mean reward of the row's calls, or the environment's reward where it made none."""
    similarity = batch.require("tool_match", "matchtir").double()
    row = batch.require("call_step", "matchtir").long()
    calls = Segments.of(row, batch.num_steps)
    if not similarity.numel():
        return batch.reward.double()
    episodes = Segments.of(batch.episode.index_select(0, row), batch.num_episodes)
    reward = call_rewards(similarity, episodes, cfg)
    return torch.where(calls.count > 0, calls.mean(reward), batch.reward.double())


def call_rewards(similarity: Tensor, episodes: Segments, cfg: MatchTIRConfig) -> Tensor:
    """Return float64 [C], the reward of each call from its similarities (float64 [C, R]) by episode."""
    if cfg.matching == "transport":
        return _transport(similarity, episodes, cfg.regularisation)
    if cfg.matching == "greedy":
        return _greedy(similarity, episodes)
    reward = similarity.new_zeros(len(similarity))
    for calls in torch.split(torch.argsort(episodes.ids, stable=True), episodes.count.tolist()):
        reward[calls] = reward.new_tensor(_optimal(similarity[calls].clamp(min=0.0).tolist()))
    return reward


def _greedy(similarity: Tensor, episodes: Segments) -> Tensor:
    """Return what each call gets when the best pair of each episode is taken, round by round."""
    left, reward = similarity.clone(), similarity.new_zeros(len(similarity))
    numbers = torch.arange(len(similarity), device=similarity.device)
    references = torch.arange(similarity.shape[1], device=similarity.device)
    for _ in references:
        best = left.amax(1)
        top = best.new_zeros(episodes.size).scatter_reduce_(0, episodes.ids, best, "amax")
        wins = (best == episodes.spread(top)) & (best > 0.0)
        if not bool(wins.any()):
            break
        first = numbers.new_full((episodes.size,), len(numbers))
        first = first.scatter_reduce_(0, episodes.ids, numbers.masked_fill(~wins, len(numbers)), "amin")
        chosen = wins & (numbers == episodes.spread(first))
        column = torch.where(left[chosen] == best[chosen, None], references, len(references)).amin(1)
        taken = column.new_full((episodes.size,), -1).index_put((episodes.ids[chosen],), column)
        reward = torch.where(chosen, best, reward)
        used = chosen[:, None] | (references == episodes.spread(taken)[:, None])
        left = left.masked_fill(used, 0.0)
    return reward


def _transport(similarity: Tensor, episodes: Segments, regularisation: float) -> Tensor:
    """Return sum_r T S of each call for the entropic plan T with uniform marginals in each episode."""
    real = similarity >= 0.0
    count = episodes.spread(episodes.count).double()
    references = real.sum(1).double()
    kernel = torch.exp((similarity - similarity.amax(1, keepdim=True)) / max(regularisation, 1e-6)).masked_fill(
        ~real, 0.0
    )
    row_mass = (1.0 / count).masked_fill(references == 0, 0.0)
    column_mass = real.double() / references.clamp(min=1.0)[:, None]
    v = real.double()
    plan = kernel
    for _ in range(MAX_ROUNDS):
        u = row_mass / (kernel * v).sum(1).clamp(min=1e-300)
        scaled = u[:, None] * kernel
        total = episodes.spread(episodes.sum(scaled))
        plan = scaled * v
        if bool(((total * v - column_mass).abs() <= 1e-13).all()):
            break
        v = column_mass / total.clamp(min=1e-300)
    return (plan * similarity).sum(1)


def _optimal(similarity: list[list[float]]) -> list[float]:
    """Return what each call gets in an assignment of the largest sum (Hungarian method with potentials)."""
    if not similarity:
        return []
    calls, references = len(similarity), len(similarity[0])
    columns = references + calls  # a column of zeros per call: it may stay unmatched
    cost = [[-x for x in row] + [0.0] * calls for row in similarity]
    row_price, column_price = [0.0] * (calls + 1), [0.0] * (columns + 1)
    owner = [0] * (columns + 1)  # call (from 1) of each column (from 1), 0 for none
    for call in range(1, calls + 1):
        owner[0], column = call, 0
        least, before, seen = [float("inf")] * (columns + 1), [0] * (columns + 1), [False] * (columns + 1)
        while owner[column]:
            seen[column] = True
            row, step, following = owner[column], float("inf"), 0
            for j in range(1, columns + 1):
                if seen[j]:
                    continue
                reduced = cost[row - 1][j - 1] - row_price[row] - column_price[j]
                if reduced < least[j]:
                    least[j], before[j] = reduced, column
                if least[j] < step:
                    step, following = least[j], j
            for j in range(columns + 1):
                if seen[j]:
                    row_price[owner[j]] += step
                    column_price[j] -= step
                else:
                    least[j] -= step
            column = following
        while column:
            owner[column], column = owner[before[column]], before[column]
    reward = [0.0] * calls
    for j in range(1, references + 1):
        if owner[j]:
            reward[owner[j] - 1] = similarity[owner[j] - 1][j - 1]
    return reward
