"""Rewarding the Unlikely (arXiv:2506.02355): successes that the policy found improbable are paid more."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, Literal

from torch import Tensor

from envbench.credit.kernels import Scores, Segments, episode_returns, groups, per_step, rows_of, with_offset
from envbench.credit.kernels_optimisation import ranks, tied_ranks, token_episodes
from envbench.credit.options import Interval, NonNegative, Options
from envbench.credit.registry import register
from envbench.types import Advantages, StepBatch


@dataclass(frozen=True, slots=True)
class UnlikelinessConfig(Options):
    """Options of the unlikeliness reward.

    Attributes:
        beta: share of the return that the likeliest success loses, nearly. 0 is GRPO.
        ties: equally likely episodes share the mean of their ranks, or are ranked in their `order` in the batch, which
            pays equal episodes differently (the official code; the paper does not say).
        single: a group of one yields its raw score (mean 0, deviation 1: what the code does) or `zero`.
        epsilon: added to the deviation.
    """

    beta: Annotated[float, Interval(0.0, 1.0)] = 0.25
    ties: Literal["mean", "order"] = "mean"
    single: Literal["raw", "zero"] = "raw"
    epsilon: NonNegative = 1e-6


@register(
    "unlikeliness",
    kind="advantage",
    paper="arXiv:2506.02355",
    evidence="code",
    needs=("logprob",),
    cost="2 to 4 epochs per batch in the paper",
)
def unlikeliness(batch: StepBatch, cfg: UnlikelinessConfig) -> Advantages:
    """GRPO on returns that are discounted by how likely the policy found the episode.

    r'_i = r_i (1 - beta rank_i / n), A_i = (r'_i - mean) / (std + epsilon) over the group. rank_i, 0 to n - 1, is the
    place of the episode in its group by its mean token log-probability, least likely first. All-wrong groups yield 0;
    a group of successes keeps a gradient, towards the unlikely ones. An episode without tokens has log-probability 0.
    """
    bins, size = groups(batch)
    by_group = Segments.of(bins, size)
    score = with_offset(batch, rows_of(batch, discounted(batch, by_group, cfg)))
    scores = Scores.of(batch, score, bins, size, over="episode")
    return per_step(batch, scores.normalised(scale="std", single=cfg.single, epsilon=cfg.epsilon))


def discounted(batch: StepBatch, by_group: Segments, cfg: UnlikelinessConfig) -> Tensor:
    """Return float64 [E], the episode returns after the discount."""
    likelihood = token_episodes(batch, "unlikeliness").mean(batch.require("logprob", "unlikeliness").double())
    rank = (tied_ranks if cfg.ties == "mean" else ranks)(by_group, likelihood).double()
    return episode_returns(batch) * (1.0 - cfg.beta * rank / by_group.spread(by_group.count))
