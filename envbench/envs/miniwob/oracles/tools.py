"""What the scripts share: reading the utterance, acting on elements, finding a spot that nothing covers."""

from __future__ import annotations

import re
from collections.abc import Callable

import msgspec

from envbench.envs._browser.grammar import quote
from envbench.envs.miniwob.view import Element, View

_SPOT = """((selector) => {
  const element = document.querySelector(selector);
  const box = element.getBoundingClientRect();
  const [x, y] = [box.x + box.width / 2, box.y + box.height / 2];
  let best = null;
  for (let px = x % 1; px < innerWidth; px++) for (let py = y % 1; py < innerHeight; py++) {
    if (px <= box.left || px >= box.right || py <= box.top || py >= box.bottom) continue;
    const away = Math.hypot(px - x, py - y);
    if ((!best || away < best[2]) && element.contains(document.elementFromPoint(px, py))) best = [px, py, away];
  }
  return best;
})"""


def act(name: str, element: Element | None, *texts: str) -> str | None:
    """Return an action on an element; None without one."""
    return f"{name}({', '.join([str(element.ref), *map(quote, texts)])})" if element else None


def click(element: Element | None) -> str | None:
    """Return the click on an element; None without one."""
    return act("click", element)


def fill(element: Element | None, text: str) -> str | None:
    """Return the action that puts `text` into a field; None where it stands there already."""
    return None if element and element.value == text else act("fill", element, text)


def mouse(name: str, *numbers: float) -> str:
    """Return an action of the mouse at points given as x, y, x, y."""
    return f"{name}({', '.join(f'{number:.6g}' for number in numbers)})"


def submit(page: View) -> str | None:
    """Return the click on the button that ends a form."""
    return click(page.find("#subbtn, #submit, #area .secondary-action"))


def answer(page: View, field: str, text: str) -> str | None:
    """Put `text` into the field that a selector names, then submit."""
    return fill(page.find(field), text) or submit(page)


def wait(page: View, until: float = 0.0) -> str:
    """Return the pause that ends when the page's clock shows `until`, or the shortest one."""
    return f"noop({max(0.0, until - page.now - page.tick):.0f})"


def spot(page: View, selector: str) -> tuple[float, float] | None:
    """Return the point nearest to an element's middle where nothing lies above it; None when it is covered."""
    found = page.script(f"{_SPOT}({msgspec.json.encode(selector).decode()})")
    return (found[0], found[1]) if found else None


def click_open(page: View, selector: str) -> str | None:
    """Click an element where nothing lies above it."""
    point = spot(page, selector)
    return mouse("mouse_click", *point) if point else None


def planned(page: View, plan: Callable[[], list[str]]) -> str | None:
    """Return the next action of a plan that is made once and then followed; None at its end."""
    if "plan" not in page.memory:
        page.memory["plan"] = plan()
    left: list[str] = page.memory["plan"]
    return left.pop(0) if left else None


def quotes(text: str) -> list[str]:
    """Return what stands in double quotes."""
    return re.findall(r'"([^"]*)"', text)


def quoted(page: View) -> str:
    """Return what stands in the first double quotes of the utterance, or ""."""
    return next(iter(quotes(page.utterance)), "")


def numbers(text: str) -> list[int]:
    """Return the integers of a text, with their signs."""
    return [int(found) for found in re.findall(r"-?\d+", text)]


def ordinals(text: str) -> list[int]:
    """Return positions counted from zero: "the 2nd" is 1."""
    return [int(found) - 1 for found in re.findall(r"(\d+)(?:st|nd|rd|th)\b", text)]


def between(text: str, before: str, after: str) -> str:
    """Return what stands between two pieces of a text."""
    return text.partition(before)[2].partition(after)[0]
