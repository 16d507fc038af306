"""Any causal language model through its own call, so that what a family does behind its head (caps, scales) is done.

Rows are padded on the right, so that causal attention never sees padding. Where the model takes a mask and a cache, as
most do, what was read is kept; otherwise every call reads the rows anew.
"""

from __future__ import annotations

import inspect
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor
from torch.nn import functional
from transformers import DynamicCache

from envbench.errors import InvalidValue

_SLIDING = "sliding_attention"
_KINDS = frozenset({"full_attention", _SLIDING})
_OTHER_WINDOWS = ("attention_types", "attention_chunk_size")  # of configs whose attention is local in a way of its own
FAILURES = (TypeError, ValueError, AttributeError, KeyError, IndexError, RuntimeError)
"""What a model raises that cannot be called in a way that it is tried in."""


def tolerance(dtype: torch.dtype) -> float:
    """Return the mean difference of log-probs up to which two ways of computing them in a dtype are the same."""
    return 1e-3 if dtype in (torch.float32, torch.float64) else 0.25


def logits_at(model: Any, places: Tensor, **inputs: Any) -> tuple[Tensor, Tensor]:
    """Call a model whose head is given no more than the states that are needed.

    Args:
        model: of `transformers`.
        places: int64 [D], in the flattened [B * T].
        inputs: of its call, with input_ids int64 [B, T].

    Returns:
        The states [D, H] that the head was given, and the logits [D, V] that the model makes of them.

    Raises:
        InvalidValue: for a model without such a head.
    """
    states = list[Tensor]()

    def needed(_: Any, given: tuple[Any, ...]) -> tuple[Any, ...]:
        states.append(given[0].flatten(0, 1).index_select(0, places))
        return (states[-1][None], *given[1:])

    head = model.get_output_embeddings()
    if head is None:
        raise InvalidValue(
            f"model_type {model.config.model_type!r} has no head for tokens; use a causal language model"
        )
    hook = head.register_forward_pre_hook(needed)
    try:
        logits = model(**inputs).logits
    finally:
        hook.remove()
    if len(states) != 1:
        raise InvalidValue(
            f"model_type {model.config.model_type!r} called its head {len(states)} times, not once; use another model"
        )
    return states[0], logits[0]


def knows_masks(model: Any) -> bool:
    """Return whether `attention_masks` knows what the layers of a model may look at."""
    config = model.config.get_text_config()
    kinds = set(getattr(config, "layer_types", None) or ())
    return kinds <= _KINDS and not any(getattr(config, name, None) for name in _OTHER_WINDOWS)


def window_of(model: Any) -> int | None:
    """Return how many tokens the layers with a sliding window see, None where there are none."""
    config = model.config.get_text_config()
    kinds = getattr(config, "layer_types", None) or ()
    window: int | None = getattr(config, "sliding_window", None)
    return window if not kinds or _SLIDING in kinds else None


def attention_masks(model: Any, seen: Tensor, distance: Tensor) -> Tensor | dict[str, Tensor]:
    """Return additive masks [B, 1, Q, K] in the form that the model takes: one, or one for each kind of layer.

    Args:
        model: of which `knows_masks`.
        seen: bool [B, Q, K], what causal attention without a window sees.
        distance: int64 [B, Q, K], positions from a key to the token that asks.
    """
    window = window_of(model)
    near = seen if window is None else seen & (distance < window)
    kinds = set(getattr(model.config.get_text_config(), "layer_types", None) or ())
    if _SLIDING not in kinds:
        return _additive(near, model.dtype)
    return {kind: _additive(near if kind == _SLIDING else seen, model.dtype) for kind in sorted(kinds)}


def _additive(seen: Tensor, dtype: torch.dtype) -> Tensor:
    hidden = torch.zeros(seen.shape, dtype=dtype, device=seen.device)
    return hidden.masked_fill_(~seen, torch.finfo(dtype).min).unsqueeze(1)


@dataclass(slots=True)
class Memory:
    """The cache of `PlainForward`: the tokens themselves, int64 [B, columns], and their lengths, int64 [B]."""

    tokens: Tensor
    lengths: Tensor

    def select(self, rows: Tensor) -> Memory:
        """Return these rows (int64 [n])."""
        return Memory(self.tokens.index_select(0, rows), self.lengths.index_select(0, rows))

    def forget(self, lengths: Tensor) -> None:
        """Keep the first `lengths` tokens of each row (int64 [B], none above what it has)."""
        self.lengths = lengths


class PlainForward:
    """The calls of `FastForward` on any causal model: nothing is cached, every call reads the rows anew.

    Slow, and right for every architecture.
    """

    def __init__(self, model: Any) -> None:
        self.model = model
        config = model.config.get_text_config()
        self.max_length: int = getattr(config, "max_position_embeddings", None) or 1 << 20

    def prefill(self, tokens: Tensor, lengths: Tensor, room: int = 0) -> tuple[Any, Tensor]:
        """As `FastForward.prefill`."""
        memory = self._empty(tokens)
        return memory, self.extend(memory, tokens, lengths)

    @torch.no_grad()
    def extend(self, memory: Any, tokens: Tensor, counts: Tensor) -> Tensor:
        """As `FastForward.extend`."""
        return self._read(memory, tokens, counts, (counts - 1).clamp(min=0)[:, None])[:, 0]

    @torch.no_grad()
    def score(self, memory: Any, logits: Tensor, tokens: Tensor, counts: Tensor) -> Tensor:
        """As `FastForward.score`."""
        at = torch.arange(tokens.shape[1] - 1, device=tokens.device).expand(len(tokens), -1)
        read = self._read(memory, tokens, counts, at)
        return pick_logprobs(torch.cat([logits[:, None], read], dim=1), tokens, counts)

    def _empty(self, tokens: Tensor) -> Any:
        return Memory(tokens[:, :0], torch.zeros_like(tokens[:, 0]))

    def _read(self, memory: Any, tokens: Tensor, counts: Tensor, at: Tensor) -> Tensor:
        """Return [B, N, V], the logits behind the new tokens of numbers `at` (int64 [B, N])."""
        columns = self._columns(memory.lengths, tokens, counts)
        end = int(columns.max()) + 1
        grown = functional.pad(memory.tokens, (0, max(end - memory.tokens.shape[1], 0)))
        memory.tokens = grown.scatter(1, columns, tokens)
        found = self._logits(memory.lengths[:, None] + at, input_ids=memory.tokens, use_cache=False)
        memory.lengths = memory.lengths + counts
        return found

    def _logits(self, columns: Tensor, **inputs: Any) -> Tensor:
        """Return the logits [B, N, V] at columns (int64 [B, N]) of the input."""
        rows, width = inputs["input_ids"].shape
        first = torch.arange(rows, device=columns.device)[:, None] * width
        _, logits = logits_at(self.model, (first + columns).flatten(), **inputs)
        return logits.reshape(*columns.shape, logits.shape[1])

    def _columns(self, lengths: Tensor, tokens: Tensor, counts: Tensor) -> Tensor:
        """Return the positions int64 [B, T] of new tokens."""
        if int((lengths + counts).max()) > self.max_length:
            raise InvalidValue(f"more tokens than the model reads ({self.max_length}); use a shorter history")
        return lengths[:, None] + torch.arange(tokens.shape[1], device=tokens.device)


@dataclass(slots=True)
class Kept:
    """The cache of `CachedForward`, whose columns are in the order in which they were read.

    Attributes:
        cache: keys and values, of `transformers`. lengths: int64 [B], tokens of each row.
        positions: int64 [B, columns]. real: bool [B, columns], False where a row was padded.
    """

    cache: Any
    lengths: Tensor
    positions: Tensor
    real: Tensor

    def select(self, rows: Tensor) -> Kept:
        """Return a new cache of these rows (int64 [n])."""
        cache = DynamicCache()
        for number, layer in enumerate(self.cache.layers):
            cache.update(layer.keys.index_select(0, rows), layer.values.index_select(0, rows), number)
        return Kept(cache, *(one.index_select(0, rows) for one in (self.lengths, self.positions, self.real)))

    def forget(self, lengths: Tensor) -> None:
        """Keep the first `lengths` tokens of each row (int64 [B], none above what it has)."""
        self.lengths, self.real = lengths, self.real & (self.positions < lengths[:, None])


class CachedForward(PlainForward):
    """`PlainForward` with keys and values kept; `caches` says for which models."""

    def _empty(self, tokens: Tensor) -> Any:
        return Kept(DynamicCache(), torch.zeros_like(tokens[:, 0]), tokens[:, :0], tokens[:, :0].bool())

    def _read(self, memory: Any, tokens: Tensor, counts: Tensor, at: Tensor) -> Tensor:
        columns = self._columns(memory.lengths, tokens, counts)
        before, width = memory.positions.shape[1], tokens.shape[1]
        new = torch.arange(width, device=tokens.device)
        memory.positions = torch.cat([memory.positions, columns], 1)
        memory.real = torch.cat([memory.real, new < counts[:, None]], 1)
        distance = columns[:, :, None] - memory.positions[:, None, :]
        itself = torch.arange(before + width, device=tokens.device) == before + new[:, None]
        seen = (memory.real[:, None, :] & (distance >= 0)) | itself  # no row is empty, not even of padding
        memory.lengths = memory.lengths + counts
        return self._logits(
            at,
            input_ids=tokens,
            position_ids=columns.clamp(max=self.max_length - 1),
            attention_mask=attention_masks(self.model, seen, distance),
            past_key_values=memory.cache,
            use_cache=True,
        )


def caches(model: Any) -> bool:
    """Return whether `CachedForward` computes what `PlainForward` does, tried on a few tokens."""
    taken = set(inspect.signature(model.forward).parameters)
    if not ({"past_key_values", "position_ids", "attention_mask"} <= taken and knows_masks(model)):
        return False
    training = model.training
    model.eval()
    try:
        plain, cached = _tried(PlainForward(model)), _tried(CachedForward(model))
    except FAILURES:
        return False
    finally:
        model.train(training)
    return float((plain - cached).abs().mean()) <= tolerance(model.dtype)


def _tried(forward: PlainForward) -> Tensor:
    """Return log-probs of tokens that two rows of different length read in three calls."""
    tokens = torch.tensor([[3, 1, 4, 1, 5], [9, 2, 6, 5, 3]], device=forward.model.device)
    tokens = tokens % forward.model.get_input_embeddings().weight.shape[0]
    counts = torch.tensor([1, 2], device=tokens.device)
    memory, _ = forward.prefill(tokens, counts + 2)
    memory = memory.select(counts - 1)
    logits = forward.extend(memory, tokens[:, :2], counts)
    return forward.score(memory, logits, tokens[:, 1:], counts + 2)


def pick_logprobs(logits: Tensor, tokens: Tensor, counts: Tensor) -> Tensor:
    """Return float32 [B, T], the log-probs of `tokens` under `logits` [B, T, V]; 0 where t >= counts."""
    chosen = logits.float().log_softmax(-1).gather(2, tokens[:, :, None])[:, :, 0]
    return chosen.masked_fill(torch.arange(tokens.shape[1], device=tokens.device) >= counts[:, None], 0.0)
