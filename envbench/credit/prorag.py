"""ProRAG (arXiv:2601.21912): the outcome's advantage plus standardised scores of a process reward model."""

from __future__ import annotations

from dataclasses import dataclass

from envbench.credit.kernels import ZERO_SPREAD, Segments, episode_returns, groups, per_step, rows_of
from envbench.credit.kernels_tree import Forks, leaf_means, normalised
from envbench.credit.options import NonNegative, Options
from envbench.credit.registry import register
from envbench.types import Advantages, StepBatch


@dataclass(frozen=True, slots=True)
class ProRAGConfig(Options):
    """Options of ProRAG.

    Attributes:
        beta: weight of the process term (0.3 in the launch script, 0.5 in the class).
        format_score: add +1 to `step_score` where `format_valid`, -2 elsewhere (the code); by default the column
            holds that already.
    """

    beta: NonNegative = 0.3
    format_score: bool = False

    @property
    def needs(self) -> tuple[str, ...]:
        """The columns that these options call for."""
        return ("step_score", "format_valid") if self.format_score else ("step_score",)


@register(
    "prorag",
    kind="advantage",
    paper="arXiv:2601.21912",
    evidence="code",
    needs=("step_score",),
    cost="a process reward model's forward pass per episode",
)
def prorag(batch: StepBatch, cfg: ProRAGConfig) -> Advantages:
    """Outcome relative to the group plus beta times the step score relative to all policy tokens of the group.

    A = (R_i - mean) / (std + 1e-4) + beta (s - mu) / sqrt(var + 1e-8). The first statistics are over episodes with the
    sample deviation (a group of one: the raw score); mu and the population variance are over policy tokens, so a row
    counts as often as it has tokens (once each, where the batch holds no tokens). `parts` holds both terms.
    """
    leaf = normalised(episode_returns(batch), Segments.of(*groups(batch)), epsilon=1e-4)
    outcome, _ = leaf_means(batch, Forks.of(batch), leaf)
    score = batch.require("step_score", "prorag").double()
    if cfg.format_score:
        score = score + 3.0 * batch.require("format_valid", "prorag").double() - 2.0
    group, size = groups(batch)
    rows = Segments.of(rows_of(batch, group), size)
    weight = score.new_ones(batch.num_steps)
    if batch.token_step is not None:
        weight = Segments.of(batch.token_step, batch.num_steps).count.double()
    total = rows.sum(weight).clamp(min=1.0)
    middle = score - rows.spread(rows.sum(weight * score) / total)
    variance = rows.sum(weight * middle.square()) / total
    factor = (variance + 1e-8).rsqrt().masked_fill(variance.sqrt() < ZERO_SPREAD, 0.0)
    process = middle * rows.spread(factor)
    return per_step(batch, outcome + cfg.beta * process, outcome=outcome, process=process)
