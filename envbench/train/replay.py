"""Replay in training: a sampler decides which stored episodes join their groups, and what is stored afterwards."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import torch

from envbench import credit
from envbench.policies.tabular import TabularPolicy
from envbench.rollout.members import uniforms
from envbench.rollout.parts import kept
from envbench.rollout.record import Floats, Rollout
from envbench.rollout.replay import ReplayBuffer, replayed
from envbench.seeding import derive_seed

# Samplers that plain gradient ascent can follow; `ssb` needs the ratio to the policy that played.
REPLAYS = ("arpo_replay", "r3_replay")
_CAPACITY = 16  # episodes of a task; what a sampler keeps may be fewer


class Replay:
    """A sampler of `REPLAYS` and its buffer.

    Args:
        name: of the sampler, run with its default options.
        policy: the one that is trained.
    """

    def __init__(self, name: str, policy: TabularPolicy) -> None:
        self._name, self._policy = name, policy
        self._buffer = ReplayBuffer(_CAPACITY)

    def mix(self, rollout: Rollout) -> tuple[Rollout, Floats]:
        """Return the rollout that is learned from, and the factor of the loss of each episode, float64 [E].

        Where a task is played by two groups, the buffer's episodes are offered to the first.

        Args:
            rollout: new chains.
        """
        buffer, members = self._buffer, rollout.members
        first = {members.tasks[group].id: group for group in reversed(np.unique(rollout.group).tolist())}
        offered = [(group, one) for task, group in sorted(first.items()) for one in buffer.of(task)]
        mixed = replayed(rollout, offered, self._policy)
        draws = uniforms(derive_seed(members.seed, members.iteration, self._name), 1, len(mixed.group))[0]
        columns = credit.method(self._name).needs
        selection = credit.select(self._name, mixed.batch(columns), torch.from_numpy(draws))
        keep, new = selection.keep.numpy(), len(rollout.group)
        weight = np.ones(len(keep)) if selection.weight is None else selection.weight.double().numpy()
        assert selection.store is not None  # of every sampler of REPLAYS
        store = selection.store.numpy()
        for task in first:
            of_task = [number for number, (_, one) in enumerate(offered, start=new) if one.task == task]
            buffer.retain(task, store[of_task].tolist())
        buffer.add(rollout, np.flatnonzero(store[:new]).tolist(), self._policy)
        return kept(mixed, keep), weight[keep]

    def state(self) -> dict[str, Any]:
        """Return the buffer as plain data."""
        return self._buffer.state()

    def load(self, state: Mapping[str, Any]) -> None:
        """Go on from a `state()`."""
        self._buffer.load(state)
