"""PAV, process advantage verifiers (Rewarding Progress, arXiv:2410.08146): a reward for progress under a prover."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated

import torch

from envbench.credit.kernels import episode_returns
from envbench.credit.kernels_shaping import last_rows, with_reward
from envbench.credit.options import Interval, NonNegative, Options
from envbench.credit.registry import register
from envbench.types import StepBatch


@dataclass(frozen=True, slots=True)
class PAVConfig(Options):
    """Options of PAV.

    Attributes:
        best_of: K of the prover, best of K attempts of the policy. 1: the policy's own advantage; a large K sees no
            difference between states any more.
        alpha: weight of the progress (3 to 5 in the paper, from memory).
    """

    best_of: Annotated[int, Interval(1, 2**31)] = 4
    alpha: NonNegative = 3.0


@register(
    "pav",
    kind="shaping",
    paper="arXiv:2410.08146",
    evidence="paper",
    needs=("success_rate",),
    cost="K continuations per step for success_rate",
)
def pav(batch: StepBatch, cfg: PAVConfig) -> StepBatch:
    """Add alpha (V(s_{t+1}) - V(s_t)) to every reward, V the success rate of a best-of-K prover.

    V = 1 - (1 - p)^K with p = `success_rate`, the policy's success rate from the state before the row. After the last
    row p is the episode's return, cut to [0, 1]: what happened. The size of alpha is not verified.
    """
    rate = batch.require("success_rate", "pav").double().clamp(0.0, 1.0)
    after = torch.cat((rate[1:], rate[:1])).index_copy(0, last_rows(batch), episode_returns(batch).clamp(0.0, 1.0))
    progress = (1.0 - rate) ** cfg.best_of - (1.0 - after) ** cfg.best_of
    return with_reward(batch, batch.reward.double() + cfg.alpha * progress)
