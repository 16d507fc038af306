"""The base class of all environments: a family writes the rules, this file does the rest once.

Seeding, clock, truncation, hashing, snapshots and the accounting of invalid actions live here.
"""

from __future__ import annotations

import json
import secrets
import sys
import warnings
from types import EllipsisType
from typing import Any, ClassVar, Generic, NamedTuple, TypeVar

import gymnasium
import numpy as np
from gymnasium.error import ResetNeeded

from envbench.cards import Card, KnobValue, cards
from envbench.errors import EnvbenchError, InvalidValue, SnapshotMismatch, UnknownName
from envbench.hashing import JsonValue, KeyHasher, encode, observation_content
from envbench.registry import dynamics, find_task, panel
from envbench.seeding import derive_seed, dump_state, generator, load_state
from envbench.spaces import Text
from envbench.types.task import Task

ObsT = TypeVar("ObsT")

SNAPSHOT_VERSION = 1
_SNAPSHOT_KEYS = frozenset(  # what `restore` reads
    ["family", "dataset", "task", "digest", "seed", "t", "noise", "over", "result", "observation", "state"]
)


class Transition(NamedTuple, Generic[ObsT]):
    """What an accepted action did.

    Attributes:
        observation: after the action.
        reward: of this step.
        terminated: the task is over.
        score: benchmark value in [0, 1] so far; 0 until something was achieved.
        success: the task is solved.
    """

    observation: ObsT
    reward: float
    terminated: bool
    score: float = 0.0
    success: bool = False


class Outcome(NamedTuple):
    """One way that an action can turn out; `state` is what `_state()` would be."""

    probability: float
    state: JsonValue
    reward: float
    terminated: bool


def _seed(name: str, value: object) -> int:
    if isinstance(value, bool) or not isinstance(value, int | np.integer) or value < 0:
        raise InvalidValue(f"{name}={value!r}: expected a whole number, 0 or above")
    return int(value)


class SeedStream:
    """Seeds of a session's episodes: the one given, else the next draw of the stream that the last given one set."""

    def __init__(self) -> None:
        self._root, self._drawn = secrets.randbits(62), 0

    def next(self, seed: int | None) -> int:
        """Return the seed of the next episode.

        Raises:
            InvalidValue: for what is no whole number, 0 or above.
        """
        if seed is None:
            drawn = self.coming()
            self._drawn += 1
            return drawn
        self._root, self._drawn = _seed("seed", seed), 0
        return self._root

    def coming(self) -> int:
        """Return the seed of the next episode, should none be given."""
        return derive_seed(self._root, "episode", self._drawn)


class Env(gymnasium.Env[ObsT, str]):
    """An environment of one family.

    A family writes `_reset`, `_step`, `_state`, `_load_state`, `_valid_actions`, `_instruction`, and where needed
    `_anchor`, `_info`, `_memory`, `_load_memory`, `_stochastic`, `_refusal`, `_encoded`, `_forks`, `_outcomes` and
    `oracle`. It draws noise
    from `self.noise` alone, through `envbench.seeding`.

    Args:
        dataset: data set of the card.
        split: tasks that a reset without an id draws from; the data set's training split when None.
        max_steps: limit of an episode; the card's when left out, none when None.
        render_mode: one of `metadata["render_modes"]`.
        knobs: as the card lists them.

    Raises:
        UnknownName: unknown data set, split or knob (with the nearest name).
        InvalidValue: a value that a knob or the limit cannot take.
    """

    family: ClassVar[str]
    metadata = {"render_modes": ["ansi"], "render_fps": 4}  # noqa: RUF012  # declared by gymnasium as it is

    _observation: ObsT
    _terminated: bool
    _truncated: bool
    _valid: bool | None
    _keys: tuple[str, str, str]  # of state, anchor and observation

    def __init__(
        self,
        *,
        dataset: str = "builtin",
        split: str | None = None,
        max_steps: int | None | EllipsisType = ...,
        render_mode: str | None = None,
        **knobs: Any,
    ) -> None:
        self.card: Card = cards()[self.family]
        self.knobs: dict[str, KnobValue] = self.card.resolve_knobs(knobs)
        section = self.card.dataset(dataset)
        self.dataset = dataset
        self.split = section.default_split if split is None else split
        if self.split not in section.splits:
            raise UnknownName("split", self.split, section.splits, f"({self.family}/{dataset})")
        self.max_steps = self.card.env.max_steps if isinstance(max_steps, EllipsisType) else max_steps
        if self.max_steps is not None and (type(self.max_steps) is not int or self.max_steps < 1):
            raise InvalidValue(f"max_steps={max_steps!r}: expected a whole number above 0, or None for no limit")
        _warn_of_foreign_limit(self.card.env.ids[0])
        if render_mode is not None and render_mode not in self.metadata["render_modes"]:
            raise UnknownName("render_mode", render_mode, self.metadata["render_modes"])
        self.render_mode = render_mode
        self.observation_space = self._observation_space()
        self.action_space = Text(self.card.env.max_length)
        self._seeds = SeedStream()
        self._plain_anchor = type(self)._anchor is Env._anchor
        self._has_noise = self._stochastic()

    # What a family writes.

    def _reset(self, task: Task) -> ObsT:
        """Start `task` and return the first observation."""
        raise NotImplementedError

    def _step(self, action: str) -> Transition[ObsT] | None:
        """Apply `action`; None refuses it, and then nothing has changed and nothing was drawn."""
        raise NotImplementedError

    def _state(self) -> JsonValue:
        """Return everything that decides the future, as plain data; neither the clock nor the generator."""
        raise NotImplementedError

    def _load_state(self, state: Any) -> None:
        """Take over what `_state` returned, after a round trip through JSON (tuples are lists)."""
        raise NotImplementedError

    def _valid_actions(self) -> tuple[str, ...] | None:
        """Return accepted commands, all of them unless the card says `open_actions`; None when unbounded."""
        raise NotImplementedError

    def _memory(self) -> JsonValue:
        """Return what of the past later observations repeat, as plain data; it decides nothing else. None for none."""
        return None

    def _load_memory(self, memory: Any) -> None:
        """Take over what `_memory` returned, after a round trip through JSON; `_load_state` was called before."""

    def _stored(self, observation: ObsT) -> JsonValue:
        """Return an observation as snapshots keep it, as plain data."""
        return observation  # type: ignore[return-value]  # text, where a family says nothing else

    def _recalled(self, stored: Any) -> ObsT:
        """Return the observation of what `_stored` returned; `_load_state` and `_load_memory` were called before."""
        return stored  # type: ignore[no-any-return]

    def _instruction(self) -> str:
        """Return what the task asks for, in words."""
        raise NotImplementedError

    def _anchor(self) -> JsonValue:
        """Return the least that decides rewards and valid actions as the player may know them."""
        return self._state()

    def _info(self) -> dict[str, Any]:
        """Return the family's own keys of `info`, from the state alone; fresh or immutable values."""
        return {}

    def _stochastic(self) -> bool:
        """Tell whether transitions draw noise, under these knobs."""
        return False

    def _refusal(self) -> ObsT | None:
        """Return what a refused action is answered with; None repeats the last observation."""
        return None

    def _forks(self, action: str) -> int | None:
        """Return among how many equally likely results `_step(action)` decides, by one `below(self.noise, n)`.

        1 when it draws nothing (a refused action never does), None when it draws in another way. `envbench.vector`
        shares transitions between sessions where the number is known.
        """
        return None if self._has_noise else 1

    def _outcomes(self, action: str) -> tuple[Outcome, ...]:
        """Return what `action` may lead to from here, with probabilities that sum to 1."""
        raise NotImplementedError

    def _observation_space(self) -> gymnasium.Space[Any]:
        return Text(self.card.env.max_length)

    def oracle(self) -> str | None:
        """Return a best next action from the current state, or None when none is known."""
        return None

    # The public interface.

    def reset(self, *, seed: int | None = None, options: dict[str, Any] | None = None) -> tuple[ObsT, dict[str, Any]]:
        """Start an episode.

        Args:
            seed: drives the noise and, without a task, the draw of the task. None takes the next draw of the stream
                that the last seeded reset has set.
            options: `{"task": id}` fixes the task: any of this family and data set, whatever the split.

        Raises:
            InvalidValue: malformed id, or a task of another family or data set; negative seed.
            UnknownName: an id that does not exist, or another option.
        """
        for name in options or {}:
            if name != "task":
                raise UnknownName("reset option", name, ["task"])
        task_id = (options or {}).get("task")
        chosen = find_task(task_id, self.family, self.dataset, self.knobs) if task_id is not None else None
        episode_seed = self._seeds.next(seed)
        return self._begin(episode_seed, self._draw_task(episode_seed) if chosen is None else chosen)

    def step(self, action: Any) -> tuple[ObsT, float, bool, bool, dict[str, Any]]:
        """Send a command. What is not an accepted one, of whatever type, is invalid: counted, and nothing changes.

        After the end the last observation comes back with reward 0, the same flags and `valid=False`, uncounted.
        """
        self._need_episode()
        if self._terminated or self._truncated:
            return self._observation, 0.0, self._terminated, self._truncated, self._build_info() | {"valid": False}
        transition = self._step(action) if isinstance(action, str) else None
        self.t += 1
        reward = 0.0
        if transition is None:
            self._valid = False
            self._show_refusal()
        else:
            self._observation, reward, self._terminated, self._score, self._success = transition
            self._valid = True
            self._refresh()
        self._truncated = not self._terminated and self.max_steps is not None and self.t >= self.max_steps
        return self._observation, reward, self._terminated, self._truncated, self._build_info()

    def state_hash(self) -> str:
        """Return the key of everything that decides the future up to the limit; the clock is left out."""
        self._need_episode()
        return self._keys[0]

    def anchor_hash(self) -> str:
        """Return the key that credit methods group by."""
        self._need_episode()
        return self._keys[1]

    def observation_hash(self) -> str:
        """Return the key of what was shown."""
        self._need_episode()
        return self._keys[2]

    def snapshot(self) -> bytes:
        """Return the episode as portable bytes (no pickle): task, clock, generator, last observation, state."""
        self._need_episode()
        document = {
            "version": SNAPSHOT_VERSION,
            "family": self.family,
            "dataset": self.dataset,
            "task": self.task.id,
            "digest": self.task.digest,
            "seed": self.seed,
            "t": self.t,
            "noise": dump_state(self.noise),
            "over": [self._terminated, self._truncated],
            "result": [self._score, self._success, self._valid],
            "observation": self._stored(self._observation),
            "state": self._state(),
            "memory": self._memory(),
        }
        return json.dumps(document, ensure_ascii=False, separators=(",", ":")).encode("utf-8", "surrogatepass")

    def restore(self, data: bytes, reseed: int | None = None) -> tuple[ObsT, dict[str, Any]]:
        """Continue from `snapshot()`, in this or any other process.

        Args:
            data: what `snapshot` returned.
            reseed: restore everything but the noise, which starts anew from this seed.

        Returns:
            The last observation and the info that went with it.

        Raises:
            SnapshotMismatch: another format, family or data set, another task digest or other dynamics knobs.
            InvalidValue: a `reseed` that is no whole number, 0 or above.
        """
        seed = None if reseed is None else _seed("reseed", reseed)
        document = _read_snapshot(data)
        if (document["family"], document["dataset"]) != (self.family, self.dataset):
            raise SnapshotMismatch(
                f"snapshot of {document['family']}/{document['dataset']}, environment of {self.family}/{self.dataset}; "
                f"make it with dataset={document['dataset']!r}"
            )
        if not self._is_at(document["task"], document["digest"]):
            self._use_task(self._task_of_snapshot(document["task"], document["digest"]))
        if seed is None:
            self.seed = document["seed"]
            if not hasattr(self, "noise"):
                self._use_noise(self.seed)
            load_state(self.noise, document["noise"])
        else:
            self.seed = seed
            self._use_noise(seed)
        self.t = document["t"]
        self._terminated, self._truncated = document["over"]
        self._score, self._success, self._valid = document["result"]
        self._load_state(document["state"])
        self._load_memory(document.get("memory"))
        self._observation = self._recalled(document["observation"])
        self._refresh()
        return self._observation, self._build_info()

    def outcomes(self, action: str) -> tuple[Outcome, ...]:
        """Return what `action` may lead to from here (finite branching only), with probabilities.

        What is refused, or comes after the end, leads to the same state for certain.
        """
        offered = self.valid_actions()
        if offered is not None and action not in offered and not self.card.env.open_actions:
            return (Outcome(1.0, self._state(), 0.0, self._terminated),)
        return self._outcomes(action)

    def valid_actions(self) -> tuple[str, ...] | None:
        """Return the accepted commands, as `info["valid_actions"]`; () when the episode is over."""
        self._need_episode()
        return () if self._terminated or self._truncated else self._valid_actions()

    @property
    def stochastic(self) -> bool:
        return self._has_noise

    def render(self) -> Any:
        """Return the last observation as text ("ansi"); families with pictures add modes."""
        self._need_episode()
        return self._observation

    # Workings.

    def _draw_task(self, seed: int) -> Task:
        drawn_from = panel(self.family, self.dataset, self.split, **self.knobs)
        return drawn_from[derive_seed(seed, "task") % len(drawn_from)]

    def _begin(self, seed: int, task: Task) -> tuple[ObsT, dict[str, Any]]:
        self.seed = seed
        self._use_noise(seed)
        self._use_task(task)
        self.t = 0
        self._terminated = self._truncated = False
        self._score, self._success = 0.0, False
        self._valid = None
        self._observation = self._reset(task)
        self._refresh()
        return self._observation, self._build_info()

    def _use_noise(self, seed: int) -> None:
        self.noise = generator(derive_seed(seed, "noise"))
        self._np_random = np.random.Generator(self.noise)
        self._np_random_seed = seed

    def _is_at(self, id: str, digest: str) -> bool:
        return hasattr(self, "task") and (self.task.id, self.task.digest) == (id, digest)

    def _task_of_snapshot(self, id: str, digest: str) -> Task:
        try:
            task = find_task(id, self.family, self.dataset, self.knobs)
        except EnvbenchError as error:
            raise SnapshotMismatch(f"snapshot of a task that is not here: {error}") from None
        if task.digest != digest:
            knobs = ", ".join(f"{name}={value!r}" for name, value in dynamics(self.card, self.knobs).items())
            raise SnapshotMismatch(
                f"snapshot of {task.id} with another digest ({digest}, here {task.digest}); "
                f"make the environment with the knobs and data of the snapshot (here {knobs or 'no knobs'})"
            )
        return task

    def _use_task(self, task: Task) -> None:
        self.task = task
        self._hasher = KeyHasher(self.card.tasks_family, task.digest)

    def _show_refusal(self) -> None:
        refusal = self._refusal()
        if refusal is not None:
            self._observation = refusal
            shown = self._hasher.of_bytes("observation", encode(observation_content(refusal)))
            self._keys = (*self._keys[:2], shown)

    def _encoded(self) -> tuple[bytes, bytes]:
        """Return the canonical bytes of `_state()` and `_anchor()`; a family may know them faster."""
        state = encode(self._state())
        return state, state if self._plain_anchor else encode(self._anchor())

    def _refresh(self) -> None:
        """Compute the three keys of the state as it is now."""
        state, anchor = self._encoded()
        if self._has_noise:
            state = b"[" + state + b"," + encode(dump_state(self.noise)) + b"]"
        hasher = self._hasher
        self._keys = (
            hasher.of_bytes("state", state),
            hasher.of_bytes("anchor", anchor),
            hasher.of_bytes("observation", encode(observation_content(self._observation))),
        )

    def _facts(self, over: bool) -> dict[str, Any]:
        """Return the part of `info` that the state decides."""
        state, anchor, observation = self._keys
        return {
            "task": self.task.id,
            "instruction": self._instruction(),
            "state_hash": state,
            "anchor_hash": anchor,
            "observation_hash": observation,
            "valid_actions": () if over else self._valid_actions(),
            **self._info(),
        }

    def _build_info(self) -> dict[str, Any]:
        over = self._terminated or self._truncated
        info = self._facts(over)
        if self._valid is None:
            info["seed"] = self.seed
        else:
            info["valid"], info["score"], info["success"] = self._valid, self._score, self._success
            if over:
                info["outcome"] = end_of(self._truncated, self._success)
        return info

    def _need_episode(self) -> None:
        if not hasattr(self, "task"):
            raise ResetNeeded("call reset() (or restore()) first")


def end_of(truncated: bool, success: bool) -> str:
    """Return the outcome of an episode that came to its own end or to the limit."""
    if truncated:
        return "timeout"
    return "success" if success else "failure"


def _read_snapshot(data: bytes) -> dict[str, Any]:
    try:
        document = json.loads(bytes(data).decode("utf-8", "surrogatepass"))
        version = document["version"]
        if version == SNAPSHOT_VERSION and not document.keys() >= _SNAPSHOT_KEYS:
            raise KeyError
    except (ValueError, TypeError, KeyError):
        raise SnapshotMismatch("these bytes are no snapshot; pass what snapshot() returned, unchanged") from None
    if version != SNAPSHOT_VERSION:
        raise SnapshotMismatch(f"snapshot of format {version!r}, this envbench reads {SNAPSHOT_VERSION}")
    return document  # type: ignore[no-any-return]  # json.loads is untyped


def _warn_of_foreign_limit(id: str) -> None:
    """Warn when `gymnasium.make` was given `max_episode_steps`: its wrapper would cut episodes behind our back.

    Neither the argument nor the limit of a changed specification reaches the constructor, only the caller's frame.
    """
    frame = sys._getframe(1)
    for level in range(3, 12):
        if frame.f_back is None:
            return
        frame = frame.f_back
        if frame.f_code is gymnasium.make.__code__:
            given = frame.f_locals.get("max_episode_steps")
            if given is None:
                given = getattr(frame.f_locals.get("env_spec"), "max_episode_steps", None)
            if given not in (None, -1):
                warnings.warn(
                    f"max_episode_steps={given} wraps {id} in gymnasium's TimeLimit, which hides the end of the "
                    f"episode from envbench; use max_steps={given} instead",
                    UserWarning,
                    stacklevel=level + 1,
                )
            return


__all__ = ["Env", "Outcome", "SeedStream", "Transition", "end_of"]
