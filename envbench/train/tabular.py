"""How a table learns: exact gradient ascent on the batch that it played."""

from __future__ import annotations

from collections.abc import Mapping
from functools import lru_cache
from pathlib import Path
from typing import Any

import gymnasium
import numpy as np
from numpy.typing import NDArray
from torch import Tensor

from envbench.cards import KnobValue
from envbench.env import Env
from envbench.policies.tabular import TabularPolicy
from envbench.rollout.fill import Filler
from envbench.rollout.forks import Collector
from envbench.rollout.graph import Graph
from envbench.rollout.record import Rollout
from envbench.rollout.steps import StepCollector
from envbench.rollout.walk import GraphCollector
from envbench.train.config import Average, Scale, TrainConfig, wanted_columns
from envbench.types import Advantages, StepBatch

_MOST_NODES = 200_000  # half a gigabyte of WebShop


class TabularLearner:
    """A table of logits, and the collector that plays with it; see `envbench.train.loop.Learner`.

    Args:
        config: resolved.
    """

    def __init__(self, config: TrainConfig) -> None:
        self._config = config
        self.policy = TabularPolicy(config.key)
        assert config.continuations is not None  # resolved
        self._filler = Filler(wanted_columns(config), self.policy, config.continuations)
        self.record = self._filler.record
        self.collector = make_collector(config, self.policy)

    def fill(self, rollout: Rollout) -> Rollout:
        """Return the rollout with the columns that the method reads."""
        return self._filler.fill(rollout, self.collector)

    def learn(self, rollout: Rollout, batch: StepBatch, advantages: Advantages, weight: Any = None) -> dict[str, float]:
        """Take one step of gradient ascent, and let the critic see the iteration."""
        config = self._config
        signal, rms = policy_signal(batch, advantages, config.advantage_scale, config.average)
        if weight is not None:
            signal = signal * weight[rollout.episode]
        self.policy.update(rollout.row, rollout.choice, signal, config.learning_rate)
        self._filler.learn(rollout)
        return {"advantage_rms": rms}

    def validate(self) -> dict[str, float]:
        """Return nothing: a table knows nothing of other tasks."""
        return {}

    def test(self) -> dict[str, float]:
        """Return nothing, for the same reason."""
        return {}

    def keep(self, folder: Path) -> None:
        """Do nothing: the checkpoint holds the table."""

    def seconds(self) -> dict[str, float]:
        """Return nothing: what a table plays is mostly looked up."""
        return {}

    def state(self) -> dict[str, Any]:
        """Return the table and the critic as plain data."""
        return {"policy": self.policy.to_plain(), "filler": self._filler.state()}

    def tensors(self) -> dict[str, Tensor]:
        """Return nothing: everything is plain data."""
        return {}

    def load(self, state: Mapping[str, Any], tensors: Mapping[str, Tensor]) -> None:
        """Go on from a `state()`."""
        self.policy.load(state["policy"])
        self._filler.load(state["filler"])


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
