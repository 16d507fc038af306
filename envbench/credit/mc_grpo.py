"""MC-GRPO (arXiv:2601.22582): GRPO about the group's median, for few rollouts per group."""

from __future__ import annotations

from dataclasses import dataclass, replace
from math import inf
from typing import Annotated, Literal

import torch

from envbench.credit.kernels import ZERO_SPREAD, Scores, episode_returns, groups, per_step, rows_of, with_offset
from envbench.credit.kernels_optimisation import median_members
from envbench.credit.options import Interval, Options
from envbench.credit.registry import register
from envbench.types import Advantages, StepBatch

NEGLIGIBLE = 1e-6  # the official code counts an advantage as non-zero above this


@dataclass(frozen=True, slots=True)
class MCGRPOConfig(Options):
    """Options of MC-GRPO.

    Attributes:
        mad_floor: added to the median absolute deviation. Rewards that are mostly equal (binary ones always) have
            deviation 0, so that this alone sets their scale: 1e-3, the official value, makes |A| about 1000, which
            only an optimiser that normalises gradients can use.
        rescale: multiply by n / (number of non-zero advantages), as the official code does in training.
        single: a group of one yields its raw score or `zero`.
    """

    mad_floor: Annotated[float, Interval(1e-12, inf)] = 1e-3
    rescale: bool = True
    single: Literal["raw", "zero"] = "raw"


@register("mc_grpo", kind="advantage", paper="arXiv:2601.22582", evidence="code", cost="1 rollout more per group")
def mc_grpo(batch: StepBatch, cfg: MCGRPOConfig) -> Advantages:
    """Episode return relative to the group's median, over the median absolute deviation.

    A_i = (r_i - med) / (MAD + mad_floor), with lower medians (rank (n - 1) // 2) of r and of |r - med|, over episodes,
    and no factor 1.4826. Collect n = G + 1 rollouts, n odd: the episode at that place is the pivot (the order of the
    batch decides between equals). Its advantage is 0 and it is dropped (weight 0), so that G episodes remain. A group
    of one drops none.
    """
    score = with_offset(batch, rows_of(batch, episode_returns(batch)))
    bins, size = groups(batch)
    scores = Scores.of(batch, score, bins, size, over="episode")
    pivot = median_members(scores.groups, scores.member)
    median = scores.member.index_select(0, pivot)
    distance = (scores.member - scores.groups.spread(median)).abs()
    deviation = distance.index_select(0, median_members(scores.groups, distance))
    factor = (deviation + cfg.mad_floor).reciprocal()
    if cfg.rescale:
        count = scores.groups.sum((distance * scores.groups.spread(factor) > NEGLIGIBLE).double())
        factor = torch.where(count > 0, factor * scores.groups.count / count.clamp(min=1.0), factor)
    factor = factor.masked_fill(scores.groups.sum((distance >= ZERO_SPREAD).double()) == 0, 0.0)
    factor = factor.masked_fill(scores.groups.count == 1, 1.0)

    several = pivot[:-1][scores.groups.count[:-1] > 1]  # the last bin holds the excluded episodes
    kept = torch.ones_like(bins, dtype=torch.bool).index_fill(0, several, False)
    value = scores.relative(median, factor, cfg.single)
    result = per_step(batch, value.masked_fill(~rows_of(batch, kept), 0.0))
    weight = rows_of(batch, kept & batch.include).to(batch.reward.dtype)
    return replace(result, weight=weight)
