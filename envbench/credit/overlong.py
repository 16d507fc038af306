"""Soft overlong punishment (DAPO, arXiv:2503.14476): what is close to the length limit loses reward."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Annotated, Literal

from envbench.credit.kernels_shaping import at_end, lengths, with_reward
from envbench.credit.options import Interval, Options
from envbench.credit.registry import register
from envbench.errors import InvalidValue
from envbench.types import StepBatch


@dataclass(frozen=True, slots=True)
class OverlongConfig(Options):
    """Options of the overlong punishment; the numbers are for long mathematical answers, set from memory, not checked.

    Attributes:
        limit: L_max, the length at which the punishment is full; set it to your own budget.
        cache: L_cache, the length over which it grows; at least 1 and at most `limit`.
        unit: what is counted: policy `token`s of the episode (the paper), or its `step`s (ours).
        truncated: truncated episodes are kept (`keep`) or excluded (`mask`, the paper's other remedy).
    """

    limit: Annotated[int, Interval(1, 2**53)] = 20480
    cache: Annotated[int, Interval(1, 2**53)] = 4096
    unit: Literal["token", "step"] = "token"
    truncated: Literal["keep", "mask"] = "keep"

    def __post_init__(self) -> None:
        """Check the options, together too.

        Raises:
            InvalidValue: for a value that an option cannot take, or a cache beyond the limit.
        """
        Options.__post_init__(self)
        if self.cache > self.limit:
            raise InvalidValue(f"cache={self.cache}: expected at most limit={self.limit}")

    @property
    def needs(self) -> tuple[str, ...]:
        """The columns that these options call for."""
        return ("token_step",) if self.unit == "token" else ()


@register("overlong", kind="shaping", paper="arXiv:2503.14476", evidence="code", needs=("token_step",))
def overlong(batch: StepBatch, cfg: OverlongConfig) -> StepBatch:
    """Add to the last reward 0 up to L_max - L_cache, then linearly down to -1 at L_max, and -1 beyond.

    With length L it is clip((L_max - L_cache - L) / L_cache, -1, 0). The length of a branch includes its prefix.
    """
    length = lengths(batch, cfg.unit, "overlong")
    penalty = ((cfg.limit - cfg.cache - length) / cfg.cache).clamp(-1.0, 0.0)
    shaped = with_reward(batch, batch.reward.double() + at_end(batch, penalty))
    return replace(shaped, include=batch.include & ~batch.truncated) if cfg.truncated == "mask" else shaped
