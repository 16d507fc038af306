"""Chosen episodes in one HTML file that needs nothing else."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from envbench.errors import EnvbenchError, InvalidValue
from envbench.report.view.credit import group_view
from envbench.report.view.moments import Replays
from envbench.report.view.page import page
from envbench.report.view.source import Source, index_of
from envbench.runs.files import plain_errors, write_atomic

DEFAULT_EPISODES = 20
MOST_STEPS = 20_000


def export(source: Source, methods: Sequence[str], numbers: Sequence[int] | None, out: Path) -> list[int]:
    """Write a page with episodes of a source and the groups that they are of; return their numbers.

    Args:
        source: of the episodes.
        methods: of credit.
        numbers: of the episodes; the `DEFAULT_EPISODES` that are worth reading first when None.
        out: file; an earlier one is replaced.

    Raises:
        InvalidValue: for a number that is not there, or more steps than a page should hold.
    """
    index = index_of(source)
    chosen = sorted(set(index["order"][:DEFAULT_EPISODES] if numbers is None else numbers))
    for number in chosen:
        if not 0 <= number < len(source.rows):
            raise InvalidValue(f"--episode {number}: there are {len(source.rows)}, from 0")
    steps = sum(len(source.rows[number]["actions"]) for number in chosen)
    if steps > MOST_STEPS:
        raise InvalidValue(f"{steps} steps are too many for one page (at most {MOST_STEPS}): choose with --episode")
    text = page(_data(source, methods, index, chosen))
    with plain_errors(out.parent):
        out.parent.mkdir(parents=True, exist_ok=True)
        write_atomic(out, text.encode())
    return chosen


def _data(source: Source, methods: Sequence[str], index: dict[str, Any], chosen: Sequence[int]) -> dict[str, Any]:
    replays = Replays(source)
    data: dict[str, Any] = {"steps": {}, "moments": {}, "instructions": {}, "groups": {}}
    for number in chosen:
        row = source.rows[number]
        data["steps"][number] = {"first": 0, "actions": row["actions"], "rewards": row["rewards"]}
        data["moments"][number] = _moments(replays, number, len(row["actions"]) + 1)
        data["instructions"][number] = _or_error(lambda number=number: replays.instruction(number))
        group = index["episodes"][number]["group"]
        if group not in data["groups"]:
            data["groups"][group] = _or_error(lambda group=group: group_view(source, group, methods))
    shown = set(chosen)
    data["index"] = index | {
        "episodes": [index["episodes"][number] for number in chosen],
        "order": [number for number in index["order"] if number in shown],
        "of": len(source.rows),
    }
    return data


def _moments(replays: Replays, number: int, count: int) -> Any:
    return _or_error(lambda: {"first": 0, "moments": replays.moments(number, 0, count)})


def _or_error(work: Any) -> Any:
    """Return what the page would have got from the server, which may be an error."""
    try:
        return work()
    except EnvbenchError as error:
        return {"error": str(error)}
