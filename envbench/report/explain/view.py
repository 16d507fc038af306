"""The page of one group as plain values; the template lays them out."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from envbench import __version__, credit
from envbench.report.explain.align import align
from envbench.report.explain.group import Group, Moment
from envbench.types import StepBatch

_ROUNDING = 1e-9  # less than this is 0 with the rounding of sums


class Chip(NamedTuple):
    """Credit of one step by one method: what is shown, `share` of the method's largest in [-1, 1], what it means."""

    text: str
    share: float
    title: str


class CellView(NamedTuple):
    """One step. `mark` names its anchor where others of the group met it too, `situation` is the number of the text."""

    lane: int
    t: int
    action: str
    note: str
    mark: str
    situation: int
    chips: list[Chip]


class Situation(NamedTuple):
    """Something seen: its anchor's mark, by how many steps, and the text."""

    number: int
    mark: str
    visits: int
    text: str


class MethodView(NamedTuple):
    """A method in the legend."""

    name: str
    summary: str
    evidence: str
    paper: str
    options: str
    scale: str
    facts: str


@dataclass(frozen=True, slots=True)
class View:
    """What the template lays out: `lines[i][lane]` is a step or None; a line with `shared` marks is aligned on them."""

    title: str
    version: str
    sentences: list[str]
    methods: list[MethodView]
    lanes: list[dict[str, str]]
    lines: list[list[CellView | None]]
    situations: list[Situation]


def view_of(group: Group, methods: Sequence[str]) -> View:
    """Return the page of a group with the advantages of methods."""
    lengths = Counter(moment.lane for moment in group.moments)
    visits = Counter(moment.anchor for moment in sorted(group.moments, key=lambda one: (one.t, one.lane)))
    marks = dict(zip((anchor for anchor, count in visits.items() if count > 1), _letters(), strict=False))
    seen: dict[tuple[str, str], Situation] = {}
    for moment in group.moments:
        situation = Situation(len(seen), marks.get(moment.anchor, ""), visits[moment.anchor], moment.seen)
        seen.setdefault((moment.anchor, moment.seen), situation)
    columns, shown = [], []
    for name in methods:
        values, weight = credit_of(name, group)
        columns.append(_chips(name, values, weight))
        shown.append(_method(name, group, values, weight))
    cells = [
        CellView(
            lane=moment.lane,
            t=moment.t,
            action=moment.action,
            note=_note(moment),
            mark=marks.get(moment.anchor, ""),
            situation=seen[moment.anchor, moment.seen].number,
            chips=[column[row] for column in columns],
        )
        for row, moment in enumerate(group.moments)
    ]
    return View(
        title=f"Credit in {group.task}",
        version=__version__,
        sentences=_sentences(group, len(marks), sum(visits[anchor] for anchor in marks)),
        methods=shown,
        lanes=[_lane(group, lane, lengths[lane]) for lane in range(len(group.lanes))],
        lines=_lines(cells, group, marks),
        situations=list(seen.values()),
    )


def credit_of(name: str, group: Group) -> tuple[NDArray[np.float64], NDArray[np.bool_]]:
    """Return what a method gives each step of a group, float64 [S], and whether the step counts, bool [S].

    Of credit by token a step has the sum over its tokens, times their weights.
    """
    found = credit.advantages(name, group.batch, **group.options.get(name, {}))
    value = found.value.numpy().astype(np.float64)
    weight = np.ones(len(value)) if found.weight is None else found.weight.numpy().astype(np.float64)
    if found.level == "token":
        value, weight = _by_step(group.batch, value, weight)
    rows = np.asarray(group.rows)
    return value[rows], weight[rows] > 0.0


def _by_step(
    batch: StepBatch, value: NDArray[np.float64], weight: NDArray[np.float64]
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    step = batch.require("token_step", "advantages by token").numpy()
    total = np.bincount(step, weight * value, batch.num_steps).astype(np.float64)
    return total, np.bincount(step, weight, batch.num_steps).astype(np.float64)


def _letters() -> Iterator[str]:
    """Yield A to Z, then AA, AB and so on."""
    number = 0
    while True:
        text, rest = "", number
        while rest >= 0:
            text, rest = chr(ord("A") + rest % 26) + text, rest // 26 - 1
        yield text
        number += 1


def _plain(value: float) -> str:
    """Return a value with up to four digits and a minus as wide as a plus."""
    return f"{value:.4g}".replace("-", "−")


def _number(value: float) -> str:
    """Return a value with sign and two decimals; what is 0 for the eye but not in truth says so."""
    if value == 0.0:
        return "0"
    if abs(value) < 0.005:
        return "≈0"
    return f"{value:+.2f}".replace("-", "−")  # a minus as wide as the plus


def _chips(name: str, values: NDArray[np.float64], counts: NDArray[np.bool_]) -> list[Chip]:
    largest = float(np.abs(values).max(initial=0.0))
    chips = []
    for value, counted in zip(values.tolist(), counts.tolist(), strict=True):
        value = value if abs(value) >= _ROUNDING else 0.0
        if not counted:
            chips.append(Chip("·", 0.0, f"{name}: left out of the loss"))
        else:
            chips.append(Chip(_number(value), value / largest if largest >= _ROUNDING else 0.0, f"{name}: {value:.6g}"))
    return chips


def _method(name: str, group: Group, values: NDArray[np.float64], counts: NDArray[np.bool_]) -> MethodView:
    method = credit.method(name)
    counted = values[counts]
    largest = float(np.abs(counted).max(initial=0.0))
    moved = int((np.abs(counted) >= _ROUNDING).sum())
    different = len(np.unique(counted.round(9)))
    noun = "value" if different == 1 else "values"
    options = group.options.get(name, {})
    return MethodView(
        name=name,
        summary=method.summary,
        evidence=credit.EVIDENCE[method.evidence],
        paper=method.paper,
        options=", ".join(f"{key}={value}" for key, value in sorted(options.items())),
        scale=f"{largest:.2f}" if largest >= _ROUNDING else "",
        facts=f"{moved} of {len(counted)} steps have credit other than 0; {different} different {noun}",
    )


def _note(moment: Moment) -> str:
    parts = [] if moment.valid else ["refused"]
    if moment.reward:
        parts.append("reward " + f"{moment.reward:+.4g}".replace("-", "−"))
    return ", ".join(parts)


def _sentences(group: Group, shared: int, visits: int) -> list[str]:
    returns = [lane.episode_return for lane in group.lanes]
    successes = sum(lane.result == "success" for lane in group.lanes)
    spread = f"returns from {_plain(min(returns))} to {_plain(max(returns))}"
    found = [
        f"{len(group.lanes)} episodes by {group.source}: {successes} succeed, {spread}. This is group {group.number} "
        f"of {group.count}, counted from 0; advantages are computed over {group.scope}.",
        f"{shared} states are met by two or more steps, and {visits} of the {len(group.moments)} steps are in one of "
        "them: a letter marks each such state, and steps in one state stand on one line where their order allows it.",
    ]
    if min(returns) == max(returns):
        found.append("All returns are equal, so that methods that compare episodes have nothing to tell apart here.")
    return found


def _lane(group: Group, lane: int, length: int) -> dict[str, str]:
    one = group.lanes[lane]
    steps = f"{length} {'step' if length == 1 else 'steps'}"
    origin = f"branch of {group.lanes[one.parent].name}" if one.parent >= 0 else ""
    left_out = "" if one.include else "left out of all statistics"
    return {
        "name": one.name,
        "result": one.result,
        "facts": f"return {_plain(one.episode_return)} · {steps}",
        "aside": " · ".join(filter(None, (origin, left_out))),
    }


def _lines(cells: Sequence[CellView], group: Group, marks: Mapping[str, str]) -> list[list[CellView | None]]:
    keys: list[list[Any]] = [[] for _ in group.lanes]
    for moment in group.moments:
        keys[moment.lane].append(moment.anchor if moment.anchor in marks else None)
    order = sorted(range(len(keys)), key=lambda lane: (-len(keys[lane]), lane))  # the longest fixes the lines
    placed = dict(zip(order, align([keys[lane] for lane in order]), strict=True))
    height = 1 + max(line for lines in placed.values() for line in lines)
    lines: list[list[CellView | None]] = [[None] * len(keys) for _ in range(height)]
    position = Counter[int]()
    for cell in cells:
        lines[placed[cell.lane][position[cell.lane]]][cell.lane] = cell
        position[cell.lane] += 1
    return lines
