"""Timings of one environment in this process. Seconds throughout."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from typing import Any

import gymnasium
import numpy as np

from envbench.bench.originals import RUNNABLE
from envbench.bench.workload import Episode
from envbench.env import Env
from envbench.hashing import KeyHasher, observation_content
from envbench.registry import find_task, load_object
from envbench.seeding import dump_state

Timed = dict[str, Any]

PROBES_PER_EPISODE = 4


def time_environment(id: str, dataset: str, workloads: Sequence[Sequence[Episode]], resets: int) -> Timed:
    """Measure an environment, each repetition on two workloads of its own.

    Args:
        id: gymnasium id.
        dataset: of the card.
        workloads: first the one to warm up on, then two per repetition: bare, and under the default wrappers.
        resets: resets timed per repetition.

    Returns:
        `load_seconds` (make and first reset: data set and panel), and lists with one number per repetition:
        `bare_seconds`, `bare_cpu_seconds`, `wrapped_seconds`, `wrapped_cpu_seconds` (all steps of a workload),
        `reset_p50_seconds`, `reset_p99_seconds`, and the median of single calls: `snapshot_seconds`,
        `restore_seconds`, `state_hash_seconds`, `anchor_hash_seconds`, `observation_hash_seconds`.
    """
    warm, *rest = workloads
    start = time.perf_counter()
    wrapped = gymnasium.make(id, dataset=dataset)
    wrapped.reset(seed=0, options={"task": warm[0].task})
    timed: Timed = {"load_seconds": time.perf_counter() - start}
    bare: Env[Any] = gymnasium.make(id, dataset=dataset).unwrapped  # type: ignore[assignment]  # the registry's ids are ours
    for env in (bare, wrapped):
        time_steps(env, warm)
    time_resets(bare, warm, 1)
    repetitions = []
    for first, second in zip(rest[::2], rest[1::2], strict=True):
        row: dict[str, float] = {}
        row["bare_seconds"], row["bare_cpu_seconds"] = time_steps(bare, first)
        row["wrapped_seconds"], row["wrapped_cpu_seconds"] = time_steps(wrapped, second)
        samples = time_resets(bare, [*first, *second], resets)
        row["reset_p50_seconds"], row["reset_p99_seconds"] = (float(x) for x in np.quantile(samples, [0.5, 0.99]))
        row |= time_calls(bare, first)
        repetitions.append(row)
    return timed | {name: [row[name] for row in repetitions] for name in repetitions[0]}


def time_steps(env: gymnasium.Env[Any, Any], episodes: Sequence[Episode]) -> tuple[float, float]:
    """Return (wall, processor) seconds spent in `step` over all episodes; resets are left out."""
    wall = cpu = 0.0
    for episode in episodes:
        env.reset(seed=episode.seed, options={"task": episode.task})
        step = env.step
        wall_start, cpu_start = time.perf_counter(), time.process_time()
        for action in episode.actions:
            step(action)
        wall += time.perf_counter() - wall_start
        cpu += time.process_time() - cpu_start
    return wall, cpu


def time_resets(env: gymnasium.Env[Any, Any], episodes: Sequence[Episode], count: int) -> list[float]:
    """Return the duration of each of `count` resets, going round the episodes' tasks."""
    samples = []
    for index in range(count):
        episode = episodes[index % len(episodes)]
        options = {"task": episode.task}
        start = time.perf_counter()
        env.reset(seed=episode.seed, options=options)
        samples.append(time.perf_counter() - start)
    return samples


def time_calls(env: Env[Any], episodes: Sequence[Episode]) -> dict[str, float]:
    """Return the median seconds of snapshot, restore and each key, at states spread over the episodes.

    The environment keeps the three keys of its state; here each is computed anew, and must come out the same.
    """
    samples: dict[str, list[float]] = {}
    for episode in episodes:
        env.reset(seed=episode.seed, options={"task": episode.task})
        stride = -(-len(episode.actions) // PROBES_PER_EPISODE)
        for index, action in enumerate(episode.actions):
            env.step(action)
            if index % stride == 0:
                for name, seconds in _probe(env).items():
                    samples.setdefault(name, []).append(seconds)
    return {name: float(np.median(seconds)) for name, seconds in samples.items()}


def _probe(env: Env[Any]) -> dict[str, float]:
    seconds, data = _clock(env.snapshot)
    found = {"snapshot_seconds": seconds}
    found["restore_seconds"], _ = _clock(lambda: env.restore(data))
    hasher = KeyHasher(env.card.tasks_family, env.task.digest)

    def state() -> str:
        content = env._state()
        return hasher("state", [content, dump_state(env.noise)] if env.stochastic else content)

    def anchor() -> str:
        return hasher("anchor", env._anchor())

    def observation() -> str:
        return hasher("observation", observation_content(env._observation))

    for compute, kept in ((state, env.state_hash), (anchor, env.anchor_hash), (observation, env.observation_hash)):
        found[f"{compute.__name__}_hash_seconds"], key = _clock(compute)
        if key != kept():
            raise RuntimeError(f"{env.family}: {compute.__name__}_hash() is {kept()}, computed anew {key}")
    return found


def _clock(call: Callable[[], Any]) -> tuple[float, Any]:
    start = time.perf_counter()
    result = call()
    return time.perf_counter() - start, result


def time_original(id: str, dataset: str, workloads: Sequence[Sequence[Episode]]) -> Timed:
    """Measure the original program and ours on the same actions, one workload per repetition; resets are left out.

    Returns:
        Lists with one number per workload: `steps`, `original_seconds`, `ours_seconds` and `original_reset_seconds`
        (the median over its episodes).
    """
    ours: Env[Any] = gymnasium.make(id, dataset=dataset).unwrapped  # type: ignore[assignment]  # the registry's ids are ours
    original = load_object(RUNNABLE[ours.family].entry_point)()
    timed: Timed = {"steps": [], "original_seconds": [], "ours_seconds": [], "original_reset_seconds": []}
    for episodes in workloads:
        time_steps(ours, episodes)  # warm, as over the thousands of steps of a long measurement
        seconds, resets = 0.0, []
        for episode in episodes:
            original.load(find_task(episode.task, ours.family, dataset, ours.knobs).payload)
            resets.append(_clock(original.reset)[0])
            start = time.perf_counter()
            for action in episode.actions:
                original.step(action)
            seconds += time.perf_counter() - start
        timed["steps"].append(sum(len(episode.actions) for episode in episodes))
        timed["original_seconds"].append(seconds)
        timed["ours_seconds"].append(time_steps(ours, episodes)[0])
        timed["original_reset_seconds"].append(float(np.median(resets)))
    return timed


def time_peer(id: str, steps: int, repeats: int) -> Timed:
    """Measure an environment of gymnasium's own with random actions, for comparison in the same run."""
    repetitions = []
    for repetition in range(repeats):
        row: dict[str, float] = {}
        wrapped = gymnasium.make(id)
        for name, env in (("bare", wrapped.unwrapped), ("wrapped", wrapped)):
            env.action_space.seed(repetition)
            actions = [env.action_space.sample() for _ in range(steps)]
            row[f"{name}_seconds"], row[f"{name}_cpu_seconds"] = _free_run(env, actions, repetition)
        samples = [_clock(lambda env=wrapped.unwrapped: env.reset())[0] for _ in range(200)]  # type: ignore[misc]
        row["reset_p50_seconds"], row["reset_p99_seconds"] = (float(x) for x in np.quantile(samples, [0.5, 0.99]))
        repetitions.append(row)
    return {name: [row[name] for row in repetitions] for name in repetitions[0]}


def _free_run(env: gymnasium.Env[Any, Any], actions: Sequence[Any], seed: int) -> tuple[float, float]:
    """Return (wall, processor) seconds of the steps, with a reset whenever an episode is over."""
    env.reset(seed=seed)
    wall = cpu = 0.0
    position = 0
    while position < len(actions):
        over = False
        wall_start, cpu_start = time.perf_counter(), time.process_time()
        while position < len(actions) and not over:
            _, _, terminated, truncated, _ = env.step(actions[position])
            position += 1
            over = terminated or truncated
        wall += time.perf_counter() - wall_start
        cpu += time.process_time() - cpu_start
        env.reset()
    return wall, cpu
