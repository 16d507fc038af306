"""Entropy-based adaptive rollout (ARPO, arXiv:2507.19849): branch where the policy became unsure after a tool call."""

from __future__ import annotations

from dataclasses import dataclass
from math import log
from typing import Annotated, Literal

import torch
from torch import Tensor

from envbench.credit.kernels import Segments, groups, rows_of
from envbench.credit.kernels_optimisation import places, sorted_by, starts
from envbench.credit.options import Interval, Options
from envbench.credit.registry import register
from envbench.credit.selection import Selection, checked
from envbench.types import StepBatch


@dataclass(frozen=True, slots=True)
class EntropyBranchingConfig(Options):
    """Options of the branching.

    Attributes:
        rule: `threshold` branches where alpha + weight dH > threshold (the paper); `draw` with the chance
            clip(threshold + weight dH, 0, 1) (the code). `draw` with weight 0 is the control: branches at random.
        alpha: base of the paper's rule (0.5 is ours; not verified).
        weight: of the rise of the entropy.
        threshold: tau.
        beam: samples that go on from a place, the present one among them.
        leaves: n, episodes of a group at most.
        window: tokens of a step over which the entropy is summed, its first ones.
        vocabulary: size of the vocabulary; entropies (nats) are divided by its logarithm. None: they already are.
    """

    rule: Literal["threshold", "draw"] = "threshold"
    alpha: float = 0.5
    weight: float = 0.2
    threshold: float = 0.5
    beam: Annotated[int, Interval(2, 2**31)] = 2
    leaves: Annotated[int, Interval(1, 2**31)] = 16
    window: Annotated[int, Interval(1, 2**31)] = 20
    vocabulary: Annotated[int, Interval(2, 2**53)] | None = None


@register(
    "entropy_branching", kind="sampler", paper="arXiv:2507.19849", evidence="code", needs=("entropy", "token_step")
)
def entropy_branching(batch: StepBatch, cfg: EntropyBranchingConfig, draws: Tensor | None = None) -> Selection:
    """Branch before the steps whose first tokens are more uncertain than those of the trajectory's first step.

    H is the entropy summed over the first `window` tokens of a step, dH = H_t - H_0, with H_0 that of the episode's
    root. First own steps of an episode are no candidates. `beam` - 1 branches start at each place, earlier steps
    first, then lower rows, until the group has n leaves; `more` fresh chains fill what is left when nothing branches
    any more. Draws (`rule="draw"` alone): float [S]. The code creates H_0 once and never resets it; ours belongs to
    its own trajectory. `parts` holds entropy and rise, float64 [S].
    """
    entropy = _step_entropy(batch, cfg)
    first = batch.first_rows()
    start = entropy.index_select(0, first).index_select(0, _roots(batch))
    rise = entropy - rows_of(batch, start)
    if cfg.rule == "draw":
        draw = checked(draws, (batch.num_steps,), "entropy_branching")
        unsure = (draw - cfg.weight * rise).clamp(0.0, 1.0) <= cfg.threshold
    else:
        unsure = cfg.alpha + cfg.weight * rise > cfg.threshold
    unsure = unsure & rows_of(batch, batch.include)
    bins, size = groups(batch)
    by_group = Segments.of(bins, size)
    free = (cfg.leaves - by_group.count).clamp(min=0)
    asked = unsure.index_fill(0, first, False).long() * (cfg.beam - 1)
    branch = _within(Segments.of(rows_of(batch, bins), size), batch.t, asked, free)
    spent = torch.zeros_like(free).index_add(0, rows_of(batch, bins), branch)
    return Selection(batch.include, branch=branch, more=(free - spent)[:-1], parts={"entropy": entropy, "rise": rise})


def _step_entropy(batch: StepBatch, cfg: EntropyBranchingConfig) -> Tensor:
    """Return float64 [S], the entropy of the first tokens of each row; 0 without tokens."""
    entropy = batch.require("entropy", "entropy_branching").double()
    by_row = Segments.of(batch.require("token_step", "entropy_branching"), batch.num_steps)
    early = places(by_row, torch.arange(len(entropy), device=entropy.device)) < cfg.window
    return by_row.sum(entropy * early) / (1.0 if cfg.vocabulary is None else log(cfg.vocabulary))


def _roots(batch: StepBatch) -> Tensor:
    """Return int64 [E], the root of each episode, itself where it is one."""
    root = torch.arange(batch.num_episodes, device=batch.group.device)
    if batch.parent is None:
        return root
    above = torch.where(batch.parent < 0, root, batch.parent)
    for _ in range(batch.num_episodes.bit_length()):  # pointer doubling: past every root after log2(E) rounds
        above = above.index_select(0, above)
    return above


def _within(by_group: Segments, t: Tensor, asked: Tensor, free: Tensor) -> Tensor:
    """Return int64 [S], what each row is granted of what it asked, by (t, row) until the group has no more free."""
    order = sorted_by(by_group.ids, t)
    ordered = asked.index_select(0, order)
    total = ordered.cumsum(0)
    begin = starts(by_group).clamp(max=len(order) - 1)
    before = (total - ordered) - by_group.spread((total - ordered).index_select(0, begin)).index_select(0, order)
    left = by_group.spread(free).index_select(0, order) - before
    return torch.zeros_like(asked).index_copy(0, order, torch.minimum(ordered, left.clamp(min=0)))
