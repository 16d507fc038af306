"""VSRM, verifiable stepwise reward (arXiv:2508.10293): a step earns the change in accuracy that it brings."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated

import torch
from torch import Tensor

from envbench.credit.kernels import episode_returns, rows_of
from envbench.credit.kernels_shaping import at_end, last_rows, with_reward
from envbench.credit.options import Discount, Interval, NonNegative, Options
from envbench.credit.registry import register
from envbench.types import StepBatch


@dataclass(frozen=True, slots=True)
class VSRMConfig(Options):
    """Options of VSRM.

    Attributes:
        gamma: discount of a change that comes later, per step.
        lookahead: steps ahead at which a change still counts.
        threshold: a change below it is none.
    """

    gamma: Discount = 0.7
    lookahead: Annotated[int, Interval(0, 2**31)] = 4
    threshold: NonNegative = 1e-5


@register(
    "vsrm",
    kind="shaping",
    paper="arXiv:2508.10293",
    evidence="code",
    needs=("success_rate",),
    cost="K continuations per step for success_rate",
)
def vsrm(batch: StepBatch, cfg: VSRMConfig) -> StepBatch:
    """Replace the rewards by changes of the success rate, the last one by the outcome (the episode's return).

    With d_t = p_{t+1} - p_t a row earns d_t, or where |d_t| is below the threshold the next change d_k, times
    gamma^(k-t), if k - t <= lookahead. If neither a change nor `lookahead` further steps follow, it is the last d of
    the episode, discounted. The paper cuts a text at sentence ends and forces answers; here the cuts are the steps and
    p = `success_rate` of the state before the row, so an episode of T rows has T - 1 changes.
    """
    rate = batch.require("success_rate", "vsrm").double()
    last = last_rows(batch)
    change = torch.cat((rate[1:] - rate[:-1], rate.new_zeros(1))).index_fill(0, last, 0.0)
    ahead = _rewards_of_changes(change, rows_of(batch, last), cfg)
    return with_reward(batch, ahead.index_fill(0, last, 0.0) + at_end(batch, episode_returns(batch)))


def _rewards_of_changes(change: Tensor, last: Tensor, cfg: VSRMConfig) -> Tensor:
    """Return float64 [S], what each row earns.

    Args:
        change: float64 [S], d_t, 0 on the last row of an episode.
        last: int64 [S], the last row of the row's episode; d ends one row before.
        cfg: the options.
    """
    row = torch.arange(len(change), device=change.device)
    end = (last - 1).clamp(min=0)
    upcoming = torch.where(change.abs() >= cfg.threshold, row, len(row))
    following = upcoming.flip(0).cummin(0).values.flip(0)  # the next row with a change, this one included
    found = (following < last) & (following - row <= cfg.lookahead)
    ends_first = (following >= last) & (end - row < cfg.lookahead)
    source = torch.where(found, following, end)
    earned = change.index_select(0, source) * cfg.gamma ** (source - row).clamp(min=0).double()
    return torch.where(found | ends_first, earned, 0.0)
