"""A-GRAE (arXiv:2602.05548): GRPO with its two symmetries broken on a schedule set by the mean reward."""

from __future__ import annotations

from dataclasses import dataclass
from math import inf
from typing import Annotated, Literal

import torch

from envbench.credit.grpo import GRPOConfig, episode_advantage
from envbench.credit.kernels import Segments, episode_returns, groups, per_step, rows_of
from envbench.credit.options import Interval, NonNegative
from envbench.credit.registry import register
from envbench.types import Advantages, StepBatch

POSITIVE = Annotated[float, Interval(1e-12, inf)]


@dataclass(frozen=True, slots=True)
class AGRAEConfig(GRPOConfig):
    """Options of A-GRAE; those of GRPO hold for the advantage that it starts from (`scale="none"`: on Dr. GRPO).

    Attributes:
        mode: `full` is the method; the others are the paper's controls (Table 1). `hard` and `easy` weigh prompts by
            0.5 / sqrt(p) and 0.5 / sqrt(1 - p), `positive` and `negative` multiply and divide positive advantages by
            `constant`.
        alpha: mean reward from which positive advantages count fully: 1 for mathematics, 0.5 for geometry.
        constant: of the controls `positive` and `negative`.
        form: `paper`, or `released`: the public code divides the easy term by 1 - sqrt(p), not by sqrt(1 - p), and
            enters this branch at step 0 only, so that a run of it is nearly plain GRPO.
        r_max: return of a solved episode; p and omega are mean returns in this unit, held within 0 and 1.
        guard: added to the divisors.
    """

    mode: Literal["full", "hard", "easy", "positive", "negative"] = "full"
    alpha: POSITIVE = 1.0
    constant: POSITIVE = 10.0
    form: Literal["paper", "released"] = "paper"
    r_max: POSITIVE = 1.0
    guard: NonNegative = 1e-6


@register("a_grae", kind="advantage", paper="arXiv:2602.05548", evidence="paper")
def a_grae(batch: StepBatch, cfg: AGRAEConfig) -> Advantages:
    """GRPO's advantage, shifted from hard to easy prompts and damped where positive, by the mean reward (Eq. 11-13).

    A_i = omega / 2 B_i / sqrt(p) + (1 - omega) / 2 B_i / sqrt(1 - p), then times min(1, omega / alpha) where positive.
    B is GRPO's advantage, p the success rate of the group, omega that of the batch, both over episodes. A group with
    p = 0 or p = 1 gets 0; so does a group of one with a binary return.
    """
    base = episode_advantage(batch, cfg)
    if cfg.mode == "positive":
        return per_step(batch, torch.where(base > 0, base * cfg.constant, base))
    if cfg.mode == "negative":
        return per_step(batch, torch.where(base > 0, base / cfg.constant, base))
    score = episode_returns(batch) / cfg.r_max
    everyone = Segments.of((~batch.include).long(), 2)
    omega = everyone.mean(score)[0].clamp(0.0, 1.0)
    by_group = Segments.of(*groups(batch))
    rate = by_group.mean(score)
    undecided = (rate > 0.0) & (rate < 1.0)
    rate = rate.clamp(0.0, 1.0)
    root = (1.0 - rate).sqrt() if cfg.form == "paper" else 1.0 - rate.sqrt()
    hard = 0.5 / (rate.sqrt() + cfg.guard)
    easy = 0.5 / (root + cfg.guard)
    factor = {"hard": hard, "easy": easy}.get(cfg.mode, omega * hard + (1.0 - omega) * easy)
    factor = torch.where(undecided, factor, 0.0)
    value = base * rows_of(batch, by_group.spread(factor))
    if cfg.mode == "full":
        value = torch.where(value > 0, value * (omega / cfg.alpha).clamp(max=1.0), value)
    return per_step(batch, value)
