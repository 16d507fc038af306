"""What batched sessions and worker processes have in common: seeds, autoreset, and gymnasium's vector interface."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cached_property
from typing import Any, Literal, NamedTuple, TypeAlias

import numpy as np
from gymnasium.error import ResetNeeded
from gymnasium.vector import AutoresetMode, VectorEnv
from gymnasium.vector.utils import batch_space
from numpy.typing import NDArray

from envbench.env import Env, SeedStream
from envbench.errors import InvalidValue, UnknownName
from envbench.registry import card_of, find_task, load_object, panel
from envbench.seeding import derive_seed
from envbench.spaces import Text
from envbench.types.task import Panel
from envbench.vector.infos import pack
from envbench.vector.session import Result

Infos: TypeAlias = "dict[str, Any] | list[dict[str, Any]]"
Batch: TypeAlias = tuple[tuple[str, ...], NDArray[np.float64], NDArray[np.bool_], NDArray[np.bool_], Any]

_MODES = {mode.value: mode for mode in (AutoresetMode.NEXT_STEP, AutoresetMode.DISABLED)}


class Start(NamedTuple):
    """In the place of an action: start this episode."""

    seed: int
    task: str


class Idle:
    """In the place of an action: leave the session alone."""


IDLE = Idle()


class Sessions(VectorEnv[tuple[str, ...], Sequence[Any], NDArray[Any]]):
    """`num_envs` sessions of one environment with text observations; a subclass writes `_run`.

    Every session gives what one environment alone gives for the same seeds, tasks and actions, bit by bit.

    Args:
        id: gymnasium id or family.
        num_envs: number of sessions.
        infos: `"arrays"`, as gymnasium packs them, or `"list"`: one dictionary per session, as `Env` returns them,
            without the time that packing takes.
        autoreset_mode: `AutoresetMode.NEXT_STEP` or `"NextStep"` (gymnasium's default): the step after the end of an
            episode ignores the action and starts the next one. `DISABLED` or `"Disabled"`: finished sessions wait for
            a reset and answer steps as `Env` does, with the last observation, reward 0 and `valid=False`.
        arguments: as for `gymnasium.make`.

    Raises:
        InvalidValue: for a number of sessions, a mode or a form of infos that there is not.
        EnvbenchError: as the environment's constructor.
    """

    def __init__(
        self,
        id: str,
        num_envs: int = 1,
        *,
        infos: Literal["arrays", "list"] = "arrays",
        autoreset_mode: AutoresetMode | str = AutoresetMode.NEXT_STEP,
        **arguments: Any,
    ) -> None:
        super().__init__()
        if type(num_envs) is not int or num_envs < 1:
            raise InvalidValue(f"num_envs={num_envs!r}: expected a whole number above 0")
        if infos not in ("arrays", "list"):
            raise UnknownName("form of infos", infos, ["arrays", "list"])
        mode = autoreset_mode.value if isinstance(autoreset_mode, AutoresetMode) else autoreset_mode
        if mode not in _MODES:
            raise InvalidValue(f"autoreset_mode={autoreset_mode!r}: choose one of {', '.join(map(repr, _MODES))}")
        self.num_envs = num_envs
        self.arguments = arguments
        self.family = card_of(id).env.family
        self._probe = self._make()
        self._listed, self._resets = infos == "list", _MODES[mode] is AutoresetMode.NEXT_STEP
        self.metadata = {**self._probe.metadata, "autoreset_mode": _MODES[mode]}
        self.render_mode = self._probe.render_mode
        self.single_observation_space = self._probe.observation_space
        self.single_action_space = self._probe.action_space
        if not isinstance(self.single_observation_space, Text):
            self._probe.close()
            raise InvalidValue(f"{id} does not show text: make it with vectorization_mode='sync' or 'async'")
        self.observation_space = batch_space(self.single_observation_space, num_envs)
        self.action_space = batch_space(self.single_action_space, num_envs)
        self._seeds = [SeedStream() for _ in range(num_envs)]
        self._last: list[Result] = []
        self._finished: list[int] = []

    def _make(self) -> Env[Any]:
        """Return one more environment."""
        env: Env[Any] = load_object(card_of(self.family).env.entry_point)(**self.arguments)
        return env

    def _run(self, commands: Sequence[Any]) -> list[Result | None]:
        """Give each session its command: a `Start`, `IDLE` (its result is None), or an action."""
        raise NotImplementedError

    def reset(
        self, *, seed: int | Sequence[int | None] | None = None, options: dict[str, Any] | None = None
    ) -> tuple[tuple[str, ...], Any]:
        """Start an episode in every session, or in those of a mask.

        Args:
            seed: an int gives session i the seed `seed + i`, as in gymnasium; a list has one for each (None takes the
                next draw of the session's stream, as `Env.reset` does).
            options: `{"task": id}`, or a list with an id or None for each session; `{"reset_mask": bool array [n]}`.

        Raises:
            InvalidValue, UnknownName: as `Env.reset`; lists or masks of another length. No session is started then.
        """
        chosen = dict(options or {})
        mask = self._mask(chosen.pop("reset_mask", None))
        tasks = self._tasks(chosen.pop("task", None))
        for name in chosen:
            raise UnknownName("reset option", name, ["reset_mask", "task"])
        starts: list[Any] = [IDLE] * self.num_envs
        for index, given in enumerate(self._given_seeds(seed)):
            if mask[index]:
                starts[index] = self._start(index, given, tasks[index])
        results = self._run(starts)
        self._last = [self._last[i] if result is None else result for i, result in enumerate(results)]
        self._note_finished()
        return tuple(result[0] for result in self._last), self._infos([r[4] if r else {} for r in results])

    def _start(self, index: int, seed: int | None, task: str | None) -> Start:
        episode_seed = self._seeds[index].next(seed)
        if task is None:
            task = self._panel[derive_seed(episode_seed, "task") % len(self._panel)].id
        return Start(episode_seed, task)

    @cached_property
    def _panel(self) -> Panel:
        """What `Env.reset` draws from."""
        env = self._probe
        return panel(self.family, env.dataset, env.split, **env.knobs)

    def _mask(self, mask: Any) -> list[bool]:
        if mask is None:
            return [True] * self.num_envs
        array = np.asarray(mask)
        if array.shape != (self.num_envs,) or array.dtype != np.bool_ or not array.any():
            raise InvalidValue(f"reset_mask: expected a bool array [{self.num_envs}] with one True at least")
        if not self._last:
            raise ResetNeeded("call reset() without a mask first")
        return [bool(item) for item in array]

    def _tasks(self, task: Any) -> list[str | None]:
        tasks = [task] * self.num_envs if task is None or isinstance(task, str) else list(task)
        if len(tasks) != self.num_envs:
            raise InvalidValue(f"task: {len(tasks)} ids for {self.num_envs} sessions")
        for id in dict.fromkeys(tasks):
            if id is not None:
                find_task(id, self.family, self._probe.dataset, self._probe.knobs)
        return tasks

    def _given_seeds(self, seed: int | Sequence[int | None] | None) -> list[int | None]:
        if seed is None:
            return [None] * self.num_envs
        if isinstance(seed, int | np.integer):
            return [int(seed) + index for index in range(self.num_envs)]
        seeds = list(seed)
        if len(seeds) != self.num_envs:
            raise InvalidValue(f"seed: {len(seeds)} seeds for {self.num_envs} sessions")
        return seeds

    def step(self, actions: Sequence[Any]) -> Batch:
        """Send one command to each session.

        Args:
            actions: n of them. What is no accepted command is an invalid action, as in `Env.step`.

        Returns:
            Observations (tuple of str [n]), rewards (float64 [n]), terminations, truncations (bool [n]), infos.

        Raises:
            InvalidValue: for another number of actions.
        """
        commands = list(actions)
        if len(commands) != self.num_envs:
            raise InvalidValue(f"{len(commands)} actions for {self.num_envs} sessions")
        if not self._last:
            raise ResetNeeded("call reset() first")
        if self._resets:
            for index in self._finished:
                commands[index] = self._start(index, None, None)
        results: Any = self._run(commands)
        self._last = results
        observations, rewards, terminations, truncations, infos = zip(*results, strict=True)
        terminated, truncated = np.array(terminations, np.bool_), np.array(truncations, np.bool_)
        self._finished = np.flatnonzero(terminated | truncated).tolist()
        return observations, np.array(rewards, np.float64), terminated, truncated, self._infos(infos)

    def _infos(self, infos: Sequence[dict[str, Any]]) -> Infos:
        return list(infos) if self._listed else pack(infos)

    def _note_finished(self) -> None:
        self._finished = [index for index, result in enumerate(self._last) if result[2] or result[3]]

    def snapshot(self, index: int) -> bytes:
        """Return the episode of one session, as `Env.snapshot`."""
        raise NotImplementedError

    def restore(self, index: int, data: bytes, reseed: int | None = None) -> tuple[str, dict[str, Any]]:
        """Continue one session from a snapshot of any environment of its family and data set, as `Env.restore`.

        The first reset must have been made. Returns the observation and the info of this session alone.
        """
        self._need_session(index)
        observation, info = self._restore(index, data, reseed)
        outcome = info.get("outcome", "")
        self._last[index] = (observation, 0.0, outcome in ("success", "failure"), outcome == "timeout", info)
        self._note_finished()
        return observation, info

    def _restore(self, index: int, data: bytes, reseed: int | None) -> tuple[str, dict[str, Any]]:
        raise NotImplementedError

    def _need_session(self, index: int) -> None:
        if not 0 <= index < self.num_envs:
            raise InvalidValue(f"session {index}: there are 0 to {self.num_envs - 1}")
        if not self._last:
            raise ResetNeeded("call reset() first")


def command_of(session: Any, command: Any) -> Result | None:
    """Carry out one command."""
    if type(command) is Start:
        result: Result = session.start(command.seed, command.task)
        return result
    if command is IDLE:
        return None
    stepped: Result = session.step(command)
    return stepped


__all__ = ["IDLE", "Batch", "Infos", "Sessions", "Start", "command_of"]
