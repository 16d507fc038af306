"""One optimizer step of a language model on a batch of recorded rows."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Literal

import torch
from torch import Tensor

from envbench.credit.kernels import Segments
from envbench.credit.options import NonNegative, Options
from envbench.errors import InvalidBatch, NonFiniteLoss
from envbench.train.losses import PolicyLossConfig, policy_loss, shares, token_advantage
from envbench.train.packed import Forward, MicroBatch, TokenRow, pack, token_logprobs
from envbench.types import Advantages, StepBatch


@dataclass(frozen=True, slots=True)
class UpdateConfig(Options):
    """Options of an update.

    Attributes:
        max_grad_norm: gradients are scaled down to this norm.
        token_budget: places (rows times padded length) of one forward; the result does not depend on it but in the
            last bits.
        share_prefix: compute a prompt once for all rows that have it, and equal rows once.
    """

    max_grad_norm: NonNegative = 1.0
    token_budget: int = 16384
    share_prefix: bool = True


@dataclass(frozen=True, slots=True, eq=False)
class Targets:
    """What the policy tokens of a batch are trained towards, in the order of the rows.

    Attributes:
        old: float32 [L], recorded log-probs. advantage: float32 [L]. weight: float32 [L], loss weights.
        row: int64 [L], row of each token (`token_step`). episode: int64 [S], episode of each row.
        ref: float32 [L], log-probs under the reference, or None.
    """

    old: Tensor
    advantage: Tensor
    weight: Tensor
    row: Tensor
    episode: Tensor
    ref: Tensor | None = None

    @classmethod
    def of(cls, batch: StepBatch, advantages: Advantages) -> Targets:
        """Return the targets of a batch.

        Raises:
            MissingColumn: for a batch without `token_step` or `logprob`.
        """
        value, weight = token_advantage(batch, advantages)
        old = batch.require("logprob", "the update")
        ref = None if batch.ref_logprob is None else batch.ref_logprob.float()
        row = batch.require("token_step", "the update")
        return cls(old.float(), value.float(), weight.float(), row, batch.episode, ref)


@dataclass(frozen=True, slots=True)
class UpdateStats:
    """What an update did.

    Attributes:
        loss: the loss of the batch before the step.
        parts: `policy`, its policy term; and means over the tokens trained on, by their shares: `clip_share`, `moved`
            (KL from the sampling policy, k3), `entropy`, and `kl` where the batch has reference log-probs.
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
    name: str = "batch",
) -> UpdateStats:
    """Take one optimizer step on the mean loss of the batch, its gradient summed over micro-batches.

    Rows whose tokens have no weight are left out, and those of advantage 0 unless KL or entropy gives them a gradient;
    they count in the means all the same. On CPU the gradient is the same to the bit at a fixed number of threads.

    Args:
        forward: what computes hidden states and logits with the parameters of `optimizer`.
        optimizer: steps once, or not at all.
        rows: prompt and reply of each row, as recorded.
        targets: of their policy tokens.
        loss: the policy loss.
        cfg: how to run it.
        unit: over what the sequence aggregations go: `row` or `episode`.
        name: of the batch, for errors.

    Raises:
        InvalidBatch: where rows and targets differ in length.
        NonFiniteLoss: for a loss or gradient that is NaN or infinite; parameters and optimizer are as before.
    """
    began = time.perf_counter()
    share, keep = _shares_and_keep(rows, targets, loss, unit)
    parameters = [one for group in optimizer.param_groups for one in group["params"] if one.requires_grad]
    optimizer.zero_grad(set_to_none=True)
    total, parts, mass, count = 0.0, dict[str, float](), 0.0, [0, 0, 0]
    micro_batches = pack(rows, keep, cfg.token_budget, share=cfg.share_prefix)
    try:
        for number, micro in enumerate(micro_batches, 1):
            value, found = _micro_loss(forward, micro.to(share.device), targets, share, loss)
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
    prompts = sum(len(row.prompt) for row, kept in zip(rows, keep, strict=True) if kept)
    parts = {key: one if key == "policy" else one / mass for key, one in parts.items()}
    return UpdateStats(
        total, parts, float(norm), count[0], prompts + count[1], count[2], time.perf_counter() - began, True
    )


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
    return share, (by_row.sum((signal != 0.0).long()) > 0).tolist()


def _micro_loss(
    forward: Forward, micro: MicroBatch, targets: Targets, share: Tensor, cfg: PolicyLossConfig
) -> tuple[Tensor, dict[str, Tensor]]:
    def here(values: Tensor) -> Tensor:
        return values.index_select(0, micro.index)

    new, entropy = token_logprobs(forward, micro, entropy_gradient=cfg.entropy_coef != 0.0)
    sequences = Segments.of(here(targets.row), len(targets.episode))
    ref = None if targets.ref is None else here(targets.ref)
    return policy_loss(
        new, here(targets.old), here(targets.advantage), here(share), sequences, cfg, ref=ref, entropy=entropy
    )


def _check_finite(value: Tensor, what: str, where: str) -> None:
    if not bool(value.isfinite()):
        raise NonFiniteLoss(
            f"the {what} is {float(value.detach())} in {where}; no step was taken. Lower the learning rate, or look at "
            "the advantages and log-probs of these rows"
        )


def _some(micro: MicroBatch) -> str:
    """Return the first rows of a micro-batch as text."""
    first = ", ".join(map(str, sorted(micro.rows)[:5]))
    return first if len(micro.rows) <= 5 else f"{first}, ..."
