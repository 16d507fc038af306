"""Hi-Agent (arXiv:2510.14388): every step is a GRPO problem of its own, paid by the executor's feedback."""

from __future__ import annotations

from dataclasses import dataclass

from envbench.credit.kernels import anchor_groups, per_step
from envbench.credit.kernels_tree import normalised
from envbench.credit.options import NonNegative, Options
from envbench.credit.registry import register
from envbench.types import Advantages, StepBatch


@dataclass(frozen=True, slots=True)
class HiAgentConfig(Options):
    """Options of Hi-Agent; the weights are ours.

    Attributes:
        format_weight: of `format_valid`. execution_weight: of `executed`. judge_weight: of `step_score`.
        epsilon: added to the deviation.
    """

    format_weight: NonNegative = 0.2
    execution_weight: NonNegative = 0.4
    judge_weight: NonNegative = 0.4
    epsilon: NonNegative = 1e-6

    @property
    def weights(self) -> tuple[tuple[str, float], ...]:
        """The weight of each column."""
        return (
            ("format_valid", self.format_weight),
            ("executed", self.execution_weight),
            ("step_score", self.judge_weight),
        )

    @property
    def needs(self) -> tuple[str, ...]:
        """The columns that these options call for."""
        return ("anchor", *(column for column, weight in self.weights if weight))


@register(
    "hi_agent",
    kind="advantage",
    paper="arXiv:2510.14388",
    evidence="abstract",
    needs=("anchor", "format_valid", "executed", "step_score"),
    cost="a judge call per step",
)
def hi_agent(batch: StepBatch, cfg: HiAgentConfig) -> Advantages:
    """Reward of a subgoal relative to the other candidates for the same step ("foresight": no episode return).

    The three rewards are the abstract's; the weights are ours, and so is the group: the candidates for one step are
    the rows of a group that met the same anchor. r = w1 format + w2 executed + w3 judge, A = (r - mean) / (std +
    epsilon) with the sample deviation over rows; a state that was met once yields 0.
    """
    reward = batch.reward.new_zeros(batch.num_steps).double()
    for column, weight in cfg.weights:
        if weight:
            reward = reward + weight * batch.require(column, "hi_agent").double()
    return per_step(batch, normalised(reward, anchor_groups(batch), single="zero", epsilon=cfg.epsilon))
