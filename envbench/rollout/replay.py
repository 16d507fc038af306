"""A replay buffer of episodes by task, and rollouts that take some of them in.

What to store and when to replay is up to samplers (GUI-ARPO, arXiv:2505.16282, keeps successes for groups that fail;
R^3, arXiv:2601.19620, keeps both kinds); this is the memory that they share. An episode is kept as texts and
numbers that mean the same in every process, so that a run with a buffer resumes to equal results.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from typing import Any

import numpy as np

from envbench.errors import InvalidValue
from envbench.policies.tabular import TabularPolicy
from envbench.rollout.parts import EPISODES, ROWS
from envbench.rollout.record import Rollout, Spent

_TEXTS = ("state", "anchor", "observation", "next_anchor", "action")


@dataclass(frozen=True, slots=True)
class Stored:
    """One episode that began at the start of its task.

    Attributes:
        task: task id.
        texts: by key column, what the ids of the rows stood for.
        situations: (key, valid actions) of the policy in each row. choices: index of the action in each.
        rewards: of the rows.
        terminated, score, success: of the episode.
        iteration: when it was played.
    """

    task: str
    texts: Mapping[str, Sequence[str]]
    situations: Sequence[Sequence[Any]]
    choices: Sequence[int]
    rewards: Sequence[float]
    terminated: bool
    score: float
    success: bool
    iteration: int


class ReplayBuffer:
    """The latest episodes of each task, first in, first out.

    Args:
        capacity: episodes kept of a task.

    Raises:
        InvalidValue: for a capacity below 1.
    """

    def __init__(self, capacity: int = 8) -> None:
        if capacity < 1:
            raise InvalidValue(f"capacity={capacity}: expected a whole number >= 1")
        self._capacity = capacity
        self._episodes: dict[str, list[Stored]] = {}

    def __len__(self) -> int:
        return sum(len(stored) for stored in self._episodes.values())

    def add(self, rollout: Rollout, episodes: Iterable[int], policy: TabularPolicy) -> None:
        """Store episodes, in order; the oldest ones of a full task make room.

        Args:
            rollout: they are of.
            episodes: their numbers, of chains, since a branch does not hold its beginning.
            policy: the one that played.

        Raises:
            InvalidValue: for a branch.
        """
        for number in episodes:
            stored = _stored(rollout, number, policy)
            held = self._episodes.setdefault(stored.task, [])
            held.append(stored)
            del held[: -self._capacity]

    def of(self, task: str) -> tuple[Stored, ...]:
        """Return the episodes of a task, the oldest first."""
        return tuple(self._episodes.get(task, ()))

    def retain(self, task: str, chosen: Sequence[bool]) -> None:
        """Forget the episodes of a task that are not chosen, in the order of `of`."""
        self._episodes[task] = [one for one, stays in zip(self.of(task), chosen, strict=True) if stays]

    def state(self) -> dict[str, Any]:
        """Return the contents as plain data."""
        return {task: [asdict(one) for one in stored] for task, stored in self._episodes.items()}

    def load(self, state: Mapping[str, Any]) -> None:
        """Take over what `state` returned."""
        self._episodes = {task: [Stored(**one) for one in stored] for task, stored in state.items()}


def _stored(rollout: Rollout, episode: int, policy: TabularPolicy) -> Stored:
    if rollout.parent[episode] >= 0:
        raise InvalidValue(f"episode {episode} is a branch and does not hold its beginning; store chains")
    rows = slice(int(rollout.first_rows[episode]), int(rollout.last_rows[episode]) + 1)
    texts = rollout.ids.texts
    return Stored(
        task=rollout.members.tasks[int(rollout.group[episode])].id,
        texts={name: [texts[one] for one in getattr(rollout, name)[rows].tolist()] for name in _TEXTS},
        situations=[policy.situation(row) for row in rollout.row[rows].tolist()],
        choices=rollout.choice[rows].tolist(),
        rewards=rollout.reward[rows].tolist(),
        terminated=bool(rollout.terminated[episode]),
        score=float(rollout.score[episode]),
        success=bool(rollout.success[episode]),
        iteration=rollout.members.iteration,
    )


def replayed(rollout: Rollout, stored: Sequence[tuple[int, Stored]], policy: TabularPolicy) -> Rollout:
    """Return the rollout with stored episodes behind its own, which cost nothing and cannot be forked.

    The columns `stored`, bool [E], and `age`, int64 [E], in iterations, tell them from the others.

    Args:
        rollout: of one collector.
        stored: (group, episode) pairs; the group must be of the episode's task.
        policy: the one that is trained; its situations are numbered here.

    Raises:
        InvalidValue: for an episode of another task than its group's.
    """
    parts = [rollout, *(_episode(rollout, group, one, policy) for group, one in stored)]
    columns: dict[str, Any] = {}
    for name in (*ROWS, *EPISODES, "parent"):
        values = [getattr(part, name) for part in parts]
        arrays = isinstance(values[0], np.ndarray)
        columns[name] = np.concatenate(values) if arrays else [one for value in values for one in value]
    own = len(rollout.group)
    lengths = [len(one.choices) for _, one in stored]
    more = np.repeat(np.arange(own, own + len(stored)), lengths)
    age = [0] * own + [rollout.members.iteration - one.iteration for _, one in stored]
    flags = {"stored": np.arange(own + len(stored)) >= own, "age": np.array(age, np.int64)}
    return replace(rollout, episode=np.concatenate([rollout.episode, more]), groups=(), filled=flags, **columns)


def _episode(rollout: Rollout, group: int, one: Stored, policy: TabularPolicy) -> Rollout:
    """Return a stored episode in the numbers of a rollout."""
    if rollout.members.tasks[group].id != one.task:
        raise InvalidValue(f"group {group} plays {rollout.members.tasks[group].id}; {one.task} cannot join it")
    steps = len(one.choices)
    ids: dict[str, Any] = {
        name: np.array([rollout.ids.of(text) for text in one.texts[name]], np.int64) for name in _TEXTS
    }
    nowhere: Any = np.full(steps, -1) if isinstance(rollout.place, np.ndarray) else [b""] * steps
    return replace(
        rollout,
        episode=np.zeros(steps, np.int64),
        t=np.arange(steps),
        reward=np.array(one.rewards),
        row=np.array([policy.row(key, actions) for key, actions in one.situations], np.int64),
        choice=np.array(one.choices, np.int64),
        place=nowhere if len(rollout.place) else rollout.place,
        group=np.array([group]),
        member=np.array([group * rollout.members.size]),
        terminated=np.array([one.terminated]),
        truncated=np.array([not one.terminated]),
        score=np.array([one.score]),
        success=np.array([one.success]),
        parent=np.array([-1]),
        branch_t=np.array([0]),
        groups=(),
        spent=Spent(),
        filled={},
        **ids,
    )
