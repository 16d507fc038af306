"""Pages that change by themselves."""

from __future__ import annotations

from envbench.envs.miniwob.oracles import oracle
from envbench.envs.miniwob.oracles.tools import click, click_open, mouse, numbers, wait
from envbench.envs.miniwob.view import View


@oracle("button-delay")
def button_delay(page: View) -> str | None:
    """Click one button, wait as long as told, click the other."""
    if not page.script("buttonsPushed.length"):
        return click_open(page, "#subbtn")
    passed = page.script("Date.now() - currentTime")
    missing = 1000 * numbers(page.utterance)[0] - passed
    return wait(page, page.now + missing) if missing > page.tick / 2 else click_open(page, "#subbtn2")


_FLASH = 600
"""Milliseconds from one flash to the next."""


@oracle("simon-says")
def simon_says(page: View) -> str | None:
    """Watch which buttons flash until none does, then push them in this order."""
    notes = page.memory
    begun, seen = notes.setdefault("begun", page.now), notes.setdefault("seen", [])
    if "pushed" not in notes:
        flashing = page.find("#area button.push")
        if flashing:
            seen.append(flashing.attrs["data-button"])
        if flashing or page.now == begun:
            return wait(page, begun + _FLASH * (len(seen) + 1) + 100)
    place = notes.get("pushed", 0)
    notes["pushed"] = place + 1
    return click(page.find("#area button", data_button=seen[place]))


@oracle("stock-market")
def stock_market(page: View) -> str | None:
    """Buy at the threshold or below; it is reached at the 76th price at the latest."""
    price, threshold = page.find("#stock-price"), float(page.utterance.rpartition("$")[2].rstrip("."))
    if price and float(price.text.removeprefix("$")) <= threshold:
        return click(page.find("#buy"))
    return wait(page, page.now + 100 * (76 - page.script("priceIndex")))


@oracle("chase-circle")
def chase_circle(page: View) -> str | None:
    """Keep the mouse in the middle of the circle."""
    circle = page.find("#circ")
    return mouse("mouse_move", *circle.centre) if circle else None


@oracle("moving-items")
def moving_items(page: View) -> str | None:
    """Click the circle that has been on its way for longest."""
    left, top, width, height = page.all("#area_svg")[0].box
    circles = sorted(page.all("#area_svg circle"), key=lambda one: int(one.id.removeprefix("item-")))
    for circle in circles:
        x, y = circle.centre
        if left < x < left + width and top < y < top + height:
            return mouse("mouse_click", x, y)
    return wait(page)
