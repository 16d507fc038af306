"""The clipped loss of critics: one head per token or step, or several by name (HiPER: low, high, switch)."""

from __future__ import annotations

from collections.abc import Mapping

import torch
from torch import Tensor

from envbench.errors import InvalidBatch


def value_loss(value: Tensor, old: Tensor, target: Tensor, share: Tensor, clip: float | None = 0.5) -> Tensor:
    """Return the sum of share times max((v - target)^2, (v clipped to old +- `clip`, - target)^2) / 2.

    Args:
        value: float [N], the critic's values now, with gradient.
        old: float [N], its values at the time of the rollout.
        target: float [N], critic targets (`Advantages.returns`); any number where `share` is 0.
        share: float [N], from `shares`: 0 where the head is not read. N is tokens or steps.
        clip: None for the plain squared error.
    """
    error = (value - target).square()
    if clip is not None:
        near = torch.clamp(value, old - clip, old + clip)
        error = torch.maximum(error, (near - target).square())
    return 0.5 * (share * error).sum()


def heads_loss(
    head_values: Mapping[str, Tensor],
    old_values: Mapping[str, Tensor],
    targets: Mapping[str, Tensor],
    head_shares: Mapping[str, Tensor],
    clip: float | None = 0.5,
) -> dict[str, Tensor]:
    """Return the value loss of each head by name, in the order of `targets`; the caller adds them.

    Raises:
        InvalidBatch: where a head of the targets has no values, old values or shares.
    """
    for name in targets:
        if not (name in head_values and name in old_values and name in head_shares):
            raise InvalidBatch(f"critic head {name!r} has targets but no values: build the critic with this head")
    return {
        name: value_loss(head_values[name], old_values[name], target, head_shares[name], clip)
        for name, target in targets.items()
    }
