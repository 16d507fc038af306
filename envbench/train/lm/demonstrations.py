"""What the oracle would have said, as rows of tokens: the data of a warm start."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from envbench.agents.prompting import Prompting
from envbench.agents.prompts import offered_by, write_reply
from envbench.env import Env
from envbench.policies.lm.tokenizer import encode
from envbench.seeding import choice, derive_seed, generator, uniform
from envbench.train.packed import TokenRow
from envbench.types import Task


def demonstrations(
    env: Env[Any], tasks: Sequence[Task], prompting: Prompting, tokenizer: Any, *, noise: float, walks: int, seed: int
) -> list[TokenRow]:
    """Return one row per step of walks with the oracle: the prompt there, and the oracle's action as the reply.

    With probability `noise` a random valid action is taken instead, so that the model also learns the way back; the
    reply that is learnt is the oracle's all the same. A walk ends where the oracle knows no further action. Where a
    menu lacks the oracle's action, such as a search in its own words, the first entry stands in, once in a walk.

    Args:
        env: not wrapped.
        tasks: that are walked.
        prompting: asks as the trainer will.
        tokenizer: of `transformers`.
        noise: share of steps that are random.
        walks: of each task; the first is without noise.
        seed: root of the draws.
    """
    rows = []
    for task in tasks:
        for walk in range(walks):
            one = derive_seed(seed, "demonstration", task.id, walk)
            rows += list(_walk(env, task, prompting, tokenizer, noise if walk else 0.0, one))
    return rows


def _walk(
    env: Env[Any], task: Task, prompting: Prompting, tokenizer: Any, noise: float, seed: int
) -> Iterator[TokenRow]:
    bits = generator(seed)
    observation, info = env.reset(seed=seed, options={"task": task.id})
    talk = prompting.talk(env.max_steps)
    free = prompting.style != "menu"
    strayed = False
    while "outcome" not in info:
        wanted = env.oracle()
        if wanted is None:
            return
        prompt, offered = talk.ask(observation, info), offered_by(info, prompting.style)
        if not free and wanted not in offered:
            if strayed or not offered:
                return
            strayed, wanted = True, offered[0]
        yield TokenRow(prompt, _reply(prompting.style, tokenizer, wanted, offered)[1])
        taken = choice(bits, offered) if offered and uniform(bits) < noise else wanted
        text, written = _reply(prompting.style, tokenizer, taken, offered)
        talk.hear(text, True, written)
        observation, _, _, _, info = env.step(taken)


def _reply(style: str, tokenizer: Any, action: str, offered: Sequence[str]) -> tuple[str, tuple[int, ...]]:
    """Return the text and the token ids of the reply that means an action."""
    text = write_reply(style, action, offered)
    return text, (*encode(tokenizer, text), tokenizer.eos_token_id)
