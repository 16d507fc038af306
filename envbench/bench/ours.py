"""Our side of `bench train`: what is timed beside the peers of `envbench.bench.peers`, and where the time goes."""

from __future__ import annotations

import copy
import time
from collections.abc import Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from envbench import credit
from envbench.agents.prompting import Prompting
from envbench.bench.peers import CLIP, GeneratePolicy
from envbench.bench.training_work import Dialogues, OneStep, Timed, random_prompts, rewards, word_tokenizer
from envbench.policies.lm.decoding import Drawn, generate
from envbench.policies.lm.forward import Forward, pad
from envbench.policies.lm.policy import CausalLMPolicy
from envbench.registry import card_of, panel
from envbench.rollout.members import Members, uniforms
from envbench.rollout.table import Table
from envbench.rollout.turns import TurnCollector
from envbench.seeding import derive_seed
from envbench.train.config import training_split
from envbench.train.lm.config import LMConfig
from envbench.train.lm.learner import LMLearner
from envbench.train.loop import Row, Trainer
from envbench.train.losses import PolicyLossConfig
from envbench.train.packed import TokenRow
from envbench.train.targets import Targets
from envbench.train.update import UpdateConfig, update

ROLLOUTS = {"ours": CausalLMPolicy, "generate": GeneratePolicy}
PARTS = ("env", "prefill", "decode", "draw", "fill", "credit", "update", "rest")


def one_step(model: Any, work: OneStep, *, share: bool = True) -> Timed:
    """Time the sampling of replies and one optimizer step on all of them.

    Args:
        model: a causal LM of `transformers`.
        work: what to do.
        share: compute a prompt once for its group, in sampling and in the update; False does neither.
    """
    model = copy.deepcopy(model)
    policy = CausalLMPolicy(model, word_tokenizer(model.config.vocab_size))
    policy.stop = frozenset()  # every reply has its full length
    policy.remember()
    forward: Any = policy.forward
    optimizer = torch.optim.AdamW(model.parameters(), lr=1e-6)
    distinct = random_prompts(work.groups, work.prompt, model.config.vocab_size, work.seed)
    prompts = [ids for ids in distinct for _ in range(work.group)]
    sample: Any = policy.act if share else partial(_repeated, forward)
    cfg = UpdateConfig(share_prefix=share)
    loss = PolicyLossConfig(clip_low=CLIP, clip_high=CLIP)
    seconds = []
    for number in range(work.repeats + 1):
        draws = uniforms(derive_seed(work.seed, "bench train", number), len(prompts), work.completion)
        synchronize(model.device)
        began = time.perf_counter()
        drawn = sample(prompts, draws, work.completion)
        rows = [TokenRow(tuple(ids), tuple(one.token_ids)) for ids, one in zip(prompts, drawn, strict=True)]
        update(forward, optimizer, rows, _targets(drawn, model.device), loss, cfg)
        synchronize(model.device)
        seconds.append(time.perf_counter() - began)
    return Timed("envbench" if share else "envbench, every prompt computed for every reply", seconds[1:])


def _repeated(forward: Forward, prompts: Sequence[Sequence[int]], draws: Any, completion: int) -> list[Drawn]:
    device = next(forward.model.parameters()).device
    cache, logits = forward.prefill(*pad(prompts, device), room=completion)
    return generate(forward, cache, logits, draws, completion, frozenset())[0]


def _targets(drawn: Sequence[Any], device: torch.device) -> Targets:
    """Return targets with advantages of 1 and -1, so that every row is trained on."""
    counts = torch.tensor([len(one.token_ids) for one in drawn])
    row = torch.arange(len(drawn)).repeat_interleave(counts)
    advantage = (torch.tensor(rewards(len(drawn))) * 2.0 - 1.0).index_select(0, row)
    old = torch.tensor([value for one in drawn for value in one.logprobs])
    return Targets(old, advantage, torch.ones_like(old), row, torch.arange(len(drawn))).to(device)


def rollouts(model: Any, tokenizer: Any, env: str, sampler: str, work: Dialogues) -> Timed:
    """Time the playing of episodes whose history grows, without an update.

    Args:
        model: a causal LM of `transformers`; it is not changed.
        tokenizer: of the model.
        env: gymnasium id.
        sampler: of `ROLLOUTS`.
        work: what to do.
    """
    card, policy = card_of(env), ROLLOUTS[sampler](model, tokenizer)
    tasks = panel(env, "builtin", training_split(env, "builtin", None))[: work.groups]
    prompting = Prompting(card, "observation", 0, tokenizer, dialogue=True)
    knobs, limit = card.resolve_knobs({}), work.max_steps
    table = Table(env, "builtin", knobs, limit, policy, prompting, max_tokens=work.max_tokens)
    collector = TurnCollector(table, work.max_tokens)
    seconds = []
    for iteration in range(work.repeats + 1):
        members = Members(tasks, work.group, work.seed, iteration, limit)
        began = time.perf_counter()
        collector.collect(members)
        seconds.append(time.perf_counter() - began)
    return Timed(sampler, seconds[1:])


def dialogues(folder: Path, env: str, work: Dialogues, **options: Any) -> Timed:
    """Time iterations of our trainer on whole episodes whose history grows: rollout, credit, one optimizer step.

    Advantages are replaced by 1 and -1 by episode, so that every row is trained on.

    Args:
        folder: of the model.
        env: gymnasium id.
        work: what to do.
        options: further ones of `LMConfig`.
    """
    config = LMConfig(
        env=env,
        model=str(folder),
        dialogue=True,
        tasks=work.groups,
        groups=work.groups,
        group_size=work.group,
        max_steps=work.max_steps,
        max_tokens=work.max_tokens,
        minibatches=1,
        learning_rate=1e-6,
        seed=work.seed,
        **options,
    )
    trainer = Trainer(config)
    seconds = []
    for _ in range(work.repeats + 1):
        began = time.perf_counter()
        rollout = trainer.learner.fill(trainer.collect())
        batch = rollout.batch(trainer.learner.record)
        found = credit.advantages(config.method, batch)
        signs = torch.where(batch.episode % 2 == 0, 1.0, -1.0).to(found.value)
        trainer.learner.learn(rollout, batch, replace(found, value=signs))
        trainer.iteration += 1
        seconds.append(time.perf_counter() - began)
    return Timed("envbench", seconds[1:])


class Clocked:
    """A forward pass for sampling that counts its seconds: `prefill`, and `decode` (one token a row)."""

    def __init__(self, forward: Forward) -> None:
        self._forward = forward
        self.model, self.max_length = forward.model, forward.max_length
        self.prefill_seconds = self.decode_seconds = 0.0

    def prefill(self, tokens: Tensor, lengths: Tensor, room: int = 0) -> tuple[Any, Tensor]:
        """As `Forward.prefill`."""
        began = time.perf_counter()
        found = self._forward.prefill(tokens, lengths, room)
        self.prefill_seconds += time.perf_counter() - began
        return found

    def extend(self, cache: Any, tokens: Tensor, counts: Tensor) -> Tensor:
        """As `Forward.extend`."""
        began = time.perf_counter()
        found = self._forward.extend(cache, tokens, counts)
        taken = time.perf_counter() - began
        if tokens.shape[1] == 1:
            self.decode_seconds += taken
        else:
            self.prefill_seconds += taken
        return found

    def score(self, cache: Any, logits: Tensor, tokens: Tensor, counts: Tensor) -> Tensor:
        """As `Forward.score`."""
        return self._forward.score(cache, logits, tokens, counts)


def iterations(config: LMConfig, repeats: int) -> list[Row]:
    """Return a row per iteration of training, after one to warm up: seconds by `PARTS` and in all, and its counts.

    Of the time for replies, `draw` is what is neither prefill nor decode: distributions, draws, texts. `rest` is what
    belongs to no part: prompts, recording, logging.
    """
    trainer = Trainer(replace(config, iterations=repeats + 1, log_every=1))
    learner = trainer.learner
    assert isinstance(learner, LMLearner)  # of an `LMConfig`
    policy = learner.network.policy
    clock = policy.forward = Clocked(policy.forward)
    policy.remember()
    before: Row = {}
    rows = []
    for _ in range(repeats + 1):
        row = trainer.step()
        assert row is not None  # every iteration is logged
        ended = {name: row[f"{name}_seconds"] for name in ("env", "rollout", "fill", "credit", "update", "wall")}
        ended |= {"prefill": clock.prefill_seconds, "decode": clock.decode_seconds}
        taken = {name: value - before.get(name, 0.0) for name, value in ended.items()}
        taken["draw"] = taken["rollout"] - taken["prefill"] - taken["decode"]
        known = sum(taken[name] for name in ("env", "rollout", "fill", "credit", "update"))
        taken["rest"] = taken["wall"] - known
        steps = row["env_steps"] - before.get("env_steps", 0)
        counts = {"turns": steps, "trained_rows": row["trained_rows"], "computed": row["trained_computed"]}
        rows.append({**{name: taken[name] for name in (*PARTS, "wall")}, **counts})
        before = {**ended, "env_steps": row["env_steps"]}
    return rows[1:]


def synchronize(device: torch.device) -> None:
    """Wait for what was launched on a device."""
    if device.type == "cuda":
        torch.cuda.synchronize(device)
