"""The local server of the viewer: one page and what it asks for, to this machine alone."""

from __future__ import annotations

import logging
import re
import sys
import threading
from collections.abc import Callable, Sequence
from concurrent.futures import CancelledError, ThreadPoolExecutor
from functools import cached_property
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, TypeVar, cast
from urllib.parse import parse_qs, urlsplit

from envbench.errors import EnvbenchError, InvalidValue
from envbench.report.view.credit import group_view
from envbench.report.view.moments import Replays
from envbench.report.view.page import built, json_text, page
from envbench.report.view.source import Source, index_of

HOST = "127.0.0.1"
_MOST_MOMENTS = 200  # of one request
_MOST_EPISODES = 100

_CLOSED = "the viewer is closed: type envbench view again"

_log = logging.getLogger(__name__)
T = TypeVar("T")


class Views:
    """What the page can ask for, of one source. Environments are played on one thread, whoever asks.

    Args:
        source: of the episodes.
        methods: of credit.
    """

    def __init__(self, source: Source, methods: Sequence[str]) -> None:
        self._source, self._methods = source, tuple(methods)
        self._replays = Replays(source)
        self._player = ThreadPoolExecutor(1, thread_name_prefix="player")
        self._groups: dict[int, dict[str, Any]] = {}

    def close(self) -> None:
        self._player.shutdown(cancel_futures=True)

    @cached_property
    def index(self) -> dict[str, Any]:
        return index_of(self._source)

    def steps(self, number: int, first: int, count: int) -> dict[str, Any]:
        """Return recorded steps of an episode, not played again."""
        row = self._row(number)
        last = min(first + count, len(row["actions"]))
        return {"first": first, "actions": row["actions"][first:last], "rewards": row["rewards"][first:last]}

    def moments(self, number: int, first: int, count: int) -> dict[str, Any]:
        """Return moments of an episode, played again up to there."""
        row = self._row(number)
        if not 0 <= first <= len(row["actions"]):
            raise InvalidValue(f"step {first}: episode {number} has {len(row['actions'])} steps")
        count = min(count, _MOST_MOMENTS)
        return {"first": first, "moments": self._play(lambda: self._replays.moments(number, first, count))}

    def instructions(self, numbers: Sequence[int]) -> dict[str, str]:
        """Return what the tasks of episodes ask for, by number."""
        for number in numbers[:_MOST_EPISODES]:
            self._row(number)
        return self._play(lambda: {str(one): self._replays.instruction(one) for one in numbers[:_MOST_EPISODES]})

    def group(self, number: int) -> dict[str, Any]:
        """Return a group with its credit."""
        if number not in self._groups:
            self._groups[number] = self._play(lambda: group_view(self._source, number, self._methods))
        return self._groups[number]

    def _row(self, number: int) -> Any:
        if not 0 <= number < len(self._source.rows):
            raise InvalidValue(f"episode {number}: there are {len(self._source.rows)}, from 0")
        return self._source.rows[number]

    def _play(self, work: Callable[[], T]) -> T:
        try:
            future = self._player.submit(work)
        except RuntimeError:
            raise InvalidValue(_CLOSED) from None
        try:
            return future.result()
        except CancelledError:
            raise InvalidValue(_CLOSED) from None


class _Server(ThreadingHTTPServer):
    daemon_threads = True

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Say nothing of a browser that went away before it had its answer."""
        if not isinstance(sys.exception(), ConnectionError):
            _log.exception("the viewer failed")


class Viewer:
    """A running server; `url` is where it is. Close it, or use it as a context."""

    def __init__(self, source: Source, methods: Sequence[str], port: int = 0) -> None:
        """Listen on `port` of this machine, on any free one when 0.

        Raises:
            InvalidValue: for a port that is taken.
        """
        self._views = Views(source, methods)
        try:
            self._server = _Server((HOST, port), _handler(self._views))
        except OSError as error:
            raise InvalidValue(f"--port {port}: {error.strerror}; leave it out for a free one") from None
        self.url = f"http://{HOST}:{self._server.server_port}/"

    def run(self) -> None:
        """Serve until `close` is called from another thread, or an exception ends it."""
        self._server.serve_forever(poll_interval=0.1)

    def start(self) -> None:
        """Serve in a thread of its own."""
        self._thread = threading.Thread(target=self.run, name="viewer", daemon=True)
        self._thread.start()

    def close(self) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._views.close()

    def __enter__(self) -> Viewer:
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


_NUMBER = r"(\d{1,9})"
_ROUTES: tuple[tuple[str, str], ...] = (
    (r"/api/index", "index"),
    (rf"/api/episodes/{_NUMBER}/steps", "steps"),
    (rf"/api/episodes/{_NUMBER}/moments", "moments"),
    (rf"/api/groups/{_NUMBER}", "group"),
    (r"/api/instructions", "instructions"),
)


def answer(views: Views, path: str, query: str) -> dict[str, Any] | None:
    """Return what a path of the interface stands for, None where it is none.

    Raises:
        EnvbenchError: for a number that is not there, or an episode that cannot be played again.
    """
    asked = parse_qs(query, max_num_fields=8)

    def whole(name: str) -> int:
        text = asked.get(name, [""])[-1]
        if re.fullmatch(r"\d{1,9}", text, re.ASCII) is None:
            raise InvalidValue(f"{name}={text!r}: expected a whole number")
        return int(text)

    for pattern, what in _ROUTES:
        match = re.fullmatch(pattern, path, re.ASCII)
        if match is None:
            continue
        if what == "index":
            return views.index
        if what == "group":
            return views.group(int(match[1]))
        if what == "instructions":
            texts = re.findall(r"\d{1,9}", asked.get("of", [""])[-1], re.ASCII)
            return views.instructions([int(text) for text in texts])
        window = views.steps if what == "steps" else views.moments
        return window(int(match[1]), whole("from"), whole("count"))
    return None


def _handler(views: Views) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        server_version, sys_version = "envbench", ""

        def do_GET(self) -> None:  # named by the standard library
            port = cast(_Server, self.server).server_port
            if self.headers.get("Host") not in (f"{HOST}:{port}", f"localhost:{port}"):
                self._send(HTTPStatus.FORBIDDEN, "text/plain", "not from here")  # a foreign name may point here
                return
            parts = urlsplit(self.path)
            if parts.path == "/":
                self._send(HTTPStatus.OK, "text/html", page())
                return
            try:
                found = answer(views, parts.path, parts.query)
            except (EnvbenchError, ValueError) as error:
                self._send(HTTPStatus.UNPROCESSABLE_ENTITY, "application/json", json_text({"error": str(error)}))
            except Exception as error:  # the page says so; the traceback is for us
                _log.exception("the viewer failed at %s", self.path)
                text = json_text({"error": f"{type(error).__name__}: {error}"})
                self._send(HTTPStatus.INTERNAL_SERVER_ERROR, "application/json", text)
            else:
                status = HTTPStatus.NOT_FOUND if found is None else HTTPStatus.OK
                self._send(status, "application/json", json_text(found or {"error": "there is nothing here"}))

        def _send(self, status: HTTPStatus, kind: str, text: str) -> None:
            data = text.encode()
            self.send_response(status)
            headers = {
                "Content-Type": f"{kind}; charset=utf-8",
                "Content-Length": str(len(data)),
                "Content-Security-Policy": built().policy + "; frame-ancestors 'none'",
                "X-Content-Type-Options": "nosniff",
                "Referrer-Policy": "no-referrer",
                "Cache-Control": "no-store",
            }
            for name, value in headers.items():
                self.send_header(name, value)
            self.end_headers()
            self.wfile.write(data)

        def log_message(self, format: str, *args: Any) -> None:
            _log.debug(format, *args)

    return Handler
