"""SLATE's truncated step sampling (arXiv:2602.23440): k next steps from one prefix, of which one goes on."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import torch
from torch import Tensor

from envbench.credit.kernels import Segments, rows_of
from envbench.credit.kernels_optimisation import ranks
from envbench.credit.options import Options
from envbench.credit.registry import register
from envbench.credit.selection import Selection, checked, nodes
from envbench.types import StepBatch


@dataclass(frozen=True, slots=True)
class TruncatedStepConfig(Options):
    """Options of the sampling.

    Attributes:
        choose: which candidate goes on: a `random` one, or the `best` by `step_score`. The paper's choice is not known
            to us; `best` changes which states are visited.
    """

    choose: Literal["random", "best"] = "random"

    @property
    def needs(self) -> tuple[str, ...]:
        """The columns that these options call for."""
        return ("step_score",) if self.choose == "best" else ()


@register(
    "truncated_step", kind="sampler", paper="arXiv:2602.23440", evidence="abstract", cost="k judged candidates per step"
)
def truncated_step(batch: StepBatch, cfg: TruncatedStepConfig, draws: Tensor | None = None) -> Selection:
    """Choose one of the candidate steps of every open place; its episode goes on, the others end there.

    Sampling k steps from one prefix and going on with one is the abstract's; which one is ours. Candidates are the
    last rows that follow one and the same row (or start one group); a place is open while none of its candidates goes
    on. An episode that is over may be chosen too, and then nothing goes on. Draws (`random` alone): float [E]; the
    candidate with the least is chosen. All candidates stay in the batch: each is compared with its siblings.
    """
    node, _ = nodes(batch, batch.group)
    follows = batch.previous_rows()
    gone_on = torch.zeros_like(node, dtype=torch.bool)
    gone_on[follows[follows >= 0]] = True
    places = Segments.of(node, int(node.max()) + 1)
    closed = places.spread(places.sum(gone_on.double()) > 0)
    candidate = ~closed & rows_of(batch, batch.include)
    if cfg.choose == "random":
        key = rows_of(batch, checked(draws, (batch.num_episodes,), "truncated_step"))
    else:
        key = -batch.require("step_score", "truncated_step").double()
    offered = Segments.of(torch.where(candidate, node, places.size), places.size + 1)
    chosen = candidate & (ranks(offered, key) == 0)
    running = ~(batch.terminated | batch.truncated)
    advance = torch.zeros_like(batch.include).index_fill(0, batch.episode[chosen], True) & running
    return Selection(batch.include, advance=advance, parts={"chosen": chosen})
