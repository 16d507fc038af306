"""A Chromium for these tests, and pages served from strings."""

from collections.abc import Callable, Iterator
from typing import Any

import pytest

from envbench.envs._browser.browser import close_browser, hold, release
from envbench.envs._browser.grammar import parse
from envbench.envs._browser.page import Page
from envbench.envs._browser.session import Session, Start
from envbench.envs._browser.site import ORIGIN, Request, Response


@pytest.fixture(scope="module", autouse=True)
def _a_browser_of_its_own() -> Iterator[None]:
    """Held here, so that an environment of an earlier test, collected late, is not the last one to let go of it."""
    hold()
    yield
    close_browser()
    release()


def site_of(pages: dict[str, str]) -> Callable[[Request], Response | None]:
    def serve(request: Request) -> Response | None:
        body = pages.get(request.path)
        return None if body is None else Response(f"<!DOCTYPE html><body>{body}".encode())

    return serve


@pytest.fixture
def open_page() -> Iterator[Callable[..., Page]]:
    opened: list[Page] = []

    def open_one(body: str, **arguments: Any) -> Page:
        page = Page(site_of({"/": body}), **arguments)
        opened.append(page)
        page.goto(f"{ORIGIN}/")
        return page

    yield open_one
    for page in opened:
        page.close()


class Played:
    """A session on pages of strings that takes actions as text."""

    def __init__(self, pages: dict[str, str], **arguments: Any) -> None:
        self.session = Session(tick_ms=100, **arguments)
        self.session.begin(Start(f"{ORIGIN}/", site_of(pages), width=400, height=300))

    def act(self, text: str) -> str:
        action = parse(text)
        assert action is not None, text
        return self.session.act(action)

    def js(self, expression: str) -> Any:
        assert self.session.page is not None
        return self.session.page.evaluate(expression)

    def ref(self, name: str) -> int:
        return next(row.ref for row in self.session.seen.rows if name in (row.name, row.look) and row.ref >= 0)


@pytest.fixture
def play() -> Iterator[Callable[..., Played]]:
    made: list[Played] = []

    def begin(body: str | dict[str, str], **arguments: Any) -> Played:
        made.append(Played(body if isinstance(body, dict) else {"/": body}, **arguments))
        return made[-1]

    yield begin
    for played in made:
        played.session.close()
