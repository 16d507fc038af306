"""What the model and the oracle say of a rollout, found once and only when a column asks for it."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from envbench.rollout.record import Floats, Rollout
from envbench.rollout.table import Table, Turn
from envbench.rollout.turn_columns import Scores
from envbench.rollout.turns import TurnCollector
from envbench.train.lm.network import Network
from envbench.train.packed import TokenRow

_OTHER = -1.0  # of a reference that an episode does not have; see `matchtir`


class ModelPen:
    """`envbench.rollout.turn_columns.Pen` of a network that is trained."""

    def __init__(self, network: Network, collector: TurnCollector) -> None:
        self._network, self._collector = network, collector
        self._of: Rollout | None = None
        self._scores: Scores | None = None
        self._oracle: dict[str, list[str]] = {}

    def turns(self, rollout: Rollout) -> Sequence[Turn]:
        """Return the turn of each row."""
        turns = self._collector.turns
        return [turns[number] for number in rollout.row.tolist()]

    def rows(self, rollout: Rollout) -> list[TokenRow]:
        """Return the rows as tokens."""
        return [TokenRow(turn.prompt, turn.reply) for turn in self.turns(rollout)]

    def scores(self, rollout: Rollout) -> Scores:
        """Return what the model says of the rows' tokens now; found once a rollout."""
        if self._scores is None or self._of is None or self._of.row is not rollout.row:
            self._of, self._scores = rollout, self._network.scores(self.rows(rollout))
        return self._scores

    def forget(self) -> None:
        """Drop what was found: the weights have changed."""
        self._of = self._scores = None

    def reference(self, rollout: Rollout) -> Floats:
        """Return float64 [L], log-probs under the model that training began with."""
        found: Floats = self._network.reference(self.rows(rollout)).double().cpu().numpy()
        return found

    def calls(self, rollout: Rollout) -> Floats:
        """Return float64 [S, R]: 1 where a row's action is that action of the oracle's solution, else 0.

        R is the length of the longest solution; the columns behind a shorter one are below 0.
        """
        tasks = rollout.tasks()
        solved = {task: self._solution(task) for task in sorted(set(tasks))}
        width = max(1, *(len(one) for one in solved.values()))
        turns = self.turns(rollout)
        match = np.full((len(turns), width), _OTHER)
        for row, (episode, turn) in enumerate(zip(rollout.episode.tolist(), turns, strict=True)):
            steps = solved[tasks[episode]]
            match[row, : len(steps)] = [float(turn.action == step) for step in steps]
        return match

    def _solution(self, task: str) -> list[str]:
        if task not in self._oracle:
            self._oracle[task] = solution(self._collector.table, task)
        return self._oracle[task]


def solution(table: Table, task: str, seed: int = 0) -> list[str]:
    """Return what the oracle does on a task, until it ends or the oracle knows no further action."""
    env = table.make()
    _, info = env.reset(seed=seed, options={"task": task})
    actions: list[str] = []
    while "outcome" not in info:
        action = env.oracle()
        if action is None:
            break
        actions.append(action)
        *_, info = env.step(action)
    return actions
