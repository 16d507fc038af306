"""Losses as small pure functions on flat token tensors; each term is linear in the tokens' shares of the whole batch.

    share = shares(weight, rows, "token-mean")       # once per batch
    (share * clipped(ratio, advantage, cfg)).sum()   # per micro-batch: the parts add up to the loss of the batch

Axes: L policy tokens, S rows, P preference pairs. No function indexes with a tensor: backward of `x[index]` adds in any
order; `index_select` and `gather` do not (on CPU, at a fixed number of threads).
"""

from envbench.train.losses.aggregate import AGGREGATIONS, Aggregation, shares, token_advantage
from envbench.train.losses.divergence import entropy, kl
from envbench.train.losses.policy import PolicyLossConfig, clipped, log_ratio, policy_loss
from envbench.train.losses.preference import dpo, p3o, simpo, step_apo, w_dpo
from envbench.train.losses.value import heads_loss, value_loss

__all__ = [
    "AGGREGATIONS",
    "Aggregation",
    "PolicyLossConfig",
    "clipped",
    "dpo",
    "entropy",
    "heads_loss",
    "kl",
    "log_ratio",
    "p3o",
    "policy_loss",
    "shares",
    "simpo",
    "step_apo",
    "token_advantage",
    "value_loss",
    "w_dpo",
]
