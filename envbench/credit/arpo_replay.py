"""ARPO's replay (GUI agents, arXiv:2505.16282): a stored success joins a group in which nobody succeeds."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, Literal

import torch
from torch import Tensor

from envbench.credit.kernels import episode_returns
from envbench.credit.kernels_optimisation import ranks
from envbench.credit.options import Interval, NonNegative, Options
from envbench.credit.registry import register
from envbench.credit.selection import Selection, binned, checked, fresh
from envbench.types import StepBatch


@dataclass(frozen=True, slots=True)
class ARPOReplayConfig(Options):
    """Options of ARPO's replay.

    Attributes:
        mode: `replay`, or `tasks`: keep the tasks that the base agent solved at least once, before training.
        spread: a group whose results deviate less (sample standard deviation),
        mean: and are lower on average, is rescued.
        success: a result above it is stored.
        capacity: episodes stored per task, the newest.
    """

    mode: Literal["replay", "tasks"] = "replay"
    spread: NonNegative = 0.05
    mean: float = 0.2
    success: float = 0.1
    capacity: Annotated[int, Interval(1, 2**31)] = 8

    @property
    def needs(self) -> tuple[str, ...]:
        """The columns that these options call for."""
        return ("stored", "age") if self.mode == "replay" else ()


@register(
    "arpo_replay",
    kind="sampler",
    paper="arXiv:2505.16282",
    evidence="code",
    needs=("stored", "age"),
    columns={"stored": ("E",), "age": ("E",)},
)
def arpo_replay(batch: StepBatch, cfg: ARPOReplayConfig, draws: Tensor | None = None) -> Selection:
    """Replace the first rollout of a group without success by a random stored success of its task.

    The batch holds the new episodes and the buffer's, a group being a task: `stored` bool [E] tells which is which,
    `age` [E] how many updates ago one was stored. Draws: float [E]; the stored success with the least is taken.
    Afterwards the buffer holds the `capacity` newest successes of each task, the replaced rollout not among them. Old
    log-probs of a replayed episode are to be computed anew, as the paper's code does. The result is the return.
    With `mode="tasks"` nothing is drawn, and all episodes of a task are kept or none. `parts` holds rescued or
    solved, bool [groups].
    """
    result, size = episode_returns(batch), batch.num_groups
    if cfg.mode == "tasks":
        solved = binned(batch, batch.include & (result > cfg.success)).count[:size] > 0
        return Selection(batch.include & solved.index_select(0, batch.group), parts={"solved": solved})
    draw = checked(draws, (batch.num_episodes,), "arpo_replay")
    stored = batch.require("stored", "arpo_replay").bool() & batch.include
    new = fresh(batch, stored)
    played = binned(batch, new)
    mean = played.mean(result)
    stuck = (played.count > 0) & (played.std(result, mean) < cfg.spread) & (mean < cfg.mean)
    success = stored & (result > cfg.success)
    drawn = success & (ranks(binned(batch, success), draw) == 0)
    rescued = stuck[:size] & (binned(batch, drawn).count[:size] > 0)
    of_rescued = rescued.index_select(0, batch.group)
    replaced = new & (ranks(played, torch.zeros_like(draw)) == 0) & of_rescued
    keep = (new & ~replaced) | (drawn & of_rescued)
    candidates = success | (new & ~replaced & (result > cfg.success))
    age = batch.require("age", "arpo_replay").double().masked_fill(new, -1.0)
    store = candidates & (ranks(binned(batch, candidates), age) < cfg.capacity)
    return Selection(keep, store=store, parts={"rescued": rescued})
