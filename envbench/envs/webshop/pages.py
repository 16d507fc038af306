"""The pages of the shop in text mode: what they show and what can be clicked on them.

A page is a list of parts joined by ` [SEP] `. A part is one text node of the original's HTML page, stripped.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from functools import cached_property, lru_cache
from types import MappingProxyType
from typing import NamedTuple

from envbench.envs.webshop import layout
from envbench.envs.webshop.catalogue import Catalogue
from envbench.envs.webshop.grammar import can_click, click
from envbench.envs.webshop.layout import Node
from envbench.hashing import digest

SEPARATOR = " [SEP] "
PAGE_SIZE = 10

SEARCH = "search"
BACK, PREV, NEXT, BUY = "back to search", "< prev", "next >", "buy now"
SUB_PAGES = {name.lower(): name for name in layout.SUB_PAGES}
"""Pages below an item page. `Attributes` may have no button; an option value of that name leads there all the same."""

_BUTTONS = frozenset((SEARCH, BACK, PREV, BUY, *SUB_PAGES))

_CACHED_QUERIES = 2048
_CACHED_PAGES = 1 << 14  # of each kind
_NOTHING: Mapping[str, str] = MappingProxyType({})


class View(NamedTuple):
    """One page without its instruction.

    Attributes:
        body: the parts after the instruction, joined.
        clickables: in page order, lower case.
        clicks: the accepted `click[...]` actions, in page order.
        targets: what a clickable stands for: link -> ASIN on a results page, value -> option name on an item page.
    """

    body: str
    clickables: tuple[str, ...]
    clicks: tuple[str, ...]
    targets: Mapping[str, str] = _NOTHING


def parts(node: str) -> tuple[str, ...]:
    """Return the part that a text node of a page makes, or none.

    An empty node makes none. The original's parser folds ASCII white space to a line feed if it holds one, and then
    drops it; else to a space, which is left as an empty part.
    """
    if not node or (not node.strip(" \n\t\f\r") and "\n" in node):
        return ()
    return (node.strip(),)


def is_plain(value: str) -> bool:
    """Tell whether clicking on an option's value chooses it: some words belong to buttons of every product page."""
    return value not in _BUTTONS


def _join(nodes: Iterable[Node]) -> str:
    return SEPARATOR.join(part for node in nodes for part in parts(node.text))


def _view(body: str, clickables: Iterable[str], targets: Mapping[str, str] = _NOTHING) -> View:
    found = tuple(dict.fromkeys(clickables))
    clicks = tuple(click(text) for text in found if text != SEARCH and can_click(text))
    return View(body, found, clicks, targets)


SEARCH_VIEW = _view("Search", (SEARCH,))


@lru_cache(maxsize=4096)
def instruction_head(instruction: str) -> str:
    """Return the parts of a page up to the instruction, with the separator that follows."""
    return _join(layout.instruction(instruction)) + SEPARATOR


_DONE = _join(layout.done("\0", "\0", "\0")).split("\0")


def done_view(asin: str, options: Mapping[str, str], reward: float) -> View:
    """Return the page after a purchase; it does not repeat the instruction."""
    before, between, rest, after = _DONE
    return View(f"{before}{asin}{between}{layout.chosen(options)}{rest}{reward}{after}", (), ())


class Results:
    """What a query found: `asins`, best first. Queries that find the same list are one and the same to a player."""

    def __init__(self, asins: tuple[str, ...]) -> None:
        self.asins = asins
        self.views: dict[int, View] = {}

    @cached_property
    def key(self) -> str:
        """Digest of the list."""
        return digest(self.asins)

    def page(self, number: int) -> tuple[str, ...]:
        """Return the ASINs of a page; the first is 1, and those past the end are empty."""
        return self.asins[(number - 1) * PAGE_SIZE : number * PAGE_SIZE]


class Pages:
    """The pages of one catalogue, rendered when first seen. One for all sessions of a process.

    Args:
        show_attrs: products have a button that leads to their attributes.
    """

    def __init__(self, catalogue: Catalogue, show_attrs: bool = False) -> None:
        self.catalogue = catalogue
        self.show_attrs = show_attrs
        self.results = lru_cache(maxsize=_CACHED_QUERIES)(self._results)
        self.entry = lru_cache(maxsize=_CACHED_PAGES)(self._entry)
        self.item = lru_cache(maxsize=_CACHED_PAGES)(self._item)
        self.sub = lru_cache(maxsize=_CACHED_PAGES)(self._sub)

    def _results(self, query: str) -> Results:
        return Results(self.catalogue.find(query))

    def listing(self, results: Results, number: int) -> View:
        """Return a page of results."""
        view = results.views.get(number)
        if view is None:
            view = self._listing(results, number)
            if results.page(number):  # pages past the end are without number
                results.views[number] = view
        return view

    def _listing(self, results: Results, number: int) -> View:
        asins = results.page(number)
        head = _join(layout.results(number, len(results.asins)))
        links = {asin.lower(): asin for asin in asins}
        buttons = (BACK, PREV, NEXT) if number > 1 else (BACK, NEXT)
        return _view(SEPARATOR.join((head, *map(self.entry, asins))), (*buttons, *links), links)

    def _entry(self, asin: str) -> str:
        return _join(layout.entry(self.catalogue.by_asin[asin]))

    def _item(self, asin: str) -> View:
        nodes = tuple(layout.item(self.catalogue.by_asin[asin], self.show_attrs))
        owners = {node.text: node.name for node in nodes if node.kind == "option"}  # of two names, the last one's
        buttons = (BACK, PREV, *(node.text.lower() for node in nodes[2:] if node.kind == "button"))
        return _view(_join(nodes), (*buttons, *owners), owners)

    def _sub(self, asin: str, name: str) -> View:
        return _view(_join(layout.sub(self.catalogue.by_asin[asin], name)), (BACK, PREV))
