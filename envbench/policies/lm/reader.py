"""Replying turn after turn to prompts that grow, with what was read kept."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from envbench.errors import InvalidValue
from envbench.policies.lm.decoding import Drawn, generate
from envbench.policies.lm.forward import pad, read_prompts
from envbench.policies.lm.policy import CausalLMPolicy, Reply


class Reader:
    """Conversations side by side: each row reads what its prompt has behind the part that it has read already.

    Args:
        policy: that replies.
        capacity: tokens to make room for at once; a row may outgrow it.
    """

    def __init__(self, policy: CausalLMPolicy, capacity: int = 0) -> None:
        self._policy, self._capacity = policy, capacity
        self._cache: Any = None
        self._read: list[tuple[int, ...]] = []

    def act(
        self,
        prompts: Sequence[tuple[int, ...]],
        uniforms: NDArray[np.float64] | None,
        max_tokens: int,
        rows: Sequence[int],
    ) -> list[Reply]:
        """Reply to many prompts at once.

        Args:
            prompts: token ids, one per conversation that goes on.
            uniforms: float64 [len(prompts), at least max_tokens], or None for the likeliest tokens.
            max_tokens: of a reply.
            rows: of each prompt, its place among the prompts of the call before; a place may come up several times
                (a conversation that is forked), and -1 is a new conversation. Ignored in the first call.

        Raises:
            InvalidValue: for a prompt that does not fit.
        """
        for prompt in prompts:
            if not self._policy.fits(prompt, max_tokens):
                raise InvalidValue(f"a prompt of {len(prompt)} tokens with a reply of {max_tokens} does not fit")
        with self._policy.computing():
            drawn = self._draw(prompts, uniforms, max_tokens, rows)
        self._read = [(*prompt, *one.token_ids[:-1]) for prompt, one in zip(prompts, drawn, strict=True)]
        return self._policy.replies(drawn)

    def _draw(
        self,
        prompts: Sequence[tuple[int, ...]],
        uniforms: NDArray[np.float64] | None,
        max_tokens: int,
        rows: Sequence[int],
    ) -> list[Drawn]:
        """Read what is new and sample."""
        forward = self._policy.forward
        if self._cache is None:
            room = max(max_tokens, self._capacity - max(map(len, prompts)))
            self._cache, logits = read_prompts(forward, prompts, room)
        else:
            device = next(forward.model.parameters()).device
            of = [max(row, 0) for row in rows]  # a new conversation takes what begins alike from any row
            if of != list(range(len(self._read))):
                self._cache = self._cache.select(torch.tensor(of, dtype=torch.int64, device=device))
            kept = [_common(self._read[row], prompt) for row, prompt in zip(of, prompts, strict=True)]
            self._cache.forget(torch.tensor(kept, dtype=torch.int64, device=device))
            tokens, counts = pad([prompt[start:] for prompt, start in zip(prompts, kept, strict=True)], device)
            logits = forward.extend(self._cache, tokens, counts)
        drawn, self._cache = generate(forward, self._cache, logits, uniforms, max_tokens, self._policy.stop, keep=True)
        return drawn


def _common(read: tuple[int, ...], prompt: tuple[int, ...]) -> int:
    """Return how many first tokens of a prompt were read, all but its last at most."""
    longest = min(len(read), len(prompt) - 1)
    if read[:longest] == prompt[:longest]:
        return longest
    return next(place for place in range(longest) if read[place] != prompt[place])
