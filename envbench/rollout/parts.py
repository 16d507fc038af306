"""Rollouts put together from others, and taken apart."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from envbench.rollout.record import Flags, Ints, Rollout, Spent

ROWS = (
    "t", "reward", "state", "anchor", "observation", "next_anchor", "action", "row", "choice", "place",
)  # fmt: skip
EPISODES = ("group", "member", "terminated", "truncated", "score", "success", "branch_t")


def _joined(parts: Sequence[Any]) -> Any:
    """Return arrays as one array, lists as one list."""
    if isinstance(parts[0], np.ndarray):
        return np.concatenate(parts)
    return [one for part in parts for one in part]


def grafted(whole: Rollout, branches: Rollout) -> Rollout:
    """Return the episodes of `whole` and after them `branches`, whose parents and groups are numbered as there."""
    columns = {name: _joined([getattr(whole, name), getattr(branches, name)]) for name in (*ROWS, *EPISODES)}
    return replace(
        whole,
        episode=np.concatenate([whole.episode, branches.episode + len(whole.group)]),
        parent=np.concatenate([whole.parent, branches.parent]),
        groups=(),
        spent=whole.spent + branches.spent,
        **columns,
    )


def stacked(parts: Sequence[Rollout]) -> Rollout:
    """Return rollouts of consecutive groups of one iteration as one."""
    first = parts[0]
    columns: dict[str, list[Any]] = {name: [] for name in ("episode", "parent", *ROWS, *EPISODES)}
    episodes = groups = 0
    for part in parts:
        shifted = {
            "episode": part.episode + episodes,
            "parent": np.where(part.parent < 0, -1, part.parent + episodes),
            "group": part.group + groups,
            "member": part.member + groups * first.members.size,
        }
        for name, values in columns.items():
            values.append(shifted[name] if name in shifted else getattr(part, name))
        episodes, groups = episodes + len(part.group), groups + len(part.members.tasks)
    tasks = [task for part in parts for task in part.members.tasks]
    spent = Spent()
    for part in parts:
        spent = spent + part.spent
    return replace(
        first,
        members=replace(first.members, tasks=tasks),
        groups=tuple(group for part in parts for group in part.groups),
        spent=spent,
        **{name: _joined(values) for name, values in columns.items()},
    )


def kept(rollout: Rollout, episodes: Flags) -> Rollout:
    """Return the rollout without the other episodes; what was spent on them stays.

    Args:
        rollout: to take from.
        episodes: bool [E]; with a branch goes its parent.
    """
    rows = episodes[rollout.episode]
    number = np.cumsum(episodes) - 1
    columns = {name: _taken(getattr(rollout, name), rows) for name in ROWS}
    columns.update({name: getattr(rollout, name)[episodes] for name in EPISODES})
    parent = rollout.parent[episodes]
    whole = set(rollout.group[episodes].tolist())
    return replace(
        rollout,
        episode=number[rollout.episode[rows]],
        parent=np.where(parent < 0, -1, number[parent]),
        groups=tuple(group for group in rollout.groups if group.id[3] - rollout.members.first in whole),
        filled={},
        **columns,
    )


def _taken(values: Any, rows: Flags) -> Any:
    if isinstance(values, np.ndarray):
        return values[rows] if len(values) else values
    return [value for value, taken in zip(values, rows.tolist(), strict=False) if taken]


def previous_rows(rollout: Rollout) -> Ints:
    """Return int64 [S], the row before each row, -1 at a start; a branch follows its parent's row at `branch_t`."""
    previous = np.arange(-1, len(rollout.t) - 1)
    first = rollout.first_rows
    previous[first] = -1
    for episode in np.flatnonzero(rollout.parent >= 0).tolist():
        holder, cut = int(rollout.parent[episode]), int(rollout.branch_t[episode])
        while holder >= 0 and rollout.t[first[holder]] >= cut:
            holder = int(rollout.parent[holder])
        if holder >= 0:
            previous[first[episode]] = first[holder] + cut - 1 - int(rollout.t[first[holder]])
    return previous
