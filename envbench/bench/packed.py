"""The packed form of an update against the repeated one: time of forward and backward, and how far they differ."""

from __future__ import annotations

import time
from statistics import median
from typing import Any

import torch
from torch import Tensor

from envbench.bench.training_work import OneStep, random_rows
from envbench.train.packed import Forward, MicroBatch, pack, token_logprobs

GRADIENT_SCALE = 0.25  # of the loss, so that gradient differences are stated at one size


def time_packed(forward: Forward, model: Any, work: OneStep) -> list[dict[str, Any]]:
    """Time forward and backward of both forms on the same random rows, in turn, and compare what they compute.

    Args:
        forward: the forward pass of `model`.
        model: a causal LM (`parameters()`, `config.vocab_size`); it is not changed, its gradients are cleared.
        work: the rows; timed after one repetition to warm up.

    Returns:
        One row per form, `repeated` first: `form`, `seconds` (median), `tokens` (prompts and replies, as if nothing
        were shared), `computed` (places of the forwards), `speedup` over the repeated form, `bound` (the speed-up if
        time were proportional to places), `logprob_difference` and `gradient_difference` (largest, absolute, to the
        repeated form; the loss is the mean log-prob times GRADIENT_SCALE).
    """
    rows = random_rows(work, model.config.vocab_size)
    logical = sum(len(row.prompt) + len(row.reply) for row in rows)
    budget = work.replies * (work.prompt + work.completion)
    forms = {name: pack(rows, [True] * len(rows), budget, share=name == "packed") for name in ("repeated", "packed")}
    seconds: dict[str, list[float]] = {name: [] for name in forms}
    found: dict[str, tuple[Tensor, list[Tensor]]] = {}
    for repetition in range(work.repeats + 1):
        for name, micro_batches in forms.items():
            began = time.perf_counter()
            found[name] = _forward_backward(forward, model, micro_batches, work.replies * work.completion)
            if repetition:
                seconds[name].append(time.perf_counter() - began)
    places = {name: sum(one.tokens.numel() for one in micro_batches) for name, micro_batches in forms.items()}
    plain, plain_gradients = found["repeated"]
    return [
        {
            "form": name,
            "seconds": median(seconds[name]),
            "tokens": logical,
            "computed": places[name],
            "speedup": median(seconds["repeated"]) / median(seconds[name]),
            "bound": places["repeated"] / places[name],
            "logprob_difference": float((logprobs - plain).abs().max()),
            "gradient_difference": max(
                float((ours - theirs).abs().max()) for ours, theirs in zip(gradients, plain_gradients, strict=True)
            ),
        }
        for name, (logprobs, gradients) in found.items()
    ]


def _forward_backward(
    forward: Forward, model: Any, micro_batches: list[MicroBatch], tokens: int
) -> tuple[Tensor, list[Tensor]]:
    """Return the log-probs of all policy tokens (float32 [L]) and the gradients of the parameters."""
    model.zero_grad(set_to_none=True)
    logprobs = torch.empty(tokens)
    for micro in micro_batches:
        found, _ = token_logprobs(forward, micro)
        torch.autograd.backward(found.sum() * (GRADIENT_SCALE / tokens))
        logprobs.index_copy_(0, micro.index, found.detach())
    gradients = [one.grad for one in model.parameters() if one.grad is not None]
    model.zero_grad(set_to_none=True)
    return logprobs, gradients
