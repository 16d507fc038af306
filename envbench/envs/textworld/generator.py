"""Procedural games: coin collector, treasure hunter and cooking, each winnable by the oracle.

Candidate `k` of a kind is drawn from `derive_seed(0, "textworld", kind, k)`. Its floor plan (rooms by name and the ways
between them) decides the split through a digest, so no two splits share a plan; the rest of the game is drawn only for
the split that was asked for.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache

from numpy.random import PCG64

from envbench.envs.textworld.cooking import kitchen_plan, meal
from envbench.envs.textworld.engine import Game
from envbench.envs.textworld.names import CONTAINERS, DOORS, KEYS, ROOMS, SUPPORTERS, TREASURES
from envbench.envs.textworld.oracle import next_command
from envbench.envs.textworld.plan import Plan, draw_plan
from envbench.envs.textworld.world import CLOSED, LOCKED, OPEN, Door, Event, Furniture, Item, Quest, World
from envbench.errors import InvalidValue
from envbench.hashing import digest
from envbench.seeding import below, choice, derive_seed, generator, sample

KINDS = ("coin", "treasure", "cooking")
SPLITS = {"train": 512, "val": 128, "test": 128}
"""Games in each split."""

MIN_COMMANDS, MAX_COMMANDS = 4, 40
"""Bounds of how many commands the oracle needs, for every kind."""

_SHARES = ("train", "train", "train", "train", "val", "test")
_MAX_CANDIDATES = 20_000


@dataclass(frozen=True, slots=True)
class Made:
    """A generated game.

    Attributes:
        world: the game.
        candidate: the number of its draw.
        plan: the digest of its floor plan.
        commands: how many the oracle needs.
    """

    world: World
    candidate: int
    plan: str
    commands: int


@lru_cache(maxsize=16)
def games(kind: str, split: str, count: int) -> tuple[Made, ...]:
    """Return the first `count` games of a kind in a split, in the order of their draws; made once per process.

    Raises:
        InvalidValue: the candidates do not hold so many.
    """
    made: list[Made] = []
    seen: set[str] = set()
    for candidate in range(_MAX_CANDIDATES):
        if len(made) == count:
            return tuple(made)
        bits = generator(derive_seed(0, "textworld", kind, candidate))
        plan = kitchen_plan(bits) if kind == "cooking" else _plan(bits, kind)
        form = digest(plan.content())
        if form in seen or _SHARES[int(form.removeprefix("v1:"), 16) % len(_SHARES)] != split:
            continue
        world = {"coin": _coin, "treasure": _treasure, "cooking": meal}[kind](bits, plan)
        commands = commands_to_win(world)
        if commands >= MIN_COMMANDS:
            seen.add(form)
            made.append(Made(world, candidate, form, commands))
    raise InvalidValue(f"{count} {kind} games asked for, {len(made)} can be made; ask for fewer")


def commands_to_win(world: World) -> int:
    """Return how many commands the oracle needs; 0 when it needs more than `MAX_COMMANDS` or knows no way."""
    game = Game(world)
    for count in range(1, MAX_COMMANDS + 1):
        command = next_command(game)
        reply = None if command is None else game.step(command)
        if reply is None:
            return 0
        if reply.over:
            return 0 if game.lost else count
    return 0


def _plan(bits: PCG64, kind: str) -> Plan:
    if kind == "coin":
        length = 3 + below(bits, 8)
        return draw_plan(bits, ROOMS, length + below(bits, length + 1), chain=length)
    return draw_plan(bits, ROOMS, 4 + below(bits, 7), chain=0, extra=below(bits, 3))


def _coin(bits: PCG64, plan: Plan) -> World:
    """Return a game of the coin collector: a chain of rooms with dead ends, the coin at its end."""
    return World(
        kind="coin",
        objective="Somewhere in this building lies a coin. Find it and take it.",
        rooms=plan.rooms,
        exits=plan.exits([]),
        doors=(),
        furniture=(),
        items=(Item("coin", plan.chain - 1),),
        quests=(Quest((Event("carried", 0),)),),
        start=0,
    )


def _treasure(bits: PCG64, plan: Plan) -> World:
    """Return a treasure hunt: one thing to take, one to leave alone; doors and containers, some of them locked."""
    right, wrong = sample(bits, TREASURES, 2)
    keys = sample(bits, KEYS, len(KEYS))
    rooms = len(plan.rooms)
    doored = [way for way in plan.ways if below(bits, 3) == 0][: len(DOORS)]
    status = [choice(bits, (OPEN, CLOSED, CLOSED, LOCKED)) for _ in doored]
    names = sample(bits, DOORS, len(doored))
    containers = sample(bits, CONTAINERS, 1 + below(bits, 4))
    supporters = sample(bits, SUPPORTERS, 1 + below(bits, 4))
    furniture = [
        Furniture(name, below(bits, rooms), choice(bits, (OPEN, CLOSED, CLOSED, LOCKED))) for name in containers
    ] + [Furniture(name, below(bits, rooms)) for name in supporters]
    items = [Item(right, 0), Item(wrong, 0)]
    doors, fitted = [], []
    for name, state in zip(names, status, strict=True):
        key, state = _lock(items, keys, state)
        doors.append(Door(name, key, state))
    for piece in furniture:
        key, state = _lock(items, keys, piece.status)
        fitted.append(piece._replace(key=key, status=state))
    placed = tuple(item._replace(place=below(bits, rooms + len(fitted))) for item in items)
    return World(
        kind="treasure",
        objective=f"Find the {right} and take it. Do not take the {wrong}: that ends the game.",
        rooms=plan.rooms,
        exits=plan.exits(doored),
        doors=tuple(doors),
        furniture=tuple(fitted),
        items=placed,
        quests=(Quest((Event("carried", 0),), (Event("carried", 1),)),),
        start=0,
    )


def _lock(items: list[Item], keys: Sequence[str], status: str) -> tuple[int, str]:
    """Add the key of what is locked to `items`, at most two; without one left it is closed. Return key and status."""
    if status != LOCKED:
        return -1, status
    if len(items) == 4:
        return -1, CLOSED
    items.append(Item(keys[len(items) - 2], 0))
    return len(items) - 1, LOCKED
