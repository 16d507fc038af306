"""The episodes that methods are judged on: one pool of large groups, from which smaller ones are taken, nested."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np

from envbench.env import Env
from envbench.fidelity.mdp import Ints, Mdp
from envbench.policies.tabular import TabularPolicy
from envbench.rollout.parts import EPISODES, ROWS
from envbench.rollout.record import Rollout

_NEVER = -700.0  # logit of an action that is never taken


def nested(pool: Rollout, size: int) -> Rollout:
    """Return the first `size` members of each group, with all their rows; branches go with their member."""
    kept = pool.member % pool.members.size < size
    rows = kept[pool.episode]
    number = np.cumsum(kept) - 1
    place = pool.place[rows] if isinstance(pool.place, np.ndarray) else _chosen(pool.place, rows)
    columns = {name: getattr(pool, name)[rows] for name in ROWS if name != "place"}
    columns.update({name: getattr(pool, name)[kept] for name in EPISODES})
    parent = pool.parent[kept]
    return replace(
        pool,
        episode=number[pool.episode[rows]],
        parent=np.where(parent < 0, -1, number[np.maximum(parent, 0)]),
        place=place,
        groups=(),
        filled={},
        **columns,
    )


def _chosen(values: list[Any], rows: np.ndarray[Any, np.dtype[np.bool_]]) -> list[Any]:
    return [values[row] for row in np.flatnonzero(rows).tolist()] if values else values


def edges(rollout: Rollout, mdp: Mdp) -> Ints:
    """Return int64 [S], the edge of the enumeration that each row took."""
    anchors, place = np.unique(rollout.anchor, return_inverse=True)
    nodes = np.array([mdp.node_of[rollout.ids.texts[anchor]] for anchor in anchors.tolist()])
    return np.asarray(mdp.first[nodes][place] + rollout.choice)


class OraclePolicy(TabularPolicy):
    """Takes the oracle's action, and at rate `epsilon` one of the valid actions at random.

    A situation is asked about when it is first met, so the collector must stand in it then: a `StepCollector` on the
    environment that is given here does.

    Args:
        env: that is played.
        epsilon: in [0, 1].
    """

    def __init__(self, env: Env[Any], epsilon: float) -> None:
        super().__init__("anchor")
        self._env, self._epsilon = env, epsilon

    def row(self, key: str, actions: Any) -> int:
        """Return the number of a situation; the oracle is asked where it is new."""
        known = len(self._rows)
        number = super().row(key, actions)
        if number == known:
            best = self._env.oracle()
            chance = dict.fromkeys(actions, self._epsilon / len(actions) if best in actions else 1.0 / len(actions))
            if best in chance:
                chance[best] += 1.0 - self._epsilon
            logits = {action: float(np.log(one)) if one > 0.0 else _NEVER for action, one in chance.items()}
            self.load({"key": "anchor", "logits": {key: logits}})
        return number
