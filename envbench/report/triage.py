"""Which recorded episodes to read first: loops, drift and errors, found in the rows of an episode table.

The rules are those of Signals (arXiv:2604.00356) as far as they need no user: its layers "execution" and
"environment". Its texts of tool calls are guesses at what repeats; here the state hash says it exactly. Where a case is
stochastic that hash holds the generator too, so that a step repeats another only if no noise was drawn between them.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal, NamedTuple, TypeAlias

Kind: TypeAlias = Literal["retry", "drift", "oscillation"]

KINDS: tuple[Kind, ...] = ("retry", "drift", "oscillation")
RETRIES = 3  # consecutive steps in one state
ROUNDS = 3  # of a pattern
PATTERNS = range(2, 6)  # lengths of a pattern

_BASE, _FAILURE, _LOOP, _EXHAUSTION = 50, 8, 5, 3  # points of the paper's quality score
_ODD_ONE, _NEAR = 20, 10  # ours: an outcome that most of the group does not share, and a failure with score

# What an error text says went wrong, the first that fits.
_ERRORS: tuple[tuple[str, tuple[str, ...]], ...] = (
    ("rate limit", ("rate limit", "429", "too many requests", "quota")),
    ("context overflow", ("context length", "context window", "maximum context", "too many tokens")),
    ("timeout", ("timed out", "timeout", "deadline")),
    ("network", ("connection", "unreachable", "resolve", "network", "socket")),
    ("malformed response", ("malformed", "no json", "not json", "decode", "parse")),
)


class Signal(NamedTuple):
    """Steps `first` to `last` (both included, from 0) that repeat themselves; `period` of an oscillation, else 1."""

    kind: Kind
    first: int
    last: int
    period: int = 1


@dataclass(frozen=True, slots=True)
class Triage:
    """What the rules say of one episode.

    Attributes:
        signals: in the order of their first step.
        repeated: steps whose (state, action) was met before in the episode.
        unmoved: steps that left the state as it was.
        refused: actions that were invalid, or replies without the right form.
        failure: kind of failure, "" for a success.
        quality: the paper's score in 0..100 with the layers that apply; 50 without any signal.
    """

    signals: tuple[Signal, ...]
    repeated: int
    unmoved: int
    refused: int
    failure: str
    quality: int

    def count(self, kind: Kind) -> int:
        return sum(signal.kind == kind for signal in self.signals)


def triage(row: Mapping[str, Any]) -> Triage:
    """Judge an episode.

    - retry: at least 3 consecutive steps that send one action in one state.
    - drift: at least 3 consecutive steps in one state that do not lead out of it, with at least two different actions.
    - oscillation: a pattern of 2 to 5 (state, action) pairs, not all alike, at least 3 times in a row.

    Args:
        row: of an episode table: `actions`, `state_hashes`, `outcome`; `score`, `error`, `invalid_actions` and
            `format_invalid` where it has them. One without state hashes (a reset that failed) has no signals.
    """
    pairs = steps_of(row)
    stays = [before == after for before, after in zip(row["state_hashes"], row["state_hashes"][1:], strict=False)]
    signals = sorted((*_standing(pairs, stays), *_oscillations(pairs)), key=lambda one: (one.first, one.last))
    refused = int(row.get("invalid_actions") or 0) + int(row.get("format_invalid") or 0)
    kind = failure_of(row, signals)
    exhausted = int(row["outcome"] in ("env_error", "agent_error", "budget"))
    quality = _BASE - _FAILURE * refused - _LOOP * len(signals) - _EXHAUSTION * exhausted
    return Triage(
        signals=tuple(signals),
        repeated=len(pairs) - len(set(pairs)),
        unmoved=sum(stays),
        refused=refused,
        failure=kind,
        quality=min(max(quality, 0), 100),
    )


def steps_of(row: Mapping[str, Any]) -> list[tuple[str, str]]:
    """Return the (state hash, action) of each step of a row."""
    return list(zip(row["state_hashes"], row["actions"], strict=False))


def _standing(pairs: Sequence[tuple[str, str]], stays: Sequence[bool]) -> Iterable[Signal]:
    """Yield the longest runs of steps in one state: retries where they send one action, else drifts."""
    first = 0
    while first < len(pairs):
        last = first
        while last + 1 < len(pairs) and last < len(stays) and stays[last]:
            last += 1
        leaves = last >= len(stays) or not stays[last]
        end = last if leaves and pairs[last] != pairs[last - 1] else last + 1  # another action that led out is no loop
        if end - first >= RETRIES:
            sent = {action for _, action in pairs[first:end]}
            yield Signal("retry" if len(sent) == 1 else "drift", first, end - 1)
        first = last + 1


def _oscillations(pairs: Sequence[tuple[str, str]]) -> Iterable[Signal]:
    """Yield the longest repetitions of patterns, the shortest pattern first; no step is in two of them."""
    first, count = 0, len(pairs)
    breaks = {period: _breaks(pairs, period) for period in PATTERNS}
    while first < count:
        for period in PATTERNS:
            end = breaks[period][min(first + period, count)]
            if end - first >= ROUNDS * period and len(set(pairs[first : first + period])) > 1:
                yield Signal("oscillation", first, end - 1, period)
                first = end - 1
                break
        first += 1


def _breaks(pairs: Sequence[tuple[str, str]], period: int) -> list[int]:
    """Return for each place the first one from there on that is not as the one a period before, or the end."""
    found = [len(pairs)] * (len(pairs) + 1)
    for place in range(len(pairs) - 1, period - 1, -1):
        found[place] = found[place + 1] if pairs[place] == pairs[place - period] else place
    return found


def failure_of(row: Mapping[str, Any], signals: Sequence[Signal]) -> str:
    """Return the kind of failure of an episode: its outcome, with what led to it where the row shows it."""
    outcome = str(row["outcome"])
    if outcome == "success":
        return ""
    if outcome in ("agent_error", "env_error"):
        text = str(row.get("error") or "").lower()
        what = next((kind for kind, words in _ERRORS if any(word in text for word in words)), "other")
        return f"{outcome}: {what}"
    steps = len(row["actions"])
    if any(signal.last == steps - 1 for signal in signals):
        return f"{outcome} in a loop"
    return f"{outcome} with score" if float(row.get("score") or 0.0) > 0.0 else outcome


class Reading(NamedTuple):
    """Place of an episode among those to read: `worth` (the higher, the sooner), and why in a few words."""

    worth: int
    reasons: tuple[str, ...]


def reading(row: Mapping[str, Any], judged: Triage, group: Counter[str]) -> Reading:
    """Return how much an episode is worth reading.

    Worth is what the episode lost of the paper's quality score, and two things of ours: an outcome that at most a
    third of its group shares (there is something to learn from the difference), and a failure that had some score.

    Args:
        row: of the episode.
        judged: what `triage` says of it.
        group: outcomes of the episodes of its task, with how often each came out.
    """
    reasons = [_counted(judged.count(kind), kind) for kind in KINDS if judged.count(kind)]
    if judged.refused:
        reasons.append(_counted(judged.refused, "refused action"))
    worth = _BASE - judged.quality
    outcome, size = str(row["outcome"]), group.total()
    if 3 * group[outcome] <= size and size > 2:
        worth += _ODD_ONE
        reasons.append(f"{outcome} in {group[outcome]} of {size}")
    if judged.failure.endswith("with score"):
        worth += _NEAR
        reasons.append(f"failed with score {float(row['score']):.2f}")
    elif judged.failure.partition(" ")[0] in ("agent_error:", "env_error:"):
        reasons.append(judged.failure)
    return Reading(worth, tuple(reasons))


def _counted(count: int, what: str) -> str:
    plural = "retries" if what == "retry" else f"{what}s"
    return what if count == 1 else f"{count} {plural}"


def groups_of(rows: Iterable[Mapping[str, Any]]) -> dict[tuple[str, str], Counter[str]]:
    """Return the outcomes of each (agent, task) with how often each came out."""
    found: dict[tuple[str, str], Counter[str]] = {}
    for row in rows:
        found.setdefault(group_key(row), Counter())[str(row["outcome"])] += 1
    return found


def group_key(row: Mapping[str, Any]) -> tuple[str, str]:
    return str(row.get("agent") or ""), str(row["task"])


def ranked(readings: Sequence[Reading]) -> list[int]:
    """Return the numbers of the episodes, those worth most first; equals keep their order."""
    return sorted(range(len(readings)), key=lambda number: (-readings[number].worth, number))


def triage_columns(rows: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """Return what triage says of the episodes of one run as columns of a table.

    `number` is an episode's place; `retry`, `drift` and `oscillation` count signals; `repeated` and `refused` count
    steps; `failure`, `worth` and `reasons` are those of `Triage` and `Reading`.
    """
    groups = groups_of(rows)
    found: list[dict[str, Any]] = []
    for number, row in enumerate(rows):
        judged = triage(row)
        worth, reasons = reading(row, judged, groups[group_key(row)])
        signs: dict[str, Any] = {kind: judged.count(kind) for kind in KINDS}
        signs |= {"repeated": judged.repeated, "refused": judged.refused, "failure": judged.failure}
        found.append({"number": number, **signs, "worth": worth, "reasons": ", ".join(reasons)})
    return found
