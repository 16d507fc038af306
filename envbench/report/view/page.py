"""The viewer's page: one HTML file with its style and script inside, alone or with the data of an export."""

from __future__ import annotations

import json
from base64 import b64encode
from functools import lru_cache
from hashlib import sha256
from pathlib import Path
from typing import Any, NamedTuple

_SCRIPTS = ("core.js", "list.js", "parts.js", "episode.js", "group.js", "start.js")


class Built(NamedTuple):
    """The page without data, and the policy that lets nothing run or load but what is in it."""

    html: str
    policy: str


@lru_cache(maxsize=1)
def built() -> Built:
    """Return the page with its style and scripts, from the files in `static/`."""
    style = _text("view.css")
    script = "\n".join(("(() => {", '"use strict";', *map(_text, _SCRIPTS), "})();"))
    sources = {"script-src": script, "style-src": style}
    hashes = [f"{name} 'sha256-{_sha256(text)}'" for name, text in sources.items()]
    policy = "; ".join(
        ("default-src 'none'", *hashes, "img-src data:", "connect-src 'self'", "base-uri 'none'", "form-action 'none'")
    )
    html = _text("view.html").replace("{{policy}}", policy).replace("{{style}}", style).replace("{{script}}", script)
    return Built(html, policy)


def page(data: dict[str, Any] | None = None) -> str:
    """Return the page; with `data`, it asks no server for anything."""
    return built().html.replace("{{data}}", json_text(data).replace("<", "\\u003c"))


def json_text(value: Any) -> str:
    """Return JSON in ASCII: it holds any text of an episode, lone surrogates too."""
    return json.dumps(value, separators=(",", ":"), allow_nan=False)


def _text(name: str) -> str:
    return (Path(__file__).parent / "static" / name).read_text("utf-8")


def _sha256(text: str) -> str:
    return b64encode(sha256(text.encode()).digest()).decode("ascii")
