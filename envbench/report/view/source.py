"""What the viewer shows: recorded episodes, whether of a run or of a bundle, and its table of contents."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from math import fsum
from typing import Any

from envbench import __version__
from envbench.errors import InvalidValue
from envbench.report.triage import Triage, group_key, groups_of, ranked, reading, steps_of, triage
from envbench.runs import Run

STRIP = 120
"""Longest strip of an episode: each of its characters stands for one step, or for a few of a longer episode."""

_REWARD, _LOOP, _REPEATED, _STILL, _MOVED = "+lr=."  # of a strip, what is told first


@dataclass(frozen=True, slots=True, eq=False)
class Source:
    """Recorded episodes.

    Attributes:
        name: of the run or bundle. place: the path that was typed for it.
        config: environment, data set, split, knobs and limit, as an eval has them; `agent` where it is known.
        rows: of the episode table; an episode's number is its place here.
        note: what a reader should know of where the episodes come from, "" for nothing.
    """

    name: str
    place: str
    config: Mapping[str, Any]
    rows: Sequence[Mapping[str, Any]]
    note: str = ""


def source_of_run(run: Run) -> Source:
    """Return the episodes of a finished eval.

    Raises:
        InvalidValue: for a run of another kind.
        RunUnreadable: for one that is unfinished or damaged.
    """
    if run.kind != "eval":
        raise InvalidValue(
            f"{run.path} is a run of kind {run.kind!r}; give an eval, or look at its groups: "
            f"envbench credit explain {run.path}"
        )
    return Source(run.run_id, str(run.path), run.config, run.episodes())


def index_of(source: Source) -> dict[str, Any]:
    """Return the table of contents as plain data: every episode with its group, result, strip and place in the order.

    `order` holds the numbers of the episodes, those worth reading first at the front.
    """
    judged = [triage(row) for row in source.rows]
    groups = groups_of(source.rows)
    readings = [reading(row, one, groups[group_key(row)]) for row, one in zip(source.rows, judged, strict=True)]
    places = {key: number for number, key in enumerate(groups)}
    episodes = [
        {
            "number": number,
            "group": places[group_key(row)],
            "trial": int(row.get("trial") or 0),
            "outcome": str(row["outcome"]),
            "failure": one.failure,
            "score": float(row.get("score") or 0.0),
            "return": fsum(row["rewards"]),
            "steps": len(row["actions"]),
            "worth": found.worth,
            "reasons": list(found.reasons),
            "signals": sorted({signal.kind for signal in one.signals}),
            "refused": one.refused,
            "strip": strip(row, one),
        }
        for number, (row, one, found) in enumerate(zip(source.rows, judged, readings, strict=True))
    ]
    config = source.config
    return {
        "version": __version__,
        "name": source.name,
        "place": source.place,
        "note": source.note,
        "env": config.get("env", ""),
        "split": f"{config.get('dataset', '')}/{config.get('split', '')}",
        "groups": [{"agent": agent, "task": task} for agent, task in groups],
        "episodes": episodes,
        "order": ranked(readings),
    }


def members(source: Source, group: int) -> list[int]:
    """Return the numbers of the episodes of a group of `index_of`; empty where there is none."""
    keys = dict.fromkeys(group_key(row) for row in source.rows)
    wanted = dict(enumerate(keys)).get(group)
    return [number for number, row in enumerate(source.rows) if group_key(row) == wanted]


def strip(row: Mapping[str, Any], judged: Triage) -> str:
    """Return an episode as at most `STRIP` characters.

    `+` a reward above 0, `l` a step of a loop, `r` a (state, action) that was met before, `=` a step that changed
    nothing, `.` any other. Several steps in one character show the first of these that applies to any of them.
    """
    pairs, hashes = steps_of(row), row["state_hashes"]
    codes = [_MOVED] * len(row["actions"])
    met: set[tuple[str, str]] = set()
    for t, pair in enumerate(pairs):
        still = t + 1 < len(hashes) and hashes[t] == hashes[t + 1]
        codes[t] = _REPEATED if pair in met else _STILL if still else _MOVED
        met.add(pair)
    for signal in judged.signals:
        codes[signal.first : signal.last + 1] = [_LOOP] * (signal.last + 1 - signal.first)
    for t, reward in enumerate(row["rewards"]):
        if reward > 0.0:
            codes[t] = _REWARD
    if len(codes) <= STRIP:
        return "".join(codes)
    width = -(-len(codes) // STRIP)
    parts = [codes[start : start + width] for start in range(0, len(codes), width)]
    order = _REWARD + _LOOP + _REPEATED + _STILL + _MOVED
    return "".join(min(part, key=order.index) for part in parts)
