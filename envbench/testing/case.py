"""A conformance case of a card, bound to its environment: making it, walking in it, recording what happened."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import gymnasium

from envbench.cards import Card, ConformanceCase, cards, home
from envbench.env import Env
from envbench.errors import DataMissing
from envbench.hashing import JsonValue, digest
from envbench.registry import panel
from envbench.seeding import below, choice, derive_seed, generator
from envbench.types.task import Panel

ROOT = 4242


@dataclass(frozen=True)
class Case:
    """One row of `[[conformance]]` with what the checks do to it."""

    card: Card
    row: ConformanceCase

    @property
    def name(self) -> str:
        return f"{self.card.env.family}-{self.row.name}"

    @property
    def split(self) -> str:
        return self.row.split or self.card.dataset(self.row.dataset).default_split

    @property
    def arguments(self) -> dict[str, Any]:
        """Return what `gymnasium.make` takes beside the id."""
        return {"dataset": self.row.dataset, "split": self.split, **self.row.knobs}

    def make(self, **changes: Any) -> Env[Any]:
        env = gymnasium.make(self.card.env.ids[0], **(self.arguments | changes)).unwrapped
        assert isinstance(env, Env)
        return env

    def panel(self, split: str | None = None) -> Panel:
        return panel(self.card.env.family, self.row.dataset, split or self.split, **self.row.knobs)

    def splits(self) -> list[str]:
        """Return the splits of the data set, but those that the card does not pin and whose data are not here."""
        section = self.card.dataset(self.row.dataset)
        return [name for name, split in section.splits.items() if split.sha256 or not section.pinned or self._has(name)]

    def _has(self, split: str) -> bool:
        try:
            return len(self.panel(split)) > 0
        except DataMissing:
            return False

    def task_id(self, number: int) -> str:
        """Return the id of one of the panel's tasks, spread over it by `number`."""
        tasks = self.panel()
        return tasks[derive_seed(ROOT, "case", number) % len(tasks)].id

    def golden_path(self) -> Path:
        return home() / "envs" / self.card.env.family / "golden" / f"{self.row.name}.json"


def cases(family: str) -> list[Case]:
    """Return all cases of a family, in the card's order."""
    card = cards()[family]
    return [Case(card, row) for row in card.conformance]


def walk(env: Env[Any], steps: int, seed: int) -> list[str]:
    """Take random steps from where `env` stands and return the actions; one in eight is no command."""
    bits = generator(derive_seed(seed, "walk"))
    actions = []
    for _ in range(steps):
        offered = env.valid_actions()
        action = "no such command" if not offered or below(bits, 8) == 0 else choice(bits, offered)
        actions.append(action)
        env.step(action)
    return actions


def record(env: Env[Any], actions: list[str]) -> list[JsonValue]:
    """Send `actions` and return everything that came back, as plain data."""
    rows: list[JsonValue] = []
    for action in actions:
        observation, reward, terminated, truncated, info = env.step(action)
        rows.append([action, observation, reward, terminated, truncated, info])
    return rows


def future(env: Env[Any], actions: list[str], keys: list[str]) -> list[list[Any]]:
    """Send `actions` and return rewards, ends and the named keys of info."""
    rows = []
    for action in actions:
        _, reward, terminated, _, info = env.step(action)
        rows.append([reward, terminated, *(info.get(key) for key in keys)])
    return rows


def golden(case: Case) -> dict[str, Any]:
    """Return the trace that is pinned for a case: two short walks with their keys, and the digest of everything.

    Actions on data that do not ship hold words of those data, and are kept as a digest alone.
    """
    shipped = case.card.dataset(case.row.dataset).shipped
    walks = []
    for number in range(2):
        env = case.make()
        seed = derive_seed(ROOT, "golden", number)
        _, info = env.reset(seed=seed, options={"task": case.task_id(number)})
        first = {key: info[key] for key in ("state_hash", "anchor_hash", "observation_hash")}
        start = env.snapshot()
        actions = walk(env, 12, seed)
        env.restore(start)
        rows = record(env, actions)
        walks.append(
            {
                "task": info["task"],
                "digest": env.task.digest,
                "seed": seed,
                "first": first,
                "actions": actions if shipped else digest(actions),
                "last": {"state_hash": env.state_hash(), "anchor_hash": env.anchor_hash()},
                "trace": digest(rows),
            }
        )
    return {"panel": {"id": case.panel().id, "sha256": case.panel().sha256}, "walks": walks}


def write_golden(case: Case) -> Path:
    """Pin the trace of a case. A change of it is a change of the environment: bump its version."""
    path = case.golden_path()
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(golden(case), indent=1, ensure_ascii=True) + "\n", encoding="utf-8")
    return path
