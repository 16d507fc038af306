"""What the episodes of an iteration were, as flat arrays, what they cost, and the `StepBatch` of them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, fields, replace
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from envbench.errors import UnknownName
from envbench.rollout.members import Members
from envbench.types import Group, StepBatch

Floats: TypeAlias = NDArray[np.float64]
Ints: TypeAlias = NDArray[np.int64]
Flags: TypeAlias = NDArray[np.bool_]

RECORDED = ("state", "anchor", "observation", "next_anchor", "action", "valid", "parent", "branch_t", "tree")


class Ids:
    """Numbers for texts, in order of appearance: equal numbers mean equal texts, and nothing else.

    Attributes:
        texts: what each number stands for.
    """

    def __init__(self) -> None:
        self._numbers: dict[str, int] = {}
        self.texts: list[str] = []

    def of(self, text: str) -> int:
        """Return the number of a text, a new one if it was never here."""
        number = self._numbers.setdefault(text, len(self.texts))
        if number == len(self.texts):
            self.texts.append(text)
        return number


@dataclass(frozen=True, slots=True)
class Spent:
    """What episodes cost, those that were thrown away included.

    Attributes:
        env_steps: steps of the environment; a branch costs its own steps only.
        policy_tokens: decisions of the policy (a tabular policy takes one token for each).
        episodes: episodes, branches and continuations.
        seconds: wall time; a report that decides nothing.
    """

    env_steps: int = 0
    policy_tokens: int = 0
    episodes: int = 0
    seconds: float = 0.0

    def __add__(self, other: Spent) -> Spent:
        return Spent(*(getattr(self, one.name) + getattr(other, one.name) for one in fields(self)))


@dataclass(frozen=True, slots=True, eq=False, kw_only=True)
class Rollout:
    """E episodes of S steps in all; rows are sorted by (episode, t).

    A branch is an episode that holds its own rows only, from `branch_t` on; what came before is its parent's.

    Attributes:
        members: who was to play. ids: what the numbers of the keys and commands stand for.
        episode, t: int64 [S].
        reward: float64 [S], of the environment.
        state, anchor, observation, next_anchor: int64 [S], ids of the keys before (`next_`: after) the action.
        action: int64 [S], id of the command.
        row, choice: int64 [S], the policy's situation and the index of the action among its valid ones.
        place: [S], where the episode stood before the action, for the collector that made it: nodes or snapshots;
            empty where it kept none.
        group: int64 [E], position in `members.tasks`. member: int64 [E], number of the member, of a branch its root's.
        terminated, truncated: bool [E], as in Gymnasium.
        score: float64 [E], success: bool [E], at the end.
        parent: int64 [E], episode that this one branched from, -1 for none. branch_t: int64 [E], first own step.
        groups: the episodes as records, where the collector keeps them (`steps` does of chains, `graph` does not).
        spent: what it cost to collect. filled: further columns of the batch by name (`envbench.rollout.fill`).
    """

    members: Members
    ids: Ids
    episode: Ints
    t: Ints
    reward: Floats
    state: Ints
    anchor: Ints
    observation: Ints
    next_anchor: Ints
    action: Ints
    row: Ints
    choice: Ints
    place: Any
    group: Ints
    member: Ints
    terminated: Flags
    truncated: Flags
    score: Floats
    success: Flags
    parent: Ints
    branch_t: Ints
    groups: tuple[Group, ...] = ()
    spent: Spent = Spent()
    filled: Mapping[str, Any] = field(default_factory=dict)

    @property
    def lengths(self) -> Ints:
        """int64 [E], own steps of each episode."""
        return np.bincount(self.episode, minlength=len(self.group))

    @property
    def valid(self) -> Flags:
        """True for each row, bool [S]: every command is one of the valid actions."""
        return np.ones(len(self.t), np.bool_)

    @property
    def tree(self) -> Ints:
        """int64 [E], the member that an episode and its branches grew from."""
        return self.member

    @property
    def first_rows(self) -> Ints:
        """int64 [E], first own row of each episode."""
        return np.searchsorted(self.episode, np.arange(len(self.group)))

    @property
    def last_rows(self) -> Ints:
        """int64 [E], last own row of each episode."""
        return np.searchsorted(self.episode, np.arange(len(self.group)), side="right") - 1

    def tasks(self) -> list[str]:
        """Return the task id of each episode."""
        return [self.members.tasks[group].id for group in self.group.tolist()]

    def returns(self) -> Floats:
        """Return float64 [E], the undiscounted return of each episode; that of a branch includes its prefix."""
        own: Floats = np.bincount(self.episode, self.reward, len(self.group)).astype(np.float64)
        if (self.parent < 0).all():
            return own
        until = np.cumsum(self.reward)
        until -= (until - self.reward)[self.first_rows][self.episode]  # reward of the episode up to each row
        total = own.copy()
        first = self.t[self.first_rows]
        for episode in np.flatnonzero(self.parent >= 0).tolist():  # a parent stands before its branches
            parent, cut = int(self.parent[episode]), int(self.branch_t[episode])
            after = own[parent]
            if cut > first[parent]:
                after -= until[int(self.first_rows[parent]) + cut - int(first[parent]) - 1]
            total[episode] = own[episode] + total[parent] - after
        return total

    def batch(self, record: Sequence[str] = RECORDED) -> StepBatch:
        """Return the batch that credit methods read.

        Args:
            record: optional columns to hand over, of `RECORDED` and those filled; fewer are faster.

        Raises:
            UnknownName: for another column.
        """
        known = {*RECORDED, *self.filled}
        for name in record:
            if name not in known:
                raise UnknownName("recorded column", name, known)
        return StepBatch.from_columns(
            episode=self.episode,
            t=self.t,
            reward=self.reward,
            group=self.group,
            terminated=self.terminated,
            truncated=self.truncated,
            **{name: self.filled[name] if name in self.filled else getattr(self, name) for name in record},
        )

    def means(self) -> dict[str, float]:
        """Return the means of success, score, episode return and length.

        They are over the chains: where branches start is up to a rule, so that they say nothing of the policy alone.
        """
        chains = self.parent < 0
        reward, count = self.reward[chains[self.episode]], int(chains.sum())
        return {
            "success": float(self.success[chains].mean()),
            "score": float(self.score[chains].mean()),
            "episode_return": float(reward.sum()) / count,
            "episode_length": len(reward) / count,
        }

    def with_columns(self, **columns: Any) -> Rollout:
        """Return the rollout with further columns filled."""
        return replace(self, filled={**self.filled, **columns})
