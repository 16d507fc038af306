"""Tree-GRPO's rollouts (arXiv:2509.21240): M trees per task, L rounds of N branches per tree, K leaves used."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, Literal

import torch
from torch import Tensor

from envbench.credit.kernels import Segments, rows_of
from envbench.credit.kernels_optimisation import ranks, sorted_by, starts
from envbench.credit.options import Interval, Options
from envbench.credit.registry import register
from envbench.credit.selection import Selection, checked, nodes
from envbench.types import StepBatch


@dataclass(frozen=True, slots=True)
class TreeBudgetConfig(Options):
    """Options of the budget. L is how often `phase="expand"` is called; a tree then has 1 + N L leaves.

    Attributes:
        phase: `expand` says where to branch, `keep` which leaves are used in the end.
        trees: M, trees per task.
        expand: N, branches per tree and round.
        leaves: K, leaves used per tree.
    """

    phase: Literal["expand", "keep"] = "expand"
    trees: Annotated[int, Interval(1, 2**31)] = 2
    expand: Annotated[int, Interval(1, 2**31)] = 2
    leaves: Annotated[int, Interval(1, 2**31)] = 3


@register(
    "tree_budget",
    kind="sampler",
    paper="arXiv:2509.21240",
    evidence="code",
    needs=("tree",),
    cost="branches that are pruned",
)
def tree_budget(batch: StepBatch, cfg: TreeBudgetConfig, draws: Tensor | None = None) -> Selection:
    """Choose N random inner nodes of every tree to branch from, or K random leaves of every tree to keep.

    Inner nodes are the states before a step, the root among them; one may be chosen twice. Draws for `expand`: float
    [trees, N], in order of the tree ids; draw u takes the node number floor(u n) in order of the rows. `more` says how
    many trees a group lacks. Draws for `keep`: float [E]; the K leaves with the least are kept. Every episode is a
    leaf.
    """
    tree = batch.require("tree", "tree_budget")
    count = int(tree.max()) + 1
    bins = torch.where(batch.include, tree, count)
    if cfg.phase == "keep":
        draw = checked(draws, (batch.num_episodes,), "tree_budget")
        return Selection(batch.include & (ranks(Segments.of(bins, count + 1), draw) < cfg.leaves))
    draw = checked(draws, (count, cfg.expand), "tree_budget")
    _, opens = nodes(batch, tree)
    inner = Segments.of(torch.where(opens, rows_of(batch, bins), count), count + 1)
    order = sorted_by(inner.ids)
    size = inner.count[:count, None]
    chosen = starts(inner)[:count, None] + (draw * size).long().clamp(max=(size - 1).clamp(min=0))
    row = order.index_select(0, chosen[(size > 0).expand_as(chosen)])
    branch = torch.bincount(row, minlength=batch.num_steps)
    held = batch.group.new_zeros(count).index_copy(0, tree, batch.group)  # all episodes of a tree have one group
    grown = torch.bincount(held, minlength=batch.num_groups)
    return Selection(batch.include, branch=branch, more=(cfg.trees - grown).clamp(min=0))
