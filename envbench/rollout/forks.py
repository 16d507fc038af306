"""Episodes that continue others from where these stood: what trees and Monte-Carlo values are made of."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

from envbench.errors import InvalidValue
from envbench.rollout.members import Members, uniforms
from envbench.rollout.record import Floats, Ints, Rollout
from envbench.seeding import derive_seed


@dataclass(frozen=True, slots=True, eq=False)
class Forks:
    """N continuations of rows of a rollout, each from the situation before the row's action.

    Attributes:
        origin: what is continued.
        rows: int64 [N], rows of `origin`; one that comes up k times is continued k times.
        name: of these forks in the iteration; every draw is derived from it.
    """

    origin: Rollout
    rows: Ints
    name: str

    @property
    def left(self) -> Ints:
        """int64 [N], steps until the limit."""
        return self.origin.members.max_steps - self.origin.t[self.rows]

    def noise_seed(self, fork: int) -> int:
        """Return the seed that the environment's noise starts from: of the member, below its own noise seed."""
        origin, row = self.origin, int(self.rows[fork])
        member = origin.members.noise_seed(int(origin.member[origin.episode[row]]))
        return derive_seed(member, self.name, int(origin.t[row]), fork)

    def draws(self, name: str) -> Floats:
        """Return float64 [steps, N] in [0, 1), the stream `name` of these forks."""
        members = self.origin.members
        seed = derive_seed(members.seed, members.iteration, self.name, members.first, name)
        return uniforms(seed, int(self.left.max(initial=0)), len(self.rows))

    def token_draws(self, t: int, width: int) -> Floats:
        """Return float64 [N, width] in [0, 1): a language model's draws for its reply at step `t` of each fork."""
        members = self.origin.members
        seed = derive_seed(members.seed, members.iteration, self.name, members.first, "tokens", t)
        return uniforms(seed, width, len(self.rows)).T

    def columns(self) -> dict[str, Ints]:
        """Return what the continuations take over: `group`, `member`, `parent` and first `t`, int64 [N] each."""
        episode = self.origin.episode[self.rows]
        return {
            "group": self.origin.group[episode],
            "member": self.origin.member[episode],
            "parent": episode,
            "t": self.origin.t[self.rows],
        }

    def check(self, possible: bool) -> None:
        """Raise `InvalidValue` unless there is something to continue and the collector knows where."""
        if not possible or not len(self.rows):
            raise InvalidValue(
                f"{self.name}: these rows cannot be continued; fork rows that the same collector has played "
                "(a StepCollector with snapshots=True), not replayed ones"
            )


class Collector(Protocol):
    """What plays episodes: `GraphCollector` on memoised transitions, `StepCollector` in the environment."""

    def collect(self, members: Members) -> Rollout:
        """Play every member once."""
        ...

    def fork(self, forks: Forks) -> Rollout:
        """Play on from rows of a rollout; the parents are numbered as there."""
        ...
