"""L-GRPO (ConciseR, arXiv:2505.21178): shorter is better, but only where every rollout of the task succeeds."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, Literal

import torch

from envbench.credit.kernels import Segments, episode_returns, groups
from envbench.credit.kernels_shaping import all_of_group, at_end, lengths, with_reward
from envbench.credit.options import Interval, NonNegative, Options
from envbench.credit.registry import register
from envbench.types import StepBatch


@dataclass(frozen=True, slots=True)
class LGRPOConfig(Options):
    """Options of L-GRPO.

    Attributes:
        weight: lambda, the reward of a length of 0.
        limit: L_max, the length without a reward; None: the longest of the group.
        unit: what is counted: policy `token`s of the episode (the paper), or its `step`s (the agent's analogue).
        success: return from which an episode counts as correct.
    """

    weight: NonNegative = 0.5
    limit: Annotated[int, Interval(1, 2**53)] | None = None
    unit: Literal["token", "step"] = "token"
    success: float = 1.0

    @property
    def needs(self) -> tuple[str, ...]:
        """The columns that these options call for."""
        return ("token_step",) if self.unit == "token" else ()


@register("l_grpo", kind="shaping", paper="arXiv:2505.21178", evidence="abstract", needs=("token_step",))
def l_grpo(batch: StepBatch, cfg: LGRPOConfig) -> StepBatch:
    """Add lambda (1 - L / L_max) to the last reward in groups whose included episodes are all correct.

    That a group with a failure gets no length reward is the paper's; the expression itself is ours, for the paper's
    is not known to us. Lengths beyond L_max count as L_max. The length of a branch includes its prefix. GRPO on the
    result is the paper's second stage.
    """
    length = lengths(batch, cfg.unit, "l_grpo")
    if cfg.limit is None:
        by_group = Segments.of(*groups(batch))
        longest = length.new_zeros(by_group.size).scatter_reduce(0, by_group.ids, length, "amax")
        share = length / by_group.spread(longest).clamp(min=1.0)
    else:
        share = (length / cfg.limit).clamp(max=1.0)
    correct = all_of_group(batch, episode_returns(batch) >= cfg.success)
    bonus = torch.where(correct, cfg.weight * (1.0 - share), 0.0)
    return with_reward(batch, batch.reward.double() + at_end(batch, bonus))
