"""One session of a batch: an environment that computes only what no session of its task has met before."""

from __future__ import annotations

from math import inf
from typing import Any, TypeAlias

from envbench.env import Env, end_of
from envbench.hashing import KeyHasher
from envbench.seeding import below
from envbench.spaces import Text
from envbench.vector.memory import REFUSED, Edge, Fork, Memory, Node, TaskMemory
from envbench.vector.noise import Noise

Result: TypeAlias = tuple[Any, float, bool, bool, dict[str, Any]]


class Plain:
    """A session that computes every step: for environments whose transitions cannot be shared."""

    def __init__(self, env: Env[Any]) -> None:
        self._env = env
        self.step = env.step
        self.restore = env.restore

    def start(self, seed: int, task_id: str) -> Result:
        """Start an episode; reward and flags of the result are 0 and False."""
        observation, info = self._env.reset(seed=seed, options={"task": task_id})
        return observation, 0.0, False, False, info

    def settled(self) -> Env[Any]:
        """Return the environment."""
        return self._env


def _fresh(value: Any) -> Any:
    """Return a copy of lists and dictionaries, down to what cannot change."""
    if isinstance(value, dict):
        return {key: _fresh(item) for key, item in value.items()}
    return [_fresh(item) for item in value] if isinstance(value, list) else value


class Shared:
    """A session of an environment without noise. It gives what `Env` gives, bit by bit.

    The first session of a task is alone: its environment makes every step, and nothing is remembered. From the second
    on, transitions are shared; the environment of a session then lags behind, and is moved to where the session stands
    when a step must be computed.
    """

    def __init__(self, env: Env[Any], memory: Memory) -> None:
        self._env, self._memory = env, memory
        self._limit: float = inf if env.max_steps is None else env.max_steps
        self._at: Node | None = None  # where the environment is
        self._over = False
        self._valid: bool | None = None
        self.step = env.step

    def start(self, seed: int, task_id: str) -> Result:
        """Start an episode; reward and flags of the result are 0 and False."""
        self._task_memory = memory = self._memory.of(task_id)
        memory.starts += 1
        if memory.starts == 1:
            return self._start_alone(seed, memory)
        self.step = self._step
        return self._start(seed, memory)

    def _start_alone(self, seed: int, memory: TaskMemory) -> Result:
        self.step = self._env.step
        self._at = None
        observation, info = self._env._begin(seed, memory.task)
        return observation, 0.0, False, False, info

    def _start(self, seed: int, memory: TaskMemory) -> Result:
        self._seed, self._t = seed, 0
        self._terminated = self._truncated = self._over = False
        self._valid = None
        start = memory.start
        if start is None:
            start = self._first(memory, seed)
        self._node = start
        info = self._info_of(start)
        del info["valid"], info["score"], info["success"]
        info["seed"] = seed
        return start.observation, 0.0, False, False, info

    def _first(self, memory: TaskMemory, seed: int) -> Node:
        before = memory.size
        self._env._begin(seed, memory.task)
        node = self._at = memory.start = memory.node(self._env)
        self._memory.grew(memory, before)
        return node

    def _step(self, action: Any) -> Result:
        if self._over:
            return self._after_the_end()
        node = self._node
        if isinstance(action, str):
            fork = node.edges.get(action)
            if fork is None:
                fork = self._explore(node, action)
            edge = fork[0]
        else:
            edge = REFUSED[0]
        return self._arrive(node, edge)  # type: ignore[arg-type]  # explored, so not None

    def _arrive(self, node: Node, edge: Edge) -> Result:
        after, reward = edge
        self._t += 1
        if after is None:
            after = node
            self._valid = False
            info = self._info_of(after)
            info["valid"] = False
        else:
            self._node = after
            self._valid = True
            info = self._info_of(after)
        if after.terminated or self._t >= self._limit:
            self._over, self._terminated, self._truncated = True, after.terminated, not after.terminated
            self._close(after, info)
        return after.observation, reward, self._terminated, self._truncated, info

    def _info_of(self, node: Node) -> dict[str, Any]:
        info = node.info.copy()
        for name in node.fresh:
            info[name] = _fresh(info[name])
        return info

    def _close(self, node: Node, info: dict[str, Any]) -> None:
        info["valid_actions"] = ()
        info["outcome"] = end_of(self._truncated, node.key.success)

    def _explore(self, node: Node, action: str) -> Fork:
        """Compute what an action does that was not done here before."""
        memory = self._task_memory
        before = memory.size
        fork: Fork = [self._compute(node, action)]
        memory.store(node, action, fork)
        self._memory.misses += 1
        self._memory.grew(memory, before)
        return fork

    def _compute(self, node: Node, action: str) -> Edge:
        env = self._moved_to(node)
        transition = env._step(action)
        if transition is None:
            return Edge(None, 0.0)
        env._observation, reward, env._terminated, env._score, env._success = transition
        self._at = self._task_memory.node(env)
        return Edge(self._at, reward)

    def _moved_to(self, node: Node) -> Env[Any]:
        """Return the environment, its rules at `node`."""
        env = self._env
        if self._at is not node:
            if self._at is None or env.task is not self._task_memory.task:
                env._use_task(self._task_memory.task)
            env._load_state(node.loadable())
            self._at = node
        return env

    def settled(self) -> Env[Any]:
        """Return the environment as if it had made every step itself; for reading, not for stepping."""
        if self.step == self._env.step:
            return self._env
        env, node = self._moved_to(self._node), self._node
        env.seed, env.t = self._seed, self._t
        env._terminated, env._truncated, env._valid = self._terminated, self._truncated, self._valid
        env._observation, env._score, env._success = node.observation, node.key.score, node.key.success
        self._settle_noise(env)
        env._refresh()
        return env

    def _settle_noise(self, env: Env[Any]) -> None:
        env._use_noise(self._seed)  # nothing was drawn

    def restore(self, data: bytes, reseed: int | None = None) -> tuple[Any, dict[str, Any]]:
        """Do as `Env.restore`."""
        env = self._env
        self._at = None  # wherever it is when this fails
        shown = env.restore(data, reseed)
        self._task_memory = self._memory.of(env.task.id)
        self._adopt()
        self.step = self._step
        return shown

    def _adopt(self) -> None:
        """Stand where the environment stands."""
        env, memory = self._env, self._task_memory
        before = memory.size
        self._node = self._at = memory.node(env)
        self._memory.grew(memory, before)
        self._seed, self._t, self._valid = env.seed, env.t, env._valid
        self._terminated, self._truncated = env._terminated, env._truncated
        self._over = self._terminated or self._truncated

    def _after_the_end(self) -> Result:
        node = self._node
        info = self._info_of(node)
        info["valid"] = False
        self._close(node, info)
        return node.observation, 0.0, self._terminated, self._truncated, info


class Noisy(Shared):
    """A session of an environment with noise, most of whose draws pick one of some equally likely results.

    Of those, the session draws and results are shared; what draws otherwise is computed each time. The state key holds
    the generator, so it is computed at each step.
    """

    def _start(self, seed: int, memory: TaskMemory) -> Result:
        observation, info = self._env._begin(seed, memory.task)
        self._take_over()
        return observation, 0.0, False, False, info

    def restore(self, data: bytes, reseed: int | None = None) -> tuple[Any, dict[str, Any]]:
        """Do as `Env.restore`."""
        shown = super().restore(data, reseed)
        self._take_over()
        return shown

    def _take_over(self) -> None:
        self._adopt()
        self._noise = Noise(self._env.noise)
        self._hasher: KeyHasher = self._env._hasher
        self._state_hash = self._env.state_hash()

    def _step(self, action: Any) -> Result:
        if self._over:
            return self._after_the_end()
        node = self._node
        edge = self._chosen(node, action) if isinstance(action, str) else Edge(None, 0.0)
        result = self._arrive(node, edge)
        if edge.node is not None:
            self._state_hash = self._hasher.of_bytes("state", edge.node.stem + self._noise.encoded() + b"]")
        result[4]["state_hash"] = self._state_hash
        return result

    def _chosen(self, node: Node, action: str) -> Edge:
        fork = node.edges.get(action)
        if fork is None:
            fork = self._fork(node, action)
        before = self._noise.state
        if not fork:
            edge = self._computed(node, action, before)
            self._noise = Noise(self._env.noise)
            return edge
        index = below(self._noise, len(fork)) if len(fork) > 1 else 0  # type: ignore[arg-type]  # it has random_raw
        known = fork[index]
        if known is None:
            known = fork[index] = self._computed(node, action, before)
        return known

    def _fork(self, node: Node, action: str) -> Fork:
        memory = self._task_memory
        before = memory.size
        count = self._moved_to(node)._forks(action)
        fork: Fork = [None] * (count or 0)  # none is known of what draws in another way
        memory.store(node, action, fork)
        self._memory.grew(memory, before)
        return fork

    def _computed(self, node: Node, action: str, noise: int) -> Edge:
        memory = self._task_memory
        before = memory.size
        self._noise.copy_to(self._env.noise, noise)
        edge = self._compute(node, action)
        self._memory.misses += 1
        self._memory.grew(memory, before)
        return edge

    def _after_the_end(self) -> Result:
        result = super()._after_the_end()
        result[4]["state_hash"] = self._state_hash
        return result

    def _settle_noise(self, env: Env[Any]) -> None:
        env._use_noise(self._seed)
        self._noise.copy_to(env.noise)


def open_session(env: Env[Any], memory: Memory | None) -> Plain | Shared:
    """Return a session on an environment of its own; without memory it computes every step."""
    if memory is None or env.card.env.snapshot != "value" or not isinstance(env.observation_space, Text):
        return Plain(env)
    if type(env)._refusal is not Env._refusal:
        return Plain(env)  # what is shown after a refused action is no state of the memory
    if not env.stochastic:
        return Shared(env, memory)
    return Plain(env) if type(env)._forks is Env._forks else Noisy(env, memory)
