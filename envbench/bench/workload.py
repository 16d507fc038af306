"""What the environments are measured on: recorded episodes of a mixed agent."""

from __future__ import annotations

from typing import Any, NamedTuple

import gymnasium
import numpy as np

from envbench.env import Env
from envbench.errors import DataMissing
from envbench.registry import card_of, panel
from envbench.seeding import below, choice, derive_seed, generator, uniform
from envbench.types.task import Panel

INVALID_SHARE = 0.02
OWN_QUERY_SHARE = 0.5


class Episode(NamedTuple):
    """One recorded episode: `reset(seed=seed, options={"task": task})`, then the actions."""

    task: str
    seed: int
    actions: list[str]


def record(id: str, dataset: str, steps: int, seed: int) -> list[Episode]:
    """Play the mixed agent for exactly `steps` steps (the last episode may be cut).

    Tasks are drawn from the data set's training split. Segments of one to five oracle actions alternate at random with
    as many random ones; 2 % of the actions are invalid. Half of the random searches use words of the instruction in an
    order of their own, as a model would, so that a search is seldom met twice.

    Args:
        id: gymnasium id.
        dataset: of the card.
        steps: number of actions.
        seed: decides tasks, noise and actions; equal seeds record equal workloads.
    """
    env: Env[Any] = gymnasium.make(id, dataset=dataset).unwrapped  # type: ignore[assignment]  # the registry's ids are ours
    tasks = panel_here(id, dataset)
    bits = generator(derive_seed(seed, "bench", id, dataset))
    episodes: list[Episode] = []
    left = steps
    while left > 0:
        task, noise = tasks[below(bits, len(tasks))].id, int(bits.random_raw()) >> 1
        actions = play_mixed(env, task, noise, left, bits)
        episodes.append(Episode(task, noise, actions))
        left -= len(actions)
    return episodes


def panel_here(id: str, dataset: str) -> Panel:
    """Return the panel of the default split of a data set, or of that to evaluate on where only its data are here.

    Raises:
        DataMissing: neither is.
    """
    section = card_of(id).dataset(dataset)
    try:
        return panel(id, dataset)
    except DataMissing:
        if section.eval_split == section.default_split:
            raise
        return panel(id, dataset, section.eval_split)


def play_mixed(env: Env[Any], task: str, seed: int, limit: int, bits: np.random.PCG64) -> list[str]:
    """Play one episode, cut after `limit` steps, and return its actions."""
    _, info = env.reset(seed=seed, options={"task": task})
    actions: list[str] = []
    segment, by_oracle, over = 0, False, False
    while not over and len(actions) < limit:
        if segment == 0:
            segment, by_oracle = 1 + below(bits, 5), uniform(bits) < 0.5
        segment -= 1
        action = env.oracle() if by_oracle else None
        if action is None:
            action = _random(info, bits)
        _, _, terminated, truncated, info = env.step(action)
        actions.append(action)
        over = terminated or truncated
    return actions


def _random(info: dict[str, Any], bits: np.random.PCG64) -> str:
    valid = info["valid_actions"]
    if not valid or uniform(bits) < INVALID_SHARE:
        return "?"
    action: str = choice(bits, valid)
    if action.startswith("search[") and uniform(bits) < OWN_QUERY_SHARE:
        words = info["instruction"].split()
        return f"search[{' '.join(choice(bits, words) for _ in range(2 + below(bits, 5)))}]"
    return action
