"""What a person is shown, as plain data: a family lays its observations out, whoever draws them needs not know it.

A family may have a module `render.py` beside its `env.py`, with any of these functions:

    page(observation, info, actions) -> Page     what to show; `actions`: the accepted ones so far, oldest first
    past(turns) -> tuple[Block, ...]             what of the (action, answer) so far stays above it
    command(typed, info) -> str | None           the action meant by words that name nothing on the page
    ending(env, info) -> tuple[Block, ...]       what the result consists of, once the episode is over
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Literal, TypeAlias

Role: TypeAlias = Literal["plain", "title", "quiet", "good", "bad", "accent"]

MOVE_KEYS: Mapping[str, str] = MappingProxyType(
    {"w": "up", "a": "left", "s": "down", "d": "right"} | {name: name for name in ("up", "left", "down", "right")}
)
"""Keys of families that walk on a map; `up`, `left`, `down` and `right` are the arrow keys."""


@dataclass(frozen=True, slots=True)
class Paragraph:
    """A piece of text, wrapped where it is too long."""

    text: str
    role: Role = "plain"


@dataclass(frozen=True, slots=True)
class Grid:
    """A map, one character a cell and one row a line; `roles` says what some characters are."""

    text: str
    roles: Mapping[str, Role]


@dataclass(frozen=True, slots=True)
class Choice:
    """Something to choose: what it is called, and the action that chooses it; `chosen` marks what was taken before."""

    label: str
    action: str
    chosen: bool = False


@dataclass(frozen=True, slots=True)
class Choices:
    """Choices side by side, under one name ("" for none)."""

    name: str
    choices: tuple[Choice, ...]


@dataclass(frozen=True, slots=True)
class Table:
    """Rows under column names.

    Attributes:
        choices: one for each row, or none at all; its label is the row's first cell.
        widest: index of the column that is cut when there is no room.
    """

    columns: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]
    choices: tuple[Choice, ...] = ()
    widest: int = 0


Block: TypeAlias = Paragraph | Grid | Choices | Table


@dataclass(frozen=True, slots=True)
class Page:
    """What is shown between two actions.

    Attributes:
        blocks: from top to bottom.
        keys: single keys, and names of arrow keys, that stand for an action.
        advice: what can be typed here beside the choices, in a few words.
    """

    blocks: tuple[Block, ...]
    keys: Mapping[str, str] = field(default_factory=dict)
    advice: str = ""


def choices_of(blocks: Iterable[Block]) -> tuple[Choice, ...]:
    """Return every choice of the blocks in order: the first is number 1."""
    return tuple(choice for block in blocks if isinstance(block, Choices | Table) for choice in block.choices)
