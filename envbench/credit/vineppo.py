"""VinePPO (arXiv:2410.01679): one-step advantages from Monte-Carlo values."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from envbench.credit.kernels import per_step
from envbench.credit.kernels_agentic import end_values, next_values
from envbench.credit.options import Discount, Options
from envbench.credit.registry import register
from envbench.types import Advantages, StepBatch


@dataclass(frozen=True, slots=True)
class VinePPOConfig(Options):
    """Options of VinePPO.

    Attributes:
        gamma: discount; 1 in the paper, and what the values of the rollouts are made with.
        bootstrap: value after the last step: `last_value` in `truncated` episodes, or 0 (`terminal`).
    """

    gamma: Discount = 1.0
    bootstrap: Literal["terminal", "truncated"] = "truncated"


@register(
    "vineppo",
    kind="advantage",
    paper="arXiv:2410.01679",
    evidence="paper",
    needs=("value", "last_value"),
    cost="K continuations from every step",
)
def vineppo(batch: StepBatch, cfg: VinePPOConfig) -> Advantages:
    """A_t = r_t + gamma V(s_{t+1}) - V(s_t), each V the mean return of K continuations (`value`)."""
    value = batch.require("value", "vineppo").double()
    after = next_values(value, batch.episode, end_values(batch, cfg.bootstrap, "last_value", "vineppo"))
    return per_step(batch, batch.reward.double() + cfg.gamma * after - value)
