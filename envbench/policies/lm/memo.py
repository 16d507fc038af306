"""Sampling with every distribution computed once: equal beginnings of equal prompts have equal next tokens.

Groups meet the same situations again and again, in one turn and over the turns of an iteration, so that nine of ten
rows of a small model on a small world are repetitions. What is merged is exact: a row draws from the same numbers
that it would have computed.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from envbench.policies.lm.decoding import Drawn
from envbench.policies.lm.forward import Forward, read_prompts

LARGEST_VOCABULARY = 8192  # beyond it a distribution takes more room than it saves time
_BYTES = 256 * 10**6

Ids = tuple[int, ...]


class _Next(NamedTuple):
    """A distribution over the next token: cumulated float64 [V], log-probs float32 [V], and the likeliest token."""

    cumulated: NDArray[np.float64]
    logprobs: NDArray[np.float32]
    likeliest: int

    def draw(self, uniform: float | None) -> int:
        """Return the token that `decoding.draw` would."""
        if uniform is None:
            return self.likeliest
        place = int(np.searchsorted(self.cumulated, uniform * self.cumulated[-1], side="right"))
        return min(place, len(self.cumulated) - 1)


class _Row:
    """A row that is being drawn."""

    def __init__(self, prompt: Ids, uniforms: Sequence[float] | None) -> None:
        self.read, self.reply, self.over = prompt, Drawn(), False
        self._uniforms = uniforms

    def take(self, following: _Next, limit: int, stop: frozenset[int]) -> None:
        """Draw the next token."""
        place = len(self.reply.token_ids)
        token = following.draw(None if self._uniforms is None else self._uniforms[place])
        self.reply.token_ids.append(token)
        self.reply.logprobs.append(float(following.logprobs[token]))
        self.read = (*self.read, token)
        self.over = token in stop or place + 1 == limit


class Memo:
    """Distributions by what was read, for one state of a model's weights.

    The last bits of a distribution depend on how many rows were computed beside it. What is to be repeated to the bit,
    as an iteration of a run that is taken up again, therefore begins with nothing known (`forget`).

    Args:
        forward: of the model; a change of its parameters empties the memory.
    """

    def __init__(self, forward: Forward) -> None:
        self._forward = forward
        self._of: tuple[Any, ...] = ()
        self.forget()

    def forget(self) -> None:
        """Drop every distribution."""
        self._known: dict[Ids, _Next] = {}
        self._size = 0

    def generate(
        self,
        prompts: Sequence[Sequence[int]],
        uniforms: NDArray[np.float64] | None,
        max_tokens: int,
        stop: frozenset[int],
    ) -> list[Drawn]:
        """Sample a reply to every prompt; see `decoding.generate`."""
        self._check()
        draws = [None] * len(prompts) if uniforms is None else uniforms.tolist()
        rows = [_Row(tuple(prompt), draw) for prompt, draw in zip(prompts, draws, strict=True)]
        waiting = self._walk(rows, max_tokens, stop)
        while waiting:
            need = list(dict.fromkeys(row.read for row in waiting))
            cache, logits = read_prompts(self._forward, need, max_tokens)
            while need:
                self._note(need, logits)
                waiting = self._walk(waiting, max_tokens, stop)
                number = {read: place for place, read in enumerate(need)}
                following = list(dict.fromkeys(row.read for row in waiting))
                if not following or any(read[:-1] not in number for read in following):
                    break  # a row went on through what was known: its beginning is not in this cache
                parents = [number[read[:-1]] for read in following]
                if parents != list(range(len(need))):
                    cache = cache.select(torch.tensor(parents, device=logits.device))
                tokens = torch.tensor([[read[-1]] for read in following], device=logits.device)
                logits = self._forward.extend(cache, tokens, torch.ones_like(tokens[:, 0]))
                need = following
        return [row.reply for row in rows]

    def _walk(self, rows: Sequence[_Row], limit: int, stop: frozenset[int]) -> list[_Row]:
        """Draw as far as the distributions are known, and return the rows that need another one."""
        known, left = self._known, []
        for row in rows:
            while not row.over:
                following = known.get(row.read)
                if following is None:
                    left.append(row)
                    break
                row.take(following, limit, stop)
        return left

    def _note(self, read: Sequence[Ids], logits: Tensor) -> None:
        wide = logits.detach().double().cpu()
        cumulated = wide.softmax(-1).cumsum(-1).numpy()
        logprobs = logits.detach().float().log_softmax(-1).cpu().numpy()
        likeliest = wide.argmax(-1).tolist()
        for place, one in enumerate(read):
            self._known[one] = _Next(cumulated[place], logprobs[place], likeliest[place])
        self._size += cumulated.nbytes + logprobs.nbytes

    def _check(self) -> None:
        """Forget everything where the weights have changed, or where it has become too much."""
        parameters = list(self._forward.model.parameters())
        autocast = torch.is_autocast_enabled(parameters[0].device.type)
        of = (autocast, *(one._version for one in parameters))
        if of != self._of or self._size > _BYTES:
            self.forget()
            self._of = of
