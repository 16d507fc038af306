"""Every situation that some tasks can lead to, found by restoring a snapshot and trying each valid action.

Situations are told apart by anchor: what decides rewards and valid actions as the player may know them. The search is
breadth-first, task by task, so what it holds at any time is hashes and transitions, and snapshots of the frontier
alone. It can be stopped and taken up again (`dump`, `load`).
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Sequence
from typing import Any

import msgspec
import numpy as np

from envbench.env import Env
from envbench.errors import DataCorrupt, InvalidValue
from envbench.fidelity.mdp import Mdp
from envbench.rollout.transitions import arrivals
from envbench.seeding import derive_seed
from envbench.types import Task

MOST_NODES = 200_000
VERSION = 1


class Enumeration:
    """A search under way.

    Args:
        env: unwrapped, made with `max_steps=None`: the clock belongs to the horizon, not to the situations.
        depth: steps of an episode: what is met no sooner than that is not tried out. None where everything is finite.
        limit: most nodes.

    Raises:
        InvalidValue: for an environment with a limit.
    """

    def __init__(self, env: Env[Any], depth: int | None, limit: int = MOST_NODES) -> None:
        if env.max_steps is not None:
            raise InvalidValue("situations are enumerated without a clock: make the environment with max_steps=None")
        self._env, self._depth, self._limit = env, depth, limit
        self._anchors: list[str] = []
        self._actions: list[tuple[str, ...]] = []
        self._edges: list[list[list[tuple[float, int, float, bool, bool]]]] = []  # node, action, outcome
        self._number: dict[str, int] = {}
        self._roots: dict[str, int] = {}
        self._frontier: deque[tuple[int, int, bytes]] = deque()  # node, steps to it, snapshot

    @property
    def nodes(self) -> int:
        """Situations found so far."""
        return len(self._anchors)

    @property
    def frontier(self) -> int:
        """Situations found and not yet tried out."""
        return len(self._frontier)

    def add(self, task: Task) -> None:
        """Start from one more task.

        Raises:
            InvalidValue: when its start depends on the noise.
        """
        starts = []
        for trial in range(2):
            _, info = self._env.reset(seed=derive_seed(trial, "root"), options={"task": task.id})
            starts.append(self._node(info, 0, over=False))
        if starts[0] != starts[1]:
            raise InvalidValue(
                f"{task.id} starts in a random state, which cannot be enumerated; use truth='monte-carlo'"
            )
        self._roots[task.id] = starts[0]

    def run(self, on_progress: Callable[[int, int], None] | None = None, most: int | None = None) -> bool:
        """Try out the frontier until nothing new is found; True when all is known.

        Args:
            on_progress: called with the numbers of situations found and waiting, every thousandth one.
            most: situations to try out in this call; all by default.

        Raises:
            InvalidValue: when the bound is passed; it says how far the search came and what to lower.
        """
        tried = 0
        while self._frontier and (most is None or tried < most):
            self._expand(*self._frontier[0])
            self._frontier.popleft()
            tried += 1
            if on_progress is not None and tried % 1000 == 0:
                on_progress(self.nodes, self.frontier)
        return not self._frontier

    def _expand(self, node: int, steps: int, snapshot: bytes) -> None:
        found = []
        for action in self._actions[node]:
            outcomes = []
            for _, probability, reward, terminated, info in arrivals(self._env, snapshot, action):
                target = self._node(info, steps + 1, over=terminated)
                outcomes.append((probability, target, reward, terminated, bool(info["success"])))
            found.append(outcomes)
        self._edges[node] = found

    def _node(self, info: dict[str, Any], steps: int, over: bool) -> int:
        """Return the node of the environment as it stands; a new one waits in the frontier."""
        anchor = info["anchor_hash"] + ("/over" if over else "")
        known = self._number.get(anchor)
        if known is not None:
            return known
        actions = () if over or steps == self._depth else info["valid_actions"]
        if actions is None:
            raise InvalidValue(
                f"{self._env.family} has no finite list of valid actions here, so it cannot be enumerated; "
                "use truth='monte-carlo'"
            )
        if self.nodes >= self._limit:
            done = self.nodes - self.frontier
            raise InvalidValue(
                f"{self._env.family} has more than {self._limit} situations on these {len(self._roots) or 1} tasks "
                f"({done} tried out, {self.frontier} waiting): use fewer or smaller tasks, or truth='monte-carlo'"
            )
        number = self._number[anchor] = self.nodes
        self._anchors.append(anchor)
        self._actions.append(actions)
        self._edges.append([])
        if actions:
            self._frontier.append((number, steps, self._env.snapshot()))
        return number

    def mdp(self) -> Mdp:
        """Return what was found.

        Raises:
            InvalidValue: while situations wait to be tried out.
        """
        if self._frontier:
            raise InvalidValue(f"{self.frontier} situations were not tried out yet; call run() until it returns True")
        edges = [outcomes for node in self._edges for outcomes in node]
        branches = [branch for outcomes in edges for branch in outcomes]
        probability, target, reward, terminated, success = zip(*branches, strict=True) if branches else ([],) * 5
        return Mdp(
            anchors=tuple(self._anchors),
            actions=tuple(self._actions),
            tasks=tuple(self._roots),
            roots=np.array(list(self._roots.values()), np.int64),
            first=_offsets([len(node) for node in self._edges]),
            opens=_offsets([len(outcomes) for outcomes in edges]),
            probability=np.array(probability, np.float64),
            target=np.array(target, np.int64),
            reward=np.array(reward, np.float64),
            terminated=np.array(terminated, np.bool_),
            success=np.array(success, np.bool_),
        )

    def dump(self) -> bytes:
        """Return the search as it stands, for `load`."""
        return msgspec.msgpack.encode(
            [VERSION, self._anchors, self._actions, self._edges, self._roots, list(self._frontier)]
        )

    def load(self, data: bytes) -> None:
        """Go on from `dump()`.

        Raises:
            DataCorrupt: for other bytes.
        """
        try:
            stored = msgspec.msgpack.decode(data, type=_Stored)
        except (msgspec.DecodeError, msgspec.ValidationError) as error:
            raise DataCorrupt(f"this is no enumeration ({error}); remove the file and start again") from None
        self._anchors, self._actions, self._edges = stored.anchors, stored.actions, stored.edges
        self._roots, self._frontier = stored.roots, deque(stored.frontier)
        self._number = {anchor: number for number, anchor in enumerate(self._anchors)}


class _Stored(msgspec.Struct, array_like=True):
    version: int
    anchors: list[str]
    actions: list[tuple[str, ...]]
    edges: list[list[list[tuple[float, int, float, bool, bool]]]]
    roots: dict[str, int]
    frontier: list[tuple[int, int, bytes]]


def _offsets(counts: list[int]) -> np.ndarray[Any, np.dtype[np.int64]]:
    return np.concatenate([[0], np.cumsum(counts)]).astype(np.int64)


def enumerate_tasks(env: Env[Any], tasks: Sequence[Task], depth: int | None, limit: int = MOST_NODES) -> Mdp:
    """Return everything that can happen on `tasks`; see `Enumeration`."""
    search = Enumeration(env, depth, limit)
    for task in tasks:
        search.add(task)
    search.run()
    return search.mdp()
