"""The shop as a person sees it, and a purchase explained part by part."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import regex

from envbench.envs.webshop import pages
from envbench.envs.webshop.catalogue import Product
from envbench.envs.webshop.engine import Engine
from envbench.envs.webshop.goals import NO_LIMIT
from envbench.envs.webshop.grammar import can_click, click, parse, search
from envbench.envs.webshop.reward import matched_attributes, purchase_reward, satisfies
from envbench.types.page import Block, Choice, Choices, Page, Paragraph, Table

if TYPE_CHECKING:
    from envbench.envs.webshop.env import WebShop

_QUOTED = regex.compile(r"'.*'", regex.DOTALL)
_SEARCH_ADVICE = "words to search for"
_OTHER_ADVICE = "search[words] for another search"


def page(observation: str, info: Mapping[str, Any], actions: tuple[str, ...]) -> Page:
    """Return the page of the text mode, quoted or not, laid out for reading; of other modes, the text as it is.

    That mode does not show which options are chosen: they are read off the player's own `actions`. What an observation
    repeats of earlier pages is left out.
    """
    parts = observation.split(pages.SEPARATOR)
    if all(map(_QUOTED.fullmatch, parts)):
        parts = [part[1:-1] for part in parts]
    if info.get("outcome"):
        return Page(())
    if info["has_search_bar"]:
        offered = tuple(Choice(parse(action)[1] or "", action) for action in info["valid_actions"])
        table = Table(("or one of these searches",), tuple((choice.label,) for choice in offered), offered)
        return Page((Paragraph("What do you want to search for?", "title"), table), advice=_SEARCH_ADVICE)
    if "Back to Search" in parts:
        body = parts[len(parts) - parts[::-1].index("Back to Search") :]
        clickables = info["clickables"]
        if pages.BUY in clickables and body[-1] == "Buy Now" and "Description" in body[-5:]:
            return Page(_item(body, clickables, actions), advice=_OTHER_ADVICE)
        if body and body[0].startswith("Page "):
            return Page(_results(body, clickables, actions), advice=_OTHER_ADVICE)
        if clickables == (pages.BACK, pages.PREV):
            return Page(_sub_page(body[1:], actions), advice=_OTHER_ADVICE)
    return Page((Paragraph(observation),), advice=_OTHER_ADVICE)


def command(typed: str, info: Mapping[str, Any]) -> str | None:
    """Return the search for words typed where the page has a search bar."""
    return search(typed) if info["has_search_bar"] else None


def ending(env: WebShop, info: Mapping[str, Any]) -> tuple[Block, ...]:
    """Return what the purchase was worth: each part, what was asked for, what was bought, and what it added."""
    engine = env._engine
    if engine.session.page != "done":
        return (Paragraph(f"Nothing was bought within {env.t} steps: the reward is 0.", "bad"),)
    goal, asin = engine.goal, engine.session.asin or ""
    product, price = engine.shop.pages.catalogue.by_asin[asin], engine.shop.prices[asin]
    reward, parts = purchase_reward(product, goal, price, engine.session.options, engine.shop.nouns)
    rows = _part_rows(engine, product, price)
    shares = {"attributes": parts["r_att"] * parts["w_att"], "price": parts["r_price"] * parts["w_price"]}
    if "w_option" in parts:
        shares["options"] = parts["r_option"] * parts["w_option"]
    total = " + ".join(f"{name} {shares[name]:.3f}" for name in ("attributes", "options", "price") if name in shares)
    result = "reward" if env.knobs.get("protocol", "original") == "original" else "score"
    sum_line = f"{result} = type {parts['r_type']:.1f} x ({total}) = {reward:.3f}"
    return (
        Paragraph(f"You bought: {product.title}", "title"),
        Table(("part", "asked for", "bought", "counts"), rows, widest=2),
        Paragraph(_type_line(parts)),
        Paragraph(sum_line, "good" if reward == 1.0 else "accent"),
        *([] if result == "reward" else [Paragraph("This protocol pays 10 for a score of 1, and else nothing.")]),
    )


def _button(label: str) -> Choice:
    return Choice(label, click(label.lower()))


def _results(body: Sequence[str], clickables: Sequence[str], actions: Sequence[str]) -> tuple[Block, ...]:
    """Return a page of results: `body` starts with its number."""
    links = [text for text in clickables if text not in (pages.BACK, pages.PREV, pages.NEXT)]
    rows: list[list[str]] = []
    for part in body[1:]:
        if len(rows) < len(links) and part.lower() == links[len(rows)]:
            rows.append([])
        elif rows:
            rows[-1].append(part)
    opened = {action.lower() for action in actions}
    products = [
        Choice(" ".join(row[:-1]) or link, click(link), click(link) in opened)
        for row, link in zip(rows, links, strict=False)
    ]
    cells = tuple((choice.label, row[-1] if row else "") for choice, row in zip(products, rows, strict=True))
    names = {pages.BACK: "Back to Search", pages.PREV: "< Prev", pages.NEXT: "Next >"}
    return (
        Paragraph(body[0], "title"),
        Table(("product", "price"), cells, tuple(products)),
        Choices("", tuple(_button(names[text]) for text in clickables if text in names)),
    )


def _item(body: Sequence[str], clickables: Sequence[str], actions: Sequence[str]) -> tuple[Block, ...]:
    """Return a product's page: `body` is `< Prev`, options, title, price, rating and four or five buttons."""
    end = len(body) - (4 if body[-2] == "Reviews" else 5)
    head, price, rating, buttons = body[1 : end - 2], body[end - 2], body[end - 1], body[end:]
    values = set(clickables[clickables.index(pages.BUY) + 1 :])
    options, title = (head[:-1], head[-1]) if head and head[-1] not in values else (head, "")
    groups: list[tuple[str, list[str]]] = []
    for part in options:
        if part in values and groups:
            groups[-1][1].append(part)
        else:
            groups.append((part, []))
    chosen = _chosen({value: name for name, row in groups for value in row}, actions)
    blocks: list[Block] = [Paragraph(title, "title"), Paragraph(f"{price}   {rating}")]
    for name, row in groups:
        typed = (value for value in row if can_click(value))
        blocks.append(Choices(name, tuple(Choice(value, click(value), chosen.get(name) == value) for value in typed)))
    return (*blocks, Choices("", tuple(map(_button, (*buttons, "< Prev", "Back to Search")))))


def _chosen(owners: Mapping[str, str], actions: Sequence[str]) -> dict[str, str]:
    """Return option name -> value as chosen since the product was opened; `owners`: value -> option name."""
    chosen: dict[str, str] = {}
    in_sub_page = False
    for action in actions:
        name, argument = parse(action)
        text = argument or ""
        if name == "click" and text in pages.SUB_PAGES:
            in_sub_page = True
        elif name == "click" and text == pages.PREV and in_sub_page:
            in_sub_page = False
        elif name == "click" and text in owners:
            chosen[owners[text]] = text
        else:
            chosen, in_sub_page = {}, False
    return chosen


def _sub_page(texts: Sequence[str], actions: Sequence[str]) -> tuple[Block, ...]:
    opened = (parse(actions[-1])[1] or "") if actions else ""
    title = Paragraph(pages.SUB_PAGES.get(opened, ""), "title")
    bullets = [Paragraph(f"- {text}" if len(texts) > 1 else text) for text in texts if text]
    return (
        title,
        *(bullets or [Paragraph("(nothing here)", "quiet")]),
        Choices("", (_button("< Prev"), _button("Back to Search"))),
    )


def _part_rows(engine: Engine, product: Product, price: float) -> tuple[tuple[str, ...], ...]:
    """Return (part, asked for, bought, counts) of every attribute, every option and the price."""
    goal, options = engine.goal, engine.session.options
    weight = 1 / (len(goal.attributes) + len(goal.wanted) + 1)

    def counts(yes: bool) -> str:
        return f"{'yes' if yes else 'no '} {weight if yes else 0.0:.3f} of {weight:.3f}"

    rows = []
    for wanted in goal.attributes:
        has = matched_attributes(product, replace(goal, attributes=(wanted,))) == 1
        rows.append(("attribute", wanted, "has it" if has else "not named by the product", counts(has)))
    for name, wanted in goal.wanted:
        fitting = next((value for value in options.values() if satisfies(value, name, wanted)), None)
        bought = fitting or options.get(name or "") or "not chosen"
        rows.append((f"option {name}" if name else "option", wanted, bought, counts(fitting is not None)))
    limit = "any price" if goal.price_upper == NO_LIMIT else f"at most ${goal.price_upper:.2f}"
    rows.append(("price", limit, f"${price:.2f}", counts(price <= goal.price_upper)))
    return tuple(rows)


def _type_line(parts: Mapping[str, float | bool]) -> str:
    query, category = ("yes" if parts[name] else "no" for name in ("query_match", "category_match"))
    return (
        f"type {parts['r_type']:.1f}: is it the kind of product? same search term: {query}; same branch of the "
        f"catalogue: {category}; {parts['title_score']:.0%} of the wanted title's words are in its title"
    )
