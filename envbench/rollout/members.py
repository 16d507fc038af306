"""Who plays in an iteration: groups of one task each, with the seeds that design.md section 3 fixes."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from envbench.seeding import derive_seed, generator
from envbench.types import Task


@dataclass(frozen=True, slots=True)
class Members:
    """`size` episodes on each task; episode k is member k % size of group k // size.

    Attributes:
        tasks: task of each group.
        size: G, members of a group.
        seed: the run's. iteration: counted from 0.
        max_steps: limit of an episode.
        first: number of the first group; above 0 where an iteration samples further groups (`sampling`).
    """

    tasks: Sequence[Task]
    size: int
    seed: int
    iteration: int
    max_steps: int
    first: int = 0

    @property
    def count(self) -> int:
        """E, the number of episodes."""
        return len(self.tasks) * self.size

    def noise_seed(self, episode: int) -> int:
        """Return the seed that the member's environment is reset with."""
        return derive_seed(self.seed, self.iteration, self.first + episode // self.size, episode % self.size)

    def group_id(self, group: int) -> tuple[str, int, int, int]:
        return self.tasks[group].id, self.seed, self.iteration, self.first + group

    def action_draws(self) -> NDArray[np.float64]:
        """Return float64 [max_steps, E] in [0, 1): the policy's draw of each episode at each step.

        A member's draws depend on its place alone, never on how long the others live.
        """
        return self._draws("actions")

    def noise_draws(self) -> NDArray[np.float64]:
        """Return float64 [max_steps, E] in [0, 1): what chooses among the outcomes of memoised transitions.

        One stream for all members, since an environment's own noise stream cannot be followed there anyway.
        """
        return self._draws("noise")

    def token_draws(self, t: int, width: int) -> NDArray[np.float64]:
        """Return float64 [E, width] in [0, 1): a language model's draws for its reply at step `t` of each episode."""
        return uniforms(derive_seed(self.seed, self.iteration, "tokens", self.first, t), width, self.count).T

    def _draws(self, name: str) -> NDArray[np.float64]:
        """Return draws from the stream `name` of the iteration; later groups have streams of their own."""
        names = (name, self.first) if self.first else (name,)
        return uniforms(derive_seed(self.seed, self.iteration, *names), self.max_steps, self.count)


def uniforms(seed: int, steps: int, count: int) -> NDArray[np.float64]:
    """Return float64 [steps, count] in [0, 1), as `seeding.uniform` makes them one by one."""
    raw: NDArray[np.uint64] = generator(seed).random_raw(steps * count)
    return ((raw >> np.uint64(11)).astype(np.float64) * 2.0**-53).reshape(steps, count)
