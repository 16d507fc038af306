"""Sampling replies, many rows at a time: inversion of uniforms that the caller has drawn, or the likeliest token."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from envbench.policies.lm.forward import Forward

_LEAVE = 0.75  # rows are taken out of the batch once no more than this share of it goes on


@dataclass(slots=True)
class Drawn:
    """One sampled reply: token ids, and their log-probs at temperature 1 (float32), end token included."""

    token_ids: list[int] = field(default_factory=list)
    logprobs: list[float] = field(default_factory=list)


def draw(logits: Tensor, uniforms: NDArray[np.float64] | None) -> Tensor:
    """Return int64 [B], one token per row.

    Args:
        logits: [B, V].
        uniforms: float64 [B] in [0, 1), drawn by `envbench.seeding`; None for the likeliest token.

    The cumulated probabilities are float64 whatever the model computes in. On the CPU equal logits give equal tokens;
    elsewhere sums depend on the order of threads, and a draw that falls on a border may come out on either side.
    """
    if uniforms is None:
        return logits.argmax(-1)
    cumulated = logits.detach().double().softmax(-1).cumsum(-1)
    point = torch.from_numpy(uniforms).to(logits.device)[:, None] * cumulated[:, -1:]
    # The first token whose cumulated probability exceeds the point has a probability above 0.
    return torch.searchsorted(cumulated, point, right=True)[:, 0].clamp(max=logits.shape[1] - 1)


def generate(
    forward: Forward,
    cache: Any,
    logits: Tensor,
    uniforms: NDArray[np.float64] | None,
    max_tokens: int,
    stop: frozenset[int],
    *,
    keep: bool = False,
) -> tuple[list[Drawn], Any]:
    """Sample a reply in every row, until a token of `stop` or `max_tokens`.

    Args:
        forward: of the model.
        cache: what the rows have read; it is written to.
        logits: [B, V], behind the rows' last tokens.
        uniforms: float64 [B, at least max_tokens]; None for greedy.
        max_tokens: of one reply.
        stop: ids that end a reply; they belong to it.
        keep: leave every row in the cache, so that the next turn can extend it.

    Returns:
        One reply per row, and, with `keep`, the cache: it has read each row's reply but for its last token.
    """
    replies = [Drawn() for _ in range(logits.shape[0])]
    rows = list(range(len(replies)))  # of the cache, in order; numbers of replies
    going = [True] * len(rows)
    for step in range(max_tokens):
        column = None if uniforms is None else np.ascontiguousarray(uniforms[rows, step])
        tokens = draw(logits, column)
        logprobs = logits.float().log_softmax(-1).gather(1, tokens[:, None])[:, 0]
        for place, (token, logprob) in enumerate(zip(tokens.tolist(), logprobs.tolist(), strict=True)):
            if going[place]:
                replies[rows[place]].token_ids.append(token)
                replies[rows[place]].logprobs.append(logprob)
                going[place] = token not in stop
        if step + 1 == max_tokens or not any(going):
            break
        if not keep and going.count(True) <= _LEAVE * len(going):
            left = [place for place, goes in enumerate(going) if goes]
            at = torch.tensor(left, device=logits.device)
            cache, tokens = cache.select(at), tokens.index_select(0, at)
            rows, going = [rows[place] for place in left], [True] * len(left)
        counts = torch.tensor([int(goes) for goes in going], device=logits.device)
        logits = forward.extend(cache, tokens[:, None], counts)
    return replies, cache
