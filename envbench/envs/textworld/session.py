"""What a game offers to the environment, whichever engine plays it; and the twin as one."""

from __future__ import annotations

from typing import Any, Protocol

from envbench.envs.textworld.engine import Game, Reply
from envbench.envs.textworld.grammar import canonical
from envbench.envs.textworld.oracle import next_command
from envbench.envs.textworld.world import World
from envbench.hashing import JsonValue


class Session(Protocol):
    """One play of a game.

    Attributes:
        objective: what the player is told.
        max_points: points that a won game has.
    """

    objective: str
    max_points: int

    def begin(self) -> str:
        """Return the first observation."""
        ...

    def step(self, command: str) -> Reply | None:
        """Carry out a command; None refuses it, and then nothing has changed."""
        ...

    def commands(self) -> tuple[str, ...]:
        """Return the admissible commands, sorted."""
        ...

    def points(self) -> int:
        """Return the points so far."""
        ...

    def won(self) -> bool: ...

    def state(self) -> JsonValue:
        """Return all that decides the future."""
        ...

    def anchor(self) -> JsonValue:
        """Return what decides rewards and admissible commands."""
        ...

    def load(self, state: Any) -> None:
        """Take over what `state` returned."""
        ...

    def memory(self) -> JsonValue:
        """Return what a snapshot needs beyond the state."""
        ...

    def load_memory(self, memory: Any) -> None:
        """Take over what `memory` returned, after `load`."""
        ...

    def oracle(self) -> str | None:
        """Return the next command of a policy that knows the game."""
        ...

    def close(self) -> None:
        """Give back what the engine holds."""
        ...


class TwinSession:
    """The twin: its state is plain data, and its anchor is its state."""

    def __init__(self, world: World) -> None:
        self.game = Game(world)
        self.objective = world.objective
        self.max_points = sum(bool(quest.wins) for quest in world.quests)
        self._offered: tuple[dict[str, Any], tuple[str, ...]] = ({}, ())

    def begin(self) -> str:
        return f"{self.objective}\n\n{self.game.look()}"

    def step(self, command: str) -> Reply | None:
        reply = self.game.step(command)
        return self.game.step(canonical(command)) if reply is None else reply

    def commands(self) -> tuple[str, ...]:
        commands = self.game.commands()
        if self._offered[0] is not commands:
            self._offered = commands, tuple(commands)
        return self._offered[1]

    def points(self) -> int:
        return sum(self.game.done)

    def won(self) -> bool:
        return self.game.won

    def state(self) -> JsonValue:
        return self.game.state()

    def anchor(self) -> JsonValue:
        return self.game.state()

    def load(self, state: Any) -> None:
        self.game.load(state)

    def memory(self) -> JsonValue:
        return None

    def load_memory(self, memory: Any) -> None:
        """Do nothing: the state is all there is."""

    def oracle(self) -> str | None:
        return next_command(self.game)

    def close(self) -> None:
        """Do nothing: there is only memory to give back."""
