"""Floor plans: rooms on a grid, so that going east and back west leads home."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from numpy.random import PCG64

from envbench.envs.textworld.world import DIRECTIONS, OPPOSITE, Exit
from envbench.hashing import JsonValue
from envbench.seeding import below, choice, sample

_MOVES = {"north": (0, 1), "south": (0, -1), "east": (1, 0), "west": (-1, 0)}

Way = tuple[int, str, int]
"""One way from a room, in a direction, to a room; the way back is implied."""


@dataclass(frozen=True, slots=True)
class Plan:
    """Rooms by name and the ways between them.

    Attributes:
        rooms: names; the first is where the player starts.
        ways: in the order of their drawing.
        chain: the first so many rooms are a chain, each leading to the next; 0 without a chain.
    """

    rooms: tuple[str, ...]
    ways: tuple[Way, ...]
    chain: int

    def content(self) -> JsonValue:
        """Return rooms and ways as plain data."""
        return [list(self.rooms), sorted([list(way) for way in self.ways], key=str), self.chain]

    def exits(self, doored: Sequence[Way]) -> tuple[tuple[Exit, ...], ...]:
        """Return the exits of each room; the i-th way of `doored` has the door i."""
        found: list[list[Exit]] = [[] for _ in self.rooms]
        for way in self.ways:
            door = doored.index(way) if way in doored else -1
            room, direction, to = way
            found[room].append(Exit(direction, to, door))
            found[to].append(Exit(OPPOSITE[direction], room, door))
        return tuple(tuple(sorted(ways, key=lambda way: DIRECTIONS.index(way.direction))) for ways in found)


def draw_plan(bits: PCG64, names: Sequence[str], size: int, chain: int = 0, extra: int = 0) -> Plan:
    """Grow a connected plan of `size` rooms.

    Args:
        bits: source of randomness.
        names: to draw the rooms' names from.
        size: number of rooms.
        chain: the first so many rooms follow each other; the others are attached anywhere.
        extra: at most so many more ways between neighbours on the grid.
    """
    cells: dict[tuple[int, int], int] = {(0, 0): 0}
    places = [(0, 0)]
    ways: list[Way] = []
    while len(places) < size:
        source = len(places) - 1 if len(places) < chain else below(bits, len(places))
        direction = choice(bits, DIRECTIONS)
        x, y = places[source]
        cell = (x + _MOVES[direction][0], y + _MOVES[direction][1])
        if cell in cells:
            if len(places) < chain and all((x + dx, y + dy) in cells for dx, dy in _MOVES.values()):
                return draw_plan(bits, names, size, chain, extra)  # the chain has run into itself
            continue
        cells[cell] = len(places)
        ways.append((source, direction, len(places)))
        places.append(cell)
    joined = {(room, to) for room, _, to in ways} | {(to, room) for room, _, to in ways}
    loops = [
        (room, direction, cells[(x + _MOVES[direction][0], y + _MOVES[direction][1])])
        for room, (x, y) in enumerate(places)
        for direction in ("north", "east")
        if (room, cells.get((x + _MOVES[direction][0], y + _MOVES[direction][1]), room)) not in joined | {(room, room)}
    ]
    ways += sample(bits, loops, min(extra, len(loops)))
    return Plan(tuple(sample(bits, names, size)), tuple(ways), chain)
