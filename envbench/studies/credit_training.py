"""Figures of methods that must be trained to be seen, on softmax tables small enough for seconds.

Each function returns a list of dictionaries, the same on every machine. Counter-examples stay in.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from envbench import credit
from envbench.seeding import derive_seed
from envbench.studies.credit_optimisation import Floats, Row, one_step_groups, uniforms

# HDPO: success against the use of tools.

SHARE = (0.5, 0.2, 0.15, 0.15)
LEAST = (0, 1, 2, 2)
WITH = (0.9, 0.9, 0.9, 0.3)
WITHOUT = (0.9, 0.1, 0.1, 0.02)
"""Kinds of tasks: their share, the calls that they need, the chance of success with them and with fewer."""
BEST = 0.81  # success of a policy that always makes the calls that are needed
CALLS = 4  # an episode makes 0 to 3 calls
START = (-1.0, 0.5, 0.5, 0.5)  # logits of the untrained policy, which calls a tool 93 times in 100
PENALTIES = (0.0, 0.03, 0.1, 0.3, 1.0)
WEIGHTS = (0.0, 0.1, 0.15, 0.2, 0.5)


def hdpo_trade_off(updates: int = 120, seeds: int = 3, rate: float = 1.5, tasks: int = 32, size: int = 16) -> list[Row]:
    """Success and tool calls after training, exact for the final policy, per method and strength; mean over seeds.

    The policy is a softmax over the number of calls for each kind of task (`SHARE`), and knows the kind. `coupled` is
    GRPO on accuracy - penalty * calls, `hdpo` HDPO with a weight of the tool advantage. `rate` is the step size of
    plain ascent on the mean of A log pi. With the fewest calls that
    are enough, 0.8 an episode, success is `best`.
    """
    rows: list[Row] = []
    for method, strengths in (("coupled", PENALTIES), ("hdpo", WEIGHTS)):
        for strength in strengths:
            found = np.array(
                [_train_tools(method, strength, updates, seed, rate, tasks, size) for seed in range(seeds)]
            )
            row: Row = {"method": method, "strength": strength}
            for name, values in zip(("success", "calls", "tool_rate"), found.T, strict=True):
                row |= {name: float(values.mean()), f"{name}_se": float(values.std(ddof=1) / np.sqrt(seeds))}
            rows.append({**row, "best": BEST, "seeds": seeds})
    return rows


def _chances() -> Floats:
    """Return float64 [kinds, CALLS], the chance of success by number of calls."""
    calls = np.arange(CALLS)
    return np.where(calls >= np.array(LEAST)[:, None], np.array(WITH)[:, None], np.array(WITHOUT)[:, None])


def _train_tools(method: str, strength: float, updates: int, seed: int, rate: float, tasks: int, size: int) -> Floats:
    """Return success, calls and share of episodes with a call, float64 [3]."""
    logits, chances = np.tile(START, (len(SHARE), 1)), _chances()
    for update in range(updates):
        kinds, calls, solved = _play(logits, chances, derive_seed(seed, "tools", update), tasks, size)
        if method == "coupled":
            batch = one_step_groups(0.9 * solved + 0.1 - strength * calls)
            value = credit.advantages("grpo", batch).value.numpy()
        else:
            columns = {"tool_calls": calls.reshape(-1), "format_valid": np.ones(calls.size, np.bool_)}
            batch = one_step_groups(solved, **columns)
            value = credit.advantages("hdpo", batch, tool_weight=strength).value.numpy()
        slope = np.zeros_like(logits)
        np.add.at(slope, (kinds.repeat(size), calls.reshape(-1)), value)
        per_kind = np.bincount(kinds.repeat(size), value, minlength=len(SHARE))
        logits = logits + rate * (slope - per_kind[:, None] * _softmax(logits)) / value.size
    policy, share = _softmax(logits), np.array(SHARE)
    number = np.arange(CALLS)
    return np.array([share @ (policy * one).sum(1) for one in (chances, number[None], number[None] > 0)])


def _play(
    logits: Floats, chances: Floats, seed: int, tasks: int, size: int
) -> tuple[NDArray[np.int64], NDArray[np.int64], Floats]:
    """Return the kind of each task [tasks], and the calls and successes of its episodes [tasks, size]."""
    draws = uniforms(seed, tasks, 1 + 2 * size)
    kinds = (draws[:, :1] >= np.cumsum(SHARE)[:-1]).sum(1)
    reached = _softmax(logits)[kinds].cumsum(1)[:, None, :-1]
    calls = (draws[:, 1 : 1 + size, None] >= reached).sum(2)
    won = draws[:, 1 + size :] < chances[kinds[:, None], calls]
    return kinds, calls, won.astype(np.float64)


def _softmax(logits: Floats) -> Floats:
    weight = np.exp(logits - logits.max(1, keepdims=True))
    found: Floats = weight / weight.sum(1, keepdims=True)
    return found


# Whose training widens what a policy can find, and whose narrows it: pass@k.

LEARNERS: Mapping[str, tuple[str, Mapping[str, Any]]] = {
    "GRPO": ("grpo", {}),
    "NGRPO": ("ngrpo", {}),
    "A-GRAE": ("a_grae", {}),
    "unlikeliness": ("unlikeliness", {}),
}
RIGHT = 16  # one answer in so many is right
SPREAD = 3.0  # deviation of the untrained logits


STAGES = (0, 5, 10, 20, 40, 80)


def pass_at_k_frontier(
    ks: Sequence[int] = (1, 2, 4, 8, 16, 32, 64, 128, 256),
    problems: int = 400,
    answers: int = 64,
    members: int = 8,
    rate: float = 1.0,
    seed: int = 0,
) -> list[Row]:
    """Exact pass@k and variety of right answers at some stages of training, per method.

    A problem is a softmax over `answers` of its own with a log-normal start, one in `RIGHT` of them right, so nothing
    carries over from one problem to another. In every update each problem samples `members` answers; the advantages of
    a batch are divided by their root mean square, so that no method takes larger steps, and one exact gradient step
    of size `rate` follows. `kinds` is exp(entropy) over the right answers. Standard errors are over problems.
    """
    normal = uniforms(derive_seed(seed, "frontier", "start"), problems, answers, 12).sum(2) - 6.0
    right = np.arange(answers) % RIGHT == 0
    rows: list[Row] = []
    for name, (method, options) in LEARNERS.items():
        logits = SPREAD * normal  # twelve uniforms, centred: nearly normal, with variance 1
        for update in range(STAGES[-1] + 1):
            policy = _softmax(logits)
            if update in STAGES:
                rows += [{"method": name, "updates": update, **row} for row in _passes(policy, right, ks)]
            draws = uniforms(derive_seed(seed, "frontier", update), problems, members)
            sampled = (draws[:, :, None] >= policy.cumsum(1)[:, None, :-1]).sum(2)
            chance = np.take_along_axis(policy, sampled, 1)
            columns = {"token_step": np.arange(sampled.size), "logprob": np.log(chance).reshape(-1)}
            batch = one_step_groups(right[sampled] * 1.0, **columns)
            value = credit.advantages(method, batch, **options).value.numpy().reshape(sampled.shape)
            value = value / (np.sqrt((value**2).mean()) + 1e-12) / members
            slope = -policy * value.sum(1, keepdims=True)
            np.add.at(slope, (np.arange(problems)[:, None], sampled), value)
            logits = logits + rate * slope
    return rows


def _passes(policy: Floats, right: NDArray[np.bool_], ks: Sequence[int]) -> list[Row]:
    chance = policy[:, right].sum(1)
    among = np.maximum(policy[:, right] / chance[:, None], 1e-300)
    kinds = float(np.exp(-(among * np.log(among)).sum(1)).mean())
    rows: list[Row] = []
    for k in ks:
        found = 1.0 - (1.0 - chance) ** k
        error = float(found.std(ddof=1) / np.sqrt(len(found)))
        rows.append({"k": k, "pass": float(found.mean()), "pass_se": error, "kinds": kinds, "problems": len(found)})
    return rows
