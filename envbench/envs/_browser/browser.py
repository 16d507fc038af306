"""The one browser of a process: started at the first need, replaced when it died, closed when nobody holds it."""

from __future__ import annotations

import atexit
import logging
import os
import threading
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import msgspec

from envbench.envs._browser.chromium import Program, need_chromium
from envbench.envs._browser.pipe import Pipe, plain
from envbench.errors import BrowserFailed

log = logging.getLogger(__name__)


class Browser:
    """A running Chromium with the tabs of this process.

    Attributes:
        program: what runs.
        popups: tabs that pages opened and that were closed at once.
        drawing: held while a frame is drawn on command: two at once, of whatever tabs, kill the GPU process.
        ahead: opens the pages of next episodes.
    """

    def __init__(self, program: Program) -> None:
        self.program = program
        self.popups = 0
        self._ours: set[str] = set()  # targets that we made
        self._closing: set[str] = set()  # those that pages opened
        self.pipe = Pipe(program)
        self.drawing = threading.Lock()
        self.ahead = ThreadPoolExecutor(1, thread_name_prefix="envbench-ahead")
        self.pipe.listen("", self._on_event)
        try:
            self.pipe.call("Target.setDiscoverTargets", {"discover": True, "filter": [{"type": "page"}]})
        except BaseException:
            self.close()
            raise

    @property
    def alive(self) -> bool:
        return self.pipe.alive

    def context(self) -> str:
        """Make a context, which shares nothing with the others, and return its id.

        Raises:
            BrowserFailed: the browser cannot.
        """
        made: str = self.pipe.call("Target.createBrowserContext", {"disposeOnDetach": True})["browserContextId"]
        self.pipe.send("Browser.setDownloadBehavior", {"behavior": "deny", "browserContextId": made})
        return made

    def dispose(self, context: str) -> None:
        """Close a context with its tabs, without waiting; its processes end, hanging or not."""
        self.pipe.send("Target.disposeBrowserContext", {"browserContextId": context})

    def open(self, context: str, width: int, height: int) -> tuple[str, str]:
        """Open an empty tab in a context and return the ids of target and session.

        Raises:
            BrowserFailed: the browser cannot.
        """
        wanted: dict[str, Any] = {"url": "about:blank", "browserContextId": context, "width": width, "height": height}
        if self.program.frame_control:
            wanted["enableBeginFrameControl"] = True
        target = self.pipe.call("Target.createTarget", wanted)["targetId"]
        self._ours.add(target)
        session = self.pipe.call("Target.attachToTarget", {"targetId": target, "flatten": True})["sessionId"]
        return target, session

    def discard(self, target: str) -> None:
        """Close a tab without waiting."""
        self.pipe.send("Target.closeTarget", {"targetId": target})

    def close(self) -> None:
        """End it, with all its processes."""
        self.ahead.shutdown(wait=False, cancel_futures=True)
        self.pipe.close()

    def _on_event(self, method: str, params: msgspec.Raw) -> None:
        if method == "Target.detachedFromTarget":
            session = plain(params)["sessionId"]
            self.pipe.fail(session, "the tab was closed")
            self.pipe.tell(session, "Inspector.detached", msgspec.Raw(b"{}"))
        if method == "Target.targetDestroyed":
            gone = {plain(params)["targetId"]}
            self._ours -= gone
            self._closing -= gone
        if method in ("Target.targetCreated", "Target.targetInfoChanged"):
            self._on_target(plain(params)["targetInfo"])

    def _on_target(self, info: dict[str, Any]) -> None:
        """Close what a page has opened: it has an opener, or (links with Control) an address; ours have neither yet."""
        target = info["targetId"]
        if target in self._ours or target in self._closing or not (info.get("openerId") or info["url"] not in _BLANK):
            return
        self.popups += 1
        self._closing.add(target)
        self.pipe.send("Target.closeTarget", {"targetId": target})


_BLANK = ("", "about:blank")
"""Addresses of a tab that was just made."""


class _Shared:
    """The process's browser, with a count of those who hold it."""

    def __init__(self) -> None:
        self.lock = threading.RLock()
        self.browser: Browser | None = None
        self.holders = 0
        self.replaced = 0  # browsers that died and were replaced


_shared = _Shared()


def _after_fork() -> None:
    """A forked child has no browser yet: the parent's is closed to it (`pipe.py`)."""
    global _shared
    _shared = _Shared()


os.register_at_fork(after_in_child=_after_fork)


def hold() -> None:
    """Say that an environment will want the browser; `release` ends it."""
    with _shared.lock:
        _shared.holders += 1


def release() -> None:
    """The last one to leave closes the browser."""
    with _shared.lock:
        _shared.holders = max(0, _shared.holders - 1)
        if _shared.holders == 0:
            close_browser()


def browser() -> Browser:
    """Return the browser of this process, started or replaced if need be.

    Raises:
        BrowserMissing: no Chromium on this machine.
        BrowserFailed: it does not start.
    """
    with _shared.lock:
        current = _shared.browser
        if current is not None and not current.alive:
            log.warning("the browser is gone; starting another")
            _shared.replaced += 1
            current.close()
            current = _shared.browser = None
        if current is None:
            current = _shared.browser = Browser(need_chromium())
        return current


def replaced() -> int:
    """Return how many browsers of this process died and were replaced."""
    return _shared.replaced


def close_browser() -> None:
    """Close this process's browser now, whoever holds it; the next need starts another."""
    with _shared.lock:
        current, _shared.browser = _shared.browser, None
        if current is not None:
            current.close()


atexit.register(close_browser)

__all__ = ["Browser", "BrowserFailed", "browser", "close_browser", "hold", "release", "replaced"]
