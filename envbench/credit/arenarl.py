"""ArenaRL (arXiv:2601.06487): ranks from a tournament in place of scores."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal, TypeAlias

import torch
from torch import Tensor

from envbench.credit.kernels import ZERO_SPREAD, Scores, Segments, episode_returns, groups, per_step, rows_of
from envbench.credit.kernels_optimisation import places, ranks, shared, sorted_by
from envbench.credit.options import NonNegative, Options
from envbench.credit.registry import register
from envbench.errors import InvalidBatch
from envbench.types import Advantages, StepBatch

Judge: TypeAlias = Callable[[Tensor, Tensor], tuple[Tensor, Tensor]]  # players left, right -> their scores


@dataclass(frozen=True, slots=True)
class ArenaRLConfig(Options):
    """Options of ArenaRL.

    Attributes:
        judge: who compares two episodes: their `return` (ours: the environment as a judge without error), or recorded
            scores of a judge (`duel`).
        topology: `elimination` (2 (n - 1) comparisons), the seeding round alone (`anchor`, n - 1), or everyone against
            everyone (`round_robin`, n (n - 1) / 2).
        byes: where n is not a power of two, the top seeds skip the first round (`top`), or the pairs are made after
            the empty places were dropped and the one left over goes first into the next round (`released`, the code).
        ties: with `judge="return"`, equal returns (to 1e-8) share the `mean` of their rewards, or the `order` of the
            episodes decides (the code), which turns equals into winners and losers.
        epsilon: added to the deviation of the ranks.
    """

    judge: Literal["return", "duel"] = "return"
    topology: Literal["elimination", "anchor", "round_robin"] = "elimination"
    byes: Literal["top", "released"] = "top"
    ties: Literal["mean", "order"] = "mean"
    epsilon: NonNegative = 1e-6

    @property
    def needs(self) -> tuple[str, ...]:
        """The columns that these options call for."""
        return ("duel",) if self.judge == "duel" else ()


@register(
    "arenarl",
    kind="advantage",
    paper="arXiv:2601.06487",
    evidence="code",
    cost="2 (n - 1) judged comparisons per group",
    columns={"duel": ("E", "M")},
)
def arenarl(batch: StepBatch, cfg: ArenaRLConfig) -> Advantages:
    """Normalised rank of the episode in a seeded single-elimination tournament of its group.

    All play the first episode of the group; its own seed is the mean of its scores. Seeds fill a bracket (first against
    last) whose first-named wins ties. The rank is by round lost, then by mean score over all its comparisons, then by
    place in the bracket; the reward is 1 - rank / (n - 1) and A its GRPO normalisation. A group of one gets 0.

    The paper's judge is a language model. Ours is the return unless `duel` was recorded: float [E, M], the score of the
    episode when compared with the m-th episode of its group, NaN where nobody asked. A judge tells even equals apart,
    so that a group of equals gets advantages that are noise; only `ties` of returns are known. `parts` holds reward.
    """
    bins, size = groups(batch)
    players = batch.include.nonzero()[:, 0]
    arena = Segments.of(bins.index_select(0, players), size)
    quality = (episode_returns(batch).index_select(0, players) / ZERO_SPREAD).round()
    judge = _by_quality(quality) if cfg.judge == "return" else _by_duel(batch, players)
    opening = _seed(arena, judge)
    if cfg.topology == "elimination":
        rank = _eliminate(arena, judge, opening, cfg.byes)
    elif cfg.topology == "anchor" or cfg.judge == "return":  # a judge without error needs no second look
        rank = ranks(arena, -opening)
    else:
        rank = ranks(arena, -_mean_duel(batch, players))
    last = (arena.count - 1).clamp(min=1)
    reward = bins.new_zeros(len(bins), dtype=torch.float64)
    earned = 1.0 - rank.double() / arena.spread(last)
    if cfg.judge == "return" and cfg.ties == "mean":
        earned = shared(arena, quality, earned)
    reward[players] = earned
    row = rows_of(batch, reward)
    value = Scores.of(batch, row, bins, size, over="episode").normalised(
        scale="std", single="zero", epsilon=cfg.epsilon
    )
    return per_step(batch, value, reward=row)


def _by_quality(quality: Tensor) -> Judge:
    return lambda left, right: (quality[left], quality[right])


def _seats(batch: StepBatch, duel: Tensor) -> Tensor:
    """Return int64 [E], the place of each episode in its group: its column of `duel`."""
    seat = ranks(Segments.of(batch.group, batch.num_groups), torch.zeros_like(batch.group))
    if int(seat.max()) >= duel.shape[1]:
        raise InvalidBatch(f"column 'duel' has {duel.shape[1]} columns, expected one per member: {int(seat.max()) + 1}")
    return seat


def _by_duel(batch: StepBatch, players: Tensor) -> Judge:
    """Return the judge that looks up column `duel`; it raises `InvalidBatch` for a comparison that is not there."""
    duel = batch.require("duel", "arenarl").double()
    seat = _seats(batch, duel)

    def judge(left: Tensor, right: Tensor) -> tuple[Tensor, Tensor]:
        one, other = players[left], players[right]
        scores = duel[one, seat[other]], duel[other, seat[one]]
        missing = scores[0].isnan() | scores[1].isnan()
        if bool(missing.any()):
            at = int(missing.long().argmax())
            raise InvalidBatch(f"column 'duel' lacks the comparison of episodes {int(one[at])} and {int(other[at])}")
        return scores

    return judge


def _mean_duel(batch: StepBatch, players: Tensor) -> Tensor:
    """Return float64 [N], the mean score of each player against all others of its group."""
    duel = batch.require("duel", "arenarl").double()
    seat, group = _seats(batch, duel)[players], batch.group[players]
    seated = torch.zeros(batch.num_groups, duel.shape[1], dtype=torch.bool, device=duel.device)
    seated[group, seat] = True
    rivals = seated[group]
    rivals[torch.arange(len(players), device=duel.device), seat] = False
    total = duel[players].masked_fill(~rivals, 0.0).sum(1)
    if bool(total.isnan().any()):
        raise InvalidBatch("column 'duel' lacks comparisons; topology='round_robin' needs every pair")
    return total / rivals.sum(1).clamp(min=1)


def _seed(arena: Segments, judge: Judge) -> Tensor:
    """Return float64 [N], the score of each player against the first one of its group, who gets the mean of its own."""
    number = torch.arange(len(arena.ids), device=arena.ids.device)
    first = number.new_zeros(arena.size).scatter_reduce_(0, arena.ids, number, "amin", include_self=False)
    rivals = (number != arena.spread(first)).nonzero()[:, 0]
    group = arena.ids[rivals]
    theirs, own = judge(rivals, first[group])
    met = Segments.of(group, arena.size)
    opening = torch.zeros_like(number, dtype=torch.float64).index_copy(0, rivals, theirs)
    return opening.index_copy(0, first[met.count > 0], met.mean(own)[met.count > 0])


def _bracket(arena: Segments, seed: Tensor, byes: str) -> tuple[Tensor, Tensor]:
    """Return the places of each group's bracket (int64 [groups]) and who holds them, group by group; -1: nobody."""
    power = (arena.count > 0).long()
    while bool((power < arena.count).any()):
        power = torch.where(power < arena.count, 2 * power, power)
    place, unit, own = torch.zeros_like(seed), torch.ones_like(seed), arena.spread(power)
    half = int(power.max()) // 2
    while half:  # a bracket of 2 half places puts seed 2 half - 1 - i next to seed i
        far = (half < own) & (seed >= half)
        place = place + unit * far
        seed = torch.where(far, 2 * half - 1 - seed, seed)
        unit = torch.where(half < own, 2 * unit, unit)
        half //= 2
    size = power
    if byes == "released":
        place, size = ranks(arena, place), arena.count
    holders = seed.new_full((int(size.sum()),), -1)
    holders[arena.spread(size.cumsum(0) - size) + place] = torch.arange(len(seed), device=seed.device)
    return size, holders


def _eliminate(arena: Segments, judge: Judge, opening: Tensor, byes: str) -> Tensor:
    """Return int64 [N], the final rank of each player, 0 for the winner. One pass per round, all groups at once."""
    size, holders = _bracket(arena, ranks(arena, -opening), byes)
    ahead, played = torch.zeros_like(opening), torch.ones_like(opening)  # summed score above the opening one
    lost, pair = torch.full_like(arena.ids, len(opening)), torch.zeros_like(arena.ids)
    number = 0
    while int(size.max()) > 1:
        pairs, odd, begin = size // 2, size % 2, size.cumsum(0) - size
        group = torch.repeat_interleave(torch.arange(len(size), device=size.device), pairs)
        place = torch.arange(len(group), device=size.device) - (pairs.cumsum(0) - pairs)[group]
        left = holders[begin[group] + 2 * place]
        right = holders[begin[group] + 2 * place + 1]
        real = (right >= 0).nonzero()[:, 0]  # an empty place is always on the right
        one, other = left[real], right[real]
        first, second = judge(one, other)
        for player, score in ((one, first), (other, second)):
            ahead[player] += score - opening[player]
            played[player] += 1.0
        upset = first < second
        loser = torch.where(upset, one, other)
        lost[loser], pair[loser] = number, real
        winner = left.index_copy(0, real, torch.where(upset, other, one))

        following = pairs + odd
        start = following.cumsum(0) - following
        through = holders.new_empty(int(following.sum()))
        through[start[group] + odd[group] + place] = winner
        alone = odd.nonzero()[:, 0]
        through[start[alone]] = holders[begin[alone] + size[alone] - 1]
        size, holders, number = following, through, number + 1
    return places(arena, sorted_by(arena.ids, -lost, -(opening + ahead / played), pair))
