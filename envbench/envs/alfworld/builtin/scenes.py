"""Floor plans: the receptacles, fixtures and places of a scene, drawn from its number alone."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from typing import NamedTuple

from numpy.random import PCG64

from envbench.envs.alfworld.builtin.tables import (
    ABILITIES,
    HOLDS,
    LAMP,
    LAMP_STANDS,
    OPENABLE,
    PULL,
    ROOMS,
    Stock,
)
from envbench.envs.alfworld.game import Fact
from envbench.hashing import digest
from envbench.seeding import below, choice, derive_seed, generator

SCENES = 30
"""Scenes of each kind of room."""
UNSEEN = (10, 20, 30)
"""Which of them only valid_unseen uses; the other splits share the rest."""

_CLUSTERED = frozenset({"Cabinet", "Drawer", "Shelf", "StoveBurner"})
_TOGETHER = 30  # percent of these that share a place with the one before
_BASINS = {"SinkBasin": "sink", "BathtubBasin": "bathtub"}
_STARTS = 4
_HALF = 400  # centimetres from the middle of a room to its walls


class Spot(NamedTuple):
    """A receptacle.

    Attributes:
        kind: type without its suffix.
        id: lower-case.
        place: location to stand at.
        at: its coordinates, in centimetres.
    """

    kind: str
    id: str
    place: str
    at: tuple[int, int, int]


class Fixture(NamedTuple):
    """A thing that stays where it is; `spot` is the id of the receptacle that it stands on, or ""."""

    kind: str
    id: str
    place: str
    spot: str


@dataclass(frozen=True)
class Scene:
    """A floor plan.

    Attributes:
        number: as in the original: kitchens 1 to 30, living rooms 201 to 230, bedrooms 301 to 330, bathrooms 401 to
            430.
        room: key of `tables.ROOMS`.
        spots: the receptacles.
        fixtures: what cannot be carried, lamps among them.
        starts: places without receptacle, where the agent may begin.
        by_kind: indices into `spots` for each kind of receptacle.
        homes: for each kind of object, the kinds of receptacles here that can contain it, each as often as it pulls.
        sha: digest of all that decides how its games are played, the tables included.
    """

    number: int
    room: str
    spots: tuple[Spot, ...]
    fixtures: tuple[Fixture, ...]
    starts: tuple[str, ...]
    by_kind: dict[str, tuple[int, ...]]
    homes: dict[str, tuple[str, ...]]
    sha: str

    @property
    def lamp(self) -> bool:
        """Tell whether a lamp stands here that can be used."""
        return any(fixture.kind == LAMP for fixture in self.fixtures)

    def facts(self) -> list[Fact]:
        """Return what is true of receptacles and fixtures."""
        facts: list[Fact] = []
        for kind, id, place, _ in self.spots:
            facts += [("receptacletype", id, f"{kind.lower()}type"), ("receptacleatlocation", id, place)]
            facts += [("openable", id)] * (kind in OPENABLE)
        for kind, id, place, spot in self.fixtures:
            facts += [("objecttype", id, f"{kind.lower()}type"), ("objectatlocation", id, place)]
            facts += [("inreceptacle", id, spot)] * bool(spot)
            facts += [("toggleable", id)] * (kind in ABILITIES["toggleable"])
        return facts


def object_id(kind: str, at: tuple[int, int, int]) -> str:
    """Return the id of a thing of some kind at these coordinates, as the original writes it, in lower case."""
    return "_bar_".join([kind.lower(), *[_metres(value) for value in at]])


def _metres(centimetres: int) -> str:
    whole, rest = divmod(abs(centimetres), 100)
    return f"{'_minus_' if centimetres < 0 else '_plus_'}{whole:02d}_dot_{rest:02d}"


def _amounts(bits: PCG64, stocks: tuple[Stock, ...]) -> list[tuple[str, int]]:
    return [(kind, low + below(bits, high - low + 1)) for kind, share, low, high in stocks if below(bits, 100) < share]


class _Plan:
    """Draws coordinates and places, none of them twice."""

    def __init__(self, bits: PCG64) -> None:
        self.bits = bits
        self._met: set[object] = set()

    def point(self) -> tuple[int, int, int]:
        while True:
            x, z = (below(self.bits, 2 * _HALF + 1) - _HALF for _ in range(2))
            found = (x, below(self.bits, 181), z)
            if found not in self._met:
                self._met.add(found)
                return found

    def place(self, near: tuple[int, int, int]) -> str:
        while True:
            x, z = (value // 25 + below(self.bits, 5) - 2 for value in (near[0], near[2]))
            place = f"loc_bar_{_whole(x)}_bar_{_whole(z)}_bar_{below(self.bits, 4)}_bar_{choice(self.bits, _PITCHES)}"
            if place not in self._met:
                self._met.add(place)
                return place


_PITCHES = ("_minus_30", "0", "30", "45", "60")


def _whole(value: int) -> str:
    return f"_minus_{-value}" if value < 0 else str(value)


def _spots(plan: _Plan, stocks: tuple[Stock, ...]) -> tuple[Spot, ...]:
    spots: list[Spot] = []
    for kind, count in _amounts(plan.bits, stocks):
        for number in range(count):
            at = plan.point()
            shared = number > 0 and kind in _CLUSTERED and below(plan.bits, 100) < _TOGETHER
            place = spots[-1].place if shared else plan.place(at)
            basin = _BASINS.get(kind)
            id = f"{object_id(basin, at)}_bar_{kind.lower()}" if basin else object_id(kind, at)
            spots.append(Spot(kind, id, place, at))
    return tuple(spots)


def _fixtures(plan: _Plan, room: str, spots: tuple[Spot, ...]) -> tuple[Fixture, ...]:
    found: list[Fixture] = []
    for kind, count in _amounts(plan.bits, ROOMS[room].fixtures):
        for _ in range(count):
            at = plan.point()
            found.append(Fixture(kind, object_id(kind, at), plan.place(at), ""))
    stands = [spot for spot in spots if spot.kind in LAMP_STANDS or spot.kind in ("CounterTop", "CoffeeTable")]
    for kind, count in _amounts(plan.bits, ROOMS[room].ornaments):
        fitting = [spot for spot in stands if spot.kind in LAMP_STANDS] if kind == LAMP else stands
        for _ in range(count if fitting else 0):
            spot = choice(plan.bits, fitting)
            found.append(Fixture(kind, object_id(kind, plan.point()), spot.place, spot.id))
    return tuple(found)


@cache
def _tables_digest() -> str:
    return digest([HOLDS, ABILITIES, OPENABLE])


@cache
def scene(number: int) -> Scene:
    """Return the floor plan of a scene; made once per process."""
    room = next(name for name, room in ROOMS.items() if room.first < number <= room.first + SCENES)
    plan = _Plan(generator(derive_seed(0, "alfworld", "scene", number)))
    spots = _spots(plan, ROOMS[room].receptacles)
    fixtures = _fixtures(plan, room, spots)
    starts = tuple(plan.place(plan.point()) for _ in range(_STARTS))
    by_kind: dict[str, tuple[int, ...]] = {}
    for index, spot in enumerate(spots):
        by_kind[spot.kind] = (*by_kind.get(spot.kind, ()), index)
    homes = {
        stock.kind: tuple(kind for kind in by_kind if stock.kind in HOLDS[kind] for _ in range(PULL.get(kind, 2)))
        for stock in ROOMS[room].objects
    }
    sha = digest([_tables_digest(), number, [tuple(spot) for spot in spots], [tuple(thing) for thing in fixtures]])
    return Scene(number, room, spots, fixtures, starts, by_kind, homes, sha)


@cache
def scenes_of(room: str, unseen: bool) -> tuple[int, ...]:
    """Return the numbers of a room's scenes that valid_unseen uses, or those that the other splits use."""
    first = ROOMS[room].first
    return tuple(first + number for number in range(1, SCENES + 1) if (number in UNSEEN) == unseen)
