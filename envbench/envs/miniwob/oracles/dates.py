"""Pages of dates and times."""

from __future__ import annotations

import re

from envbench.envs.miniwob.oracles import oracle
from envbench.envs.miniwob.oracles.tools import act, answer, click, fill, mouse, quoted, submit
from envbench.envs.miniwob.view import Element, View

_MONTHS = (
    "January", "February", "March", "April", "May", "June", "July", "August", "September", "October", "November",
    "December",
)  # fmt: skip


def date_in(text: str) -> tuple[int, int, int]:
    """Return month, day and year of the date in a text: 01/14/2016."""
    month, day, year = map(int, re.findall(r"(\d\d)/(\d\d)/(\d{4})", text)[0])
    return month, day, year


def pick_date(page: View, field: Element, date: tuple[int, int, int]) -> str | None:
    """Return the next click in the calendar that belongs to a field; None once the date stands there."""
    month, day, year = date
    if field.value == f"{month:02}/{day:02}/{year}":
        return None
    shown = page.find("#ui-datepicker-div .ui-datepicker-month")
    if shown is None:
        return click(field)
    away = year * 12 + month - int(page.all("#ui-datepicker-div .ui-datepicker-year")[0].text) * 12
    away -= _MONTHS.index(shown.text) + 1
    if away:
        return click(page.find(".ui-datepicker-next" if away > 0 else ".ui-datepicker-prev"))
    return click(page.find("#ui-datepicker-div td a", text=str(day)))


@oracle("choose-date", "choose-date-easy", "choose-date-medium", "choose-date-nodelay")
def choose_date(page: View) -> str | None:
    """Pick the date in the calendar, then submit."""
    return pick_date(page, page.all("#datepicker")[0], date_in(page.utterance)) or submit(page)


@oracle("enter-date")
def enter_date(page: View) -> str | None:
    """Enter the date, then submit."""
    month, day, year = date_in(page.utterance)
    return answer(page, "#tt", f"{year}-{month:02}-{day:02}")


@oracle("enter-time")
def enter_time(page: View) -> str | None:
    """Enter the time, then submit."""
    hour, minute, half = re.findall(r"(\d+):(\d+)\s*([AP])M", page.utterance)[0]
    return answer(page, "#tt", f"{int(hour) % 12 + 12 * (half == 'P'):02}:{minute}")


_STARTS = {"8AM": 16, "12PM": 24, "4PM": 32}
_WINDOW = (49, 211)  # where the scrolled part of the page can be seen, from top to bottom
_LENGTHS = {"30 mins": 1, "0.5 hours": 1, "60 mins": 2, "1 hour": 2, "90 mins": 3, "1.5 hours": 3}


@oracle("daily-calendar")
def daily_calendar(page: View) -> str | None:
    """Draw an event over free half-hours of the wanted window, name it, create it."""
    name = page.find("#event-name")
    if name:
        return fill(name, quoted(page)) or click(page.find("#controls .create"))
    length = next(halves for said, halves in _LENGTHS.items() if f"a {said} event" in page.utterance)
    begin = next(half for said, half in _STARTS.items() if f"between {said}" in page.utterance)
    first, last = _free(page, begin, length)
    left, top, width, height = first.box
    if top < _WINDOW[0] or last.box[1] + height > _WINDOW[1]:
        return act("hover", first if top < _WINDOW[0] else last)
    x = left + width / 2
    return mouse("mouse_drag", x, top + 5, x, last.box[1] + height - 5)


def _free(page: View, begin: int, length: int) -> tuple[Element, Element]:
    """Return the first and the last of so many half-hours in a row that no event covers."""
    events = page.all(".event")
    halves = [page.all(f"#hh-{place}")[0] for place in range(begin, begin + 8)]
    free = [all(not _overlap(half, event) for event in events) for half in halves]
    start = next(place for place in range(9 - length) if all(free[place : place + length]))
    return halves[start], halves[start + length - 1]


def _overlap(one: Element, other: Element) -> bool:
    return one.box[1] + 1 < other.box[1] + other.box[3] and other.box[1] + 1 < one.box[1] + one.box[3]
