"""SPAE (arXiv:2601.03823): a potential from probes of the answer, and its change, shape the group advantage."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from envbench.credit.kernels import Segments, episode_returns, groups, per_step, rows_of
from envbench.credit.kernels_tree import Forks, leaf_means, normalised
from envbench.credit.options import Discount, NonNegative, Options
from envbench.credit.registry import register
from envbench.types import Advantages, StepBatch


@dataclass(frozen=True, slots=True)
class SPAEConfig(Options):
    """Options of SPAE.

    Attributes:
        xi: weight of the change of the potential.
        alpha: factor on a positive group advantage where the potential is saturated.
        saturation: a potential above this means that the answer is known.
        normalise: standardise the result over the rows of the batch at the end.
        epsilon: added to the deviations.
    """

    xi: NonNegative = 0.5
    alpha: Discount = 0.5
    saturation: Discount = 0.9
    normalise: bool = True
    epsilon: NonNegative = 1e-6


@register(
    "spae",
    kind="advantage",
    paper="arXiv:2601.03823",
    evidence="abstract",
    needs=("probe_accuracy", "probe_confidence"),
    cost="5 probes of up to 10 tokens per step",
    columns={"probe_accuracy": ("S",), "probe_confidence": ("S",)},
)
def spae(batch: StepBatch, cfg: SPAEConfig) -> Advantages:
    """Group advantage damped after the answer is known, plus the change of the answer's potential.

    A = A_group f(P) + xi g(dP), then batch normalisation. The potential P and its change are the paper's; f and g were
    not released and are ours: where P is not saturated f = 1 and g = dP, elsewhere f = alpha on a positive A_group and
    g = min(dP, 0). A_group is GRPO over leaves (a group of one: its raw score); a shared row takes their mean.
    Both probe columns, in [0, 1], hold what a probe after the step found. `parts` holds potential, delta and group.
    """
    forks = Forks.of(batch)
    bins = Segments.of(*groups(batch))
    leaf = normalised(episode_returns(batch), bins, epsilon=cfg.epsilon)
    group, _ = leaf_means(batch, forks, leaf)
    accuracy, confidence = (batch.require(f"probe_{one}", "spae").double() for one in ("accuracy", "confidence"))
    level = potential(accuracy, confidence)
    starts = forks.previous < 0
    delta = (level - level.index_select(0, forks.previous.clamp(min=0))).masked_fill(starts, 0.0)
    known = level > cfg.saturation
    damped = torch.where(known & (group > 0.0), cfg.alpha * group, group)
    value = damped + cfg.xi * torch.where(known, delta.clamp(max=0.0), delta)
    if cfg.normalise:
        all_rows = Segments.of(rows_of(batch, ~batch.include).long(), 2)
        value = normalised(value, all_rows, epsilon=cfg.epsilon)
    return per_step(batch, value, potential=level, delta=delta, group=group)


def potential(accuracy: Tensor, confidence: Tensor) -> Tensor:
    """Return 1.5 Acc Conf + 0.5 Acc - Conf: -1 confidently wrong, 1 confidently right, 0 to 0.5 unsure."""
    return 1.5 * accuracy * confidence + 0.5 * accuracy - confidence
