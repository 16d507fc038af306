"""TEMPO (arXiv:2509.18314): values of the group's prefix tree add a branch-gated temporal difference to GRPO."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, Literal

import torch

from envbench.credit.kernels import (
    ZERO_SPREAD,
    Segments,
    episode_returns,
    groups,
    per_step,
)
from envbench.credit.kernels_agentic import followed, paired, prefix_ids
from envbench.credit.kernels_optimisation import per_token
from envbench.credit.options import Interval, NonNegative, Options
from envbench.credit.registry import register
from envbench.types import Advantages, StepBatch


@dataclass(frozen=True, slots=True)
class TEMPOConfig(Options):
    """Options of TEMPO.

    Attributes:
        unit: the prefix tree of `token`s (the paper; needs `token`), or of `turn`s (ours: anchor and action of rows).
        ddof: 1 for the sample deviation, 0 for that of the population; the paper does not say.
        single: a group of one yields its raw return or `zero`.
        epsilon: added to the deviation.
    """

    unit: Literal["token", "turn"] = "token"
    ddof: Annotated[int, Interval(0, 1)] = 1
    single: Literal["raw", "zero"] = "raw"
    epsilon: NonNegative = 1e-6

    @property
    def needs(self) -> tuple[str, ...]:
        """The columns that these options call for."""
        return ("token_step", "token") if self.unit == "token" else ("anchor", "action")


@register(
    "tempo",
    kind="advantage",
    level="token",
    paper="arXiv:2509.18314",
    evidence="abstract",
    needs=("token_step", "token"),
)
def tempo(batch: StepBatch, cfg: TEMPOConfig) -> Advantages:
    """A_k = (R - mean + V(prefix with k) - V(prefix before k)) / (std + epsilon), V the mean return of a prefix.

    V(empty) is the mean of the group. Tokens off a branch point have a difference of 0 and get GRPO's advantage. The
    formula is confirmed by the abstract and an independent implementation; there is no official code. Ours: prefixes
    hold the policy's tokens of one episode (a branch begins a prefix of its own), and turns as units.
    """
    bins, size = groups(batch)
    score = episode_returns(batch)
    members = Segments.of(bins, size)
    mean = members.mean(score)
    alone = members.count == 1
    std = members.std(score, mean, cfg.ddof).masked_fill(alone, 1.0)
    scale = (std + cfg.epsilon).reciprocal().masked_fill(std < ZERO_SPREAD, 0.0)
    if cfg.single == "zero":
        scale = scale.masked_fill(alone, 0.0)
    if cfg.unit == "token":
        row = batch.require("token_step", "tempo")
        episode, ids = batch.episode.index_select(0, row), batch.require("token", "tempo")
    else:
        episode, ids = batch.episode, paired(batch.require("anchor", "tempo"), batch.require("action", "tempo"))
    bin_of, reward = bins.index_select(0, episode), score.index_select(0, episode)
    number = torch.arange(-1, len(ids) - 1, device=ids.device)
    starts = ~followed(episode).roll(1)
    starts[:1] = True
    previous = torch.where(starts, -1, number)
    keys = paired(prefix_ids(ids, previous), bin_of)
    prefixes = Segments.of(keys, int(keys.max()) + 1 if len(keys) else 0)
    value = prefixes.spread(prefixes.mean(reward))
    before = torch.where(starts, mean.index_select(0, bin_of), value.roll(1))
    centre = mean.masked_fill(alone, 0.0).index_select(0, bin_of)
    jump = value - before
    advantage = (reward - centre + jump) * scale.index_select(0, bin_of)
    if cfg.unit == "token":
        return per_token(batch, "tempo", advantage, td=jump, prefix=value)
    return per_step(batch, advantage, td=jump, prefix=value)
