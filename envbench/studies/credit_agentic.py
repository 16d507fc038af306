"""Figures of the agentic methods that need no language model, as rows: exact where possible, else simulated.

Each function returns a list of dictionaries, the same on every machine, within seconds. Counter-examples stay in.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache
from typing import Any, NamedTuple

import gymnasium
import numpy as np
import torch

from envbench import credit
from envbench.env import Env
from envbench.fidelity.enumeration import enumerate_tasks
from envbench.fidelity.mdp import Floats, Ints, Mdp, evaluate, visits
from envbench.fidelity.policies import as_table, of_skill
from envbench.fidelity.pool import OraclePolicy, edges
from envbench.policies.tabular import TabularPolicy
from envbench.registry import card_of, panel
from envbench.rollout.graph import Graph
from envbench.rollout.members import Members
from envbench.rollout.record import Rollout
from envbench.rollout.steps import StepCollector
from envbench.rollout.tree import at_levels, grow, random_nodes
from envbench.rollout.values import with_values
from envbench.rollout.walk import GraphCollector
from envbench.seeding import derive_seed
from envbench.studies.credit_optimisation import Row, uniforms
from envbench.types import StepBatch, Task

# GiGPO: how many steps are compared with each other.

SIZES = ("1", "2", "3-5", "6-8", "9+")
_BOUNDS = (1, 2, 5, 8)  # the greatest size of each class but the last
_PLACES: dict[str, tuple[str, dict[str, Any]]] = {
    "FrozenLake": ("envbench/FrozenLake-v0", {"slippery": False}),
    "Sokoban": ("envbench/Sokoban-v0", {}),
    "WebShop": ("envbench/WebShop-v0", {}),
}


def step_group_sizes(
    epsilons: Sequence[float] = (1.0, 0.5, 0.25, 0.1), tasks: int = 32, size: int = 8, seed: int = 0
) -> list[Row]:
    """Share of steps (and of step groups) by the size of the step group, per environment and rate of random actions.

    The policy takes the oracle's action, and at rate epsilon a random one. A step group is the steps of one group of
    `size` episodes that met one anchor state. `single` is the share of steps in a step group of one (advantage 0),
    with its standard error over tasks, `own` that of steps in a larger one that holds one episode alone: its loop.
    """
    rows: list[Row] = []
    for place, (env, knobs) in _PLACES.items():
        chosen = _tasks(env, knobs, tasks)
        limit = card_of(env).env.max_steps
        assert limit is not None  # the cards of these three give one
        for epsilon in epsilons:
            made = _make(env, knobs, limit)
            collector = StepCollector(made, OraclePolicy(made, epsilon))
            rollout = collector.collect(Members(chosen, size, derive_seed(seed, "sizes", place), 0, limit))
            about = {"env": place, "epsilon": epsilon, "success": float(rollout.success.mean())}
            rows += [{**about, **row} for row in _size_rows(rollout)]
    return rows


def _size_rows(rollout: Rollout) -> list[Row]:
    group = rollout.group[rollout.episode]
    key, count = np.unique(
        group * (int(rollout.anchor.max()) + 1) + rollout.anchor, return_inverse=True, return_counts=True
    )[1:]
    pairs = np.unique(key * len(rollout.group) + rollout.episode) // len(rollout.group)
    alone = (np.bincount(pairs) == 1) & (count > 1)
    steps = np.bincount(group)
    single = np.bincount(group, count[key] == 1) / steps
    about = {
        "single": float((count[key] == 1).mean()),
        "single_se": float(single.std(ddof=1) / np.sqrt(len(steps))),
        "own": float(alone[key].mean()),
        "groups": len(steps),
        "steps": len(key),
    }
    per_group, per_step = (np.searchsorted(_BOUNDS, sizes) for sizes in (count, count[key]))
    return [
        {
            "size": name,
            "steps_share": float((per_step == place).mean()),
            "step_groups_share": float((per_group == place).mean()),
            **about,
        }
        for place, name in enumerate(SIZES)
    ]


def _make(env: str, knobs: dict[str, Any], max_steps: int | None) -> Env[Any]:
    made: Any = gymnasium.make(env, dataset="builtin", max_steps=max_steps, **knobs).unwrapped
    found: Env[Any] = made
    return found


def _tasks(env: str, knobs: dict[str, Any], count: int) -> Sequence[Task]:
    return panel(env, "builtin", card_of(env).dataset("builtin").train_split, **knobs)[:count]


# SLATE: what comparing single steps saves, and what it leaves out.

WORLDS = {"independent": (0.6, 0.6), "lasting": (0.6, 0.2), "mending": (0.6, 0.95)}
"""Chance of a right step after a right and after a wrong one, by world."""


def slate_variance(horizons: Sequence[int] = (1, 2, 4, 8, 16, 32), candidates: int = 4) -> list[Row]:
    """Exact variance of the advantages of k whole episodes and of k candidate steps, by length T of the episodes.

    Two situations (the last step was right, or wrong), two actions; a right step gets +1 from the judge, a wrong one
    -1, and an episode's score is the sum. Whole: an episode's score minus the mean of k. Step: a candidate's mark minus
    the mean of the k candidates at its place. Both are centred and not divided by a deviation. `variance` is the mean
    over steps; `mse` is the error against Q - V, `signal` the mean of (Q - V)^2. In "independent" the ratio of the
    variances is T. The counter-examples: with lasting mistakes it is above T, and the step's mark leaves out most of
    what an action does; where mistakes mend themselves it is below T.
    """
    rows: list[Row] = []
    for world, chances in WORLDS.items():
        mdp, policy = two_situations(*chances)
        mark = mdp.backup(mdp.reward, np.zeros(2))
        for horizon in horizons:
            values = evaluate(mdp, policy, horizon)
            met = visits(mdp, policy, horizon)[:, mdp.edge_node] * policy  # [H, M], sums to 1 in each step
            truth = values.q - values.v[:-1, mdp.edge_node]
            part = mark - mdp.over_edges(policy * mark)[mdp.edge_node]
            signal, own, shared = (
                float((met * product).sum()) / horizon for product in (truth**2, part**2, part * truth)
            )
            # The score is V at the start plus the advantages of its steps, which are uncorrelated: its variance is
            # `horizon * signal`, its covariance with the advantage of one step `signal`.
            for method, spread, common in (("whole", horizon * signal, signal), ("step", own, shared)):
                left = 1.0 - 1.0 / candidates
                error = left * spread - 2.0 * left * common + signal
                row = {"world": world, "T": horizon, "method": method, "candidates": candidates}
                rows.append({**row, "variance": left * spread, "mse": error, "signal": signal})
    return rows


def two_situations(after_right: float, after_wrong: float) -> tuple[Mdp, Floats]:
    """Return the world of `slate_variance` and its policy; edges are right and wrong, of either situation."""
    mdp = Mdp(
        anchors=("right", "wrong"),
        actions=(("right", "wrong"),) * 2,
        tasks=("task",),
        roots=np.array([0]),
        first=np.array([0, 2, 4]),
        opens=np.arange(5),
        probability=np.ones(4),
        target=np.array([0, 1, 0, 1]),
        reward=np.array([1.0, -1.0, 1.0, -1.0]),
        terminated=np.zeros(4, np.bool_),
        success=np.zeros(4, np.bool_),
    )
    return mdp, np.array([after_right, 1.0 - after_right, after_wrong, 1.0 - after_wrong])


# Tree-GRPO and SPO: what branches cost and tell, on Sokoban, where everything can be enumerated.

TASKS, HORIZON, SKILL = 4, 20, 0.5


class Place(NamedTuple):
    """Sokoban enumerated, and a policy of known values in it."""

    tasks: Sequence[Task]
    mdp: Mdp
    policy: Floats
    table: TabularPolicy
    collector: GraphCollector


@lru_cache(maxsize=1)
def sokoban() -> Place:
    """Return the first tasks of Sokoban's training split with the softmax policy whose exact success is `SKILL`."""
    env = _make("envbench/Sokoban-v0", {}, None)
    tasks = _tasks("envbench/Sokoban-v0", {}, TASKS)
    mdp = enumerate_tasks(env, tasks, HORIZON)
    policy, _ = of_skill(mdp, SKILL, HORIZON)
    table = as_table(mdp, policy)
    return Place(tasks, mdp, policy, table, GraphCollector(Graph(env), table))


def tree_leaves(copies: int = 250, seed: int = 0) -> list[Row]:
    """Leaves of a group, what they cost, and how many episodes from the start they are worth, for chains and trees.

    Trees are Tree-GRPO's: M chains, then L rounds of N branches from random nodes of each. `steps` is the mean number
    of environment steps of a group, `leaves_per_chain` the leaves that the steps of one chain buy. `worth` is the mean
    squared error that the mean return of a group of one chain has as an estimate of the exact value, divided by that
    of this group: leaves of one tree share their beginnings, and count for less than one each. Standard errors are over
    groups, `copies` of each task.
    """
    place = sokoban()
    value = evaluate(place.mdp, place.policy, HORIZON).v[0, place.mdp.roots]
    chosen = [task for task in place.tasks for _ in range(copies)]
    truth = np.repeat(value, copies)
    rows: list[Row] = []
    for chains, expand, rounds in _SHAPES:
        members = Members(chosen, chains, derive_seed(seed, "leaves", chains, expand, rounds), 0, HORIZON)
        whole = grow(place.collector, members, random_nodes(expand), rounds)
        leaves = np.bincount(whole.group)
        error = (np.bincount(whole.group, whole.returns()) / leaves - truth) ** 2
        steps = np.bincount(whole.group[whole.episode])
        row = {"M": chains, "N": expand, "L": rounds, "leaves": int(leaves[0]), "steps": float(steps.mean())}
        row |= {"steps_se": _error(steps), "mse": float(error.mean()), "mse_se": _error(error), "groups": len(chosen)}
        rows.append(row)
    single = rows[0]
    for row in rows:
        row["leaves_per_chain"] = row["leaves"] * single["steps"] / row["steps"]
        row["worth"] = single["mse"] / row["mse"]
        row["worth_se"] = row["worth"] * float(np.hypot(row["mse_se"] / row["mse"], single["mse_se"] / single["mse"]))
    return rows


_SHAPES = (
    *((chains, 0, 0) for chains in (1, 2, 3, 4, 6, 8, 12)),
    *((1, expand, 1) for expand in (2, 5, 11)),
    *((2, expand, 1) for expand in (1, 2, 5, 8)),
    *((2, expand, 2) for expand in (1, 2, 4)),
)


def _error(values: Floats | Ints) -> float:
    return float(values.std(ddof=1) / np.sqrt(len(values)))


def spo_value_error(
    counts: Sequence[int] = (1, 2, 4, 9, 16, 32), intervals: Sequence[int] = (1, 2, 4), copies: int = 8, seed: int = 0
) -> list[Row]:
    """Root mean squared error of SPO's segment advantages by continuations K and interval, for chains and full trees.

    Every step is one token of the policy; all are cut candidates here (`threshold` 1), so that a segment is `interval`
    steps long. `segment` is the error against the same segment's advantage from exact values, `step` against Q - V of
    the step. `steps` are environment steps of a group of 4 chains, or of a tree. Standard errors are over groups.
    """
    place = sokoban()
    chosen = [task for task in place.tasks for _ in range(copies)]
    chains = place.collector.collect(Members(chosen, 4, derive_seed(seed, "spo"), 0, HORIZON))
    rows: list[Row] = []
    for count in counts:
        whole = with_values(chains, place.collector, count)
        assert isinstance(whole.filled["value"], np.ndarray)
        for interval in intervals:
            found, exact = (_segments(chains, value, interval) for value in (whole.filled["value"], _exact(chains)[1]))
            cost = len(chains.t) + _continued(chains, whole, interval)
            row = {"form": "chain", "interval": interval, "K": count, "steps": cost / len(chosen)}
            rows.append({**row, **_errors(chains, found, exact)})
    for interval in intervals:
        for factor, rounds in ((2, 2), (3, 2), (4, 2), (6, 2)):
            members = Members(chosen, factor, derive_seed(seed, "spo", interval, factor), 0, HORIZON)
            tree = grow(place.collector, members, at_levels(interval, factor), rounds)
            found = credit.advantages("spo_tree", tree.batch()).value.numpy()
            row = {"form": "tree", "interval": interval, "K": factor, "steps": len(tree.t) / len(chosen)}
            rows.append({**row, **_errors(tree, found, None)})
    return rows


def _exact(rollout: Rollout) -> tuple[Floats, Floats]:
    """Return the exact advantage of each row's action and the value of its situation, float64 [S]."""
    place = sokoban()
    values = evaluate(place.mdp, place.policy, HORIZON)
    edge = edges(rollout, place.mdp)
    value = values.v[rollout.t, place.mdp.edge_node[edge]]
    return values.q[rollout.t, edge] - value, value


def _segments(rollout: Rollout, value: Floats, interval: int) -> Floats:
    """Return float64 [S], SPO-chain's advantages with `value` [S] at the cuts."""
    steps = np.arange(len(rollout.t))
    chosen = sokoban().table.probabilities(rollout.row)[steps, rollout.choice]
    columns = {"token_step": steps, "logprob": np.log(np.minimum(chosen, 1.0 - 1e-12)), "token_value": value}
    batch = rollout.with_columns(**columns).batch((*columns,))
    result = credit.advantages("spo_chain", batch, interval=interval, threshold=1.0, mask=False)
    found: Floats = result.value.numpy()
    return found


def _continued(chains: Rollout, whole: Rollout, interval: int) -> int:
    """Return the steps that the continuations from the cuts took: in proportion, as cuts come in all parts alike."""
    more = whole.spent.env_steps - chains.spent.env_steps
    return round(more * float((chains.t % interval == 0).mean()))


def _errors(rollout: Rollout, found: Floats, exact: Floats | None) -> Row:
    group = rollout.group[rollout.episode]
    rows = np.bincount(group)
    row: Row = {"groups": len(rows), "rows": len(group)}
    for name, truth in (("step", _exact(rollout)[0]), ("segment", exact)):
        if truth is None:
            row |= {name: None, f"{name}_se": None}
            continue
        square = (found - truth) ** 2
        root = float(np.sqrt(square.mean()))
        spread = _error(np.bincount(group, square - square.mean()) / rows.mean())
        row |= {name: root, f"{name}_se": spread / (2.0 * root) if root > 0.0 else 0.0}
    return row


# ARPO: how often the sampler branches where the entropy rose.


def branching_chance(
    rises: Sequence[float] = tuple(step / 2 for step in range(-8, 9)), steps: int = 4000, seed: int = 0
) -> list[Row]:
    """Share of steps that branch by rise of the entropy over the first step: the code's rule, the paper's, a control.

    `steps` episodes of two one-token steps; the control branches at random (weight 0). Defaults of the code: threshold
    0.5, weight 0.2; alpha 0.5 of the paper's rule is ours, and puts its edge at a rise of 0.
    """
    rules = {"draw": {"rule": "draw"}, "threshold": {"rule": "threshold"}, "control": {"rule": "draw", "weight": 0.0}}
    rows: list[Row] = []
    for rise in rises:
        entropy = np.tile([HIGH, HIGH + rise], steps)
        batch = StepBatch.from_columns(
            episode=np.repeat(np.arange(steps), 2),
            t=np.tile([0, 1], steps),
            reward=np.zeros(2 * steps),
            group=np.arange(steps),
            entropy=entropy,
            token_step=np.arange(2 * steps),
        )
        draws = torch.from_numpy(uniforms(derive_seed(seed, "branching", str(rise)), 2 * steps))
        for rule, options in rules.items():
            given = None if rule == "threshold" else draws
            branch = credit.select("entropy_branching", batch, given, **options).branch
            assert branch is not None  # what this sampler decides
            row = {"rise": rise, "rule": rule, "share": float(branch.sum()) / steps, "steps": steps}
            rows.append(row)
    return rows


HIGH = 4.0  # entropy of the first step, so that none is negative
