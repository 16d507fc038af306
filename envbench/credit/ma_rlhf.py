"""MA-RLHF (arXiv:2410.02743): GAE over macro actions, runs of tokens that are valued as one."""

from __future__ import annotations

from dataclasses import dataclass
from math import inf
from typing import Annotated, Literal

import torch
from torch import Tensor

from envbench.credit.kernels import Segments, scan
from envbench.credit.kernels_agentic import end_values, next_values
from envbench.credit.kernels_optimisation import per_token, starts, token_episodes, token_rewards
from envbench.credit.options import Discount, Interval, Options
from envbench.credit.registry import register
from envbench.types import Advantages, StepBatch


@dataclass(frozen=True, slots=True)
class MARLHFConfig(Options):
    """Options of MA-RLHF.

    Attributes:
        termination: where macro actions begin: every `length` tokens (`fixed`), where the reference model's perplexity
            is about to rise (`perplexity`, needs `ref_logprob`), or with each `turn` (ours: a row is a macro action).
        length: tokens of a fixed macro action; 1 is GAE over tokens.
        pool: weights of the tokens in a macro action's value and reward: `equal`, the last one alone (`unit`), or
            proportional to 1 / place (`position`).
        reward: pooled like the value (the code), or the `sum` over the tokens.
        gamma: discount per macro action.
        lam: lambda of GAE.
        bootstrap: value after the last token: 0 (`terminal`), or `last_value` in episodes that were `truncated`.
    """

    termination: Literal["fixed", "perplexity", "turn"] = "fixed"
    length: Annotated[int, Interval(1, inf)] = 5
    pool: Literal["equal", "unit", "position"] = "equal"
    reward: Literal["pooled", "sum"] = "pooled"
    gamma: Discount = 1.0
    lam: Discount = 0.95
    bootstrap: Literal["terminal", "truncated"] = "terminal"

    @property
    def needs(self) -> tuple[str, ...]:
        """The columns that these options call for."""
        reference = ("ref_logprob",) if self.termination == "perplexity" else ()
        return ("token_value", *reference, *(("last_value",) if self.bootstrap == "truncated" else ()))


@register(
    "ma_rlhf",
    kind="advantage",
    level="token",
    paper="arXiv:2410.02743",
    evidence="code",
    needs=("token_value",),
    cost="a critic",
)
def ma_rlhf(batch: StepBatch, cfg: MARLHFConfig) -> Advantages:
    """GAE over macro actions; each token gets the advantage of its own, and its return as critic target.

    With value V_k and reward r_k of macro action k pooled over its tokens, A_k = d_k + gamma lam A_{k+1}, where d_k =
    r_k + gamma V_{k+1} - V_k. The last token of an episode is a macro action by itself, so that pooling cannot dilute
    the final reward; with `termination="turn"` it belongs to its turn. An episode is the sequence of its policy tokens.
    Token rewards are `token_reward` where it was filled (a KL penalty, -0.05 per token in the paper, belongs there),
    else the environment's rewards, each on the last token of its row.
    """
    by_episode = token_episodes(batch, "ma_rlhf")
    opens = _openings(batch, by_episode, cfg)
    macro = opens.long().cumsum(0) - 1
    if not len(macro):
        return per_token(batch, "ma_rlhf", macro.double())
    tokens = Segments.of(macro, int(macro[-1]) + 1)
    share = _shares(tokens, cfg.pool)
    value = tokens.sum(share * batch.require("token_value", "ma_rlhf").double())
    earned = token_rewards(batch, batch.reward.double(), "ma_rlhf")
    reward = tokens.sum(share * earned) if cfg.reward == "pooled" else tokens.sum(earned)

    episode = by_episode.ids[opens]
    after = next_values(value, episode, end_values(batch, cfg.bootstrap, "last_value", "ma_rlhf"))
    advantage = scan(reward + cfg.gamma * after - value, episode, cfg.gamma * cfg.lam)
    return per_token(batch, "ma_rlhf", tokens.spread(advantage), tokens.spread(advantage + value))


def _openings(batch: StepBatch, by_episode: Segments, cfg: MARLHFConfig) -> Tensor:
    """Return bool [L], the tokens that a macro action begins with."""
    place = torch.arange(len(by_episode.ids), device=by_episode.ids.device) - by_episode.spread(starts(by_episode))
    first = place == 0
    if cfg.termination == "turn":
        row = batch.require("token_step", "ma_rlhf")
        return first | (row != row.roll(1))
    last = place == by_episode.spread(by_episode.count) - 1
    if cfg.termination == "fixed":
        return (place % cfg.length == 0) | last
    likelihood = batch.require("ref_logprob", "ma_rlhf")
    return first | last | (likelihood.roll(-1) < likelihood)  # a token that a less likely one follows


def _shares(tokens: Segments, pool: str) -> Tensor:
    """Return float64 [L], the weight of each token in its macro action; they add up to 1."""
    count = tokens.spread(tokens.count)
    if pool == "equal":
        return count.double().reciprocal()
    place = torch.arange(len(count), device=count.device) - tokens.spread(starts(tokens))
    if pool == "unit":
        return (place == count - 1).double()
    weight = (place + 1).double().reciprocal()
    return weight / tokens.spread(tokens.sum(weight))
