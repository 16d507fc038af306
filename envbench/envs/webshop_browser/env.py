"""`envbench/WebShopBrowser-v0`: WebShop's engine behind web pages, played in a real browser."""

from __future__ import annotations

import weakref
from functools import cache
from importlib.resources import files
from typing import Any, ClassVar

from envbench.env import Transition
from envbench.envs._browser.env import BrowserEnv, Observation
from envbench.envs._browser.grammar import Action, parse
from envbench.envs._browser.session import Start
from envbench.envs._browser.site import ORIGIN, Request, Response, Site
from envbench.envs.webshop import grammar
from envbench.envs.webshop.engine import Engine, Reply
from envbench.envs.webshop.engine import Session as Shopper
from envbench.envs.webshop.env import queries
from envbench.envs.webshop.keys import STATE_LENGTH, anchor_of, session_of, state_of
from envbench.envs.webshop.oracle import Oracle
from envbench.envs.webshop.tasks import shop_for
from envbench.envs.webshop_browser import site, templates
from envbench.envs.webshop_browser.translate import browser_action
from envbench.errors import BrowserFailed, SnapshotMismatch
from envbench.hashing import JsonValue
from envbench.types.task import Task

_TYPING = frozenset(("fill", "type", "keyboard_type"))
_PRESSING = frozenset(("press", "keyboard_press"))
_COMMAND_KEYS = frozenset(("Control", "ControlOrMeta", "Meta"))
_EDITS = frozenset("cvxyz")
_LAST_INPUT = frozenset(("click", "check", "mouse_click", "mouse_up", "press", "keyboard_press"))
"""Actions whose last event is the one that leaves a page: nothing of them can reach the next."""

_REST: dict[str, Any] = {
    "input": {"typed": [], "checked": [], "focus": -1, "start": -1, "caret": [], "selection": [], "held": []},
    "sight": {"scrolled": []},
}
"""What was done to a page that is as it was served."""


@cache
def _touched() -> str:
    return files("envbench.envs.webshop_browser").joinpath("touched.js").read_text("utf-8")


class WebShopBrowser(BrowserEnv):
    """Actions: the grammar in `envbench/envs/_browser/grammar.py`.

    A link, a radio button, `Buy Now` and a search that is sent are the engine's actions, at most one a step; its tasks,
    rewards, score and keys are those of `envbench/WebShop-v0`. Everything else (typing, scrolling, a focus) changes the
    page alone: as long as the page is not as it was served, that is part of the keys too. `go_back`, `go_forward` and
    text with a line break or tab are invalid, so are keys that copy, paste or undo.

    `info` adds `url`, `page` (search, results, item, sub, done), `nouns` and, from the purchase on, `reward_parts`. The
    card describes the knobs.
    """

    family: ClassVar[str] = "webshop_browser"
    window = (1024, 768)

    def __init__(self, **arguments: Any) -> None:
        super().__init__(**arguments)
        shop_for(self.dataset, self.knobs)
        self._site = _weakly(self._answer)
        self._inputs: list[str] = []  # what was done to the page since it was served
        self._reply: Reply | None = None  # of the engine, in this step
        self._listening = False  # a request may be the engine's action

    # The site, on the driver's reading thread, while a step waits for it.

    def _answer(self, asked: Request) -> Response | None:
        """Do what a request stands for, and show the page that the session stands on, at its own address."""
        engine = self._engine
        form = asked.body if asked.method == "POST" else None
        wanted = site.request(asked.url, form)
        if self._listening:
            action = site.action(engine, wanted)
            if action is not None:
                self._reply, self._listening = engine.step(action), False
                if self._session.page is not None:  # where the mouse was left is no part of the next page
                    self._session.page.mouse = None
        here = site.address(engine.session)
        if form is None and wanted.path == here:
            return Response(templates.page(engine).encode("utf-8", "replace"))
        return Response(b"", status=303, headers={"Location": here})

    def _start(self, task: Task) -> Start:
        width, height = self.window
        url = ORIGIN + site.address(self._engine.session)
        return Start(url, self._site, script=_touched(), width=width, height=height)

    def _serve(self) -> None:
        """Load the page that the session stands on, in the tab that is there if there is one."""
        page = self._session.page
        if page is not None and page.usable:
            try:
                page.mouse = None
                page.goto(ORIGIN + site.address(self._engine.session))
                self._session.refresh()
                self._calm()
                return
            except BrowserFailed:
                pass  # a new tab is tried
        self._session.begin(self._start(self.task))
        self._calm()

    def _calm(self) -> None:
        """Leave nothing of the way to a page that was just served."""
        page = self._session.page
        assert page is not None  # it was just used
        if page.held:
            page.release(("dispatchMouseEvent", {"type": "mouseReleased", "x": 0, "y": 0, "button": "left"}))
            page.mouse = None
            self._session.refresh()
        page.send("Page.resetNavigationHistory")
        self._inputs = []

    # The contract of the base class.

    def _begin_engine(self, task: Task, shopper: Shopper) -> None:
        self._failure = ""
        payload = task.payload
        self._engine = Engine(payload.shop, payload.goal, shopper)
        self._oracle: Oracle | None = None

    def _reset(self, task: Task) -> Observation:
        self._begin_engine(task, Shopper())
        self._serve()
        return self._show()

    def _step(self, action: str) -> Transition[Observation] | None:
        parsed = parse(action)
        if parsed is None or not _takes(parsed):
            return None
        self._reply, self._listening = None, True
        try:
            if self._session.act(parsed):
                return None
        finally:
            self._listening = False
        reply = self._reply
        if reply is None:
            self._inputs.append(action)
            if self._at_rest:
                self._inputs = []
            return Transition(self._show(), 0.0, False)
        if parsed.name in _LAST_INPUT:
            self._calm()
        else:
            self._serve()
        return Transition(self._show(), reply.reward, reply.done, reply.reward, reply.reward == 1.0)

    @property
    def _done_to_page(self) -> dict[str, Any]:
        """Return what was done to the page since it was served: what `touched.js` says, and where the mouse is held."""
        facts, page = self._session.seen.facts, self._session.page
        held = page.holding if page is not None else []
        return {"input": facts["input"] | {"held": held}, "sight": facts["sight"]}

    @property
    def _at_rest(self) -> bool:
        """The page is as it was served."""
        return self._done_to_page == _REST

    def _state(self) -> JsonValue:
        """Return the engine's state, as WebShop-v0's; with what was done to the page where it is not as served."""
        state, done = state_of(self._engine), self._done_to_page
        return state if done == _REST else [*state, done]

    def _anchor(self) -> JsonValue:
        """Return the engine's, with what was typed, marked and given the focus; what is scrolled decides nothing."""
        anchor, done = anchor_of(self._engine), self._done_to_page["input"]
        return anchor if done == _REST["input"] else [*anchor, done]

    def _load_state(self, state: Any) -> None:
        self._begin_engine(self.task, session_of(state[:STATE_LENGTH]))
        self._serve()
        self._wanted = (*state[STATE_LENGTH:], _REST)[0]

    def _memory(self) -> JsonValue:
        """Return what was typed and scrolled since the page was served: it is done again on the restored page."""
        memory: dict[str, JsonValue] = {"failure": self._failure} if self._failure else {}
        if not self._at_rest:
            memory["inputs"] = tuple(self._inputs)
        return memory or None

    def _load_memory(self, memory: Any) -> None:
        super()._load_memory(memory)
        for action in (memory or {}).get("inputs", ()):
            parsed = parse(action)
            if parsed is None or self._session.act(parsed):
                break
            self._inputs.append(action)
        if self._done_to_page != self._wanted:
            raise SnapshotMismatch(
                f"{len(self._inputs)} inputs on the page of {self.task.id} led to another one than in the snapshot; "
                "is it of another Chromium, or made with barrier=False?"
            )

    def _words(self) -> tuple[str, ...]:
        """Return the queries that WebShop-v0 offers."""
        return tuple(grammar.parse(query)[1] or "" for query in queries(self._engine.goal.request))

    def _instruction(self) -> str:
        return self._engine.goal.instruction

    def _info(self) -> dict[str, Any]:
        engine = self._engine
        info = {"url": self._session.seen.url, "page": engine.session.page, "nouns": engine.shop.nouns_name}
        return info if engine.purchase is None else info | {"reward_parts": dict(engine.purchase.parts)}

    def _advise(self) -> str | None:
        if self._oracle is None:
            self._oracle = Oracle(self._engine.shop, self._engine.goal)
        action = self._oracle.action(self._engine)
        return None if action is None else self.translate(action)

    def translate(self, action: str) -> str | None:
        """Return the next browser action on the way to the engine's `action`; None where the page cannot do it.

        A search takes two: `fill`, then Enter.
        """
        page = self._session.open_page()
        return browser_action(self._engine, action, lambda selector: page.invoke("matching", selector), page.evaluate)


def _weakly(method: Site) -> Site:
    """Return a site that does not keep the environment whose method it is."""
    held = weakref.WeakMethod(method)

    def site(asked: Request) -> Response | None:
        now = held()
        return None if now is None else now(asked)

    return site


def _takes(action: Action) -> bool:
    """Tell whether the shop takes an action.

    Pages have links for every way, text is one line without tabs (which are keys of their own), and the clipboard is no
    part of a state.
    """
    if action.name in ("go_back", "go_forward"):
        return False
    if action.name in _TYPING:
        return not any(key in str(text) for text in action.arguments for key in "\t\r\n")
    return action.name not in _PRESSING or not _remembers(str(action.arguments[-1]))


def _remembers(keys: str) -> bool:
    """Tell whether keys use the clipboard or undo."""
    *held, key = keys.split("+")
    if key in ("Insert", "Delete"):
        return bool(held)
    return key.lower() in _EDITS and any(one in _COMMAND_KEYS for one in held)
