"""Figures of credit methods that need no language model: where their rows come from, who draws them, and captions.

All are made from scratch in seconds. What is committed under `baselines/<method>/figures/` is what they gave.
"""

from __future__ import annotations

import importlib
import importlib.util
from collections.abc import Callable, Mapping
from functools import partial
from typing import Any, NamedTuple

import pandas as pd
from matplotlib.figure import Figure

from envbench.errors import MissingExtra
from envbench.report import credit_plots, credit_plots_agentic


class Source(NamedTuple):
    """A function of `envbench.studies` that returns rows, and what it is called with."""

    module: str
    function: str
    options: Mapping[str, Any] = {}


class CreditFigure(NamedTuple):
    """A figure.

    Attributes:
        method: the folder of `baselines/` that holds what was committed.
        about: one line.
        draw: from the table and the caption.
        caption: what was computed, from how much; printed below the panels.
        sources: by part of the table; one alone makes a table without the column `part`.
    """

    method: str
    about: str
    draw: Callable[[pd.DataFrame, str], Figure]
    caption: str
    sources: Mapping[str, Source]

    def table(self) -> pd.DataFrame:
        """Compute the table.

        Raises:
            MissingExtra: without torch, which the methods need.
        """
        if importlib.util.find_spec("torch") is None:
            raise MissingExtra("computing credit", "train", "torch")
        frames = []
        for part, source in self.sources.items():
            module = importlib.import_module(f"envbench.studies.{source.module}")
            frame = pd.DataFrame(getattr(module, source.function)(**source.options))
            if len(self.sources) > 1:
                frame.insert(0, "part", part)
            frames.append(frame)
        return pd.concat(frames).round(DIGITS)

    def figure(self, table: pd.DataFrame) -> Figure:
        """Draw the table."""
        return self.draw(table, self.caption)


DPI = 140  # keeps a PNG below 150 kB
DIGITS = 6  # decimals of the tables; what differs between machines is far behind them

_agentic = partial(Source, "credit_agentic")
_group = partial(Source, "credit_optimisation")
_trained = partial(Source, "credit_training")
FIGURES: Mapping[str, CreditFigure] = {
    "sign-flips": CreditFigure(
        "mc_grpo",
        "MC-GRPO: how often a baseline gives samples the wrong sign, by group size",
        credit_plots.sign_flips,
        """Simulated rewards, 4,000 groups for each point; a sign is wrong where it differs from that of reward minus
        the law's true mean. Composite p: Bernoulli(p) + 0.5 Bernoulli(0.7). Skewed, the counter-example: Bernoulli(0.3)
        + U(0, 0.3), whose median is not its mean. Binary rewards give no wrong sign with either baseline. Bars: 95
        %.""",
        {"": _group("mc_grpo_sign_flips")},
    ),
    "v05-error": CreditFigure(
        "v05",
        "V_0.5: exact error of the fused baseline, by success rate and error of the prior",
        credit_plots.v05_error,
        """Exact, by enumeration of all outcomes of n binary rollouts; nothing is sampled. Priors are held within 0 and
        1. How prior and mean are weighed is our derivation (no code is public). The counter-example: from n = 4 on, a
        prior that is 0.3 off makes the fused baseline worse than the plain mean at most rates.""",
        {"": _group("v05_error_over_priors")},
    ),
    "signal-share": CreditFigure(
        "ngrpo",
        "which groups say anything: GRPO, NGRPO, A-GRAE, COPO, V_0.5 by success rate",
        credit_plots.signal_share,
        """Exact, by enumeration of the outcomes of 8 binary rollouts; nothing is sampled. A-GRAE reads the mean reward
        of the batch (0.2 and 0.8 here); it weighs groups and rescues none, so its shares are GRPO's. COPO: all
        successes give one answer, all failures another. V_0.5 is given the true rate as prior.""",
        {"": _group("signal_share", {"sizes": (8,)})},
    ),
    "rank-bias": CreditFigure(
        "unlikeliness",
        "Rewarding the Unlikely: whose log-probability rises in an update, and what that is worth",
        credit_plots.rank_bias,
        """Left: simulated, 2,000 problems of 32 samples from a softmax over 64 answers, every other one right; exact
        gradients of the clipped loss; bars 95 %. The simulation is ours. Counter-examples: GRPO with 4 epochs has
        little of the bias left, and beta 0.25 with 2 turns it round. Right: exact, (1 - p)^N - (1 - 1.1 p)^N.""",
        {
            "rank": _group("rank_bias", {"problems": 2000}),
            "uplift": _group(
                "pass_uplift", {"rates": [2.0**-k for k in (1, 3, 5, 7, 9)], "sizes": [2**k for k in range(10)]}
            ),
        },
    ),
    "pass-at-k": CreditFigure(
        "ngrpo",
        "pass@k of tables trained with GRPO, NGRPO, A-GRAE and unlikeliness",
        credit_plots.pass_at_k,
        """Trained: 400 problems, each a softmax of its own over 64 answers, 4 of them right; 8 samples each per update,
        advantages of equal size (RMS 1), exact gradient steps; pass@k is exact. Nothing carries over between problems,
        so this says nothing about language models. No method beats GRPO here. Bars and band (GRPO's): 95 %.""",
        {"": _trained("pass_at_k_frontier")},
    ),
    "spo-value-error": CreditFigure(
        "spo_chain",
        "SPO: error of segment advantages by continuations and interval, chains and trees",
        credit_plots_agentic.spo_value_error,
        """Played on 4 Sokoban tasks of at most 20 steps, every situation enumerated, softmax policy of exact success
        0.5; 64 groups for each point. Every step is a token that may be cut. Left: all steps, against Q - V. Right: the
        first two segments, against exact segment advantages (a tree's last segment runs to the end). Bars: 95 %.""",
        {"": _agentic("spo_value_error")},
    ),
    "hdpo-trade-off": CreditFigure(
        "hdpo",
        "HDPO: success against tool calls, beside one mixed reward, with the paper's ablation",
        credit_plots.hdpo_trade_off,
        """Left: simulated, a softmax over 0 to 3 calls for each of 4 kinds of tasks that the policy tells apart, 120
        updates of 32 groups of 16; exact success and calls of the final policy, mean of 3 seeds, bars 95 %. The
        differences between HDPO and a small penalty are tenths of a point. Right: reported in the paper, no
        intervals.""",
        {"": _trained("hdpo_trade_off")},
    ),
    "arena-topologies": CreditFigure(
        "arenarl",
        "ArenaRL: how well tournaments rank, by comparisons and the judge's noise",
        credit_plots.arena_topologies,
        """Simulated: 400 groups of 16, logistic qualities; the judge scores both sides, prefers i to j with probability
        sigmoid((q_i - q_j) / noise), and keeps to it. Swiss and double elimination are played without seeding. Right,
        the counter-example: among equals there is nothing to find, and ranks hand out as much advantage as ever. Bars:
        95 %.""",
        {"": _group("arena_topologies", {"groups": 400})},
    ),
    "step-group-sizes": CreditFigure(
        "gigpo",
        "GiGPO: how many steps meet in one anchor state, by environment and skill",
        credit_plots_agentic.step_group_sizes,
        """Played: 32 training tasks, 8 episodes each, by the oracle with a random action at rate eps (success in
        brackets). A step alone in its step group has step advantage 0 (bars: 95 % over tasks); in brackets on the
        right, steps whose larger group is one episode's own loop. FrozenLake does not slip here; WebShop is the
        built-in one.""",
        {"": _agentic("step_group_sizes")},
    ),
    "slate-variance": CreditFigure(
        "truncated_step",
        "SLATE: variance of step advantages against whole episodes, and what the step's mark leaves out",
        credit_plots_agentic.slate_variance,
        """Exact, in tabular worlds of two situations and two actions, k = 4 candidates; nothing is sampled. The
        abstract's claim, a factor of up to T, is what independent steps give. Counter-examples: lasting mistakes
        (more), mistakes that mend themselves (less), and tempting actions, whose marks are high although they cost more
        later.""",
        {"": _agentic("slate_variance")},
    ),
    "tree-leaves": CreditFigure(
        "tree_grpo",
        "Tree-GRPO: leaves that a budget buys, and the independent episodes that they are worth",
        credit_plots_agentic.tree_leaves,
        """Played on 4 Sokoban tasks of at most 20 steps, softmax policy of exact success 0.5; 300 groups for each shape
        of M chains and L rounds of N branches. Worth: exact variance of one return over the squared error of the
        leaves' mean return. The counter-example is on the right: leaves of one tree share their beginnings, and for
        estimating the value chains are the better buy. Bars: 95 %.""",
        {"": _agentic("tree_leaves")},
    ),
    "branching-chance": CreditFigure(
        "entropy_branching",
        "ARPO: how often the sampler branches, by rise of the entropy",
        credit_plots_agentic.branching_chance,
        """Simulated: 4,000 steps for each point; entropies are set, not a model's. Code: clip(0.5 + 0.2 dH, 0, 1), the
        pale line. Paper's rule: branch where 0.5 + 0.2 dH > 0.5 (alpha = 0.5 is ours). Control: at random. Bars: 95
        %.""",
        {"": _agentic("branching_chance")},
    ),
}
