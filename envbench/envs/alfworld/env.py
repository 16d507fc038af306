"""`envbench/ALFWorld-v0`: the interface over the rules in `engine.py`."""

from __future__ import annotations

import importlib
from typing import Any, ClassVar

from envbench.env import Env, Transition
from envbench.envs.alfworld import store, tasks
from envbench.envs.alfworld.engine import State
from envbench.envs.alfworld.keys import state_data
from envbench.envs.alfworld.packed import world_of
from envbench.envs.alfworld.texts import NOTHING_HAPPENS, welcome
from envbench.hashing import JsonValue
from envbench.types.task import Task

VERL_AGENT_REWARD = 10.0
"""What verl-agent pays for a success."""


class ALFWorld(Env[str]):
    """Find things in a house, treat them and put them where they are wanted; all in text.

    The reward is 1 when the goal holds, which ends the episode; the score is the same. A command off the list is
    invalid and answered with `Nothing happens.`; white space around a command does not matter.

    `info` adds `task_type`, one of the original's six kinds. The card describes the knobs. `protocol="verl-agent"` pays
    10 for a success, and adds `shown_actions`, which its prompt lists: all but `help`.
    """

    family: ClassVar[str] = "alfworld"

    def __init__(self, **arguments: Any) -> None:
        super().__init__(**arguments)
        self._style = str(self.knobs["style"])
        self._verl_agent = self.knobs["protocol"] == "verl-agent"
        self._reward = VERL_AGENT_REWARD if self._verl_agent else 1.0
        if self.dataset != "builtin":
            store.known()  # absent games are an error of making, not of the first reset
            if self.knobs["strict"]:
                tasks.check(self.split)

    def _start(self, task: Task) -> None:
        self._session = State(world_of(task.payload), self._style)
        self._task_type = task.payload.task_type

    def _reset(self, task: Task) -> str:
        self._start(task)
        return welcome(self._session.world)

    def _step(self, action: str) -> Transition[str] | None:
        session = self._session
        reply = session.step(action)
        if not reply.admissible:
            return None
        if session.solved():
            return Transition(reply.observation, self._reward, True, 1.0, True)
        return Transition(reply.observation, 0.0, False)

    def _refusal(self) -> str:
        return NOTHING_HAPPENS

    def _state(self) -> JsonValue:
        """Return what differs from the start of the game, as `keys.py` lays it out; with what was taken out of where.

        A thing taken out of a receptacle is listed by `look` where it stands in another one at the same place.
        """
        return state_data(self._session)

    def _anchor(self) -> JsonValue:
        """Return the state without what was taken out of where: that only shows in the answer to `look`."""
        return state_data(self._session, anchor=True)

    def _encoded(self) -> tuple[bytes, bytes]:
        return self._session.keys.encoded(self._session)

    def _load_state(self, state: Any) -> None:
        self._start(self.task)
        self._session.load(state)

    def _valid_actions(self) -> tuple[str, ...]:
        return self._session.admissible()

    def _instruction(self) -> str:
        return self._session.world.task

    def _info(self) -> dict[str, Any]:
        info: dict[str, Any] = {"task_type": self._task_type}
        if self._verl_agent:
            info["shown_actions"] = tuple(command for command in self._session.admissible() if command != "help")
        return info

    def oracle(self) -> str | None:
        """Return the next command of a script that knows the state; None when the goal holds."""
        next_command: str | None = importlib.import_module("envbench.envs.alfworld.oracle").next_command(self._session)
        return next_command
