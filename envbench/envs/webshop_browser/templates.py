"""The shop's pages in HTML: every text of the catalogue and of the player escaped, style and script inside."""

from __future__ import annotations

from base64 import b64encode
from collections.abc import Iterable, Mapping
from functools import lru_cache
from hashlib import sha256
from html import escape
from typing import NamedTuple
from zlib import crc32

from envbench.cards import home
from envbench.envs.webshop import pages
from envbench.envs.webshop.catalogue import Product
from envbench.envs.webshop.engine import Engine
from envbench.envs.webshop_browser import site
from envbench.envs.webshop_browser.site import Option

_QUERY_SHOWN = 100  # characters of a search that pages repeat
_HUES = 8


class Extra(NamedTuple):
    """What a page says beside the shop's own text.

    Attributes:
        status: where the episode stands, in a few words.
        notice: about the last request.
        ending: HTML below the receipt, or instead of the page where nothing was bought.
        person: somebody looks: where reading begins has the focus, and what the mouse is on stands out.
    """

    status: str = ""
    notice: str = ""
    ending: str = ""
    person: bool = False


NOTHING = Extra()


def page(engine: Engine, extra: Extra = NOTHING) -> str:
    """Return the page that a session stands on, as one HTML document that needs nothing else."""
    title, body = _BODIES[engine.session.page](engine)
    searching = engine.session.page == "search"
    if extra.person and searching:
        body = body.replace("<input ", "<input autofocus ", 1)
    over = bool(extra.ending) and engine.session.page != "done"
    main = extra.ending if over else body + extra.ending
    box = "" if over or searching or engine.session.page == "done" else _search_box("Search the shop again")
    notice = f'<p class="notice" role="status">{escape(extra.notice)}</p>' if extra.notice else ""
    status = f'<p class="status">{escape(extra.status)}</p>' if extra.status else ""
    look = _look()
    return f"""<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta http-equiv="Content-Security-Policy" content="{look.policy}">
<title>{escape(title)} - WebShop</title>
<link rel="icon" href="data:,">
<style>{look.style}</style>
</head>
<body class="{engine.session.page}{" person" if extra.person else ""}">
<header>
<div class="bar"><span class="brand">WebShop</span>{box}{status}</div>
<section class="task" aria-label="Instruction"><b>Instruction:</b> {escape(engine.goal.instruction)}</section>
</header>
<main{' tabindex="-1" autofocus' if extra.person and (over or not searching) else ""}>
{notice}{main}
</main>
<script>{look.script}</script>
</body>
</html>
"""


class _Look(NamedTuple):
    style: str
    script: str
    policy: str


@lru_cache(maxsize=1)
def _look() -> _Look:
    """Return style and script, and the policy that lets nothing else run or load."""
    style, script = (
        (home() / "envs" / "webshop_browser" / "site" / name).read_text("utf-8") for name in ("shop.css", "shop.js")
    )
    sources = (f"style-src '{_sha256(style)}'", f"script-src '{_sha256(script)}'")
    policy = ("default-src 'none'", *sources, "img-src data:", "base-uri 'none'", "form-action 'self'")
    return _Look(style, script, "; ".join(policy))


def _sha256(text: str) -> str:
    return f"sha256-{b64encode(sha256(text.encode()).digest()).decode('ascii')}"


def _search_box(label: str) -> str:
    return (
        f'<form class="finder" role="search" method="post" action="{site.SEARCH}">'
        f'<label class="hidden" for="q">{label}</label>'
        f'<input id="q" name="q" type="search" required autocomplete="off" spellcheck="false" placeholder="{label}">'
        "<button>Search</button></form>"
    )


def _link(path: str, label: str, kind: str = "") -> str:
    attribute = f' class="{kind}"' if kind else ""
    return f'<a{attribute} href="{escape(path)}">{escape(label)}</a>'


def _ways_back(engine: Engine, *more: str) -> str:
    """Return the links `Back to Search` and `< Prev`, and `more` links."""
    names = {f"click[{pages.BACK}]": "Back to Search", f"click[{pages.PREV}]": "< Prev"}
    found = [_link(path, names[action]) for path, action in site.links(engine).items() if action in names]
    return f'<nav class="ways" aria-label="Ways back">{"".join((*found, *more))}</nav>'


def _shortened(query: str) -> str:
    return query if len(query) <= _QUERY_SHOWN else f"{query[:_QUERY_SHOWN]}..."


def _tile(product: Product) -> str:
    """Return a picture of the product: its first letter on a colour of its category, for the eye alone."""
    letter = next((letter for letter in product.title.upper() if letter.isalnum()), "?")
    hue = crc32(product.category.encode("utf-8", "surrogatepass")) % _HUES
    return f'<span class="tile hue{hue}" aria-hidden="true" data-letter="{escape(letter)}"></span>'


def _search(engine: Engine) -> tuple[str, str]:
    box = _search_box("What do you want to search for?")
    return "Search", f'<div class="hero"><h1>Find it at WebShop</h1>\n{box}</div>'


def _results(engine: Engine) -> tuple[str, str]:
    session, found = engine.session, engine.results
    assert found is not None  # the page follows a search
    query, number = _shortened(session.query or "").strip(), session.number
    links = site.links(engine)
    by_asin = engine.shop.pages.catalogue.by_asin
    entries = "\n".join(_entry(engine, by_asin[asin], links) for asin in found.page(number))
    first = (number - 1) * pages.PAGE_SIZE + 1
    listing = (
        f'<ol class="products" start="{first}">\n{entries}\n</ol>'
        if entries
        else '<p class="soft">No products here.</p>'
    )
    onward = [_link(path, "Next >") for path, action in links.items() if action == f"click[{pages.NEXT}]"]
    body = (
        f"<h1>Results for “{escape(query)}”</h1>\n"
        f'<p class="soft">Page {number} (Total results: {len(found.asins)})</p>\n'
        f"{_ways_back(engine, *onward)}\n{listing}"
    )
    return f"Results for {query}", body


def _entry(engine: Engine, product: Product, links: Mapping[str, str]) -> str:
    path = site.address(type(engine.session)(page="item", asin=product.asin))
    title = product.title.strip() or product.asin
    name = _link(path, title, "name") if path in links else f'<span class="name">{escape(title)}</span>'
    seen = "viewed" if product.asin in engine.session.visited else ""  # an element in any case: references stay
    return (
        f"<li>{_tile(product)}<div><h2>{name}</h2>"
        f'<p class="soft">{escape(product.asin)} <span class="seen">{seen}</span></p></div>'
        f'<p class="price">{escape(product.price)}</p></li>'
    )


def _item(engine: Engine) -> tuple[str, str]:
    product = _product(engine)
    groups = "\n".join(_group(number, name, values) for number, (name, values) in enumerate(site.options(engine)))
    subs = "".join(
        _link(path, pages.SUB_PAGES[text])
        for path, action in site.links(engine).items()
        if (text := action.removeprefix("click[").removesuffix("]")) in pages.SUB_PAGES
    )
    title = product.title.strip() or product.asin
    body = (
        f'{_ways_back(engine)}\n<article class="product">\n{_tile(product)}\n<div>\n<h1>{escape(title)}</h1>\n'
        f'<p class="soft">{escape(product.asin)}</p>\n'
        f'<p class="price">Price: {escape(product.price)}</p>\n<p class="soft">Rating: N.A.</p>\n{groups}\n'
        f'<form method="post" action="{site.BUY}"><button class="buy">Buy Now</button></form>\n'
        f'<nav class="about" aria-label="About this product">{subs}</nav>\n</div>\n</article>'
    )
    return title, body


def _product(engine: Engine) -> Product:
    return engine.shop.pages.catalogue.by_asin[engine.session.asin or ""]


def choice_id(number: int | str) -> str:
    """Return the id of the form of an option."""
    return f"choice{number}"


def _group(number: int, name: str, values: Iterable[Option]) -> str:
    radios = "".join(_radio(place, option) for place, option in enumerate(values))
    return (
        f'<form class="choice" id="{choice_id(number)}" method="post" action="{site.CHOOSE}/{number}">'
        f"<fieldset><legend>{escape(name)}</legend>{radios}</fieldset><noscript><button>Choose</button></noscript></form>"
    )


def _radio(place: int, option: Option) -> str:
    marks = (" checked" if option.chosen else "") + (" disabled" if option.action is None else "")
    return f'<label><input type="radio" name="value" value="{place}"{marks}><span>{escape(option.value)}</span></label>'


def _sub(engine: Engine) -> tuple[str, str]:
    product, name = _product(engine), engine.session.sub or ""
    title = product.title.strip() or product.asin
    return (
        f"{name}: {title}",
        f'{_ways_back(engine)}\n<article class="text">\n<p class="soft">{escape(title)}</p>\n<h1>{escape(name)}</h1>\n'
        f"{_about(product, name)}\n</article>",
    )


def _about(product: Product, name: str) -> str:
    if name == "Description" and product.description.strip():
        return f"<p>{escape(product.description.strip())}</p>"
    if name == "Features" and any(map(str.strip, product.bullets)):
        return _bullets(product.bullets)
    if name == "Attributes":
        facts = {"Category": product.category, "Found under": product.query, "Place": product.product_category}
        rows = "".join(f"<dt>{key}</dt><dd>{escape(value)}</dd>" for key, value in facts.items())
        return f"{_bullets(product.attributes)}<dl>{rows}</dl>"
    return f'<p class="soft">There is nothing under {escape(name)}.</p>'


def _bullets(texts: Iterable[str]) -> str:
    return "<ul>" + "".join(f"<li>{escape(text.strip())}</li>" for text in texts if text.strip()) + "</ul>"


def _done(engine: Engine) -> tuple[str, str]:
    product, purchase = _product(engine), engine.purchase
    assert purchase is not None  # the page follows a purchase
    chosen = engine.session.options.items()
    rows = "".join(f"<dt>{escape(name)}</dt><dd>{escape(value)}</dd>" for name, value in chosen)
    return (
        "Thank you",
        '<section class="receipt" aria-label="Receipt">\n<h1>Thank you for shopping with us!</h1>\n'
        f"<p>{escape(product.title.strip() or product.asin)}</p>\n"
        f"<dl><dt>Product</dt><dd>{escape(product.asin)}</dd>{rows}<dt>Price</dt><dd>{escape(product.price)}</dd></dl>\n"
        f'<p class="score">Your score (min 0.0, max 1.0): <b>{purchase.reward}</b></p>\n</section>',
    )


_BODIES = {"search": _search, "results": _results, "item": _item, "sub": _sub, "done": _done}
