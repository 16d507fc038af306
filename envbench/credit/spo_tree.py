"""SPO-tree (arXiv:2505.23564): a segment is worth the value of its node minus that of its parent."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Literal

import torch
from torch import Tensor

from envbench.credit.kernels import ZERO_SPREAD, Segments, episode_returns, per_step, rows_of
from envbench.credit.kernels_agentic import reverse_scan
from envbench.credit.kernels_tree import Forks, leaf_sums
from envbench.credit.options import NonNegative, Options
from envbench.credit.registry import register
from envbench.types import Advantages, StepBatch


@dataclass(frozen=True, slots=True)
class SPOTreeConfig(Options):
    """Options of SPO-tree.

    Attributes:
        scale: `none` ("rloo" in the code) or `std`: divide by the population deviation of the siblings ("grpo").
        drop_zero: segments of advantage 0 get weight 0 (the released filter, without its best-of-4 clause).
        epsilon: added to the deviation.
    """

    scale: Literal["none", "std"] = "none"
    drop_zero: bool = True
    epsilon: NonNegative = 1e-8


@register(
    "spo_tree",
    kind="advantage",
    paper="arXiv:2505.23564",
    evidence="code",
    cost="a tree of continuations (6 x 6 x 6 leaves in the paper)",
)
def spo_tree(batch: StepBatch, cfg: SPOTreeConfig) -> Advantages:
    """Value of the segment's end minus the value of its start, from the tree of branches.

    A leaf (end of an included episode) is worth its return, a node the mean of its children (not of its leaves). The
    rows from one fork to the next are one segment, with A = V(child) - V(parent), where the value of a parent is the
    mean over its children; the roots of a group are children of its start. A row without a fork before it yields 0,
    as does a group of one. `parts` holds the node value after the row. `score_offset` plays no part.
    """
    score, forks = episode_returns(batch), Forks.of(batch)
    alive = leaf_sums(batch, forks, batch.include.double()) > 0
    start = batch.num_steps + rows_of(batch, batch.group)
    parent = torch.where(forks.previous < 0, start, forks.previous)
    nodes = torch.cat((parent[alive], forks.last[batch.include]))
    children = Segments.of(nodes, batch.num_steps + batch.num_groups)
    value = node_values(batch, forks, score, alive, children.count[: batch.num_steps])
    members = torch.cat((value[alive], score[batch.include]))
    center = children.mean(members)
    gain = value - center.index_select(0, parent)
    if cfg.scale == "std":
        std = children.std(members, center, ddof=0)
        factor = (std + cfg.epsilon).reciprocal().masked_fill(std < ZERO_SPREAD, 0.0)
        gain = gain * factor.index_select(0, parent)
    opens = children.count.index_select(0, parent) > 1
    opens = opens.index_fill(0, forks.first, True)
    number = torch.arange(batch.num_steps, device=opens.device)
    gain = gain.index_select(0, torch.cummax(number.masked_fill(~opens, 0), 0).values)
    result = per_step(batch, gain, node=value)
    if not cfg.drop_zero or result.weight is None:
        return result
    return replace(result, weight=result.weight.masked_fill(result.value == 0.0, 0.0))


def node_values(batch: StepBatch, forks: Forks, score: Tensor, alive: Tensor, count: Tensor) -> Tensor:
    """Return float64 [S], the value after each row: the mean over its children, down to the leaves.

    Args:
        batch: the tree.
        forks: of the batch.
        score: float64 [E], what the leaves are worth.
        alive: bool [S], the row has an included leaf below it.
        count: int64 [S], children of the row, its own episode's end included.
    """
    share = count.clamp(min=1).double().reciprocal()
    follows = torch.zeros_like(share)
    follows[:-1] = ((batch.episode[1:] == batch.episode[:-1]) & alive[1:]).double()
    own = torch.zeros_like(share).index_put((forks.last,), score * batch.include)
    for number in range(forks.depth, 0, -1):
        first, fork = forks.of_generation(number)
        below = reverse_scan(own * share, follows * share).index_select(0, first)
        own = own + Segments.of(fork, batch.num_steps).sum(below)
    return reverse_scan(own * share, follows * share)
