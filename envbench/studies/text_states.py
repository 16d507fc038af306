"""How often a text is not the state: the same words for different states, other words for the same one.

Methods that group steps by what was shown take equal text for an equal state. Two mistakes follow, counted within a
task over the episodes of one agent: *merges*, a text that stands for several states, and *splits*, a state that was met
under several texts. Both are counted for states (`state_hash`) and for anchors (`anchor_hash`), and as shares of the
texts or states met and of the steps taken there.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import gymnasium

import envbench  # noqa: F401  # registers the ids
from envbench.agents import Agent, Reply, make
from envbench.cards import cards
from envbench.env import Env
from envbench.registry import panel
from envbench.rollout.play import play
from envbench.seeding import below, derive_seed, generator
from envbench.stats import bootstrap
from envbench.studies import tables
from envbench.studies.tables import shown, table, wrapped
from envbench.types import Step, Task

ROOT = 0
"""Seed below which every draw of the study is derived."""
TASKS = 48
TRIALS = 8
"""Episodes of each agent on a task: a group."""
WANDER = 10
STRAY = "stray"
ALL = "all together"
KEYS = ("anchor", "state")
SCRIPT = "scripts/text_states.py"
BEGIN = f"<!-- text_states: made by {SCRIPT}, do not edit -->"
END = "<!-- /text_states -->"


class Stray:
    """Takes a few random steps, then asks another agent from where it stands.

    Args:
        name: of this agent.
        then: the other one.
        most: random steps, at least one.
    """

    def __init__(self, name: str = STRAY, then: str = "oracle", most: int = WANDER) -> None:
        self.name, self._most = name, most
        self._random, self._then = make("random"), make(then)

    def start(self, env: Env[Any], observation: Any, info: Mapping[str, Any], trial: int = 0) -> None:
        self._random.start(env, observation, info, trial)
        self._then.start(env, observation, info, trial)
        self._left = 1 + below(generator(derive_seed(info["seed"], "agent", self.name)), self._most)

    def act(self, observation: Any, info: Mapping[str, Any]) -> Reply:
        self._left -= 1
        return (self._random if self._left >= 0 else self._then).act(observation, info)


@dataclass(frozen=True, slots=True)
class Row:
    """One estimate, a share in 0..1 rounded to six digits.

    Attributes:
        dataset, split: of the card.
        agent: whose episodes.
        key: `anchor` or `state`.
        mistake: `merge`, texts that stand for several keys, or `split`, keys met under several texts.
        of: what the share is of: `texts` (merges), `keys` (splits) or `steps`.
        estimate, low, high: the share and its 95 % interval over clusters of tasks.
        n: values behind it.
        units: clusters.
    """

    dataset: str
    split: str
    agent: str
    key: str
    mistake: str
    of: str
    estimate: float
    low: float
    high: float
    n: int
    units: int


class Played(NamedTuple):
    """The steps of one agent's episodes on one task, and the task's cluster."""

    cluster: str
    steps: list[Step]


def crowded(steps: Sequence[Step], key: str, by: str = "observation") -> dict[str, bool]:
    """Return for each value of the field `by` whether it was met with two or more values of the field `key`."""
    behind: dict[str, set[str]] = {}
    for step in steps:
        behind.setdefault(getattr(step, by), set()).add(getattr(step, key))
    return {value: len(keys) > 1 for value, keys in behind.items()}


def episodes(
    id: str, tasks: Sequence[Task], agents: Sequence[Agent], trials: int, study: str = "text-states"
) -> dict[str, list[Played]]:
    """Play so many episodes of each agent on each task; return by agent what happened on each.

    Args:
        id: of the environment.
        tasks: of one data set.
        agents: with different names.
        trials: episodes of each agent on a task.
        study: name below which the seeds of episodes are drawn; every agent gets the same ones.
    """
    dataset = tasks[0].id.split("/")[1]
    env: Env[Any] = gymnasium.make(id, dataset=dataset).unwrapped  # type: ignore[assignment]  # ours

    def steps(agent: Agent, task: Task, trial: int) -> tuple[Step, ...]:
        return play(env, agent, task, derive_seed(ROOT, study, task.id, trial), trial=trial).trajectory.steps

    return {
        agent.name: [
            Played(task.cluster, [step for trial in range(trials) for step in steps(agent, task, trial)])
            for task in tasks
        ]
        for agent in agents
    }


def pooled(found: Mapping[str, list[Played]]) -> list[Played]:
    """Return the steps of all agents together, task by task."""
    return [
        Played(group[0].cluster, [step for played in group for step in played.steps])
        for group in zip(*found.values(), strict=True)
    ]


def measure(
    id: str, dataset: str = "builtin", split: str = "", *, tasks: int = TASKS, trials: int = TRIALS
) -> Iterator[Row]:
    """Yield the rows of one data set.

    Args:
        id: of the environment, such as `envbench/ALFWorld-v0`.
        dataset: of its card.
        split: the data set's evaluation split when empty.
        tasks: of the split, the first ones.
        trials: episodes of each agent on each.
    """
    card = next(card for card in cards().values() if id in card.env.ids)
    split = split or card.dataset(dataset).eval_split
    agents: tuple[Agent, ...] = (make("random"), make("oracle"), Stray())
    found = episodes(id, panel(id, dataset, split)[:tasks], agents, trials)
    for agent, played in [*found.items(), (ALL, pooled(found))]:
        for key in KEYS:
            for mistake, other, by in (("merge", key, "observation"), ("split", "observation", key)):
                flags = [(entry, crowded(entry.steps, other, by)) for entry in played]
                values = [(entry.cluster, flag) for entry, met in flags for flag in met.values()]
                steps = [(entry.cluster, met[getattr(step, by)]) for entry, met in flags for step in entry.steps]
                for of, pairs in (("texts" if mistake == "merge" else "keys", values), ("steps", steps)):
                    yield _row((dataset, split, agent, key, mistake, of), pairs)


def _row(names: tuple[str, str, str, str, str, str], pairs: list[tuple[str, bool]]) -> Row:
    cluster, flags = zip(*pairs, strict=True)
    seed = derive_seed(ROOT, "text-states", "bootstrap", *names)
    found = bootstrap(flags, rng=seed, unit="cluster", cluster=cluster)
    share, low, high = (round(number, 6) for number in (found.estimate, found.low, found.high))
    return Row(*names, share, low, high, found.n, found.units)


def write_rows(rows: Sequence[Row]) -> str:
    """Return the rows as CSV."""
    return tables.write_rows(rows, Row)


def read_rows(text: str) -> list[Row]:
    """Return the rows of `write_rows`.

    Raises:
        DataCorrupt: for another table.
    """
    return tables.read_rows(text, Row, SCRIPT)


def section(id: str, rows: Sequence[Row]) -> str:
    """Return the text that stands in the card's README, made from the rows alone."""
    at = {(row.dataset, row.agent, row.key, row.mistake, row.of): row for row in rows}
    parts = []
    for dataset, split in dict.fromkeys((row.dataset, row.split) for row in rows):
        clusters = max(row.units for row in rows if row.dataset == dataset)
        agents = dict.fromkeys(row.agent for row in rows if row.dataset == dataset)
        columns = (("merge", "texts"), ("merge", "steps"), ("split", "keys"), ("split", "steps"))
        lines = [
            (agent, key, *[shown(at[dataset, agent, key, mistake, of]) for mistake, of in columns])
            for agent in agents
            for key in KEYS
        ]
        head = ("agent", "key", "texts of several", "steps at them", "met under several texts", "steps in them")
        parts.append(f"`{dataset}`, split `{split}`, {clusters} clusters of tasks:\n\n{table(head, lines)}")
    about = wrapped(f"""An observation is not a state. Within a task, a text that stands for several states is a false
        merge for whoever groups by text, and a state met under several texts a false split. Both were counted over
        {TRIALS} episodes of each agent on each of the first {TASKS} tasks, for states (`state_hash`) and for anchors
        (`anchor_hash`). The oracle's episodes of a task are all alike; stray takes one to {WANDER} random steps and
        then asks the oracle. Shares are of the texts or keys met, and of the steps taken there, with 95 % intervals
        over clusters of tasks (none below two).""")
    wanted = " ".join(f"--dataset {row.dataset}:{row.split}" for row in rows[:: len(rows) // len(parts)])
    return "\n\n".join([about, *parts, wrapped(f"`python {SCRIPT} {id} {wanted} --pin` measures it again.")]) + "\n"


def place(document: str, text: str) -> str:
    """Return the document with the text between its markers; the markers are added at its end where they are not."""
    if BEGIN not in document:
        document = f"{document.rstrip()}\n\n## Observations are not states\n\n{BEGIN}\n{END}\n"
    return tables.replace(document, text, BEGIN, END)
