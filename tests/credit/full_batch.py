"""Seeded sets of columns in which every column of `StepBatch` is filled with plausible values."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import numpy as np
import torch

from envbench.types import StepBatch
from envbench.types.columns import FURTHER

STATES, ACTIONS, EXITED = 5, 3, 5  # a small deterministic world; after the last step stands the state EXITED
AXIS_SIZE = 6  # of the axes that only further columns have


@dataclass
class _Episode:
    group: int
    start: int  # first own t
    states: list[int]
    actions: list[int]
    rewards: list[float]
    parent: _Episode | None = None
    include: bool = True
    truncated: bool = False
    id: int = -1
    switch: list[bool] = field(default_factory=list)

    def root(self):
        return self if self.parent is None else self.parent.root()


def _next(state: int, action: int) -> int:
    return (2 * state + action + 1) % STATES


def _play(rng, group, state, start, length, final) -> _Episode:
    """Play `length` steps; `final` is the last reward, None for one drawn from {0, 1} and small rewards before."""
    states, actions, rewards = [], [], []
    for step in range(length):
        states.append(state)
        actions.append(int(rng.integers(ACTIONS)))
        small = float(rng.choice([0.0, 0.0, -0.1, 0.25])) if final is None else 0.0
        last = float(rng.integers(2)) if final is None else final
        rewards.append(last if step == length - 1 else small)
        state = _next(state, actions[-1])
    return _Episode(group, start, states, actions, rewards)


def _chains(rng, group, size, longest, final) -> list[_Episode]:
    state = int(rng.integers(STATES))
    return [_play(rng, group, state, 0, int(rng.integers(1, longest + 1)), final) for _ in range(size)]


def _trees(rng, group, size, longest, final) -> list[_Episode]:
    """Half roots, half branches; a branch may start from a branch. Its rows before `start` are its ancestors'."""
    state = int(rng.integers(STATES))
    roots = max(1, size // 2)
    made = [_play(rng, group, state, 0, int(rng.integers(2, longest + 1)), final) for _ in range(roots)]
    while len(made) < size:
        long = [one for one in made if len(one.states) > 1]
        parent = long[int(rng.integers(len(long)))]
        offset = int(rng.integers(1, len(parent.states)))
        length = int(rng.integers(1, longest + 1))
        branch = _play(rng, group, parent.states[offset], parent.start + offset, length, final)
        branch.parent = parent
        made.append(branch)
    return made


def full_columns(
    seed: int,
    groups: int = 3,
    size: int = 4,
    longest: int = 5,
    tree: bool = False,
    tokens: bool = True,
    include: bool = True,
) -> dict[str, Any]:
    """Return every column of `StepBatch.from_columns`, further ones declared so far included, as numpy arrays.

    Args:
        seed: of the values.
        groups: groups of `size` episodes with equal first anchors. To them come a group whose rewards are all alike
            (zero spread) and a group of one. Episodes of the groups are mixed; group ids are not dense.
        size: episodes per group, at least 2.
        longest: steps that an episode plays itself, at most (at least 2).
        tree: roots and branches (`parent`, `branch_t`, `tree`), a branch with its own rows alone; else only roots.
        tokens: fill the columns [L]: 1 to 4 tokens per row, the last one of role action.
        include: some episodes are excluded (never one that has branches); else none.
    """
    rng = np.random.Generator(np.random.PCG64(seed))
    make = _trees if tree else _chains
    episodes = [one for group in range(groups) for one in make(rng, group, size, longest, None)]
    episodes += make(rng, groups, size, longest, 1.0)
    episodes += make(rng, groups + 1, 1, longest, None)
    episodes = [episodes[place] for place in rng.permutation(len(episodes))]
    for place, one in enumerate(episodes):
        one.id = 10 + 3 * place
    parents = {id(one.parent) for one in episodes}
    leaves = [one for one in episodes if one.group < groups and id(one) not in parents]
    for one in leaves[: 1 + len(leaves) // 6] if include else []:
        one.include = False
    for one in episodes[::4]:
        one.truncated = True
    columns = {**_episode_columns(rng, episodes, groups), **_row_columns(rng, episodes)}
    if tokens:
        columns |= _token_columns(rng, columns)
    sizes = {"E": len(episodes), "S": len(columns["t"]), "L": len(columns.get("token_step", ())), "M": size + 1}
    for name, spec in sorted(FURTHER.items()):
        if tokens or "L" not in spec.axes:
            columns[name] = _further(rng, name, tuple(sizes.setdefault(axis, AXIS_SIZE) for axis in spec.axes), columns)
    return columns


def full_batch(seed: int, dtype: torch.dtype = torch.float64, **options: Any) -> StepBatch:
    """Return the batch of `full_columns(seed, **options)`, its floats in `dtype`."""
    return StepBatch.from_columns(**cast(full_columns(seed, **options), dtype))


def cast(columns: dict[str, Any], dtype: torch.dtype) -> dict[str, Any]:
    """Return the columns as tensors, floats in `dtype`; texts stay tuples."""
    tensors = {k: v if isinstance(v, tuple) else torch.from_numpy(np.array(v)) for k, v in columns.items()}
    return {k: v.to(dtype) if isinstance(v, torch.Tensor) and v.is_floating_point() else v for k, v in tensors.items()}


def _episode_columns(rng, episodes: list[_Episode], groups: int) -> dict[str, Any]:
    count = len(episodes)
    truncated = np.array([one.truncated for one in episodes])
    priors = rng.uniform(0.0, 1.0, groups + 2)
    return {
        "group": np.array([7 + 5 * one.group for one in episodes]),
        "terminated": ~truncated,
        "truncated": truncated,
        "include": np.array([one.include for one in episodes]),
        "parent": np.array([-1 if one.parent is None else one.parent.id for one in episodes]),
        "branch_t": np.array([one.start for one in episodes]),
        "tree": np.array([one.root().id for one in episodes]),
        "tool_calls": rng.integers(0, 4, count),
        "answer": rng.integers(0, 3, count),
        "prior": np.array([priors[one.group] for one in episodes]),
        "last_value": rng.uniform(-1.0, 1.0, count),
        "last_value_low": rng.uniform(-1.0, 1.0, count),
        "last_value_high": rng.uniform(-1.0, 1.0, count),
    }


def _row_columns(rng, episodes: list[_Episode]) -> dict[str, Any]:
    rows = [(one, step) for one in episodes for step in range(len(one.states))]
    count = len(rows)
    state = np.array([one.states[step] for one, step in rows])
    after = [one.states[step + 1] if step + 1 < len(one.states) else EXITED for one, step in rows]
    t = np.array([one.start + step for one, step in rows])
    opens = np.array([step == 0 for _, step in rows])
    switch = opens | (rng.uniform(size=count) < 0.3)
    valid = rng.uniform(size=count) < 0.8
    return {
        "episode": np.array([one.id for one, _ in rows]),
        "t": t,
        "reward": np.array([one.rewards[step] for one, step in rows]),
        "state": state * 2 + t % 2,  # finer than the anchor: the parity of the step counts
        "anchor": state,
        "observation": state // 2,
        "action": np.array([one.actions[step] for one, step in rows]),
        "next_anchor": np.array(after),
        "valid": valid,
        "executed": valid & (rng.uniform(size=count) < 0.9),
        "format_valid": rng.uniform(size=count) < 0.9,
        "player": t % 2,
        "subgoal": np.cumsum(switch) - 1,
        "switch": switch,
        "progress": np.minimum(1.0, (t + rng.uniform(size=count)) / 6.0),
        "step_score": rng.uniform(-1.0, 1.0, count),
        "success_rate": rng.integers(0, 5, count) / 4.0,
        "value": rng.uniform(-1.0, 1.0, count),
        "value_low": rng.uniform(-1.0, 1.0, count),
        "value_high": rng.uniform(-1.0, 1.0, count),
        "value_switch": rng.uniform(-1.0, 1.0, count),
        "score_offset": np.where(valid, 0.0, -0.1),
    }


def _token_columns(rng, rows: dict[str, Any]) -> dict[str, Any]:
    """1 to 4 tokens per row: where the row opens a subgoal a switch and a subgoal token, others, then the action."""
    step, role, vocabulary = [], [], []
    for row, (switch, action) in enumerate(zip(rows["switch"].tolist(), rows["action"].tolist(), strict=True)):
        count = int(rng.integers(1, 5))
        roles = [*([3, 2, 0] if switch else [3, 0, 0])[: count - 1], 1]
        step += [row] * count
        role += roles
        vocabulary += [100 + action if one == 1 else int(rng.integers(4)) + 10 * one for one in roles]
    count = len(step)
    logprob = -rng.exponential(1.0, count)
    return {
        "token_step": np.array(step),
        "token": np.array(vocabulary),
        "token_role": np.array(role),
        "token_value": rng.uniform(-1.0, 1.0, count),
        "token_reward": rng.uniform(-0.2, 0.2, count),
        "logprob": logprob,
        "ref_logprob": logprob + rng.normal(0.0, 0.3, count),
        "entropy": rng.exponential(1.0, count),
    }


def _further(rng, name: str, shape: tuple[int, ...], columns: dict[str, Any]) -> Any:
    """Return a further column: texts, flags, rows of the batch by the end of its name, else floats in [0, 1)."""
    if name.endswith("_text"):
        return tuple(f"screen {one}" for one in columns["observation"])
    if name.endswith("_step"):
        return np.sort(rng.integers(0, len(columns["t"]), shape))
    if name.endswith(("_id", "_ids")):
        return rng.integers(0, 3, shape)
    return rng.uniform(0.0, 1.0, shape)
