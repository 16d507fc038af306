"""What the environments say and hear: the text that tokenizers are trained on."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import gymnasium

from envbench.cards import home
from envbench.env import Env
from envbench.registry import card_of, ids, panel
from envbench.seeding import choice, derive_seed, generator


def core_ids() -> tuple[str, ...]:
    """Return the ids of the families that need no extra, sorted."""
    return tuple(sorted(id for id in ids() if not card_of(id).env.extra))


def corpus(env_ids: Sequence[str], *, tasks: int = 24, steps: int = 12, seed: int = 0) -> Iterator[str]:
    """Yield instructions, observations, actions and prompt templates, in a fixed order.

    Each task of the builtin training split is walked twice: by its oracle (which may know no further action) and at
    random over the valid actions.

    Args:
        env_ids: Gymnasium ids.
        tasks: of each environment, spread evenly over the panel.
        steps: of each walk, at most.
        seed: of the random walks and of the noise.
    """
    for id in env_ids:
        for path in sorted((home() / "envs" / card_of(id).env.family / "prompts").glob("*.toml")):
            yield path.read_text(encoding="utf-8")
        env: Any = gymnasium.make(id, dataset="builtin").unwrapped
        panel_ids = [task.id for task in panel(id)]
        chosen = panel_ids[:: max(len(panel_ids) // tasks, 1)][:tasks]
        for task in chosen:
            for walk in ("oracle", "random"):
                yield from _walk(env, task, walk, derive_seed(seed, "corpus", id, task, walk), steps)
        env.close()


def _walk(env: Env[Any], task: str, walk: str, seed: int, steps: int) -> Iterator[str]:
    bits = generator(seed)
    observation, info = env.reset(seed=seed % (1 << 31), options={"task": task})
    yield info["instruction"]
    for _ in range(steps):
        yield str(observation["text"]) if isinstance(observation, dict) else str(observation)
        offered = info["valid_actions"] or ()
        yield "\n".join(offered)
        action = env.oracle() if walk == "oracle" else choice(bits, offered) if offered else None
        if action is None:
            return
        yield action
        observation, _, terminated, truncated, info = env.step(action)
        if terminated or truncated:
            return
