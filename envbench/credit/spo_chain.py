"""SPO-chain (arXiv:2505.23564): segments between uncertain tokens, valued by continuations from their cuts."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Annotated

import torch

from envbench.credit.kernels import discounted_returns
from envbench.credit.kernels_optimisation import per_token, rows_of_tokens, starts, token_episodes
from envbench.credit.options import Discount, Interval, Options
from envbench.credit.registry import register
from envbench.types import Advantages, StepBatch


@dataclass(frozen=True, slots=True)
class SPOChainConfig(Options):
    """Options of SPO-chain.

    Attributes:
        interval: every how many uncertain tokens a cut is made.
        threshold: a token of lower probability is uncertain; one of higher probability is masked.
        mask: set certain tokens to advantage 0 and weight 0 (the paper's probability mask).
    """

    interval: Annotated[int, Interval(1, 10**9)] = 5
    threshold: Discount = 0.9
    mask: bool = True


@register(
    "spo_chain",
    kind="advantage",
    level="token",
    paper="arXiv:2505.23564",
    evidence="code",
    needs=("logprob", "token_value"),
    cost="K = 9 continuations from every cut",
)
def spo_chain(batch: StepBatch, cfg: SPOChainConfig) -> Advantages:
    """Difference of the values at the two ends of a token's segment.

    Cuts lie before every `interval`-th token of an episode whose probability was below the threshold. `token_value` is
    the mean return of the continuations from before the token, read at cuts alone. A_k = V_{k+1} - V_k, plus the
    rewards received in between (0 in the paper, whose reward comes last); the value of the end is 0, so the last
    segment gets outcome - V. Tokens before the first cut have no base value: 0. `parts` holds the unmasked value.
    """
    episodes = token_episodes(batch, "spo_chain")
    probability = batch.require("logprob", "spo_chain").double().exp()
    value = batch.require("token_value", "spo_chain").double()
    uncertain = probability < cfg.threshold
    before = torch.cumsum(uncertain, 0) - uncertain.long()
    first = starts(episodes).clamp(max=max(len(before) - 1, 0))
    cuts = uncertain & ((before - episodes.spread(before.index_select(0, first))) % cfg.interval == 0)
    segment = torch.cumsum(cuts, 0) - 1
    if not bool(cuts.any()):
        advantage = torch.zeros_like(value)
    else:
        ahead = rows_of_tokens(batch, discounted_returns(batch, 1.0), "spo_chain")
        place = (value - ahead)[cuts]  # differences of it hold the rewards received in between; 0 at the end
        episode = episodes.ids[cuts]
        closes = episode != episode.roll(-1)
        closes[-1] = True
        gain = place.roll(-1).masked_fill(closes, 0.0) - place
        segment = segment.clamp(min=0)
        based = (episode.index_select(0, segment) == episodes.ids) & (torch.cumsum(cuts, 0) > 0)
        advantage = gain.index_select(0, segment).masked_fill(~based, 0.0)
    certain = (probability > cfg.threshold) & cfg.mask
    result = per_token(batch, "spo_chain", advantage.masked_fill(certain, 0.0), segment=advantage)
    return result if result.weight is None else replace(result, weight=result.weight.masked_fill(certain, 0.0))
