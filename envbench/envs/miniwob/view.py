"""What a scripted oracle sees of a page."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

import msgspec


@dataclass(frozen=True, slots=True)
class Element:
    """An element of the document, visible or not.

    Attributes:
        ref: what actions name it by: `click({ref})`.
        tag, id, classes: as in the HTML; the tag in lower case.
        text: all of its text, white space squeezed.
        own: the text that stands in it directly.
        value: of a field, or "".
        checked: of a checkbox or radio button.
        attrs: all attributes.
        box: x, y, width, height in CSS pixels of the window.
        parent: ref of its parent, -1 at the top.
        visible: it has a size and is not hidden.
    """

    ref: int
    tag: str
    id: str
    classes: tuple[str, ...]
    text: str
    own: str
    value: str
    checked: bool
    attrs: dict[str, str]
    box: tuple[float, float, float, float]
    parent: int
    visible: bool

    @property
    def centre(self) -> tuple[float, float]:
        """The middle of its box."""
        x, y, width, height = self.box
        return x + width / 2, y + height / 2


@dataclass(frozen=True)
class View:
    """A page for an oracle, read when asked for.

    Attributes:
        page: name of the task page.
        seed: of the page's chance.
        utterance: what is asked for.
        fields: what the wheel's extractor reads from it, {} where there is none.
        memory: the oracle's own notes of this episode, plain JSON data; kept when its action is the one taken, and part
            of snapshots.
        now: milliseconds on the page's clock.
        tick: milliseconds that it advances after each action.
    """

    page: str
    seed: int
    utterance: str
    fields: dict[str, str]
    memory: dict[str, Any]
    now: float
    tick: float
    _describe: Callable[[], list[dict[str, Any]]] = field(repr=False)
    _script: Callable[[str], Any] = field(repr=False)

    @cached_property
    def elements(self) -> list[Element]:
        """All elements in document order; the place of one is its `ref`."""
        return msgspec.convert(self._describe(), list[Element])

    @cached_property
    def pending(self) -> list[tuple[float, float, str]]:
        """Timers to come: (milliseconds from now, interval or 0, beginning of the code)."""
        return [
            (due, every, code) for due, every, code in self._script("__envbench.pending(__envbench.family.ignored())")
        ]

    def script(self, js: str) -> Any:
        """Return the value of a JavaScript expression that changes nothing, as plain data."""
        return self._script(js)

    def all(
        self,
        selector: str = "",
        *,
        tag: str = "",
        id: str = "",
        cls: str = "",
        text: str | None = None,
        has: str = "",
        value: str | None = None,
        within: Element | None = None,
        visible: bool = True,
        **attrs: str,
    ) -> list[Element]:
        """Return the elements that meet every criterion, in document order.

        Args:
            selector: CSS.
            tag: in lower case.
            id: exactly.
            cls: one of its classes.
            text: all of its text, exactly.
            has: a part of its text.
            value: of a field, exactly.
            within: only what lies in this element.
            visible: leave out what cannot be seen; False takes all.
            attrs: attributes, exactly; `type_="text"` for names that Python keeps, `_` for `-`.
        """
        wanted = {name.rstrip("_").replace("_", "-"): value for name, value in attrs.items()}
        refs = set(self._refs(selector)) if selector else None
        return [
            one
            for one in self.elements
            if (refs is None or one.ref in refs)
            and (not tag or one.tag == tag)
            and (not id or one.id == id)
            and (not cls or cls in one.classes)
            and (text is None or one.text == text)
            and (not has or has in one.text)
            and (value is None or one.value == value)
            and (within is None or self._inside(one, within))
            and (not visible or one.visible)
            and all(one.attrs.get(name) == content for name, content in wanted.items())
        ]

    def find(self, selector: str = "", **criteria: Any) -> Element | None:
        """Return the first of `all(...)`, or None."""
        return next(iter(self.all(selector, **criteria)), None)

    def children(self, element: Element) -> list[Element]:
        """Return the children of an element, in order."""
        return [one for one in self.elements if one.parent == element.ref]

    def parents(self, element: Element) -> Iterator[Element]:
        """Yield the parent, its parent and so on."""
        while element.parent >= 0:
            element = self.elements[element.parent]
            yield element

    def _inside(self, element: Element, outer: Element) -> bool:
        return any(one.ref == outer.ref for one in self.parents(element))

    def _refs(self, selector: str) -> list[int]:
        found: list[int] = self._script(f"__envbench.matching({_quoted(selector)})")
        return found


def _quoted(text: str) -> str:
    return '"' + text.replace("\\", "\\\\").replace('"', '\\"') + '"'


__all__ = ["Element", "View"]
