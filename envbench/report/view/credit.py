"""A group as the viewer shows it: episodes side by side, with the advantage by every method."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from envbench.errors import InvalidValue, MissingExtra
from envbench.report.view.source import Source, members

METHODS = ("gigpo", "hgpo", "grpo")
MOST_STEPS = 3_000
"""Of a group that is laid side by side: the work grows with the square."""


def group_view(source: Source, group: int, methods: Sequence[str]) -> dict[str, Any]:
    """Return a group of `index_of(source)` as plain data: what `envbench credit explain` lays out.

    `lines[i][lane]` is a step or None, `episodes[lane]` the number of an episode.

    Raises:
        InvalidValue: for no such group, one of a single episode, or one of more than `MOST_STEPS` steps.
        MissingExtra: without torch, or the packages of the extra `report`.
        EnvbenchError: as `explain.group.group_of_rows` says, and for a method that needs what rows do not hold.
    """
    numbers = [number for number in members(source, group) if source.rows[number]["actions"]]
    if len(numbers) < 2:
        raise InvalidValue("a single episode of this task is no group: run eval with --trials 8")
    steps = sum(len(source.rows[number]["actions"]) for number in numbers)
    if steps > MOST_STEPS:
        raise InvalidValue(f"this group has {steps} steps, too many to stand side by side (at most {MOST_STEPS})")
    try:
        from envbench.report.explain.group import group_of_rows
        from envbench.report.explain.view import view_of
    except ModuleNotFoundError as error:
        missing = error.name or ""
        raise MissingExtra("a group side by side", "train" if missing == "torch" else "report", missing) from None
    agent = source.config.get("agent", {}).get("name", "the agent")
    rows = [source.rows[number] for number in numbers]
    found = group_of_rows(source.config, rows, group, group + 1, f"{agent} in {source.name}")
    view: dict[str, Any] = _plain(view_of(found, methods))
    return {name: view[name] for name in ("methods", "lanes", "lines", "situations")} | {"episodes": numbers}


def _plain(value: Any) -> Any:
    """Return named tuples and slotted records as dicts, to any depth."""
    if hasattr(value, "_asdict"):
        return {name: _plain(one) for name, one in value._asdict().items()}
    if hasattr(value, "__dataclass_fields__"):
        return {name: _plain(getattr(value, name)) for name in value.__dataclass_fields__}
    if isinstance(value, Mapping):
        return {str(name): _plain(one) for name, one in value.items()}
    if isinstance(value, Sequence) and not isinstance(value, str):
        return [_plain(one) for one in value]
    return value
