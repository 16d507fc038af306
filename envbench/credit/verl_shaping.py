"""VERL (arXiv:2509.23808), not the framework: advantages shaped by the growth of the hidden states' effective rank."""

from __future__ import annotations

from dataclasses import dataclass
from math import inf
from typing import Annotated, NamedTuple

import torch
from torch import Tensor

from envbench.credit.grpo import GRPOConfig, episode_advantage
from envbench.credit.kernels_optimisation import per_token, rows_of_tokens, starts, token_episodes
from envbench.credit.options import Interval, NonNegative, Options
from envbench.credit.registry import register
from envbench.errors import InvalidValue
from envbench.types import Advantages, StepBatch

GUARD = 1e-8


@dataclass(frozen=True, slots=True)
class VERLShapingConfig(GRPOConfig):
    """Options of VERL; those of GRPO hold for the advantage that it shapes.

    Attributes:
        stride: tokens from one prefix of which the effective rank is taken to the next.
        kappa: the addition is at most |A| / kappa.
        aux_weight: weight of the auxiliary reward.
        gain: of the sigmoid that shares the weight between exploring (rank) and exploiting (velocity).
        mean_rank, mean_velocity, mean_acceleration: the trainer's moving averages over earlier batches (the paper moves
            them by 0.3 a batch). None, all three, is the first batch: no shaping.
    """

    stride: Annotated[int, Interval(1, inf)] = 40
    kappa: Annotated[float, Interval(1e-12, inf)] = 2.0
    aux_weight: NonNegative = 1.0
    gain: NonNegative = 2.0
    mean_rank: float | None = None
    mean_velocity: float | None = None
    mean_acceleration: float | None = None

    def __post_init__(self) -> None:
        Options.__post_init__(self)  # not super(): a slotted dataclass is another class than the one written here
        missing = [one is None for one in (self.mean_rank, self.mean_velocity, self.mean_acceleration)]
        if any(missing) and not all(missing):
            raise InvalidValue("give mean_rank, mean_velocity and mean_acceleration together, or none of them")


class Growth(NamedTuple):
    """How the effective rank of each episode behaves, float64 [E] each.

    Attributes:
        rank: of all hidden states of the episode; 0 for fewer than two.
        velocity: mean over prefixes of the rank minus the mean rank of the shorter prefixes.
        acceleration: mean difference of two such terms in a row. Both are 0 for fewer than two prefixes.
    """

    rank: Tensor
    velocity: Tensor
    acceleration: Tensor


@register(
    "verl_shaping",
    kind="advantage",
    level="token",
    paper="arXiv:2509.23808",
    evidence="code",
    needs=("token_step", "hidden"),
    cost="one decomposition [hidden, hidden] per stride of tokens",
    columns={"hidden": ("L", "H")},
)
def verl_shaping(batch: StepBatch, cfg: VERLShapingConfig) -> Advantages:
    """GRPO's advantage on every token, the last one of an episode raised where its hidden states grow richer.

    A = A0 + min(max(aux, 0), |A0| / kappa) on the last token, as in the official code; the other tokens keep A0. aux
    comes from rank, velocity and acceleration of the episode relative to their moving averages (`auxiliary`). Column
    `hidden`: float [L, H], the policy's hidden state at each token. `parts` holds base, aux, rank, velocity and
    acceleration; the mean of the last three over episodes is what moves the averages.
    """
    growth = rank_growth(batch, cfg.stride)
    aux = torch.zeros_like(growth.rank)
    if cfg.mean_rank is not None and cfg.mean_velocity is not None and cfg.mean_acceleration is not None:
        means = (cfg.mean_rank, cfg.mean_velocity, cfg.mean_acceleration)
        aux = cfg.aux_weight * auxiliary(growth, means, cfg.gain)
    base = rows_of_tokens(batch, episode_advantage(batch, cfg), "verl_shaping")
    episode = rows_of_tokens(batch, batch.episode, "verl_shaping")
    last = torch.ones_like(episode, dtype=torch.bool)
    last[:-1] = episode[1:] != episode[:-1]
    parts = {name: part.index_select(0, episode) for name, part in (("aux", aux), *growth._asdict().items())}
    shaped = base + torch.minimum(parts["aux"].clamp(min=0.0), base.abs() / cfg.kappa) * last
    return per_token(batch, "verl_shaping", shaped, base=base, **parts)


def auxiliary(growth: Growth, means: tuple[float, float, float], gain: float) -> Tensor:
    """Return float64 [E], the auxiliary reward: bounded deviations of rank and velocity, weighed by the acceleration.

    With u(x) = (x - mean) / (|mean| + 1e-8) and t = sigmoid(gain clip(u(acceleration), -5, 5)) it is
    t tanh u(rank) + (1 - t) tanh u(velocity).
    """
    rank, velocity, acceleration = ((one - mean) / (abs(mean) + GUARD) for one, mean in zip(growth, means, strict=True))
    tendency = torch.sigmoid(gain * acceleration.clamp(-5.0, 5.0))
    return tendency * torch.tanh(rank) + (1.0 - tendency) * torch.tanh(velocity)


def rank_growth(batch: StepBatch, stride: int) -> Growth:
    """Return rank, velocity and acceleration of each episode; its prefixes have stride + 1, 2 stride + 1, ... tokens.

    One pass per `stride` tokens of the longest episode, over all episodes that are that long. The triangular factor R
    of [1 | hidden] is kept up to date block by block; without its first row and column it is that of the centred
    prefix, whose singular values are wanted.
    """
    by_episode = token_episodes(batch, "verl_shaping")
    hidden = batch.require("hidden", "verl_shaping").double()
    rows = torch.cat((torch.ones_like(hidden[:, :1]), hidden), 1)
    length, first = by_episode.count, starts(by_episode)
    width = rows.shape[1]
    factor = rows.new_zeros(len(length), width, width)
    rank, total, velocity, opening, latest = rows.new_zeros(5, len(length))
    begin, number, longest = 0, 0, int(length.max())
    while begin < longest:
        active = (length > begin).nonzero()[:, 0]
        own, end = length[active], (number + 1) * stride + 1
        place = torch.arange(begin, min(end, longest), device=length.device)
        index = (first[active, None] + place).clamp(max=len(rows) - 1)
        block = rows[index] * (place < own[:, None])[..., None]
        factor[active] = torch.linalg.qr(torch.cat((factor[active], block), 1), mode="r").R
        found = _effective_rank(torch.linalg.svdvals(factor[active, 1:, 1:]))
        rank[active] = torch.where(own > 1, found, 0.0)
        whole, found = active[own >= end], found[own >= end]
        if number:
            latest[whole] = found - total[whole] / number
            velocity[whole] += latest[whole]
            if number == 1:
                opening[whole] = latest[whole]
        total[whole] += found
        begin, number = end, number + 1
    prefixes = (length - 1) // stride
    steps = (prefixes - 1).clamp(min=1)
    return Growth(rank, velocity / steps, (latest - opening) / (prefixes - 2).clamp(min=1))


def _effective_rank(singular: Tensor) -> Tensor:
    """Return exp of the entropy of the normalised singular values [..., H], with the official code's guards."""
    share = singular / (singular.sum(-1, keepdim=True) + GUARD)
    return torch.exp(-(share * torch.log(share + GUARD)).sum(-1))
