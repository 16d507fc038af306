"""Per-token estimators of the KL divergence to a reference policy, and the exact entropy of a distribution."""

from __future__ import annotations

from typing import Literal, TypeAlias

import torch
from torch import Tensor

Estimator: TypeAlias = Literal["k1", "k2", "k3"]

LOG_RATIO_LIMIT = 20.0  # exp(20) = 5e8: beyond it a ratio says nothing and float32 loses the gradient
K3_LIMIT = 10.0


def kl(new: Tensor, ref: Tensor, estimator: Estimator) -> Tensor:
    """Return the estimate of KL(policy || reference) from log-probs of sampled tokens (float [L] each).

    With d = log ref - log new, clipped to +-20: k1 = -d; k2 = d^2 / 2; k3 = exp(d) - d - 1, clipped to at most 10.
    k1 and k3 are unbiased where the tokens were sampled from the policy; k1 has no useful gradient as a loss (its
    expectation is 0), k2 has that of the KL (both: Schulman's note on approximating KL).
    """
    d = (ref - new).clamp(-LOG_RATIO_LIMIT, LOG_RATIO_LIMIT)
    if estimator == "k1":
        return -d
    if estimator == "k2":
        return 0.5 * d * d
    return (d.exp() - d - 1.0).clamp(-K3_LIMIT, K3_LIMIT)


def entropy(logits: Tensor) -> Tensor:
    """Return the entropy in nats [...] of the softmax of `logits` [..., V]; finite for logits of -inf."""
    log_probs = torch.log_softmax(logits, -1)
    return -(log_probs.exp() * log_probs.clamp_min(torch.finfo(logits.dtype).min)).sum(-1)
