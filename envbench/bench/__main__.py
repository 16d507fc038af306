"""Run as `python -m envbench.bench` in a process of its own: one JSON job on stdin, its result on stdout."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable
from typing import Any

import envbench.registry  # noqa: F401  # the ids are registered by `import envbench`
from envbench.bench.memory import measure_memory
from envbench.bench.timing import time_environment, time_original, time_peer
from envbench.bench.vector import time_vector
from envbench.bench.workload import Episode, record


def _record(id: str, dataset: str, sizes: list[int], seeds: list[int]) -> Any:
    return [record(id, dataset, steps, seed) for steps, seed in zip(sizes, seeds, strict=True)]


def _time(id: str, dataset: str, workloads: list[Any], resets: int) -> Any:
    return time_environment(id, dataset, [[Episode(*item) for item in load] for load in workloads], resets)


def _memory(id: str, dataset: str, episodes: list[Any], sessions: int) -> Any:
    return measure_memory(id, dataset, [Episode(*item) for item in episodes], sessions)


def _original(id: str, dataset: str, workloads: list[Any]) -> Any:
    return time_original(id, dataset, [[Episode(*item) for item in load] for load in workloads])


JOBS: dict[str, Callable[..., Any]] = {
    "record": _record,
    "time": _time,
    "memory": _memory,
    "original": _original,
    "peer": time_peer,
    "vector": time_vector,
}

if __name__ == "__main__":
    job = json.load(sys.stdin)
    json.dump(JOBS[job.pop("job")](**job), sys.stdout)
