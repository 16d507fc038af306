"""COPO (arXiv:2508.04138): GRPO that compares prompts with each other where the answers of a group agree."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import torch
from torch import Tensor

from envbench.credit.grpo import GRPOConfig, episode_advantage
from envbench.credit.kernels import ZERO_SPREAD, Segments, episode_returns, groups, per_step, rows_of
from envbench.credit.options import NonNegative
from envbench.credit.registry import register
from envbench.types import Advantages, StepBatch
from envbench.types.columns import dense_ids

GUARD = 1e-8  # inside the logarithm, as in the official code


@dataclass(frozen=True, slots=True)
class COPOConfig(GRPOConfig):
    """Options of COPO; those of GRPO hold for the local term, `epsilon` for both.

    Attributes:
        sharpness: k of the weight. The official scripts also use 20 (with threshold 0.5).
        threshold: b of the weight, in bits: 1 is about two answers, equally likely.
        coefficient: the global reward of a group is its mean return, or that times 1 - lambda H (`entropy`), lambda =
            (1 - 1/n) / log2 n.
    """

    sharpness: NonNegative = 5.0
    threshold: NonNegative = 1.0
    coefficient: Literal["none", "entropy"] = "none"


@register("copo", kind="advantage", paper="arXiv:2508.04138", evidence="code", needs=("answer",))
def copo(batch: StepBatch, cfg: COPOConfig) -> Advantages:
    """Local advantage in the group and global advantage between groups, weighed by how far the answers disagree.

    A_i = w_i A^loc_i + (1 - w_i) A^glo_g. A^loc is GRPO's; A^glo is (R_g - mean R) / (std R + epsilon) over groups, R_g
    the mean return, so that it needs two groups (else 0). w_i = sigmoid(k (H_g - b)) where the return is not 0, else 0;
    H_g is the entropy in bits of the group's answers (column `answer`: any id of what an episode arrived at). The paper
    mixes two clipped losses with these weights; their gradient is that of the mixed advantage until a ratio is clipped.
    `parts` holds local, cross (the global term) and weight.
    """
    local = episode_advantage(batch, cfg)
    score = episode_returns(batch)
    by_group = Segments.of(*groups(batch))
    entropy = _entropy(batch, by_group)
    cross = by_group.spread(_between(by_group, score, entropy, cfg))
    weight = torch.sigmoid(cfg.sharpness * (by_group.spread(entropy) - cfg.threshold)) * (score != 0.0)
    weight, cross = rows_of(batch, weight), rows_of(batch, cross)
    return per_step(batch, weight * local + (1.0 - weight) * cross, local=local, cross=cross, weight=weight)


def _entropy(batch: StepBatch, by_group: Segments) -> Tensor:
    """Return float64 [groups], the entropy in bits of the answers in each group."""
    answer = batch.require("answer", "copo")
    kinds, number = dense_ids(by_group.ids * (int(answer.max()) + 1) + answer)
    count = torch.bincount(kinds, minlength=number)
    holder = torch.zeros_like(count).scatter_(0, kinds, by_group.ids)
    share = count.double() / by_group.count.index_select(0, holder)
    return Segments.of(holder, by_group.size).sum(-share * torch.log2(share + GUARD))


def _between(by_group: Segments, score: Tensor, entropy: Tensor, cfg: COPOConfig) -> Tensor:
    """Return float64 [groups], each group's reward relative to the groups of the batch; 0 for fewer than two."""
    reward = by_group.mean(score)
    if cfg.coefficient == "entropy":
        count = by_group.count.double().clamp(min=1.0)
        factor = (1.0 - 1.0 / count) / torch.log2(count).clamp(min=1.0)  # a group of one: factor 0
        reward = reward * (1.0 - factor * entropy)
    absent = by_group.count == 0
    absent[-1] = True  # the excluded episodes
    present = Segments.of(absent.long(), 2)
    mean = present.mean(reward)
    std = present.std(reward, mean)[0]
    value = (reward - mean[0]) / (std + cfg.epsilon)
    return value.masked_fill(absent | (std < ZERO_SPREAD), 0.0)
