"""The work that `bench train` gives to every program alike, and what a program tells of it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, NamedTuple

import torch
from tokenizers import Tokenizer, models, pre_tokenizers
from transformers import PreTrainedTokenizerFast

from envbench.train.packed import TokenRow


@dataclass(frozen=True, slots=True)
class OneStep:
    """Replies of one length to random prompts, and one optimizer step on all of them.

    Attributes:
        groups: prompts.
        group: replies to each.
        prompt: tokens of a prompt.
        completion: tokens of every reply.
        repeats: timed iterations.
        seed: of the prompts and of the sampling.
    """

    groups: int
    group: int
    prompt: int
    completion: int
    repeats: int = 5
    seed: int = 0

    @property
    def replies(self) -> int:
        """Replies of an iteration."""
        return self.groups * self.group


@dataclass(frozen=True, slots=True)
class Dialogues:
    """Whole episodes of an environment whose history grows.

    Attributes:
        groups: tasks of an iteration.
        group: episodes of each.
        max_tokens: of a reply.
        max_steps: of an episode.
        repeats: timed iterations.
        seed: of the noise and of the sampling.
    """

    groups: int
    group: int
    max_tokens: int
    max_steps: int
    repeats: int = 3
    seed: int = 0


class Timed(NamedTuple):
    """Seconds of each iteration, and of whom."""

    peer: str
    seconds: list[float]


def random_rows(work: OneStep, vocabulary: int) -> list[TokenRow]:
    """Return rows of random tokens: `groups` prompts with `group` replies each."""
    generator = torch.Generator().manual_seed(work.seed)

    def draw(*shape: int) -> list[Any]:
        drawn: list[Any] = torch.randint(vocabulary, shape, generator=generator).tolist()
        return drawn

    prompts, replies = draw(work.groups, work.prompt), draw(work.groups, work.group, work.completion)
    return [
        TokenRow(tuple(one), tuple(reply)) for one, written in zip(prompts, replies, strict=True) for reply in written
    ]


def random_prompts(count: int, length: int, size: int, seed: int) -> list[list[int]]:
    """Return random prompts of `length` tokens; the two marks of `word_tokenizer` are left out."""
    return [list(row.prompt) for row in random_rows(OneStep(count, 1, length, 1, seed=seed), size - 2)]


def rewards(count: int) -> list[float]:
    """Return rewards of which half are 1, in every group."""
    return [float(number % 2) for number in range(count)]


def word_tokenizer(size: int) -> PreTrainedTokenizerFast:
    """Return a tokenizer of the words w0 to w<size - 1>, one token each; the last one ends and the one before pads."""
    core = Tokenizer(models.WordLevel({f"w{id}": id for id in range(size)}, unk_token=f"w{size - 2}"))
    core.pre_tokenizer = pre_tokenizers.WhitespaceSplit()
    return PreTrainedTokenizerFast(  # type: ignore[no-untyped-call]  # transformers leaves it untyped
        tokenizer_object=core, eos_token=f"w{size - 1}", pad_token=f"w{size - 2}"
    )
