"""The losses by name, with what each rests on: what `envbench credit list` shows beside the credit methods."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from envbench.train.losses.divergence import entropy, kl
from envbench.train.losses.policy import clipped, sequence_log_ratio
from envbench.train.losses.preference import dpo, p3o, simpo, step_apo, w_dpo
from envbench.train.losses.value import value_loss


@dataclass(frozen=True, slots=True)
class Loss:
    """A loss; the attributes are those of a credit method (`envbench.credit.Method`).

    Attributes:
        level: `token`, or `sequence` for losses on pairs of replies.
        needs: columns that it reads beside advantages.
        used: where it runs in training; "" for a function of its own.
    """

    name: str
    level: str
    needs: tuple[str, ...]
    cost: str
    evidence: str
    paper: str
    function: Callable[..., Any]
    used: str = ""
    kind: str = "loss"

    @property
    def module(self) -> str:
        return self.function.__module__

    @property
    def about(self) -> str:
        return inspect.getdoc(self.function) or ""


_REF = ("ref_logprob",)
_PAIRS = "pairs of replies, log-probs of both"

LOSSES = (
    Loss("dpo", "sequence", _REF, _PAIRS, "paper", "arXiv:2305.18290", dpo),
    Loss("entropy", "token", ("entropy",), "none", "paper", "arXiv:1602.01783", entropy, "loss.entropy_coef"),
    Loss("gspo_ratio", "token", ("logprob",), "none", "paper", "arXiv:2507.18071", sequence_log_ratio, "loss.ratio"),
    Loss("kl", "token", _REF, "one forward of the reference", "code", "", kl, "loss.kl_coef, loss.kl = k1 | k2 | k3"),
    Loss("p3o", "sequence", _REF, _PAIRS, "abstract", "arXiv:2310.00212", p3o),
    Loss("ppo_clip", "token", ("logprob",), "none", "code", "arXiv:1707.06347", clipped, "every run"),
    Loss("simpo", "sequence", (), _PAIRS, "code", "arXiv:2405.14734", simpo),
    Loss("step_apo", "sequence", _REF, _PAIRS, "code", "arXiv:2409.08642", step_apo),
    Loss("value_clip", "token", ("value",), "one linear head", "code", "arXiv:1707.06347", value_loss, "value_coef"),
    Loss("w_dpo", "sequence", (), _PAIRS, "abstract", "", w_dpo),
)
