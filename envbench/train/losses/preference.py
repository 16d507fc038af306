"""Losses on pairs of replies: DPO, Step-APO, W-DPO, SimPO and P3O.

Inputs are log-probs per pair (float [P]): sums over the tokens of a reply, for SimPO means. All return float [P].
"""

from __future__ import annotations

from typing import Literal

import torch
from torch import Tensor
from torch.nn.functional import logsigmoid, relu


def dpo(chosen: Tensor, rejected: Tensor, ref_chosen: Tensor, ref_rejected: Tensor, beta: float) -> Tensor:
    """Return -log sigma(beta ((log pi - log ref)_w - (log pi - log ref)_l)); OPRL trains its reward model with it."""
    return -logsigmoid(_margin(chosen, rejected, ref_chosen, ref_rejected, beta))


def step_apo(
    chosen: Tensor,
    rejected: Tensor,
    ref_chosen: Tensor,
    ref_rejected: Tensor,
    gap: Tensor,
    beta: float = 0.3,
    alpha: float = 1.0,
) -> Tensor:
    """Return DPO whose margin must exceed alpha times `gap`, the advantage (or Q) of w minus that of l (2409.08642)."""
    return -logsigmoid(_margin(chosen, rejected, ref_chosen, ref_rejected, beta) - alpha * gap)


def w_dpo(
    chosen: Tensor,
    rejected: Tensor,
    weight: Tensor,
    beta: float,
    reference: tuple[Tensor, Tensor] | None = None,
) -> Tensor:
    """Return weighted DPO (StepORLM).

    `weight` is 1 where the solver's verdicts differ, else the absolute difference of the shares of correct steps.
    `reference`: log-probs of both replies under a reference; the summary of the paper prints none, so None by default.
    """
    margin = beta * (chosen - rejected) if reference is None else _margin(chosen, rejected, *reference, beta)
    return -weight * logsigmoid(margin)


def simpo(
    chosen: Tensor,
    rejected: Tensor,
    beta: float = 2.0,
    gamma_ratio: float = 0.25,
    smoothing: float = 0.0,
    form: Literal["sigmoid", "hinge"] = "sigmoid",
) -> Tensor:
    """Return SimPO of mean log-probs: u = beta (difference - gamma_ratio), no reference.

    sigmoid: -(1 - smoothing) log sigma(u) - smoothing log sigma(-u); hinge: relu(1 - u).
    """
    u = beta * (chosen - rejected - gamma_ratio)
    if form == "hinge":
        return relu(1.0 - u)
    return -(1.0 - smoothing) * logsigmoid(u) - smoothing * logsigmoid(-u)


def p3o(
    first: Tensor,
    second: Tensor,
    old_first: Tensor,
    old_second: Tensor,
    delta: Tensor,
    epsilon: float = 0.2,
    form: Literal["separate", "joint"] = "separate",
) -> Tensor:
    """Return the pairwise policy gradient of two replies to one prompt (2310.00212; its clip is from memory).

    `delta` is half the difference of the shaped rewards r - beta (log old - log ref), first minus second; only it
    matters, so a common shift of the rewards changes nothing. w = exp(log new - log old), c detached:

    - separate: -sum_i min(c_i w_i, c_i clip(w_i, 1 +- epsilon)), c_1 = delta w_2, c_2 = -delta w_1;
    - joint: -min(c g, c clip(g, g_old +- epsilon)), g = log new_1 - log new_2, c = delta w_1 w_2.
    """
    w_1, w_2 = (first - old_first).exp(), (second - old_second).exp()
    if form == "joint":
        c, g, g_old = (delta * w_1 * w_2).detach(), first - second, old_first - old_second
        return -torch.minimum(c * g, c * torch.clamp(g, g_old - epsilon, g_old + epsilon))
    c_1, c_2 = (delta * w_2).detach(), (-delta * w_1).detach()
    low, high = 1.0 - epsilon, 1.0 + epsilon
    return -torch.minimum(c_1 * w_1, c_1 * w_1.clamp(low, high)) - torch.minimum(c_2 * w_2, c_2 * w_2.clamp(low, high))


def _margin(chosen: Tensor, rejected: Tensor, ref_chosen: Tensor, ref_rejected: Tensor, beta: float) -> Tensor:
    return beta * ((chosen - ref_chosen) - (rejected - ref_rejected))
