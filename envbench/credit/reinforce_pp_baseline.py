"""REINFORCE++-baseline (arXiv:2501.03262): returns centred in their group, then whitened over the whole batch."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from envbench.credit.grpo import GRPOConfig, episode_advantage
from envbench.credit.kernels import per_step, rows_of
from envbench.credit.kernels_agentic import whitened
from envbench.credit.kernels_optimisation import per_token, rows_of_tokens
from envbench.credit.options import Options
from envbench.credit.registry import register
from envbench.types import Advantages, StepBatch


@dataclass(frozen=True, slots=True)
class ReinforcePPBaselineConfig(Options):
    """Options of REINFORCE++-baseline.

    Attributes:
        level: whiten over the `step`s of the batch (ours: a row is one action), or over its `token`s (the paper).
        single: a group of one yields its raw return before whitening, or `zero`.
    """

    level: Literal["step", "token"] = "step"
    single: Literal["raw", "zero"] = "raw"

    @property
    def needs(self) -> tuple[str, ...]:
        """The columns that these options call for."""
        return ("token_step",) if self.level == "token" else ()


@register("reinforce_pp_baseline", kind="advantage", paper="arXiv:2501.03262", evidence="code")
def reinforce_pp_baseline(batch: StepBatch, cfg: ReinforcePPBaselineConfig) -> Advantages:
    """Episode return minus the mean of its group, then whitened over all rows (or tokens) with the sample deviation."""
    by = "reinforce_pp_baseline"
    centred = episode_advantage(batch, GRPOConfig(scale="none", single=cfg.single))
    include = rows_of(batch, batch.include)
    if cfg.level == "step":
        return per_step(batch, whitened(centred, include))
    spread = whitened(rows_of_tokens(batch, centred, by), rows_of_tokens(batch, include, by))
    return per_token(batch, by, spread)
