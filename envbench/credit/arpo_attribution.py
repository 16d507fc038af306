"""ARPO (entropy-based branching, arXiv:2507.19849): whom the advantage of a shared segment belongs to."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Literal

from envbench.credit.kernels import Segments, episode_returns, groups, per_step
from envbench.credit.kernels_tree import Forks, leaf_means, normalised
from envbench.credit.options import NonNegative, Options
from envbench.credit.registry import register
from envbench.types import Advantages, StepBatch


@dataclass(frozen=True, slots=True)
class ARPOAttributionConfig(Options):
    """Options of ARPO's attribution.

    Attributes:
        attribution: `soft` (the paper's default): a shared row counts once for every leaf below it, as in chains that
            repeat their prefix; `hard`: it counts once.
        single: a group of one yields its raw score or `zero`.
        epsilon: added to the deviation.
    """

    attribution: Literal["hard", "soft"] = "soft"
    single: Literal["raw", "zero"] = "raw"
    epsilon: NonNegative = 1e-6


@register("arpo_attribution", kind="advantage", paper="arXiv:2507.19849", evidence="code")
def arpo_attribution(batch: StepBatch, cfg: ARPOAttributionConfig) -> Advantages:
    """GRPO over the leaves; a shared row gets the mean advantage of the leaves below it.

    Hard attribution assigns that mean. Soft attribution leaves every copy of the prefix its own leaf's advantage; held
    once, the row has the same gradient (before clipping) with the mean as value and the number of leaves as weight.
    So the two differ in `weight` alone. `score_offset` plays no part.
    """
    bins = Segments.of(*groups(batch))
    leaf = normalised(episode_returns(batch), bins, single=cfg.single, epsilon=cfg.epsilon)
    value, leaves = leaf_means(batch, Forks.of(batch), leaf)
    result = per_step(batch, value, leaves=leaves)
    return result if cfg.attribution == "hard" else replace(result, weight=result.parts["leaves"])
