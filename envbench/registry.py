"""From cards to gymnasium ids, panels and tasks. The only reader of `envs/`, through `envbench.cards`."""

from __future__ import annotations

import importlib
import importlib.util
import re
from functools import lru_cache
from types import ModuleType
from typing import Any

import gymnasium

from envbench.cards import Card, KnobValue, cards
from envbench.errors import CardError, InvalidValue, UnknownName
from envbench.hashing import JsonValue
from envbench.types.task import Panel, Task, TaskSet, task_digest

_TASK_ID = re.compile(r"(?P<family>[a-z0-9_]+)/(?P<dataset>[\w.-]+)/(?P<split>[\w.-]+)/(?P<index>[0-9]{4,})", re.ASCII)


def ids() -> tuple[str, ...]:
    """Return all gymnasium ids, sorted."""
    return tuple(sorted(id for card in cards().values() for id in card.env.ids))


def card_of(id: str) -> Card:
    """Return the card of a gymnasium id (with or without the `envbench:` prefix) or of a family.

    Raises:
        UnknownName: with the nearest id.
    """
    name = id.removeprefix("envbench:")
    for family, card in cards().items():
        if name == family or name in card.env.ids:
            return card
    raise UnknownName("environment", id, ids())


def register_all() -> None:
    """Register every id with gymnasium. Specs carry no step limit: the base class owns it."""
    for card in cards().values():
        for id in card.env.ids:
            gymnasium.register(id=id, entry_point=card.env.entry_point, disable_env_checker=True)


def load_object(path: str) -> Any:
    """Return the object of `module:name`."""
    module, _, name = path.partition(":")
    try:
        return getattr(importlib.import_module(module), name)
    except AttributeError:
        raise CardError(f"{path!r} names nothing: {module} has no {name!r}") from None
    except ModuleNotFoundError as error:
        if not f"{module}.".startswith(f"{error.name}."):
            raise  # the module is there, and misses another
        raise CardError(f"{path!r} names nothing: there is no module {error.name!r}") from None


def panel(id: str, dataset: str = "builtin", split: str | None = None, **knobs: Any) -> Panel:
    """Return the panel of an environment: a sequence of tasks with `.id` and `.sha256`.

    Args:
        id: gymnasium id or family.
        dataset: of the card.
        split: of the data set; its training split (or, where there is none, its evaluation split) when None.
        knobs: as given to `gymnasium.make`; those that are dynamics change the tasks' digests.

    Raises:
        UnknownName: for an unknown id, data set, split or knob.
        InvalidValue: for a knob's value.
    """
    card = card_of(id)
    section = card.dataset(dataset)
    chosen = section.default_split if split is None else split
    if chosen not in section.splits:
        raise UnknownName("split", chosen, section.splits, f"({card.env.family}/{dataset})")
    resolved = card.resolve_knobs(knobs)
    if card.tasks_of is not None:  # the panel of that family, not one like it
        resolved = {name: resolved[name] for name in card.tasks_of.knobs}
        card = cards()[card.tasks_of.family]
        resolved = card.resolve_knobs(dict(resolved))
    return _panel(card.env.family, dataset, chosen, tuple(sorted(dynamics(card, resolved).items())))


def dynamics(card: Card, resolved: dict[str, KnobValue]) -> dict[str, KnobValue]:
    """Return the knobs that decide dynamics or reward, of resolved ones."""
    return {name: value for name, value in resolved.items() if card.knobs[name].dynamics}


@lru_cache(maxsize=32)
def _panel(family: str, dataset: str, split: str, knobs: tuple[tuple[str, KnobValue], ...]) -> Panel:
    card = cards()[family]
    values: dict[str, JsonValue] = {
        name: value for name, value in knobs if not card.knobs[name].added or value != card.knobs[name].default
    }
    task_set: TaskSet = load_object(card.env.tasks)(dataset, split, dict(knobs))
    head = f"{family}/{dataset}/{split}"
    tasks = [
        Task(
            id=f"{head}/{index:04d}",
            digest=task_digest(family, spec.content, task_set.data, values),
            source=spec.source,
            cluster=spec.cluster,
            content=spec.content,
            payload=spec.payload,
            kind=spec.kind,
        )
        for index, spec in zip(task_set.places or range(len(task_set.tasks)), task_set.tasks, strict=True)
    ]
    holes = {f"{head}/{index:04d}": reason for index, reason in (task_set.holes or {}).items()}
    changed = [f"{name}={value}" for name, value in knobs if value != card.knobs[name].default]
    return Panel(head + ("?" + "&".join(changed) if changed else ""), tasks, holes)


def render_module(card: Card) -> ModuleType | None:
    """Return the family's `render.py`, if it has one; `envbench.types.page` says what may be in it."""
    return _beside_env(card, "render")


def serve_module(card: Card) -> ModuleType | None:
    """Return the family's `serve.py`, if it has one: `Visit` serves an episode to a person's browser."""
    return _beside_env(card, "serve")


def _beside_env(card: Card, module: str) -> ModuleType | None:
    package = card.env.entry_point.partition(":")[0].rpartition(".")[0]
    name = f"{package}.{module}"
    return importlib.import_module(name) if package and importlib.util.find_spec(name) else None


def split_of(task_id: str) -> tuple[str, str, str]:
    """Return family, data set and split of a task id.

    Raises:
        InvalidValue: when it is not `<family>/<dataset>/<split>/<index>`.
    """
    match = _TASK_ID.fullmatch(task_id) if isinstance(task_id, str) else None
    if match is None:
        raise InvalidValue(
            f"task {task_id!r}: expected <family>/<dataset>/<split>/<index>, e.g. webshop/builtin/test/0042"
        )
    return match["family"], match["dataset"], match["split"]


def find_task(task_id: str, family: str, dataset: str, knobs: dict[str, KnobValue]) -> Task:
    """Return a task of a family and data set, whatever its split.

    Raises:
        InvalidValue: for another family or data set, or a malformed id.
        UnknownName: when there is no such task.
    """
    of_family, of_dataset, split = split_of(task_id)
    expected = cards()[family].tasks_family
    if (of_family, of_dataset) != (expected, dataset):
        raise InvalidValue(
            f"task {task_id!r} is not of {expected}/{dataset}; make the environment with dataset={of_dataset!r}"
            if of_family == expected
            else f"task {task_id!r} is of the family {of_family!r}, this environment is {expected!r}"
        )
    return panel(family, dataset, split, **knobs).task(task_id)
