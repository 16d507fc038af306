"""Step-GRPO (R1-Router, arXiv:2505.22095): GRPO among the samples of one step."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from envbench.credit.kernels import Scores, Segments, groups, per_step, rows_of, with_offset
from envbench.credit.kernels_agentic import paired
from envbench.credit.options import NonNegative, Options
from envbench.credit.registry import register
from envbench.types import Advantages, StepBatch


@dataclass(frozen=True, slots=True)
class StepGRPOConfig(Options):
    """Options of Step-GRPO.

    Attributes:
        scale: divide by the sample standard deviation, or `none`.
        single: a step that one sample reached yields its raw score or `zero`.
        epsilon: added to the deviation.
    """

    scale: Literal["std", "none"] = "std"
    single: Literal["raw", "zero"] = "raw"
    epsilon: NonNegative = 1e-6


@register("step_grpo", kind="advantage", paper="arXiv:2505.22095", evidence="abstract", needs=("step_score",))
def step_grpo(batch: StepBatch, cfg: StepGRPOConfig) -> Advantages:
    """`step_score`, standardised among the rows of the group that have the same step index `t`.

    Ours: the abstract says that GRPO is applied to every step by itself; the paper's step reward (format, router
    choice, similarity of the query) is not verified, so any `step_score` is taken as it comes.
    """
    group, _ = groups(batch)
    keys = paired(rows_of(batch, group), batch.t - batch.t.min())
    members = Segments.of(keys, int(keys.max()) + 1)
    score = with_offset(batch, batch.require("step_score", "step_grpo").double())
    compared = Scores(score, keys, score, members)
    return per_step(batch, compared.normalised(scale=cfg.scale, single=cfg.single, epsilon=cfg.epsilon))
