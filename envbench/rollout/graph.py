"""The transitions of an environment, each stepped once and remembered.

`state_hash` promises equal futures, so on a deterministic environment (state, action) decides what follows, and a
graph of what was seen stands in for the environment: nodes are situations, edges are actions, and an edge is filled
when somebody first takes it, by restoring a snapshot and stepping the real thing. Where transitions draw noise and
branch finitely, an edge holds the environment's own `outcomes`, and whoever walks the graph brings the draws. The clock
is no part of it: the environment underneath has no limit, the walker has.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from envbench.env import Env
from envbench.errors import InvalidValue
from envbench.hashing import encode
from envbench.rollout.record import Ids
from envbench.rollout.transitions import arrivals
from envbench.seeding import derive_seed
from envbench.types import Task


class Table:
    """Columns that grow together; each is an attribute, longer than `size` by its reserve."""

    def __init__(self, **dtypes: type) -> None:
        self._names = tuple(dtypes)
        self.size = 0
        for name, dtype in dtypes.items():
            setattr(self, name, np.zeros(1024, dtype))

    def append(self, *values: float) -> int:
        """Add a row, values in the order of the columns, and return its number."""
        number = self.size
        if number == len(getattr(self, self._names[0])):
            for name in self._names:
                column = getattr(self, name)
                setattr(self, name, np.concatenate([column, np.zeros_like(column)]))
        for name, value in zip(self._names, values, strict=True):
            getattr(self, name)[number] = value
        self.size += 1
        return number


class Nodes(Table):
    """Situations: number of the first edge, then ids of the three keys.

    `anchor` and `state` come in useful as columns of a batch; equal ids mean equal hashes.
    """

    first: NDArray[np.int64]
    state: NDArray[np.int64]
    anchor: NDArray[np.int64]
    observation: NDArray[np.int64]

    def __init__(self) -> None:
        super().__init__(first=np.int64, state=np.int64, anchor=np.int64, observation=np.int64)


class Edges(Table):
    """Actions of a node: who owns it, id of the command, number of the first branch (-1: nobody went there yet)."""

    node: NDArray[np.int64]
    action: NDArray[np.int64]
    branch: NDArray[np.int64]

    def __init__(self) -> None:
        super().__init__(node=np.int64, action=np.int64, branch=np.int64)


class Branches(Table):
    """What an edge leads to, with the probability of it or a branch before it (inf for the last)."""

    cumulative: NDArray[np.float64]
    node: NDArray[np.int64]
    reward: NDArray[np.float64]
    score: NDArray[np.float64]
    success: NDArray[np.bool_]
    terminated: NDArray[np.bool_]

    def __init__(self) -> None:
        super().__init__(
            cumulative=np.float64, node=np.int64, reward=np.float64, score=np.float64, success=bool, terminated=bool
        )


class Place(NamedTuple):
    """What a node stands for: where the environment is put back to, and what the policy sees there."""

    snapshot: bytes
    actions: tuple[str, ...]
    anchor: str
    observation: str


class Graph:
    """Nodes, edges and branches of one environment, filled as they are met.

    Args:
        env: unwrapped, made with `max_steps=None`; the graph owns it.

    Raises:
        InvalidValue: for an environment with a limit.
    """

    def __init__(self, env: Env[Any]) -> None:
        if env.max_steps is not None:
            raise InvalidValue("a transition graph needs an environment without limit: make it with max_steps=None")
        self._env = env
        self.nodes, self.edges, self.branches = Nodes(), Edges(), Branches()
        self.places: list[Place] = []
        self._known: dict[tuple[str, bytes | str, str, bool], int] = {}
        self.ids = Ids()
        self._roots: dict[str, int] = {}

    @property
    def stochastic(self) -> bool:
        """Whether `branch` needs noise."""
        return self._env.stochastic

    def root(self, task: Task) -> int:
        """Return the node where `task` starts.

        Raises:
            InvalidValue: when the start depends on the noise.
        """
        if task.id not in self._roots:
            starts = []
            for trial in range(2):
                _, info = self._env.reset(seed=derive_seed(trial, "root"), options={"task": task.id})
                starts.append(self._node(info, over=False))
            if starts[0] != starts[1]:
                raise InvalidValue(
                    f"{task.id} starts in a random state, which no graph can hold; use collector='steps'"
                )
            self._roots[task.id] = starts[0]
        return self._roots[task.id]

    def branch(self, edges: NDArray[np.int64], noise: NDArray[np.float64] | None) -> NDArray[np.int64]:
        """Return int64 [n], the branch that each edge takes; edges that are new are filled first.

        Args:
            edges: int64 [n].
            noise: float64 [n], uniform in [0, 1); not needed where transitions are deterministic.
        """
        branch = self.edges.branch[edges]
        if (branch < 0).any():
            for edge in edges[branch < 0].tolist():
                if self.edges.branch[edge] < 0:
                    self._fill(edge)
            branch = self.edges.branch[edges]
        if noise is not None:
            while (later := noise >= self.branches.cumulative[branch]).any():
                branch = branch + later
        return branch

    def _fill(self, edge: int) -> None:
        """Step the environment until every branch of the edge is known."""
        node = int(self.edges.node[edge])
        place = self.places[node]
        action = place.actions[edge - int(self.nodes.first[node])]
        found = []
        for arrival in arrivals(self._env, place.snapshot, action):
            info = arrival.info
            target = self._node(info, over=arrival.terminated)
            ending = (target, arrival.reward, info["score"], info["success"], arrival.terminated)
            found.append((arrival.number, arrival.probability, ending))
        found.sort(key=lambda one: one[0])
        cumulative = np.cumsum([probability for _, probability, _ in found])
        cumulative[-1] = np.inf
        first = self.branches.size
        for limit, (_, _, ending) in zip(cumulative, found, strict=True):
            self.branches.append(limit, *ending)
        self.edges.branch[edge] = first

    def _node(self, info: dict[str, Any], over: bool) -> int:
        """Return the node of the environment as it stands, a new one if it was never here.

        The generator's state is in `state_hash` where there is noise, so `_state` takes its place there.
        """
        env = self._env
        state = encode(env._state()) if self.stochastic else info["state_hash"]
        key = (env.task.digest, state, info["observation_hash"], over)
        if key in self._known:
            return self._known[key]
        actions = info["valid_actions"]
        if actions is None:
            raise InvalidValue(f"{env.family} has no finite list of valid actions here, which a table needs")
        number = self.nodes.append(
            self.edges.size,
            self.ids.of(f"{env.task.digest}{state!r}"),
            self.ids.of(info["anchor_hash"]),
            self.ids.of(info["observation_hash"]),
        )
        for action in actions:
            self.edges.append(number, self.ids.of("action " + action), -1)
        snapshot = b"" if over else env.snapshot()
        self.places.append(Place(snapshot, actions, info["anchor_hash"], info["observation_hash"]))
        self._known[key] = number
        return number
