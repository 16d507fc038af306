"""How a language model learns from a batch of its own turns: what the loop of `envbench.train.loop` asks of it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from torch import Tensor

from envbench.agents.prompting import Prompting
from envbench.errors import NonFiniteLoss
from envbench.registry import card_of
from envbench.rollout.fill import Filler
from envbench.rollout.forks import Forks
from envbench.rollout.panel import play_panel
from envbench.rollout.record import Rollout
from envbench.rollout.table import Sampler, Table
from envbench.rollout.turn_columns import ALWAYS, HEADS, TURN_PRODUCERS
from envbench.rollout.turns import TurnCollector
from envbench.rollout.values import COLUMNS
from envbench.seeding import derive_seed, generator, shuffle
from envbench.train.config import wanted_columns
from envbench.train.lm.config import LMConfig
from envbench.train.lm.network import Network
from envbench.train.lm.pen import ModelPen
from envbench.train.packed import TokenRow
from envbench.train.sequential import update_in_reverse
from envbench.train.targets import Targets, ValueTargets
from envbench.train.update import UpdateStats, update
from envbench.types import Advantages, StepBatch, Task

if TYPE_CHECKING:
    from envbench.policies.lm.server import ServerPolicy


class LMLearner:
    """A model, the table it plays at, and its optimiser.

    Args:
        config: resolved.
    """

    def __init__(self, config: LMConfig) -> None:
        self._config = config
        wanted = {**dict.fromkeys(ALWAYS, "language model"), **wanted_columns(config)}
        if config.loss_config().kl_coef:
            wanted |= {"ref_logprob": "kl_coef"}
        found = COLUMNS if config.continuations else ()
        heads = sorted({HEADS[name] for name in wanted if name in HEADS and HEADS[name] not in found})
        self.network = Network(config, heads)
        policy = self.network.policy
        self._server = None if config.server is None else _served(config)
        card = card_of(config.env)
        self._prompting = Prompting(card, config.style, config.history, policy.tokenizer, config.dialogue)
        self.collector = TurnCollector(
            self._table(self._server or policy, snapshots=config.shape == "tree" or bool(config.continuations)),
            config.max_tokens,
        )
        self._pen = ModelPen(self.network, self.collector)
        self._filler = Filler(wanted, self._pen, config.continuations or 0, TURN_PRODUCERS)
        self.record = self._filler.record
        self._cfg = config.update_config()
        self._loss = config.loss_config()
        self._device = torch.device(config.device)
        self._validating: Table | None = None

    def _table(self, sampler: Sampler, snapshots: bool = False) -> Table:
        config = self._config
        return Table(
            config.env,
            config.dataset,
            config.knobs,
            config.max_steps,
            sampler,
            self._prompting,
            max_tokens=config.max_tokens,
            slots=config.slots,
            snapshots=snapshots,
        )

    def fill(self, rollout: Rollout) -> Rollout:
        """Return the rollout with the columns that the method reads.

        Raises:
            NonFiniteLoss: for log-probs of replies that are NaN or infinite.
        """
        recorded = [one for turn in self._pen.turns(rollout) for one in turn.logprobs]
        if not np.isfinite(recorded).all():
            raise NonFiniteLoss(
                f"the log-probs recorded with the replies of iteration {rollout.members.iteration} are not finite: the "
                f"weights of {self._config.server or self._config.model}, or of the checkpoint, cannot be computed "
                "with; start from others"
            )
        return self._filler.fill(self._charged(rollout), self)

    def fork(self, forks: Forks) -> Rollout:
        """Play on from rows of a rollout, under the reward that is learnt from."""
        return self._charged(self.collector.fork(forks))

    def _charged(self, rollout: Rollout) -> Rollout:
        """Return the rollout with the penalty taken from the reward of every refused action."""
        valid = np.array([turn.valid for turn in self._pen.turns(rollout)])
        return replace(rollout, reward=rollout.reward - self._config.invalid_penalty * ~valid)

    def learn(self, rollout: Rollout, batch: StepBatch, advantages: Advantages, weight: Any = None) -> dict[str, float]:
        """Take the optimiser steps of an iteration and return what they did.

        Raises:
            NonFiniteLoss: where a step, or the model after them, is not finite.
        """
        config, iteration = self._config, rollout.members.iteration
        rows = self._pen.rows(rollout)
        values = self._value_targets(rollout, batch, advantages)
        advantages, rms = equal_size(batch, advantages, config.advantage_scale)
        targets = Targets.of(batch, advantages, values)
        with self.network.training(iteration):
            if config.method == "seeupo":
                stats = self._in_reverse(batch, rows, iteration)
            else:
                stats = list(self._in_parts(batch, rows, targets, iteration))
        if any(one.stepped for one in stats):
            self._check_model(rows, iteration)
        self._filler.learn(rollout)
        self._pen.forget()
        self._forget()
        self._publish()
        return {"advantage_rms": rms, **_summary(stats), **self.collector.metrics()}

    def _check_model(self, rows: Sequence[TokenRow], iteration: int) -> None:
        """Raise `NonFiniteLoss` where the weights, finite each, have become too large to compute with: on one row."""
        if not bool(self.network.logprobs(rows[:1], [True]).isfinite().all()):
            raise NonFiniteLoss(
                f"the optimiser steps of iteration {iteration} left a model whose log-probs are not finite; nothing "
                "was written since, and the same run would end here again. Lower the learning rate"
            )

    def _forget(self) -> None:
        """Let what is played next begin as it does in a run that is taken up here."""
        if self.network.policy.memo is not None:
            self.network.policy.memo.forget()

    def _publish(self) -> None:
        """Hand the weights to the server that writes the replies, where there is one that takes them."""
        folder = self._config.server_folder
        if self._server is not None and folder is not None:
            self.network.save(Path(folder))
            self._server.reload(folder)

    def _in_parts(
        self, batch: StepBatch, rows: Sequence[TokenRow], targets: Targets, iteration: int
    ) -> Iterator[UpdateStats]:
        """Update on parts of the batch, whole groups each, in every epoch in another order."""
        config, targets = self._config, targets.to(self._device)
        group = batch.group.index_select(0, batch.episode)
        for epoch in range(config.epochs):
            order = list(range(int(batch.group.max()) + 1))
            shuffle(generator(derive_seed(config.seed, iteration, "minibatches", epoch)), order)
            for part in np.array_split(order, min(config.minibatches, len(order))):
                chosen = torch.isin(group, torch.tensor(sorted(part.tolist()), device=group.device)).nonzero()[:, 0]
                if not len(chosen):
                    continue
                taken = [rows[number] for number in chosen.tolist()]
                yield self._update(
                    taken, targets.of_rows(chosen.to(self._device)), f"iteration {iteration}, epoch {epoch}"
                )

    def _update(self, rows: Sequence[TokenRow], targets: Targets, name: str) -> UpdateStats:
        network = self.network
        return update(
            network.forward,
            network.optimizer,
            rows,
            targets,
            self._loss,
            self._cfg,
            unit=self._config.unit,
            heads=network.heads,
            name=name,
        )

    def _in_reverse(self, batch: StepBatch, rows: Sequence[TokenRow], iteration: int) -> list[UpdateStats]:
        """Update turn by turn, last first (SeeUPO)."""
        done: list[UpdateStats] = []

        def logprobs(chosen: Tensor) -> Tensor:
            return self.network.logprobs(rows, chosen.tolist()).to(chosen.device)

        def step(chosen: Tensor, advantages: Advantages, before: Tensor) -> None:
            scaled, _ = equal_size(batch, advantages, self._config.advantage_scale)
            targets = replace(Targets.of(batch, scaled), old=before.float().cpu()).to(self._device)
            numbers = chosen.nonzero()[:, 0]
            taken = [rows[number] for number in numbers.tolist()]
            done.append(
                self._update(
                    taken, targets.of_rows(numbers.to(self._device)), f"iteration {iteration}, turn {len(done)}"
                )
            )

        update_in_reverse(batch, logprobs, step, **self._config.options)
        return done

    def _value_targets(self, rollout: Rollout, batch: StepBatch, advantages: Advantages) -> dict[str, ValueTargets]:
        """Return what each head of the critic learns: the method's returns, at the first token of a row or at all."""
        heads, returns = self.network.heads, advantages.returns
        if heads is None or returns is None:
            return {}
        named = returns if isinstance(returns, Mapping) else {"value": returns}
        step = batch.require("token_step", "the critic")
        first = torch.cat([step.new_ones(1), (step[1:] != step[:-1]).long()]).float()
        included = batch.include.index_select(0, batch.episode).index_select(0, step).float()
        scores = self._pen.scores(rollout)
        found = {}
        for name in heads.names:
            if name not in named:
                continue
            target = named[name].float()
            by_step = len(target) == batch.num_steps and advantages.level == "step"
            old = torch.from_numpy(scores.values[name]).float()
            found[name] = ValueTargets(
                target.index_select(0, step) if by_step else target, old, included * first if by_step else included
            )
        return found

    def validate(self) -> dict[str, float]:
        """Return success and score on the validation panel, as `envbench eval` would find them."""
        return self._measured("val", self._config.validation_panel(), self._config.validate_trials)

    def test(self) -> dict[str, float]:
        """Return the same as `test_success` and `test_score` on the test panel; nothing where there is none."""
        if not self._config.test_tasks:
            return {}
        return self._measured("test", self._config.test_panel(), self._config.test_trials)

    def _measured(self, name: str, tasks: Sequence[Task], trials: int) -> dict[str, float]:
        rows = self.play(tasks, trials)
        return {f"{name}_{column}": float(np.mean([row[column] for row in rows])) for column in ("success", "score")}

    def play(self, tasks: Sequence[Task], trials: int, seed: int = 0) -> list[dict[str, Any]]:
        """Return the episode rows of an evaluation of the policy as it stands."""
        if self._validating is None:
            self._validating = self._table(self.network.policy)
        rows = play_panel(self._validating, tasks, max_tokens=self._config.max_tokens, trials=trials, seed=seed)
        self._forget()
        return rows

    def keep(self, folder: Path) -> None:
        """Write the model as a folder that `--model` takes."""
        self.network.save(folder)

    def seconds(self) -> dict[str, float]:
        """Return the time spent so far in environments and for replies."""
        table = self.collector.table
        return {"env_seconds": table.env_seconds, "rollout_seconds": table.policy_seconds}

    def state(self) -> dict[str, Any]:
        """Return what `load` needs beside `tensors`, as plain data."""
        return {"filler": self._filler.state(), "seconds": self.seconds()}

    def tensors(self) -> dict[str, Tensor]:
        """Return weights and optimiser state."""
        return self.network.tensors()

    def load(self, state: Mapping[str, Any], tensors: Mapping[str, Tensor]) -> None:
        """Go on from `state()` and `tensors()`; a server that writes the replies is given the weights."""
        self._filler.load(state["filler"])
        table, seconds = self.collector.table, state["seconds"]
        table.env_seconds, table.policy_seconds = seconds["env_seconds"], seconds["rollout_seconds"]
        self.network.load(tensors)
        self._publish()


def _served(config: LMConfig) -> ServerPolicy:
    from envbench.policies.lm.server import ServerPolicy

    assert config.server is not None  # asked before
    return ServerPolicy.load(config.model, config.server, update_url=config.server_update_url)


def equal_size(batch: StepBatch, advantages: Advantages, scale: str) -> tuple[Advantages, float]:
    """Return the advantages in one size for every method where `scale` is `unit_rms`, and their RMS before.

    The RMS is over the entries, rows or tokens, of weight above 0 in included episodes.
    """
    included = batch.include.index_select(0, batch.episode)
    if advantages.level == "token":
        included = included.index_select(0, batch.require("token_step", "advantages by token"))
    counted = included if advantages.weight is None else included & (advantages.weight > 0.0)
    size = float(counted.sum())
    rms = float((advantages.value.double().square() * counted).sum() / max(size, 1.0)) ** 0.5
    if scale == "raw" or rms == 0.0:
        return advantages, rms
    return replace(advantages, value=advantages.value / rms), rms


_SUMMED = ("rows", "tokens", "computed")


def _summary(stats: Sequence[UpdateStats]) -> dict[str, float]:
    """Return sums of counts and means of the rest over the optimiser steps."""
    steps = [asdict(one) for one in stats if one.stepped]
    named = sorted({name for one in stats for name in one.parts})
    found = {f"trained_{name}": float(sum(one[name] for one in steps)) for name in _SUMMED}
    found |= {name: _mean([one.parts[name] for one in stats if name in one.parts]) for name in named}
    found["grad_norm"] = _mean([one.grad_norm for one in stats if one.stepped])
    return {**found, "optimizer_steps": float(len(steps))}


def _mean(values: Sequence[float]) -> float:
    return float(np.mean(values)) if values else 0.0
