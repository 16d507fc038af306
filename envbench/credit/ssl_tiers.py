"""Sweet-spot learning (SSL, arXiv:2601.22491): reward in tiers of progress on top of the outcome."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, Literal

from envbench.credit.kernels_shaping import at_end, last_rows, with_reward
from envbench.credit.options import Interval, NonNegative, Options
from envbench.credit.registry import register
from envbench.types import StepBatch


@dataclass(frozen=True, slots=True)
class SSLTiersConfig(Options):
    """Options of SSL.

    Attributes:
        alpha: weight of the tier. At 1 or more a failure in the top tier equals a success; stay below.
        tiers: K, the number of zones of equal width.
        values: the tier of zone k = 0 ... K-1: from 0 to 1 (`ends`: k / (K - 1)), or its `upper` edge (k + 1) / K.
    """

    alpha: NonNegative = 0.5
    tiers: Annotated[int, Interval(2, 2**31)] = 4
    values: Literal["ends", "upper"] = "ends"


@register("ssl_tiers", kind="shaping", paper="arXiv:2601.22491", evidence="abstract", needs=("progress",))
def ssl_tiers(batch: StepBatch, cfg: SSLTiersConfig) -> StepBatch:
    """Add alpha times the tier of the final progress to the last reward: R = C + alpha tier.

    The form is the paper's as far as its abstract and summaries tell; alpha, the equal zones and their values are
    ours. C is the environment's own return. `progress` of the last row, cut to [0, 1], is what the episode reached.
    """
    reached = batch.require("progress", "ssl_tiers").double().index_select(0, last_rows(batch)).clamp(0.0, 1.0)
    zone = (reached * cfg.tiers).floor().clamp(max=cfg.tiers - 1)
    tier = zone / (cfg.tiers - 1) if cfg.values == "ends" else (zone + 1) / cfg.tiers
    return with_reward(batch, batch.reward.double() + at_end(batch, cfg.alpha * tier))
