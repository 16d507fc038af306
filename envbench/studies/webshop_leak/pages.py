"""How many observations stand for several states, over the episodes of four agents on test tasks."""

from __future__ import annotations

from collections.abc import Iterator

from envbench.agents import Agent, make
from envbench.registry import panel
from envbench.studies import text_states
from envbench.studies.text_states import Played, Stray, crowded, pooled
from envbench.studies.webshop_leak.rows import Row, sampled

ENV = "envbench/WebShop-v0"
TASKS = 300
TRIALS = 8
"""Episodes of each agent on a task: a group of the published scripts."""
WANDER = 6
LOST = "lost searcher"
ALL = "all four together"


class LostSearcher(Stray):
    """Takes one to six random steps, then plays the searcher from where it stands: a search works on every page."""

    def __init__(self) -> None:
        super().__init__(LOST, "searcher", WANDER)


def episodes(dataset: str, tasks: int, trials: int) -> dict[str, list[Played]]:
    """Play all agents; return by agent what happened on each task."""
    agents: tuple[Agent, ...] = (make("random"), make("searcher"), make("oracle"), LostSearcher())
    return text_states.episodes(ENV, panel(ENV, dataset, "test")[:tasks], agents, trials, "webshop-leak")


def page_rows(dataset: str, tasks: int = TASKS, trials: int = TRIALS) -> Iterator[Row]:
    """Yield the rows of this part; observations are compared within a task, intervals are over clusters of tasks."""
    found = episodes(dataset, tasks, trials)
    for agent, played in [*found.items(), (ALL, pooled(found))]:
        for key in ("anchor", "state"):
            seen = [(entry, crowded(entry.steps, key)) for entry in played]
            several = [(entry.cluster, flag) for entry, flags in seen for flag in flags.values()]
            steps = [(entry.cluster, flags[step.observation]) for entry, flags in seen for step in entry.steps]
            for what, pairs in (
                (f"observations with several {key}s", several),
                (f"steps there, several {key}s", steps),
            ):
                cluster, flags = zip(*pairs, strict=True)
                yield sampled(dataset, "pages", agent, what, flags, unit="cluster", cluster=cluster)
