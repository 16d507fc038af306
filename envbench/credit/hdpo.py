"""HDPO (Act Wisely, arXiv:2604.08545): accuracy and economy of tools as two advantages instead of one mixed reward."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, Literal

import torch
from torch import Tensor

from envbench.credit.kernels import (
    ZERO_SPREAD,
    Scores,
    Segments,
    episode_returns,
    groups,
    per_step,
    rows_of,
    with_offset,
)
from envbench.credit.options import Interval, NonNegative, Options
from envbench.credit.registry import register
from envbench.types import Advantages, StepBatch


@dataclass(frozen=True, slots=True)
class HDPOConfig(Options):
    """Options of HDPO.

    Attributes:
        tool_weight: weight of the tool advantage; the paper tries 0, 0.10, 0.15 and 0.20.
        format_weight: share of the accuracy reward that a well-formed episode gets, correct or not.
        solved: episode return from which (to 1e-8) an episode counts as correct.
        tool_mean: the tool loss is a mean over the rows that have a tool signal (the paper), or over `all` rows.
        single: a group of one yields its raw accuracy reward or `zero`; its tool term is 0.
        epsilon: added to the deviations.
    """

    tool_weight: NonNegative = 0.15
    format_weight: Annotated[float, Interval(0.0, 1.0)] = 0.1
    solved: float = 1.0
    tool_mean: Literal["signal", "all"] = "signal"
    single: Literal["raw", "zero"] = "raw"
    epsilon: NonNegative = 1e-6


@register("hdpo", kind="advantage", paper="arXiv:2604.08545", evidence="code", needs=("tool_calls", "format_valid"))
def hdpo(batch: StepBatch, cfg: HDPOConfig) -> Advantages:
    """Accuracy advantage over the group plus tool advantage over its correct episodes.

    r_acc = 0.9 correct + 0.1 well-formed, A_acc is its GRPO advantage. r_tool = 1 / (T + 1) for T tool calls if
    correct, else 0; A_tool is normalised over the episodes with r_tool > 0 alone, 0 outside of them and for fewer than
    two. The official code only tests that score: whether any tool was used does not matter.

    The paper adds two losses, L(A_acc) + 0.15 L(A_tool), the second a mean over the samples that have a tool signal.
    Ours is one advantage with that gradient until a ratio is clipped: A_acc + 0.15 (rows / rows with a signal) A_tool.
    An episode is well-formed where all its own rows are. `parts` holds accuracy and tool, unweighted.
    """
    accuracy, tool_reward = _rewards(batch, cfg)
    bins, size = groups(batch)
    outcome = Scores.of(batch, with_offset(batch, rows_of(batch, accuracy)), bins, size, over="episode")
    first = outcome.normalised(scale="std", single=cfg.single, epsilon=cfg.epsilon)

    qualified = torch.where(tool_reward > 0.0, bins, size - 1)  # in the last bin all have 0, hence advantage 0
    by_tool = Segments.of(qualified, size)
    economy = Scores(rows_of(batch, tool_reward), rows_of(batch, qualified), tool_reward, by_tool)
    second = economy.normalised(scale="std", single="zero", epsilon=cfg.epsilon)

    weight: Tensor | float = cfg.tool_weight
    if cfg.tool_mean == "signal":
        signal = (tool_reward > 0.0) & (by_tool.spread(by_tool.count) > 1)
        rows, with_signal = (rows_of(batch, one).double().sum() for one in (batch.include, signal))
        weight = weight * rows / with_signal.clamp(min=1.0)
    return per_step(batch, first + weight * second, accuracy=first, tool=second)


def _rewards(batch: StepBatch, cfg: HDPOConfig) -> tuple[Tensor, Tensor]:
    """Return the accuracy and the tool reward of each episode (float64 [E]); excluded ones get no tool reward."""
    correct = episode_returns(batch) >= cfg.solved - ZERO_SPREAD
    broken = Segments.of(batch.episode, batch.num_episodes).sum((~batch.require("format_valid", "hdpo")).double())
    accuracy = (1.0 - cfg.format_weight) * correct.double() + cfg.format_weight * (broken == 0).double()
    economy = (batch.require("tool_calls", "hdpo") + 1.0).double().reciprocal()
    return accuracy, economy * (correct & batch.include)
