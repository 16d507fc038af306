r"""The grammar of actions that all browser families share, close to BrowserGym's names.

    click(12)                     dblclick(12)          hover(12)         focus(12)
    fill(12, "text")              type(12, "text")      clear(12)         press(12, "Enter")
    select(12, "option")          select(12, ["a", "b"])
    check(12)                     uncheck(12)           drag(12, 15)
    scroll(0, 100)                scroll(12, 0, 100)    scroll_at(80, 120, 0, 100)
    mouse_click(80, 120)          mouse_dblclick(80, 120)   mouse_move(80, 120)
    mouse_down(80, 120)           mouse_up(80, 120)     mouse_drag(10, 20, 80, 120)
    keyboard_type("text")         keyboard_press("Control+a")
    noop()                        noop(1000)            go_back()         go_forward()

An element is named by the number that stands in brackets before it, bare or quoted. `fill` replaces what is there,
`type` adds to it. `click`, `dblclick` and `mouse_click` take `button="right"` and `modifiers=["Shift"]`, also by place
(`click(12, "right")`); `fill` may end in a truth value, which says nothing here: it always types. Strings are in
single or double quotes with the escapes of Python (`\n \t \\ \' \" \xhh \uhhhh`). BrowserGym's other spellings
(`select_option`, `drag_and_drop`, `mouse_drag_and_drop`, `keyboard_insert_text`, `wait`) mean the same. One action, one
call: anything else is invalid.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any

from envbench.envs._browser.keys import MODIFIERS, is_chord

MAX_LENGTH = 200_000
"""Characters of the longest action."""

MAX_WAIT_MS = 60_000

Argument = int | float | str | tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Action:
    """A parsed action: canonical name, positional arguments in the order of the grammar, options."""

    name: str
    arguments: tuple[Argument, ...]
    button: str = "left"
    modifiers: int = 0

    @property
    def refs(self) -> tuple[int, ...]:
        """The elements that it names."""
        kinds = _KINDS[self.name, len(self.arguments)]
        pairs = zip(kinds, self.arguments, strict=True)
        return tuple(value for kind, value in pairs if kind == "ref" and isinstance(value, int))


_FORMS: dict[str, tuple[tuple[str, ...], ...]] = {
    "click": (("ref",),),
    "dblclick": (("ref",),),
    "hover": (("ref",),),
    "focus": (("ref",),),
    "clear": (("ref",),),
    "fill": (("ref", "text"), ("ref", "text", "truth")),
    "type": (("ref", "text"),),
    "press": (("ref", "key"),),
    "select": (("ref", "choice"),),
    "check": (("ref",),),
    "uncheck": (("ref",),),
    "drag": (("ref", "ref"),),
    "scroll": (("delta", "delta"), ("ref", "delta", "delta")),
    "scroll_at": (("x", "y", "delta", "delta"),),
    "mouse_click": (("x", "y"),),
    "mouse_dblclick": (("x", "y"),),
    "mouse_move": (("x", "y"),),
    "mouse_down": (("x", "y"),),
    "mouse_up": (("x", "y"),),
    "mouse_drag": (("x", "y", "x", "y"),),
    "keyboard_type": (("text",),),
    "keyboard_press": (("key",),),
    "noop": ((), ("wait",)),
    "go_back": ((),),
    "go_forward": ((),),
}
_KINDS = {(name, len(form)): form for name, forms in _FORMS.items() for form in forms}
_OTHER_NAMES = {
    "select_option": "select",
    "drag_and_drop": "drag",
    "mouse_drag_and_drop": "mouse_drag",
    "keyboard_insert_text": "keyboard_type",
    "wait": "noop",
}
_WITH_OPTIONS = frozenset(("click", "dblclick", "mouse_click", "mouse_dblclick"))
_BUTTONS = ("left", "middle", "right")

_CALL = re.compile(r"\s*([a-z_]+)\s*\(", re.ASCII)
_TOKEN = re.compile(
    r"""\s*(?:(?P<number>[-+]?(?:[0-9]{1,9}(?:\.[0-9]{0,9})?|\.[0-9]{1,9}))(?![\w.])
      | (?P<double>"(?:[^"\\\n]|\\.)*") | (?P<single>'(?:[^'\\\n]|\\.)*')
      | (?P<truth>True|False)(?!\w) | (?P<name>[a-z_]+)\s*= | (?P<mark>[\[\],)]))""",
    re.VERBOSE | re.ASCII,
)
_ESCAPE = re.compile(r"\\(?:x([0-9a-fA-F]{2})|u([0-9a-fA-F]{4})|(.))", re.DOTALL)
_SIMPLE = {"n": "\n", "t": "\t", "r": "\r", "\\": "\\", "'": "'", '"': '"'}


class _Invalid(Exception):  # never leaves this file
    pass


def parse(text: str) -> Action | None:
    """Return the action that `text` is, or None: it is not one."""
    if len(text) > MAX_LENGTH:
        return None
    head = _CALL.match(text)
    if head is None:
        return None
    name = _OTHER_NAMES.get(head[1], head[1])
    try:
        values, options = _arguments(text, head.end())
        if name in _WITH_OPTIONS:
            plain = len(_FORMS[name][0])
            options |= dict(zip(("button", "modifiers"), values[plain:], strict=False))
            values = values[:plain] + values[plain + 2 :]
        form = _KINDS.get((name, len(values)))
        if form is None or (options and name not in _WITH_OPTIONS):
            return None
        arguments = tuple(_checked(kind, value) for kind, value in zip(form, values, strict=True))
        return Action(name, arguments, **_options(options))
    except _Invalid:
        return None


def quote(text: str) -> str:
    """Return `text` as a string of the grammar."""
    escaped = text.replace("\\", "\\\\").replace('"', '\\"')
    return '"' + escaped.replace("\n", "\\n").replace("\t", "\\t").replace("\r", "\\r") + '"'


def _arguments(text: str, place: int) -> tuple[list[Any], dict[str, Any]]:
    """Read up to the closing parenthesis, which must be the end."""
    values: list[Any] = []
    options: dict[str, Any] = {}
    option = ""
    wanting = False  # a comma stands before
    while True:
        kind, value, place = _token(text, place)
        if kind == "mark" and value == ")":
            if option or wanting or text[place:].strip():
                raise _Invalid
            return values, options
        if kind == "name":
            if option or value in options:
                raise _Invalid
            option = value
            continue
        if kind == "mark" and value == "[":
            value, place = _list(text, place)
        elif kind == "mark":
            raise _Invalid
        if option:
            options[option], option = value, ""
        elif options:
            raise _Invalid
        else:
            values.append(value)
        kind, value, after = _token(text, place)
        if kind != "mark" or value not in (",", ")"):
            raise _Invalid
        wanting = value == ","
        place = after if wanting else place


def _list(text: str, place: int) -> tuple[tuple[str, ...], int]:
    items: list[str] = []
    while True:
        kind, value, place = _token(text, place)
        if kind == "mark" and value == "]":
            return tuple(items), place
        if kind != "text":
            raise _Invalid
        items.append(value)
        kind, value, place = _token(text, place)
        if kind != "mark" or value not in ",]":
            raise _Invalid
        if value == "]":
            return tuple(items), place


def _token(text: str, place: int) -> tuple[str, Any, int]:
    match = _TOKEN.match(text, place)
    if match is None:
        raise _Invalid
    kind = match.lastgroup
    if kind == "number":
        number = match["number"]
        return "number", float(number) if "." in number else int(number), match.end()
    if kind in ("double", "single"):
        return "text", _unescape(match[kind][1:-1]), match.end()
    if kind == "truth":
        return "truth", match["truth"] == "True", match.end()
    return str(kind), match[str(kind)], match.end()


def _unescape(text: str) -> str:
    def one(match: re.Match[str]) -> str:
        if match[1] or match[2]:
            return chr(int(match[1] or match[2], 16))
        if match[3] not in _SIMPLE:
            raise _Invalid
        return _SIMPLE[match[3]]

    plain = _ESCAPE.sub(one, text) if "\\" in text else text
    try:
        plain.encode("utf-8")
    except UnicodeEncodeError:  # half a surrogate pair: no page can be told
        raise _Invalid from None
    if "\0" in plain:
        raise _Invalid
    return plain


def _checked(kind: str, value: Any) -> Argument:
    if kind == "ref":
        if isinstance(value, str) and value.isascii() and value.isdigit() and len(value) < 8:
            return int(value)
        if type(value) is int and value >= 0:
            return value
    elif kind in ("text", "key"):
        if isinstance(value, str) and (kind == "text" or is_chord(value)):
            return value
    elif kind == "choice":
        if isinstance(value, str):
            return (value,)
        if isinstance(value, tuple):
            return value
    elif kind == "truth":
        if isinstance(value, bool):
            return value
    elif kind == "wait":
        if _is_number(value) and 0 <= value <= MAX_WAIT_MS:
            return float(value)
    elif _is_number(value):
        number: int | float = value
        return number
    raise _Invalid


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _options(given: dict[str, Any]) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for name, value in given.items():
        if name == "button" and value in _BUTTONS:
            found["button"] = value
        elif name == "modifiers" and isinstance(value, tuple) and all(one in MODIFIERS for one in value):
            found["modifiers"] = 0
            for one in value:
                found["modifiers"] |= MODIFIERS[one]
        else:
            raise _Invalid
    return found


__all__ = ["MAX_LENGTH", "MAX_WAIT_MS", "Action", "parse", "quote"]
