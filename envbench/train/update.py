"""One optimizer step of a language model on a batch of recorded rows."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal

import torch
from torch import Tensor

from envbench.credit.kernels import Segments
from envbench.credit.options import NonNegative, Options
from envbench.errors import InvalidBatch, NonFiniteLoss
from envbench.train.losses import PolicyLossConfig, heads_loss, policy_loss, shares
from envbench.train.packed import Forward, MicroBatch, TokenOutputs, TokenRow, pack, token_outputs
from envbench.train.targets import Heads, Targets


@dataclass(frozen=True, slots=True)
class UpdateConfig(Options):
    """Options of an update.

    Attributes:
        max_grad_norm: gradients are scaled down to this norm.
        token_budget: places (rows times padded length) of one forward; the result does not depend on it but in the
            last bits.
        share_prefix: compute a prompt once for all rows that have it, and equal rows once.
        value_coef: weight of the critic's loss. value_clip: how far a value may move from where it was before its
            error counts in full; None for the plain squared error.
    """

    max_grad_norm: NonNegative = 1.0
    token_budget: int = 16384
    share_prefix: bool = True
    value_coef: NonNegative = 0.5
    value_clip: NonNegative | None = None


@dataclass(frozen=True, slots=True)
class UpdateStats:
    """What an update did.

    Attributes:
        loss: the loss of the batch before the step.
        parts: `policy`, its policy term; and means over the tokens trained on, by their shares: `clip_share`, `moved`
            (how far the parameters are from the sampling policy; see `policy_loss`), `entropy`, and `kl` where the
            batch has reference log-probs.
        grad_norm: before it is clipped.
        rows, tokens: trained on, each row with its whole prompt, duplicates counted. computed: places of the forwards,
            padding counted. seconds: wall time. stepped: False where nothing had a gradient to give.
    """

    loss: float
    parts: dict[str, float] = field(default_factory=dict)
    grad_norm: float = 0.0
    rows: int = 0
    tokens: int = 0
    computed: int = 0
    seconds: float = 0.0
    stepped: bool = False

    @property
    def tokens_per_second(self) -> float:
        """Tokens trained on (prompts and replies, as if nothing were shared) per second of wall time."""
        return self.tokens / self.seconds if self.seconds > 0.0 else 0.0


def update(
    forward: Forward,
    optimizer: torch.optim.Optimizer,
    rows: Sequence[TokenRow],
    targets: Targets,
    loss: PolicyLossConfig,
    cfg: UpdateConfig,
    *,
    unit: Literal["row", "episode"] = "row",
    heads: Heads | None = None,
    name: str = "batch",
) -> UpdateStats:
    """Take one optimizer step on the mean loss of the batch, its gradient summed over micro-batches.

    Rows whose tokens have no weight are left out, and those of advantage 0 unless KL, entropy or a critic gives them a
    gradient; they count in the means all the same. On CPU the gradient is the same to the bit at a fixed number of
    threads.

    Args:
        forward: what computes hidden states and logits with the parameters of `optimizer`.
        optimizer: steps once, or not at all.
        rows: prompt and reply of each row, as recorded.
        targets: of their policy tokens.
        loss: the policy loss.
        cfg: how to run it.
        unit: over what the sequence aggregations go: `row` or `episode`.
        heads: of the critic; trained where the targets have values.
        name: of the batch, for errors.

    Raises:
        InvalidBatch: where rows and targets differ in length.
        NonFiniteLoss: for a loss or gradient that is NaN or infinite, with parameters and optimizer as before; or for
            parameters that the step has made so.
    """
    share, keep = _shares_and_keep(rows, targets, loss, unit)
    critic = _value_shares(targets)

    def micro_loss(micro: MicroBatch) -> tuple[Tensor, dict[str, Tensor]]:
        outputs = token_outputs(forward, micro, entropy_gradient=loss.entropy_coef != 0.0)
        total, parts = _policy_part(outputs, micro, targets, share, loss)
        if heads is not None and critic:
            errors = _value_part(heads(outputs.hidden), micro, targets, critic, cfg)
            total = total + cfg.value_coef * torch.stack(list(errors.values())).sum()
            parts |= {f"value_{head}": one.detach() for head, one in errors.items()}
        return total, parts

    return descend(optimizer, rows, keep, micro_loss, cfg, share=share, name=name)


def clone(
    forward: Forward,
    optimizer: torch.optim.Optimizer,
    rows: Sequence[TokenRow],
    cfg: UpdateConfig,
    *,
    name: str = "batch",
) -> UpdateStats:
    """Take one optimizer step on the mean negative log-prob of the replies' tokens.

    Raises:
        NonFiniteLoss: as `update`.
    """
    count = sum(len(row.reply) for row in rows)
    share = torch.full((count,), 1.0 / max(count, 1), device=_device(optimizer))

    def micro_loss(micro: MicroBatch) -> tuple[Tensor, dict[str, Tensor]]:
        outputs = token_outputs(forward, micro)
        part = share.index_select(0, micro.index)
        total = -(part * outputs.logprob).sum()
        return total, {"policy": total.detach(), "entropy": (part * outputs.entropy).sum()}

    return descend(optimizer, rows, [True] * len(rows), micro_loss, cfg, share=share, name=name)


def descend(
    optimizer: torch.optim.Optimizer,
    rows: Sequence[TokenRow],
    keep: Sequence[bool],
    micro_loss: Callable[[MicroBatch], tuple[Tensor, dict[str, Tensor]]],
    cfg: UpdateConfig,
    *,
    share: Tensor,
    name: str,
) -> UpdateStats:
    """Sum the gradients of the micro-batches and step once; see `update`.

    Args:
        optimizer: steps once, or not at all.
        rows: as for `pack`.
        keep: as for `pack`.
        micro_loss: micro-batch to its part of the loss, and parts to report.
        cfg: how to run it.
        share: float [L], the tokens' shares of the loss.
        name: of the batch, for errors.
    """
    began = time.perf_counter()
    parameters = [one for group in optimizer.param_groups for one in group["params"] if one.requires_grad]
    optimizer.zero_grad(set_to_none=True)
    total, parts, mass, count = 0.0, dict[str, float](), 0.0, [0, 0, 0]
    micro_batches = pack(rows, keep, cfg.token_budget, share=cfg.share_prefix)
    try:
        for number, micro in enumerate(micro_batches, 1):
            value, found = micro_loss(micro.to(share.device))
            _check_finite(value, "loss", f"{name}, micro-batch {number} of {len(micro_batches)} (rows {_some(micro)})")
            torch.autograd.backward(value)
            total += float(value.detach())
            parts = {key: parts.get(key, 0.0) + float(one) for key, one in found.items()}
            mass += float(share.index_select(0, micro.index.to(share.device)).sum())
            count = [count[0] + len(micro.rows), count[1] + len(micro.index), count[2] + micro.tokens.numel()]
        if not micro_batches:
            return UpdateStats(0.0, seconds=time.perf_counter() - began)
        norm = torch.nn.utils.clip_grad_norm_(parameters, cfg.max_grad_norm)
        _check_finite(norm, "gradient norm", name)
    except BaseException:
        optimizer.zero_grad(set_to_none=True)
        raise
    optimizer.step()
    optimizer.zero_grad(set_to_none=True)
    _check_weights(parameters, name)
    prompts = sum(len(row.prompt) for row, kept in zip(rows, keep, strict=True) if kept)
    parts = {key: one / mass if key in _MEANS and mass else one for key, one in parts.items()}
    return UpdateStats(
        total, parts, float(norm), count[0], prompts + count[1], count[2], time.perf_counter() - began, True
    )


_MEANS = ("clip_share", "moved", "kl", "entropy")  # parts that are means over the tokens trained on


def _shares_and_keep(
    rows: Sequence[TokenRow], targets: Targets, loss: PolicyLossConfig, unit: Literal["row", "episode"]
) -> tuple[Tensor, list[bool]]:
    """Return the tokens' shares of the loss (float32 [L]) and whether each row has a gradient to give."""
    tokens = sum(len(row.reply) for row in rows)
    if tokens != len(targets.old) or len(rows) != len(targets.episode):
        raise InvalidBatch(
            f"{len(rows)} rows with {tokens} policy tokens, but targets of {len(targets.episode)} rows with "
            f"{len(targets.old)}; give the rows that the batch was made of, in its order"
        )
    by_row = Segments.of(targets.row, len(rows))
    if by_row.count.tolist() != [len(row.reply) for row in rows]:
        raise InvalidBatch("token_step does not give each row as many policy tokens as its reply has")
    sequences = by_row
    if unit == "episode":
        sequences = Segments.of(targets.episode.index_select(0, targets.row), int(targets.episode.max()) + 1)
    share = shares(targets.weight, sequences, loss.aggregation, loss.norm)
    # `signal` is NaN where an advantage is: such a row is kept, and its loss reports it.
    signal = share if loss.needs_every_row else share * targets.advantage
    for one in targets.values.values():
        signal = signal.abs() + one.weight
    return share, (by_row.sum((signal != 0.0).long()) > 0).tolist()


def _policy_part(
    outputs: TokenOutputs, micro: MicroBatch, targets: Targets, share: Tensor, cfg: PolicyLossConfig
) -> tuple[Tensor, dict[str, Tensor]]:
    def here(values: Tensor) -> Tensor:
        return values.index_select(0, micro.index)

    sequences = Segments.of(here(targets.row), len(targets.episode))
    ref = None if targets.ref is None else here(targets.ref)
    old, advantage = here(targets.old), here(targets.advantage)
    return policy_loss(outputs.logprob, old, advantage, here(share), sequences, cfg, ref=ref, entropy=outputs.entropy)


def _value_shares(targets: Targets) -> dict[str, Tensor]:
    """Return each token's share of the loss of each head, float32 [L]: a mean over the tokens with a target."""
    return {head: one.weight / one.weight.sum().clamp(min=1.0) for head, one in targets.values.items()}


def _value_part(
    values: Mapping[str, Tensor],
    micro: MicroBatch,
    targets: Targets,
    critic: Mapping[str, Tensor],
    cfg: UpdateConfig,
) -> dict[str, Tensor]:
    def here(one: Tensor) -> Tensor:
        return one.index_select(0, micro.index)

    old = {head: here(one.old) for head, one in targets.values.items()}
    wanted = {head: here(one.target) for head, one in targets.values.items()}
    return heads_loss(values, old, wanted, {head: here(one) for head, one in critic.items()}, cfg.value_clip)


def _device(optimizer: torch.optim.Optimizer) -> torch.device:
    found: torch.device = optimizer.param_groups[0]["params"][0].device
    return found


def _check_finite(value: Tensor, what: str, where: str) -> None:
    if not bool(value.isfinite()):
        raise NonFiniteLoss(
            f"the {what} is {float(value.detach())} in {where}; no step was taken. Lower the learning rate, or look at "
            "the advantages and log-probs of these rows"
        )


def _check_weights(parameters: Sequence[Tensor], where: str) -> None:
    """Raise `NonFiniteLoss` where a step has ruined the weights: one pass over them, without a copy."""
    largest = [torch.linalg.vector_norm(one.detach(), torch.inf, dtype=torch.float32) for one in parameters]
    if not bool(torch.stack(largest).isfinite().all()):
        raise NonFiniteLoss(
            f"the optimiser step of {where} left weights that are not finite; nothing was written since, and the same "
            "run would end here again. Lower the learning rate"
        )


def _some(micro: MicroBatch) -> str:
    """Return the first rows of a micro-batch as text."""
    first = ", ".join(map(str, sorted(micro.rows)[:5]))
    return first if len(micro.rows) <= 5 else f"{first}, ..."
