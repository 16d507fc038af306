"""What the policy tokens of a batch are trained towards: advantages, old log-probs, and the values of a critic."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

import torch
from torch import Tensor

from envbench.train.losses import token_advantage
from envbench.types import Advantages, StepBatch


@dataclass(frozen=True, slots=True, eq=False)
class ValueTargets:
    """What one head of a critic is trained towards.

    Attributes:
        target: float32 [L], at the tokens that have one. old: float32 [L], the head's values when the batch was played.
        weight: float32 [L], 0 where there is no target.
    """

    target: Tensor
    old: Tensor
    weight: Tensor


@dataclass(frozen=True, slots=True, eq=False)
class Targets:
    """What the policy tokens of a batch are trained towards, in the order of the rows.

    Attributes:
        old: float32 [L], recorded log-probs. advantage: float32 [L]. weight: float32 [L], loss weights.
        row: int64 [L], row of each token (`token_step`). episode: int64 [S], episode of each row.
        ref: float32 [L], log-probs under the reference, or None.
        values: of the critic, by head.
    """

    old: Tensor
    advantage: Tensor
    weight: Tensor
    row: Tensor
    episode: Tensor
    ref: Tensor | None = None
    values: Mapping[str, ValueTargets] = field(default_factory=dict)

    @classmethod
    def of(cls, batch: StepBatch, advantages: Advantages, values: Mapping[str, ValueTargets] | None = None) -> Targets:
        """Return the targets of a batch.

        Raises:
            MissingColumn: for a batch without `token_step` or `logprob`.
        """
        value, weight = token_advantage(batch, advantages)
        old = batch.require("logprob", "the update")
        ref = None if batch.ref_logprob is None else batch.ref_logprob.float()
        row = batch.require("token_step", "the update")
        return cls(old.float(), value.float(), weight.float(), row, batch.episode, ref, values or {})

    def to(self, device: torch.device) -> Targets:
        """Return them on `device`."""

        def moved(one: Tensor) -> Tensor:
            return one.to(device)

        return self._each(moved, moved(self.row), moved(self.episode))

    def of_rows(self, rows: Tensor) -> Targets:
        """Return the targets of some rows (int64 [n], ascending), which are numbered anew."""
        number = torch.full((len(self.episode),), -1, dtype=torch.int64, device=rows.device)
        number = number.index_copy(0, rows, torch.arange(len(rows), device=rows.device))
        tokens = (number.index_select(0, self.row) >= 0).nonzero()[:, 0]

        def taken(one: Tensor) -> Tensor:
            return one.index_select(0, tokens)

        return self._each(taken, number.index_select(0, taken(self.row)), self.episode.index_select(0, rows))

    def _each(self, change: Callable[[Tensor], Tensor], row: Tensor, episode: Tensor) -> Targets:
        """Return the targets with every column of tokens changed, and these rows and episodes."""
        return Targets(
            change(self.old),
            change(self.advantage),
            change(self.weight),
            row,
            episode,
            None if self.ref is None else change(self.ref),
            {
                head: ValueTargets(change(one.target), change(one.old), change(one.weight))
                for head, one in self.values.items()
            },
        )


class Heads(torch.nn.Module):
    """The heads of a critic: a linear map from the state that predicts a token to one value each, 0 at first.

    Args:
        width: of the hidden states.
        names: of the heads.
    """

    def __init__(self, width: int, names: Sequence[str]) -> None:
        super().__init__()
        self.names = tuple(names)
        self.map = torch.nn.Linear(width, len(self.names))
        torch.nn.init.zeros_(self.map.weight)
        torch.nn.init.zeros_(self.map.bias)

    def forward(self, hidden: Tensor) -> dict[str, Tensor]:
        """Return the values float32 [K] of hidden states [K, H], by head."""
        values = self.map(hidden.float())
        return {name: values.select(1, place) for place, name in enumerate(self.names)}
