"""PORTool (arXiv:2510.26020): tool steps rewarded by what their branches reach, compared at forks."""

from __future__ import annotations

from dataclasses import dataclass

from envbench.credit.kernels import Segments, episode_returns, groups, per_step
from envbench.credit.kernels_tree import Forks, leaf_means, normalised, siblings
from envbench.credit.options import Discount, NonNegative, Options
from envbench.credit.registry import register
from envbench.types import Advantages, StepBatch


@dataclass(frozen=True, slots=True)
class PORToolConfig(Options):
    """Options of PORTool; all values are ours.

    Attributes:
        omega: weight of the fork term; the trajectory term has 1 - omega.
        decay: of an outcome per row between the step and the leaf.
        format_bonus: added to the step reward where `format_valid`.
        call_bonus: added to the step reward where `executed`.
        epsilon: added to the deviations.
    """

    omega: Discount = 0.5
    decay: Discount = 0.95
    format_bonus: NonNegative = 0.05
    call_bonus: NonNegative = 0.05
    epsilon: NonNegative = 1e-6

    @property
    def needs(self) -> tuple[str, ...]:
        """The columns that these options call for."""
        return tuple(column for column, bonus in self.bonuses if bonus)

    @property
    def bonuses(self) -> tuple[tuple[str, float], ...]:
        """The bonus of each column."""
        return (("format_valid", self.format_bonus), ("executed", self.call_bonus))


@register(
    "portool", kind="advantage", paper="arXiv:2510.26020", evidence="abstract", needs=("format_valid", "executed")
)
def portool(batch: StepBatch, cfg: PORToolConfig) -> Advantages:
    """Step reward relative to the other steps of its fork, blended with the outcome relative to the group.

    The idea is the abstract's; the decay, the bonuses, the weights and the standardisation over leaves are ours. Step
    reward = mean over the leaves below of decay^distance R_leaf, plus bonuses. Fork term: standardised among the rows
    that follow the same row (first rows: all of the group), 0 for an only child. Trajectory term: GRPO over leaves
    (a group of one: 0), the mean over the leaves below. `score_offset` plays no part. `parts` holds both terms.
    """
    score, forks = episode_returns(batch), Forks.of(batch)
    reward, _ = leaf_means(batch, forks, score, cfg.decay)
    for column, bonus in cfg.bonuses:
        if bonus:
            reward = reward + bonus * batch.require(column, "portool").double()
    fork = normalised(reward, siblings(batch, forks), single="zero", epsilon=cfg.epsilon)
    leaf = normalised(score, Segments.of(*groups(batch)), single="zero", epsilon=cfg.epsilon)
    trajectory, _ = leaf_means(batch, forks, leaf)
    return per_step(batch, cfg.omega * fork + (1.0 - cfg.omega) * trajectory, fork=fork, trajectory=trajectory)
