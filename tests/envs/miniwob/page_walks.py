"""Random walks on task pages, to compare processes: `python page_walks.py PAGE...` (all pages when none is named).

Prints one JSON object: source of the task -> rows of keys, rewards and actions.
"""

import json
import sys
from typing import Any

import gymnasium

from envbench.env import Env
from envbench.registry import panel
from envbench.seeding import below, choice, derive_seed, generator
from envbench.types.task import Task

ID = "envbench/MiniWoB-v0"
STEPS = 7


def make(**knobs: Any) -> Env[Any]:
    env = gymnasium.make(ID, dataset="pages", max_steps=None, disable_env_checker=True, **knobs).unwrapped
    assert isinstance(env, Env)
    return env


def tasks(pages: list[str], seeds: int = 2) -> list[Task]:
    """The tasks of some pages (of all when empty), with their first seeds."""
    found: list[Task] = []
    for task in panel(ID, "pages"):
        if (not pages or task.kind in pages) and sum(one.kind == task.kind for one in found) < seeds:
            found.append(task)
    return found


def next_action(env: Env[Any], bits: Any) -> str:
    """Mostly what is offered, else clicks, drags and keys anywhere."""
    kind = below(bits, 10)
    x, y, to_x, to_y = (below(bits, 160) for _ in range(4))
    if kind < 5:
        return choice(bits, env.valid_actions() or ("noop()",))
    if kind < 7:
        return f"mouse_click({x}, {50 + y})"
    if kind == 7:
        return choice(bits, ['keyboard_press("Tab")', 'keyboard_type("ab")', 'keyboard_press("Enter")'])
    if kind == 8:
        return f"mouse_drag({x}, {50 + y}, {to_x}, {50 + to_y})"
    return f"mouse_move({x}, {50 + y})"


def walked(env: Env[Any], task: Task) -> list[list[Any]]:
    """Play a few random steps and return what came back."""
    bits = generator(derive_seed(1, "walk", task.source))
    _, info = env.reset(seed=0, options={"task": task.id})
    rows: list[list[Any]] = [[info["state_hash"], info["anchor_hash"], info["observation_hash"]]]
    for _ in range(STEPS):
        action = next_action(env, bits)
        _, reward, terminated, truncated, info = env.step(action)
        keys = [info["state_hash"], info["anchor_hash"], info["observation_hash"]]
        rows.append([action, reward, info["valid"], info.get("failure", ""), *keys])
        if terminated or truncated:
            break
    return rows


if __name__ == "__main__":
    played = make()
    json.dump({task.source: walked(played, task) for task in tasks(sys.argv[1:])}, sys.stdout)
    played.close()
