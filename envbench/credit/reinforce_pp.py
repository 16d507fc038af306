"""REINFORCE++ (arXiv:2501.03262): returns whitened over the whole batch."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from envbench.credit.kernels import discounted_returns, per_step, rows_of, scan, with_offset
from envbench.credit.kernels_agentic import whitened
from envbench.credit.kernels_optimisation import per_token, rows_of_tokens, token_rewards
from envbench.credit.options import Discount, Options
from envbench.credit.registry import register
from envbench.types import Advantages, StepBatch


@dataclass(frozen=True, slots=True)
class ReinforcePPConfig(Options):
    """Options of REINFORCE++.

    Attributes:
        level: returns over `step`s (ours: a row is one action), or over `token`s (the paper; a KL penalty belongs into
            `token_reward`).
        gamma: discount per step or token.
    """

    level: Literal["step", "token"] = "step"
    gamma: Discount = 1.0

    @property
    def needs(self) -> tuple[str, ...]:
        """The columns that these options call for."""
        return ("token_step",) if self.level == "token" else ()


@register("reinforce_pp", kind="advantage", paper="arXiv:2501.03262", evidence="code")
def reinforce_pp(batch: StepBatch, cfg: ReinforcePPConfig) -> Advantages:
    """Return to go, whitened over all rows (or tokens) of the batch with the sample deviation."""
    include = rows_of(batch, batch.include)
    if cfg.level == "step":
        return per_step(batch, whitened(with_offset(batch, discounted_returns(batch, cfg.gamma)), include))
    episode = rows_of_tokens(batch, batch.episode, "reinforce_pp")
    returns = scan(token_rewards(batch, batch.reward.double(), "reinforce_pp"), episode, cfg.gamma)
    return per_token(batch, "reinforce_pp", whitened(returns, rows_of_tokens(batch, include, "reinforce_pp")))
