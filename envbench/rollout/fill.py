"""Columns that a method asks for and no environment hands out, as a tabular agent can fill them honestly.

One table, column to producer. What a language model would say (its tokens, plans, tool calls) becomes what a tabular
policy does: one token for each step, the choice itself. Values come from a critic that has seen the iterations before
this one, or from continuations. What has no meaning here is refused (`REFUSED`).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, NamedTuple, TypeAlias

import numpy as np

from envbench.errors import MissingColumn
from envbench.rollout.critic import Critic
from envbench.rollout.record import RECORDED, Flags, Floats, Ints, Rollout
from envbench.rollout.values import COLUMNS, Forker, with_values


class Scene(NamedTuple):
    """What a producer reads: the rollout, the policy that played it, and what the critic knew before it.

    The policy is what the producers that are used know: a `TabularPolicy` here.
    """

    rollout: Rollout
    policy: Any
    critic: Critic


Producer: TypeAlias = Callable[[Scene], Any]

REFUSED = {
    "tool_match": "A tabular agent calls no tools with parameters; use recorded tool calls.",
    "call_step": "A tabular agent calls no tools with parameters; use recorded tool calls.",
    "unhinted_logprob": "Nobody gives a tabular agent hints.",
    "hidden": "A tabular policy has no hidden states.",
    "observation_text": "A tabular rollout keeps hashes of observations, not their text; group by key='observation'.",
}


def switch(scene: Scene) -> Flags:
    """Return bool [S]: the row opens a subgoal, which is whenever its anchor is new in the episode."""
    rollout = scene.rollout
    key = rollout.episode * (int(rollout.anchor.max()) + 1) + rollout.anchor
    opens = np.zeros(len(key), np.bool_)
    opens[np.unique(key, return_index=True)[1]] = True
    return opens


def subgoal(scene: Scene) -> Ints:
    """Return int64 [S], the anchor at which the row's subgoal was opened."""
    opened = np.maximum.accumulate(np.where(switch(scene), np.arange(len(scene.rollout.t)), 0))
    return scene.rollout.anchor[opened]


def executed(scene: Scene) -> Flags:
    """Return bool [S]: the action had an effect (another anchor, a reward, or the end of the task)."""
    rollout = scene.rollout
    ends = np.zeros(len(rollout.t), np.bool_)
    ends[rollout.last_rows] = rollout.terminated
    ends |= (rollout.anchor != rollout.next_anchor) | (rollout.reward != 0.0)
    return ends


def expected_score(scene: Scene) -> Floats:
    """Return float64 [S], the final score that the critic expects after the action; where the task ends, the score.

    An episode that was cut at the limit stands where it stands: its last row has the critic's word.
    """
    rollout = scene.rollout
    expected = scene.critic("score", rollout.next_anchor, rollout.ids)
    expected[rollout.last_rows[rollout.terminated]] = rollout.score[rollout.terminated]
    return expected


def step_score(scene: Scene) -> Floats:
    """Return float64 [S] in [0, 1], the judge's mark: (1 + the step's change of the expected score) / 2."""
    rollout = scene.rollout
    return (1.0 + expected_score(scene) - scene.critic("score", rollout.anchor, rollout.ids)) / 2.0


def _values(head: str) -> Producer:
    """Return the producer of the critic's values before the action, float64 [S]."""
    return lambda scene: scene.critic(head, scene.rollout.anchor, scene.rollout.ids)


def _last_values(head: str) -> Producer:
    """Return the producer of the critic's values after the last step, float64 [E]; 0 where the task is over."""

    def produce(scene: Scene) -> Floats:
        rollout = scene.rollout
        values = scene.critic(head, rollout.next_anchor[rollout.last_rows], rollout.ids)
        return np.where(rollout.terminated, 0.0, values)

    return produce


def token_value(scene: Scene) -> Floats:
    """Return float64 [L], the value of the step: of continuations where there are some, else the critic's."""
    values: Floats | None = scene.rollout.filled.get("value")
    return _values("return")(scene) if values is None else values


def prior(scene: Scene) -> Floats:
    """Return float64 [E], the return that the critic expects of the episode's task before it starts."""
    rollout = scene.rollout
    root = rollout.parent < 0
    start = np.zeros(int(rollout.member.max()) + 1, np.int64)
    start[rollout.member[root]] = rollout.anchor[rollout.first_rows[root]]
    return scene.critic("return", start[rollout.member], rollout.ids)


def _chosen(scene: Scene) -> Floats:
    rows = scene.rollout.row
    chosen: Floats = scene.policy.probabilities(rows)[np.arange(len(rows)), scene.rollout.choice]
    return chosen


def logprob(scene: Scene) -> Floats:
    """Return float64 [L], the log-probability of each choice under the policy that made it."""
    return np.log(np.maximum(_chosen(scene), np.finfo(np.float64).tiny))


def ref_logprob(scene: Scene) -> Floats:
    """Return float64 [L], the same under the policy that training begins with: uniform over the valid actions."""
    found: Floats = -np.log(scene.policy.counts(scene.rollout.row).astype(np.float64))
    return found


def entropy(scene: Scene) -> Floats:
    """Return float64 [L], the entropy of the policy where it chose, in nats."""
    probabilities = scene.policy.probabilities(scene.rollout.row)
    logarithms = np.log(np.where(probabilities > 0.0, probabilities, 1.0))
    total: Floats = -(probabilities * logarithms).sum(axis=1)
    return total


def probe_confidence(scene: Scene) -> Floats:
    """Return float64 [S], exp(-entropy) of the policy where the step leads; 1 where the task ends.

    The last row of an episode that was cut at the limit leads nowhere known: it has the confidence of its own choice.
    """
    rollout, here = scene.rollout, np.exp(-entropy(scene))
    after = np.append(here[1:], 1.0)
    after[rollout.last_rows] = np.where(rollout.terminated, 1.0, here[rollout.last_rows])
    return after


def _steps(scene: Scene) -> Ints:
    return np.arange(len(scene.rollout.t))


def _true(scene: Scene) -> Flags:
    return np.ones(len(scene.rollout.t), np.bool_)


def _zeros(scene: Scene) -> Ints:
    return np.zeros(len(scene.rollout.t), np.int64)


PRODUCERS: Mapping[str, Producer] = {
    "format_valid": _true,  # a tabular policy has no reply that could fail to parse
    "executed": executed,
    "player": _zeros,  # a single player
    "switch": switch,
    "subgoal": subgoal,
    "progress": expected_score,
    "step_score": step_score,
    "probe_accuracy": expected_score,  # the chance to end well, asked after the step
    "probe_confidence": probe_confidence,
    "value": _values("return"),
    "value_low": _values("return"),
    "value_high": _values("boundary"),
    "value_switch": _values("return"),
    "last_value": _last_values("return"),
    "last_value_low": _last_values("return"),
    "last_value_high": _last_values("boundary"),
    "prior": prior,
    "tool_calls": lambda scene: scene.rollout.branch_t + scene.rollout.lengths,  # steps
    "answer": lambda scene: scene.rollout.next_anchor[scene.rollout.last_rows],  # the state that the episode ends in
    "score_offset": lambda scene: np.zeros(len(scene.rollout.t)),  # shaping methods write it
    # One token for each step: the choice.
    "token_step": _steps,
    "token": lambda scene: scene.rollout.action,
    "token_role": lambda scene: np.ones(len(scene.rollout.t), np.int64),  # an action token
    "token_value": token_value,
    "token_reward": lambda scene: scene.rollout.reward,
    "logprob": logprob,
    "ref_logprob": ref_logprob,
    "entropy": entropy,
}

CONTINUED = ("success_rate",)  # filled by continuations alone, with `value` and `last_value`
_TOKENS = frozenset(("token", "token_role", "token_value", "token_reward", "logprob", "ref_logprob", "entropy"))
_CRITICS = frozenset(
    ("progress", "step_score", "probe_accuracy", "prior", *(name for name in PRODUCERS if "value" in name))
)


def check_columns(
    record: Mapping[str, str],
    continuations: int,
    producers: Mapping[str, Producer] = PRODUCERS,
    refused: Mapping[str, str] = REFUSED,
) -> None:
    """Raise `MissingColumn` for a column that no rollout can fill; the arguments are those of `Filler`."""
    for name, by in record.items():
        if name in CONTINUED and not continuations:
            raise MissingColumn(by, name, "Only continuations fill it: set continuations=8, for example.")
        if name not in (*RECORDED, *producers, *(COLUMNS if continuations else ())):
            raise MissingColumn(by, name, refused.get(name, "A rollout has nothing to fill it with."))


class Filler:
    """Fills the columns of the rollouts of a run, one iteration after the other.

    Args:
        record: columns to fill beside those that a batch has always, and who asks for each.
        policy: as it stands when `fill` is called; it must be the one that played.
        continuations: K of `with_values`, which then fills `value`, `last_value` and `success_rate`; 0 for none.
        producers: column to producer; those of a tabular policy by default.

    Raises:
        MissingColumn: for a column that a rollout cannot fill.
    """

    def __init__(
        self,
        record: Mapping[str, str],
        policy: Any,
        continuations: int = 0,
        producers: Mapping[str, Producer] = PRODUCERS,
    ) -> None:
        check_columns(record, continuations, producers)
        tokens = ("token_step",) if _TOKENS & set(record) else ()
        self.record = tuple(dict.fromkeys((*record, *tokens)))
        self._policy, self._continuations, self._critic = policy, continuations, Critic()
        self._producers = producers
        self._learns = bool(_CRITICS & set(record))

    def fill(self, rollout: Rollout, collector: Forker) -> Rollout:
        """Return the rollout with every column of the record.

        Args:
            rollout: of the policy as it stands.
            collector: as for `with_values`.
        """
        if self._continuations:
            rollout = with_values(rollout, collector, self._continuations)
        scene = Scene(rollout, self._policy, self._critic)
        made = {
            name: self._producers[name](scene)
            for name in self.record
            if name in self._producers and name not in rollout.filled
        }
        return rollout.with_columns(**made) if made else rollout

    def learn(self, rollout: Rollout) -> None:
        """Let the critic, where there is one, see an iteration that is over."""
        if self._learns:
            self._critic.learn(rollout, switch(Scene(rollout, self._policy, self._critic)))

    def state(self) -> dict[str, Any]:
        """Return what `load` needs to go on, as plain data."""
        return self._critic.to_plain() if self._learns else {}

    def load(self, state: Mapping[str, Any]) -> None:
        """Go on from a `state()`."""
        if self._learns:
            self._critic.load(state)
