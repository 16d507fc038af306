"""Some methods as a straightforward dictionary-and-loop version: what `bench credit` divides by.

Each takes the columns of a batch as lists (`episode`, `t`, `reward`, `group`, `anchor`) and returns one advantage per
row, equal to the method's under its default options.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Hashable, Mapping, Sequence
from math import sqrt
from typing import Any, TypeAlias

Columns: TypeAlias = Mapping[str, Sequence[Any]]

_EPSILON, _GAMMA, _ZERO_SPREAD = 1e-6, 0.95, 1e-8


def grpo(columns: Columns) -> list[float]:
    """Return (R - mean) / (std + epsilon) of the episode's group on each of its rows."""
    returns = _returns(columns)
    members: dict[int, list[float]] = defaultdict(list)
    for episode, group in enumerate(columns["group"]):
        members[group].append(returns[episode])
    statistics = {group: _mean_std(values) for group, values in members.items()}
    advantage = {}
    for episode, group in enumerate(columns["group"]):
        mean, std = statistics[group]
        if len(members[group]) == 1:
            mean, std = 0.0, 1.0
        advantage[episode] = 0.0 if std < _ZERO_SPREAD else (returns[episode] - mean) / (std + _EPSILON)
    return [advantage[episode] for episode in columns["episode"]]


def rloo(columns: Columns) -> list[float]:
    """Return R minus the mean of the others of the episode's group on each of its rows."""
    returns = _returns(columns)
    total: dict[int, float] = defaultdict(float)
    count: dict[int, int] = defaultdict(int)
    for episode, group in enumerate(columns["group"]):
        total[group] += returns[episode]
        count[group] += 1
    advantage = {}
    for episode, group in enumerate(columns["group"]):
        others = count[group] - 1
        advantage[episode] = returns[episode] - ((total[group] - returns[episode]) / others if others else 0.0)
    return [advantage[episode] for episode in columns["episode"]]


def gigpo(columns: Columns) -> list[float]:
    """Return GRPO's advantage plus that of the discounted return among the rows of one anchor state of the group."""
    ahead = _discounted(columns)
    states: dict[Hashable, list[float]] = defaultdict(list)
    keys = [
        (columns["group"][episode], anchor)
        for episode, anchor in zip(columns["episode"], columns["anchor"], strict=True)
    ]
    for key, value in zip(keys, ahead, strict=True):
        states[key].append(value)
    statistics = {key: _mean_std(values) for key, values in states.items()}
    result = []
    for key, value, episode in zip(keys, ahead, grpo(columns), strict=True):
        mean, std = statistics[key]
        result.append(episode + (0.0 if std < _ZERO_SPREAD else (value - mean) / (std + _EPSILON)))
    return result


def _returns(columns: Columns) -> dict[int, float]:
    returns: dict[int, float] = defaultdict(float)
    for episode, reward in zip(columns["episode"], columns["reward"], strict=True):
        returns[episode] += reward
    return returns


def _discounted(columns: Columns) -> list[float]:
    ahead = [0.0] * len(columns["episode"])
    following: dict[int, float] = {}
    for row in range(len(ahead) - 1, -1, -1):
        episode = columns["episode"][row]
        ahead[row] = following[episode] = columns["reward"][row] + _GAMMA * following.get(episode, 0.0)
    return ahead


def _mean_std(values: Sequence[float]) -> tuple[float, float]:
    """Return mean and sample standard deviation, 0 for one value."""
    mean = sum(values) / len(values)
    if len(values) == 1:
        return mean, 0.0
    return mean, sqrt(sum((value - mean) ** 2 for value in values) / (len(values) - 1))


LOOPS: Mapping[str, Callable[[Columns], list[float]]] = {"gigpo": gigpo, "grpo": grpo, "rloo": rloo}
