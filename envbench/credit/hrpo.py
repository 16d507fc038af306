"""HRPO (MasHost, arXiv:2506.08507): the outcome relative to the group plus a reward of the action itself."""

from __future__ import annotations

from dataclasses import dataclass

from envbench.credit.grpo import GRPOConfig, episode_advantage
from envbench.credit.kernels import per_step
from envbench.credit.options import NonNegative
from envbench.credit.registry import register
from envbench.types import Advantages, StepBatch


@dataclass(frozen=True, slots=True)
class HRPOConfig(GRPOConfig):
    """Options of HRPO; those of GRPO hold for the outcome term.

    Attributes:
        weight: of the action's reward (ours).
    """

    weight: NonNegative = 1.0


@register("hrpo", kind="advantage", paper="arXiv:2506.08507", evidence="abstract", needs=("step_score",))
def hrpo(batch: StepBatch, cfg: HRPOConfig) -> Advantages:
    """GRPO on the outcome (accuracy minus cost) plus the reward of each construction action.

    The two terms are the abstract's; A_{i,t} = N(R_i) + weight r_{i,t}, uncentred, is our reading. `step_score` is
    the reward of the action (role validity, non-redundancy). `parts` holds both terms, the action's before its weight.
    """
    outcome = episode_advantage(batch, cfg)
    action = batch.require("step_score", "hrpo").double()
    return per_step(batch, outcome + cfg.weight * action, outcome=outcome, action=action)
