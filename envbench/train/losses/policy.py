"""The clipped policy loss of PPO and its line: separate bounds, dual clip, token or sequence ratio, KL and entropy."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, Literal

import torch
from torch import Tensor

from envbench.credit.kernels import Segments
from envbench.credit.options import Interval, NonNegative, Options
from envbench.errors import InvalidBatch
from envbench.train.losses.aggregate import Aggregation
from envbench.train.losses.divergence import LOG_RATIO_LIMIT, kl


@dataclass(frozen=True, slots=True)
class PolicyLossConfig(Options):
    """Options of the policy loss; the defaults are those of the verl line of code.

    Attributes:
        clip_low, clip_high: the ratio is clipped to 1 - clip_low and 1 + clip_high (DAPO: 0.2 and 0.28).
        dual_clip: where the advantage is negative, the loss is at most -A times this; None for none.
        ratio: of the `token`, or of the row as a `sequence` (GSPO): exp(mean log-ratio over its policy tokens,
            those without weight too).
        aggregation: how token losses become one number (`shares`).
        norm: the constant of `seq-mean-token-sum-norm`.
        kl: the estimator of the divergence to the reference that is added with `kl_coef`; 0 adds none.
        entropy_coef: times the mean entropy, subtracted.
    """

    clip_low: Annotated[float, Interval(0.0, 1.0)] = 0.2
    clip_high: NonNegative = 0.2
    dual_clip: Annotated[float, Interval(1.0, 1e9)] | None = 3.0
    ratio: Literal["token", "sequence"] = "token"
    aggregation: Aggregation = "token-mean"
    norm: NonNegative = 1.0
    kl: Literal["k1", "k2", "k3"] = "k3"
    kl_coef: NonNegative = 0.0
    entropy_coef: float = 0.0

    @property
    def needs_every_row(self) -> bool:
        """Whether rows of advantage 0 have a gradient too (KL or entropy)."""
        return self.kl_coef != 0.0 or self.entropy_coef != 0.0


def log_ratio(new: Tensor, old: Tensor) -> Tensor:
    """Return log new - log old (float [L]), clipped to +-20."""
    return (new - old).clamp(-LOG_RATIO_LIMIT, LOG_RATIO_LIMIT)


def sequence_log_ratio(new: Tensor, old: Tensor, sequences: Segments) -> Tensor:
    """Return to each token the mean log-ratio of its sequence (float [L]), its gradient straight through (GSPO).

    The value is that of the sequence; the derivative with respect to a token's own log-prob is 1.
    """
    with torch.no_grad():
        total = sequences.sum(new - old)
        mean = sequences.spread(total / sequences.count.clamp(min=1))
    return (mean + new - new.detach()).clamp(-LOG_RATIO_LIMIT, LOG_RATIO_LIMIT)


def clipped(logratio: Tensor, advantage: Tensor, cfg: PolicyLossConfig) -> tuple[Tensor, Tensor]:
    """Return the clipped loss per token and whether a clip decided it (float and bool [L]).

    max(-A r, -A clip(r)), r = exp(logratio); where A < 0 at most -A `dual_clip`.
    """
    ratio = logratio.exp()
    free, bound = -advantage * ratio, -advantage * ratio.clamp(1.0 - cfg.clip_low, 1.0 + cfg.clip_high)
    loss, cut = torch.maximum(free, bound), bound > free
    if cfg.dual_clip is None:
        return loss, cut
    most = -advantage * cfg.dual_clip
    over = (advantage < 0.0) & (loss > most)
    return torch.where(over, most, loss), cut | over


def policy_loss(
    new: Tensor,
    old: Tensor,
    advantage: Tensor,
    share: Tensor,
    sequences: Segments,
    cfg: PolicyLossConfig,
    *,
    ref: Tensor | None = None,
    entropy: Tensor | None = None,
) -> tuple[Tensor, dict[str, Tensor]]:
    """Return the loss (a scalar with gradient) and its detached parts.

    Args:
        new: float [L], log-probs of the recorded tokens under the parameters; the only input with gradient, with
            `entropy`.
        old: float [L], recorded under the sampling policy.
        advantage: float [L], of each token.
        share: float [L], from `shares`.
        sequences: the row of each token; read where `ratio="sequence"`, which takes all tokens of a row at once.
        cfg: the options.
        ref: float [L], log-probs under the reference; needed where `kl_coef` is not 0.
        entropy: float [L], of the distribution at each token; needed where `entropy_coef` is not 0.

    Returns:
        The loss and `policy`, `clip_share`, `moved` and, with the inputs for them, `kl` and `entropy`: all sums over
        share times the value per token. `moved` says how far the parameters are from the sampling policy: the mean of
        1 / r + log r - 1 with r = new / old. It is 0 where they agree and positive elsewhere, but no estimate of a KL
        divergence: the formula is that of k3, whose tokens would have to be drawn from the parameters.

    Raises:
        InvalidBatch: for a term without its input.
    """
    ratio = log_ratio(new, old) if cfg.ratio == "token" else sequence_log_ratio(new, old, sequences)
    each, cut = clipped(ratio, advantage, cfg)
    loss = (share * each).sum()
    parts = {"policy": loss, "clip_share": (share * cut).sum(), "moved": (share * kl(new, old, "k3")).sum()}
    if ref is not None:
        parts["kl"] = (share * kl(new, ref, cfg.kl)).sum()
    if entropy is not None:
        parts["entropy"] = (share * entropy).sum()
    if cfg.kl_coef:
        if ref is None:
            raise InvalidBatch("kl_coef is not 0, but ref= is missing: record ref_logprob or set kl_coef=0")
        loss = loss + cfg.kl_coef * (share * kl(new, ref, cfg.kl)).sum()
    if cfg.entropy_coef:
        if entropy is None:
            raise InvalidBatch("entropy_coef is not 0, but entropy= is missing: pass it or set entropy_coef=0")
        loss = loss - cfg.entropy_coef * (share * entropy).sum()
    return loss, {name: value.detach() for name, value in parts.items()}
