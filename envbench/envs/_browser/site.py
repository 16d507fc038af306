"""What a page is served: a folder, or whatever a Python function answers. Everything else is refused."""

from __future__ import annotations

import mimetypes
from base64 import b64encode
from collections.abc import Callable, Mapping
from functools import lru_cache
from pathlib import Path
from typing import Any, NamedTuple
from urllib.parse import unquote, urlsplit

ORIGIN = "http://envbench.test"
"""Where sites live, for pages. Nothing of it leaves the process: no name resolves in the browser."""


class Request(NamedTuple):
    """What a page asks for.

    Attributes:
        url: whole.
        path: decoded, from the first slash.
        query: without the question mark, as it is.
        method: GET, POST and so on.
        body: of a form that was sent.
    """

    url: str
    path: str
    query: str
    method: str = "GET"
    body: bytes = b""


class Response(NamedTuple):
    """What it is answered."""

    body: bytes
    kind: str = "text/html; charset=utf-8"
    status: int = 200
    headers: Mapping[str, str] = {}


Site = Callable[[Request], Response | None]
"""Returns None for what is not served. It runs on the thread that reads from the browser, and must not wait for it."""


def folder(root: Path) -> Site:
    """Return a site of the files below `root`, read once each; links out of it are refused."""
    real = root.resolve()

    @lru_cache(maxsize=512)
    def read(path: str) -> Response | None:
        file = (real / path.lstrip("/")).resolve()
        if not file.is_relative_to(real) or not file.is_file():
            return None
        kind = mimetypes.guess_type(file.name)[0] or "application/octet-stream"
        return Response(file.read_bytes(), f"{kind}; charset=utf-8" if kind.startswith("text/") else kind)

    return lambda request: read(request.path) if request.method == "GET" else None


def nothing(request: Request) -> Response | None:
    """Serve nothing."""
    return None


def request_of(asked: Mapping[str, Any]) -> Request | None:
    """Return a request of our origin from what DevTools says of it, or None for any other."""
    parts = urlsplit(asked["url"])
    if f"{parts.scheme}://{parts.netloc}" != ORIGIN:
        return None
    body = (asked.get("postData") or "").encode("utf-8", "surrogatepass")
    return Request(asked["url"], unquote(parts.path) or "/", parts.query, asked["method"], body)


def fulfilment(response: Response) -> dict[str, Any]:
    """Return the parameters of `Fetch.fulfillRequest`, but the request's id."""
    headers = {"Content-Type": response.kind, "Cache-Control": "no-store", **response.headers}
    return {
        "responseCode": response.status,
        "responseHeaders": [{"name": name, "value": value} for name, value in headers.items()],
        "body": _base64(response.body),
    }


@lru_cache(maxsize=256)
def _base64(body: bytes) -> str:
    return b64encode(body).decode("ascii")


__all__ = ["ORIGIN", "Request", "Response", "Site", "folder", "fulfilment", "nothing", "request_of"]
