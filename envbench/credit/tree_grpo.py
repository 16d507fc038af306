"""Tree-GRPO (arXiv:2509.21240): leaves compared within their tree and across the trees of a prompt."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Literal

from envbench.credit.kernels import Segments, episode_returns, groups, per_step
from envbench.credit.kernels_tree import Forks, leaf_means, normalised, split_groups
from envbench.credit.options import NonNegative, Options
from envbench.credit.registry import register
from envbench.types import Advantages, StepBatch


@dataclass(frozen=True, slots=True)
class TreeGRPOConfig(Options):
    """Options of Tree-GRPO.

    Attributes:
        form: `sum` of both terms (the paper), `intra` alone (the code's tree_inner), or `twice`: the term across trees
            normalised again inside each tree (the code's tree_2norm).
        single: what a tree or group of one leaf yields: its raw score (the code) or `zero`.
        epsilon: added to the deviations.
    """

    form: Literal["sum", "intra", "twice"] = "sum"
    single: Literal["raw", "zero"] = "raw"
    epsilon: NonNegative = 1e-6


@register("tree_grpo", kind="advantage", paper="arXiv:2509.21240", evidence="code", needs=("tree",))
def tree_grpo(batch: StepBatch, cfg: TreeGRPOConfig) -> Advantages:
    """Leaf score relative to the leaves of its group plus relative to the leaves of its tree.

    A_leaf = N(R; leaves of the group) + N(R; leaves of the tree), sample deviations over leaves (episodes). The paper's
    chains repeat a shared prefix once per leaf; here its row is held once, so it gets the mean over the leaves below
    it and their number as weight, which is the same gradient. `score_offset` plays no part. `parts` holds both terms.
    """
    score, forks = episode_returns(batch), Forks.of(batch)
    bins, size = groups(batch)
    trees = split_groups(bins, batch.require("tree", "tree_grpo"))
    inter = normalised(score, Segments.of(bins, size), single=cfg.single, epsilon=cfg.epsilon)
    source = inter if cfg.form == "twice" else score
    intra = normalised(source, trees, single=cfg.single, epsilon=cfg.epsilon)
    inter_row, leaves = leaf_means(batch, forks, inter)
    intra_row, _ = leaf_means(batch, forks, intra)
    result = per_step(
        batch,
        inter_row + intra_row if cfg.form == "sum" else intra_row,
        inter=inter_row,
        intra=intra_row,
        leaves=leaves,
    )
    return replace(result, weight=result.parts["leaves"])
