"""NGRPO (arXiv:2509.18851): GRPO with an imaginary success in the statistics, so that all-wrong groups teach too."""

from __future__ import annotations

from dataclasses import dataclass
from math import inf
from typing import Annotated, Literal

import torch

from envbench.credit.kernels import (
    ZERO_SPREAD,
    Scores,
    Segments,
    episode_returns,
    groups,
    per_step,
    rows_of,
    with_offset,
)
from envbench.credit.options import Interval, NonNegative, Options
from envbench.credit.registry import register
from envbench.types import Advantages, StepBatch


@dataclass(frozen=True, slots=True)
class NGRPOConfig(Options):
    """Options of NGRPO.

    Attributes:
        r_max: return of the imaginary success; the highest that the task allows.
        virtual: how many of them join each group. 0 is GRPO.
        single: a group of one yields its raw score (mean 0, deviation 1: what the code does) or `zero`.
        epsilon: added to the deviation.
    """

    r_max: float = 1.0
    virtual: Annotated[int, Interval(0, inf)] = 1
    single: Literal["raw", "zero"] = "raw"
    epsilon: NonNegative = 1e-6


@register("ngrpo", kind="advantage", paper="arXiv:2509.18851", evidence="code")
def ngrpo(batch: StepBatch, cfg: NGRPOConfig) -> Advantages:
    """Episode return relative to its group and to imaginary successes.

    A_i = (r_i - m+) / (s+ + epsilon), m+ and s+ (sample deviation) over the episodes of the group and `virtual`
    returns of `r_max`. A group of n failures gets -1 / sqrt(n + 1) each, one of successes exactly 0. The paper pairs it
    with asymmetric clipping (ratio in [0.84, 1.24]) and no KL term, which belong to the loss.
    """
    score = with_offset(batch, rows_of(batch, episode_returns(batch)))
    scores = Scores.of(batch, score, *groups(batch), over="episode")
    size = scores.groups.size
    joining = torch.arange(size, device=score.device).repeat(cfg.virtual)
    member = torch.cat((scores.member, score.new_full((len(joining),), cfg.r_max)))
    widened = Segments.of(torch.cat((scores.groups.ids, joining)), size)
    mean = widened.mean(member)
    std = widened.std(member, mean).masked_fill_(scores.groups.count == 1, 1.0)
    factor = (std + cfg.epsilon).reciprocal_().masked_fill_(std < ZERO_SPREAD, 0.0)
    return per_step(batch, scores.relative(mean, factor, cfg.single))
