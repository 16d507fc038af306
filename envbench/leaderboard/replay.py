"""Playing the episodes of a bundle again, on worker processes."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any, cast

import msgspec

from envbench.env import Env
from envbench.errors import EnvbenchError, RunIncomplete
from envbench.evaluate import environment, forget_environments
from envbench.leaderboard.bundle import read_episode
from envbench.leaderboard.schema import Episode
from envbench.rollout.play import differences
from envbench.runs import CellResult
from envbench.runs.pool import Job, Pool

_CHUNK = 24  # episodes that travel together
_PROBED = 12  # first steps at which the oracle is asked


class Replayed(msgspec.Struct, frozen=True):
    """What came out of one episode.

    Attributes:
        differences: from what was recorded, a line each.
        invalid_actions: number of refused actions.
        oracle: every action was the one that the oracle names; None where that was not asked.
    """

    differences: tuple[str, ...]
    invalid_actions: int
    oracle: bool | None


class _Watched:
    """An environment as `differences` plays it, with a look at every step."""

    def __init__(self, env: Env[Any], ask_oracle: bool) -> None:
        self._env, self.like_oracle = env, ask_oracle
        self.invalid = 0

    def __getattr__(self, name: str) -> Any:
        return getattr(self._env, name)

    def step(self, action: str) -> Any:
        if self.like_oracle and self._env.t < _PROBED:
            self.like_oracle = self._oracle() == action
        result = self._env.step(action)
        self.invalid += not result[4]["valid"]
        return result

    def _oracle(self) -> str | None:
        try:
            return self._env.oracle()
        except Exception:  # an oracle that fails says nothing about the episode
            return None


def replay_episode(env: Env[Any], episode: Episode, ask_oracle: bool) -> Replayed:
    """Play one episode again. A failure of the environment is a difference, unless that is what was recorded.

    Raises:
        EnvbenchError: when the data or the task are not here.
    """
    watched = _Watched(env, ask_oracle)
    try:
        lines = differences(cast("Env[Any]", watched), episode.row())
    except EnvbenchError:
        raise
    except Exception as error:
        forget_environments()
        lines = [f"the environment failed: {type(error).__name__}"]
    return Replayed(tuple(lines), watched.invalid, watched.like_oracle if ask_oracle else None)


def replay_chunk(config: Mapping[str, Any], spec: Mapping[str, Any]) -> CellResult:
    """Play the lines of `spec` again: the worker of the pool."""
    metrics = []
    for number, line in enumerate(spec["lines"], start=spec["first"]):
        episode = read_episode(line, number)
        replayed = replay_episode(environment(config), episode, config["ask_oracle"])
        metrics.append(msgspec.to_builtins(replayed))
    return CellResult(metrics=metrics)


def replay_all(
    config: Mapping[str, Any],
    lines: Iterable[bytes],
    rows: int,
    workers: int,
    on_progress: Callable[[int, int, str], None] | None,
) -> list[Replayed]:
    """Play every line again and return the results in their order.

    Args:
        config: environment, data set, split, knobs, limit and `ask_oracle`.
        lines: of a bundle, checked against the schema.
        rows: number of them.
        workers: processes; 1 plays in this one.
        on_progress: called with (played, rows, "").

    Raises:
        RunIncomplete: when a worker process dies or fails.
        EnvbenchError: when data are not here.
    """
    job = Job(replay_chunk, config, None)
    specs = _specs(lines)
    outcomes = ((index, job(spec)) for index, spec in specs) if workers == 1 else Pool(job, workers).run(specs)
    found: dict[int, list[Replayed]] = {}
    played = 0
    for index, outcome in outcomes:
        if outcome.stop is not None:
            raise outcome.stop
        if not outcome.payload:
            raise RunIncomplete(f"episodes from row {index * _CHUNK + 1} on could not be replayed: {outcome.message}")
        _, metrics = msgspec.json.decode(outcome.payload, type=tuple[list[Any], list[Replayed]])
        found[index] = metrics
        played += len(metrics)
        if on_progress is not None:
            on_progress(played, rows, "")
    return [one for index in sorted(found) for one in found[index]]


def _specs(lines: Iterable[bytes]) -> Iterator[tuple[int, dict[str, Any]]]:
    chunk: list[bytes] = []
    index = 0
    for line in lines:
        chunk.append(line)
        if len(chunk) == _CHUNK:
            yield index, {"first": index * _CHUNK + 1, "lines": chunk}
            chunk = []
            index += 1
    if chunk:
        yield index, {"first": index * _CHUNK + 1, "lines": chunk}
