"""The true advantage of the steps that were taken: exact where everything was enumerated, else by continuing."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from envbench.env import Env
from envbench.errors import InvalidValue
from envbench.fidelity.mdp import Flags, Floats, Ints, Mdp, Values
from envbench.fidelity.pool import edges
from envbench.rollout.forks import Forks
from envbench.rollout.record import Rollout
from envbench.rollout.steps import StepCollector
from envbench.seeding import derive_seed

FIRST_COUNT = 64  # continuations of a row to begin with; doubled until the error is small enough
MOST_COUNT = 1024


@dataclass(frozen=True, slots=True, eq=False)
class Truth:
    """True advantages of rows.

    Attributes:
        rows: int64 [K], rows of the rollout of which the truth is known, ascending.
        advantage: float64 [K], Q_t(s, a) - V_t(s) under the policy that played.
        error: float64 [K], standard error of it; 0 where it is exact.
        pair: int64 [K], id of (situation, action, t).
        again: float64 [K], the advantage found a second time from continuations of its own; the same where it is exact.
        continuations: episodes that were played for it.
        env_steps: steps of the environment that they took.
    """

    rows: Ints
    advantage: Floats
    error: Floats
    pair: Ints
    again: Floats
    continuations: int = 0
    env_steps: int = 0

    def within(self, kept: Flags, renumbered: Ints) -> tuple[Ints, Flags]:
        """Return where the known rows are in a part of the rollout, and which of them (bool [K]) are in it.

        Args:
            kept: bool [S], rows in the part.
            renumbered: int64 [S], their numbers there.
        """
        inside = kept[self.rows]
        return renumbered[self.rows[inside]], inside


def exact(rollout: Rollout, mdp: Mdp, values: Values) -> Truth:
    """Return the truth of every row.

    Args:
        rollout: chains of tasks that were enumerated.
        mdp: of these tasks.
        values: of the policy that played, over the horizon, or in the discounted form, which has one step.
    """
    edge = edges(rollout, mdp)
    step = rollout.t if len(values.v) > 1 else np.zeros_like(rollout.t)
    advantage = values.q[step, edge] - values.v[step, mdp.edge_node[edge]]
    pair = rollout.t * mdp.num_edges + edge
    return Truth(np.arange(len(edge)), advantage, np.zeros(len(edge)), pair, advantage)


def sampled(
    rollout: Rollout, env: Env[Any], collector: StepCollector, count: int, tolerance: float, members: int, seed: int
) -> Truth:
    """Return the truth of a sample of rows, each from continuations of the situations before and after its action.

    A_t(s, a) = r + V_{t + 1}(s') - V_t(s), both values means over continuations by the policy itself up to the limit.
    Their number is doubled until the standard error is below `tolerance`.

    Args:
        rollout: chains that `collector` played, with snapshots.
        env: that it was played in.
        collector: the one that played it.
        count: rows to draw, with equal chances and by a seed of their own.
        tolerance: greatest standard error, in units of reward.
        members: rows are drawn from the first so many members of each group, so that small groups hold them too.
        seed: of the draw.

    Raises:
        InvalidValue: where transitions draw noise: one s' is not all that the action may lead to.
    """
    if env.stochastic:
        raise InvalidValue(
            f"{env.family} draws noise at transitions, of which one continuation is one: use truth='exact'"
        )
    rows = _drawn(rollout, count, members, seed)
    rounds = [_Side(rollout, collector, rows, name, tolerance) for name in ("truth", "again")]
    first, second = (one.advantage() for one in rounds)
    situation = rollout.state[rows] * (int(rollout.action.max()) + 1) + rollout.action[rows]
    pair = situation * (int(rollout.t.max()) + 1) + rollout.t[rows]
    return Truth(
        rows,
        first,
        rounds[0].error,
        np.unique(pair, return_inverse=True)[1],
        second,
        sum(one.episodes for one in rounds),
        sum(one.env_steps for one in rounds),
    )


def _drawn(rollout: Rollout, count: int, members: int, seed: int) -> Ints:
    """Return `count` rows of the first members, those with the smallest digests."""
    open_rows = np.flatnonzero((rollout.member % rollout.members.size < members)[rollout.episode])
    keys = np.array([derive_seed(seed, "row", row) for row in open_rows.tolist()])
    return np.sort(open_rows[np.argsort(keys, kind="stable")[:count]])


class _Side:
    """Values of the situations before and after some rows, by continuing from them."""

    def __init__(self, rollout: Rollout, collector: StepCollector, rows: Ints, name: str, tolerance: float) -> None:
        self._rollout, self._collector, self._rows, self._name = rollout, collector, rows, name
        self.episodes = self.env_steps = 0
        last = np.isin(rows, rollout.last_rows)
        self._before, before_error = self._means(rows, "before", tolerance / np.sqrt(2.0))
        self._after, after_error = np.zeros(len(rows)), np.zeros(len(rows))
        if (~last).any():
            self._after[~last], after_error[~last] = self._means(rows[~last] + 1, "after", tolerance / np.sqrt(2.0))
        self.error = np.sqrt(before_error**2 + after_error**2)

    def advantage(self) -> Floats:
        found: Floats = self._rollout.reward[self._rows] + self._after - self._before
        return found

    def _means(self, rows: Ints, place: str, tolerance: float) -> tuple[Floats, Floats]:
        """Return the mean return of continuations of each row and its standard error, both float64."""
        total, square, played = np.zeros(len(rows)), np.zeros(len(rows)), np.zeros(len(rows), np.int64)
        waiting, count = np.arange(len(rows)), FIRST_COUNT
        while len(waiting):
            name = f"{self._name} {place} {count}"
            more = self._collector.fork(Forks(self._rollout, np.repeat(rows[waiting], count), name))
            gained = np.bincount(more.episode, more.reward, len(more.group)).reshape(len(waiting), count)
            total[waiting] += gained.sum(axis=1)
            square[waiting] += (gained**2).sum(axis=1)
            played[waiting] += count
            self.episodes += len(more.group)
            self.env_steps += more.spent.env_steps
            spread = np.maximum(square / played - (total / played) ** 2, 0.0) * played / (played - 1)
            error = np.sqrt(spread / played)
            waiting = waiting[(error[waiting] > tolerance) & (played[waiting] < MOST_COUNT)]
            count = int(played[waiting[0]]) if len(waiting) else 0
        return total / played, error
