"""GAE (arXiv:1506.02438), the advantage of PPO, over steps, turns or tokens."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Literal

import torch
from torch import Tensor

from envbench.credit.kernels import Segments, episode_returns, per_step, rows_of, scan, with_offset
from envbench.credit.kernels_agentic import end_values, next_values, whitened
from envbench.credit.kernels_optimisation import per_token, rows_of_tokens, token_rewards
from envbench.credit.options import Discount, Options
from envbench.credit.registry import register
from envbench.errors import InvalidValue
from envbench.types import Advantages, StepBatch


@dataclass(frozen=True, slots=True)
class GAEConfig(Options):
    """Options of GAE.

    Attributes:
        level: `step`: over rows, with `value`. `token`: over the policy tokens of the episode, with `token_value`.
            `turn`: over rows, valued by `token_value` of their first token, and spread over their tokens.
        span: the recursion ends with the `episode`, or with each `row`, whose reward then is the episode's return plus
            its `score_offset`, with nothing bootstrapped (verl-agent's code, where a row is a sample by itself).
        gamma: discount per step or token. lam: lambda.
        bootstrap: value after the last step: 0 (`terminal`), or `last_value` in episodes that were `truncated`.
        whiten: standardise over the batch, as PPO's codes do (sample variance, 1e-8 under the root).
    """

    level: Literal["step", "turn", "token"] = "step"
    span: Literal["episode", "row"] = "episode"
    gamma: Discount = 1.0
    lam: Discount = 1.0
    bootstrap: Literal["terminal", "truncated"] = "terminal"
    whiten: bool = False

    @property
    def needs(self) -> tuple[str, ...]:
        """The columns that these options call for."""
        value = "value" if self.level == "step" else "token_value"
        return (value, *(("last_value",) if self.bootstrap == "truncated" else ()))


@register("gae", kind="advantage", paper="arXiv:1506.02438", evidence="code", needs=("value",), cost="a critic")
def gae(batch: StepBatch, cfg: GAEConfig) -> Advantages:
    """Generalised advantage: A_t = d_t + gamma lam A_{t+1} with d_t = r_t + gamma V_{t+1} - V_t (Eq. 16).

    `returns` are A + V, before whitening. At token level the rewards are `token_reward` where it was filled, else each
    row's reward on its last token; an episode is the sequence of its policy tokens, a branch of its own ones.

    Raises:
        InvalidValue: for `span="row"` with a bootstrap, which would have nothing to act on.
    """
    if cfg.span == "row" and cfg.bootstrap != "terminal":
        raise InvalidValue("span='row' bootstraps nothing; leave out bootstrap or span")
    reward, segment = batch.reward.double(), batch.episode
    if cfg.span == "row":
        reward = with_offset(batch, rows_of(batch, episode_returns(batch)))
        segment = torch.arange(batch.num_steps, device=segment.device)
    include = rows_of(batch, batch.include)
    if cfg.level == "token":
        value = batch.require("token_value", "gae").double()
        segment, include = rows_of_tokens(batch, segment, "gae"), rows_of_tokens(batch, include, "gae")
        reward = token_rewards(batch, reward, "gae")
    else:
        value = batch.require("value", "gae").double() if cfg.level == "step" else _turn_values(batch)
    if cfg.span == "episode":
        end = end_values(batch, cfg.bootstrap, "last_value", "gae")
    else:
        end = torch.zeros_like(batch.reward, dtype=torch.float64)
    advantage = scan(reward + cfg.gamma * next_values(value, segment, end) - value, segment, cfg.gamma * cfg.lam)
    targets = advantage + value
    shown = whitened(advantage, include) if cfg.whiten else advantage
    if cfg.level == "turn":
        shown, targets = rows_of_tokens(batch, shown, "gae"), rows_of_tokens(batch, targets, "gae")
    if cfg.level != "step":
        return per_token(batch, "gae", shown, targets)
    found = per_step(batch, shown, returns=targets)
    return replace(found, returns=found.parts["returns"], parts={})


def _turn_values(batch: StepBatch) -> Tensor:
    """Return float64 [S], `token_value` of each row's first token, 0 for a row without tokens."""
    row = batch.require("token_step", "gae")
    first = row != row.roll(1)
    first[:1] = True
    return Segments.of(row, batch.num_steps).sum(batch.require("token_value", "gae").double() * first)
