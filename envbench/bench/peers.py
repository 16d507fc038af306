"""What `bench train` compares with: a plain `generate` loop, and TRL's trainer (extra `trl`), timed alike.

An iteration samples `group` replies to each of `groups` prompts and takes one optimizer step on all of them, in float32
or whatever the model has. Every function works on a copy of the model and returns the seconds of each iteration after
one to warm up. Nothing else may run on the machine meanwhile, and peers are to be timed in turn.
"""

from __future__ import annotations

import copy
import tempfile
import time
import warnings
from collections.abc import Mapping, Sequence
from importlib import import_module
from importlib.metadata import version
from itertools import pairwise
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from envbench.bench.training_work import Dialogues, OneStep, Timed, random_prompts, rewards, word_tokenizer
from envbench.policies.lm.policy import CausalLMPolicy, Reply

CLIP = 0.2


def plain_loop(model: Any, work: OneStep) -> Timed:
    """Time `model.generate` on the repeated prompts, a full forward and backward, and a step of AdamW.

    Args:
        model: a causal LM of `transformers`.
        work: what to do.
    """
    model = copy.deepcopy(model)
    device = next(model.parameters()).device
    optimizer = torch.optim.AdamW(model.parameters(), lr=1e-6)
    prompts = random_prompts(work.groups, work.prompt, model.config.vocab_size, work.seed)
    repeated = torch.tensor(prompts, device=device).repeat_interleave(work.group, 0)
    advantages = torch.tensor(rewards(work.replies), device=device)[:, None] * 2.0 - 1.0
    seconds = []
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(work.seed)
        for _ in range(work.repeats + 1):
            began = time.perf_counter()
            tokens = _generate(model, repeated, torch.ones_like(repeated), work.completion)
            _update(model, optimizer, tokens, work.prompt, advantages)
            seconds.append(time.perf_counter() - began)
    return Timed(f"transformers {version('transformers')}, generate in a loop", seconds[1:])


def trl_grpo(model: Any, work: OneStep) -> Timed:
    """Time the steps of TRL's `GRPOTrainer`, one generation and one optimizer step each; arguments as `plain_loop`.

    Raises:
        MissingExtra: without TRL.
    """
    import_module("envbench.integrations.trl")  # says what to install
    trl = import_module("trl")
    size = model.config.vocab_size
    prompts = random_prompts(work.groups * (work.repeats + 1), work.prompt, size, work.seed)
    return _time_trl(
        trl.GRPOTrainer,
        model,
        work,
        {"max_completion_length": work.completion, "generation_kwargs": {"min_new_tokens": work.completion}},
        reward_funcs=lambda completions, **_: rewards(len(completions)),
        train_dataset=import_module("datasets").Dataset.from_dict(
            {"prompt": [" ".join(f"w{id}" for id in ids) for ids in prompts]}
        ),
        processing_class=word_tokenizer(size),
    )


def trl_dialogues(
    model: Any,
    tokenizer: Any,
    env: str,
    work: Dialogues,
    *,
    room: int = 4096,
    knobs: Mapping[str, Any] | None = None,
) -> Timed:
    """Time TRL on whole episodes whose history grows: its `rollout_func` calls `generate` on all of it every turn.

    Args:
        model: a causal LM of `transformers`.
        tokenizer: of the model.
        env: gymnasium id.
        work: what to do.
        room: tokens of an episode.
        knobs: of the environment.

    Raises:
        MissingExtra: without TRL.
    """
    bridge = import_module("envbench.integrations.trl")
    base: Any = bridge.EpisodeRollouts

    class Rereading(base):  # type: ignore[misc]  # imported by name
        sampler = GeneratePolicy

    limits = {"max_tokens": work.max_tokens, "max_steps": work.max_steps}
    rollouts = Rereading(env, seed=work.seed, **limits, **(knobs or {}))
    return _time_trl(
        import_module("trl").GRPOTrainer,
        model,
        work,
        {"max_completion_length": room},
        reward_funcs=bridge.episode_return,
        train_dataset=rollouts.dataset(),
        processing_class=tokenizer,
        rollout_func=rollouts,
    )


class GeneratePolicy(CausalLMPolicy):
    """Replies through `model.generate`, which reads every prompt from its beginning in every turn."""

    def act(
        self, prompts: Sequence[Sequence[int]], uniforms: NDArray[np.float64] | None, max_tokens: int | None = None
    ) -> list[Reply]:
        """Reply to many prompts at once; the library's own generator draws, seeded with the first draw."""
        limit = max_tokens or 1
        width = max(len(one) for one in prompts)
        pad = self.tokenizer.pad_token_id
        device = next(self.model.parameters()).device
        tokens = torch.tensor([[pad] * (width - len(one)) + list(one) for one in prompts], device=device)
        seen = torch.tensor([[0] * (width - len(one)) + [1] * len(one) for one in prompts], device=device)
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(0 if uniforms is None else int(uniforms[0, 0] * (1 << 31)))
            found = self.model.generate(
                input_ids=tokens,
                attention_mask=seen,
                do_sample=uniforms is not None,
                top_k=0,
                max_new_tokens=limit,
                eos_token_id=sorted(self.stop),
                pad_token_id=pad,
                output_logits=True,
                return_dict_in_generate=True,
            )
        written = found.sequences[:, width:]
        logprobs = torch.stack(found.logits, 1).float().log_softmax(-1).gather(2, written[:, :, None])[:, :, 0]
        return [self._cut(ids, scores) for ids, scores in zip(written.tolist(), logprobs.tolist(), strict=True)]

    def reader(self) -> Any:
        """Return what reads everything anew."""
        return _Anew(self)

    def _cut(self, ids: list[int], logprobs: list[float]) -> Reply:
        """Return the tokens up to the first that ends a reply."""
        ends = [place for place, id in enumerate(ids) if id in self.stop]
        count = ends[0] + 1 if ends else len(ids)
        body = ids[: count - 1] if ends else ids
        return Reply(ids[:count], logprobs[:count], self._text(tuple(body)), bool(ends))


class _Anew:
    def __init__(self, policy: GeneratePolicy) -> None:
        self._policy = policy

    def act(self, prompts: Any, uniforms: Any, max_tokens: int, rows: Any) -> list[Reply]:
        return self._policy.act(prompts, uniforms, max_tokens)


def _time_trl(kind: Any, model: Any, work: OneStep | Dialogues, given: Mapping[str, Any], **arguments: Any) -> Timed:
    """Train for `repeats` + 1 steps and return the time from the end of one to the end of the next."""
    from transformers import PrinterCallback, TrainerCallback

    ends: list[float] = []

    class Clock(TrainerCallback):
        def on_step_end(self, *_: Any, **__: Any) -> None:
            ends.append(time.perf_counter())

    with tempfile.TemporaryDirectory() as folder, warnings.catch_warnings():
        warnings.simplefilter("ignore")  # what TRL and peft call by names that are going away
        args = import_module("trl").GRPOConfig(
            output_dir=folder,
            use_cpu=next(model.parameters()).device.type == "cpu",
            bf16=False,
            gradient_checkpointing=False,
            learning_rate=1e-6,
            max_steps=work.repeats + 1,
            num_generations=work.group,
            per_device_train_batch_size=work.groups * work.group,
            logging_strategy="no",
            save_strategy="no",
            report_to=[],
            disable_tqdm=True,
            **given,
        )
        trainer = kind(model=copy.deepcopy(model), args=args, callbacks=[Clock()], **arguments)
        trainer.remove_callback(PrinterCallback)
        trainer.train()
    return Timed(f"trl {version('trl')}", [after - before for before, after in pairwise(ends)])


def _generate(model: Any, tokens: Tensor, seen: Tensor, completion: int) -> Tensor:
    found: Tensor = model.eval().generate(
        input_ids=tokens,
        attention_mask=seen,
        do_sample=True,
        top_k=0,
        min_new_tokens=completion,
        max_new_tokens=completion,
        eos_token_id=model.config.vocab_size - 1,
        pad_token_id=model.config.vocab_size - 2,
    )
    return found


def _update(model: Any, optimizer: torch.optim.Optimizer, tokens: Tensor, prompt: int, advantages: Tensor) -> None:
    """Take one clipped step; the old log-probs are the new ones, detached."""
    model.train()
    logits = model(input_ids=tokens, use_cache=False).logits[:, prompt - 1 : -1]
    logprobs = logits.log_softmax(-1).gather(2, tokens[:, prompt:, None])[:, :, 0]
    ratio = (logprobs - logprobs.detach()).exp()
    loss = -torch.min(ratio * advantages, ratio.clamp(1.0 - CLIP, 1.0 + CLIP) * advantages).mean()
    torch.autograd.backward(loss)
    torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
    optimizer.step()
    optimizer.zero_grad(set_to_none=True)
