"""Chat completions of an OpenAI-compatible endpoint."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any, NamedTuple

from envbench.endpoint import Endpoint, Malformed


class Answer(NamedTuple):
    """A model's reply and what it took, as the endpoint counted it (0 where it does not say)."""

    text: str
    prompt_tokens: int
    completion_tokens: int


class ChatEndpoint(Endpoint):
    """An endpoint that is asked for the next message of a chat."""

    def complete(self, request: Mapping[str, Any]) -> Answer:
        """Return the reply to a chat-completion request; raises what `post` raises."""
        return self.post("/chat/completions", request, _read)


def _read(body: bytes) -> Answer:
    try:
        document = json.loads(body)
        content = document["choices"][0]["message"]["content"]
        usage = document.get("usage") or {}
        counts = [usage.get(name) or 0 for name in ("prompt_tokens", "completion_tokens")]
    except (ValueError, LookupError, TypeError, AttributeError):
        raise Malformed(f"the answer is no chat completion ({body[:200]!r})") from None
    if not isinstance(content, str | None) or not all(type(count) is int and count >= 0 for count in counts):
        raise Malformed(f"the answer is no chat completion ({body[:200]!r})")
    return Answer(content or "", counts[0], counts[1])
