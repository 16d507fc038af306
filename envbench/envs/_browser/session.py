"""An episode in a page: begun afresh, moved on action by action, and the next one's page made ready meanwhile."""

from __future__ import annotations

import logging
import threading
from concurrent.futures import CancelledError, Future
from contextlib import suppress
from typing import NamedTuple

from envbench.envs._browser.acts import carry_out
from envbench.envs._browser.browser import Browser, browser
from envbench.envs._browser.grammar import Action
from envbench.envs._browser.page import DEADLINE_S, Page
from envbench.envs._browser.seen import Seen
from envbench.envs._browser.site import Site
from envbench.errors import BrowserFailed

log = logging.getLogger(__name__)

TABS = 250
"""Tabs of one context; after as many it is closed with all its processes, which keep something of each tab."""


class Start(NamedTuple):
    """Where an episode begins: a document that can be loaded before anybody knows the rest of the task.

    Attributes:
        url: of the document.
        site: that serves it.
        script: of the family, run in every document.
        width, height: of the window.
    """

    url: str
    site: Site
    script: str = ""
    width: int = 800
    height: int = 600


class Session:
    """One environment's page.

    Args:
        tick_ms: what the page's clock advances after each action.
        barrier: settle on frames.
        html: read the document's HTML as well.
        deadline: seconds for any one answer of the page.

    Attributes:
        seen: the page as it is now.
        failures: pages and browsers that failed here.
    """

    seen: Seen

    def __init__(
        self, *, tick_ms: float, barrier: bool = True, html: bool = False, deadline: float = DEADLINE_S
    ) -> None:
        self.tick_ms, self.barrier, self.html, self.deadline = tick_ms, barrier, html, deadline
        self.page: Page | None = None
        self.failures = 0
        self._spare: tuple[Start, Future[Page]] | None = None
        self._homing = threading.Lock()
        self._home: tuple[Browser, str] | None = None  # the context of this session's pages
        self._tabs = 0  # that were opened there

    def begin(self, start: Start, run: str = "") -> Seen:
        """Start an episode in a fresh page: load it (or take it loaded) and evaluate `run`, a promise or a value.

        Raises:
            BrowserFailed: twice in a row; a browser that died was replaced in between.
        """
        if self._tabs >= TABS or (self.page is not None and not self.page.usable):
            self._leave()
        try:
            return self._begin(start, run)
        except BrowserFailed as error:
            self.failures += 1
            log.warning("a page could not be started (%s); once more", error)
            self._leave()
            return self._begin(start, run)
        except BaseException:
            self._leave()
            raise

    def act(self, action: Action) -> str:
        """Do what is asked and look again; return why it is refused, "" when it was done. A refusal changes nothing.

        Raises:
            BrowserFailed: the page or the browser failed; the episode cannot go on.
        """
        page = self.open_page()
        try:
            page.settle()
            if reason := carry_out(page, action):
                return reason
            self._go_on(page)
        except BaseException as error:  # an interrupt as well: what it has done of the action is not known
            self.failures += isinstance(error, BrowserFailed)
            self._leave()
            raise
        return ""

    def refresh(self) -> Seen:
        """Look at the page again, after something else than an action has changed it."""
        self._look(self.open_page())
        return self.seen

    def prepare(self, start: Start, load: bool) -> None:
        """Open a tab for an episode to come in the background; load its document, if it is likely enough to be that."""
        if self._spare is None:
            with suppress(RuntimeError):  # of a browser that is being closed
                self._spare = (start, browser().ahead.submit(self._load_ahead if load else self._open, start))

    def screenshot(self) -> bytes:
        """Return the window as PNG."""
        return self.open_page().screenshot()

    def close(self) -> None:
        """Close the pages; again does nothing."""
        self._leave()

    @property
    def gone(self) -> bool:
        """There is no page to act in."""
        return self.page is None or not self.page.usable

    def open_page(self) -> Page:
        """Return the page of this episode.

        Raises:
            BrowserFailed: it is gone.
        """
        if self.page is None or not self.page.usable:
            raise BrowserFailed("the page of this episode is gone; reset")
        return self.page

    def _begin(self, start: Start, run: str) -> Seen:
        page = self._take_spare(start) or self._load(start)
        self._drop()  # not before: with the last page of a context its process ends, and what is being opened in it
        self.page = page
        if run:
            page.evaluate(run, wait=True)
            page.settle()
        self._look(page)
        return self.seen

    def _open(self, start: Start) -> Page:
        now = browser()
        with self._homing:
            if self._home is None or self._home[0] is not now:
                self._home, self._tabs = (now, now.context()), 0
            self._tabs += 1
            context = self._home[1]
        return Page(
            start.site,
            context=context,
            width=start.width,
            height=start.height,
            script=start.script,
            deadline=self.deadline,
        )

    def _load(self, start: Start) -> Page:
        page = self._open(start)
        try:
            return self._go(page, start)
        except BaseException:
            page.close()
            raise

    def _load_ahead(self, start: Start) -> Page:
        page = self._load(start)
        page.tidy()
        return page

    def _go(self, page: Page, start: Start) -> Page:
        page.goto(start.url)
        page.settle()
        if self.barrier:
            page.frame()
        page.url = start.url
        return page

    def _go_on(self, page: Page) -> None:
        """Move the clock and look: at once where no timer ran and the document stays, so that nothing is to settle.

        Without a barrier take what comes: what an input has started may or may not have happened.
        """
        if self.barrier:
            page.hear()
        seen = page.advance_and_observe(self.tick_ms, self.html, still=self.barrier)
        if seen is None:
            self._look(page)
        else:
            self.seen = Seen.read(seen)

    def _look(self, page: Page) -> None:
        page.settle()
        if self.barrier:
            page.frame()
        self.seen = Seen.read(page.observe(self.html))

    def _take_spare(self, start: Start) -> Page | None:
        spare, self._spare = self._spare, None
        if spare is None:
            return None
        try:
            page = spare[1].result()
        except (BrowserFailed, RuntimeError, CancelledError):  # it will be tried again in the open
            return None
        if spare[0][1:] != start[1:] or not page.usable:
            page.close()
            return None
        return page if page.url == start.url else self._go(page, start)

    def _give_back_spare(self) -> None:
        if self._spare is not None:
            _, future = self._spare
            self._spare = None
            if not future.cancel():
                future.add_done_callback(lambda done: None if done.exception() else done.result().close())

    def _leave(self) -> None:
        """Close everything, the context and with it the process that may hang."""
        self._drop()
        self._give_back_spare()
        with self._homing:
            home, self._home, self._tabs = self._home, None, 0
        if home is not None and home[0].alive:
            home[0].dispose(home[1])

    def _drop(self) -> None:
        if self.page is not None:
            self.page.close()
            self.page = None


__all__ = ["Session", "Start"]
