"""Games in little memory, and the worlds of those that were played last."""

from __future__ import annotations

import zlib
from functools import lru_cache
from hashlib import sha256
from typing import Protocol

import msgspec

from envbench.envs.alfworld.compile import compile_game
from envbench.envs.alfworld.game import Game, Problem
from envbench.envs.alfworld.world import World
from envbench.hashing import encode

_WORLDS = 1024
"""Compiled games that a process keeps."""

_decode = msgspec.json.Decoder(Game).decode
_encode = msgspec.json.Encoder().encode


def game_sha256(game: Game) -> str:
    """Return 64 hex digits over what decides how a game is played; `data.lock` lists them.

    The bytes are those of `hashing.encode` of the list [task_type, task, problem]. A problem's text enters with every
    run of ASCII white space as one space and none at its ends; a `Problem` as its sorted facts and its goal.
    """
    problem = game.problem
    content = (
        [sorted(problem.facts), problem.goal._asdict()]
        if isinstance(problem, Problem)
        else " ".join(problem.split(None))
    )
    return sha256(encode([game.task_type, game.task, content])).hexdigest()


class Packed:
    """A game as compressed bytes."""

    __slots__ = ("_bytes", "task_type")

    def __init__(self, game: Game) -> None:
        self._bytes = zlib.compress(_encode(game), 1)
        self.task_type = game.task_type

    def game(self) -> Game:
        """Return the game."""
        ...
        return _decode(zlib.decompress(self._bytes))


class Source(Protocol):
    """What a task carries: a `Packed` game, or a draft of a generated one; hashed by identity."""

    def game(self) -> Game:
        """Return the game."""
        ...


@lru_cache(maxsize=_WORLDS)
def world_of(source: Source) -> World:
    """Return the compiled form of a game, the same object while the process keeps it.

    Raises:
        DataCorrupt: for a problem that cannot be played.
    """
    return compile_game(source.game())
