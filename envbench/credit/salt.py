"""SALT (arXiv:2510.20022): steps that trajectories share are neutral, steps in which they differ are decisive."""

from __future__ import annotations

from dataclasses import dataclass
from math import inf
from typing import Annotated, Literal

from torch import Tensor

from envbench.credit.grpo import GRPOConfig, episode_advantage
from envbench.credit.kernels import Segments, groups, per_step, rows_of
from envbench.credit.kernels_agentic import paired, prefix_ids
from envbench.credit.options import Interval, Options
from envbench.credit.registry import register
from envbench.credit.rloo import RLOOConfig, rloo
from envbench.types import Advantages, StepBatch


@dataclass(frozen=True, slots=True)
class SALTConfig(Options):
    """Options of SALT.

    Attributes:
        base: advantage of the trajectories that is spread over the graph.
        history: previous (state, action) pairs that must agree for two edges to merge, or `all` of them.
        single: a group of one yields its raw return or `zero`.
    """

    base: Literal["grpo", "rloo"] = "grpo"
    history: Annotated[int, Interval(0, inf)] | Literal["all"] = 0
    single: Literal["raw", "zero"] = "raw"


@register(
    "salt", kind="advantage", paper="arXiv:2510.20022", evidence="abstract", needs=("anchor", "action", "next_anchor")
)
def salt(batch: StepBatch, cfg: SALTConfig) -> Advantages:
    """Base advantage of the trajectory, averaged over all occurrences of the same edge in the group.

    Ours: no official code was found. The abstract says that shared steps are merged; the edge (state, action, next
    state), the mean over occurrences (not trajectories) and the matching of history are the project's definition.
    """
    if cfg.base == "grpo":
        base = episode_advantage(batch, GRPOConfig(single=cfg.single))
    else:
        base = rloo(batch, RLOOConfig(single=cfg.single)).value.double()
    pair = paired(batch.require("anchor", "salt"), batch.require("action", "salt"))
    keys = paired(_histories(batch, pair, cfg.history), batch.require("next_anchor", "salt"))
    keys = paired(keys, rows_of(batch, groups(batch)[0]))
    edges = Segments.of(keys, int(keys.max()) + 1)
    return per_step(batch, edges.spread(edges.mean(base)), base=base)


def _histories(batch: StepBatch, pair: Tensor, history: int | str) -> Tensor:
    """Return int64 [S], ids of each row's pair with the `history` pairs before it."""
    previous = batch.previous_rows()
    if history == "all":
        return prefix_ids(pair, previous)
    found = pair
    for _ in range(int(history)):
        before = (found + 1).index_select(0, previous.clamp(min=0)).masked_fill(previous < 0, 0)
        found = paired(pair, before)
    return found
