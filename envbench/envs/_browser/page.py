"""One tab: its site, its scripts, its frames, its clock."""

from __future__ import annotations

import logging
import threading
import time
from base64 import b64decode
from collections.abc import Callable
from functools import cache
from importlib.resources import files
from typing import Any

import msgspec

from envbench.envs._browser.browser import Browser, browser
from envbench.envs._browser.pipe import START_S, Reply, plain
from envbench.envs._browser.site import Site, fulfilment, nothing, request_of
from envbench.errors import BrowserFailed

log = logging.getLogger(__name__)

DEADLINE_S = 20.0
"""Seconds that a page may take to answer before it counts as hanging."""

FRAMES = 2
"""Frames of a barrier: hover and layout settle on them (reference: one leaves differences)."""

_PROBE = "F24"
"""A key that nobody presses; `clock.js` keeps it from the page and notes that it came."""

_TRACKED = ("Network.requestWillBeSent", "Network.loadingFinished", "Network.loadingFailed")
_ENOUGH = 50  # refused requests and errors that are kept


@cache
def _script(name: str) -> str:
    return files("envbench.envs._browser").joinpath(name).read_text(encoding="utf-8")


class Page:
    """An open tab.

    Args:
        context: in which; one of its own when None, which ends with it.
        site: answers its requests; the others are refused and listed in `refused`.
        width, height: of the window, in CSS pixels.
        script: JavaScript of the family, run in every document after the driver's own.
        deadline: seconds for any one answer.

    Attributes:
        refused: addresses that were asked for in vain, the first ones.
        errors: what page scripts threw, the first ones.
        loads: documents that were loaded.
        swaps: style sheets show another picture where the mouse is, as far as was observed.
        url: of the document that an episode begins in; "" before.

    Raises:
        BrowserFailed: the browser cannot open it.
    """

    def __init__(
        self,
        site: Site = nothing,
        *,
        context: str | None = None,
        width: int = 800,
        height: int = 600,
        script: str = "",
        deadline: float = DEADLINE_S,
    ) -> None:
        self.browser: Browser = browser()
        self.width, self.height = width, height
        self.deadline = deadline
        self.site = site
        self.mouse: tuple[float, float] | None = None
        self.pointed = False  # it is there by coordinates, not by a reference
        self.held = 0  # buttons of the mouse
        self.pressed: tuple[float, float] | None = None  # where
        self._dragged: dict[str, Any] | None = None  # what a native drag carries
        self.refused: list[str] = []
        self.errors: list[str] = []
        self.url = ""
        self.dialogs = self.downloads = self.loads = 0
        self._loaded = threading.Event()
        self._started = False  # a navigation of the main frame is on its way
        self.swaps = False
        self._woken = 0  # what `loads` was when a document last was seen to take input
        self._under_way: dict[str, str] = {}  # requests, with the load of whose document they are
        self._idle = threading.Condition()
        self._gone = ""
        self._pipe = self.browser.pipe
        self._own_context = self.browser.context() if context is None else ""
        self._target, self._session = self.browser.open(context or self._own_context, width, height)
        self._pipe.listen(self._session, self._on_event)
        self._prepare(script)

    def _prepare(self, script: str) -> None:
        source = "\n".join((_script("clock.js"), _script("observe.js"), script))
        commands: tuple[tuple[str, dict[str, Any]], ...] = (
            ("Page.enable", {}),
            ("Runtime.enable", {}),
            ("Network.enable", {"maxTotalBufferSize": 1000000}),
            ("Inspector.enable", {}),
            ("Fetch.enable", {"patterns": [{"urlPattern": "*"}]}),
            ("Page.addScriptToEvaluateOnNewDocument", {"source": source}),
            ("Page.setInterceptFileChooserDialog", {"enabled": True}),
            ("Input.setInterceptDrags", {"enabled": True}),
            ("Emulation.setTimezoneOverride", {"timezoneId": "UTC"}),
            ("Emulation.setLocaleOverride", {"locale": "en-US"}),
            ("Emulation.setFocusEmulationEnabled", {"enabled": True}),
            (
                "Emulation.setDeviceMetricsOverride",
                {"width": self.width, "height": self.height, "deviceScaleFactor": 1, "mobile": False},
            ),
        )
        for reply in [self.send(method, params) for method, params in commands]:
            reply.get(START_S)

    # Talking.

    def send(self, method: str, params: dict[str, Any] | None = None) -> Reply:
        """Send a command of this tab without waiting."""
        reply = self._pipe.send(method, params or {}, self._session)
        if self._gone:
            reply.settle(None, self._gone)
        return reply

    def call(self, method: str, params: dict[str, Any] | None = None) -> Any:
        """Send a command of this tab and return its result.

        Raises:
            BrowserFailed: an error, a tab or browser that is gone, no answer within the deadline.
        """
        return self._get(self.send(method, params))

    def evaluate(self, expression: str, *, wait: bool = False) -> Any:
        """Return the value of a JavaScript expression; with `wait`, what its promise yields.

        Raises:
            BrowserFailed: it throws, or as `call`.
        """
        return _value(
            self.call("Runtime.evaluate", {"expression": expression, "returnByValue": True, "awaitPromise": wait})
        )

    def invoke(self, function: str, *arguments: Any, wait: bool = False) -> Any:
        """Return what the driver's `function` in the page returns for plain arguments."""
        return self.evaluate(_call(function, *arguments), wait=wait)

    def _draw(self, params: dict[str, Any]) -> Any:
        with self.browser.drawing:
            return self.call("HeadlessExperimental.beginFrame", params)

    def _get(self, reply: Reply) -> Any:
        try:
            return reply.get(self.deadline)
        except BrowserFailed:
            self._gone = self._gone or "the page failed before"
            raise

    # Going and settling.

    def goto(self, url: str) -> None:
        """Load a document and wait until it is there; it is the first of the tab's history.

        Raises:
            BrowserFailed: it is not served, or as `call`.
        """
        self._loaded.clear()
        answer = self.call("Page.navigate", {"url": url})
        if answer.get("errorText"):
            raise BrowserFailed(f"{url} cannot be loaded: {answer['errorText']}")
        if answer.get("loaderId"):
            self._await_load()
        self.send("Page.resetNavigationHistory")

    def travel(self, entry: int | None) -> None:
        """Go to an entry of the tab's history."""
        self._loaded.clear()
        self._started = True
        self.call("Page.navigateToHistoryEntry", {"entryId": entry})

    def settle(self) -> None:
        """Wait for navigations and requests that have started, as far as the page was heard."""
        if self._started or self.loads != self._woken:
            self._await_load()
        with self._idle:
            if not self._under_way:
                return
            if not self._idle.wait_for(lambda: not self._under_way or self._gone, self.deadline):
                raise self._failed(f"requests are not answered within {self.deadline:g} s")
        self.evaluate("0")

    def hear(self) -> None:
        """Draw frames, after what the page said before is heard and what that started has ended."""
        before, early = self.loads, int(self.browser.program.frame_control)
        heard = self._send_ask("0")
        if early:
            self.frame(early)  # while it answers; it counts if it was of the document that stays
        self._await_ask(heard, before)
        self.settle()
        self.frame(FRAMES if self.loads != before else FRAMES - early)

    def _ask(self, expression: str, *, wait: bool = False) -> Any:
        """Return the answer to an expression; None where the document is left meanwhile, and so does not answer."""
        before = self.loads
        return self._await_ask(self._send_ask(expression, wait=wait), before)

    def _send_ask(self, expression: str, *, wait: bool = False) -> Reply:
        return self.send("Runtime.evaluate", {"expression": expression, "returnByValue": True, "awaitPromise": wait})

    def _await_ask(self, reply: Reply, before: int) -> Any:
        try:
            return reply.get(self.deadline)
        except BrowserFailed as error:
            if not self.left(before):
                raise self._failed(str(error)) from None
            return None

    def left(self, loads: int) -> bool:
        """Tell whether the document of `loads` is being left for another, or was: the next one may be there by now."""
        return self.usable and (self._started or self.loads > loads)

    def frame(self, count: int = FRAMES) -> None:
        """Have the document live through frames: layout, hover, its frame callbacks. Pixels wait for a screenshot."""
        if not self.browser.program.frame_control:
            self.evaluate(_NATIVE_FRAMES, wait=True)
            return
        for _ in range(count):
            self._draw({"noDisplayUpdates": True})

    def advance(self, ms: float) -> None:
        """Move the page's clock and run what falls due."""
        self.invoke("advance", ms, wait=True)

    def input(self, *events: tuple[str, dict[str, Any]]) -> None:
        """Send input events one behind the other and wait until the page has taken them."""
        replies = [self.send(f"Input.{method}", params) for method, params in events]
        for reply in replies:
            self._get(reply)

    def move(self, x: float, y: float) -> None:
        """Move the mouse; a page hears of it with the next frame. With the button held it may begin to drag a thing."""
        self.mouse = (x, y)
        if self._dragged is not None:
            self._drag_event("dragOver")
            return
        held = {"buttons": self.held, "button": "left" if self.held else "none"}
        reply = self.send("Input.dispatchMouseEvent", {"type": "mouseMoved", "x": x, "y": y} | held)
        if self.browser.program.frame_control:
            until = time.monotonic() + self.deadline
            while time.monotonic() < until:
                self.frame(1)
                if reply.wait(0.002):
                    break
        self._get(reply)
        if self.held:
            self.evaluate("0")  # by now it is heard whether a drag began
            if self._dragged is not None:
                self._drag_event("dragEnter")
                self._drag_event("dragOver")

    def release(self, event: tuple[str, dict[str, Any]]) -> None:
        """Let go of the mouse where it is: drop what is dragged, or send `event`."""
        self.held = 0
        if self._dragged is None:
            self.input(event)
        else:
            self._drag_event("drop")
            self._dragged = None

    def _drag_event(self, kind: str) -> None:
        x, y = self.mouse or (0.0, 0.0)
        self.call("Input.dispatchDragEvent", {"type": kind, "x": x, "y": y, "data": self._dragged})

    def observe(self, html: bool = False) -> dict[str, Any]:
        """Return what `observe.js` reads: canonical document, rows, the family's facts.

        Raises:
            BrowserFailed: the page does not answer, or not with that.
        """
        return self._read(self.invoke("observe", self._wanted(html)))

    def advance_and_observe(self, ms: float, html: bool = False, *, still: bool = False) -> dict[str, Any] | None:
        """Do both at once, without settling in between.

        None where the document is left meanwhile, and with `still` where a timer ran: then it was not observed.
        """
        before = self.loads
        answer = self._ask(_call("moved", ms, self._wanted(html), still), wait=True)
        if answer is None or self.left(before):
            return None
        text = _value(answer)
        return None if still and text == "" else self._read(text)

    def _wanted(self, html: bool) -> dict[str, Any]:
        pointed = self.mouse if self.pointed else None
        return {"mouse": self.mouse, "pointed": pointed, "held": self.holding, "html": html}

    @property
    def holding(self) -> list[Any]:
        """Where the mouse is while its button is down, where that went down, what it drags; [] while it is up."""
        if not self.held:
            return []
        return [*(self.mouse or ()), *(self.pressed or ()), *([] if self._dragged is None else [self._carried])]

    @property
    def _carried(self) -> list[list[str]]:
        """What is dragged, by kind; HTML left out, since it names the machine's fonts."""
        items = (self._dragged or {}).get("items", ())
        return [[one["mimeType"], one["data"]] for one in items if one["mimeType"] != "text/html"]

    def _read(self, text: Any) -> dict[str, Any]:
        if not isinstance(text, str):
            raise self._failed("the page does not say what it shows")
        seen: dict[str, Any] = plain(text)
        self.swaps = bool(seen["swaps"])
        return seen

    def tidy(self) -> None:
        """Give back what loading the document has left behind: some megabytes, of pages with large libraries."""
        self.call("HeapProfiler.collectGarbage")

    def screenshot(self) -> bytes:
        """Return a picture of the window as PNG."""
        wanted = {"format": "png", "optimizeForSpeed": True}
        if not self.browser.program.frame_control:
            return b64decode(self.call("Page.captureScreenshot", wanted)["data"])
        for _ in range(2):  # a frame with nothing new to draw may bring none
            if "screenshotData" in (answer := self._draw({"screenshot": wanted})):
                return b64decode(answer["screenshotData"])
        raise self._failed("the page gave no picture")

    def close(self) -> None:
        """Close the tab; again does nothing."""
        if self._gone != "the page was closed":
            self._gone = "the page was closed"
            self._pipe.listen(self._session, None)
            self._pipe.fail(self._session, self._gone)
            self.browser.discard(self._target)
            if self._own_context:
                self.browser.dispose(self._own_context)

    @property
    def usable(self) -> bool:
        return not self._gone and self.browser.alive

    # Events, on the reading thread: nothing here waits.

    def _on_event(self, method: str, raw: msgspec.Raw) -> None:
        handle = _HANDLERS.get(method)
        if handle is not None:
            handle(self, plain(raw))

    def _on_request(self, asked: dict[str, Any]) -> None:
        request = request_of(asked["request"])
        response = None
        if request is not None:
            try:
                response = self.site(request)
            except Exception as error:  # a fault of the site ends the episode, not the thread
                self._note(self.errors, f"the site failed at {request.path}: {type(error).__name__}: {error}")
                self._end(self.errors[-1])
        if response is None:
            self._note(self.refused, asked["request"]["url"])
            log.warning("a page asked for %s, which is not served", asked["request"]["url"][:500])
            self.send("Fetch.failRequest", {"requestId": asked["requestId"], "errorReason": "BlockedByClient"})
        else:
            self.send("Fetch.fulfillRequest", {"requestId": asked["requestId"], **fulfilment(response)})

    def _on_load(self, _: dict[str, Any]) -> None:
        self.loads += 1
        self._started = False
        self._loaded.set()

    def _on_navigation(self, asked: dict[str, Any]) -> None:
        if asked.get("disposition", "currentTab") == "currentTab" and asked["frameId"] == self._target:
            self._loaded.clear()
            self._started = True

    def _on_stop(self, event: dict[str, Any]) -> None:
        """End a navigation that leads to no other document: within this one, to another program, or given up."""
        if self._started and event["frameId"] == self._target:
            self._started = False
            self._loaded.set()

    def _on_commit(self, event: dict[str, Any]) -> None:
        """Forget what a document had asked for that is left: nobody will hear of it."""
        if event["frame"]["id"] == self._target:
            with self._idle:
                stays = event["frame"]["loaderId"]
                self._under_way = {asked: load for asked, load in self._under_way.items() if load == stays}
                self._idle.notify_all()

    def _on_network(self, event: dict[str, Any]) -> None:
        with self._idle:
            if "request" in event:
                self._under_way[event["requestId"]] = event["loaderId"]
            else:
                self._under_way.pop(event["requestId"], None)
                self._idle.notify_all()

    def _on_dialog(self, _: dict[str, Any]) -> None:
        self.dialogs += 1
        self.send("Page.handleJavaScriptDialog", {"accept": True})

    def _on_drag(self, event: dict[str, Any]) -> None:
        self._dragged = event["data"]

    def _on_error(self, event: dict[str, Any]) -> None:
        self._note(self.errors, _thrown(event["exceptionDetails"]))

    def _on_download(self, _: dict[str, Any]) -> None:
        self.downloads += 1
        self._started = False
        self._loaded.set()

    def _on_crash(self, _: dict[str, Any]) -> None:
        self._end("the page crashed")

    def _end(self, reason: str) -> None:
        self._gone = self._gone or reason
        self._pipe.fail(self._session, reason)
        self._loaded.set()
        with self._idle:
            self._idle.notify_all()

    def _note(self, kept: list[str], text: str) -> None:
        if len(kept) < _ENOUGH:
            kept.append(text[:500])

    def _await_load(self) -> None:
        if not self._loaded.wait(self.deadline):
            raise self._failed(f"a document did not load within {self.deadline:g} s")
        if self._gone:
            raise BrowserFailed(self._gone)
        self._started, self._woken = False, self.loads
        self._wake()

    def _wake(self) -> None:
        """Draw frames until the document takes input: before its first ones it drops what comes, without a word."""
        until = time.monotonic() + self.deadline
        while not self.evaluate("!window.__envbench || __envbench.awake"):
            if time.monotonic() > until:
                raise self._failed(f"a document took no input within {self.deadline:g} s")
            self.frame(1)
            self.input(("dispatchKeyEvent", {"type": "keyUp", "key": _PROBE}))

    def _failed(self, reason: str) -> BrowserFailed:
        self._gone = self._gone or reason
        return BrowserFailed(reason)


_HANDLERS: dict[str, Callable[[Page, dict[str, Any]], None]] = {
    "Fetch.requestPaused": Page._on_request,
    "Page.loadEventFired": Page._on_load,
    "Page.frameRequestedNavigation": Page._on_navigation,
    "Page.frameNavigated": Page._on_commit,
    "Page.frameStoppedLoading": Page._on_stop,
    "Page.javascriptDialogOpening": Page._on_dialog,
    "Input.dragIntercepted": Page._on_drag,
    "Page.downloadWillBegin": Page._on_download,
    "Runtime.exceptionThrown": Page._on_error,
    "Inspector.targetCrashed": Page._on_crash,
    "Inspector.detached": Page._on_crash,
    **dict.fromkeys(_TRACKED, Page._on_network),
}

_NATIVE_FRAMES = "new Promise((done) => __envbench.native.raf(() => __envbench.native.raf(() => done(0))))"


def _call(function: str, *arguments: Any) -> str:
    given = ",".join(msgspec.json.encode(argument).decode() for argument in arguments)
    return f"__envbench.{function}({given})"


def _value(answer: dict[str, Any]) -> Any:
    if "exceptionDetails" in answer:
        raise BrowserFailed(f"the page threw: {_thrown(answer['exceptionDetails'])}")
    return answer["result"].get("value")


def _thrown(details: dict[str, Any]) -> str:
    thrown = details.get("exception", {}).get("description") or details.get("text", "")
    return str(thrown).split("\n", 1)[0]
