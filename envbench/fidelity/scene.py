"""One cell of a study on stage: the policy of the cell's skill, its pool of episodes, and the truth of their steps."""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import gymnasium
import numpy as np

from envbench.cards import KnobValue
from envbench.env import Env
from envbench.fidelity import policies
from envbench.fidelity.config import Setting, StudyConfig
from envbench.fidelity.enumeration import enumerate_tasks
from envbench.fidelity.mdp import Flags, Floats, Mdp, Values, clock_spread, evaluate, optimal, policy_gradient
from envbench.fidelity.pool import OraclePolicy
from envbench.fidelity.remembered import remembered
from envbench.fidelity.truth import Truth, exact, sampled
from envbench.hashing import JsonValue
from envbench.policies.tabular import TabularPolicy
from envbench.registry import panel
from envbench.rollout.graph import Graph
from envbench.rollout.members import Members
from envbench.rollout.record import Rollout
from envbench.rollout.steps import StepCollector
from envbench.rollout.walk import GraphCollector


@dataclass(frozen=True, slots=True, eq=False)
class Exact:
    """What only an enumeration gives.

    Attributes:
        mdp: of the tasks. policy: float64 [M]. values: of it. gradient: float64 [M], exact.
        clock_spread: see `mdp.clock_spread`.
    """

    mdp: Mdp
    policy: Floats
    values: Values
    gradient: Floats
    clock_spread: float


@dataclass(frozen=True, slots=True, eq=False)
class Scene:
    """What the methods of a cell are judged on.

    Attributes:
        pool: groups of the largest size. collector, table: that played it.
        truth: of its rows. success: of the policy, exact where everything was enumerated.
        reward_range: greatest minus least return of the pool's episodes; 1 where all are the same.
        decisive: bool [S], rows that are known to decide; None where the environment does not tell.
        exact: None with a Monte-Carlo truth.
    """

    pool: Rollout
    collector: GraphCollector | StepCollector
    table: TabularPolicy
    truth: Truth
    success: float
    reward_range: float
    decisive: Flags | None
    exact: Exact | None


def stage(config: StudyConfig, setting: Setting, skill: float, seed: int) -> Scene:
    """Return the scene of a cell.

    Args:
        config: the study.
        setting: where.
        skill: share of the best success, or rate of random actions with a Monte-Carlo truth.
        seed: of the pool.
    """
    tasks = setting.panel()
    groups = setting.groups or config.groups
    chosen = [tasks[number % len(tasks)] for number in range(groups)]
    members = Members(chosen, config.sizes_of(setting)[-1], seed, 0, setting.horizon)
    make = _exact if setting.truth == "exact" else _monte_carlo
    return make(config, setting, skill, members)


def _exact(config: StudyConfig, setting: Setting, skill: float, members: Members) -> Scene:
    knobs = tuple(sorted(setting.knobs.items()))
    env, graph, mdp = _enumerated(setting.env, setting.dataset, knobs, setting.tasks, setting.horizon)
    best = mdp.at_start(optimal(mdp, setting.horizon, signal="success"))
    success = skill * best
    policy, _ = policies.of_skill(mdp, success, setting.horizon)
    table = policies.as_table(mdp, policy)
    collector = GraphCollector(graph, table)
    pool = collector.collect(members)
    values = evaluate(mdp, policy, None if config.discount else setting.horizon, config.discount or 1.0)
    known = Exact(
        mdp,
        policy,
        values,
        policy_gradient(mdp, policy, setting.horizon),
        clock_spread(mdp, policy, setting.horizon),
    )
    decisive = _decisive(env, graph, pool)
    return Scene(pool, collector, table, exact(pool, mdp, values), success, _range(pool), decisive, known)


def _monte_carlo(config: StudyConfig, setting: Setting, epsilon: float, members: Members) -> Scene:
    env = _make(setting.env, setting.dataset, setting.knobs, setting.horizon)
    table = OraclePolicy(env, epsilon)
    collector = StepCollector(env, table, snapshots=True)
    pool = collector.collect(members)
    spread = _range(pool)
    smallest = config.sizes_of(setting)[0]
    rows = math.ceil(config.truth_rows / config.seeds)
    key: JsonValue = [
        setting.env, setting.dataset, dict(setting.knobs), setting.panel().sha256, setting.horizon, epsilon,
        config.sizes_of(setting)[-1], members.seed, rows, config.tolerance * spread, smallest,
    ]  # fmt: skip
    truth = remembered(
        key,
        pool,
        lambda: sampled(pool, env, collector, rows, config.tolerance * spread, smallest, members.seed),
    )
    return Scene(pool, collector, table, truth, float(pool.success.mean()), spread, None, None)


def _range(pool: Rollout) -> float:
    returns = pool.returns()
    return float(returns.max() - returns.min()) or 1.0


def _decisive(env: Env[Any], graph: Graph, pool: Rollout) -> Flags | None:
    """Return the flag that the environment gives of each row's situation, None where it gives none."""
    nodes, place = np.unique(pool.place, return_inverse=True)
    infos = (env.restore(graph.places[node].snapshot)[1] for node in nodes.tolist())
    flags = [info["decisive"] for info in infos if "decisive" in info]
    return np.array(flags, np.bool_)[place] if len(flags) == len(nodes) else None


@lru_cache(maxsize=2)
def _enumerated(
    env: str, dataset: str, knobs: tuple[tuple[str, KnobValue], ...], tasks: int, horizon: int
) -> tuple[Env[Any], Graph, Mdp]:
    """Return the environment, transition graph and enumeration of a setting, one in a process for all its cells."""
    made = _make(env, dataset, dict(knobs), None)
    split = made.card.dataset(dataset).train_split
    mdp = enumerate_tasks(made, panel(env, dataset, split, **dict(knobs))[:tasks], horizon)
    return made, Graph(made), mdp


def _make(env: str, dataset: str, knobs: dict[str, KnobValue], max_steps: int | None) -> Env[Any]:
    keywords: dict[str, Any] = {"dataset": dataset, "max_steps": max_steps, **knobs}
    made: Any = gymnasium.make(env, **keywords).unwrapped
    found: Env[Any] = made
    return found
