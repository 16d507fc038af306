"""Dynamic sampling (DAPO, arXiv:2503.14476): further groups are collected until enough of them say something."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import numpy as np

from envbench.errors import InvalidValue
from envbench.rollout.members import Members
from envbench.rollout.parts import kept, stacked
from envbench.rollout.record import Flags, Rollout


class Sampled(NamedTuple):
    """What dynamic sampling found.

    Attributes:
        rollout: of the groups that are used. everything: of all groups, for unbiased means.
        sampled: number of groups. used: of those that were wanted and are in `rollout`.
        attempts: collections.
    """

    rollout: Rollout
    everything: Rollout
    sampled: int
    used: int
    attempts: int


def differing_returns(rollout: Rollout) -> Flags:
    """Return bool [groups]: the group's episodes differ in their undiscounted return, so that its advantages do too."""
    returns, groups = rollout.returns(), len(rollout.members.tasks)
    low, high = np.full(groups, np.inf), np.full(groups, -np.inf)
    np.minimum.at(low, rollout.group, returns)
    np.maximum.at(high, rollout.group, returns)
    return high > low


def fill_groups(
    collect: Callable[[Members], Rollout],
    draw: Callable[[int], Members],
    attempts: int,
    wanted: Callable[[Rollout], Flags] = differing_returns,
) -> Sampled:
    """Collect groups until as many are wanted as one attempt collects, at most `attempts` times.

    Where the last attempt does not fill the batch, groups that nobody wanted make it up, the first collected first, so
    that a batch has one size always (verl's code keeps what it has; in a batch of another size the step would differ).

    Args:
        collect: plays the members, by chains or trees.
        draw: the members of attempt k, whose groups are numbered on (`Members.first`).
        attempts: at least 1.
        wanted: bool [groups] of a rollout.

    Returns:
        The rollout, whose `spent` counts every attempt, and how many groups were sampled and used.

    Raises:
        InvalidValue: for `attempts` below 1.
    """
    if attempts < 1:
        raise InvalidValue(f"attempts={attempts}: expected a whole number >= 1")
    parts: list[Rollout] = []
    good: list[Flags] = []
    for attempt in range(attempts):
        parts.append(collect(draw(attempt)))
        good.append(wanted(parts[-1]))
        full = len(good[0])
        if sum(int(one.sum()) for one in good) >= full:
            break
    flags = np.concatenate(good)
    chosen = np.argsort(~flags, kind="stable")[:full]
    use = np.zeros(len(flags), np.bool_)
    use[chosen] = True
    whole = stacked(parts)
    used = int(flags[chosen].sum())
    return Sampled(kept(whole, use[whole.group]), whole, len(flags), used, len(parts))
