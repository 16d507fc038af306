"""From chat messages to the token ids that a model continues."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from envbench.policies.lm.tokenizer import encode


def prompt_ids(tokenizer: Any, messages: Sequence[Mapping[str, str]]) -> list[int]:
    """Return the tokens of a prompt, up to where the reply begins.

    A tokenizer with a chat template uses it. One without, such as those made here, writes the beginning mark, then each
    message and two line ends; text that looks like a mark stays text.

    Args:
        tokenizer: of `transformers`.
        messages: `{"role": ..., "content": ...}`, as `envbench.agents.prompts.Prompt.messages` returns them.
    """
    if getattr(tokenizer, "chat_template", None):
        ids: list[int] = tokenizer.apply_chat_template(
            list(messages), add_generation_prompt=True, tokenize=True, return_dict=False
        )
        return ids
    start = [] if tokenizer.bos_token_id is None else [tokenizer.bos_token_id]
    return start + encode(tokenizer, "".join(f"{message['content']}\n\n" for message in messages))


def rest_ids(tokenizer: Any, messages: Sequence[Mapping[str, str]], recorded: Sequence[int]) -> list[int] | None:
    """Return the tokens of the last message, to stand behind a recorded transcript of those before it.

    None where the tokenizer has a chat template that does not begin with the recorded tokens, because it rewrites
    earlier turns (drops their thoughts, say) or because the reply was not written as the tokenizer would write it.
    """
    if not getattr(tokenizer, "chat_template", None):
        return encode(tokenizer, f"{messages[-1]['content']}\n\n")
    whole = prompt_ids(tokenizer, messages)
    return whole[len(recorded) :] if whole[: len(recorded)] == list(recorded) and len(whole) > len(recorded) else None
