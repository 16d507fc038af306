"""Actions carried out: from the grammar to input events, or why they are refused."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from envbench.envs._browser.grammar import Action
from envbench.envs._browser.keys import Event, chord, typed
from envbench.envs._browser.page import Page

PASTED = 200
"""Longer texts are put in at once instead of key by key."""

_BITS = {"left": 1, "right": 2, "middle": 4}
_DRAG_MOVES = 5

Spot = tuple[float, float]


def carry_out(page: Page, action: Action) -> str:
    """Do what is asked and return "", or return why it is refused: then nothing has changed.

    Raises:
        BrowserFailed: the page does not answer, or does not take the input.
    """
    if action.name.startswith("mouse_") or action.name == "scroll_at":
        for x, y in _points(action)[: 1 if action.name == "scroll_at" else None]:
            if not (0 <= x < page.width and 0 <= y < page.height):
                return f"({x}, {y}) lies outside of the window of {page.width} x {page.height}"
    before = page.mouse
    reason = _ACTS[action.name](page, action)
    if page.mouse != before:
        page.pointed = not action.refs
    return f"element {action.arguments[0]}: {reason}" if reason and action.refs else reason


def _points(action: Action) -> list[Spot]:
    numbers: Any = action.arguments
    return list(zip(numbers[::2], numbers[1::2], strict=True))


def _mouse(kind: str, spot: Spot, action: Action, count: int = 1, held: bool = False) -> Event:
    event = {"type": kind, "x": spot[0], "y": spot[1], "modifiers": action.modifiers}
    if kind != "mouseMoved":
        event |= {"button": action.button, "clickCount": count}
    event["buttons"] = _BITS[action.button] if held else 0
    return "dispatchMouseEvent", event


def _clicks(page: Page, spot: Spot, action: Action) -> str:
    events: list[Event] = []
    if page.swaps:
        page.move(*spot)
        page.evaluate(f"void document.elementFromPoint({spot[0]}, {spot[1]})")  # the styles of what is hovered over
        page.settle()
    else:
        events.append(_mouse("mouseMoved", spot, action))
    for count in (1, 2) if "dblclick" in action.name else (1,):
        events.append(_mouse("mousePressed", spot, action, count, held=True))
        events.append(_mouse("mouseReleased", spot, action, count))
    page.mouse = spot
    page.input(*events)
    return ""


def _aim(page: Page, ref: Any, need: str = "box") -> Spot | str:
    """Bring an element into the window and return the middle of what is seen of it, or why it is refused."""
    found = page.invoke("aim", ref, need)
    return found if isinstance(found, str) else (found[0], found[1])


def _click(page: Page, action: Action) -> str:
    spot = _aim(page, action.arguments[0])
    return spot if isinstance(spot, str) else _clicks(page, spot, action)


def _check(page: Page, action: Action) -> str:
    spot = _aim(page, action.arguments[0])
    if isinstance(spot, str):
        return spot
    if page.invoke("checked", action.arguments[0]) is (action.name == "uncheck"):
        _clicks(page, spot, action)
    return ""


def _mouse_click(page: Page, action: Action) -> str:
    return _clicks(page, _points(action)[0], action)


def _hover(page: Page, action: Action) -> str:
    spot = _aim(page, action.arguments[0], "place")
    if isinstance(spot, str):
        return spot
    page.move(*spot)
    return ""


def _mouse_move(page: Page, action: Action) -> str:
    page.move(*_points(action)[0])
    return ""


def _press_at(page: Page, spot: Spot, action: Action) -> None:
    page.mouse, page.pressed, page.held = spot, spot, _BITS["left"]
    page.input(_mouse("mouseMoved", spot, action), _mouse("mousePressed", spot, action, held=True))


def _mouse_down(page: Page, action: Action) -> str:
    _press_at(page, _points(action)[0], action)
    return ""


def _mouse_up(page: Page, action: Action) -> str:
    spot = _points(action)[0]
    if page.mouse != spot:
        page.move(*spot)
    page.release(_mouse("mouseReleased", spot, action))
    return ""


def _dragged(page: Page, start: Spot, end: Spot, action: Action) -> str:
    """Press, move in a few steps that the page hears of one by one, release."""
    _press_at(page, start, action)
    for number in range(1, _DRAG_MOVES + 1):
        part = number / _DRAG_MOVES
        page.move(start[0] + (end[0] - start[0]) * part, start[1] + (end[1] - start[1]) * part)
    page.release(_mouse("mouseReleased", end, action))
    return ""


def _drag(page: Page, action: Action) -> str:
    source, target = action.arguments
    if reason := page.invoke("check", target, "place"):
        return f"{target}: {reason}"
    start = _aim(page, source)
    if isinstance(start, str):
        return start
    end = page.invoke("place", target) or start
    return _dragged(page, start, (end[0], end[1]), action)


def _mouse_drag(page: Page, action: Action) -> str:
    start, end = _points(action)
    return _dragged(page, start, end, action)


def _put_in(page: Page, text: str) -> str:
    if len(text) > PASTED:
        page.input(("insertText", {"text": text}))
    elif text:
        page.input(*typed(text))
    return ""


def _fill(page: Page, action: Action) -> str:
    ref, text = (*action.arguments[:2], "")[:2]
    by_key = page.invoke("enter", ref, action.name != "type", text)
    if isinstance(by_key, str):
        return by_key
    if not by_key:
        return ""
    if action.name != "type":
        page.input(*chord("Backspace"))  # takes what is selected
    return _put_in(page, str(text))


def _focus(page: Page, action: Action) -> str:
    reason: str = page.invoke("focus", action.arguments[0])
    return reason


def _press(page: Page, action: Action) -> str:
    reason = _focus(page, action)
    if not reason:
        page.input(*chord(str(action.arguments[1])))
    return reason


def _select(page: Page, action: Action) -> str:
    reason: str = page.invoke("choose", *action.arguments)
    return reason


def _scroll(page: Page, action: Action) -> str:
    where, dx, dy = (-1, *action.arguments) if len(action.arguments) == 2 else action.arguments
    reason: str = page.invoke("scroll", where, dx, dy)
    return reason


def _scroll_at(page: Page, action: Action) -> str:
    x, y, dx, dy = action.arguments
    page.invoke("scroll", [x, y], dx, dy)
    return ""


def _keyboard_type(page: Page, action: Action) -> str:
    return _put_in(page, str(action.arguments[0]))


def _keyboard_press(page: Page, action: Action) -> str:
    page.input(*chord(str(action.arguments[0])))
    return ""


def _noop(page: Page, action: Action) -> str:
    if action.arguments:
        page.advance(float(action.arguments[0]))  # type: ignore[arg-type]  # the grammar says it is a number
    return ""


def _travel(page: Page, action: Action) -> str:
    history = page.call("Page.getNavigationHistory")
    place = history["currentIndex"] + (-1 if action.name == "go_back" else 1)
    entries = history["entries"]
    if not 0 <= place < len(entries) or entries[place]["url"] == "about:blank":
        return "there is no page to go to"
    page.travel(entries[place]["id"])
    return ""


_ACTS: dict[str, Callable[[Page, Action], str]] = {
    "click": _click,
    "check": _check,
    "uncheck": _check,
    "dblclick": _click,
    "hover": _hover,
    "focus": _focus,
    "clear": _fill,
    "fill": _fill,
    "type": _fill,
    "press": _press,
    "select": _select,
    "drag": _drag,
    "scroll": _scroll,
    "scroll_at": _scroll_at,
    "mouse_click": _mouse_click,
    "mouse_dblclick": _mouse_click,
    "mouse_move": _mouse_move,
    "mouse_down": _mouse_down,
    "mouse_up": _mouse_up,
    "mouse_drag": _mouse_drag,
    "keyboard_type": _keyboard_type,
    "keyboard_press": _keyboard_press,
    "noop": _noop,
    "go_back": _travel,
    "go_forward": _travel,
}

__all__ = ["PASTED", "carry_out"]
