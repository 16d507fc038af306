"""What a sampler decides (`Selection`), and what the samplers share: checked draws, bins, places in a tree."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

import torch
from torch import Tensor

from envbench.credit.kernels import Segments, rows_of
from envbench.credit.kernels_optimisation import ranks
from envbench.errors import InvalidValue
from envbench.types import StepBatch
from envbench.types.columns import dense_ids


@dataclass(frozen=True, slots=True, eq=False)
class Selection:
    """Which episodes are used, and what is rolled out next; None where a sampler has no say.

    Attributes:
        keep: bool [E], episodes that the update uses; never an excluded one.
        weight: float64 [E], factor of the loss of each episode, 0 where not kept.
        store: bool [E], what the replay buffer holds afterwards, of what was in it and what is new.
        more: int64 [groups], further episodes to roll out from the group's start.
        branch: int64 [S], further episodes to roll out from the snapshot before the row.
        advance: bool [E], unfinished episodes that go on; the others stay as they are.
        parts: named tensors behind the decision, for reports.
    """

    keep: Tensor
    weight: Tensor | None = None
    store: Tensor | None = None
    more: Tensor | None = None
    branch: Tensor | None = None
    advance: Tensor | None = None
    parts: Mapping[str, Tensor] = field(default_factory=dict)


def checked(draws: Tensor | None, shape: tuple[int, ...], by: str) -> Tensor:
    """Return the draws in float64.

    Raises:
        InvalidValue: where they are not there, of another shape, or outside of [0, 1).
    """
    if draws is None or tuple(draws.shape) != shape:
        given = "none" if draws is None else f"shape {tuple(draws.shape)}"
        raise InvalidValue(f"{by} was given {given} as draws: pass draws=<uniform draws in [0, 1) of shape {shape}>")
    if bool(((draws < 0.0) | (draws >= 1.0)).any()):
        raise InvalidValue(f"{by} was given draws outside of [0, 1): pass uniform draws")
    return draws.double()


def fresh(batch: StepBatch, stored: Tensor) -> Tensor:
    """Return bool [E], included episodes that do not come from the replay buffer (`stored`, bool [E])."""
    return batch.include & ~stored.bool()


def binned(batch: StepBatch, members: Tensor) -> Segments:
    """Return the episodes by group, those that are no members (bool [E]) in a last bin."""
    size = batch.num_groups
    return Segments.of(torch.where(members, batch.group, size), size + 1)


def nodes(batch: StepBatch, root: Tensor) -> tuple[Tensor, Tensor]:
    """Return the place of each row in the trees (int64 [S]), and which rows are the first of their place (bool [S]).

    Rows are at one place, before their action, if they follow the same row; those that follow none, if their episodes
    have the same `root` (int64 [E]). Rows of excluded episodes come after the others of a place.
    """
    follows = batch.previous_rows()
    start = batch.num_steps + rows_of(batch, root)
    node, size = dense_ids(torch.where(follows < 0, start, follows))
    places = Segments.of(node, size)
    order = (~rows_of(batch, batch.include)).long()
    return node, ranks(places, order) == 0
