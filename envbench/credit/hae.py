"""HAE (HiPER, arXiv:2602.16165): GAE on two time scales, the turns of a subgoal and the subgoals of an episode."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import torch
from torch import Tensor

from envbench.credit.kernels import Scores, Segments, rows_of, scan
from envbench.credit.kernels_agentic import end_values, followed, next_values, reverse_scan
from envbench.credit.options import Discount, Options
from envbench.credit.registry import register
from envbench.types import Advantages, StepBatch


@dataclass(frozen=True, slots=True)
class HAEConfig(Options):
    """Options of HAE.

    Attributes:
        level: `step`: A_low on every row, the other two in `parts`. `token`: each advantage on the tokens of its role.
        decision: advantage of keeping or switching: against a learned `head` (the code, and what a critic can be
            trained for), or in the `closed` form of the paper, which needs `switch_prob`.
        gamma: discount per turn. lam_turn, lam_seg: lambda inside a subgoal and from one subgoal to the next.
        bootstrap: value after the last turn: 0 (`terminal`); in `truncated` episodes `last_value_low` and
            `last_value_high`; or there the last values themselves (`own`: the official code).
        normalise: standardise each of the three over the batch (population deviation; on in the official scripts).
        keep_penalty: added to the reward of turns that keep their subgoal (official scripts: -0.3 and -3.5).
        keep_mode: the whole penalty on each such turn (`fixed`), or divided by the turns of the episode, where it has
            more than one (`normalized`).
        keep_consistency_penalty: added to the reward of turns that claim to keep their subgoal and name another one
            than the turn before (official scripts: -0.3); needs `subgoal`.
    """

    level: Literal["step", "token"] = "step"
    decision: Literal["head", "closed"] = "head"
    gamma: Discount = 1.0
    lam_turn: Discount = 1.0
    lam_seg: Discount = 0.95
    bootstrap: Literal["terminal", "truncated", "own"] = "terminal"
    normalise: bool = False
    keep_penalty: float = 0.0
    keep_mode: Literal["fixed", "normalized"] = "normalized"
    keep_consistency_penalty: float = 0.0

    @property
    def needs(self) -> tuple[str, ...]:
        """The columns that these options call for."""
        decision = "value_switch" if self.decision == "head" else "switch_prob"
        last = ("last_value_low", "last_value_high") if self.bootstrap == "truncated" else ()
        tokens = ("token_step", "token_role") if self.level == "token" else ()
        subgoal = ("subgoal",) if self.keep_consistency_penalty else ()
        return ("switch", "value_low", "value_high", decision, *last, *tokens, *subgoal)


@register(
    "hae",
    kind="advantage",
    paper="arXiv:2602.16165",
    evidence="code",
    needs=("switch", "value_low", "value_high", "value_switch"),
    cost="a critic with three heads",
    columns={"switch_prob": ("S",)},
)
def hae(batch: StepBatch, cfg: HAEConfig) -> Advantages:
    """Advantages of the action (low), of the subgoal (high, at rows that open one) and of the switch decision.

    A subgoal opens at the first row and where `switch` is set. Low is GAE inside a subgoal, whose last turn looks at
    the high value of the next one. High is GAE over subgoals as single decisions of d turns, discounted by gamma^d.
    Switch is the discounted reward to the end of the subgoal plus the next high value, minus `value_switch`; in closed
    form it is (q - b)(V_high - V_low), with q = 1 where the row switched and b = `switch_prob` (float [S]), the
    policy's probability of that. `returns` hold the targets by head. An invalid-action penalty belongs into the reward.
    """
    reward = shaped_rewards(batch, cfg)
    low, high = (batch.require(f"value_{head}", "hae").double() for head in ("low", "high"))
    switched = batch.require("switch", "hae")
    opens = switched.index_fill(0, batch.first_rows(), True)
    segment = opens.long().cumsum(0) - 1
    begin, inside = opens.nonzero()[:, 0], followed(segment)
    owner, value = batch.episode.index_select(0, begin), high.index_select(0, begin)
    low_end, high_after = _ends(batch, cfg, low, value, owner)
    closing = high_after.index_select(0, segment)
    after = torch.where(inside, low.roll(-1), torch.where(followed(batch.episode), closing, low_end))
    a_low = scan(reward + cfg.gamma * after - low, segment, cfg.gamma * cfg.lam_turn)
    target = scan(reward + (cfg.gamma * closing).masked_fill(inside, 0.0), segment, cfg.gamma)
    turns = Segments.of(segment, len(begin)).count
    factor = cfg.lam_seg * (cfg.gamma ** turns.double()).masked_fill(~followed(owner), 0.0)
    a_high = torch.zeros_like(low).index_copy(0, begin, reverse_scan(target.index_select(0, begin) - value, factor))
    found = {"low": a_low, "high": a_high}
    returns = {"low": a_low + low, "high": a_high + high}
    if cfg.decision == "head":
        found["switch"], returns["switch"] = target - batch.require("value_switch", "hae").double(), target
    else:
        surprise = switched.double() - batch.require("switch_prob", "hae").double()
        found["switch"] = surprise * (high - low)
    return _placed(batch, cfg, found, returns, opens)


def shaped_rewards(batch: StepBatch, cfg: HAEConfig) -> Tensor:
    """Return float64 [S], the rewards plus the penalties of the turns that keep their subgoal."""
    count = Segments.of(batch.episode, batch.num_episodes).count
    share = torch.ones_like(count, dtype=torch.float64)
    if cfg.keep_mode == "normalized":
        share = count.double().reciprocal().masked_fill(count == 1, 0.0)
    keep = ~batch.require("switch", "hae")
    reward = batch.reward.double() + cfg.keep_penalty * keep.double() * rows_of(batch, share)
    if cfg.keep_consistency_penalty:
        subgoal = batch.require("subgoal", "hae")
        other = (keep & (subgoal != subgoal.roll(1))).index_fill(0, batch.first_rows(), False)
        reward = reward + cfg.keep_consistency_penalty * other.double()
    return reward


def _ends(batch: StepBatch, cfg: HAEConfig, low: Tensor, high: Tensor, owner: Tensor) -> tuple[Tensor, Tensor]:
    """Return what follows the last row of an episode, on rows [S], and the high value after each subgoal.

    Args:
        batch: for its ends.
        cfg: for `bootstrap`.
        low: float64 [S], low values.
        high: float64 [subgoals], high value at the start of each.
        owner: int64 [subgoals], the episode of each.
    """
    if cfg.bootstrap == "own":
        last = high * batch.truncated.index_select(0, owner)
        return low * rows_of(batch, batch.truncated), torch.where(followed(owner), high.roll(-1), last)
    low_end = rows_of(batch, end_values(batch, cfg.bootstrap, "last_value_low", "hae"))
    return low_end, next_values(high, owner, end_values(batch, cfg.bootstrap, "last_value_high", "hae"))


def _placed(
    batch: StepBatch, cfg: HAEConfig, found: dict[str, Tensor], returns: dict[str, Tensor], opens: Tensor
) -> Advantages:
    """Return the three advantages on rows, or each on the tokens of its role (1 low, 2 high, 3 switch)."""
    include = rows_of(batch, batch.include)
    masks = {"low": include, "high": include & opens, "switch": include}
    if cfg.normalise:
        found = {head: _standardised(one, masks[head]) for head, one in found.items()}
    dtype = batch.reward.dtype
    found = {head: one.masked_fill(~masks[head], 0.0).to(dtype) for head, one in found.items()}
    returns = {head: one.masked_fill(~masks[head], 0.0).to(dtype) for head, one in returns.items()}
    if cfg.level == "step":
        return Advantages(found["low"], "step", returns, include.to(dtype), found)
    row, role = batch.require("token_step", "hae"), batch.require("token_role", "hae")
    parts = {head: one.index_select(0, row) for head, one in found.items()}
    targets = {head: one.index_select(0, row) for head, one in returns.items()}
    value, weight = torch.zeros(len(row), dtype=dtype, device=row.device), torch.zeros_like(row, dtype=torch.bool)
    for number, head in enumerate(("low", "high", "switch"), 1):
        chosen = (role == number) & masks[head].index_select(0, row)
        value = torch.where(chosen, parts[head], value)
        weight = weight | chosen
    return Advantages(value, "token", targets, weight.to(dtype), parts)


def _standardised(values: Tensor, mask: Tensor) -> Tensor:
    """Return (x - mean) / (population deviation + 1e-8) over the entries of `mask` [S]; 0 for a single one."""
    ids = (~mask).long()
    scores = Scores(values, ids, values, Segments.of(ids, 2))
    return scores.normalised(scale="std", single="zero", epsilon=1e-8, ddof=0)
