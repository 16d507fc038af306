"""Groups played by a language model, as any other collector plays them."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from typing import Any

from envbench.agents.prompting import Memory
from envbench.errors import InvalidValue
from envbench.rollout.forks import Forks
from envbench.rollout.members import Members
from envbench.rollout.record import Ids, Rollout
from envbench.rollout.steps import chain_origin, groups_of, recorded
from envbench.rollout.table import Played, Start, Table, Turn
from envbench.types import Task
from envbench.vector.session import Plain, Shared


class TurnCollector:
    """Plays groups with a language model; see `envbench.rollout.forks.Collector`.

    Attributes:
        turns: of the iteration that is being collected; `Rollout.row` numbers them.
        splits: transcripts that had to begin anew in the iteration, since the tokenizer's chat template writes what was
            said before in other tokens than were recorded.
    """

    def __init__(self, table: Table, max_tokens: int) -> None:
        self.table, self._max_tokens = table, max_tokens
        self.turns: list[Turn] = []
        self.splits = 0
        self._ids = Ids()
        self._iteration = -1

    def metrics(self) -> dict[str, float]:
        """Return figures of the iteration for its row: `template_splits` is `splits`, 0 outside of dialogues."""
        return {"template_splits": float(self.splits)}

    def collect(self, members: Members) -> Rollout:
        """Play every member once.

        Raises:
            GroupMismatch: when members of a group do not start in one anchor state.
            InvalidValue: when the environment's limit is not the members', or the first prompt does not fit.
        """
        if self.table.limit != members.max_steps:
            raise InvalidValue(
                f"the environment ends after {self.table.limit} steps, the episodes of the run after "
                f"{members.max_steps}: make it with max_steps={members.max_steps}"
            )
        if members.iteration != self._iteration:
            self._iteration, self.turns, self.splits = members.iteration, [], 0
        start = time.perf_counter()
        starts = [
            from_reset(members.tasks[episode // members.size], members.noise_seed(episode))
            for episode in range(members.count)
        ]
        played = self.table.play(starts, lambda t: members.token_draws(t, self._max_tokens))
        groups = groups_of(members, [one.trajectory for one in played])
        return self._rollout(members, played, chain_origin(members), start, groups)

    def fork(self, forks: Forks) -> Rollout:
        """Play on from the situations that the forks name, with noise of their own.

        Raises:
            InvalidValue: for rows of which this collector kept no snapshot.
        """
        start, origin, columns = time.perf_counter(), forks.origin, forks.columns()
        forks.check(origin.ids is self._ids and len(origin.place) == len(origin.t))
        starts = []
        for fork, row in enumerate(forks.rows.tolist()):
            forks.check(bool(origin.place[row]))
            task = origin.members.tasks[columns["group"][fork]]
            memory = self.turns[int(origin.row[row])].memory
            starts.append(_from_snapshot(task, forks.noise_seed(fork), origin.place[row], memory, int(origin.t[row])))
        played = self.table.play(starts, lambda t: forks.token_draws(t, self._max_tokens))
        self.splits -= sum(one.memory.splits for one in starts if one.memory is not None)  # before the fork
        return self._rollout(origin.members, played, columns, start)

    def _rollout(
        self, members: Members, played: Sequence[Played], origin: Any, start: float, groups: Any = ()
    ) -> Rollout:
        first = len(self.turns)
        for one in played:
            self.turns += one.turns
            self.splits += one.splits
        count = len(self.turns) - first
        return recorded(
            members,
            self._ids,
            [one.trajectory for one in played],
            rows=range(first, len(self.turns)),
            choices=[0] * count,
            places=[place for one in played for place in one.places],
            origin=origin,
            start=start,
            groups=groups,
            policy_tokens=sum(len(turn.reply) for turn in self.turns[first:]),
        )


def from_reset(task: Task, seed: int) -> Start:
    def begin(session: Plain | Shared) -> tuple[Any, Mapping[str, Any]]:
        observation, _, _, _, info = session.start(seed, task.id)
        return observation, info

    return Start(task, seed, begin)


def _from_snapshot(task: Task, seed: int, snapshot: bytes, memory: Memory | None, t: int) -> Start:
    def begin(session: Plain | Shared) -> tuple[Any, Mapping[str, Any]]:
        return session.restore(snapshot, seed)

    return Start(task, seed, begin, memory, t)
