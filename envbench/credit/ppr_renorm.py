"""PPR with ReNorm (arXiv:2509.25598): process rewards that the outcome keeps in check, then GAE."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Literal

from envbench.credit.kernels import discounted_returns, episode_returns, per_step
from envbench.credit.kernels_tree import Forks, leaf_means
from envbench.credit.options import Discount, Options
from envbench.credit.registry import register
from envbench.types import Advantages, StepBatch


@dataclass(frozen=True, slots=True)
class PPRConfig(Options):
    """Options of PPR; the discounts are ours.

    Attributes:
        gamma: discount. lam: of GAE.
        bootstrap: after the last step the value is 0 (`terminal`), or `last_value` where `truncated`.
    """

    gamma: Discount = 1.0
    lam: Discount = 1.0
    bootstrap: Literal["terminal", "truncated"] = "terminal"

    @property
    def needs(self) -> tuple[str, ...]:
        """The columns that these options call for."""
        return ("step_score", "value") + (("last_value",) if self.bootstrap == "truncated" else ())


@register(
    "ppr_renorm",
    kind="advantage",
    paper="arXiv:2509.25598",
    evidence="abstract",
    needs=("step_score", "value"),
    cost="a judge call per step",
)
def ppr_renorm(batch: StepBatch, cfg: PPRConfig) -> Advantages:
    """GAE over process rewards shifted by the outcome, so that a good step of a failure is not paid.

    ReNorm as reviews quote it: r_t = p_t + o - 1 with process score p (`step_score`) and outcome o (episode return),
    both in [0, 1]. GAE per step rather than per token, and the outcome of a shared row as the mean over the leaves
    below it, are ours. A_t = d_t + gamma lam A_{t+1}, d_t = r_t + gamma V_{t+1} - V_t; `returns` is A + V.
    """
    forks = Forks.of(batch)
    outcome, _ = leaf_means(batch, forks, episode_returns(batch))
    reward = batch.require("step_score", "ppr_renorm").double() + outcome - 1.0
    value = batch.require("value", "ppr_renorm").double()
    end = value.new_zeros(batch.num_episodes)
    if cfg.bootstrap == "truncated":
        end = batch.require("last_value", "ppr_renorm").double().masked_fill(~batch.truncated, 0.0)
    after = value.roll(-1).index_copy(0, forks.last, end)
    delta = reward + cfg.gamma * after - value
    advantage = discounted_returns(replace(batch, reward=delta), cfg.gamma * cfg.lam)
    result = per_step(batch, advantage, reward=reward, returns=advantage + value)
    return replace(result, returns=result.parts["returns"])
