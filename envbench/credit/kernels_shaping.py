"""What the shaping methods and samplers share: ends of episodes, lengths, verdicts on whole groups."""

from __future__ import annotations

from dataclasses import replace
from typing import Literal

import torch
from torch import Tensor

from envbench.credit.kernels import Segments, episode_returns, groups, rows_of
from envbench.types import StepBatch


def last_rows(batch: StepBatch) -> Tensor:
    """Return int64 [E], the last row of each episode."""
    number = torch.arange(batch.num_episodes, device=batch.episode.device)
    return torch.searchsorted(batch.episode, number, right=True) - 1


def at_end(batch: StepBatch, values: Tensor) -> Tensor:
    """Return float64 [S], the value [E] of the episode on its last row, 0 elsewhere."""
    return torch.zeros_like(batch.reward, dtype=torch.float64).index_copy(0, last_rows(batch), values.double())


def with_reward(batch: StepBatch, reward: Tensor) -> StepBatch:
    """Return the batch with these rewards (float64 [S]) in the dtype of its own; excluded episodes keep theirs."""
    include = rows_of(batch, batch.include)
    return replace(batch, reward=torch.where(include, reward.to(batch.reward.dtype), batch.reward))


def lengths(batch: StepBatch, unit: Literal["token", "step"], by: str) -> Tensor:
    """Return float64 [E], the policy tokens or steps of each episode; those of a branch include its prefix.

    Raises:
        MissingColumn: for tokens, where the batch has none.
    """
    if unit == "step":
        size = torch.ones_like(batch.reward, dtype=torch.float64)
    else:
        size = torch.bincount(batch.require("token_step", by), minlength=batch.num_steps).double()
    return episode_returns(replace(batch, reward=size))


def all_of_group(batch: StepBatch, flag: Tensor) -> Tensor:
    """Return bool [E]: the flag (bool [E]) holds for every included episode of the episode's group."""
    by_group = Segments.of(*groups(batch))
    return by_group.spread(by_group.sum(flag.double()) == by_group.count)
