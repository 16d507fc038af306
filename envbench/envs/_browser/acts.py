"""Actions carried out: from the grammar to input events, and what refuses them."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from envbench.envs._browser.grammar import Action
from envbench.envs._browser.keys import Event, chord, typed
from envbench.envs._browser.page import Page

PASTED = 200
"""Longer texts are put in at once instead of key by key."""

_NEEDS = {"fill": "text", "type": "text", "clear": "text", "select": "option", "scroll": "place", "hover": "place"}
_BITS = {"left": 1, "right": 2, "middle": 4}
_DRAG_MOVES = 5


def refusal(page: Page, action: Action) -> str:
    """Return why `action` cannot be done here, or "". Changes nothing.

    Raises:
        BrowserFailed: the page does not answer.
    """
    need = _NEEDS.get(action.name, "box")
    for ref in action.refs:
        if reason := page.invoke("refusal", ref, need):
            return f"element {ref}: {reason}"
    if action.name == "select" and not page.invoke("choices", *action.arguments):
        return "there is no such option"
    if action.name in _POINTED:
        for x, y in _points(action):
            if not (0 <= x < page.width and 0 <= y < page.height):
                return f"({x}, {y}) lies outside of the window of {page.width} x {page.height}"
    if action.name in ("go_back", "go_forward") and _history(page, -1 if action.name == "go_back" else 1) is None:
        return "there is no page to go to"
    return ""


def perform(page: Page, action: Action) -> None:
    """Send the input of an action that nothing refuses.

    Raises:
        BrowserFailed: the page does not take it.
    """
    _ACTS[action.name](page, action)


def _points(action: Action) -> list[tuple[float, float]]:
    numbers: Any = action.arguments
    return list(zip(numbers[::2], numbers[1::2], strict=True))


def _mouse(kind: str, x: float, y: float, action: Action, count: int = 1, held: bool = False) -> Event:
    event = {"type": kind, "x": x, "y": y, "modifiers": action.modifiers}
    if kind != "mouseMoved":
        event |= {"button": action.button, "clickCount": count}
    event["buttons"] = _BITS[action.button] if held else 0
    return "dispatchMouseEvent", event


def _clicks(page: Page, x: float, y: float, action: Action, times: int) -> None:
    events = [_mouse("mouseMoved", x, y, action)]
    for count in range(1, times + 1):
        events.append(_mouse("mousePressed", x, y, action, count, held=True))
        events.append(_mouse("mouseReleased", x, y, action, count))
    page.mouse = (x, y)
    page.input(*events)


def _spot(page: Page, ref: Any) -> tuple[float, float]:
    """Bring an element into the window and return the middle of what is seen of it."""
    found = page.invoke("bring", ref)
    return (found[0], found[1]) if found else (0.0, 0.0)


def _click(page: Page, action: Action) -> None:
    _clicks(page, *_spot(page, action.arguments[0]), action, 2 if action.name == "dblclick" else 1)


def _mouse_click(page: Page, action: Action) -> None:
    _clicks(page, *_points(action)[0], action, 2 if action.name == "mouse_dblclick" else 1)


def _hover(page: Page, action: Action) -> None:
    page.move(*_spot(page, action.arguments[0]))


def _mouse_move(page: Page, action: Action) -> None:
    page.move(*_points(action)[0])


def _mouse_down(page: Page, action: Action) -> None:
    x, y = page.mouse = _points(action)[0]
    page.held = _BITS["left"]
    page.input(_mouse("mouseMoved", x, y, action), _mouse("mousePressed", x, y, action, held=True))


def _mouse_up(page: Page, action: Action) -> None:
    x, y = _points(action)[0]
    if page.mouse != (x, y):
        page.move(x, y)
    page.release(_mouse("mouseReleased", x, y, action))


def _dragged(page: Page, start: tuple[float, float], end: tuple[float, float], action: Action) -> None:
    """Press, move in a few steps that the page hears of one by one, release."""
    page.mouse, page.held = start, _BITS["left"]
    page.input(_mouse("mouseMoved", *start, action), _mouse("mousePressed", *start, action, held=True))
    for number in range(1, _DRAG_MOVES + 1):
        part = number / _DRAG_MOVES
        page.move(start[0] + (end[0] - start[0]) * part, start[1] + (end[1] - start[1]) * part)
    page.release(_mouse("mouseReleased", *end, action))


def _drag(page: Page, action: Action) -> None:
    source, target = action.arguments
    start = _spot(page, source)
    end = page.invoke("place", target) or start
    _dragged(page, start, (end[0], end[1]), action)


def _mouse_drag(page: Page, action: Action) -> None:
    start, end = _points(action)
    _dragged(page, start, end, action)


def _enter(page: Page, text: str) -> None:
    if len(text) > PASTED:
        page.input(("insertText", {"text": text}))
    elif text:
        page.input(*typed(text))


def _fill(page: Page, action: Action) -> None:
    ref, text = action.arguments[0], str(action.arguments[1]) if len(action.arguments) > 1 else ""
    if not page.invoke("focus", ref, True):
        page.invoke("put", ref, text)
        return
    page.input(*chord("Backspace"))  # takes what is selected
    _enter(page, text)


def _type(page: Page, action: Action) -> None:
    ref, text = action.arguments[0], str(action.arguments[1])
    if page.invoke("focus", ref, False):
        _enter(page, text)
    else:
        page.invoke("put", ref, text)


def _focus(page: Page, action: Action) -> None:
    page.invoke("focusOn", action.arguments[0])


def _press(page: Page, action: Action) -> None:
    page.invoke("focusOn", action.arguments[0])
    page.input(*chord(str(action.arguments[1])))


def _select(page: Page, action: Action) -> None:
    page.invoke("choose", *action.arguments)


def _scroll(page: Page, action: Action) -> None:
    ref, dx, dy = (-1, *action.arguments) if len(action.arguments) == 2 else action.arguments
    page.invoke("scroll", ref, dx, dy)


def _keyboard_type(page: Page, action: Action) -> None:
    _enter(page, str(action.arguments[0]))


def _keyboard_press(page: Page, action: Action) -> None:
    page.input(*chord(str(action.arguments[0])))


def _noop(page: Page, action: Action) -> None:
    if action.arguments:
        page.advance(float(action.arguments[0]))  # type: ignore[arg-type]  # the grammar says it is a number


def _history(page: Page, offset: int) -> int | None:
    """Return the id of a neighbour in the tab's history; the empty page that it began with is none."""
    history = page.call("Page.getNavigationHistory")
    place = history["currentIndex"] + offset
    entries = history["entries"]
    if not 0 <= place < len(entries) or entries[place]["url"] == "about:blank":
        return None
    found: int = entries[place]["id"]
    return found


def _go(page: Page, action: Action) -> None:
    entry = _history(page, -1 if action.name == "go_back" else 1)
    page.travel(entry)


_ACTS: dict[str, Callable[[Page, Action], None]] = {
    "click": _click,
    "dblclick": _click,
    "hover": _hover,
    "focus": _focus,
    "clear": _fill,
    "fill": _fill,
    "type": _type,
    "press": _press,
    "select": _select,
    "drag": _drag,
    "scroll": _scroll,
    "mouse_click": _mouse_click,
    "mouse_dblclick": _mouse_click,
    "mouse_move": _mouse_move,
    "mouse_down": _mouse_down,
    "mouse_up": _mouse_up,
    "mouse_drag": _mouse_drag,
    "keyboard_type": _keyboard_type,
    "keyboard_press": _keyboard_press,
    "noop": _noop,
    "go_back": _go,
    "go_forward": _go,
}
_POINTED = frozenset(("mouse_click", "mouse_dblclick", "mouse_move", "mouse_down", "mouse_up", "mouse_drag"))

__all__ = ["PASTED", "perform", "refusal"]
