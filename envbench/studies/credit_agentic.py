"""Figures of the agentic methods that need no language model, as rows: exact where possible, else simulated.

Each function returns a list of dictionaries, the same on every machine, within seconds. Counter-examples stay in.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from functools import lru_cache
from typing import Any, NamedTuple

import gymnasium
import numpy as np
import torch

from envbench import credit
from envbench.env import Env
from envbench.fidelity.enumeration import enumerate_tasks
from envbench.fidelity.mdp import Floats, Mdp, evaluate, visits
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


class World(NamedTuple):
    """Two situations with two actions each, in order: chance of the first one by situation, then mark and target."""

    chance: tuple[float, float]
    mark: tuple[float, float, float, float] = (1.0, -1.0, 1.0, -1.0)
    target: tuple[int, int, int, int] = (0, 1, 0, 1)


WORLDS = {
    "independent": World((0.6, 0.6)),
    "lasting": World((0.6, 0.2)),
    "mending": World((0.6, 0.95)),
    "tempting": World((0.4, 0.2), mark=(1.0, 0.0, 0.0, -1.0), target=(1, 0, 0, 1)),
}
"""In the first three, a step is right (+1) or wrong (-1) and the situation tells which the last one was. In "tempting"
one may grab (+1) and be poor, or wait (0); who is poor gets out (0) one time in five, or stays so (-1)."""


def slate_variance(horizons: Sequence[int] = (1, 2, 4, 8, 16, 32), candidates: int = 4) -> list[Row]:
    """Exact variance of the advantages of k whole episodes and of k candidate steps, by length T of the episodes.

    A judge marks every step; an episode's score is the sum. Whole: an episode's score minus the mean of k. Step: a
    candidate's mark minus the mean of the k candidates at its place. Both are centred and not divided by a deviation.
    `variance` is the mean over steps, `agreement` the correlation of the expected advantage of an action with the true
    one, Q - V. In "independent" the variances differ by the factor T. The counter-examples: with lasting mistakes they
    differ by more, where mistakes mend themselves by less, and in "tempting" the marks praise the wrong action.
    """
    rows: list[Row] = []
    for world, (mdp, policy) in ((name, two_situations(world)) for name, world in WORLDS.items()):
        mark = mdp.backup(mdp.reward, np.zeros(2))
        part = mark - mdp.over_edges(policy * mark)[mdp.edge_node]
        for horizon in horizons:
            values = evaluate(mdp, policy, horizon)
            met = visits(mdp, policy, horizon)[:, mdp.edge_node] * policy  # [H, M], sums to 1 in each step
            truth = values.q - values.v[:-1, mdp.edge_node]
            signal, own, shared = (float((met * one).sum()) for one in (truth**2, part**2, part * truth))
            # An episode's score is V at the start plus the advantages of its steps, which are uncorrelated.
            for method, spread, agreement in (
                ("whole", signal, 1.0),
                ("step", own / horizon, shared / float(np.sqrt(own * signal))),
            ):
                variance = (1.0 - 1.0 / candidates) * spread
                row = {"world": world, "T": horizon, "method": method, "candidates": candidates}
                rows.append({**row, "variance": variance, "agreement": agreement})
    return rows


def two_situations(world: World) -> tuple[Mdp, Floats]:
    """Return a world of `slate_variance` and its policy."""
    mdp = Mdp(
        anchors=("first", "second"),
        actions=(("one", "other"),) * 2,
        tasks=("task",),
        roots=np.array([0]),
        first=np.array([0, 2, 4]),
        opens=np.arange(5),
        probability=np.ones(4),
        target=np.array(world.target),
        reward=np.array(world.mark),
        terminated=np.zeros(4, np.bool_),
        success=np.zeros(4, np.bool_),
    )
    return mdp, np.array([chance for one in world.chance for chance in (one, 1.0 - one)])


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


SHAPES = ((1, 2, 1), (1, 5, 1), (2, 1, 1), (2, 2, 1), (2, 5, 1), (2, 2, 2), (2, 4, 2))  # M, N, L


def tree_leaves(copies: int = 75, seed: int = 0, shapes: Sequence[tuple[int, int, int]] = SHAPES) -> list[Row]:
    """Leaves of a group of trees, what they cost, and how many independent episodes they are worth.

    Trees are Tree-GRPO's: M chains, then L rounds of N branches from random nodes of each. `cost` is the mean number
    of environment steps of a group, in chains (exact mean length). `worth` is the exact variance of a chain's return
    divided by the mean squared error of the mean return of the leaves, as an estimate of the exact value: M for M
    chains. The counter-example: leaves of one tree share their beginnings, so that they are worth less than they cost.
    Standard errors are over groups, `copies` of each task.
    """
    place = sokoban()
    values = evaluate(place.mdp, place.policy, HORIZON)
    met = visits(place.mdp, place.policy, HORIZON)
    truth = values.q - values.v[:-1, place.mdp.edge_node]
    single = float((met[:, place.mdp.edge_node] * place.policy * truth**2).sum())  # of a return, within a task
    length = float(place.mdp.start @ _steps_left(place)[0])
    chosen = [task for task in place.tasks for _ in range(copies)]
    exact = np.repeat(values.v[0, place.mdp.roots], copies)
    rows: list[Row] = []
    for chains, expand, rounds in shapes:
        members = Members(chosen, chains, derive_seed(seed, "leaves", chains, expand, rounds), 0, HORIZON)
        whole = grow(place.collector, members, random_nodes(expand), rounds)
        leaves = np.bincount(whole.group)
        error = (np.bincount(whole.group, whole.returns()) / leaves - exact) ** 2
        cost = np.bincount(whole.group[whole.episode]) / length
        worth = single / float(error.mean())
        row: Row = {"M": chains, "N": expand, "L": rounds, "leaves": int(leaves[0]), "groups": len(chosen)}
        row |= {"cost": float(cost.mean()), "cost_se": _error(cost)}
        rows.append({**row, "worth": worth, "worth_se": worth * _error(error) / float(error.mean())})
    return rows


def _steps_left(place: Place) -> Floats:
    """Return float64 [H + 1, N], the expected number of steps from step t on."""
    clock = replace(place.mdp, reward=np.ones_like(place.mdp.reward))
    return evaluate(clock, place.policy, HORIZON).v


def _error(values: Floats) -> float:
    return float(values.std(ddof=1) / np.sqrt(len(values)))


LEVELS = 2  # rounds of branching of SPO's trees, which have one level more


def spo_value_error(
    counts: Sequence[int] = (1, 2, 4, 9, 16, 32),
    intervals: Sequence[int] = (1, 2, 4),
    factors: Sequence[int] = (2, 3, 4, 6),
    copies: int = 16,
    seed: int = 0,
) -> list[Row]:
    """Root mean squared error of SPO's segment advantages, for chains by K and interval, and for full trees.

    Every step is one token of the policy, and all are candidates for a cut here, so that segments are `interval` steps
    long. `segment` is the error against the segment's advantage from exact values, `step` against Q - V of each step:
    longer segments hide who in them did it. `truth` is the root mean square of Q - V. `early` is `segment` over the
    first two segments alone, the inner ones of a tree, whose last level runs to the end; `steps` is the cost of one of
    those, in environment steps. `K` of a tree is its branching. Standard errors are over groups: 4 chains or one
    tree, `copies` of each task.
    """
    place = sokoban()
    chosen = [task for task in place.tasks for _ in range(copies)]
    chains = place.collector.collect(Members(chosen, 4, derive_seed(seed, "spo"), 0, HORIZON))
    truth, value, left = _exact(chains)
    rows: list[Row] = []
    for count in counts:
        sampled: Floats = with_values(chains, place.collector, count).filled["value"]
        for interval in intervals:
            found, exact = (_segments(chains, one, interval) for one in (sampled, value))
            cuts = (chains.t % interval == 0) & (chains.t <= LEVELS * interval)
            row = {"form": "chain", "interval": interval, "K": count, "groups": len(chosen)}
            row |= _root(chains, found - truth, "step") | _root(chains, found - exact, "segment")
            row["truth"] = float(np.sqrt((truth**2).mean()))
            cost = len(chains.t) + count * float(left[cuts].sum())
            rows.append({**row, **_early(chains, found - exact, interval, cost)})
    for interval, factor in ((interval, factor) for interval in intervals for factor in factors):
        members = Members(chosen, factor, derive_seed(seed, "spo", interval, factor), 0, HORIZON)
        tree = grow(place.collector, members, at_levels(interval, factor), LEVELS)
        exact = _segments(tree, _exact(tree)[1], interval)
        found = credit.advantages("spo_tree", tree.batch()).value.numpy()
        row = {"form": "tree", "interval": interval, "K": factor, "groups": len(chosen)}
        row |= dict.fromkeys(("step", "step_se", "segment", "segment_se", "truth"))
        rows.append({**row, **_early(tree, found - exact, interval, len(tree.t))})
    return rows


def _exact(rollout: Rollout) -> tuple[Floats, Floats, Floats]:
    """Return of each row (float64 [S]): the advantage of its action, the value before it, the steps left."""
    place = sokoban()
    values = evaluate(place.mdp, place.policy, HORIZON)
    edge = edges(rollout, place.mdp)
    node = place.mdp.edge_node[edge]
    value = values.v[rollout.t, node]
    return values.q[rollout.t, edge] - value, value, _steps_left(place)[rollout.t, node]


def _segments(rollout: Rollout, value: Floats, interval: int) -> Floats:
    """Return float64 [S], SPO-chain's advantages with `value` [S] at the cuts."""
    steps = np.arange(len(rollout.t))
    columns = {"token_step": steps, "logprob": np.full(len(steps), -1.0), "token_value": value}
    batch = rollout.with_columns(**columns).batch((*columns,))
    found: Floats = credit.advantages("spo_chain", batch, interval=interval, mask=False).value.numpy()
    return found


def _early(rollout: Rollout, error: Floats, interval: int, cost: float) -> Row:
    """Return the error within the first segments, and the `cost` (steps in all) of one of these."""
    early = rollout.t < LEVELS * interval
    count = int((early & (rollout.t % interval == 0)).sum())
    return _root(rollout, np.where(early, error, np.nan), "early") | {"steps": cost / count}


def _root(rollout: Rollout, error: Floats, name: str) -> Row:
    """Return the root mean square of `error` [S], NaN left out, with its standard error over groups."""
    known = ~np.isnan(error)
    group, square = rollout.group[rollout.episode[known]], error[known] ** 2
    count = np.bincount(group)
    root = float(np.sqrt(square.mean()))
    spread = _error((np.bincount(group, square) - count * square.mean()) / count.mean())
    return {name: root, f"{name}_se": spread / (2.0 * root)}


# ARPO: how often the sampler branches where the entropy rose.


RULES: Mapping[str, Mapping[str, Any]] = {
    "draw": {"rule": "draw"},
    "threshold": {"rule": "threshold"},
    "control": {"rule": "draw", "weight": 0.0},
}
FIRST = 4.0  # entropy of the first step, so that none is negative


def branching_chance(steps: int = 4000, seed: int = 0) -> list[Row]:
    """Share of steps that branch by rise of the entropy over the first step: the code's rule, the paper's, a control.

    `steps` episodes of two one-token steps; the control branches at random (weight 0). Defaults of the code: threshold
    0.5, weight 0.2; alpha 0.5 of the paper's rule is ours, and puts its edge at a rise of 0.
    """
    rows: list[Row] = []
    for rise in (half / 2 for half in range(-8, 9)):
        batch = StepBatch.from_columns(
            episode=np.repeat(np.arange(steps), 2),
            t=np.tile([0, 1], steps),
            reward=np.zeros(2 * steps),
            group=np.arange(steps),
            entropy=np.tile([FIRST, FIRST + rise], steps),
            token_step=np.arange(2 * steps),
        )
        draws = torch.from_numpy(uniforms(derive_seed(seed, "branching", str(rise)), 2 * steps))
        for rule, options in RULES.items():
            given = None if rule == "threshold" else draws
            branch = credit.select("entropy_branching", batch, given, **options).branch
            assert branch is not None  # what this sampler decides
            rows.append({"rise": rise, "rule": rule, "share": float(branch.sum()) / steps, "steps": steps})
    return rows
