"""What an action can lead to from a snapshot, each outcome found by stepping the real environment."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, NamedTuple

from envbench.env import Env
from envbench.errors import InvalidValue
from envbench.hashing import encode
from envbench.seeding import derive_seed

_ATTEMPTS = 10_000  # reseeded steps until every outcome has come up


class Arrival(NamedTuple):
    """An outcome; while it is handed out, the environment stands there.

    Attributes:
        number: of the outcome in the environment's own order.
        probability: of it, 1 where transitions are deterministic.
        reward: of the step. terminated: the task is over. info: of the step.
    """

    number: int
    probability: float
    reward: float
    terminated: bool
    info: dict[str, Any]


def arrivals(env: Env[Any], snapshot: bytes, action: str) -> Iterator[Arrival]:
    """Yield every outcome of `action` from `snapshot`, those of probability 0 left out.

    Raises:
        InvalidValue: for an environment that draws noise and lists no outcomes, or hides one of them.
    """
    if not env.stochastic:
        env.restore(snapshot)
        yield _step(env, action, 0, 1.0)
        return
    env.restore(snapshot)
    try:
        outcomes = [outcome for outcome in env.outcomes(action) if outcome.probability > 0.0]
    except NotImplementedError:
        raise InvalidValue(
            f"{env.family} draws noise and lists no outcomes, so they cannot be enumerated; play it step by step "
            "(collector='steps')"
        ) from None
    waiting = {encode([one.state, one.reward, one.terminated]): number for number, one in enumerate(outcomes)}
    for attempt in range(_ATTEMPTS):
        env.restore(snapshot, reseed=derive_seed(attempt, "branch"))
        arrival = _step(env, action, 0, 0.0)
        here = encode([env._state(), arrival.reward, arrival.terminated])
        if here in waiting:
            number = waiting.pop(here)
            yield arrival._replace(number=number, probability=outcomes[number].probability)
            if not waiting:
                return
    raise InvalidValue(
        f"{env.family}: {action!r} has outcomes that {_ATTEMPTS} reseeded steps did not meet; use collector='steps'"
    )


def _step(env: Env[Any], action: str, number: int, probability: float) -> Arrival:
    _, reward, terminated, _, info = env.step(action)
    return Arrival(number, probability, float(reward), terminated, info)
