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
    """Conversations side by side: a row whose prompt begins with what it has read reads the rest alone.

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
        if self._cache is None or not self._grows(prompts, rows):
            room = max(max_tokens, self._capacity - max(map(len, prompts)))
            self._cache, logits = read_prompts(forward, prompts, room)
        else:
            device = next(forward.model.parameters()).device
            if list(rows) != list(range(len(self._read))):
                self._cache = self._cache.select(torch.tensor(rows, dtype=torch.int64, device=device))
            behind = [len(self._read[row]) for row in rows]
            tokens, counts = pad([prompt[start:] for prompt, start in zip(prompts, behind, strict=True)], device)
            logits = forward.extend(self._cache, tokens, counts)
        drawn, self._cache = generate(forward, self._cache, logits, uniforms, max_tokens, self._policy.stop, keep=True)
        return drawn

    def _grows(self, prompts: Sequence[tuple[int, ...]], rows: Sequence[int]) -> bool:
        return all(
            row >= 0 and len(prompt) > len(self._read[row]) and prompt[: len(self._read[row])] == self._read[row]
            for prompt, row in zip(prompts, rows, strict=True)
        )
