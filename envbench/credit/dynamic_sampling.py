"""Dynamic sampling (DAPO, arXiv:2503.14476): groups in which all rollouts end alike are left out."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from torch import Tensor

from envbench.credit.kernels import ZERO_SPREAD, Segments, episode_returns, groups
from envbench.credit.options import Options
from envbench.credit.registry import register
from envbench.credit.selection import Selection
from envbench.types import StepBatch


@dataclass(frozen=True, slots=True)
class DynamicSamplingConfig(Options):
    """Options of dynamic sampling.

    Attributes:
        on: what must differ: whether the episodes are correct (`success`, the paper), or their returns (`return`,
            verl-agent).
        success: return from which an episode counts as correct.
    """

    on: Literal["success", "return"] = "success"
    success: float = 1.0


@register("dynamic_sampling", kind="sampler", paper="arXiv:2503.14476", evidence="code", cost="discarded rollouts")
def dynamic_sampling(batch: StepBatch, cfg: DynamicSamplingConfig, _draws: Tensor | None = None) -> Selection:
    """Keep the groups whose outcomes differ; the others carry no gradient, so other tasks are to fill their places.

    It draws nothing. How often to try again, and what the last attempt keeps, is up to the rollouts (verl-agent: 10
    attempts, the last keeps all). `parts` holds differs, bool [groups].
    """
    outcome = episode_returns(batch)
    if cfg.on == "success":
        outcome = (outcome >= cfg.success).double()
    by_group = Segments.of(*groups(batch))
    differs = by_group.std(outcome, by_group.mean(outcome)) >= ZERO_SPREAD
    return Selection(batch.include & by_group.spread(differs), parts={"differs": differs[:-1]})
