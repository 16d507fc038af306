"""The shop for a person: one episode, served to the browsers of this machine alone."""

from __future__ import annotations

import logging
import threading
from collections.abc import Mapping
from html import escape
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, cast

import gymnasium

from envbench.cards import KnobValue
from envbench.envs.webshop import render
from envbench.envs.webshop.env import WebShop
from envbench.envs.webshop_browser import site, templates
from envbench.envs.webshop_browser.templates import Extra
from envbench.errors import InvalidValue
from envbench.registry import card_of, split_of
from envbench.types.page import Block, Paragraph, Table
from envbench.types.task import Task

HOST = "127.0.0.1"
TEXT_SHOP = "envbench/WebShop-v0"
"""What a person's episode is recorded as: actions and states are the engine's."""

_LONGEST_BODY = 1 << 24
"""Bytes of a form."""

log = logging.getLogger(__name__)


class Visit:
    """One episode with its server, which runs as a context does; `url` is where it is.

    Args:
        task: what is asked for.
        dataset: of the task.
        knobs: of `WebShopBrowser-v0`; those that are no knobs of the text shop do nothing here.
        seed: of the episode.
        max_steps: limit of the episode; the text shop's where left out.
        port: of this machine; any free one when 0.

    Attributes:
        env: the text shop, whose actions the pages send.
        actions: what was sent.

    Raises:
        InvalidValue: a port that is taken.
    """

    def __init__(
        self,
        task: Task,
        dataset: str,
        knobs: Mapping[str, KnobValue],
        seed: int = 0,
        max_steps: int | None = None,
        port: int = 0,
    ) -> None:
        known = card_of(TEXT_SHOP).knobs
        given: dict[str, Any] = {name: value for name, value in knobs.items() if name in known}
        if max_steps is not None:
            given["max_steps"] = max_steps
        shop = gymnasium.make(TEXT_SHOP, dataset=dataset, split=split_of(task.id)[2], **given).unwrapped
        assert isinstance(shop, WebShop)
        self.env = shop
        _, self._info = self.env.reset(seed=seed, options={"task": task.id})
        self.actions: list[str] = []
        self._notice = ""
        self._lock = threading.Lock()
        self._told = threading.Event()  # the last page was sent
        try:
            self._server = _Server((HOST, port), _handler(self))
        except OSError as error:
            raise InvalidValue(f"--port {port}: {error.strerror}; leave it out for a free one") from None
        self.url = f"http://{HOST}:{self._server.server_port}/"

    @property
    def over(self) -> bool:
        return "outcome" in self._info

    def __enter__(self) -> Visit:
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.1,), name="shop", daemon=True)
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._server.shutdown()
        self.close()

    def close(self) -> None:
        self._server.server_close()

    def wait(self, seconds: float | None = None) -> bool:
        """Tell whether the episode is over and its last page was sent, after at most `seconds`."""
        return self._told.wait(seconds)

    def answer(self, asked: site.Request) -> str | None:
        """Do what a request stands for; return the HTML of its address, or None when that is elsewhere (`here`)."""
        with self._lock:
            engine = self.env._engine
            action = None if self.over else site.action(engine, asked)
            at_home = asked.form is None and asked.path == site.address(engine.session)
            if action is not None:
                self.act(action)
            elif not at_home:
                self._notice = "" if self.over else "Nothing was done: that is not on this page."
            if asked.form is not None or asked.path != site.address(self.env._engine.session):
                return None
            return self._page()

    def act(self, action: str) -> None:
        """Send an action of the engine."""
        *_, self._info = self.env.step(action)
        self.actions.append(action)
        self._notice = ""

    def here(self, asked: site.Request | None = None) -> str:
        """Return the address of the page that the episode stands on, at the option that was just chosen."""
        path = site.address(self.env._engine.session)
        if asked is not None and asked.path.startswith(f"{site.CHOOSE}/") and not self.over:
            path += f"#{templates.choice_id(asked.path.rpartition('/')[2])}"
        return path

    def _page(self) -> str:
        env, notice = self.env, self._notice
        self._notice = ""
        limit = "" if env.max_steps is None else f" of {env.max_steps}"
        status = f"over: {self._info['outcome']}" if self.over else f"step {env.t}{limit}"
        ending = _explained(render.ending(env, self._info)) if self.over else ""
        return templates.page(env._engine, Extra(status, notice, ending, person=True))


def _explained(blocks: tuple[Block, ...]) -> str:
    """Return the result as HTML."""
    shown = "\n".join(_block(block) for block in blocks)
    return (
        f'<section class="ending" aria-label="The result explained">\n<h2>How the reward came about</h2>\n{shown}\n'
        '<p class="soft">The episode is over, and the shop is closed. You can close this page.</p>\n</section>'
    )


def _block(block: Block) -> str:
    if isinstance(block, Table):
        head = "".join(f'<th scope="col">{escape(name)}</th>' for name in block.columns)
        rows = "".join("<tr>" + "".join(f"<td>{escape(cell)}</td>" for cell in row) + "</tr>" for row in block.rows)
        return f"<table><thead><tr>{head}</tr></thead><tbody>{rows}</tbody></table>"
    assert isinstance(block, Paragraph)  # the shop's ending has no other blocks
    return f'<p class="{block.role}">{escape(block.text)}</p>'


class _Server(ThreadingHTTPServer):
    daemon_threads = True


def _handler(visit: Visit) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        server_version, sys_version = "envbench", ""

        def do_GET(self) -> None:  # named by the standard library
            self._answer(None)

        def do_POST(self) -> None:  # named by the standard library
            length = self.headers.get("Content-Length", "")
            if not (length.isascii() and length.isdecimal() and int(length) <= _LONGEST_BODY):
                self.close_connection = True
                self._send(HTTPStatus.REQUEST_ENTITY_TOO_LARGE, "too long")
                return
            self._answer(self.rfile.read(int(length)))

        def _answer(self, body: bytes | None) -> None:
            names = {f"{name}:{cast(_Server, self.server).server_port}" for name in (HOST, "localhost")}
            origin = self.headers.get("Origin")
            if self.headers.get("Host") not in names or origin not in {None, *(f"http://{name}" for name in names)}:
                self._send(HTTPStatus.FORBIDDEN, "not from here")  # another site's page may send forms to this one
                return
            asked = site.request(self.path, body)
            page = visit.answer(asked)
            if page is None:
                self._send(HTTPStatus.SEE_OTHER, "", visit.here(asked))
                return
            self._send(HTTPStatus.OK, page)
            if visit.over:
                visit._told.set()

        def _send(self, status: HTTPStatus, text: str, location: str = "") -> None:
            data = text.encode("utf-8", "replace")
            self.send_response(status)
            headers = {
                "Content-Type": "text/html; charset=utf-8" if status is HTTPStatus.OK else "text/plain; charset=utf-8",
                "Content-Length": str(len(data)),
                "X-Content-Type-Options": "nosniff",
                "X-Frame-Options": "DENY",
                "Referrer-Policy": "same-origin",
                "Cache-Control": "no-store",
            } | ({"Location": location} if location else {})
            for name, value in headers.items():
                self.send_header(name, value)
            self.end_headers()
            self.wfile.write(data)

        def log_message(self, format: str, *args: Any) -> None:
            log.debug(format, *args)

    return Handler
