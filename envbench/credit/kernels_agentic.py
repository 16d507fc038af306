"""Whitening, reverse scans and prefix ids that the agentic methods share. The same code runs on CPU and CUDA."""

from __future__ import annotations

import torch
from torch import Tensor

from envbench.credit.kernels import ZERO_SPREAD, Segments
from envbench.types import StepBatch
from envbench.types.columns import dense_ids


def whitened(values: Tensor, mask: Tensor, epsilon: float = 1e-8) -> Tensor:
    """Return (x - mean) / sqrt(v + epsilon) over the entries of `mask` [N]; 0 outside of it and for zero spread.

    v is the sample variance of these entries.
    """
    segments = Segments.of((~mask).long(), 2)
    mean = segments.mean(values)
    std = segments.std(values, mean)[0]
    scale = (std.square() + epsilon).rsqrt().masked_fill(std < ZERO_SPREAD, 0.0)
    return ((values - mean[0]) * scale).masked_fill(~mask, 0.0)


def followed(ids: Tensor) -> Tensor:
    """Return bool [N], whether the next entry of the sorted `ids` belongs to the same segment."""
    same = torch.zeros_like(ids, dtype=torch.bool)
    same[:-1] = ids[1:] == ids[:-1]
    return same


def reverse_scan(values: Tensor, factors: Tensor) -> Tensor:
    """Return x_k = v_k + f_k x_{k+1} (float64 [N]): `kernels.scan` with a factor of its own for each entry.

    A factor of 0 ends a segment. By doubling: log2(longest segment) passes.
    """
    total, factor, reach = values, factors, 1
    while reach < len(values) and bool((factor != 0).any()):
        total = torch.cat((total[:-reach] + factor[:-reach] * total[reach:], total[-reach:]))
        factor = torch.cat((factor[:-reach] * factor[reach:], torch.zeros_like(factor[-reach:])))
        reach *= 2
    return total


def next_values(values: Tensor, ids: Tensor, end: Tensor) -> Tensor:
    """Return the value [N] of the next entry of the segment, `end` [segments] after the last one; `ids` are sorted."""
    return torch.where(followed(ids), values.roll(-1), end.index_select(0, ids))


def end_values(batch: StepBatch, bootstrap: str, column: str, by: str) -> Tensor:
    """Return float64 [E], the value after the last step: 0, or `column` where `truncated` episodes bootstrap."""
    if bootstrap == "terminal":
        return torch.zeros_like(batch.group, dtype=torch.float64)
    return batch.require(column, by).double().masked_fill(~batch.truncated, 0.0)


def paired(first: Tensor, second: Tensor) -> Tensor:
    """Return dense ids of pairs of ids >= 0 (int64 [N])."""
    first, second = dense_ids(first)[0], dense_ids(second)[0]
    return dense_ids(first * (int(second.max()) + 1 if len(second) else 1) + second)[0]


def prefix_ids(ids: Tensor, previous: Tensor) -> Tensor:
    """Return dense ids of whole histories, the entry included (int64 [N]): equal where all earlier entries agree.

    Args:
        ids: int64 [N] >= 0.
        previous: int64 [N], the entry before each one, -1 at a start. By doubling: log2(longest) sorts.
    """
    known = dense_ids(ids)[0] + 1
    while bool((previous >= 0).any()):
        index = previous.clamp(min=0)
        known = paired(known, known.index_select(0, index).masked_fill(previous < 0, 0)) + 1
        previous = torch.where(previous < 0, -1, previous.index_select(0, index))
    return known - 1
