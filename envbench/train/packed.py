"""Packed sequences: a prompt once, then every reply to it, so that shared prompts and equal rows are computed once.

A pack is one row of a forward: the prompt, then the replies' tokens (without the last, which predicts nothing), each
at the position that it has behind the prompt, and a mask that lets a reply see the prompt and itself (Prefix Grouper,
arXiv:2506.05433). The prompt's last position predicts the first token of every reply. Equal rows are one reply that is
read many times: gradients add up in the read, so merging is exact whatever the rows' advantages.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from typing import Any, NamedTuple, Protocol

import torch
from torch import Tensor
from torch.utils.checkpoint import checkpoint
from transformers.modeling_layers import GradientCheckpointingLayer

from envbench.errors import InvalidBatch, InvalidValue
from envbench.policies.lm.library import attention_masks, knows_masks, logits_at
from envbench.train.losses.divergence import entropy as entropy_of

Ids = tuple[int, ...]


@dataclass(frozen=True, slots=True)
class TokenRow:
    """One row as it was recorded: the ids of its prompt (one at least) and of its policy tokens, in order."""

    prompt: Ids
    reply: Ids


class Forward(Protocol):
    """What runs a packed row: our fast forward, or any causal LM (`HFForward`)."""

    def outputs(self, tokens: Tensor, positions: Tensor, mask: Tensor | None, places: Tensor) -> tuple[Tensor, Tensor]:
        """Return hidden states [D, H] and logits [D, V] at places (int64 [D]) of the flattened [B * T].

        Tokens and positions are int64 [B, T], the additive mask is [B, 1, T, T]; None is the causal mask.
        """
        ...


class HFForward:
    """A `transformers` causal LM through its own call, so that training computes what sampling did.

    Args:
        model: a causal model.
        checkpointing: layers keep no activations inside and compute them again in the backward pass. `transformers`
            does so in training mode alone, where dropout would make rows differ from what was sampled.

    Raises:
        InvalidValue: for a model whose layers cannot be checkpointed.
    """

    def __init__(self, model: Any, checkpointing: bool = False) -> None:
        self.model = model
        self._layers = [one for one in model.modules() if checkpointing and isinstance(one, GradientCheckpointingLayer)]
        if checkpointing and not self._layers:
            raise InvalidValue(
                f"gradient_checkpointing=true: transformers cannot do it for model_type {model.config.model_type!r}; "
                "leave it out, or use another model"
            )

    def outputs(self, tokens: Tensor, positions: Tensor, mask: Tensor | None, places: Tensor) -> tuple[Tensor, Tensor]:
        """As `Forward.outputs`.

        Raises:
            InvalidValue: for a mask, where it is not known what the model's layers may look at.
        """
        inputs: dict[str, Any] = {"input_ids": tokens, "use_cache": False}
        if mask is not None:
            if not knows_masks(self.model):
                raise InvalidValue("what its layers look at is not known, so rows go alone: share_prefix = false")
            distance = positions.unsqueeze(2) - positions.unsqueeze(1)
            seen = attention_masks(self.model, mask.squeeze(1) == 0, distance)
            inputs |= {"position_ids": positions, "attention_mask": seen}
        with self._checkpointed():
            return logits_at(self.model, places, **inputs)

    @contextmanager
    def _checkpointed(self) -> Iterator[None]:
        layers = self._layers if torch.is_grad_enabled() else []
        for layer in layers:
            layer.forward = partial(checkpoint, layer.forward, use_reentrant=False)
        try:
            yield
        finally:
            for layer in layers:
                del layer.forward  # the class's own again


@dataclass(frozen=True, slots=True, eq=False)
class MicroBatch:
    """Packs of one forward, padded to one length T, and where each policy token is read.

    Attributes:
        tokens: int64 [B, T], 0 where padded. positions: int64 [B, T], 0 where padded.
        segment: int64 [B, T], 0 for the prompt, 1 and on for the replies, -1 for padding.
        read: int64 [D], places in the flattened [B * T] whose logits are needed, ascending, each once.
        pick: int64 [K], for each policy token its entry in `read`. target: int64 [K], its id.
        index: int64 [K], its place among the policy tokens of the whole batch. rows: numbers of the rows in here.
    """

    tokens: Tensor
    positions: Tensor
    segment: Tensor
    read: Tensor
    pick: Tensor
    target: Tensor
    index: Tensor
    rows: tuple[int, ...]

    def to(self, device: torch.device) -> MicroBatch:
        """Return it on `device`."""
        fields = (self.tokens, self.positions, self.segment, self.read, self.pick, self.target, self.index)
        tokens, positions, segment, read, pick, target, index = (one.to(device) for one in fields)
        return MicroBatch(tokens, positions, segment, read, pick, target, index, self.rows)

    def mask(self, dtype: torch.dtype = torch.float32) -> Tensor | None:
        """Return the additive attention mask [B, 1, T, T], made once for all layers: 0 seen, the least number not.

        A token sees the prompt and its own reply, up to its own position; padding sees itself, so that no row of the
        softmax is empty, and is seen by no one else. None where no prompt has two replies: the causal mask does, since
        padding comes last, and is computed faster.
        """
        if int(self.segment.max()) <= 1:
            return None
        ask, key = self.segment.unsqueeze(2), self.segment.unsqueeze(1)
        before = self.positions.unsqueeze(1) <= self.positions.unsqueeze(2)
        seen = ((key == 0) | (key == ask)) & before
        hidden = torch.zeros(seen.shape, dtype=dtype, device=seen.device)
        return hidden.masked_fill_(~seen, torch.finfo(dtype).min).unsqueeze(1)


@dataclass(frozen=True, slots=True)
class _Pack:
    prompt: Ids
    replies: tuple[tuple[Ids, tuple[int, ...]], ...]  # each distinct reply and the rows that gave it
    inside: tuple[tuple[int, Ids, tuple[int, ...]], ...]  # earlier replies in the prompt: where, which, of which rows

    @property
    def length(self) -> int:
        return len(self.prompt) + sum(len(reply) - 1 for reply, _ in self.replies)


def pack(rows: Sequence[TokenRow], keep: Sequence[bool], budget: int, *, share: bool = True) -> list[MicroBatch]:
    """Pack the kept rows into micro-batches of at most `budget` places (rows times padded length).

    Long packs come first, so that packs of a micro-batch have nearly one length; equal lengths keep the order of the
    rows, so the result depends on nothing else. A prompt whose replies do not fit into the budget is opened again for
    the rest; a single row longer than the budget is a micro-batch of its own.

    Args:
        rows: all rows of the batch, in the order of its policy tokens (`token_step`).
        keep: whether the row is needed; dropped rows (no weight, or advantage 0) cost nothing.
        budget: places per micro-batch.
        share: False packs each row alone, with its own copy of the prompt: the plain form, to compare with.

    Raises:
        InvalidBatch: for an empty prompt, a `keep` of another length, or a budget below 1. Kept rows without policy
            tokens are dropped.
    """
    if len(keep) != len(rows):
        raise InvalidBatch(f"keep has {len(keep)} entries for {len(rows)} rows; give one per row")
    if budget < 1:
        raise InvalidBatch(f"a token budget of {budget}; give the places of one micro-batch, for example 16384")
    starts, start = [], 0
    for number, row in enumerate(rows):
        if not row.prompt:
            raise InvalidBatch(f"row {number} has no prompt; its first token would be predicted from nothing")
        starts.append(start)
        start += len(row.reply)
    packs = sorted(_packs(rows, keep, budget, share), key=lambda one: -one.length)
    made, batch = [], list[_Pack]()
    for one in packs:
        if batch and batch[0].length * (len(batch) + 1) > budget:
            made.append(_micro_batch(batch, starts))
            batch = []
        batch.append(one)
    return [*made, _micro_batch(batch, starts)] if batch else made


def _packs(rows: Sequence[TokenRow], keep: Sequence[bool], budget: int, share: bool) -> Iterator[_Pack]:
    """Yield the packs in order of their first rows."""
    kept = [number for number, (row, needed) in enumerate(zip(rows, keep, strict=True)) if needed and row.reply]
    groups: dict[tuple[Ids, int], tuple[dict[Ids, list[int]], dict[tuple[int, Ids], list[int]]]] = {}
    for *earlier, last in _conversations(rows, kept) if share else ([number] for number in kept):
        replies, inside = groups.setdefault((rows[last].prompt, 0 if share else last), ({}, {}))
        replies.setdefault(rows[last].reply, []).append(last)
        for number in earlier:
            inside.setdefault((len(rows[number].prompt), rows[number].reply), []).append(number)
    for (prompt, _), (replies, inside) in groups.items():
        held: list[tuple[Ids, tuple[int, ...]]] = []
        found = tuple((start, reply, tuple(numbers)) for (start, reply), numbers in inside.items())
        length = len(prompt)
        for reply, numbers in replies.items():
            if held and length + len(reply) - 1 > budget:
                yield _Pack(prompt, tuple(held), found)
                held, found, length = [], (), len(prompt)
            held.append((reply, tuple(numbers)))
            length += len(reply) - 1
        yield _Pack(prompt, tuple(held), found)


def _conversations(rows: Sequence[TokenRow], kept: Sequence[int]) -> Iterator[list[int]]:
    """Yield runs of neighbouring rows, each of whose prompts begins with the prompt and the reply of the row before."""
    run: list[int] = []
    for number in kept:
        if run and not _continues(rows[run[-1]], rows[number].prompt):
            yield run
            run = []
        run.append(number)
    if run:
        yield run


def _continues(before: TokenRow, prompt: Ids) -> bool:
    start = len(before.prompt)
    end = start + len(before.reply)
    return len(prompt) >= end and prompt[start:end] == before.reply and prompt[:start] == before.prompt


def _micro_batch(packs: Sequence[_Pack], starts: Sequence[int]) -> MicroBatch:
    longest = packs[0].length
    tokens, positions, segment = list[int](), list[int](), list[int]()
    place, target, index, numbers = list[int](), list[int](), list[int](), list[int]()

    def read(row: int, reply: Ids, first: int, behind: int) -> None:
        """Read a row's reply: its first token is predicted at `first`, its second at `behind` + 1."""
        place.extend(behind + k if k else first for k in range(len(reply)))
        target.extend(reply)
        index.extend(range(starts[row], starts[row] + len(reply)))
        numbers.append(row)

    for line, one in enumerate(packs):
        origin, prompt = line * longest, len(one.prompt)
        ids, where, part = [*one.prompt], [*range(prompt)], [0] * prompt
        for start, reply, sources in one.inside:
            for row in sources:
                read(row, reply, origin + start - 1, origin + start - 1)
        for member, (reply, sources) in enumerate(one.replies, 1):
            for row in sources:
                read(row, reply, origin + prompt - 1, origin + len(ids) - 1)
            ids += reply[:-1]
            where += range(prompt, prompt + len(reply) - 1)
            part += [member] * (len(reply) - 1)
        gap = longest - len(ids)
        tokens += ids + [0] * gap
        positions += where + [0] * gap
        segment += part + [-1] * gap
    places, pick = torch.unique(torch.tensor(place), return_inverse=True)
    shape = (len(packs), longest)
    return MicroBatch(
        tokens=torch.tensor(tokens).reshape(shape),
        positions=torch.tensor(positions).reshape(shape),
        segment=torch.tensor(segment).reshape(shape),
        read=places,
        pick=pick,
        target=torch.tensor(target),
        index=torch.tensor(index),
        rows=tuple(numbers),
    )


class TokenOutputs(NamedTuple):
    """What a forward says of the policy tokens of a micro-batch.

    Attributes:
        logprob: float32 [K]. entropy: float32 [K], of the distribution that the token was drawn from.
        hidden: [K, H], the state that predicts the token.
    """

    logprob: Tensor
    entropy: Tensor
    hidden: Tensor


def token_outputs(forward: Forward, micro: MicroBatch, *, entropy_gradient: bool = False) -> TokenOutputs:
    """Run a micro-batch.

    Logits are computed in float32 at the places in `micro.read` only. The entropy has a gradient only where asked.
    """
    hidden, logits = forward.outputs(micro.tokens, micro.positions, micro.mask(), micro.read)
    logits = logits.float()
    chosen = logits.flatten().index_select(0, micro.pick * logits.shape[-1] + micro.target)
    logprob = chosen - logits.logsumexp(-1).index_select(0, micro.pick)
    entropy = entropy_of(logits if entropy_gradient else logits.detach())
    return TokenOutputs(logprob, entropy.index_select(0, micro.pick), hidden.index_select(0, micro.pick))


def token_logprobs(forward: Forward, micro: MicroBatch) -> tuple[Tensor, Tensor]:
    """Return the log-prob of each policy token and the entropy at its place (both float32 [K])."""
    outputs = token_outputs(forward, micro)
    return outputs.logprob, outputs.entropy
