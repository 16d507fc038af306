"""What a game of the twin is made of: rooms, doors, furniture, things and quests, as plain immutable records.

A place is one number: rooms come first, then furniture (`World.at`), and below zero lie `CARRIED` and `NOWHERE`.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

from envbench.hashing import JsonValue

CARRIED, NOWHERE = -1, -2

OPEN, CLOSED, LOCKED = "open", "closed", "locked"
FIXED = "fixed"
"""Status of furniture that neither opens nor holds anything, such as a barbecue."""

DIRECTIONS = ("north", "south", "east", "west")
OPPOSITE = {"north": "south", "south": "north", "east": "west", "west": "east"}

UNCUT = "uncut"
RAW, NEEDS_COOKING, LIQUID = "raw", "needs cooking", "liquid"
BURNED, CONSUMED = "burned", "consumed"
CUTS = {"slice": "sliced", "dice": "diced", "chop": "chopped"}
"""The cut that each verb makes."""


class Exit(NamedTuple):
    """A way out of a room; `door` is an index into `World.doors`, -1 for none."""

    direction: str
    to: int
    door: int


class Door(NamedTuple):
    """A door between two rooms; `key` is an index into `World.items`, -1 for none."""

    name: str
    key: int
    status: str


class Furniture(NamedTuple):
    """What stays where it is and holds things.

    Attributes:
        name: as commands call it.
        room: where it stands.
        status: of a container at the start, `open`, `closed` or `locked`; "" for a supporter, or `FIXED`.
        key: index into `World.items`, -1 for none.
        heat: what food cooked with it becomes (`fried`, `roasted`, `grilled`); "" when nothing cooks on it.
    """

    name: str
    room: int
    status: str = ""
    key: int = -1
    heat: str = ""


class Item(NamedTuple):
    """What can be carried.

    Attributes:
        name: as commands call it.
        place: where it is at the start.
        food: how it is cooked and cut at the start, such as `("raw", "uncut")`; None when it is no food.
        sharp: it cuts food.
        text: what reading it tells; "" for what cannot be read.
    """

    name: str
    place: int
    food: tuple[str, str] | None = None
    sharp: bool = False
    text: str = ""


class Ingredient(NamedTuple):
    """What a recipe asks for: an item, cooked and cut so."""

    item: int
    cooked: str
    cut: str


class Event(NamedTuple):
    """A fact about an item: `what` is `carried`, `consumed`, or how the item is cooked or cut."""

    what: str
    item: int


class Quest(NamedTuple):
    """One point when one of `wins` comes true; the game is lost when one of `fails` does before that.

    A quest without `wins` gives no point and is never completed. The game is won when all others are.
    """

    wins: tuple[Event, ...]
    fails: tuple[Event, ...] = ()


@dataclass(frozen=True, slots=True)
class World:
    """A game at its start.

    Attributes:
        kind: `coin`, `treasure` or `cooking`.
        objective: what the player is told.
        exits: the ways out of each room, in the order of `DIRECTIONS`.
        kitchen: the room where meals are prepared; -1 in games without cooking.
        meal: index of the item that `prepare meal` makes; -1 in games without cooking.
        recipe: what the meal is made of.
    """

    kind: str
    objective: str
    rooms: tuple[str, ...]
    exits: tuple[tuple[Exit, ...], ...]
    doors: tuple[Door, ...]
    furniture: tuple[Furniture, ...]
    items: tuple[Item, ...]
    quests: tuple[Quest, ...]
    start: int
    kitchen: int = -1
    meal: int = -1
    recipe: tuple[Ingredient, ...] = ()

    def at(self, furniture: int) -> int:
        """Return the place that a piece of furniture is."""
        return len(self.rooms) + furniture

    def room_of(self, place: int) -> int:
        """Return the room that a room or a piece of furniture is in."""
        return place if place < len(self.rooms) else self.furniture[place - len(self.rooms)].room

    def content(self) -> JsonValue:
        """Return everything that decides the game, as plain data."""
        return {
            "kind": self.kind,
            "objective": self.objective,
            "rooms": list(self.rooms),
            "exits": [[list(way) for way in ways] for ways in self.exits],
            "doors": [list(door) for door in self.doors],
            "furniture": [list(piece) for piece in self.furniture],
            "items": [list(item) for item in self.items],
            "quests": [[[list(event) for event in events] for events in quest] for quest in self.quests],
            "recipe": [list(ingredient) for ingredient in self.recipe],
            "player": [self.start, self.kitchen, self.meal],
        }
