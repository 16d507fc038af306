"""The training loop, on one page: collect groups, assign credit, update, log."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any, Protocol

import numpy as np
from torch import Tensor

from envbench import credit
from envbench.errors import InvalidValue
from envbench.hashing import encode
from envbench.rollout.forks import Collector
from envbench.rollout.members import Members
from envbench.rollout.record import Rollout, Spent
from envbench.rollout.sampling import differing_returns, fill_groups
from envbench.rollout.tree import grow, random_nodes
from envbench.seeding import derive_seed, generator, shuffle
from envbench.train import checkpoint as checkpoints
from envbench.train.config import RunConfig, TrainConfig
from envbench.train.replay import Replay
from envbench.train.tabular import TabularLearner
from envbench.types import Advantages, StepBatch

Row = dict[str, Any]

# A checkpoint is written when this long has passed since the last, and this many times what the last one took: the
# weights and the optimiser of a large model take longer to write than an iteration of it takes to compute.
_CHECKPOINT_SECONDS = 2.0
_CHECKPOINT_TIMES = 20.0


def train(
    config: RunConfig,
    *,
    checkpoint: Path | None = None,
    on_row: Callable[[Row], None] | None = None,
    folder: Path | None = None,
) -> list[Row]:
    """Train a policy and return its learning curve on the tasks that it is trained on.

    Args:
        config: what to train.
        checkpoint: file to continue from, if it is there, and to keep the state in; the clock decides when it is
            written, never what is in it. Writing takes about a twentieth of the time at most, beside `wall_seconds`.
        on_row: called with each row as it is logged.
        folder: where policies that have files of their own keep the `last` and the `best` model; None for nowhere.

    Returns:
        One metric row per logged iteration; success, score, return and length are means over its episodes.
    """
    trainer = Trainer(config)
    plain = trainer.config.plain()
    if checkpoint:
        trainer.read(checkpoint, plain)
    saved, took = time.monotonic(), 0.0
    while trainer.iteration < config.iterations:
        row = trainer.step(folder)
        if row is not None and on_row is not None:
            on_row(row)
        last = trainer.iteration == config.iterations
        due = time.monotonic() - saved >= max(_CHECKPOINT_SECONDS, _CHECKPOINT_TIMES * took)
        if checkpoint and (last or due):
            took = trainer.write(checkpoint, plain)
            saved = time.monotonic()
    if folder is not None:
        trainer.learner.keep(folder / "last")
    return trainer.rows


class Learner(Protocol):
    """A policy that learns: `TabularLearner`, or `LMLearner` for a language model.

    Attributes:
        collector: plays its episodes. record: columns that the method reads.
    """

    record: tuple[str, ...]

    @property
    def collector(self) -> Collector: ...

    def fill(self, rollout: Rollout) -> Rollout:
        """Return the rollout with the columns of the record."""
        ...

    def learn(self, rollout: Rollout, batch: StepBatch, advantages: Advantages, weight: Any = None) -> dict[str, float]:
        """Update the policy; `weight` is float64 [E], a factor of each episode's loss, or None. Return metrics."""
        ...

    def validate(self) -> dict[str, float]:
        """Return `val_success` and `val_score` of the policy as it stands; nothing where it is not validated."""
        ...

    def test(self) -> dict[str, float]:
        """Return `test_success` and `test_score` of the policy as it stands; nothing where it is not tested."""
        ...

    def keep(self, folder: Path) -> None:
        """Write the policy as a folder of its own, where it has a form for that."""
        ...

    def seconds(self) -> dict[str, float]:
        """Return where the time went so far, by part."""
        ...

    def state(self) -> dict[str, Any]:
        """Return what `load` needs, as plain data."""
        ...

    def tensors(self) -> dict[str, Tensor]:
        """Return what `load` needs, as tensors."""
        ...

    def load(self, state: Mapping[str, Any], tensors: Mapping[str, Tensor]) -> None:
        """Go on from `state()` and `tensors()` of the same configuration."""
        ...


def make_learner(config: RunConfig) -> Learner:
    """Return what learns under a resolved configuration."""
    if isinstance(config, TrainConfig):
        return TabularLearner(config)
    from envbench.train.lm.config import LMConfig
    from envbench.train.lm.learner import LMLearner

    assert isinstance(config, LMConfig)  # there are no others
    return LMLearner(config)


class Trainer:
    """A training run that stands between two iterations.

    Attributes:
        config: resolved. learner: the policy as trained so far, and what plays it. iteration: the next one.
        rows: logged so far.
    """

    def __init__(self, config: RunConfig) -> None:
        self.config = config = config.resolved()
        self.panel = config.panel()
        self.learner = make_learner(config)
        self.iteration = self._sampled = self._used = 0  # iterations, groups, groups in an update
        self.spent = Spent()
        self.rows: list[Row] = []
        self._seconds = self._checkpoint_seconds = 0.0
        self._parts = np.zeros(3)  # seconds spent on filling columns, on credit, on updates
        self._validation: dict[str, float] = {}
        replay = config.replay if isinstance(config, TrainConfig) else None
        self._replay = Replay(replay, self.policy) if replay else None

    @property
    def policy(self) -> Any:
        """The tabular policy that is trained."""
        return self.learner.policy  # type: ignore[attr-defined]  # of a `TabularLearner`

    def step(self, folder: Path | None = None) -> Row | None:
        """Run one iteration; return its row if it is a logged one.

        Args:
            folder: where the best model is kept.
        """
        config, learner, start = self.config, self.learner, time.perf_counter()
        played, rollout = self._collect()
        means = {**played.means(), **signal_of(played)}
        weight = None
        if self._replay is not None:
            rollout, weight = self._replay.mix(rollout)
        filled = time.perf_counter()
        rollout = learner.fill(rollout)
        credited = time.perf_counter()
        batch = rollout.batch(learner.record)
        for name in config.shaping:
            batch = credit.shape(name, batch)
        advantages = credit.advantages(config.method, batch, **config.options)
        if not bool(advantages.value.isfinite().all()):
            raise InvalidValue(
                f"{config.method}: the advantages of iteration {self.iteration} are not finite; "
                "look at its options, or at the learning rate"
            )
        updated = time.perf_counter()
        metrics = learner.learn(rollout, batch, advantages, weight)
        ended = time.perf_counter()
        self._seconds += ended - start
        self._parts += np.array([credited - filled, updated - credited, ended - updated])
        self._validate(folder)
        if self.iteration + 1 == config.iterations:
            metrics |= learner.test()
        return self._log(rollout.spent, {**means, **metrics})

    def _validate(self, folder: Path | None) -> None:
        """Validate the policy where it is due, and keep the best one."""
        every, done = getattr(self.config, "validate_every", 0), self.iteration + 1
        if not every or (done % every and done < self.config.iterations):
            return
        found = self.learner.validate()
        before = self._validation
        best = {
            "best_iteration": before.get("best_iteration", -1),
            "best_val_score": before.get("best_val_score", -1.0),
        }
        best |= {"best_val_success": before.get("best_val_success", 0.0)}
        if found["val_score"] > best["best_val_score"]:
            best = {"best_iteration": done - 1, **{f"best_{name}": value for name, value in found.items()}}
            if folder is not None:
                self.learner.keep(folder / "best")
        self._validation = {**found, "val_iteration": done - 1, **best}

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
            return self.learner.collector.collect(members)
        return grow(self.learner.collector, members, random_nodes(self.config.branches), self.config.rounds)

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

    def _log(self, spent: Spent, means: Mapping[str, float]) -> Row | None:
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
                **self._validation,
                "fill_seconds": round(float(self._parts[0]), 4),
                "credit_seconds": round(float(self._parts[1]), 4),
                "update_seconds": round(float(self._parts[2]), 4),
                **{name: round(value, 4) for name, value in self.learner.seconds().items()},
                "checkpoint_seconds": round(self._checkpoint_seconds, 4),
                "wall_seconds": round(self._seconds, 4),
            }
        )
        return self.rows[-1]

    def state(self) -> dict[str, Any]:
        """Return what `load` needs to go on beside the learner's tensors, as plain data."""
        return {
            "iteration": self.iteration,
            "groups": [self._sampled, self._used],
            "spent": asdict(self.spent),
            "seconds": [self._seconds, self._checkpoint_seconds, *self._parts.tolist()],
            "rows": self.rows,
            "validation": self._validation,
            "learner": self.learner.state(),
            "replay": self._replay.state() if self._replay else {},
        }

    def load(self, state: Mapping[str, Any], tensors: Mapping[str, Tensor] | None = None) -> None:
        """Go on from a `state()` of the same configuration, and its tensors."""
        self.iteration, (self._sampled, self._used) = state["iteration"], state["groups"]
        self.spent = Spent(**state["spent"])
        self._seconds, self._checkpoint_seconds, *parts = state["seconds"]
        self._parts = np.array(parts)
        self.rows, self._validation = list(state["rows"]), dict(state["validation"])
        self.learner.load(state["learner"], tensors or {})
        if self._replay:
            self._replay.load(state["replay"])

    def read(self, file: Path, plain: Mapping[str, Any]) -> None:
        """Go on from a checkpoint, if there is one."""
        stored = checkpoints.read(file, plain)
        if stored is not None:
            self.load(*stored)

    def write(self, file: Path, plain: Mapping[str, Any]) -> float:
        """Replace the checkpoint by the state as it is; return the seconds that it took."""
        start = time.perf_counter()
        checkpoints.write(file, plain, self.state(), self.learner.tensors())
        took = time.perf_counter() - start
        self._checkpoint_seconds += took
        return took


def signal_of(rollout: Rollout) -> dict[str, float]:
    """Return what the groups of a rollout have to say.

    `group_signal` is the share of groups whose episodes differ in return; `anchor_shared` the share of rows whose
    anchor state another row of the group met too; `anchor_group_size` the mean number of rows of an anchor state.
    """
    groups = int(rollout.group.max()) + 1
    differing = differing_returns(rollout)[:groups]
    key = rollout.group[rollout.episode] * (int(rollout.anchor.max()) + 1) + rollout.anchor
    size = np.unique(key, return_counts=True)[1]
    shared = size[size > 1]
    return {
        "group_signal": float(differing.mean()),
        "anchor_shared": float(shared.sum()) / len(key),
        "anchor_group_size": float(size.mean()),
    }
