"""The address of each page, the controls on it, and the engine's action that a request stands for. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple
from urllib.parse import parse_qsl, quote, urlsplit

from envbench.envs.webshop import pages
from envbench.envs.webshop.catalogue import Product
from envbench.envs.webshop.engine import Engine, Session
from envbench.envs.webshop.grammar import can_click, click, search

SEARCH, BUY, CHOOSE = "/search", "/buy", "/choose"
"""Where forms are sent to: a search as field `q`, a purchase, a value as field `value` to `/choose/<option>`."""

_HOME, _RECEIPT = "/", "/receipt"
_MOST_FIELDS = 8


class Option(NamedTuple):
    """A value of an option on a product's page.

    Attributes:
        value: as shown.
        action: the engine's action that chooses it; None where nothing does: the grammar cannot name it, it is a
            button's word, or it is also a value of a later option, which then gets it.
        chosen: it is chosen now.
    """

    value: str
    action: str | None
    chosen: bool


class Request(NamedTuple):
    """What a browser asks for: the path, and the fields of a form that was sent there (None for a plain link)."""

    path: str
    form: Mapping[str, str] | None = None


def request(url: str, body: bytes | None = None) -> Request:
    """Return the request for an address, with the body of a form as browsers send it by default."""
    path = urlsplit(url).path
    if body is None:
        return Request(path)
    try:
        fields = parse_qsl(body.decode("ascii"), keep_blank_values=True, max_num_fields=_MOST_FIELDS)
    except ValueError:
        fields = []
    return Request(path, dict(fields))


def address(session: Session) -> str:
    """Return the path of the page that a session stands on. It holds no query, which may be of any length."""
    product = f"/product/{quote(session.asin or '', safe='')}"
    return {
        "search": _HOME,
        "results": _results(session.number),
        "item": product,
        "sub": f"{product}/{(session.sub or '').lower()}",
        "done": _RECEIPT,
    }[session.page]


def _results(number: int) -> str:
    return f"/results/{number}"


def has_search_box(engine: Engine) -> bool:
    """Tell whether the page has a search box: every page but the last one, as a search is accepted on them all."""
    return engine.session.page != "done"


def links(engine: Engine) -> dict[str, str]:
    """Return path -> action of every link on the page, in page order."""
    session, view = engine.session, engine.view
    found: dict[str, str] = {}
    if session.page in ("search", "done"):
        return found
    found[_HOME] = click(pages.BACK)
    if session.page == "results":
        found |= {_results(session.number - 1): click(pages.PREV)} if pages.PREV in view.clickables else {}
        found[_results(session.number + 1)] = click(pages.NEXT)
        for text, asin in view.targets.items():
            found[address(Session(page="item", asin=asin))] = click(text)
    elif session.page == "sub":
        found[address(Session(page="item", asin=session.asin))] = click(pages.PREV)
    else:
        found[_results(session.number)] = click(pages.PREV)
        for text, name in pages.SUB_PAGES.items():
            if text in view.clickables:
                found[address(Session(page="sub", asin=session.asin, sub=name))] = click(text)
    accepted = set(view.clicks)
    return {path: action for path, action in found.items() if action in accepted}


def options(engine: Engine) -> list[tuple[str, list[Option]]]:
    """Return the options of the product on show with their values, each once."""
    if engine.session.page != "item":
        return []
    targets, chosen = engine.view.targets, engine.session.options

    def option(name: str, value: str) -> Option:
        can = targets.get(value) == name and can_click(value) and pages.is_plain(value)
        return Option(value, click(value) if can else None, chosen.get(name) == value)

    return [
        (name, [option(name, value) for value in dict.fromkeys(values)])
        for name, values in _product(engine).options.items()
    ]


def _product(engine: Engine) -> Product:
    return engine.shop.pages.catalogue.by_asin[engine.session.asin or ""]


def action(engine: Engine, asked: Request) -> str | None:
    """Return the engine's action that a request from its page stands for; None for what is not on that page."""
    form = asked.form
    if form is None:
        return links(engine).get(asked.path)
    if asked.path == SEARCH:
        words = form.get("q", "")
        return search(words) if words and has_search_box(engine) else None
    if engine.session.page != "item":
        return None
    if asked.path == BUY:
        return click(pages.BUY)
    number = asked.path.removeprefix(f"{CHOOSE}/")
    return _choice(engine, number, form.get("value", ""))


def _choice(engine: Engine, group: str, place: str) -> str | None:
    """Return the action for the value at a place of an option, both by number."""
    try:
        return options(engine)[_whole(group)][1][_whole(place)].action
    except (ValueError, IndexError):
        return None


def _whole(text: str) -> int:
    if not (text.isascii() and text.isdecimal() and len(text) < _MOST_FIELDS):
        raise ValueError(text)
    return int(text)


def actions(engine: Engine) -> tuple[str, ...]:
    """Return the actions of every control on the page but the search box, in page order."""
    chosen = [option.action for _, values in options(engine) for option in values if option.action is not None]
    bought = [click(pages.BUY)] if engine.session.page == "item" else []
    return (*links(engine).values(), *chosen, *bought)
