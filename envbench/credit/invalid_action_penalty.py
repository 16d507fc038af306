"""Invalid-action penalty (verl-agent, the code of GiGPO, arXiv:2505.10978): a deduction on the row itself."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Literal

import torch

from envbench.credit.kernels import rows_of, with_offset
from envbench.credit.options import NonNegative, Options
from envbench.credit.registry import register
from envbench.types import StepBatch


@dataclass(frozen=True, slots=True)
class InvalidActionPenaltyConfig(Options):
    """Options of the penalty.

    Attributes:
        coefficient: what an invalid action costs.
        column: what makes an action invalid: the engine refused it (`valid`), or the reply could not be parsed
            (`format_valid`, what verl-agent looks at).
    """

    coefficient: NonNegative = 0.1
    column: Literal["valid", "format_valid"] = "valid"

    @property
    def needs(self) -> tuple[str, ...]:
        """The columns that these options call for."""
        return (self.column,)


@register("invalid_action_penalty", kind="shaping", paper="arXiv:2505.10978", evidence="code", needs=("valid",))
def invalid_action_penalty(batch: StepBatch, cfg: InvalidActionPenaltyConfig) -> StepBatch:
    """Lower the score of every row with an invalid action by the coefficient, through `score_offset`.

    The rewards stay as they are: taken from them, the penalty would be discounted into earlier steps and summed into
    the return of the whole episode. What `score_offset` held before is added.
    """
    refused = ~batch.require(cfg.column, "invalid_action_penalty") & rows_of(batch, batch.include)
    none = torch.zeros_like(batch.reward, dtype=torch.float64)
    offset = with_offset(batch, none.masked_fill(refused, -cfg.coefficient))
    return replace(batch, score_offset=offset.to(batch.reward.dtype))
