"""A softmax over the valid actions, one table entry per (key, action): the exact and fast learner."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Literal, TypeAlias, get_args

import numpy as np
from numpy.typing import NDArray

from envbench.errors import InvalidValue, UnknownName
from envbench.hashing import digest

Key: TypeAlias = Literal["anchor", "observation", "history"]
Floats: TypeAlias = NDArray[np.float64]
Ints: TypeAlias = NDArray[np.int64]

KEYS: tuple[str, ...] = get_args(Key)

_PADDING = 0  # the slot behind a row's last action: its logit is -inf, its probability 0


class TabularPolicy:
    """pi(a | situation) = exp(logit[key, a]) / sum over the situation's valid actions b of exp(logit[key, b]).

    A situation is a key with a tuple of valid actions; it is known by its number (`row`), so that everything below
    works on arrays. Logits start at 0 and belong to (key, action): two situations with one key and other valid actions
    share those of the actions that they have in common. The table knows nothing of a key that it never met, so what
    it learns says nothing about other tasks.

    Args:
        key: what situations are told apart by: `anchor` hash, `observation` hash, or `history`, the digest of all
            observation hashes and actions so far (`history_key`).
    """

    def __init__(self, key: Key = "anchor") -> None:
        if key not in KEYS:
            raise UnknownName("policy key", key, KEYS)
        self.key: Key = key
        self._rows: dict[tuple[str, tuple[str, ...]], int] = {}
        self._situations: list[tuple[str, tuple[str, ...]]] = []
        self._slots: dict[str, dict[str, int]] = {}
        self._table: Ints = np.zeros((64, 4), np.int64)  # [rows, widest situation], slots
        self._counts: Ints = np.zeros(64, np.int64)  # [rows], valid actions
        self._logits: Floats = np.zeros(256)
        self._logits[_PADDING] = -np.inf
        self._size = 1  # slots in use
        # [widest situation, rows], running sums of exp(logit), of the rows met since the last update
        self._sums: Floats = np.zeros((4, 64))
        self._summed = np.zeros(64, np.bool_)

    def row(self, key: str, actions: Sequence[str]) -> int:
        """Return the number of a situation, a new one if it is met for the first time.

        Raises:
            InvalidValue: for a situation without actions.
        """
        situation = (key, tuple(actions))
        known = self._rows.get(situation)
        if known is not None:
            return known
        if not actions:
            raise InvalidValue("a tabular policy needs a finite, non-empty list of valid actions; use another policy")
        number = self._rows[situation] = len(self._rows)
        if number == len(self._counts) or len(actions) > self._table.shape[1]:
            full = number == len(self._counts)
            self._widen(len(self._counts) * (2 if full else 1), max(len(actions), self._table.shape[1]))
        self._table[number, : len(actions)] = [self._slot(key, action) for action in actions]
        self._counts[number] = len(actions)
        return number

    def _widen(self, rows: int, width: int) -> None:
        table, counts = np.full((rows, width), _PADDING, np.int64), np.zeros(rows, np.int64)
        table[: len(self._table), : self._table.shape[1]] = self._table
        counts[: len(self._counts)] = self._counts
        self._table, self._counts = table, counts
        self._sums, self._summed = np.zeros((width, rows)), np.zeros(rows, np.bool_)

    def _slot(self, key: str, action: str) -> int:
        slots = self._slots.setdefault(key, {})
        if action not in slots:
            if self._size == len(self._logits):
                self._logits = np.concatenate([self._logits, np.zeros(self._size)])
            slots[action] = self._size
            self._size += 1
        return slots[action]

    def situation(self, row: int) -> tuple[str, tuple[str, ...]]:
        """Return the key and the valid actions that `row` has numbered."""
        if len(self._situations) < len(self._rows):
            self._situations = list(self._rows)
        return self._situations[row]

    def counts(self, rows: Ints) -> Ints:
        """Return int64 [n], the number of valid actions of each situation."""
        counts: Ints = self._counts[rows]
        return counts

    def probabilities(self, rows: Ints) -> Floats:
        """Return float64 [n, width], the probability of each valid action in order; 0 behind the last one."""
        weights = self._weights(rows)
        weights /= weights.sum(axis=1, keepdims=True)
        return weights

    def _weights(self, rows: Ints) -> Floats:
        weights: Floats = self._logits[self._table[rows]]
        weights -= weights.max(axis=1, keepdims=True)
        np.exp(weights, out=weights)
        return weights

    def sample(self, rows: Ints, uniforms: Floats) -> Ints:
        """Return int64 [n], an action index for each situation by inversion of one uniform draw in [0, 1) each."""
        known = self._summed[rows]
        if not known.all():
            self._sum(rows[~known])
        cumulative = self._sums[:, rows]
        point = uniforms * cumulative[-1]
        choice: Ints = (cumulative <= point).sum(axis=0)
        np.minimum(choice, self._counts[rows] - 1, out=choice)  # rounding may carry the point to the total
        return choice

    def _sum(self, rows: Ints) -> None:
        self._sums[:, rows] = self._weights(rows).cumsum(axis=1).T
        self._summed[rows] = True

    def greedy(self, rows: Ints) -> Ints:
        """Return int64 [n], the index of the likeliest action; the first of equal ones."""
        best: Ints = self._logits[self._table[rows]].argmax(axis=1)
        return best

    def update(self, rows: Ints, choices: Ints, signal: Floats, learning_rate: float) -> None:
        """Take one step of exact gradient ascent on sum_i signal_i log pi(choice_i | row_i).

        logit[key, b] += learning_rate * sum_i signal_i (1[b = choice_i] - pi(b | row_i)), all at the old table.

        Args:
            rows: int64 [S], situations.
            choices: int64 [S], action indices taken there.
            signal: float64 [S], weight times advantage, already averaged as the caller wants it.
            learning_rate: plain step size; there is no momentum and no clipping.
        """
        gradient = self.probabilities(rows)
        gradient *= -signal[:, None]
        gradient[np.arange(len(rows)), choices] += signal
        slots = self._table[rows]
        # bincount adds up in the order of the rows, so that the numbering of the slots decides nothing.
        total = np.bincount(slots.ravel(), gradient.ravel(), minlength=self._size)
        self._logits[1 : self._size] += learning_rate * total[1:]
        self._summed[:] = False
        self._sum(np.unique(rows))  # at once, since most of them are met again

    def to_plain(self) -> dict[str, Any]:
        """Return the policy as plain data: `{"key": ..., "logits": {key: {action: logit}}}`."""
        logits = {
            key: {action: float(self._logits[slot]) for action, slot in slots.items()}
            for key, slots in self._slots.items()
        }
        return {"key": self.key, "logits": logits}

    def load(self, plain: Mapping[str, Any]) -> None:
        """Take over the logits that `to_plain` returned.

        Raises:
            InvalidValue: for a policy with another key.
        """
        if plain["key"] != self.key:
            raise InvalidValue(f"a policy on {plain['key']!r} cannot be loaded into one on {self.key!r}")
        for key, logits in plain["logits"].items():
            for action, logit in logits.items():
                slot = self._slot(key, action)
                self._logits[slot] = logit
        self._summed[:] = False

    @classmethod
    def from_plain(cls, plain: Mapping[str, Any]) -> TabularPolicy:
        """Return the policy that `to_plain` described."""
        policy = cls(plain["key"])
        policy.load(plain)
        return policy


def history_key(previous: str, action: str, observation: str) -> str:
    """Return the key of a history: the one before ("" at the start), the action ("") and the observation hash."""
    return digest(["history", previous, action, observation])
