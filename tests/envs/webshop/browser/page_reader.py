"""Reads a page of the shop as a browser does: its text, and the request behind every control that can be used."""

from collections.abc import Iterator
from html.parser import HTMLParser
from urllib.parse import urlencode

from envbench.envs.webshop_browser import site
from envbench.envs.webshop_browser.site import Request

_VOID = {"meta", "link", "input", "br"}


class PageReader(HTMLParser):
    """After `feed`: `links`, `forms` as (path, fields that can be sent), `text`, and `open` elements left over."""

    def __init__(self, html: str) -> None:
        super().__init__(convert_charrefs=True)
        self.links: list[str] = []
        self.forms: list[tuple[str, list[tuple[str, str]]]] = []
        self.tags: list[str] = []
        self.attributes: list[tuple[str, str, str]] = []
        self.texts: list[str] = []
        self.open: list[str] = []
        self.feed(html)
        self.close()

    @property
    def text(self) -> str:
        return " ".join(" ".join(self.texts).split())

    def requests(self) -> Iterator[Request]:
        """Yield what every control but the search box asks for."""
        for path in self.links:
            yield site.request(f"http://here{path}")
        for path, fields in self.forms:
            if path != site.SEARCH:
                for name, value in fields or [("", "")]:
                    yield site.request(f"http://here{path}", urlencode({name: value} if name else {}).encode())

    @property
    def has_search_box(self) -> bool:
        return any(path == site.SEARCH and ("q", "") in fields for path, fields in self.forms)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = {name: value or "" for name, value in attrs}
        self.tags.append(tag)
        self.attributes += [(tag, name, value) for name, value in given.items()]
        if tag not in _VOID:
            self.open.append(tag)
        if tag == "a":
            self.links.append(given["href"])
        elif tag == "form":
            assert given["method"] == "post"
            self.forms.append((given["action"], []))
        elif tag == "input" and "disabled" not in given:
            self.forms[-1][1].append((given["name"], given.get("value", "")))

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        if self.open and self.open[-1] not in ("style", "script", "title"):
            self.texts.append(data)
