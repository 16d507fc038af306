"""SeeUPO's update (arXiv:2602.06554): the turns of a batch from last to first, one optimizer pass each."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import torch
from torch import Tensor

from envbench import credit
from envbench.credit.kernels import Segments
from envbench.types import Advantages, StepBatch


def turn_of(batch: StepBatch) -> Tensor:
    """Return int64 [S], the number of the row in its episode, counted from the start: what aligns ragged episodes."""
    rows = torch.arange(len(batch.episode), device=batch.episode.device)
    return rows - batch.first_rows().index_select(0, batch.episode)


def turn_logratio(before: Tensor, after: Tensor, token_step: Tensor, size: int) -> Tensor:
    """Return float64 [S], the mean over each row's tokens of log pi after minus before its own update; 0 without."""
    rows = Segments.of(token_step, size)
    return rows.sum(after.detach().double() - before.detach().double()) / rows.count.clamp(min=1)


def update_in_reverse(
    batch: StepBatch,
    logprobs: Callable[[Tensor], Tensor],
    update: Callable[[Tensor, Advantages, Tensor], None],
    **options: Any,
) -> Tensor:
    """Update turn by turn, last first; each turn's advantage carries the change made to the later ones.

    Args:
        batch: with `token_step`; not changed.
        logprobs: rows (bool [S]) -> float [L], log-probs of the recorded tokens under the parameters as they are now;
            entries of tokens of other rows are not read.
        update: (rows bool [S], advantages of the batch, old log-probs float [L]) takes the optimizer steps on the
            tokens of these rows. The old log-probs are those of the already updated parameters, not the recorded ones.
        options: of the method `seeupo`.

    Returns:
        float64 [S], the `turn_logratio` of every row after all updates (rows without tokens 0). An episode without
        the turn neither updates nor changes its M.
    """
    token_step = batch.require("token_step", "seeupo")
    turn = turn_of(batch)
    change = torch.zeros(len(turn), dtype=torch.float64, device=turn.device)
    for number in range(int(turn.max()), -1, -1):
        rows = turn == number
        extra = {**batch.extra, "turn_logratio": change}
        advantages = credit.advantages("seeupo", replace(batch, extra=extra), **options)
        before = logprobs(rows)
        update(rows, advantages, before)
        change = torch.where(rows, turn_logratio(before, logprobs(rows), token_step, len(turn)), change)
    return change
