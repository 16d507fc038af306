"""`envbench/MiniWoB-v0`: the pages of MiniWoB++ through our driver."""

from __future__ import annotations

import copy
from typing import Any, ClassVar

from envbench.envs._browser.env import BrowserEnv, Observation
from envbench.envs._browser.seen import Seen
from envbench.envs._browser.session import Start
from envbench.envs.miniwob import pages
from envbench.envs.miniwob.oracles import solve
from envbench.envs.miniwob.view import View
from envbench.hashing import JsonValue
from envbench.types.task import Task


class MiniWoB(BrowserEnv):
    """Actions: the grammar in `envbench/envs/_browser/grammar.py`.

    The reward of the last step is the page's raw reward in [-1, 1], without its decay over time; score `max(0, raw)`;
    success iff raw > 0. Knobs `axtree`, `html`, `screenshot` add to the observation; `tick_ms` is what the page's clock
    advances after each action; `barrier=False` is faster and only D1.
    """

    family: ClassVar[str] = "miniwob"
    window = pages.WINDOW
    picture = pages.PICTURE

    def __init__(self, **arguments: Any) -> None:
        pages.home()
        super().__init__(**arguments)
        self._notes: dict[str, Any] = {}
        self._advice: tuple[str, dict[str, Any]] | None = None  # the oracle's action here, and its notes after it

    def _start(self, task: Task) -> Start:
        return pages.start(task.payload[0])

    def _run(self, task: Task) -> str:
        return f"__envbench.family.start({task.payload[1]})"

    def _reset(self, task: Task) -> Observation:
        self._notes, self._advice = {}, None
        return super()._reset(task)

    def _step(self, action: str) -> Any:
        transition = super()._step(action)
        if transition is not None:
            if self._advice is not None and self._advice[0] == action:
                self._notes = self._advice[1]
            self._advice = None
        return transition

    def _outcome(self, seen: Seen) -> tuple[float, bool, float, bool]:
        if not seen.facts["done"]:
            return 0.0, False, 0.0, False
        raw = min(1.0, max(-1.0, float(seen.facts["raw"])))
        return raw, True, max(0.0, raw), raw > 0

    def _anchor(self) -> JsonValue:
        return self._state() if self.task.payload[0] in pages.CHANGES_UNSEEN else super()._anchor()

    def _instruction(self) -> str:
        return pages.utterance(self._session.seen.facts["said"])

    def _fields(self) -> dict[str, str]:
        return pages.fields(self.task.payload[0], self._session.seen.facts["said"])

    def _words(self) -> tuple[str, ...]:
        return tuple(dict.fromkeys(self._fields().values()))

    def _info(self) -> dict[str, Any]:
        return super()._info() | {"page": self.task.payload[0]}

    def _memory(self) -> JsonValue:
        memory = super()._memory()
        return {**(memory if isinstance(memory, dict) else {}), "notes": self._notes} if self._notes else memory

    def _load_memory(self, memory: Any) -> None:
        super()._load_memory(memory)
        self._notes, self._advice = copy.deepcopy((memory or {}).get("notes", {})), None

    def _advise(self) -> str | None:
        if self._terminated or self._truncated:
            return None
        if self._advice is None:
            page = self._session.open_page()
            name, seed = self.task.payload
            notes = copy.deepcopy(self._notes)
            view = View(
                name,
                seed,
                self._instruction(),
                self._fields(),
                notes,
                self._session.seen.now,
                self._session.tick_ms,
                lambda: page.invoke("describe"),
                page.evaluate,
            )
            action = solve(name, view)
            if action is None:
                return None
            self._advice = (action, notes)
        return self._advice[0]
