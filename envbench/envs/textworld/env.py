"""`envbench/TextWorld-v0`: the interface over the games of the twin and of the package."""

from __future__ import annotations

from typing import Any, ClassVar

from envbench.env import Env, Transition
from envbench.envs.textworld import made_games, package, user_games
from envbench.envs.textworld.generator import Made
from envbench.envs.textworld.package_session import PackageSession
from envbench.envs.textworld.session import Session, TwinSession
from envbench.hashing import JsonValue, encode
from envbench.types.task import Task


class TextWorld(Env[str]):
    """A text adventure: `go east`, `open chest`, `take coin from chest`, `cook red apple with stove`.

    The reward is the points that a command earned; the score is 1 when the game is won, else 0, and a game ends when it
    is won or lost. What is not admissible here is invalid. `info` adds `points` and `max_points`.
    """

    family: ClassVar[str] = "textworld"
    _session: Session

    def __init__(self, **arguments: Any) -> None:
        super().__init__(**arguments)
        self._former: PackageSession | None = None
        if self.dataset != "builtin":
            package.require()  # an absent package is an error of making, not of the first reset

    def _open(self, task: Task) -> Session:
        if isinstance(task.payload, Made):
            return TwinSession(task.payload.world)
        made = isinstance(task.payload, made_games.Recipe)
        story = made_games.story_of(task.payload) if made else user_games.story_of(task.payload)
        self._former = PackageSession(story, self._former)
        return self._former

    def _reset(self, task: Task) -> str:
        self._session = self._open(task)
        return self._session.begin()

    def _step(self, action: str) -> Transition[str] | None:
        reply = self._session.step(action)
        if reply is None:
            return None
        won = reply.over and self._session.won()
        return Transition(reply.text, float(reply.points), reply.over, float(won), won)

    def _state(self) -> JsonValue:
        return self._session.state()

    def _anchor(self) -> JsonValue:
        return self._session.anchor()

    def _encoded(self) -> tuple[bytes, bytes]:
        """Encode once where the anchor is the state: in the twin."""
        state = encode(self._session.state())
        return state, state if self.dataset == "builtin" else encode(self._session.anchor())

    def _load_state(self, state: Any) -> None:
        self._session = self._open(self.task)
        self._session.load(state)

    def _memory(self) -> JsonValue:
        return self._session.memory()

    def _load_memory(self, memory: Any) -> None:
        self._session.load_memory(memory)

    def _forks(self, action: str) -> int | None:
        """Return None for games of the package: their snapshots hold more than the state."""
        return super()._forks(action) if self.dataset == "builtin" else None

    def _valid_actions(self) -> tuple[str, ...]:
        return self._session.commands()

    def _instruction(self) -> str:
        return self._session.objective

    def _info(self) -> dict[str, Any]:
        session = self._session
        return {"points": float(session.points()), "max_points": float(session.max_points)}

    def oracle(self) -> str | None:
        """Return the next command of a policy that knows the game; None when it is over or cannot be won any more."""
        return self._session.oracle()
