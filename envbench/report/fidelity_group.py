"""The page of one group of a study: the true advantage of every step beside the credit that methods give it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from envbench import __version__, credit
from envbench.fidelity.config import StudyConfig
from envbench.fidelity.example import Example, ExampleStep
from envbench.fidelity.metrics import pearson
from envbench.report.explain.align import align
from envbench.report.explain.view import CellView, Chip, MethodView, Situation, View
from envbench.report.page import templates, write_file

_TRUTH = "The true advantage Q(s, a) - V(s) of the action at that step, under the policy that played."

_ZERO = 1e-9  # less than this is 0 with the rounding of sums


def write_group(config: StudyConfig, shown: Example, out: Path) -> Path:
    """Write `out/group.html`; the same group gives the same bytes."""
    page = templates(escape=True).get_template("explain.html.j2").render(view=group_view(config, shown))
    return write_file(out / "group.html", page.encode("utf-8", "replace"))


def group_view(config: StudyConfig, shown: Example) -> View:
    """Return the page of a group: the truth first, then the methods."""
    credits = [[step.truth for step in shown.steps], *zip(*(step.credit for step in shown.steps), strict=True)]
    names = ("truth", *shown.methods)
    columns = [_chips(name, values) for name, values in zip(names, credits, strict=True)]
    visits = Counter(step.anchor for step in shown.steps)
    marks = {anchor: f"{number + 1}" for number, anchor in enumerate(one for one in visits if visits[one] > 1)}
    seen: dict[tuple[str, str], Situation] = {}
    cells = []
    for row, step in enumerate(shown.steps):
        mark = marks.get(step.anchor, "")
        situation = Situation(len(seen), mark, visits[step.anchor], step.seen)
        number = seen.setdefault((step.anchor, step.seen), situation).number
        chips = [column[row] for column in columns]
        cells.append(CellView(step.episode, step.t, step.action, _note(step), mark, number, chips))
    return View(
        title=f"The truth beside credit: {shown.setting}, skill {shown.skill:g}",
        version=__version__,
        sentences=_sentences(shown, len(seen)),
        methods=[_method(config, name, values, credits[0]) for name, values in zip(names, credits, strict=True)],
        lanes=[_lane(shown, lane) for lane in range(len(shown.episodes))],
        lines=_lines(cells, shown, marks),
        situations=list(seen.values()),
    )


def _chips(name: str, values: Sequence[float]) -> list[Chip]:
    largest = max(map(abs, values))
    return [Chip(_number(value), value / largest if largest else 0.0, f"{name}: {value:.6g}") for value in values]


def _number(value: float) -> str:
    """Return two decimals with a sign; a minus as wide as the plus."""
    return "0" if abs(value) < 0.005 else f"{value:+.2f}".replace("-", "−")


def _note(step: ExampleStep) -> str:
    reward = "reward " + f"{step.reward:+g}".replace("-", "−") if step.reward else ""
    return ", ".join(part for part in ("decides" if step.decisive else "", reward) if part)


def _method(config: StudyConfig, name: str, values: Sequence[float], truth: Sequence[float]) -> MethodView:
    correlation = pearson(np.array(values), np.array(truth))
    entry = next((one for one in config.entries() if one.label == name), None)
    known = None if entry is None else credit.method(entry.name)
    return MethodView(
        name=name,
        summary=_TRUTH if known is None else known.summary,
        evidence="Exact, by dynamic programming" if known is None else credit.EVIDENCE[known.evidence],
        paper="" if known is None else known.paper,
        options=", ".join(f"{key}={value}" for key, value in sorted(entry.options.items())) if entry else "",
        scale=f"{max(map(abs, values)):.2f}",
        facts=f"Correlation with the truth in this group: {correlation:.2f}".replace("-", "−"),
    )


def _sentences(shown: Example, situations: int) -> list[str]:
    successes = sum(episode.result == "success" for episode in shown.episodes)
    decisive = [step for step in shown.steps if step.decisive]
    found = [
        f"{len(shown.episodes)} episodes of {shown.task} by a policy that succeeds with a probability of "
        f"{shown.success:.2f}: {successes} succeed. This is group {shown.number} of {shown.groups} of the first pool, "
        f"counted from 0; advantages are computed over all of them. The steps show {situations} situations.",
        "The first value below each action is the true advantage: a method is right where it has the same colour.",
    ]
    if decisive:
        rest = max((abs(step.truth) for step in shown.steps if not step.decisive), default=0.0)
        elsewhere = "; elsewhere the truth is 0" if rest < _ZERO else ""
        found.append(f"{len(decisive)} of the {len(shown.steps)} steps decide{elsewhere}.")
    return found


def _lane(shown: Example, lane: int) -> dict[str, str]:
    steps = sum(step.episode == lane for step in shown.steps)
    episode = shown.episodes[lane]
    facts = f"return {episode.episode_return:.4g} · {steps} {'step' if steps == 1 else 'steps'}".replace("-", "−")
    return {"name": f"episode {lane}", "result": episode.result, "facts": facts, "aside": ""}


def _lines(cells: Sequence[CellView], shown: Example, marks: dict[str, str]) -> list[list[CellView | None]]:
    """Return the lines of the page, steps in one situation on one line where their order allows it."""
    keys: list[list[str | None]] = [[] for _ in shown.episodes]
    for step in shown.steps:
        keys[step.episode].append(step.anchor if step.anchor in marks else None)
    order = sorted(range(len(keys)), key=lambda lane: (-len(keys[lane]), lane))  # the longest fixes the lines
    placed = dict(zip(order, align([keys[lane] for lane in order]), strict=True))
    height = 1 + max(line for one in placed.values() for line in one)
    lines: list[list[CellView | None]] = [[None] * len(keys) for _ in range(height)]
    for cell in cells:
        lines[placed[cell.lane][cell.t]][cell.lane] = cell
    return lines
