"""What `scripts/gpu_check.py` runs: the trainer on a GPU against its targets.

Every check takes a device, and shapes that default to those of the targets, so that the tests run all of them small on
the CPU. Speeds are held to what the device does in the same process: its matrix products, and its copies of memory.
"""

from __future__ import annotations

import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from dataclasses import fields
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import torch

from envbench import credit
from envbench.bench import gpu, ours, peers
from envbench.bench.credit import TIMED, credit_columns
from envbench.bench.training_work import Dialogues, OneStep, random_prompts, random_rows, word_tokenizer
from envbench.errors import MissingExtra
from envbench.policies.lm.build import Shape, random_model
from envbench.policies.lm.corpus import corpus
from envbench.policies.lm.decoding import draw
from envbench.policies.lm.forward import FastForward, pad
from envbench.policies.lm.quiet import quiet
from envbench.policies.lm.tokenizer import train_tokenizer
from envbench.rollout.members import uniforms
from envbench.train.lm.network import Autocast
from envbench.train.losses import PolicyLossConfig
from envbench.train.packed import pack
from envbench.train.targets import Targets
from envbench.train.update import UpdateConfig, update
from envbench.types import StepBatch

WEBSHOP = "envbench/WebShop-v0"
TRL_TARGET, DECODE_TARGET, UPDATE_TARGET, MEMORY_TARGET = 5.0, 2.0, 0.4, 80e9
TRL_WORK = OneStep(groups=16, group=8, prompt=256, completion=8, repeats=3)
UPDATE_WORK = OneStep(groups=16, group=8, prompt=512, completion=32, repeats=3)
MEMORY_WORK = Dialogues(groups=8, group=8, max_tokens=32, max_steps=15, repeats=1)
_LENGTH = 32768  # tokens that the model of the memory check reads


class Check(NamedTuple):
    """One line of the table; `passed` is None where the device or an extra cannot say."""

    name: str
    found: str
    target: str
    passed: bool | None


def checks(device: str) -> Iterator[Check]:
    """Yield the checks in order, each run as it is asked for; one that breaks is one that is missed."""
    steps: dict[str, Callable[[], Check]] = {
        "credit": partial(credit_check, device),
        "tests": gpu_tests,
        "TRL": partial(trl_check, device),
        "decode": partial(decode_check, device),
        "update": partial(update_check, device),
        "memory": partial(memory_check, device),
    }
    for name, step in steps.items():
        try:
            yield step()
        except Exception as error:
            yield Check(name, f"{type(error).__name__}: {' '.join(str(error).split())[:300]}", "to run", False)


def trl_check(
    device: str,
    shape: Shape = gpu.MODELS["0.5B"],
    dtype: torch.dtype = torch.bfloat16,
    work: OneStep = TRL_WORK,
) -> Check:
    """Compare one step of ours with one of TRL's, both with weights in `dtype`."""
    model = _model(shape, device, dtype)
    name = f"a step with prompts of {work.prompt}, against TRL"
    own = float(np.median(ours.one_step(model, work).seconds))
    try:
        theirs = peers.trl_grpo(model, work)
    except MissingExtra as error:
        return Check(name, f"{work.replies / own:,.0f} episodes/s; {error}", f">= {TRL_TARGET:g} times", None)
    ratio = float(np.median(theirs.seconds)) / own
    found = f"{ratio:.2f} times {theirs.peer}, {work.replies / own:,.0f} episodes/s"
    return Check(name, found, f">= {TRL_TARGET:g} times", ratio >= TRL_TARGET)


def decode_check(
    device: str,
    shape: Shape = gpu.MODELS["0.5B"],
    dtype: torch.dtype = torch.bfloat16,
    *,
    rows: int = 256,
    tokens: int = 512,
    steps: int = 16,
    copied: int = 1 << 30,
) -> Check:
    """Compare the time of a token in every row, drawing included, with the reading of weights and cache."""
    model = _model(shape, device, dtype)
    forward, at = FastForward(model), torch.device(device)
    prompts = random_prompts(rows, tokens, shape.vocabulary, 0)
    cache, logits = forward.prefill(*pad(prompts, at), room=steps)
    draws = uniforms(0, steps, rows)
    seconds = []
    for step in range(steps):
        ours.synchronize(at)
        began = time.perf_counter()
        logits = forward.decode(cache, draw(logits, draws[step]))
        ours.synchronize(at)
        seconds.append(time.perf_counter() - began)
    floor = gpu.decode_floor(shape, rows, tokens + steps // 2, copy_rate(device, copied))
    taken = float(np.median(seconds))
    found = f"{taken / floor:.2f} times the floor of {1e3 * floor:.2f} ms, {rows / taken:,.0f} tokens/s"
    return Check(f"decode, batch {rows}", found, f"<= {DECODE_TARGET:g} times", taken <= DECODE_TARGET * floor)


def update_check(
    device: str,
    shape: Shape = gpu.MODELS["0.5B"],
    work: OneStep = UPDATE_WORK,
    *,
    size: int = 8192,
) -> Check:
    """Compare the operations per second of an update under bfloat16 autocast with those of one large product."""
    model = _model(shape, device, torch.float32)
    at = torch.device(device)
    forward = Autocast(FastForward(model), at.type, torch.bfloat16)
    rows = random_rows(work, shape.vocabulary)
    count = len(rows) * work.completion
    row = torch.arange(len(rows)).repeat_interleave(work.completion)
    advantage = torch.where(row % 2 == 0, 1.0, -1.0)
    zero = torch.zeros(count)
    targets = Targets(zero, advantage, torch.ones(count), row, torch.arange(len(rows))).to(at)
    optimizer, cfg = torch.optim.AdamW(model.parameters(), lr=1e-6), UpdateConfig()
    packed = pack(rows, [True] * len(rows), cfg.token_budget)
    operations = gpu.update_operations(
        shape,
        places=sum(one.tokens.numel() for one in packed),
        length=packed[0].tokens.shape[1],
        reads=sum(len(one.read) for one in packed),
    )
    seconds = []
    for _ in range(work.repeats + 1):
        began = time.perf_counter()
        update(forward, optimizer, rows, targets, PolicyLossConfig(), cfg)
        ours.synchronize(at)
        seconds.append(time.perf_counter() - began)
    rate, best = operations / float(np.median(seconds[1:])), product_rate(device, size)
    found = f"{rate / best:.0%} of {best / 1e12:,.3g} TFLOP/s"
    return Check("update, bfloat16", found, f">= {UPDATE_TARGET:.0%}", rate >= UPDATE_TARGET * best)


def memory_check(
    device: str,
    shape: Shape = gpu.MODELS["1.5B"],
    work: Dialogues = MEMORY_WORK,
    *,
    vocabulary: int = 4096,
    length: int = _LENGTH,
) -> Check:
    """Train adapters for one iteration of whole WebShop conversations and look at the peak of memory."""
    at = torch.device(device)
    with tempfile.TemporaryDirectory() as folder:
        write_model(Path(folder) / "model", shape, vocabulary, length)
        if at.type == "cuda":
            torch.cuda.reset_peak_memory_stats(at)
        timed = ours.dialogues(
            Path(folder) / "model",
            WEBSHOP,
            work,
            device=device,
            dtype="bfloat16",
            lora_rank=16,
            gradient_checkpointing=True,
        )
    name = f"LoRA, {work.groups} groups of {work.group} x {work.max_steps} WebShop steps"
    target = f"<= {MEMORY_TARGET / 1e9:g} GB"
    if at.type != "cuda":
        return Check(name, f"an iteration of {timed.seconds[0]:.3g} s; memory is measured on CUDA alone", target, None)
    peak = torch.cuda.max_memory_allocated(at)
    return Check(name, f"{peak / 1e9:.1f} GB, {timed.seconds[0]:.3g} s", target, peak <= MEMORY_TARGET)


def credit_check(device: str, rows: int = 1280, methods: tuple[str, ...] = ()) -> Check:
    """Compare every advantage and shaping method in float64 with what it gives on the CPU."""
    names = methods or tuple(one.name for kind in TIMED for one in credit.methods(kind))
    differing = [name for name in names if not _agrees(name, device, rows)]
    found = f"{len(names) - len(differing)} of {len(names)} methods agree" + "".join(
        f", not {one}" for one in differing
    )
    return Check(f"credit on {device} as on the CPU", found, "all, to 1e-9", not differing)


def _agrees(name: str, device: str, rows: int) -> bool:
    batch = StepBatch.from_columns(**credit_columns(rows, name, 0))
    run: Callable[..., Any] = credit.shape if credit.method(name).kind == "shaping" else credit.advantages
    here, there = (_tensors(run(name, one)) for one in (batch, batch.to(device)))
    return list(here) == list(there) and all(
        there[key].device.type == torch.device(device).type
        and torch.allclose(value.double(), there[key].cpu().double(), 1e-9, 1e-9, equal_nan=True)
        for key, value in here.items()
    )


def _tensors(record: Any) -> dict[str, torch.Tensor]:
    """Return the attributes of a record that are tensors."""
    found = {one.name: getattr(record, one.name) for one in fields(record)}
    return {name: value for name, value in found.items() if isinstance(value, torch.Tensor)}


def gpu_tests(*paths: str) -> Check:
    """Run the tests that are marked `gpu`, from the root of a checkout."""
    command = [sys.executable, "-m", "pytest", "-q", "-m", "gpu", *(paths or ("tests",))]
    done = subprocess.run(command, capture_output=True, text=True)
    last = (done.stdout.strip() or done.stderr.strip() or "nothing").splitlines()[-1].strip("= ")
    passed = None if " passed" not in last and done.returncode == 0 else done.returncode == 0
    return Check("tests marked gpu", last, "all pass", passed)


def _model(shape: Shape, device: str, dtype: torch.dtype) -> Any:
    model: Any = random_model(shape, word_tokenizer(shape.vocabulary), 0)
    return model.to(device, dtype).eval()


def write_model(folder: Path, shape: Shape, vocabulary: int, length: int) -> None:
    """Write a model of `shape` with a tokenizer for WebShop of at most `vocabulary` tokens; it may know more."""
    tokenizer = train_tokenizer(corpus([WEBSHOP], tasks=8, steps=8), min(vocabulary, shape.vocabulary))
    model = random_model(shape, tokenizer, 0, vocabulary=shape.vocabulary, length=length)
    with quiet():
        model.save_pretrained(folder)
    tokenizer.save_pretrained(folder)


def product_rate(device: str, size: int, repeats: int = 10) -> float:
    """Return the operations per second of bfloat16 products of two square matrices."""
    one, other = (torch.randn(size, size, device=device).bfloat16() for _ in range(2))
    return 2.0 * size**3 / _fastest(lambda: one @ other, torch.device(device), repeats)


def copy_rate(device: str, size: int, repeats: int = 10) -> float:
    """Return the bytes per second that a copy of `size` bytes reads and writes."""
    source = torch.ones(size, dtype=torch.uint8, device=device)
    target = torch.empty_like(source)
    return 2.0 * size / _fastest(lambda: target.copy_(source), torch.device(device), repeats)


def _fastest(call: Callable[[], Any], device: torch.device, repeats: int) -> float:
    seconds = []
    for _ in range(repeats + 1):
        ours.synchronize(device)
        began = time.perf_counter()
        call()
        ours.synchronize(device)
        seconds.append(time.perf_counter() - began)
    return min(seconds[1:])
