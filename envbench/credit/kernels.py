"""Segment operations that the methods share. No loop over rows; the same code runs on CPU and CUDA.

Statistics are computed in float64 whatever the dtype of the rewards, and cast back by `per_step` at the end. Sums are
deterministic on both kinds of device. Members of excluded episodes go into a last segment of their own (`groups`), so
that they touch no statistic; `per_step` then sets their rows to 0.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import torch
from torch import Tensor

from envbench.types import Advantages, StepBatch
from envbench.types.columns import dense_ids

ZERO_SPREAD = 1e-8  # a standard deviation below this is rounding: the advantage is 0, not noise / epsilon


@dataclass(frozen=True, slots=True, eq=False)
class Segments:
    """Members grouped by segment, in any order.

    Attributes:
        ids: int64 [N], segment of each member. size: number of segments; empty ones have count, mean and std 0.
        count: int64 [size], members of each segment.
    """

    ids: Tensor
    size: int
    count: Tensor

    @classmethod
    def of(cls, ids: Tensor, size: int) -> Segments:
        """Return the segments of `ids` (int64 [N], 0 <= id < `size`)."""
        return cls(ids, size, torch.bincount(ids, minlength=size))

    def sum(self, values: Tensor) -> Tensor:
        """Return the sum [size, ...] of `values` [N, ...], added up in order of the members.

        On CUDA scatter_add adds in any order and index_put sorts first; on CPU it is index_put that several threads
        may reorder.
        """
        total = values.new_zeros((self.size, *values.shape[1:]))
        if values.is_cuda:
            return total.index_put_((self.ids,), values, accumulate=True)
        return total.scatter_add_(0, self.ids.reshape(-1, *[1] * (values.ndim - 1)).expand_as(values), values)

    def mean(self, values: Tensor) -> Tensor:
        """Return the mean [size] of `values` [N]; of equal values it is that value to the bit."""
        least = values.new_zeros(self.size).scatter_reduce_(0, self.ids, values, "amin", include_self=False)
        return least + self.sum(values - self.spread(least)) / self.count.clamp(min=1)

    def std(self, values: Tensor, mean: Tensor, ddof: int = 1) -> Tensor:
        """Return the standard deviation [size] of `values` [N] about `mean` [size]; 0 for up to `ddof` members."""
        square = (values - self.spread(mean)).square_()
        return (self.sum(square) / (self.count - ddof).clamp(min=1)).sqrt_()

    def spread(self, values: Tensor) -> Tensor:
        """Return to each member the value [size] of its segment."""
        return values.index_select(0, self.ids)


def rows_of(batch: StepBatch, values: Tensor) -> Tensor:
    """Return to each row [S] the value of its episode [E]."""
    return values.index_select(0, batch.episode)


def groups(batch: StepBatch) -> tuple[Tensor, int]:
    """Return the group of each episode (int64 [E]), excluded ones in a last bin, and the number of bins."""
    size = batch.num_groups
    return torch.where(batch.include, batch.group, size), size + 1


def discounted_returns(batch: StepBatch, gamma: float) -> Tensor:
    """Return float64 [S], R_t = r_t + gamma R_{t+1} over the rows of the episode.

    The exponent counts rows, not `t`.
    """
    return scan(batch.reward.double(), batch.episode, gamma)


def scan(values: Tensor, ids: Tensor, factor: float) -> Tensor:
    """Return x_k = v_k + factor x_{k+1} [N] inside each segment of equal neighbouring `ids`.

    By doubling: log2(longest segment) passes.
    """
    total, reach, size = values, 1, len(ids)
    while reach < size:
        same = ids[reach:] == ids[:-reach]  # ids are sorted, so equal ends mean one segment in between
        if not bool(same.any()):
            break
        later = total[reach:] * same
        total = torch.cat((total[:-reach].add(later, alpha=factor**reach), total[-reach:]))
        reach *= 2
    return total


def episode_returns(batch: StepBatch) -> Tensor:
    """Return float64 [E], the undiscounted return of each episode; that of a branch includes its prefix."""
    reward = batch.reward.double()
    total = Segments.of(batch.episode, batch.num_episodes).sum(reward)
    if batch.parent is None:
        return total
    ahead = discounted_returns(batch, 1.0) - reward  # what comes after each row in its own episode
    fork = batch.previous_rows().index_select(0, batch.first_rows())
    root, fork = fork < 0, fork.clamp(min=0)
    parent = batch.episode.index_select(0, fork).masked_fill(root, -1)
    own = total.index_select(0, parent.clamp(min=0)) - ahead.index_select(0, fork)
    prefix = own.masked_fill(root, 0.0)
    while bool((parent >= 0).any()):  # pointer doubling over generations
        index = parent.clamp(min=0)
        prefix = prefix + prefix.index_select(0, index).masked_fill(parent < 0, 0.0)
        parent = parent.index_select(0, index).masked_fill(parent < 0, -1)
    return total + prefix


def with_offset(batch: StepBatch, score: Tensor) -> Tensor:
    """Return the row scores (float64 [S]) plus `score_offset`, which acts on its own row only."""
    return score if batch.score_offset is None else score + batch.score_offset.double()


def anchor_groups(batch: StepBatch) -> Segments:
    """Return the rows by (group, anchor), excluded ones apart: who met the same state."""
    group, _ = groups(batch)
    anchor = batch.require("anchor", "anchor_groups")
    return Segments.of(*dense_ids(rows_of(batch, group) * (int(anchor.max()) + 1) + anchor))


@dataclass(frozen=True, slots=True, eq=False)
class Scores:
    """Scores of the rows, and the members over which their groups' statistics are taken.

    Attributes:
        row: float64 [S], score of each row. row_group: int64 [S].
        member: float64 [M], what enters the statistics. groups: the segments of the members.
    """

    row: Tensor
    row_group: Tensor
    member: Tensor
    groups: Segments

    @classmethod
    def of(cls, batch: StepBatch, score: Tensor, group: Tensor, size: int, over: Literal["episode", "row"]) -> Scores:
        """Return the scores with statistics over episodes (each by its first row) or over rows.

        Args:
            batch: for its episodes.
            score: float64 [S], score of each row.
            group: int64 [E], below `size`.
            size: number of groups.
            over: `episode`: an episode counts once; `row`: it counts as often as it has rows.
        """
        row_group = rows_of(batch, group)
        if over == "row":
            return cls(score, row_group, score, Segments.of(row_group, size))
        return cls(score, row_group, score.index_select(0, batch.first_rows()), Segments.of(group, size))

    def relative(self, center: Tensor, factor: Tensor, single: Literal["raw", "zero"]) -> Tensor:
        """Return (row score - center) * factor [S]; in a group of one the raw score times factor, or 0.

        Args:
            center: float64 [groups].
            factor: float64 [groups].
            single: what a group with one member yields.
        """
        alone = self.groups.count == 1
        if single == "raw":
            center = center.masked_fill(alone, 0.0)
        else:
            factor = factor.masked_fill(alone, 0.0)
        return (self.row - center.index_select(0, self.row_group)) * factor.index_select(0, self.row_group)

    def normalised(
        self, *, scale: Literal["std", "none"], single: Literal["raw", "zero"], epsilon: float, ddof: int = 1
    ) -> Tensor:
        """Return (x - mean) / (std + epsilon) [S], or x - mean; zero spread yields 0, a group of one has std 1."""
        center = self.groups.mean(self.member)
        if scale == "none":
            return self.relative(center, torch.ones_like(center), single)
        std = self.groups.std(self.member, center, ddof).masked_fill_(self.groups.count == 1, 1.0)
        return self.relative(center, (std + epsilon).reciprocal_().masked_fill_(std < ZERO_SPREAD, 0.0), single)


def per_step(batch: StepBatch, value: Tensor, **parts: Tensor) -> Advantages:
    """Return step-level advantages from float64 [S]: excluded rows 0 with weight 0, in the dtype of the rewards."""
    include = rows_of(batch, batch.include)
    dtype = batch.reward.dtype

    def clean(tensor: Tensor) -> Tensor:
        return tensor.masked_fill(~include, 0.0).to(dtype)

    named = {name: clean(part) for name, part in parts.items()}
    return Advantages(clean(value), "step", weight=include.to(dtype), parts=named)
