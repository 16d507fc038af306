"""One-step look-ahead (V_0.5, arXiv:2603.10848): a group gets another rollout while that pays for its baseline."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, Literal

import torch
from torch import Tensor

from envbench.credit.kernels import Segments, episode_returns, groups
from envbench.credit.options import Interval, NonNegative, Options
from envbench.credit.registry import register
from envbench.credit.selection import Selection
from envbench.credit.v05 import fuse
from envbench.errors import InvalidValue
from envbench.types import StepBatch


@dataclass(frozen=True, slots=True)
class OSLAConfig(Options):
    """Options of the allocation; the numbers are ours.

    Attributes:
        least: n_min, rollouts of every group; at least 1.
        most: n_max, rollouts of a group at most.
        cost: c, of a rollout, in units of the baseline's variance.
        variance: of a return, as in `V05Config`.
    """

    least: Annotated[int, Interval(1, 2**31)] = 4
    most: Annotated[int, Interval(1, 2**31)] = 16
    cost: NonNegative = 1e-3
    variance: Literal["smoothed", "sample"] = "smoothed"

    def __post_init__(self) -> None:
        """Check the options, together too.

        Raises:
            InvalidValue: for a value that an option cannot take, or `most` below `least`.
        """
        Options.__post_init__(self)
        if self.most < self.least:
            raise InvalidValue(f"most={self.most}: expected at least least={self.least}")


@register("osla", kind="sampler", paper="arXiv:2603.10848", evidence="abstract", needs=("prior",), cost="0 to n_max")
def osla(batch: StepBatch, cfg: OSLAConfig, _draws: Tensor | None = None) -> Selection:
    """Ask for one more rollout where it lowers the variance of V_0.5's baseline by at least its cost.

    That rollouts are allocated one after the other is the abstract's; the rule is ours. With n rollouts whose return
    has variance s^2, and w the weight of the prior (`v05`), the gain is (1 - w)^2 s^2 / (n (n + 1)). A group of fewer
    than n_min gets what it lacks, one of n_max nothing. It draws nothing. `parts` holds gain and prior_weight, float64
    [groups].
    """
    by_group = Segments.of(*groups(batch))
    prior = by_group.mean(batch.require("prior", "osla").double())
    _, weight, variance = fuse(by_group, episode_returns(batch), prior, cfg.variance)
    count = by_group.count
    gain = (1.0 - weight).square() * variance / (count * (count + 1)).clamp(min=1)
    worth = ((gain >= cfg.cost) & (count < cfg.most)).long()
    more = torch.where(count < cfg.least, cfg.least - count, worth)
    return Selection(batch.include, more=more[:-1], parts={"gain": gain[:-1], "prior_weight": weight[:-1]})
