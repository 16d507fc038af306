"""SeeUPO (arXiv:2602.06554): turns are updated from last to first, each corrected for the turns already updated."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, Literal

import torch
from torch import Tensor

from envbench.credit.grpo import GRPOConfig, episode_advantage
from envbench.credit.kernels import per_step, rows_of
from envbench.credit.kernels_agentic import followed, whitened
from envbench.credit.options import Interval, NonNegative, Options
from envbench.credit.registry import register
from envbench.types import Advantages, StepBatch


@dataclass(frozen=True, slots=True)
class SeeUPOConfig(Options):
    """Options of SeeUPO.

    Attributes:
        clip_low, clip_high: each ratio and their running product stay within 1 - clip_low and 1 + clip_high.
        limit: the whitened outcome stays within plus and minus this.
        single: a group of one yields its raw return before whitening, or `zero`.
    """

    clip_low: Annotated[float, Interval(0.0, 1.0)] = 0.2
    clip_high: NonNegative = 0.2
    limit: NonNegative = 3.0
    single: Literal["raw", "zero"] = "raw"


@register(
    "seeupo",
    kind="advantage",
    paper="arXiv:2602.06554",
    evidence="code",
    cost="one optimiser pass and one log-probability pass per turn",
    columns={"turn_logratio": ("S",)},
)
def seeupo(batch: StepBatch, cfg: SeeUPOConfig) -> Advantages:
    """Group-centred outcome, whitened over the episodes of the batch and clamped, times M of the later turns.

    M is the product of exp(`turn_logratio`) over the later rows of the episode, clipped after each factor. The column
    (float [S]: mean over the turn's tokens of log pi after minus before its own update) holds 0 for turns not yet
    updated; without it nothing was updated and M is 1. `parts` holds base and ratio.
    """
    centred = episode_advantage(batch, GRPOConfig(scale="none", single=cfg.single))
    outcome = whitened(centred.index_select(0, batch.first_rows()), batch.include, epsilon=0.0).clamp(
        -cfg.limit, cfg.limit
    )
    base = rows_of(batch, outcome)
    ratio = torch.ones_like(base)
    if "turn_logratio" in batch.extra:
        change = batch.require("turn_logratio", "seeupo").double().exp()
        ratio = _later_product(change.clamp(1.0 - cfg.clip_low, 1.0 + cfg.clip_high), batch.episode, cfg)
    return per_step(batch, base * ratio, base=base, ratio=ratio)


def _later_product(change: Tensor, episode: Tensor, cfg: SeeUPOConfig) -> Tensor:
    """Return float64 [S], the running product over later rows, clipped after each one.

    x -> clip(a x, low, high) composes to a map of the same form, so the product is a scan of maps by doubling.
    """
    floor, roof = 1.0 - cfg.clip_low, 1.0 + cfg.clip_high
    inside = followed(episode)
    # The map of a row takes M after it to M before it; shifted by one, since a row sees the later rows alone.
    scale = torch.where(inside, change.roll(-1), 1.0)
    low = torch.full_like(change, floor).masked_fill(~inside, 0.0)
    high = torch.full_like(change, roof).masked_fill(~inside, torch.inf)
    reach = 1
    while reach < len(change) and bool((episode[reach:] == episode[:-reach]).any()):
        same = episode[reach:] == episode[:-reach]
        a, lo, hi = scale[:-reach], low[:-reach], high[:-reach]
        later = (torch.where(same, one[reach:], rest) for one, rest in ((scale, 1.0), (low, 0.0), (high, torch.inf)))
        a2, lo2, hi2 = later
        joined = (a * a2, (a * lo2).clamp(lo, hi), (a * hi2).clamp(lo, hi))
        scale, low, high = (torch.cat((new, old[-reach:])) for new, old in zip(joined, (scale, low, high), strict=True))
        reach *= 2
    return scale.clamp(low, high)
