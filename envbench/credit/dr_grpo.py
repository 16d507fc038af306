"""Dr. GRPO (Understanding R1-Zero-like Training, arXiv:2503.20783): GRPO without its two biases."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from envbench.credit.grpo import GRPOConfig, episode_advantage
from envbench.credit.kernels import per_step
from envbench.credit.options import Options
from envbench.credit.registry import register
from envbench.types import Advantages, StepBatch


@dataclass(frozen=True, slots=True)
class DrGRPOConfig(Options):
    """Options of Dr. GRPO.

    Attributes:
        statistics: mean over episodes (the paper), or over `row`s.
        single: a group of one yields its raw return or `zero`.
    """

    statistics: Literal["episode", "row"] = "episode"
    single: Literal["raw", "zero"] = "raw"


@register("dr_grpo", kind="advantage", paper="arXiv:2503.20783", evidence="code")
def dr_grpo(batch: StepBatch, cfg: DrGRPOConfig) -> Advantages:
    """Episode return minus the mean of its group, not divided by the deviation.

    The method's other half, a loss that divides by a constant instead of the episode's length, belongs to the trainer.
    """
    options = GRPOConfig(scale="none", statistics=cfg.statistics, single=cfg.single)
    return per_step(batch, episode_advantage(batch, options))
