"""A policy that knows the goal: search, open, choose, buy. It acts from any state."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from typing import NamedTuple

from envbench.envs.webshop import pages
from envbench.envs.webshop.catalogue import Product
from envbench.envs.webshop.engine import Engine, Shop
from envbench.envs.webshop.goals import Goal
from envbench.envs.webshop.grammar import can_click, click, parse, search
from envbench.envs.webshop.reward import matched_options, purchase_reward, satisfies, type_parts


class Plan(NamedTuple):
    """What to buy and how to get there.

    Attributes:
        options: option name -> value.
        score: what it pays.
        query: an action that finds the product; None when none does.
        page: results page on which it stands.
    """

    asin: str
    options: dict[str, str]
    score: float
    query: str | None
    page: int


def _choices(shop: Shop, product: Product, goal: Goal) -> Iterator[dict[str, str]]:
    """Yield choices of options, one useful value a name; the goal's own come first."""
    useful: dict[str, list[str]] = {}
    asked = goal.wanted
    for value, name in shop.pages.item(product.asin).targets.items():
        fits = any(satisfies(value, wanted_name, wanted) for wanted_name, wanted in asked)
        if fits and can_click(value) and pages.is_plain(value):
            useful.setdefault(name, []).append(value)
    for name, values in useful.items():
        values.sort(key=lambda value: (name, value) not in asked and (None, value) not in asked)
    for chosen in itertools.product(*useful.values()):
        yield dict(zip(useful, chosen, strict=True))


def _best_choice(shop: Shop, product: Product, goal: Goal) -> tuple[float, dict[str, str]]:
    options: dict[str, str] = {}
    most = -1
    for choice in itertools.islice(_choices(shop, product, goal), 10_000):
        matched = matched_options(choice.values(), goal)
        if matched > most:
            options, most = choice, matched
        if most == len(goal.wanted):
            break
    return purchase_reward(product, goal, shop.prices[product.asin], options, shop.nouns)[0], options


def _could_pay(shop: Shop, product: Product, goal: Goal, more_than: float) -> bool:
    """Tell whether the product could pay more, if all options of the goal were met."""
    if type_parts(product, goal, shop.nouns)["r_type"] <= more_than:
        return False
    reward, parts = purchase_reward(product, goal, shop.prices[product.asin], {}, shop.nouns)
    return reward + parts["r_type"] * parts.get("w_option", 0.0) > more_than + 1e-9


def _plan_for(shop: Shop, product: Product, goal: Goal) -> Plan:
    score, options = _best_choice(shop, product, goal)
    return Plan(product.asin, options, score, *_way(shop, product, goal))


def _queries(product: Product, goal: Goal) -> Iterator[str]:
    yield search(product.title.lower())
    yield search(product.document)
    yield search(f"{product.query} {' '.join(goal.attributes)} {product.title}".lower())
    yield search(goal.request.lower())
    yield search(f"<q> {product.query}")


def _way(shop: Shop, product: Product, goal: Goal) -> tuple[str | None, int]:
    """Return the action that finds the product on the earliest page of results, and that page."""
    best: tuple[str | None, int] = (None, 0)
    for action in _queries(product, goal):
        name, query = parse(action)
        if name != "search" or query is None:
            continue
        found = shop.pages.results(query).asins
        if product.asin in found:
            page = found.index(product.asin) // pages.PAGE_SIZE + 1
            if best[0] is None or page < best[1]:
                best = action, page
            if page == 1:
                break
    return best


def _found(shop: Shop, product: Product, goal: Goal) -> list[str]:
    """Return the products that the oracle's own queries find, by ASIN: all that it looks at in a large catalogue."""
    asked = (parse(action)[1] for action in _queries(product, goal))
    return sorted({asin for query in asked if query for asin in shop.pages.results(query).asins[: pages.PAGE_SIZE * 5]})


def make_plan(shop: Shop, goal: Goal) -> Plan:
    """Return the best plan: the goal's own product where it pays 1, else whichever product pays most.

    Of a catalogue that is too large for that, the products that its queries find are looked at.
    """
    products = shop.pages.catalogue.by_asin
    best = _plan_for(shop, products[goal.asin], goal)
    if best.score < 1.0:
        for asin in sorted(products) if shop.pages.catalogue.exhaustive else _found(shop, products[goal.asin], goal):
            plan = _plan_for(shop, products[asin], goal) if _could_pay(shop, products[asin], goal, best.score) else best
            best = plan if plan.score > best.score else best
    return best


class Oracle:
    """The policy for one session: its plan is made once, then followed from wherever the session stands."""

    def __init__(self, shop: Shop, goal: Goal) -> None:
        self.plan = make_plan(shop, goal)

    def action(self, engine: Engine) -> str | None:
        """Return the next action, or None after the purchase or where no query finds the product."""
        session, plan = engine.session, self.plan
        if session.page == "done":
            return None
        if session.asin == plan.asin:
            if session.page == "sub":
                return click(pages.PREV)
            missing = (value for name, value in plan.options.items() if session.options.get(name) != value)
            return click(next(missing, pages.BUY))
        if session.page == "results" and engine.results is not None and plan.asin in engine.results.asins:
            page = engine.results.asins.index(plan.asin) // pages.PAGE_SIZE + 1
            if page == session.number:
                return click(plan.asin.lower())
            if abs(page - session.number) <= plan.page:
                return click(pages.NEXT if page > session.number else pages.PREV)
        return plan.query
