"""HiLL's hinter reward (arXiv:2604.00698): a hint is good where it makes outcomes differ and is not relied upon."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, Literal

import torch

from envbench.credit.kernels import Segments, episode_returns, groups
from envbench.credit.kernels_optimisation import token_episodes
from envbench.credit.kernels_shaping import at_end, with_reward
from envbench.credit.options import Interval, Options
from envbench.credit.registry import register
from envbench.types import StepBatch


@dataclass(frozen=True, slots=True)
class HiLLHintRewardConfig(Options):
    """Options of the hinter's reward.

    Attributes:
        temperature: T of the discount for reliance.
        signal: U, how much the outcomes differ: `mixed`, the chance that n rollouts do not all end alike, or
            `variance`, p (1 - p).
        gate: reward of a hint that could not be parsed or gives the answer away (`hint_valid` false).
        success: return from which an episode counts as correct.
    """

    temperature: Annotated[float, Interval(1e-9, 1e9)] = 0.3
    signal: Literal["mixed", "variance"] = "mixed"
    gate: float = -0.2
    success: float = 1.0


@register(
    "hill_hint_reward",
    kind="shaping",
    paper="arXiv:2604.00698",
    evidence="code",
    needs=("token_step", "logprob", "unhinted_logprob"),
    cost="one forward pass without the hint",
    columns={"unhinted_logprob": ("L",), "hint_valid": ("E",), "unhinted_rate": ("E",)},
)
def hill_hint_reward(batch: StepBatch, cfg: HiLLHintRewardConfig) -> StepBatch:
    """Give every episode of a group the reward R = U exp(min(D, 0) / T) of the hint that the group was played with.

    A group is one hint, its episodes n rollouts with the hint, of which a share p succeeds. U = 1 - p^n - (1 - p)^n.
    D is the mean, over the correct rollouts, of the mean over tokens of log-prob without minus with the hint. R is 0
    where p is 0 or 1, or where U is not above the U of the bare task (given `unhinted_rate`, its success rate), and
    `gate` where `hint_valid` is false. R replaces all rewards and stands on the last row; the hinter is then trained
    on one such return per hint, compared with the other hints of the task.

    Further columns: `unhinted_logprob` float [L]; optional `hint_valid` bool [E] and `unhinted_rate` float [E], whose
    mean over the group counts.
    """
    by_group = Segments.of(*groups(batch))
    correct = (episode_returns(batch) >= cfg.success).double()
    rate, count = by_group.mean(correct), by_group.count.double()
    tokens = token_episodes(batch, "hill_hint_reward")
    without = batch.require("unhinted_logprob", "hill_hint_reward").double()
    gap = without - batch.require("logprob", "hill_hint_reward").double()
    reliance = by_group.sum(correct * tokens.mean(gap)) / by_group.sum(correct).clamp(min=1.0)
    useful = _signal(rate, count, cfg)
    reward = useful * torch.exp(reliance.clamp(max=0.0) / cfg.temperature)
    if "unhinted_rate" in batch.extra:
        bare = by_group.mean(batch.require("unhinted_rate", "hill_hint_reward").double())
        reward = torch.where(useful > _signal(bare, count, cfg), reward, 0.0)
    reward = torch.where((rate == 0.0) | (rate == 1.0), 0.0, reward)
    if "hint_valid" in batch.extra:
        broken = by_group.sum((~batch.require("hint_valid", "hill_hint_reward").bool()).double()) > 0
        reward = torch.where(broken, cfg.gate, reward)
    return with_reward(batch, at_end(batch, by_group.spread(reward)))


def _signal(rate: torch.Tensor, count: torch.Tensor, cfg: HiLLHintRewardConfig) -> torch.Tensor:
    """Return U, float64 [groups], of success rates and numbers of rollouts."""
    if cfg.signal == "variance":
        return rate * (1.0 - rate)
    return 1.0 - rate**count - (1.0 - rate) ** count
