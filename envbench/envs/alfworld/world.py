"""What of a game never changes, and where it starts: objects, receptacles and places as numbers, in id order."""

from __future__ import annotations

from typing import NamedTuple

CLEAN, HOT, COOL, SLICED, TOGGLED = 1, 2, 4, 8, 16
"""Bits of what is true of an object; `World.able` has the bits that commands can set.

The domain also names `isOn`, which using a lamp turns on and, in the same step, off again in the states that the
original reports. Nothing reads it, no known game starts with it, and it is left out.
"""

FLAGS = ("clean", "hot", "cool", "sliced", "toggled")
"""Their names, lowest bit first."""

Rows = tuple[tuple[int, ...], ...]


class Start(NamedTuple):
    """The state that a game begins in.

    Attributes:
        agent: its place.
        held: object in its hand, or -1.
        opened: per receptacle.
        inside: per receptacle, the objects in it. One object may be in several.
        places: per object, where it is said to be.
        flags: per object.
    """

    agent: int
    held: int
    opened: tuple[bool, ...]
    inside: Rows
    places: Rows
    flags: tuple[int, ...]


class Goal(NamedTuple):
    """What has to hold, in numbers.

    Attributes:
        objects: those that count.
        flag: bit that such an object must have, or 0.
        receptacles: where to put it; () when it is to be looked at.
        needed: how many different ones, in one receptacle.
        lamps: to look at it under.
    """

    objects: frozenset[int]
    flag: int
    receptacles: tuple[int, ...]
    needed: int
    lamps: frozenset[int]


class World(NamedTuple):
    """A compiled game, shared by all its sessions. Per-object and per-receptacle tuples are in id order.

    Attributes:
        task: the goal sentence.
        agent: id of the agent.
        object_ids, receptacle_ids, place_ids: lower-case ids.
        objects, receptacles, places: their names, such as `apple 1`, `shelf 2`, `loc 3`.
        place_of: per receptacle, or -1.
        at: per place, the receptacles there.
        openable: per receptacle.
        tool: per receptacle, the bit that it sets (a basin cleans, a microwave heats, a fridge cools), or 0.
        sink: per receptacle, whether it is a sink without being a basin; older releases clean there.
        fits: per receptacle, the objects that its type can contain.
        pickupable, knife, vessel: objects; a vessel (the original says receptacle object) is examined for its content.
        able: per object, which of the bits can be set.
        inner: per object, what is in it if it is a vessel.
        go: per place, the sorted commands that lead from it to receptacles elsewhere.
        arrivals: receptacle by command.
        object_of, receptacle_of, place_of_name: numbers by name.
    """

    task: str
    agent: str
    goal: Goal
    start: Start
    object_ids: tuple[str, ...]
    receptacle_ids: tuple[str, ...]
    place_ids: tuple[str, ...]
    objects: tuple[str, ...]
    receptacles: tuple[str, ...]
    places: tuple[str, ...]
    place_of: tuple[int, ...]
    at: Rows
    openable: tuple[bool, ...]
    tool: tuple[int, ...]
    sink: tuple[bool, ...]
    fits: tuple[frozenset[int], ...]
    pickupable: frozenset[int]
    knife: frozenset[int]
    vessel: frozenset[int]
    able: tuple[int, ...]
    inner: Rows
    go: tuple[tuple[str, ...], ...]
    arrivals: dict[str, int]
    object_of: dict[str, int]
    receptacle_of: dict[str, int]
    place_of_name: dict[str, int]
