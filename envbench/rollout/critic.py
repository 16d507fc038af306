"""A running critic on anchor states: what is known of a state from the episodes of earlier iterations."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from envbench.rollout.record import Floats, Ids, Ints, Rollout

HEADS = ("return", "boundary", "score")


class Critic:
    """Values of anchor states, by head; 0 where a state was never met.

    After each iteration a state's value moves towards the mean of what its visits of that iteration came to, by
    `rate`; the first time it becomes that mean. Heads: `return`, the undiscounted return from the state on
    (Monte-Carlo); `boundary`, the same over visits that open a subgoal; `score`, the final score of the episode.

    Args:
        rate: step towards the mean of an iteration, above 0 and at most 1.
    """

    def __init__(self, rate: float = 0.3) -> None:
        self._rate = rate
        self._values: dict[str, dict[str, float]] = {head: {} for head in HEADS}

    def __call__(self, head: str, anchors: Ints, ids: Ids) -> Floats:
        """Return float64 [n], the values of anchor states.

        Args:
            head: one of `HEADS`.
            anchors: int64 [n], their numbers in `ids`.
            ids: of the rollout that they come from.
        """
        known = self._values[head]
        unique, inverse = np.unique(anchors, return_inverse=True)
        values = np.array([known.get(ids.texts[one], 0.0) for one in unique.tolist()])
        return values[inverse]

    def learn(self, rollout: Rollout, boundary: np.ndarray[tuple[int], np.dtype[np.bool_]]) -> None:
        """Take over what an iteration has shown.

        Args:
            rollout: of the iteration.
            boundary: bool [S], rows that open a subgoal.
        """
        own = np.bincount(rollout.episode, rollout.reward, len(rollout.group))
        until = np.cumsum(rollout.reward) - rollout.reward
        ahead = own[rollout.episode] - (until - until[rollout.first_rows][rollout.episode])
        self._move("return", rollout.anchor, ahead, rollout.ids)
        self._move("boundary", rollout.anchor[boundary], ahead[boundary], rollout.ids)
        self._move("score", rollout.anchor, rollout.score[rollout.episode], rollout.ids)

    def _move(self, head: str, anchors: Ints, targets: Floats, ids: Ids) -> None:
        known = self._values[head]
        unique, inverse, count = np.unique(anchors, return_inverse=True, return_counts=True)
        means = np.bincount(inverse, targets, len(unique)) / count
        for one, mean in zip(unique.tolist(), means.tolist(), strict=True):
            before = known.get(ids.texts[one], mean)
            known[ids.texts[one]] = before + self._rate * (mean - before)

    def to_plain(self) -> dict[str, dict[str, float]]:
        """Return the critic as plain data: values by head and anchor hash."""
        return {head: dict(values) for head, values in self._values.items()}

    def load(self, plain: Mapping[str, Mapping[str, float]]) -> None:
        """Take over what `to_plain` returned."""
        self._values = {head: dict(plain[head]) for head in HEADS}
