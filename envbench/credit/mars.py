"""MARS, also MARSHAL (arXiv:2510.15414): returns per turn, normalised for each player by itself."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import torch
from torch import Tensor

from envbench.credit.kernels import ZERO_SPREAD, Segments, per_step, rows_of, scan
from envbench.credit.kernels_agentic import paired, whitened
from envbench.credit.kernels_optimisation import rows_of_tokens, sorted_by
from envbench.credit.options import Discount, Options
from envbench.credit.registry import register
from envbench.types import Advantages, StepBatch


@dataclass(frozen=True, slots=True)
class MARSConfig(Options):
    """Options of MARS.

    Attributes:
        gamma: discount per turn of the player.
        center: subtract the mean over all turns of the player (the paper), or over the `distinct` values (the code;
            its zeros of other positions are not counted, and equality is that of floats).
        whiten_rewards: standardise the centred rewards over all policy tokens before they are summed, as the released
            configuration does: a reward sits on the last token of its row, the other tokens hold 0 (`token_step`).
        whiten: standardise the result over the rows of the batch, as the released configuration does.
    """

    gamma: Discount = 1.0
    center: Literal["turns", "distinct"] = "turns"
    whiten_rewards: bool = False
    whiten: bool = False

    @property
    def needs(self) -> tuple[str, ...]:
        """The columns that these options call for."""
        return ("player", "token_step") if self.whiten_rewards else ("player",)


@register("mars", kind="advantage", paper="arXiv:2510.15414", evidence="code", needs=("player",))
def mars(batch: StepBatch, cfg: MARSConfig) -> Advantages:
    """Per player: rewards minus their mean, summed from the turn on, minus the mean of those sums.

    Means are over all included rows of the player in the batch, which should hold one game. A sum runs over the later
    rows of the same player in the episode. `parts` holds return_to_go, before the second mean.
    """
    include = rows_of(batch, batch.include)
    player = batch.require("player", "mars")
    size = int(player.max()) + 2
    roles = Segments.of(torch.where(include, player, size - 1), size)
    reward = batch.reward.double()
    centred = reward - roles.spread(roles.mean(reward))
    if cfg.whiten_rewards:
        centred = centred * _over_tokens(batch, centred, include)
    track = paired(batch.episode, player)
    order = sorted_by(track)
    summed = scan(centred.index_select(0, order), track.index_select(0, order), cfg.gamma)
    returns = torch.empty_like(summed).index_copy(0, order, summed)
    if cfg.center == "turns":
        mean = roles.mean(returns)
    else:
        by_value = sorted_by(roles.ids, returns)
        ids, values = roles.ids.index_select(0, by_value), returns.index_select(0, by_value)
        first = torch.ones_like(include)
        first[1:] = (ids[1:] != ids[:-1]) | (values[1:] != values[:-1])
        mean = Segments.of(ids[first], size).mean(values[first])
    value = returns - roles.spread(mean)
    return per_step(batch, whitened(value, include) if cfg.whiten else value, return_to_go=returns)


def _over_tokens(batch: StepBatch, centred: Tensor, include: Tensor) -> Tensor:
    """Return float64 [], 1 / deviation of the centred rewards [S] over the tokens of included rows.

    The rewards of each player add up to 0, so their mean over tokens is 0 and whitening is this factor alone.
    """
    count = rows_of_tokens(batch, include, "mars").sum()
    variance = centred.masked_fill(~include, 0.0).square().sum() / (count - 1).clamp(min=1)
    return (variance + 1e-8).rsqrt().masked_fill(variance.sqrt() < ZERO_SPREAD, 0.0)
