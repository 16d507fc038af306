"""The claim of a submission: what its episodes amount to over the whole plan."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import NamedTuple

from envbench.evaluate import summarise
from envbench.leaderboard.board import Board
from envbench.leaderboard.schema import Claim, Measure
from envbench.stats import Interval


class Scored(NamedTuple):
    """A planned episode: its cluster and what came out, failed with score 0 where it is missing."""

    task: str
    cluster: str
    success: bool = False
    score: float = 0.0
    missing: bool = False


def claim_of(board: Board, scored: Sequence[Scored]) -> Claim:
    """Return success and score with intervals, as `envbench eval` computes them; the denominator is the plan.

    Args:
        board: that was played.
        scored: one for each planned episode, in the plan's order.
    """
    fixed = {"agent": "", "env": board.env, "dataset": board.dataset, "split": board.split, "outcome": ""}
    unused = dict.fromkeys(("episode_return", "steps", "invalid_actions", "format_invalid"), 0)
    spent = dict.fromkeys(("prompt_tokens", "completion_tokens", "model_calls", "cost_usd"), 0)
    [summary] = summarise([fixed | unused | spent | one._asdict() for one in scored])
    return Claim(
        success=_measure(summary.measures["success"]),
        score=_measure(summary.measures["score"]),
        missing=sum(one.missing for one in scored),
    )


def _measure(interval: Interval) -> Measure:
    known = not math.isnan(interval.low)
    return Measure(
        estimate=interval.estimate,
        low=interval.low if known else None,
        high=interval.high if known else None,
        n=interval.n,
        units=interval.units,
        unit=interval.unit,
        method=interval.method,
    )
