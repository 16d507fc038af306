"""V_0.5 (arXiv:2603.10848): a baseline that trusts a prior value until the rollouts contradict it."""

from __future__ import annotations

from dataclasses import dataclass
from math import inf
from typing import Literal

import torch
from torch import Tensor

from envbench.credit.kernels import ZERO_SPREAD, Segments, episode_returns, groups, per_step, rows_of, with_offset
from envbench.credit.options import NonNegative, Options
from envbench.credit.registry import register
from envbench.types import Advantages, StepBatch


@dataclass(frozen=True, slots=True)
class V05Config(Options):
    """Options of V_0.5.

    Attributes:
        variance: of a return: `smoothed` is q (1 - q) with q = (sum r + 1) / (n + 2), for returns in [0, 1]; `sample`
            is the sample variance, which is 0 for unanimous groups and then drops the prior where it would help most.
        scale: `none`, or divide by the square root of that variance.
        epsilon: added to that root.
    """

    variance: Literal["smoothed", "sample"] = "smoothed"
    scale: Literal["none", "std"] = "none"
    epsilon: NonNegative = 1e-6


@register("v05", kind="advantage", paper="arXiv:2603.10848", evidence="abstract", needs=("prior",))
def v05(batch: StepBatch, cfg: V05Config) -> Advantages:
    """Episode return minus a precision-weighted mix of prior value and group mean.

    The idea is the abstract's; the formula is our derivation, for the paper's exact variance estimate is not known to
    us. With mean x of n returns of variance s^2, v = s^2 / n and d = x - prior, the best weight of the prior is
    v / (v + bias^2). Its bias^2 is estimated by max(0, d^2 - v), so w = 1 if d^2 <= v else v / d^2, the baseline is
    b = w prior + (1 - w) x, and A_i = r_i - b. `prior` is the mean of that column over the group.

    With the smoothed variance a unanimous group keeps an advantage, towards or away from its prior. A group of one is
    no special case (its sample variance counts as unknown: w = 1). `parts` holds baseline and w, as prior_weight.
    """
    by_group = Segments.of(*groups(batch))
    score = episode_returns(batch)
    prior = by_group.mean(batch.require("prior", "v05").double())
    baseline, weight, variance = fuse(by_group, score, prior, cfg.variance)
    value = with_offset(batch, rows_of(batch, score - by_group.spread(baseline)))
    if cfg.scale == "std":
        deviation = variance.sqrt()
        factor = (deviation + cfg.epsilon).reciprocal().masked_fill(deviation < ZERO_SPREAD, 0.0)
        value = value * rows_of(batch, by_group.spread(factor))
    baseline, weight = (rows_of(batch, by_group.spread(one)) for one in (baseline, weight))
    return per_step(batch, value, baseline=baseline, prior_weight=weight)


def fuse(
    by_group: Segments, score: Tensor, prior: Tensor, variance: Literal["smoothed", "sample"]
) -> tuple[Tensor, Tensor, Tensor]:
    """Return the baseline, the weight of the prior and the variance of a return, float64 [groups].

    Args:
        by_group: the episodes by group.
        score: float64 [E], their returns.
        prior: float64 [groups].
        variance: see `V05Config`.
    """
    mean = by_group.mean(score)
    count = by_group.count.double().clamp(min=1.0)
    if variance == "smoothed":
        rate = ((by_group.sum(score) + 1.0) / (count + 2.0)).clamp(0.0, 1.0)
        spread = rate * (1.0 - rate)
        noise = spread / count
    else:
        spread = by_group.std(score, mean).square()
        noise = (spread / count).masked_fill(by_group.count == 1, inf)
    gap = (mean - prior).square()
    weight = torch.where(gap <= noise, 1.0, noise / gap)
    baseline = prior + (1.0 - weight) * (mean - prior)
    return baseline, weight, spread
