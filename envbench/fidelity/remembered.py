"""Monte-Carlo truths on disk: minutes of continuations are played once for the same policy, pool and sample."""

from __future__ import annotations

import hashlib
from collections.abc import Callable

import msgspec
import numpy as np

from envbench import data
from envbench.fidelity.truth import Truth
from envbench.hashing import JsonValue, encode
from envbench.rollout.record import Rollout
from envbench.runs.files import plain_errors, write_atomic

VERSION = 1  # of what `truth.sampled` computes; raised when the same arguments come to other numbers


class _Stored(msgspec.Struct, array_like=True):
    rows: bytes
    advantage: bytes
    error: bytes
    pair: bytes
    again: bytes
    continuations: int
    env_steps: int


def remembered(key: JsonValue, pool: Rollout, find: Callable[[], Truth]) -> Truth:
    """Return the truth that `find` computes, from disk where it was computed before.

    Args:
        key: everything beside the pool that decides it, as plain data.
        pool: what was played; its steps go into the name of the file.
        find: computes it.
    """
    steps = hashlib.blake2b(digest_size=16)
    for column in (pool.episode, pool.t, pool.choice, pool.reward):
        steps.update(np.ascontiguousarray(column).tobytes())
    name = hashlib.blake2b(encode([VERSION, key, steps.hexdigest()]), digest_size=16).hexdigest()
    path = data.built_folder("fidelity", "truth") / f"{name}.msgpack"
    if path.is_file():
        try:
            return _thaw(msgspec.msgpack.decode(path.read_bytes(), type=_Stored))
        except (OSError, ValueError, msgspec.DecodeError):
            pass  # damaged: it is found again, and written over
    truth = find()
    with plain_errors(path):
        path.parent.mkdir(parents=True, exist_ok=True)
        write_atomic(path, msgspec.msgpack.encode(_freeze(truth)))
    return truth


def _freeze(truth: Truth) -> _Stored:
    return _Stored(
        truth.rows.tobytes(),
        truth.advantage.tobytes(),
        truth.error.tobytes(),
        truth.pair.tobytes(),
        truth.again.tobytes(),
        truth.continuations,
        truth.env_steps,
    )


def _thaw(stored: _Stored) -> Truth:
    return Truth(
        rows=np.frombuffer(stored.rows, np.int64),
        advantage=np.frombuffer(stored.advantage),
        error=np.frombuffer(stored.error),
        pair=np.frombuffer(stored.pair, np.int64),
        again=np.frombuffer(stored.again),
        continuations=stored.continuations,
        env_steps=stored.env_steps,
    )
