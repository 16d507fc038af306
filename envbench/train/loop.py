"""The training loop, on one page: collect groups, assign credit, update, log."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from dataclasses import asdict
from functools import lru_cache
from pathlib import Path
from typing import Any

import gymnasium
import numpy as np
from numpy.typing import NDArray

from envbench import credit
from envbench.cards import KnobValue
from envbench.env import Env
from envbench.errors import InvalidValue
from envbench.hashing import encode
from envbench.policies.tabular import TabularPolicy
from envbench.rollout.fill import Filler
from envbench.rollout.forks import Collector
from envbench.rollout.graph import Graph
from envbench.rollout.members import Members
from envbench.rollout.record import Rollout, Spent
from envbench.rollout.sampling import fill_groups
from envbench.rollout.steps import StepCollector
from envbench.rollout.tree import grow, random_nodes
from envbench.rollout.walk import GraphCollector
from envbench.seeding import derive_seed, generator, shuffle
from envbench.train import checkpoint as _checkpoint
from envbench.train.config import Average, Scale, TrainConfig
from envbench.train.replay import Replay
from envbench.types import Advantages, StepBatch

Row = dict[str, Any]

_CHECKPOINT_SECONDS = 2.0
_MOST_NODES = 200_000  # half a gigabyte of WebShop


def train(
    config: TrainConfig, *, checkpoint: Path | None = None, on_row: Callable[[Row], None] | None = None
) -> list[Row]:
    """Train a tabular policy and return its learning curve on the tasks that it is trained on.

    Args:
        config: what to train.
        checkpoint: file to continue from, if it is there, and to keep the state in; the clock decides when it is
            written, never what is in it.
        on_row: called with each row as it is logged.

    Returns:
        One metric row per logged iteration; success, score, return and length are means over its episodes.
    """
    trainer = Trainer(config)
    plain = trainer.config.plain()
    stored = _checkpoint.read(checkpoint, plain) if checkpoint else None
    if stored is not None:
        trainer.load(stored)
    saved = time.monotonic()
    while trainer.iteration < config.iterations:
        row = trainer.step()
        if row is not None and on_row is not None:
            on_row(row)
        last = trainer.iteration == config.iterations
        if checkpoint and (last or time.monotonic() - saved > _CHECKPOINT_SECONDS):
            _checkpoint.write(checkpoint, plain, trainer.state())
            saved = time.monotonic()
    return trainer.rows


class Trainer:
    """A training run that stands between two iterations.

    Attributes:
        config: resolved. policy: as trained so far. collector: plays its episodes. iteration: the next one.
        rows: logged so far.
    """

    def __init__(self, config: TrainConfig) -> None:
        self.config = config = config.resolved()
        self.panel = config.panel()
        self.policy = TabularPolicy(config.key)
        self.iteration = self._sampled = self._used = 0  # iterations, groups, groups in an update
        self.spent = Spent()
        self.rows: list[Row] = []
        self._seconds = 0.0
        assert config.continuations is not None  # resolved
        self._filler = Filler(wanted_columns(config), self.policy, config.continuations)
        self.collector = make_collector(config, self.policy)
        self._replay = Replay(config.replay, self.policy) if config.replay else None

    def step(self) -> Row | None:
        """Run one iteration; return its row if it is a logged one."""
        config, start = self.config, time.perf_counter()
        played, rollout = self._collect()
        means = played.means()
        weight = None
        if self._replay is not None:
            rollout, weight = self._replay.mix(rollout)
        rollout = self._filler.fill(rollout, self.collector)
        batch = rollout.batch(self._filler.record)
        for name in config.shaping:
            batch = credit.shape(name, batch)
        advantages = credit.advantages(config.method, batch, **config.options)
        signal, rms = policy_signal(batch, advantages, config.advantage_scale, config.average)
        if weight is not None:
            signal = signal * weight[rollout.episode]
        if not np.isfinite(signal).all():
            raise InvalidValue(
                f"{config.method}: the advantages of iteration {self.iteration} are not finite; "
                "look at its options, or at the learning rate"
            )
        self.policy.update(rollout.row, rollout.choice, signal, config.learning_rate)
        self._filler.learn(rollout)
        self._seconds += time.perf_counter() - start
        return self._log(rollout.spent, means, rms)

    def collect(self) -> Rollout:
        """Return the episodes that the next iteration begins with; learning from them is left to `step`."""
        return self._play(self._members())

    def _collect(self) -> tuple[Rollout, Rollout]:
        """Return the episodes of the next groups, all and those to learn from, and count the groups."""
        if self.config.attempts == 1:
            rollout = self._play(self._members())
            self._sampled += self.config.groups
            self._used += self.config.groups
            return rollout, rollout
        found = fill_groups(self._play, self._members, self.config.attempts)
        self._sampled += found.sampled
        self._used += found.used
        return found.everything, found.rollout

    def _play(self, members: Members) -> Rollout:
        if self.config.shape == "chains":
            return self.collector.collect(members)
        return grow(self.collector, members, random_nodes(self.config.branches), self.config.rounds)

    def _members(self, attempt: int = 0) -> Members:
        """Return who plays: the panel is gone through again and again, each time in an order of its own.

        One order for all passes would let `log_every` meet the same part of the panel every time.
        """
        config, size = self.config, len(self.panel)
        first = self._sampled + attempt * config.groups
        passes = range(first // size, (first + config.groups - 1) // size + 1)
        order = [task for number in passes for task in self._order(number)]
        tasks = [self.panel[task] for task in order[first % size :][: config.groups]]
        assert config.max_steps is not None  # resolved
        return Members(tasks, config.group_size, config.seed, self.iteration, config.max_steps, attempt * config.groups)

    def _order(self, number: int) -> list[int]:
        """Return the order of the tasks in a pass through the panel."""
        order = list(range(len(self.panel)))
        shuffle(generator(derive_seed(self.config.seed, "pass", number)), order)
        return order

    def _log(self, spent: Spent, means: Mapping[str, float], rms: float) -> Row | None:
        """Count the iteration and return its row if it is a logged one."""
        config, iteration = self.config, self.iteration
        self.iteration += 1
        self.spent += spent
        if iteration % config.log_every and self.iteration < config.iterations:
            return None
        self.rows.append(
            {
                "env": config.env,
                "dataset": config.dataset,
                "split": config.split,
                "panel_sha256": self.panel.sha256,
                "method": config.method,
                "options": encode(dict(config.options)).decode(),
                "advantage_scale": config.advantage_scale,
                "learning_rate": float(config.learning_rate),
                "seed": config.seed,
                "iteration": iteration,
                "env_steps": self.spent.env_steps,
                "policy_tokens": self.spent.policy_tokens,
                "episodes": self.spent.episodes,
                "groups_sampled": self._sampled,
                "groups_used": self._used,
                **means,
                "advantage_rms": rms,
                "wall_seconds": round(self._seconds, 4),
            }
        )
        return self.rows[-1]

    def state(self) -> dict[str, Any]:
        """Return what `load` needs to go on, as plain data."""
        return {
            "iteration": self.iteration,
            "groups": [self._sampled, self._used],
            "spent": asdict(self.spent),
            "seconds": self._seconds,
            "rows": self.rows,
            "policy": self.policy.to_plain(),
            "filler": self._filler.state(),
            "replay": self._replay.state() if self._replay else {},
        }

    def load(self, state: Mapping[str, Any]) -> None:
        """Go on from a `state()` of the same configuration."""
        self.iteration, (self._sampled, self._used) = state["iteration"], state["groups"]
        self.spent = Spent(**state["spent"])
        self._seconds, self.rows = state["seconds"], list(state["rows"])
        self.policy.load(state["policy"])
        self._filler.load(state["filler"])
        if self._replay:
            self._replay.load(state["replay"])


def wanted_columns(config: TrainConfig) -> dict[str, str]:
    """Return the columns that a rollout must fill, and who asks: the methods, or the branches of trees."""
    branches = dict.fromkeys(("parent", "branch_t", "tree") if config.shape == "tree" else (), "tree")
    return {**branches, **config.needs()}


def make_collector(config: TrainConfig, policy: TabularPolicy) -> Collector:
    """Return the collector that a resolved configuration asks for."""
    if config.collector == "graph":
        return GraphCollector(shared_graph(config.env, config.dataset, tuple(sorted(config.knobs.items()))), policy)
    env = make_env(config.env, config.dataset, config.knobs, config.max_steps)
    return StepCollector(env, policy, snapshots=config.shape == "tree" or bool(config.continuations))


def policy_signal(
    batch: StepBatch, advantages: Advantages, scale: Scale, average: Average
) -> tuple[NDArray[np.float64], float]:
    """Return what multiplies the gradient of each row's log-probability, and the advantages' RMS before scaling.

    signal_i = weight_i A_i / n_g, with n_g the number of included episodes (`average="episodes"`) or the summed weight
    of the rows (`"rows"`) of the row's group. The RMS is over the rows of weight above 0; with `unit_rms` the
    advantages are divided by it, unless all are 0. Of advantages by token, a row gets the sum over its tokens.

    Returns:
        float64 [S], and the RMS.
    """
    value = advantages.value.numpy().astype(np.float64)
    included = batch.include[batch.episode].numpy()
    weight = np.ones(len(value)) if advantages.weight is None else advantages.weight.numpy().astype(np.float64)
    if advantages.level == "token":
        step = batch.require("token_step", "advantages by token").numpy()
        value = np.bincount(step, weight * value, batch.num_steps).astype(np.float64)
        weight = (np.bincount(step, weight > 0.0, batch.num_steps) > 0.0).astype(np.float64)
    weight = np.where(included, weight, 0.0)
    counted = value[weight > 0.0]
    rms = float(np.sqrt(np.mean(counted * counted))) if counted.size else 0.0
    if scale == "unit_rms" and rms > 0.0:
        value = value / rms
    group = batch.group.numpy()
    row_group = group[batch.episode.numpy()]
    if average == "episodes":
        size = np.bincount(group, batch.include.numpy().astype(np.float64))
    else:
        size = np.bincount(row_group, weight, len(group))
    return weight * value / np.maximum(size, 1.0)[row_group], rms


def make_env(id: str, dataset: str, knobs: Mapping[str, KnobValue], max_steps: int | None) -> Env[Any]:
    """Return an environment without gymnasium's wrappers."""
    keywords: dict[str, Any] = {"dataset": dataset, "max_steps": max_steps, **knobs}
    made: Any = gymnasium.make(id, **keywords).unwrapped
    env: Env[Any] = made
    return env


def shared_graph(id: str, dataset: str, knobs: tuple[tuple[str, KnobValue], ...]) -> Graph:
    """Return the transition graph of an environment: one in a process, for all runs on it.

    It holds nothing but facts, so that a new one may take the place of one that has grown too large.
    """
    graph = _graph(id, dataset, knobs)
    if graph.nodes.size > _MOST_NODES:
        _graph.cache_clear()
        graph = _graph(id, dataset, knobs)
    return graph


@lru_cache(maxsize=2)
def _graph(id: str, dataset: str, knobs: tuple[tuple[str, KnobValue], ...]) -> Graph:
    return Graph(make_env(id, dataset, dict(knobs), max_steps=None))
