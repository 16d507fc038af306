"""Monte-Carlo values (VinePPO, arXiv:2410.01679): from every step, K continuations by the policy as it is."""

from __future__ import annotations

from dataclasses import replace
from typing import Protocol

import numpy as np

from envbench.errors import InvalidValue
from envbench.rollout.forks import Forks
from envbench.rollout.record import Rollout

COLUMNS = ("value", "success_rate", "last_value")  # that `with_values` fills


class Forker(Protocol):
    """What plays on from rows of a rollout: its `Collector`, or what changes the rewards that this one found."""

    def fork(self, forks: Forks) -> Rollout:
        """Play on from rows of a rollout; the parents are numbered as there."""
        ...


def with_values(rollout: Rollout, collector: Forker, count: int) -> Rollout:
    """Return the rollout with values of its steps filled, and the continuations in what was spent.

    Filled are, per row, from before its action: `value`, the mean undiscounted return of the continuations up to the
    limit of the episode, and `success_rate`, the share of them that succeed; and per episode `last_value`, 0, since at
    its end or at the limit nothing is left to gain.

    Args:
        rollout: as the collector played it.
        collector: plays on: the one that played it, with rewards as the rollout has them.
        count: K, continuations of each step.

    Raises:
        InvalidValue: for a `count` below 1.
    """
    if count < 1:
        raise InvalidValue(f"continuations={count}: expected a whole number >= 1")
    steps = len(rollout.t)
    more = collector.fork(Forks(rollout, np.repeat(np.arange(steps), count), "continuation"))
    gained = np.bincount(more.episode, more.reward, len(more.group))
    filled = rollout.with_columns(
        value=gained.reshape(steps, count).mean(axis=1),
        success_rate=more.success.reshape(steps, count).mean(axis=1),
        last_value=np.zeros(len(rollout.group)),
    )
    return replace(filled, spent=rollout.spent + more.spent)
