"""HGPO (arXiv:2602.22817): step advantages from nested groups of equal state and equal recent history."""

from __future__ import annotations

from dataclasses import dataclass
from math import inf
from typing import Annotated, Literal

import torch

from envbench.credit.grpo import GRPOConfig, episode_advantage
from envbench.credit.kernels import (
    ZERO_SPREAD,
    Scores,
    Segments,
    anchor_groups,
    discounted_returns,
    per_step,
    rows_of,
    with_offset,
)
from envbench.credit.kernels_agentic import paired
from envbench.credit.options import Discount, Interval, NonNegative
from envbench.credit.registry import register
from envbench.types import Advantages, StepBatch


@dataclass(frozen=True, slots=True)
class HGPOConfig(GRPOConfig):
    """Options of HGPO; those of GRPO hold for the base group, `scale` and `epsilon` for all levels.

    Attributes:
        history: K, previous states that the deepest level compares.
        alpha: exponent of the weights.
        weights: level k+1, k = 0..K, weighs (k+1)^alpha (`paper`) or (k+2)^alpha (`code`).
        base_group: add GRPO's advantage as one more level, of weight 1.
        gamma: discount of the step returns.
        key: what makes two states equal: `anchor` (ours), `observation` (the official code) or `state`.
    """

    history: Annotated[int, Interval(0, inf)] = 2
    alpha: NonNegative = 1.0
    weights: Literal["paper", "code"] = "paper"
    base_group: bool = False
    gamma: Discount = 0.95
    key: Literal["anchor", "state", "observation"] = "anchor"

    @property
    def needs(self) -> tuple[str, ...]:
        """The columns that these options call for."""
        return (self.key,)


@register("hgpo", kind="advantage", paper="arXiv:2602.22817", evidence="code", needs=("anchor",))
def hgpo(batch: StepBatch, cfg: HGPOConfig) -> Advantages:
    """Mean of step advantages over context lengths, longer matches weighing more.

    Level l compares the discounted returns of rows whose last l states agree, over the population deviation; a row
    with fewer states has no such level. Levels with advantage 0 (below 1e-8: rounding) leave the weighted mean, whose
    weights have 1e-6 added to their sum. There is no episode term unless `base_group` is set.
    """
    batch = batch.with_anchor(cfg.key)
    score = with_offset(batch, discounted_returns(batch, cfg.gamma))
    base = anchor_groups(batch).ids
    previous, include = batch.previous_rows(), rows_of(batch, batch.include)
    keys, valid = base, include
    total, weight = torch.zeros_like(score), torch.zeros_like(score)

    def add(advantage: torch.Tensor, factor: float) -> None:
        used = factor * (advantage.abs() >= ZERO_SPREAD).double()
        total.add_(used * advantage)
        weight.add_(used)

    if cfg.base_group:
        add(episode_advantage(batch, cfg), 1.0)
    for level in range(1, cfg.history + 2):
        if level > 1:
            valid = valid & (previous >= 0) & valid.index_select(0, previous.clamp(min=0))
            keys = paired(base, keys.index_select(0, previous.clamp(min=0)))
        size = int(keys.max()) + 2
        members = Segments.of(torch.where(valid, keys, size - 1), size)
        compared = Scores(score, members.ids, score, members).normalised(
            scale=cfg.scale, single="zero", epsilon=cfg.epsilon, ddof=0
        )
        add(compared.masked_fill(~valid, 0.0), (level + (cfg.weights == "code")) ** cfg.alpha)
    return per_step(batch, total / (weight + 1e-6))
