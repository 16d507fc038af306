"""The base class of families that live in a browser: observations, keys, replay, failures."""

from __future__ import annotations

import io
import logging
import os
import weakref
from contextlib import suppress
from typing import Any, ClassVar

import gymnasium
import numpy as np
from numpy.typing import NDArray

from envbench.env import Env, Transition
from envbench.envs._browser import browser as shared
from envbench.envs._browser.chromium import need_chromium
from envbench.envs._browser.grammar import parse
from envbench.envs._browser.seen import Seen
from envbench.envs._browser.session import Session, Start
from envbench.errors import BrowserFailed, MissingExtra, SnapshotMismatch
from envbench.hashing import JsonValue
from envbench.registry import panel, split_of
from envbench.spaces import Text
from envbench.types.task import Task

log = logging.getLogger(__name__)

Observation = dict[str, Any]

WORDS_SHOWN = 8
"""Words of the instruction that `valid_actions` offers for each field."""


class BrowserEnv(Env[Observation]):
    """An environment whose state is a page; a family writes `_start`, `_run`, `_outcome`, `_instruction`.

    The observation is a dict with `text` and, by the knobs `axtree`, `html` and `screenshot`, more. A page or browser
    that fails ends the episode: `truncated`, outcome `env_error`; the next reset has a new one. Snapshots replay.

    Attributes:
        env_errors: episodes that ended so.
    """

    metadata: ClassVar[dict[str, Any]] = {  # type: ignore[misc]  # gymnasium declares it without ClassVar
        "render_modes": ["ansi", "rgb_array"],
        "render_fps": 4,
    }
    window: ClassVar[tuple[int, int]] = (800, 600)
    picture: ClassVar[tuple[int, int, int, int] | None] = None  # the part of the window that screenshots show

    def __init__(self, **arguments: Any) -> None:
        super().__init__(**arguments)
        need_chromium()
        self.env_errors = 0
        self._failure = ""
        self._played = ""  # digest of the task whose page this is
        self._done: list[str] = []  # actions that it has taken
        self._guess: Start | None = None
        self._guessed_right = True
        self._last_task: str | None = None
        self._drawn_next = False
        self._pictured = np.broadcast_to(np.uint8(0), self._picture_shape)  # black takes no room
        self._session = Session(
            tick_ms=float(self.knobs["tick_ms"]),
            barrier=bool(self.knobs["barrier"]),
            html=bool(self.knobs["html"]),
        )
        shared.hold()
        self._finalizer = weakref.finalize(self, _let_go, self._session, os.getpid())

    @property
    def _picture_shape(self) -> tuple[int, int, int]:
        width, height = self.picture[2:] if self.picture else self.window
        return height, width, 3

    @property
    def seen(self) -> Seen:
        """The page as it is now."""
        return self._session.seen

    # What a family writes.

    def _start(self, task: Task) -> Start:
        """Return the document in which an episode of `task` begins."""
        raise NotImplementedError

    def _run(self, task: Task) -> str:
        """Return the JavaScript that begins the episode in it; "" for none."""
        return ""

    def _outcome(self, seen: Seen) -> tuple[float, bool, float, bool]:
        """Return reward, terminated, score and success after an action."""
        raise NotImplementedError

    def _advise(self) -> str | None:
        """Return the next action of the scripted oracle, as `oracle`."""
        return None

    def _words(self) -> tuple[str, ...]:
        """Return what `valid_actions` offers to put into fields."""
        return ()

    # The contract of the base class.

    def _observation_space(self) -> gymnasium.Space[Any]:
        longest = self.card.env.max_length
        spaces: dict[str, gymnasium.Space[Any]] = {
            name: Text(longest) for name in ("text", "axtree", "html") if name == "text" or self.knobs[name]
        }
        if self.knobs["screenshot"]:
            spaces["screenshot"] = gymnasium.spaces.Box(0, 255, self._picture_shape, np.uint8)
        return gymnasium.spaces.Dict(spaces)

    def _reset(self, task: Task) -> Observation:
        self._failure = ""
        self._begin_page(task)
        guess = self._guess_next(task)
        self._session.prepare(guess, load=self._guessed_right)
        self._guess = guess
        return self._show()

    def _guess_next(self, task: Task) -> Start:
        """Return where the next episode probably begins: the next draw, the same task again, or the next of its panel.

        A guess is acted on where the one before was right; `_guessed_right` tells.
        """
        start = self._start(task)
        self._guessed_right = self._guess is None or self._guess == start
        again = self._last_task in (None, task.id)
        self._last_task = task.id
        if self._drawn_next:
            return self._start(self._draw_task(self._seeds.coming()))
        if again:
            return start
        tasks = panel(self.family, self.dataset, split_of(task.id)[2], **self.knobs)
        index = next(place for place, one in enumerate(tasks) if one.id == task.id)
        return self._start(tasks[(index + 1) % len(tasks)])

    def _step(self, action: str) -> Transition[Observation] | None:
        parsed = parse(action)
        if parsed is None or self._session.act(parsed):
            return None
        self._done.append(action)
        reward, terminated, score, success = self._outcome(self._session.seen)
        return Transition(self._show(), reward, terminated, score, success)

    def step(self, action: Any) -> tuple[Observation, float, bool, bool, dict[str, Any]]:
        """Send an action; a failing page or browser ends the episode with the outcome `env_error`."""
        try:
            shown, reward, terminated, truncated, info = super().step(action)
            return fresh(shown), reward, terminated, truncated, info
        except BrowserFailed as error:
            log.warning("the episode of %s ends: %s", self.task.id, error)
            self._failure = str(error)
            self.env_errors += 1
            self.t += 1
            self._truncated, self._valid = True, False
            self._score, self._success = 0.0, False
            return fresh(self._observation), 0.0, False, True, self._build_info()

    def reset(
        self, *, seed: int | None = None, options: dict[str, Any] | None = None
    ) -> tuple[Observation, dict[str, Any]]:
        self._drawn_next = seed is None and not options
        shown, info = super().reset(seed=seed, options=options)
        return fresh(shown), info

    def restore(self, data: bytes, reseed: int | None = None) -> tuple[Observation, dict[str, Any]]:
        shown, info = super().restore(data, reseed)
        return fresh(shown), info

    def _state(self) -> JsonValue:
        return {"actions": list(self._done), "document": self._session.seen.document}

    def _anchor(self) -> JsonValue:
        return self._session.seen.document

    def _load_state(self, state: Any) -> None:
        self._failure = ""
        actions = tuple(state["actions"])
        if self._played != self.task.digest or self._session.gone or tuple(self._done) != actions[: len(self._done)]:
            self._begin_page(self.task)
            self._session.prepare(self._start(self.task), load=True)
        self._replay(actions[len(self._done) :])
        found = self._session.seen.document
        if found != state["document"]:
            self._played = ""
            raise SnapshotMismatch(
                f"replaying {len(state['actions'])} actions of {self.task.id} led to {found}, the snapshot says "
                f"{state['document']}; is it of another Chromium, or made with barrier=False?"
            )

    def _memory(self) -> JsonValue:
        return {"failure": self._failure} if self._failure else None

    def _load_memory(self, memory: Any) -> None:
        self._failure = (memory or {}).get("failure", "")

    def _valid_actions(self) -> tuple[str, ...]:
        return tuple(dict.fromkeys(self._session.seen.commands(self._words())))

    def _info(self) -> dict[str, Any]:
        return {"url": self._session.seen.url, "clock_ms": float(self._session.seen.now)}

    def _build_info(self) -> dict[str, Any]:
        info = super()._build_info()
        return info | {"outcome": "env_error", "failure": self._failure} if self._failure else info

    def _stored(self, observation: Observation) -> JsonValue:
        return {name: value for name, value in observation.items() if isinstance(value, str)}

    def _recalled(self, stored: Any) -> Observation:
        return dict(stored) | ({"screenshot": self._picture()} if self.knobs["screenshot"] else {})

    def oracle(self) -> str | None:
        """Return the next action of the scripted oracle, None where it has none; of a page that failed, a pause.

        The step that follows finds the failure.
        """
        try:
            return self._advise()
        except BrowserFailed:
            return "noop()"

    def render(self) -> Any:
        """Return the page as text, or in the mode `rgb_array` as a picture, uint8 [height, width, 3].

        Of a page that failed, the last picture that was made, or a black one.
        """
        self._need_episode()
        if self.render_mode != "rgb_array":
            return self._observation["text"]
        with suppress(BrowserFailed):
            self._picture()
        return self._pictured.copy()

    def close(self) -> None:
        """Close the pages; the last environment of a process closes the browser."""
        self._finalizer()

    def _begin_page(self, task: Task) -> None:
        self._played, self._done = "", []
        self._session.begin(self._start(task), self._run(task))
        self._played = task.digest

    def _replay(self, actions: tuple[str, ...]) -> None:
        """Do what was done before, from where the page stands."""
        for action in actions:
            parsed = parse(action)
            if parsed is None or (reason := self._session.act(parsed)):
                raise SnapshotMismatch(
                    f"replaying {self.task.id}: {action[:80]!r} was refused ({reason or 'no action'})"
                )
            self._done.append(action)

    def _show(self) -> Observation:
        seen, longest = self._session.seen, self.card.env.max_length
        shown: Observation = {"text": seen.text[:longest]}
        if self.knobs["axtree"]:
            shown["axtree"] = seen.axtree[:longest]
        if self.knobs["html"]:
            shown["html"] = seen.html[:longest]
        if self.knobs["screenshot"]:
            shown["screenshot"] = self._picture()
        return shown

    def _picture(self) -> NDArray[np.uint8]:
        self._pictured = decode(self._session.screenshot(), self.picture)
        return self._pictured


def fresh(observation: Observation) -> Observation:
    """Return an observation of its own for each caller."""
    return {name: value if isinstance(value, str) else value.copy() for name, value in observation.items()}


def decode(png: bytes, box: tuple[int, int, int, int] | None = None) -> NDArray[np.uint8]:
    """Return the pixels of a PNG, or of `box` in it, as uint8 [height, width, 3].

    Raises:
        MissingExtra: pillow is not installed.
    """
    try:
        from PIL import Image
    except ImportError:
        raise MissingExtra("a screenshot", "browser", "pillow") from None
    with Image.open(io.BytesIO(png)) as image:
        pixels = np.asarray(image.convert("RGB"), np.uint8)
    if box is None:
        return pixels
    x, y, width, height = box
    return np.ascontiguousarray(pixels[y : y + height, x : x + width])


def _let_go(session: Session, owner: int) -> None:
    if os.getpid() == owner:  # what a forked child has inherited is not its own
        session.close()
        shared.release()


__all__ = ["BrowserEnv", "Observation", "decode"]
