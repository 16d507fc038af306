"""Pages where something is looked for among results and taken: search, contacts, flights, food."""

from __future__ import annotations

import re

from envbench.envs.miniwob.oracles import oracle
from envbench.envs.miniwob.oracles.dates import date_in, pick_date
from envbench.envs.miniwob.oracles.tools import between, click, fill, ordinals, quoted, wait
from envbench.envs.miniwob.view import Element, View


@oracle("search-engine")
def search_engine(page: View) -> str | None:
    """Search, turn to the page of the wanted result, click it."""
    words, field = quoted(page), page.all("#search-text")[0]
    place = ordinals(page.utterance)[0]
    result = page.find("#page-content a", data_result=str(place))
    if result:
        return click(result)
    number = page.find("#pagination a", text=str(place // 3 + 1))
    return fill(field, words) or click(number or page.find("#search"))


@oracle("phone-book")
def phone_book(page: View) -> str | None:
    """Turn the pages to a person, click what is wanted of them."""
    name = between(page.utterance, "Find ", " in the contact book")
    kind = re.findall(r"their (phone|email|address)", page.utterance)[0]
    if page.find("#contact .name", text=name):
        return click(page.find(f"#contact .{kind}"))
    return click(page.find("#pagination a", text=">"))


def _best(offers: list[Element], key: str, most: bool) -> Element:
    return sorted(offers, key=lambda offer: int(offer.attrs[key]), reverse=most)[0]


@oracle("buy-ticket")
def buy_ticket(page: View) -> str | None:
    """Buy the ticket with the lowest or highest price or duration."""
    most = "most expensive" in page.utterance or "longest" in page.utterance
    if "cost" in page.utterance:
        return click(_best(page.all(".buy-ticket", visible=False), "data-price", most))
    return _buy_by_duration(page, ".time-duration", ".buy-ticket", most)


def _buy_by_duration(page: View, durations: str, buttons: str, most: bool) -> str | None:
    best = _best(page.all(durations, visible=False), "data-duration", most)
    flight = next(one for one in page.parents(best) if "flight" in one.classes)
    return click(page.find(buttons, within=flight, visible=False))


@oracle("book-flight", "book-flight-nodelay")
def book_flight(page: View) -> str | None:
    """Fill in the search by the lists and the calendar, then book the cheapest or the shortest flight."""
    if page.find("#results .flight"):
        if "cheapest" in page.utterance:
            return click(_best(page.all(".flight-price"), "data-price", False))
        return _buy_by_duration(page, ".time-duration", ".flight-price", False)
    towns = re.findall(r"from: (.*) to: (.*) on ", page.utterance)[0]
    for name, town in zip(("from", "to"), towns, strict=True):
        if action := _choose_town(page, page.all(f"#flight-{name}")[0], town):
            return action
    return pick_date(page, page.all("#datepicker")[0], date_in(page.utterance)) or click(page.find("#search"))


def _choose_town(page: View, field: Element, town: str) -> str | None:
    """Type a town or airport, take a line of the list; None once such a line stands in the field."""
    if town in field.value and field.value in page.script("DOMESTIC_FLIGHTS"):
        return None
    lines = (one for one in page.all(".ui-autocomplete li") if town in one.text)
    return fill(field, town) or click(next(lines, None)) or wait(page)


@oracle("order-food")
def order_food(page: View) -> str | None:
    """Add the named dishes, or as many of a kind as wanted, then order."""
    dishes = page.all(".food-item")
    count, kind = (re.findall(r"Order (\d+) items that are (.*)", page.utterance) or [("", "")])[0]
    if kind:
        fitting = [dish for dish in dishes if page.find(tag="img", alt=kind, within=dish)]
        missing = int(count) - sum(int(dish.attrs["data-quantity"]) for dish in fitting)
        wanted = fitting[:1] if missing else []
    else:
        names = page.utterance.partition(": ")[2].split(",")
        chosen = {name.strip() for name in names}
        wanted = [
            dish for dish in dishes if dish.attrs["data-item"].strip() in chosen and dish.attrs["data-quantity"] == "0"
        ]
    return click(page.find(cls="add", within=wanted[0]) if wanted else page.find("#submit-order button"))


@oracle("terminal")
def terminal(page: View) -> str | None:
    """List the files, remove one with the wanted ending."""
    typed = page.all("#active-input", visible=False)[0].text
    if typed:
        return 'keyboard_press("Enter")'
    if page.script("document.activeElement.id") != "terminal-target":
        return click(page.find("#terminal"))
    shown = [one.text for one in page.all(".terminal-output")[2:]]
    if not shown:
        return 'keyboard_type("ls")'
    ending = between(page.utterance + "\n", "extension .", "\n") if "no file" not in page.utterance else ""
    return f'keyboard_type("rm {next(name for name in shown[0].split() if _ends(name, ending))}")'


def _ends(name: str, ending: str) -> bool:
    """As the page sees it: the first place of the ending must be the last one."""
    return name.find(ending) + len(ending) == len(name) if ending else "." not in name
