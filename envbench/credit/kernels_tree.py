"""Operations on trees of episodes: every episode is one leaf, a row that branches share is held once.

The leaves below a row are its own episode and all branches that leave it, or one of its branches, after that row. Loops
run over the generations of branches, never over rows.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Literal

import torch
from torch import Tensor

from envbench.credit.kernels import Scores, Segments, discounted_returns, groups, rows_of
from envbench.types import StepBatch
from envbench.types.columns import dense_ids


@dataclass(frozen=True, slots=True, eq=False)
class Forks:
    """Where the episodes of a batch leave each other.

    Attributes:
        previous: int64 [S], the row before each row, -1 at the start of a root.
        first, last: int64 [E], the rows of each episode. fork: int64 [E], the row that it follows, -1 for roots.
        generation: int64 [E], 0 for roots. depth: number of generations after the first.
    """

    previous: Tensor
    first: Tensor
    last: Tensor
    fork: Tensor
    generation: Tensor
    depth: int

    @classmethod
    def of(cls, batch: StepBatch) -> Forks:
        """Return the forks of a batch."""
        previous, first = batch.previous_rows(), batch.first_rows()
        last = torch.cat((first[1:], first.new_tensor([batch.num_steps]))) - 1
        fork = previous.index_select(0, first)
        holder = holders = batch.episode.index_select(0, fork.clamp(min=0)).masked_fill(fork < 0, -1)
        generation, depth = torch.zeros_like(fork), 0
        while bool((holder >= 0).any()):
            depth += 1
            generation = generation + (holder >= 0)
            holder = torch.where(holder < 0, -1, holders.index_select(0, holder.clamp(min=0)))
        return cls(previous, first, last, fork, generation, depth)

    def of_generation(self, number: int) -> tuple[Tensor, Tensor]:
        """Return the first rows of the branches of one generation, and the rows that they follow."""
        chosen = self.generation == number
        return self.first[chosen], self.fork[chosen]


def leaf_sums(batch: StepBatch, forks: Forks, leaf: Tensor, decay: float = 1.0) -> Tensor:
    """Return float64 [S], the sum over the leaves below each row of `leaf` [E] * decay^(rows between row and leaf)."""
    values = leaf.new_zeros(batch.num_steps, dtype=torch.float64).index_put((forks.last,), leaf.double())
    for number in range(forks.depth, 0, -1):
        first, fork = forks.of_generation(number)
        below = discounted_returns(replace(batch, reward=values), decay).index_select(0, first)
        values = values + Segments.of(fork, batch.num_steps).sum(below * decay)
    return discounted_returns(replace(batch, reward=values), decay)


def leaf_means(batch: StepBatch, forks: Forks, leaf: Tensor, decay: float = 1.0) -> tuple[Tensor, Tensor]:
    """Return float64 [S], the mean of `leaf` [E] over the included leaves below each row, and their number.

    With `decay` each leaf counts decay^(rows between row and leaf). A row without an included leaf has mean 0.
    """
    include = batch.include.double()
    count = leaf_sums(batch, forks, include)
    return leaf_sums(batch, forks, leaf * include, decay) / count.clamp(min=1.0), count


def turn_index(batch: StepBatch, forks: Forks) -> Tensor:
    """Return int64 [S], how many rows lie before each row in its chain from the root."""
    place = torch.arange(batch.num_steps, device=batch.episode.device) - rows_of(batch, forks.first)
    index = place
    for _ in range(forks.depth):
        start = (index.index_select(0, forks.fork.clamp(min=0)) + 1).masked_fill(forks.fork < 0, 0)
        index = place + rows_of(batch, start)
    return index


def siblings(batch: StepBatch, forks: Forks) -> Segments:
    """Return the rows by the row that they follow; first rows of roots by group; excluded ones by group, apart."""
    group, size = groups(batch)
    rows = rows_of(batch, group)
    apart = rows_of(batch, ~batch.include)
    key = torch.where((forks.previous < 0) | apart, rows, forks.previous + size)
    return Segments.of(*dense_ids(key))


def split_groups(group: Tensor, ids: Tensor) -> Segments:
    """Return the members by (group, id), both int64 [N]; excluded ones are apart where `group` puts them apart."""
    return Segments.of(*dense_ids(group * (int(ids.max()) + 1) + ids))


def normalised(
    values: Tensor,
    segments: Segments,
    *,
    scale: Literal["std", "none"] = "std",
    single: Literal["raw", "zero"] = "raw",
    epsilon: float = 1e-6,
) -> Tensor:
    """Return (x - mean) / (std + epsilon) of every member [N] in its segment; sample std, zero spread yields 0."""
    scores = Scores(values, segments.ids, values, segments)
    return scores.normalised(scale=scale, single=single, epsilon=epsilon)
