"""Columns of rollouts that a language model played: its tokens as they were drawn, and what the model says of them.

What a tabular agent fills from its record or a running critic (`fill`) is filled here in the same way; what depends on
tokens, and the values of a critic with heads, is filled anew.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import NamedTuple, Protocol

import numpy as np
import torch

from envbench.rollout.fill import PRODUCERS, Producer, Scene
from envbench.rollout.record import Flags, Floats, Ints, Rollout
from envbench.rollout.table import Turn

# Column to the head of a critic that fills it, where continuations do not.
HEADS: Mapping[str, str] = {
    "value": "value",
    "token_value": "value",
    "value_low": "low",
    "value_high": "high",
    "value_switch": "switch",
}
ALWAYS = ("valid", "format_valid", "include", "token_step", "token", "logprob")  # of every batch


class Scores(NamedTuple):
    """What a model says of the tokens of rows.

    Attributes:
        logprob, entropy: float64 [L]. values: float64 [L], by head. hidden: float32 [L, H].
    """

    logprob: Floats
    entropy: Floats
    values: Mapping[str, Floats]
    hidden: torch.Tensor


class Pen(Protocol):
    """What wrote the replies, for producers."""

    def turns(self, rollout: Rollout) -> Sequence[Turn]:
        """Return the turn of each row."""
        ...

    def scores(self, rollout: Rollout) -> Scores:
        """Return what the model says of the rows' tokens now; found once a rollout."""
        ...

    def reference(self, rollout: Rollout) -> Floats:
        """Return float64 [L], log-probs under the model that training began with."""
        ...

    def calls(self, rollout: Rollout) -> Floats:
        """Return float64 [S, R]: how each row's action agrees with each action of the task's oracle."""
        ...


def _turns(scene: Scene) -> Sequence[Turn]:
    pen: Pen = scene.policy
    return pen.turns(scene.rollout)


def token_step(scene: Scene) -> Ints:
    """Return int64 [L], the row of each policy token."""
    return np.repeat(np.arange(len(scene.rollout.t)), [len(turn.reply) for turn in _turns(scene)])


def last_tokens(scene: Scene) -> Flags:
    """Return bool [L]: the token ends its row's reply."""
    step = token_step(scene)
    return np.append(step[1:] != step[:-1], True)


def first_tokens(scene: Scene) -> Ints:
    """Return int64 [S], the first token of each row."""
    counts = np.array([len(turn.reply) for turn in _turns(scene)])
    first: Ints = np.cumsum(counts) - counts
    return first


def include(scene: Scene) -> Flags:
    """Return bool [E]: the environment survived the episode."""
    rollout = scene.rollout
    failed = np.array([turn.failed for turn in _turns(scene)])
    survived: Flags = np.bincount(rollout.episode, failed, len(rollout.group)) == 0.0
    return survived


def token_reward(scene: Scene) -> Floats:
    """Return float64 [L], the step's reward at the last token of its reply, 0 before."""
    return np.where(last_tokens(scene), scene.rollout.reward[token_step(scene)], 0.0)


def token_value(scene: Scene) -> Floats:
    """Return float64 [L]: the step's value where continuations found it, else the critic's at each token."""
    found: Floats | None = scene.rollout.filled.get("value")
    return _scores(scene).values["value"] if found is None else found[token_step(scene)]


def probe_confidence(scene: Scene) -> Floats:
    """Return float64 [S], exp(-entropy per token) of the policy where the step leads; 1 where the task ends."""
    rollout, step = scene.rollout, token_step(scene)
    mean = np.bincount(step, _scores(scene).entropy, len(rollout.t)) / np.bincount(step, minlength=len(rollout.t))
    here = np.exp(-mean)
    after = np.append(here[1:], 1.0)
    after[rollout.last_rows] = np.where(rollout.terminated, 1.0, here[rollout.last_rows])
    return after


def _scores(scene: Scene) -> Scores:
    pen: Pen = scene.policy
    return pen.scores(scene.rollout)


def _head(name: str) -> Producer:
    """Return the producer of a head's value of each row, float64 [S]: at the state that its reply starts from."""
    return lambda scene: _scores(scene).values[name][first_tokens(scene)]


_LAST = "A model's critic reads prompts, and behind the last step none is written: use bootstrap='terminal'"

# Columns that a table fills and a language model does not, and why; `last_value` comes with continuations.
TURN_REFUSED: Mapping[str, str] = {
    "last_value": f"{_LAST}, or continuations=8.",
    "last_value_low": f"{_LAST}.",
    "last_value_high": f"{_LAST}.",
}

TURN_PRODUCERS: Mapping[str, Producer] = {
    **{name: made for name, made in PRODUCERS.items() if name not in TURN_REFUSED},
    "valid": lambda scene: np.array([turn.valid for turn in _turns(scene)]),
    "format_valid": lambda scene: np.array([turn.format_valid for turn in _turns(scene)]),
    "include": include,
    "value": _head("value"),
    "value_low": _head("low"),
    "value_high": _head("high"),
    "value_switch": _head("switch"),
    "probe_confidence": probe_confidence,
    "token_step": token_step,
    "token": lambda scene: np.array([id for turn in _turns(scene) for id in turn.reply]),
    "token_role": lambda scene: np.ones(len(token_step(scene)), np.int64),  # every token is of an action
    "token_value": token_value,
    "token_reward": token_reward,
    "logprob": lambda scene: np.array([one for turn in _turns(scene) for one in turn.logprobs]),
    "ref_logprob": lambda scene: scene.policy.reference(scene.rollout),
    "entropy": lambda scene: _scores(scene).entropy,
    "hidden": lambda scene: _scores(scene).hidden,
    # Every turn is one call of a tool, the environment; the reference is what the oracle does.
    "tool_match": lambda scene: scene.policy.calls(scene.rollout),
    "call_step": lambda scene: np.arange(len(scene.rollout.t)),
}
