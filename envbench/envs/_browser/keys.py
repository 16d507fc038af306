"""Keys by the names that pages know them by, as DevTools wants them."""

from __future__ import annotations

from typing import Any

_CODES = {
    "Backspace": 8, "Tab": 9, "Enter": 13, "Shift": 16, "Control": 17, "Alt": 18, "Escape": 27, "Space": 32,
    "PageUp": 33, "PageDown": 34, "End": 35, "Home": 36, "ArrowLeft": 37, "ArrowUp": 38, "ArrowRight": 39,
    "ArrowDown": 40, "Insert": 45, "Delete": 46, "Meta": 91, **{f"F{number}": 111 + number for number in range(1, 13)},
}  # fmt: skip

MODIFIERS = {"Alt": 1, "Control": 2, "ControlOrMeta": 2, "Meta": 4, "Shift": 8}

_PUNCTUATION = {
    ";": ("Semicolon", 186), "=": ("Equal", 187), ",": ("Comma", 188), "-": ("Minus", 189), ".": ("Period", 190),
    "/": ("Slash", 191), "`": ("Backquote", 192), "[": ("BracketLeft", 219), "\\": ("Backslash", 220),
    "]": ("BracketRight", 221), "'": ("Quote", 222),
}  # fmt: skip
_SHIFTED = dict(zip('~!@#$%^&*()_+{}|:"<>?', "`1234567890-=[]\\;',./", strict=True))

_COMMANDS = {"a": "selectAll"}
"""What Control does, as an editing command of the browser; `clock.js` copies and pastes."""

Event = tuple[str, dict[str, Any]]


def is_chord(text: str) -> bool:
    """Tell whether `text` names a key, or modifiers and a key joined by plus signs: `Enter`, `a`, `Control+a`."""
    *modifiers, key = _parts(text)
    return all(one in MODIFIERS for one in modifiers) and (key in _CODES or (len(key) == 1 and key.isprintable()))


def chord(text: str) -> list[Event]:
    """Return the events of pressing and releasing a chord."""
    *modifiers, key = _parts(text)
    events: list[Event] = []
    held = 0
    for name in modifiers:
        held |= MODIFIERS[name]
        events.append(down("Control" if name == "ControlOrMeta" else name, held))
    events += [down(key, held), up(key, held)]
    for name in reversed(modifiers):
        held &= ~MODIFIERS[name]
        events.append(up("Control" if name == "ControlOrMeta" else name, held))
    return events


def typed(text: str) -> list[Event]:
    """Return the events of typing `text` key by key."""
    events: list[Event] = []
    for character in text.replace("\r\n", "\n"):
        if character == "\n":
            events += [down("Enter", 0), up("Enter", 0)]
        elif character == "\t":
            events += [down("Tab", 0), up("Tab", 0)]
        elif ord(character) < 128:
            events += [down(character, 0), up(character, 0)]
        else:
            events.append(("insertText", {"text": character}))
    return events


def down(key: str, held: int) -> Event:
    """Return the event of pressing one key while modifiers are held."""
    event = _event(key, held)
    text = "\r" if key == "Enter" else " " if key == "Space" else key if len(key) == 1 else ""
    if held & ~MODIFIERS["Shift"]:
        text = ""
    event["type"] = "keyDown" if text else "rawKeyDown"
    if text:
        event |= {"text": text, "unmodifiedText": text}
    if held == MODIFIERS["Control"] and key.lower() in _COMMANDS:
        event["commands"] = [_COMMANDS[key.lower()]]
    return "dispatchKeyEvent", event


def up(key: str, held: int) -> Event:
    """Return the event of releasing one key."""
    return "dispatchKeyEvent", _event(key, held) | {"type": "keyUp"}


def _event(key: str, held: int) -> dict[str, Any]:
    base = _SHIFTED.get(key, key)
    if key in _CODES:
        code, number = ("ShiftLeft" if key == "Shift" else "ControlLeft" if key == "Control" else key), _CODES[key]
    elif base in _PUNCTUATION:
        code, number = _PUNCTUATION[base]
    elif base.isascii() and base.isalpha():
        code, number = f"Key{base.upper()}", ord(base.upper())
    elif base.isascii() and base.isdigit():
        code, number = f"Digit{base}", ord(base)
    else:
        code, number = "", 0
    name = " " if key == "Space" else key
    if key == " ":
        code, number = "Space", 32
    return {"key": name, "code": code, "windowsVirtualKeyCode": number, "modifiers": held}


def _parts(text: str) -> list[str]:
    if text == "+" or text.endswith("++"):
        return [*[part for part in text[:-1].split("+") if part], "+"]
    return text.split("+")


__all__ = ["MODIFIERS", "chord", "down", "is_chord", "typed", "up"]
