"""From row weights to each token's share of the loss, and from advantages of any level to one per token."""

from __future__ import annotations

from typing import Literal, TypeAlias, get_args

import torch
from torch import Tensor

from envbench.credit.kernels import Segments
from envbench.errors import InvalidBatch, InvalidValue
from envbench.types import Advantages, StepBatch

Aggregation: TypeAlias = Literal["token-mean", "seq-mean-token-sum", "seq-mean-token-mean", "seq-mean-token-sum-norm"]
AGGREGATIONS: tuple[Aggregation, ...] = get_args(Aggregation)


def token_advantage(batch: StepBatch, advantages: Advantages) -> tuple[Tensor, Tensor]:
    """Return the advantage and the loss weight of every policy token (both float [L], dtype of the advantages).

    A value of level `step` goes to every token of its row. Tokens of excluded episodes have weight 0.

    Raises:
        MissingColumn: for a batch without `token_step`.
    """
    token_step = batch.require("token_step", "token_advantage")
    value = advantages.value
    weight = torch.ones_like(value) if advantages.weight is None else advantages.weight
    if advantages.level == "step":
        value, weight = value.index_select(0, token_step), weight.index_select(0, token_step)
    included = batch.include.index_select(0, batch.episode).index_select(0, token_step)
    return value, weight * included


def shares(weight: Tensor, sequences: Segments, aggregation: Aggregation, norm: float = 1.0) -> Tensor:
    """Return each token's share of the loss (float [L]): the loss is sum(share * token loss).

    `weight` (float [L], >= 0) is the loss weight of the token, 0 for those left out; a mean divides by the summed
    weight, as in the tabular trainer. A sequence (row or episode: what `sequences` says) counts if it holds weight.

    - token-mean: over all tokens of the batch;
    - seq-mean-token-sum: the sum over a sequence's tokens, then the mean over sequences;
    - seq-mean-token-mean: the mean over a sequence's tokens, then over sequences (the GRPO paper);
    - seq-mean-token-sum-norm: the sum over a sequence's tokens divided by the constant `norm`, then the mean over
      sequences (Dr. GRPO).

    Compute it on the whole batch, before rows are dropped or split into micro-batches. All 0 where nothing has weight.

    Raises:
        InvalidBatch: for a negative or non-finite weight. InvalidValue: for a `norm` that is not above 0, or an
            unknown aggregation.
    """
    if not bool(((weight >= 0.0) & weight.isfinite()).all()):
        raise InvalidBatch("a loss weight is negative or not finite; weights are numbers >= 0, 0 leaves the token out")
    if not norm > 0.0:
        raise InvalidValue(f"norm={norm!r}: expected a number above 0, for example the longest reply in tokens")
    if aggregation == "token-mean":
        return weight / _positive(weight.sum())
    held = sequences.sum(weight)
    count = _positive((held > 0.0).sum().to(weight.dtype))
    if aggregation == "seq-mean-token-sum":
        return weight / count
    if aggregation == "seq-mean-token-mean":
        return weight / _positive(sequences.spread(held)) / count
    if aggregation == "seq-mean-token-sum-norm":
        return weight / norm / count
    raise InvalidValue(f"aggregation={aggregation!r}: expected one of {', '.join(AGGREGATIONS)}")


def _positive(total: Tensor) -> Tensor:
    """Return the divisor, 1 where it is 0: its numerators are 0 too."""
    return torch.where(total > 0.0, total, 1.0)
