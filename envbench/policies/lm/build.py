"""Models without a download: a small Qwen2 with random weights, and a tokenizer of the environments' own text."""

from __future__ import annotations

import errno
import json
import re
import shutil
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import tokenizers
import torch
import transformers
from transformers import Qwen2Config, Qwen2ForCausalLM

import envbench
from envbench.errors import DiskFull, InvalidValue, UnknownName
from envbench.policies.lm.corpus import core_ids, corpus
from envbench.policies.lm.quiet import quiet
from envbench.policies.lm.tokenizer import train_tokenizer
from envbench.registry import card_of
from envbench.seeding import derive_seed

RECORD = "envbench.json"


@dataclass(frozen=True, slots=True)
class Shape:
    """A size of model: widths, and the most tokens that its tokenizer may have."""

    hidden: int
    layers: int
    heads: int
    key_heads: int
    inner: int
    vocabulary: int


SIZES = {
    "nano": Shape(96, 3, 4, 2, 256, 512),
    "micro": Shape(160, 4, 4, 2, 384, 1024),
    "small": Shape(512, 8, 8, 4, 1152, 4096),
}
MAX_LENGTH = 4096  # tokens that a model may read
# Standard deviation of the first weights times the root of the width. The usual 0.02 is made for wide models: a nano
# one stood still on it for 350 steps of its warm-up on Sokoban, and learnt from the first step with 0.08.
_SPREAD = 0.8


def parameters(size: str, vocabulary: int | None = None) -> int:
    """Return how many weights a model of this size has, with a full vocabulary where none is given."""
    return weights_of(shape_of(size), vocabulary)


def weights_of(shape: Shape, vocabulary: int | None = None) -> int:
    """Return how many weights a Qwen2 of this shape has, its head tied, with a full vocabulary where none is given."""
    keys = shape.hidden * shape.key_heads // shape.heads
    attention = 2 * shape.hidden**2 + 2 * shape.hidden * keys + shape.hidden + 2 * keys
    layer = attention + 3 * shape.hidden * shape.inner + 2 * shape.hidden
    return shape.layers * layer + shape.hidden * (1 + (vocabulary or shape.vocabulary))


def shape_of(size: str) -> Shape:
    """Return the shape of a named size, or raise `UnknownName`."""
    if size not in SIZES:
        raise UnknownName("size", size, SIZES)
    return SIZES[size]


def random_model(
    shape: Shape, tokenizer: Any, seed: int, *, vocabulary: int | None = None, length: int = MAX_LENGTH
) -> Qwen2ForCausalLM:
    """Return a model with random weights (float32, tied head); the global generator is left as it was.

    Args:
        shape: its widths.
        tokenizer: whose tokens it knows.
        seed: of the weights.
        vocabulary: tokens that it knows, where it is to know more than the tokenizer.
        length: tokens that it may read.
    """
    config = Qwen2Config(
        vocab_size=vocabulary or len(tokenizer),
        hidden_size=shape.hidden,
        num_hidden_layers=shape.layers,
        num_attention_heads=shape.heads,
        num_key_value_heads=shape.key_heads,
        intermediate_size=shape.inner,
        max_position_embeddings=length,
        tie_word_embeddings=True,
        initializer_range=_SPREAD / shape.hidden**0.5,
        bos_token_id=tokenizer.bos_token_id,
        eos_token_id=tokenizer.eos_token_id,
        pad_token_id=tokenizer.pad_token_id,
    )
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(derive_seed(seed, "model", "weights"))
        return Qwen2ForCausalLM(config)


def new_model(size: str, out: Path, env_ids: Sequence[str] = (), seed: int = 0) -> dict[str, Any]:
    """Build a model with its tokenizer into a new folder and return its record, which is also `envbench.json` there.

    Args:
        size: of `SIZES`.
        out: folder, not there yet.
        env_ids: whose text the tokenizer learns; all that need no extra when empty.
        seed: of the weights and of the walks that gather the text.

    Raises:
        UnknownName: for another size or environment.
        InvalidValue: for a folder that exists. DiskFull: when there is no room.
    """
    shape = shape_of(size)
    if out.exists():
        raise InvalidValue(f"--out {out} is there already; name another folder, or remove it first")
    chosen = sorted(set(env_ids)) or list(core_ids())
    for id in chosen:
        card_of(id)
    tokenizer = train_tokenizer(corpus(chosen, seed=seed), shape.vocabulary)
    model = random_model(shape, tokenizer, seed)
    record = {
        "size": size,
        "seed": seed,
        "envs": chosen,
        "parameters": model.num_parameters(),
        "vocabulary": len(tokenizer),
        "versions": {module.__name__: module.__version__ for module in (envbench, tokenizers, torch, transformers)},
    }
    with new_folder(out) as unfinished:
        with quiet():
            model.save_pretrained(unfinished)
        tokenizer.save_pretrained(unfinished)
        (unfinished / RECORD).write_text(json.dumps(record, indent=2) + "\n", encoding="utf-8")
    return record


@contextmanager
def new_folder(out: Path) -> Iterator[Path]:
    """Hand out a folder that takes the place of `out` once it is filled, and is gone when that fails.

    Raises:
        DiskFull: when there is no room; what was there stays.
    """
    unfinished = out.with_name(f".{out.name}.unfinished")
    shutil.rmtree(unfinished, ignore_errors=True)  # of a process that was killed
    try:
        unfinished.mkdir(parents=True)
        yield unfinished
        shutil.rmtree(out, ignore_errors=True)
        unfinished.rename(out)
    except Exception as error:  # safetensors and tokenizers have errors of their own for what the system says
        if not _no_room(error):
            raise
        raise DiskFull(f"no room left on the disk of {out}: free some space and type the same command again") from error
    finally:
        shutil.rmtree(unfinished, ignore_errors=True)


def _no_room(error: Exception) -> bool:
    said = re.search(r"(?:os error|code:) (\d+)", str(error))
    number = error.errno if isinstance(error, OSError) else said and int(said[1])
    return number in (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)
