"""What a page shows, as text for a reader, as an accessibility tree, and as commands that can be given."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, NamedTuple

from envbench.envs._browser.grammar import quote
from envbench.hashing import digest_bytes

LONGEST = 200
"""Characters of a name or value that are shown."""

_SELECTS = ("combobox", "listbox")
_TYPED = ("textbox", "searchbox", "spinbutton")


class Row(NamedTuple):
    """A visible element, or a piece of text with the reference -1.

    Attributes:
        ref: place among the elements of the document; what actions name it by.
        depth: in the tree of rows.
        role: as in an accessibility tree; "" for an element without one.
        name: its label or text.
        value: of a field.
        states: checked, disabled, readonly, focused and so on.
        look: fill and text of a drawn shape.
        box: x, y, width, height in CSS pixels.
        clickable: a control, or something that listens for the mouse.
    """

    ref: int
    depth: int
    role: str
    name: str
    value: str = ""
    states: Sequence[str] = ()
    look: str = ""
    box: Sequence[float] = (0.0, 0.0, 0.0, 0.0)
    clickable: bool = False

    @property
    def point(self) -> str:
        x, y, width, height = self.box
        return f"at ({x + width / 2:.0f}, {y + height / 2:.0f}) size {width:.0f}x{height:.0f}"

    @property
    def needs_place(self) -> bool:
        """It says too little by itself: a shape, a picture, an unnamed thing to click."""
        return bool(self.look) or self.role in ("canvas", "img", "slider") or (self.clickable and not self.name)


@dataclass(frozen=True)
class Seen:
    """A page after an action.

    Attributes:
        document: key of the canonical document and of what the family adds to it.
        rows: what is visible.
        facts: the family's own, as its script says.
        now: milliseconds on the page's clock.
        url, title: of the document.
        html: with `bid` attributes for references; "" when not asked for.
        counts: dialogs, popups and errors so far in this document.
    """

    document: str
    rows: tuple[Row, ...]
    facts: dict[str, Any] = field(repr=False)
    now: float
    url: str
    title: str
    html: str = field(repr=False)
    counts: dict[str, int]

    @classmethod
    def read(cls, raw: dict[str, Any]) -> Seen:
        """Return what `observe.js` wrote."""
        return cls(
            document=digest_bytes(raw["canon"].encode("utf-8", "surrogatepass")),
            rows=tuple(Row(*row) for row in raw["rows"]),
            facts=raw["facts"],
            now=raw["now"],
            url=raw["url"],
            title=raw["title"],
            html=raw["html"] or "",
            counts=raw["counts"],
        )

    @cached_property
    def text(self) -> str:
        """The page in lines: `[7] button "Submit"`, and plain text as it stands."""
        return "\n".join(_line(row) for row in self.rows)

    @cached_property
    def axtree(self) -> str:
        """The tree in lines like those of BrowserGym; exactly those are in `envbench.integrations.browsergym`."""
        head = f"RootWebArea {_quoted(self.title)}"
        return "\n".join([head, *("\t" * (row.depth + 1) + _node(row) for row in self.rows)])

    def commands(self, words: Sequence[str] = ()) -> Iterator[str]:
        """Yield actions that are accepted here: clicks, choices, `words` into fields, a pause."""
        chooser = -1
        for row in self.rows:
            if row.ref < 0 or "disabled" in row.states:
                continue
            if row.role in _SELECTS:
                chooser = row.ref
            if row.role == "option" and not row.box[2]:
                if chooser >= 0:
                    yield f"select({chooser}, {quote(row.name)})"
            elif row.clickable:
                yield f"click({row.ref})"
                if row.role in _TYPED and "readonly" not in row.states:
                    for word in words:
                        yield f"fill({row.ref}, {quote(word)})"
        yield "noop()"


def _short(text: str) -> str:
    return text if len(text) <= LONGEST else text[: LONGEST - 1] + "…"


def _quoted(text: str) -> str:
    return quote(_short(text))


def _line(row: Row) -> str:
    if row.ref < 0:
        return row.name
    if not row.role and not row.clickable and row.name:
        return f"[{row.ref}] {_short(row.name)}"
    parts = [f"[{row.ref}]", row.role or ("element" if row.clickable else "group")]
    if row.look:
        parts.append(row.look)
    elif row.name:
        parts.append(_quoted(row.name))
    if row.value:
        parts.append(f"value={_quoted(row.value)}")
    if row.states:
        parts.append(f"({', '.join(row.states)})")
    if row.needs_place:
        parts.append(row.point)
    return " ".join(parts)


def _node(row: Row) -> str:
    if row.ref < 0:
        return f"StaticText {_quoted(row.name)}"
    parts = [f"[{row.ref}] {row.role or 'generic'} {_quoted(row.name or row.look)}"]
    if row.value:
        parts.append(f"value={_quoted(row.value)}")
    if row.clickable:
        parts.append("clickable")
    parts += row.states
    return ", ".join(parts)


__all__ = ["LONGEST", "Row", "Seen"]
