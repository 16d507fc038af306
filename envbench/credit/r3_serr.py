"""SERR, structural entropy ranking reward (R^3, arXiv:2601.19620): a signal for groups in which all fail."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import torch
from torch import Tensor

from envbench.credit.kernels import Segments, episode_returns, groups
from envbench.credit.kernels_optimisation import places, ranks, shared, sorted_by, token_episodes
from envbench.credit.kernels_shaping import all_of_group, at_end, with_reward
from envbench.credit.options import Discount, NonNegative, Options
from envbench.credit.registry import register
from envbench.types import StepBatch


@dataclass(frozen=True, slots=True)
class R3SERRConfig(Options):
    """Options of SERR; the paper's values are not known to us, these are ours.

    Attributes:
        top_ratio: p, the share of tokens that make the peak.
        maximum: R_max, the reward of the first in the ranking; keep it below a success.
        ties: equal scores share the mean of their places (`mean`) or keep the order of the episodes (`order`).
        over: which episodes of the group are ranked: the `truncated` ones (the paper), or `all`.
        success: return from which an episode counts as correct.
    """

    top_ratio: Discount = 0.2
    maximum: NonNegative = 0.5
    ties: Literal["mean", "order"] = "mean"
    over: Literal["truncated", "all"] = "truncated"
    success: float = 1.0


@register(
    "r3_serr",
    kind="shaping",
    paper="arXiv:2601.19620",
    evidence="paper",
    needs=("entropy", "token_step"),
    cost="n^2 comparisons per group",
)
def r3_serr(batch: StepBatch, cfg: R3SERRConfig) -> StepBatch:
    """Rank truncated episodes of a group without a success by their entropies and add the rank's reward at the end.

    peak = mean of the top max(1, floor(p L)) token entropies of the episode, glob = mean of all. i dominates j if
    peak_i > peak_j and glob_i < glob_j; episodes are sorted by how many they dominate, and place k = 0 ... N-1 earns
    R_max (1 - k / (N - 1)), or R_max where N = 1. Tokens of an episode are its own rows'; one without any is not
    ranked. What the paper leaves open (p, R_max, ties) is ours.
    """
    tokens = token_episodes(batch, "r3_serr")
    failed = all_of_group(batch, episode_returns(batch) < cfg.success) & batch.include & (tokens.count > 0)
    ranked = (failed & batch.truncated if cfg.over == "truncated" else failed).nonzero()[:, 0]
    if not len(ranked):
        return batch
    peak, mean = _entropies(tokens, batch.require("entropy", "r3_serr").double(), cfg.top_ratio)
    bins, size = groups(batch)
    by_group = Segments.of(bins.index_select(0, ranked), size)
    score = _dominated(by_group, peak.index_select(0, ranked), mean.index_select(0, ranked))
    place = ranks(by_group, -score).double()
    if cfg.ties == "mean":
        place = shared(by_group, score, place)
    earned = cfg.maximum * (1.0 - place / by_group.spread((by_group.count - 1).clamp(min=1)))
    bonus = torch.zeros_like(peak).index_copy(0, ranked, earned)
    return with_reward(batch, batch.reward.double() + at_end(batch, bonus))


def _entropies(tokens: Segments, entropy: Tensor, top_ratio: float) -> tuple[Tensor, Tensor]:
    """Return float64 [E], the mean of the top share of the entropies [L], and the mean of all of them."""
    top = (tokens.count * top_ratio + 1e-9).floor().clamp(min=1.0)  # 0.29 * 100 is a hair below 29
    chosen = places(tokens, sorted_by(tokens.ids, -entropy)) < tokens.spread(top)
    return tokens.sum(entropy * chosen) / top, tokens.mean(entropy)


def _dominated(by_group: Segments, peak: Tensor, mean: Tensor) -> Tensor:
    """Return int64 [N], how many members of its group each member dominates."""
    order = sorted_by(by_group.ids)
    first = (by_group.count.cumsum(0) - by_group.count).index_select(0, by_group.ids)
    rivals = by_group.spread(by_group.count)
    one = torch.repeat_interleave(torch.arange(len(order), device=order.device), rivals)
    begin = torch.repeat_interleave(rivals.cumsum(0) - rivals, rivals)
    other = order[first[one] + torch.arange(len(one), device=order.device) - begin]
    wins = (peak[one] > peak[other]) & (mean[one] < mean[other])
    return torch.bincount(one[wins], minlength=len(order))
