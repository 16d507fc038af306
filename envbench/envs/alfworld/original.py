"""The original itself, where the extra `alfworld` is installed: its games are played beside ours, never instead."""

from __future__ import annotations

import contextlib
import importlib
import importlib.util
import io
import os
import sys
import warnings
from collections.abc import Iterator
from functools import lru_cache
from pathlib import Path
from typing import Any, NamedTuple

from envbench.envs.alfworld.game import Game, Problem
from envbench.envs.alfworld.packed import Source
from envbench.envs.alfworld.pddl import write_problem
from envbench.errors import MissingExtra

_UNTOLD = "UNKNOWN GOAL."  # where the original's grammar leaves room for the task


class Shown(NamedTuple):
    """What the original answers: `won` as it says, `commands` sorted, the reward of the step (0 at the start)."""

    observation: str
    commands: tuple[str, ...]
    reward: float
    won: bool


class Original:
    """One environment of the package, for one game after the other. Loading a game takes it about a second.

    Raises:
        MissingExtra: the package is not installed.
    """

    def __init__(self) -> None:
        require()
        with _undisturbed():
            textworld: Any = importlib.import_module("textworld")
            pddl: Any = importlib.import_module("textworld.envs.pddl")
            alfworld: Any = importlib.import_module("alfworld.agents.environment.alfred_tw_env")
            infos = textworld.EnvInfos(won=True, admissible_commands=True)
            self._env = alfworld.AlfredDemangler(pddl.PddlEnv(infos))

    def load(self, source: Source) -> None:
        """Take up the game of a task's payload; `reset` starts it."""
        with _undisturbed():
            self._env.load(_game_file(source.game()))

    def reset(self) -> Shown:
        """Start the game anew."""
        with _undisturbed():
            return _shown(self._env.reset(), 0.0)

    def step(self, command: str) -> Shown:
        """Send a command; a game that is won goes on."""
        state, reward, _ = self._env.step(command)
        return _shown(state, float(reward))


def require() -> None:
    """Check that the package is there, without importing it.

    Raises:
        MissingExtra: it is not.
    """
    for name in ("alfworld", "fast_downward"):
        if importlib.util.find_spec(name) is None:
            raise MissingExtra("the original of envbench/ALFWorld-v0", "alfworld", name)


def _shown(state: Any, reward: float) -> Shown:
    return Shown(state["feedback"], tuple(state["admissible_commands"]), reward, bool(state["won"]))


def _game_file(game: Game) -> dict[str, Any]:
    """Return what the package reads from a `game.tw-pddl`."""
    domain, grammar = _logic()
    problem = write_problem(game.problem) if isinstance(game.problem, Problem) else game.problem
    told = grammar.replace(_UNTOLD, game.task)
    return {"pddl_domain": domain, "grammar": told, "pddl_problem": problem, "solvable": True, "walkthrough": None}


@lru_cache(maxsize=1)
def _logic() -> tuple[str, str]:
    spec = importlib.util.find_spec("alfworld")
    assert spec is not None  # `require` was asked
    assert spec.origin is not None
    folder = Path(spec.origin).parent / "data"
    return (folder / "alfred.pddl").read_text(encoding="utf-8"), (folder / "alfred.twl2").read_text(encoding="utf-8")


@contextlib.contextmanager
def _undisturbed() -> Iterator[None]:
    """Undo what the package does to its process: arguments, environment, warnings, output."""
    arguments, environment = list(sys.argv), dict(os.environ)
    try:
        with warnings.catch_warnings(), contextlib.redirect_stdout(io.StringIO()):
            warnings.simplefilter("ignore")
            yield
    finally:
        sys.argv[:] = arguments
        for name in set(os.environ) - set(environment):
            del os.environ[name]
        os.environ.update(environment)
