"""Cross-context replay (R^3, arXiv:2601.19620): a group that ends all alike gets stored episodes of the other kind."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated

import torch
from torch import Tensor

from envbench.credit.kernels import episode_returns
from envbench.credit.kernels_optimisation import ranks
from envbench.credit.options import Discount, Interval, Options
from envbench.credit.registry import register
from envbench.credit.selection import Selection, binned, checked, fresh
from envbench.types import StepBatch


@dataclass(frozen=True, slots=True)
class R3ReplayConfig(Options):
    """Options of the replay; the paper's values are not known to us, these are ours.

    Attributes:
        k: stored episodes that join a group.
        weight: alpha, factor of the loss of a stored episode (ours; the paper's exact expression was not seen).
        reflect_below: tau, a task with a lower mean success so far is to be asked again with a failure to reflect on.
        success: return from which an episode counts as correct.
    """

    k: Annotated[int, Interval(1, 2**31)] = 1
    weight: Discount = 0.5
    reflect_below: float = 0.5
    success: float = 1.0


@register(
    "r3_replay",
    kind="sampler",
    paper="arXiv:2601.19620",
    evidence="paper",
    needs=("stored",),
    columns={"stored": ("E",)},
)
def r3_replay(batch: StepBatch, cfg: R3ReplayConfig, draws: Tensor | None = None) -> Selection:
    """Add k random stored successes to a group without any, and k stored failures to a group of successes.

    The batch holds the new episodes and the buffer's (`stored` bool [E]), a group being a task. Draws: float [E]; the
    stored episodes with the least are taken. Where none of the other kind is stored the group stays as it is. Every
    episode is stored afterwards. Advantages are to be normalised over the mixed group. `parts` holds history, the mean
    success of all episodes of the group [groups], and reflect, bool [groups]: history is below tau and a failure is
    stored (the in-context self-reflection then adds a prompt; the paper's own values of k, alpha, tau are not known).
    """
    draw = checked(draws, (batch.num_episodes,), "r3_replay")
    size = batch.num_groups
    stored = batch.require("stored", "r3_replay").bool() & batch.include
    new, correct = fresh(batch, stored), episode_returns(batch) >= cfg.success
    played, won = binned(batch, new).count[:size], binned(batch, new & correct).count[:size]
    one_sided = (played > 0) & ((won == 0) | (won == played))
    wanted = torch.where((won == 0).index_select(0, batch.group), correct, ~correct)
    candidates = stored & wanted & one_sided.index_select(0, batch.group)
    replayed = candidates & (ranks(binned(batch, candidates), draw) < cfg.k)
    history = binned(batch, batch.include).mean(correct.double())[:size]
    failures = binned(batch, stored & ~correct).count[:size]
    weight = torch.where(replayed, cfg.weight, new.double())
    parts = {"history": history, "reflect": (history < cfg.reflect_below) & (failures > 0)}
    return Selection(new | replayed, weight=weight, store=batch.include, parts=parts)
