"""The forward pass of Qwen and Llama models with a cache of its own: the library's numbers with fewer operations.

Rows are padded on the right, so a row's token number t always stands at column t of the cache, and a row may grow by
any number of tokens at a time: the prompt, one sampled token, or the next turn of a conversation.
"""

from __future__ import annotations

import logging
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache as remembered
from typing import Any, NamedTuple, Protocol

import torch
from torch import Tensor
from torch.nn import functional
from torch.utils.checkpoint import checkpoint

from envbench.errors import InvalidValue
from envbench.policies.lm.library import CachedForward, PlainForward, caches, pick_logprobs, window_of

ARCHITECTURES = ("qwen2", "qwen3", "llama", "mistral")
_ROPES = ("default", "linear", "llama3", "yarn")  # whose angles do not depend on how long the text is
_log = logging.getLogger(__name__)
_SHORTEST_PREFIX = 8  # tokens; sharing less than that costs more calls than it saves


@dataclass(slots=True)
class Cache:
    """Keys and values of what was read so far.

    Attributes:
        keys, values: per layer, [B, heads of keys, capacity, width of a head].
        lengths: int64 [B], tokens of each row; what is behind them is padding.
    """

    keys: list[Tensor]
    values: list[Tensor]
    lengths: Tensor

    def select(self, rows: Tensor) -> Cache:
        """Return a new cache of these rows (int64 [n]), which may repeat or leave out some."""
        return Cache(
            [key.index_select(0, rows) for key in self.keys],
            [value.index_select(0, rows) for value in self.values],
            self.lengths.index_select(0, rows),
        )

    def reserve(self, capacity: int) -> None:
        """Make room for rows of `capacity` tokens, and for half as much again as there was: rows grow turn by turn."""
        here = self.keys[0].shape[2]
        if capacity > here:
            more = max(capacity, here + here // 2) - here
            self.keys = [functional.pad(key, (0, 0, 0, more)) for key in self.keys]
            self.values = [functional.pad(value, (0, 0, 0, more)) for value in self.values]

    def forget(self, lengths: Tensor) -> None:
        """Keep the first `lengths` tokens of each row (int64 [B], none above what it has)."""
        self.lengths = lengths


class _Place(NamedTuple):
    """Where new tokens go: columns int64 [B, T], and what they may look at, bool [B, 1, T, columns]."""

    columns: Tensor
    visible: Tensor


class FastForward:
    """A model's forward pass on its own weights; gradients reach them.

    Args:
        model: a causal model of `ARCHITECTURES` with full attention, and rotary positions of a fixed kind.

    Attributes:
        checkpointing: `forward` keeps no activations inside a layer and computes them again in the backward pass.

    Raises:
        InvalidValue: for a model of another shape (`supports` says so beforehand).
    """

    def __init__(self, model: Any) -> None:
        if not supports(model):
            raise InvalidValue(f"FastForward knows {', '.join(ARCHITECTURES)}, not {model.config.model_type!r}")
        config = model.config
        self.model = model
        self.checkpointing = False
        self.max_length: int = config.max_position_embeddings
        self._body = model.model
        self._normed = config.model_type == "qwen3"  # each head's queries and keys
        self._heads: int = config.num_attention_heads
        self._key_heads: int = config.num_key_value_heads
        self._width: int = getattr(config, "head_dim", None) or config.hidden_size // config.num_attention_heads

    def forward(self, tokens: Tensor, positions: Tensor, mask: Tensor | None) -> Tensor:
        """Return the hidden states behind the last norm, without a cache.

        Args:
            tokens: int64 [B, T].
            positions: int64 [B, T], as the rotary embedding counts them.
            mask: float, broadcast to [B, heads, T, T] and added to the scores; None for causal.

        Returns:
            [B, T, H].
        """
        rotation = self._rotation(positions)
        hidden = functional.embedding(tokens, self._body.embed_tokens.weight)
        if mask is not None:
            mask = mask.to(self._dtype())
        for layer in self._body.layers:
            if self.checkpointing and torch.is_grad_enabled():
                hidden = checkpoint(self._layer, layer, hidden, rotation, mask, use_reentrant=False)
            else:
                hidden = self._layer(layer, hidden, rotation, mask)
        return _norm(self._body.norm, hidden)

    def _layer(self, layer: Any, hidden: Tensor, rotation: tuple[Tensor, Tensor], mask: Tensor | None) -> Tensor:
        query, key, value = self._project(layer, hidden, rotation)
        return self._finish(layer, hidden, self._attend(query, key, value, mask, causal=mask is None))

    def logits(self, hidden: Tensor) -> Tensor:
        """Return the logits [..., V] of hidden states [..., H]."""
        head = self.model.lm_head
        return functional.linear(hidden, head.weight, head.bias)

    def outputs(self, tokens: Tensor, positions: Tensor, mask: Tensor | None, places: Tensor) -> tuple[Tensor, Tensor]:
        """Return the hidden states [D, H] and logits [D, V] at places (int64 [D]) of the flattened [B * T]."""
        read = self.forward(tokens, positions, mask).flatten(0, 1).index_select(0, places)
        return read, self.logits(read)

    def empty(self, rows: int, capacity: int) -> Cache:
        """Return a cache of `rows` rows that have read nothing."""
        weight = self._body.embed_tokens.weight
        dtype = self._dtype()
        shape = (rows, self._key_heads, capacity, self._width)
        keys, values = ([weight.new_zeros(shape, dtype=dtype) for _ in self._body.layers] for _ in range(2))
        return Cache(keys, values, torch.zeros(rows, dtype=torch.int64, device=weight.device))

    def prefill(self, tokens: Tensor, lengths: Tensor, room: int = 0) -> tuple[Cache, Tensor]:
        """Read prompts.

        Args:
            tokens: int64 [B, T], padded on the right with any token.
            lengths: int64 [B], tokens of each prompt, at least 1.
            room: further tokens to make place for.

        Returns:
            The cache, and the logits [B, V] behind each prompt's last token.
        """
        cache = self.empty(tokens.shape[0], tokens.shape[1] + room)
        return cache, self.extend(cache, tokens, lengths)

    def decode(self, cache: Cache, tokens: Tensor) -> Tensor:
        """Read one more token (int64 [B]) in every row and return the logits [B, V] behind it."""
        return self.extend(cache, tokens[:, None], torch.ones_like(tokens))

    @torch.no_grad()
    def extend(self, cache: Cache, tokens: Tensor, counts: Tensor) -> Tensor:
        """Read more tokens in every row, in place.

        Args:
            cache: grown where it is too small.
            tokens: int64 [B, T], padded on the right.
            counts: int64 [B], tokens of each row that count; a row with 0 stays as it is, its logits mean nothing.

        Returns:
            [B, V], the logits behind each row's last token.
        """
        hidden = self._read(cache, tokens, counts)
        last = (counts - 1).clamp(min=0)[:, None, None].expand(-1, 1, hidden.shape[2])
        return self.logits(hidden.gather(1, last)[:, 0])

    @torch.no_grad()
    def score(self, cache: Cache, logits: Tensor, tokens: Tensor, counts: Tensor) -> Tensor:
        """Read more tokens in every row and return their log-probs.

        Args:
            cache: as for `extend`.
            logits: [B, V], what was returned behind the rows' last tokens.
            tokens: as for `extend`.
            counts: as for `extend`, every one at least 1.

        Returns:
            float32 [B, T], 0 behind each row's last token.
        """
        hidden = self._read(cache, tokens, counts)
        ahead = torch.cat([logits[:, None], self.logits(hidden[:, :-1])], dim=1)
        return pick_logprobs(ahead, tokens, counts)

    def _read(self, cache: Cache, tokens: Tensor, counts: Tensor) -> Tensor:
        width = tokens.shape[1]
        first = not bool(cache.lengths.any())
        columns = cache.lengths[:, None] + torch.arange(width, device=tokens.device)
        end = int(columns.max()) + 1
        if int((cache.lengths + counts).max()) > self.max_length:
            raise InvalidValue(
                f"{int((cache.lengths + counts).max())} tokens do not fit: the model reads at most {self.max_length}; "
                "use a shorter history or another model"
            )
        cache.reserve(end)
        visible = torch.arange(end, device=tokens.device) <= columns[:, None, :, None]
        hidden = self._through(cache, tokens, _Place(columns, visible), first)
        cache.lengths = cache.lengths + counts
        return hidden

    def _through(self, cache: Cache, tokens: Tensor, place: _Place, first: bool) -> Tensor:
        rotation = self._rotation(place.columns)
        hidden = functional.embedding(tokens, self._body.embed_tokens.weight)
        end = place.visible.shape[-1]
        at = place.columns[:, None, :, None].expand(-1, self._key_heads, -1, self._width)
        for number, layer in enumerate(self._body.layers):
            query, key, value = self._project(layer, hidden, rotation)
            cache.keys[number].scatter_(2, at, key)
            cache.values[number].scatter_(2, at, value)
            if first:
                seen = self._attend(query, key, value, None, causal=True)
            else:
                kept = cache.keys[number][:, :, :end], cache.values[number][:, :, :end]
                seen = self._attend(query, *kept, place.visible, causal=False)
            hidden = self._finish(layer, hidden, seen)
        return _norm(self._body.norm, hidden)

    def _dtype(self) -> torch.dtype:
        """Return what linear maps compute in: the weights' dtype, or autocast's."""
        weight: Tensor = self._body.embed_tokens.weight
        kind = weight.device.type
        return torch.get_autocast_dtype(kind) if torch.is_autocast_enabled(kind) else weight.dtype

    def _rotation(self, positions: Tensor) -> tuple[Tensor, Tensor]:
        angles = positions[..., None].float() * self._body.rotary_emb.inv_freq.float()
        angles = torch.cat([angles, angles], dim=-1)[:, None]
        dtype, scale = self._body.embed_tokens.weight.dtype, self._body.rotary_emb.attention_scaling
        return (angles.cos() * scale).to(dtype), (angles.sin() * scale).to(dtype)

    def _project(self, layer: Any, hidden: Tensor, rotation: tuple[Tensor, Tensor]) -> tuple[Tensor, Tensor, Tensor]:
        attention = layer.self_attn
        normed = _norm(layer.input_layernorm, hidden)
        query, key, value = (
            project(normed).unflatten(-1, (heads, self._width)).transpose(1, 2)
            for project, heads in (
                (attention.q_proj, self._heads),
                (attention.k_proj, self._key_heads),
                (attention.v_proj, self._key_heads),
            )
        )
        if self._normed:
            query, key = _norm(attention.q_norm, query), _norm(attention.k_norm, key)
        return _rotate(query, *rotation), _rotate(key, *rotation), value

    def _attend(self, query: Tensor, key: Tensor, value: Tensor, mask: Tensor | None, causal: bool) -> Tensor:
        grouped = self._heads != self._key_heads
        # On CUDA the kernels that save memory take fewer heads of keys only in half precision and without a mask.
        if grouped and query.is_cuda and (mask is not None or query.dtype == torch.float32):
            times = self._heads // self._key_heads
            key, value, grouped = key.repeat_interleave(times, 1), value.repeat_interleave(times, 1), False
        return functional.scaled_dot_product_attention(
            query, key, value, attn_mask=mask, is_causal=causal, enable_gqa=grouped
        )

    @staticmethod
    def _finish(layer: Any, hidden: Tensor, seen: Tensor) -> Tensor:
        hidden = hidden + layer.self_attn.o_proj(seen.transpose(1, 2).flatten(2))
        normed = _norm(layer.post_attention_layernorm, hidden)
        mlp = layer.mlp
        inner = functional.silu(mlp.gate_proj(normed)) * mlp.up_proj(normed)
        finished: Tensor = hidden + mlp.down_proj(inner)
        return finished


class Forward(Protocol):
    """What decoding needs: `FastForward`, `CachedForward` or `PlainForward`, each with its own cache."""

    model: Any
    max_length: int

    def prefill(self, tokens: Tensor, lengths: Tensor, room: int = 0) -> tuple[Any, Tensor]:
        """Read prompts; see `FastForward.prefill`."""
        ...

    def extend(self, cache: Any, tokens: Tensor, counts: Tensor) -> Tensor:
        """Read more; see `FastForward.extend`."""
        ...

    def score(self, cache: Any, logits: Tensor, tokens: Tensor, counts: Tensor) -> Tensor:
        """Read more and return the log-probs; see `FastForward.score`."""
        ...


def forward_of(model: Any) -> Forward:
    """Return the fastest forward pass that is right for a model."""
    forward: Any
    if supports(model):
        forward = FastForward(model)
    else:
        kept = caches(model)
        forward = CachedForward(model) if kept else PlainForward(model)
        _say_slow(model.config.model_type, kept)
    found: Forward = forward
    return found


@remembered
def _say_slow(kind: str, kept: bool) -> None:
    """Say it once."""
    way = "with its cache" if kept else "without a cache: every token reads the whole text again"
    _log.warning("model_type %r has no fast path; it is computed by transformers, %s", kind, way)


def supports(model: Any) -> bool:
    """Return whether `FastForward` computes what this model does."""
    config = model.config
    rope = getattr(config, "rope_parameters", None) or {}
    return (
        config.model_type in ARCHITECTURES
        and config.hidden_act == "silu"
        and rope.get("rope_type", "default") in _ROPES
        and window_of(model) is None
    )


def read_prompts(forward: Forward, prompts: Sequence[Sequence[int]], room: int) -> tuple[Any, Tensor]:
    """Read prompts, equal ones once and the beginning that all share once.

    Args:
        forward: of the model.
        prompts: token ids, none empty.
        room: further tokens to make place for.

    Returns:
        The cache with one row per prompt, and the logits [B, V] behind each.
    """
    device = next(forward.model.parameters()).device
    distinct = list(dict.fromkeys(tuple(prompt) for prompt in prompts))
    number = {prompt: place for place, prompt in enumerate(distinct)}
    shared = _common_prefix(distinct) if len(distinct) > 1 else 0
    if shared < _SHORTEST_PREFIX:
        cache, logits = forward.prefill(*pad(distinct, device), room=room)
    else:
        rest, counts = pad([prompt[shared:] for prompt in distinct], device)
        cache, _ = forward.prefill(*pad([distinct[0][:shared]], device), room=rest.shape[1] + room)
        cache = cache.select(torch.zeros(len(distinct), dtype=torch.int64, device=device))
        logits = forward.extend(cache, rest, counts)
    if len(distinct) < len(prompts):
        rows = torch.tensor([number[tuple(prompt)] for prompt in prompts], device=device)
        cache, logits = cache.select(rows), logits.index_select(0, rows)
    return cache, logits


def pad(rows: Sequence[Sequence[int]], device: Any = None) -> tuple[Tensor, Tensor]:
    """Return tokens int64 [B, T], padded on the right with 0, and their counts int64 [B]."""
    width = max(len(row) for row in rows)
    tokens = torch.tensor([[*row, *[0] * (width - len(row))] for row in rows], dtype=torch.int64, device=device)
    return tokens, torch.tensor([len(row) for row in rows], dtype=torch.int64, device=device)


def _common_prefix(prompts: list[tuple[int, ...]]) -> int:
    """Return how many first tokens all share, at most one less than the shortest has."""
    low, high = min(prompts), max(prompts)
    longest = min(len(prompt) for prompt in prompts) - 1
    for place in range(longest):
        if low[place] != high[place]:
            return place
    return longest


def _norm(norm: Any, hidden: Tensor) -> Tensor:
    wide = hidden.float()
    wide = wide * torch.rsqrt(wide.pow(2).mean(-1, keepdim=True) + norm.variance_epsilon)
    scaled: Tensor = norm.weight * wide.to(hidden.dtype)
    return scaled


def _rotate(x: Tensor, cosine: Tensor, sine: Tensor) -> Tensor:
    """Return x turned, in its own dtype: under autocast angles are wider than what they turn."""
    first, second = x.chunk(2, dim=-1)
    return (x * cosine + torch.cat([-second, first], dim=-1) * sine).to(x.dtype)
