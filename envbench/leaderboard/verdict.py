"""What a verification found, for people and for machines."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Literal

import msgspec

from envbench import __version__
from envbench.leaderboard.schema import Measure, Metadata

REPORT_VERSION = 1

NOTE = "Replay proves what the actions led to; who or what chose them is the submitter's word."
TOLD_NOTE = "Nothing was replayed: what came out, too, is the submitter's word."

Verdict = Literal["accepted", "refused", "unreadable"]
Level = Literal["replayed", "self-reported"]
EXIT_CODES: dict[Verdict, int] = {"accepted": 0, "refused": 1, "unreadable": 2}


_SHOWN, _WIDTH = 3, 300


def listed(problems: Sequence[str]) -> str:
    """Return the first problems in a line, each cut to a length, and how many more there are."""
    more = f"; and {len(problems) - _SHOWN} more" if len(problems) > _SHOWN else ""
    return "; ".join(problem[:_WIDTH] for problem in problems[:_SHOWN]) + more


class Check(msgspec.Struct, frozen=True, kw_only=True):
    """One question and its answer.

    Attributes:
        name: of the check.
        ok: False refuses the bundle.
        flagged: it passed, and a person should look.
        text: the answer in a line.
    """

    name: str
    ok: bool
    text: str
    flagged: bool = False


class Totals(msgspec.Struct, frozen=True, kw_only=True):
    """Sums over the submitted episodes; `invalid_actions` are counted by replay (None without), the rest is told."""

    steps: int
    invalid_actions: int | None
    format_invalid: int
    prompt_tokens: int
    completion_tokens: int
    model_calls: int
    cost_usd: float


class Row(msgspec.Struct, frozen=True, kw_only=True):
    """What a board shows of an accepted bundle.

    Attributes:
        agent: name under which `envbench eval` ran it.
        metadata: as submitted.
        success, score: over the planned episodes; a missing one is a failure with score 0.
        planned, missing: episodes.
        outcomes: name -> number of submitted episodes.
        totals: over the submitted episodes.
        values: of the board's metric, one per planned episode in the plan's order: what rows are compared by.
        clusters: number of the cluster of each planned episode, counted by first appearance.
    """

    agent: str
    metadata: Metadata
    success: Measure
    score: Measure
    planned: int
    missing: int
    outcomes: dict[str, int]
    totals: Totals
    values: tuple[float, ...]
    clusters: tuple[int, ...]


class Report(msgspec.Struct, frozen=True, kw_only=True):
    """The outcome of `verify`.

    Attributes:
        verdict: accepted, refused or unreadable.
        reason: the verdict in a line.
        checks: in the order in which they were made; the first that fails may end them.
        board: named by the bundle; "" where that could not be read.
        plan_sha256, bundle_sha256: of the plan and of the file; "" where that could not be read.
        level: `replayed`, or `self-reported` where this machine cannot replay; ranked apart.
        row: None unless accepted.
        note: what the verdict does not prove.
        envbench: version that verified.
    """

    verdict: Verdict
    reason: str
    checks: tuple[Check, ...]
    board: str = ""
    plan_sha256: str = ""
    bundle_sha256: str = ""
    level: Level | None = None
    row: Row | None = None
    note: str = NOTE
    version: int = REPORT_VERSION
    envbench: str = __version__

    def plain(self) -> dict[str, Any]:
        """Return it as plain data."""
        document: dict[str, Any] = msgspec.to_builtins(self)
        return document


def read_report(data: bytes) -> Report:
    """Return the report of `report.json`; for files of the project, not for those of strangers.

    Raises:
        msgspec.ValidationError: for another shape.
    """
    return msgspec.json.decode(data, type=Report)
