"""Selective sample buffer (Skywork R1V2, arXiv:2504.16656): stored episodes with an advantage come back."""

from __future__ import annotations

from dataclasses import dataclass
from math import ceil
from typing import Annotated

import torch
from torch import Tensor

from envbench.credit.kernels import Segments
from envbench.credit.kernels_optimisation import ranks
from envbench.credit.options import Discount, Interval, Options
from envbench.credit.registry import register
from envbench.credit.selection import Selection, checked, fresh
from envbench.types import StepBatch


@dataclass(frozen=True, slots=True)
class SSBConfig(Options):
    """Options of the buffer; the paper's values are not known to us, these are ours.

    Attributes:
        share: of episodes with an advantage among the new ones below which the batch is filled up, to this share of
            the number of new episodes.
        max_age: updates after which a stored episode is too old to be used.
    """

    share: Discount = 0.5
    max_age: Annotated[int, Interval(0, 2**31)] = 4


@register(
    "ssb",
    kind="sampler",
    paper="arXiv:2504.16656",
    evidence="abstract",
    needs=("stored", "age", "episode_advantage"),
    columns={"stored": ("E",), "age": ("E",), "episode_advantage": ("E",)},
)
def ssb(batch: StepBatch, cfg: SSBConfig, draws: Tensor | None = None) -> Selection:
    """Fill a batch of which little has an advantage with stored episodes, drawn in proportion to |A|.

    That episodes with A != 0 are kept and come back weighted by |A| is the abstract's; when, how many, how they are
    drawn (one by one without return) and the age limit are ours. The batch holds the new episodes and the buffer's:
    `stored` bool [E]; `age` [E], updates since it was stored; `episode_advantage` float [E], A of the episode as the
    method in use computed it, never mixed with another normalisation. Draws: float [E]. Afterwards the buffer holds
    what has an advantage and will not be too old at the next update. The ratio of a stored episode is to the log-probs
    stored with it. `parts` holds share, that of the new episodes before filling, float64 [1].
    """
    draw = checked(draws, (batch.num_episodes,), "ssb")
    size = batch.require("episode_advantage", "ssb").double().abs()
    age = batch.require("age", "ssb")
    stored = batch.require("stored", "ssb").bool() & batch.include
    new = fresh(batch, stored)
    useful = new & (size > 0.0)
    count = int(new.sum())
    missing = max(0, ceil(cfg.share * count - 1e-9) - int(useful.sum()))
    candidates = stored & (size > 0.0) & (age <= cfg.max_age)
    key = torch.where(
        candidates, -draw.log() / size, 0.0
    )  # the least of E / w, E exponential, is drawn with chance ~ w
    order = ranks(Segments.of((~candidates).long(), 2), key)
    replayed = candidates & (order < missing)
    store = useful | (candidates & (age < cfg.max_age))
    share = (useful.sum().double() / max(1, count)).reshape(1)
    return Selection(new | replayed, store=store, parts={"share": share})
