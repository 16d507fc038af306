"""Calls of an OpenAI-compatible endpoint (`POST <base url>/...`), with bounded retries and a deadline.

The standard library is enough for one JSON request, so no extra is needed.
"""

from __future__ import annotations

import json
import os
import time
from collections.abc import Callable, Mapping
from typing import Any, TypeVar
from urllib.parse import urlsplit

from envbench.errors import AgentFailed, InvalidValue

KEY_VARIABLE = "OPENAI_API_KEY"
FIRST_WAIT = 1.0
LONGEST_WAIT = 30.0
_PASSING = (408, 409, 425, 429)  # and every 5xx
_LARGEST_REPLY = 16 << 20
_LOOPBACK = ("localhost", "127.0.0.1", "::1")

T = TypeVar("T")


class Malformed(Exception):
    """An answer that is not what was asked for; its text says what was expected."""


class _Passing(Exception):
    """Worth another attempt; `wait` is what the endpoint asked for, in seconds."""

    def __init__(self, message: str, wait: float | None = None) -> None:
        super().__init__(message)
        self.wait = wait


class Endpoint:
    """One OpenAI-compatible endpoint. The key is read from `$OPENAI_API_KEY` at each call and stored nowhere.

    Calls may come from several threads at once.

    Args:
        base_url: up to and without `/chat/completions`, e.g. `http://localhost:8000/v1`.
        timeout: seconds without an answer after which a call counts as failed.
        retries: further attempts after 408, 409, 425, 429, 5xx, timeouts, broken connections and unreadable answers.
        sleep: called with the seconds before each further attempt: 1, 2, 4, ..., at most 30, or what `Retry-After` asks
            for within the same bound.

    Raises:
        InvalidValue: for a URL that is none, or that holds credentials.
    """

    def __init__(
        self, base_url: str, *, timeout: float = 120.0, retries: int = 5, sleep: Callable[[float], None] = time.sleep
    ) -> None:
        self.url = check_url(base_url)
        self._timeout = timeout
        self._retries = retries
        self._sleep = sleep
        self._answered = False  # by anything, an error included: then somebody is there

    def post(
        self, path: str, request: Mapping[str, Any], read: Callable[[bytes], T], *, deadline: float | None = None
    ) -> T:
        """Send a request and return what `read` makes of the answer's body.

        Args:
            path: behind the base URL, e.g. `/chat/completions`.
            request: sent as JSON.
            read: raises `Malformed` for a body that is worth another attempt.
            deadline: reading of `time.monotonic` after which no attempt begins; None for none.

        Raises:
            AgentFailed: when the last attempt failed too, or the endpoint refuses this one request (400, 413, 422).
            InvalidValue: when it would refuse every request: wrong key, model or URL, or nobody there from the start.
        """
        url, body = self.url + path, json.dumps(request).encode("ascii")
        wait = FIRST_WAIT
        for attempt in range(self._retries + 1):
            try:
                return self._call(url, body, read, deadline)
            except _Passing as error:
                pause = min(wait if error.wait is None else error.wait, LONGEST_WAIT)
                late = deadline is not None and time.monotonic() + pause >= deadline
                if attempt == self._retries or late:
                    tried = f"{url}: {error}, after {attempt + 1} attempts{' (the deadline is near)' * late}"
                    if self._answered:
                        raise AgentFailed(tried) from None
                    raise InvalidValue(
                        f"{tried}; start the endpoint or check --base-url, then type the same command again"
                    ) from None
                self._sleep(pause)
                wait *= 2.0
        raise AssertionError("unreachable: the last attempt returns or raises")

    def _call(self, url: str, body: bytes, read: Callable[[bytes], T], deadline: float | None) -> T:
        import http.client
        from urllib.error import HTTPError
        from urllib.request import ProxyHandler, Request, build_opener

        headers = {"Content-Type": "application/json", "Accept": "application/json"}
        key = os.environ.get(KEY_VARIABLE)
        if key:
            headers["Authorization"] = f"Bearer {key}"
        direct = [ProxyHandler({})] if urlsplit(url).hostname in _LOOPBACK else []
        left = self._timeout if deadline is None else min(self._timeout, max(deadline - time.monotonic(), 0.001))
        try:
            request = Request(url, data=body, headers=headers, method="POST")
            with build_opener(*direct).open(request, timeout=left) as response:
                self._answered = True
                return read(response.read(_LARGEST_REPLY))
        except Malformed as error:
            raise _Passing(str(error)) from None
        except HTTPError as error:
            self._answered = True
            with error:
                raise self._refusal(url, error.code, error.headers.get("Retry-After"), error.read(2000)) from None
        except (OSError, http.client.HTTPException) as error:
            reason = getattr(error, "reason", error)
            raise _Passing(" ".join(f"no answer ({type(error).__name__}: {reason})".split())) from None

    def _refusal(self, url: str, status: int, retry_after: str | None, body: bytes) -> Exception:
        said = " ".join(body.decode("utf-8", "replace").split())[:300]
        if status in _PASSING or status >= 500:
            return _Passing(f"status {status} ({said})", _seconds(retry_after))
        if status in (401, 403):
            return InvalidValue(f"{url} refused the key (status {status}): set ${KEY_VARIABLE} to one that it takes")
        if status in (404, 405) or 300 <= status < 400:
            return InvalidValue(f"{url} answered {status} ({said}): check --base-url and --model")
        return AgentFailed(f"{url} refused the request with status {status} ({said})")


def check_url(base_url: str) -> str:
    """Return a base URL without its final slash, or raise `InvalidValue`."""
    try:
        parts = urlsplit(base_url)
        named = parts.scheme in ("http", "https") and bool(parts.hostname) and (parts.port is None or parts.port > 0)
    except ValueError:
        named = False
    if not named:
        raise InvalidValue(f"--base-url {base_url!r}: expected a URL such as http://localhost:8000/v1")
    if "@" in parts.netloc or parts.query or parts.fragment:
        raise InvalidValue(
            f"--base-url: leave out user, password and query (it is stored); the key goes into ${KEY_VARIABLE}"
        )
    return base_url.rstrip("/")


def _seconds(retry_after: str | None) -> float | None:
    """Return a `Retry-After` in seconds; dates are left to the ordinary waits."""
    try:
        return max(float(retry_after or ""), 0.0)
    except ValueError:
        return None
