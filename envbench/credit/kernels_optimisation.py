"""Segment operations on sorted values (ranks, medians) and the token-level result. The same code runs on CUDA."""

from __future__ import annotations

import torch
from torch import Tensor

from envbench.credit.kernels import Segments, rows_of
from envbench.types import Advantages, StepBatch


def sorted_by(*keys: Tensor) -> Tensor:
    """Return int64 [N], the order that sorts by the keys [N], the first one most significant; ties keep their order."""
    order = torch.argsort(keys[-1], stable=True)
    for key in reversed(keys[:-1]):
        order = order.index_select(0, torch.argsort(key.index_select(0, order), stable=True))
    return order


def starts(segments: Segments) -> Tensor:
    """Return int64 [size], the place of each segment's first member once members are sorted by segment."""
    return segments.count.cumsum(0) - segments.count


def places(segments: Segments, order: Tensor) -> Tensor:
    """Return int64 [N], the place of each member inside its segment (0 first) in an order sorted by segment first."""
    number = torch.arange(len(order), device=order.device)
    place = torch.empty_like(order).scatter_(0, order, number)
    return place - segments.spread(starts(segments))


def ranks(segments: Segments, values: Tensor) -> Tensor:
    """Return int64 [N], the rank of each value [N] in its segment, 0 for the smallest; ties keep order."""
    return places(segments, sorted_by(segments.ids, values))


def shared(segments: Segments, keys: Tensor, values: Tensor) -> Tensor:
    """Return float64 [N], the mean value [N] among the members of a segment with the same key [N]."""
    order = sorted_by(segments.ids, keys)
    ids, ordered = segments.ids.index_select(0, order), keys.index_select(0, order)
    run = torch.zeros_like(order)
    torch.cumsum((ids[1:] != ids[:-1]) | (ordered[1:] != ordered[:-1]), 0, out=run[1:])
    runs = Segments.of(torch.empty_like(run).scatter_(0, order, run), len(run))
    return runs.spread(runs.mean(values.double()))


def tied_ranks(segments: Segments, values: Tensor) -> Tensor:
    """Return float64 [N], the rank of each value [N] in its segment; equal values share the mean of their ranks."""
    return shared(segments, values, ranks(segments, values))


def median_members(segments: Segments, values: Tensor) -> Tensor:
    """Return int64 [size], the member at the lower median's place, (n-1) // 2, of its segment's stable order.

    An empty segment gets some member of another one.
    """
    order = sorted_by(segments.ids, values)
    middle = starts(segments) + (segments.count - 1).clamp(min=0) // 2
    return order.index_select(0, middle.clamp(max=len(order) - 1))


def token_episodes(batch: StepBatch, by: str) -> Segments:
    """Return the tokens [L] by episode.

    Raises:
        MissingColumn: without token columns; the message names `by`, who asked.
    """
    return Segments.of(rows_of_tokens(batch, batch.episode, by), batch.num_episodes)


def rows_of_tokens(batch: StepBatch, values: Tensor, by: str) -> Tensor:
    """Return to each token [L] the value of its row [S]."""
    return values.index_select(0, batch.require("token_step", by))


def token_rewards(batch: StepBatch, reward: Tensor, by: str) -> Tensor:
    """Return float64 [L], `token_reward` where it was filled, else `reward` (float64 [S]) on each row's last token.

    Raises:
        MissingColumn: without token columns; the message names `by`, who asked.
    """
    if batch.token_reward is not None:
        return batch.token_reward.double()
    row = batch.require("token_step", by)
    last = torch.ones_like(row, dtype=torch.bool)
    last[:-1] = row[1:] != row[:-1]
    return reward.index_select(0, row) * last


def per_token(batch: StepBatch, by: str, value: Tensor, returns: Tensor | None = None, **parts: Tensor) -> Advantages:
    """Return token-level advantages from float64 [L]: excluded tokens 0 with weight 0, in the dtype of the rewards."""
    include = rows_of_tokens(batch, rows_of(batch, batch.include), by)
    dtype = batch.reward.dtype

    def clean(tensor: Tensor) -> Tensor:
        return tensor.masked_fill(~include, 0.0).to(dtype)

    named = {name: clean(part) for name, part in parts.items()}
    targets = None if returns is None else clean(returns)
    return Advantages(clean(value), "token", returns=targets, weight=include.to(dtype), parts=named)
