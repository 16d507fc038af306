"""A policy that knows the world: it fetches what is needed, opening, unlocking and fetching keys on the way."""

from __future__ import annotations

from collections import deque

from envbench.envs.textworld.engine import Game
from envbench.envs.textworld.world import CARRIED, CLOSED, CUTS, LOCKED, NOWHERE, RAW, UNCUT

_VERB_OF = {cut: verb for verb, cut in CUTS.items()}


def next_command(game: Game) -> str | None:
    """Return the next command towards the win; None when the game is over or no way to win it is known."""
    if game.won or game.lost:
        return None
    if game.world.kitchen >= 0:
        return _cook(game)
    wanted = next(event.item for quest in game.world.quests for event in quest.wins)
    return _fetch(game, wanted, frozenset())


def _cook(game: Game) -> str | None:
    world = game.world
    if game.places[world.meal] != NOWHERE:
        carried = game.places[world.meal] == CARRIED
        return f"eat {world.items[world.meal].name}" if carried else _fetch(game, world.meal, frozenset())
    for item, cooked, cut in world.recipe:
        is_cooked, is_cut = game.food[item] or (RAW, UNCUT)
        if game.places[item] != CARRIED:
            return _fetch(game, item, frozenset())
        if cooked not in (RAW, is_cooked):
            return _heat(game, item, cooked)
        if cut not in (UNCUT, is_cut):
            return _cut(game, item, cut)
    return "prepare meal" if game.room == world.kitchen else _walk(game, world.kitchen, frozenset())


def _cut(game: Game, item: int, cut: str) -> str | None:
    world, name = game.world, game.world.items[item].name
    knives = [index for index, other in enumerate(world.items) if other.sharp]
    for knife in knives:
        if game.places[knife] == CARRIED:
            return f"{_VERB_OF[cut]} {name} with {world.items[knife].name}"
    return _fetch(game, knives[0], frozenset()) if knives else None


def _heat(game: Game, item: int, heat: str) -> str | None:
    world = game.world
    pieces = [piece for piece in world.furniture if piece.heat == heat]
    for piece in pieces:
        if piece.room == game.room:
            return f"cook {world.items[item].name} with {piece.name}"
    return _walk(game, pieces[0].room, frozenset()) if pieces else None


def _fetch(game: Game, item: int, pending: frozenset[int]) -> str | None:
    """Return the next command towards carrying an item; `pending` are keys whose fetching led here."""
    world, place = game.world, game.places[item]
    if place == NOWHERE:
        return None
    target = world.room_of(place)
    if target != game.room:
        return _walk(game, target, pending)
    name = world.items[item].name
    if place < len(world.rooms):
        return f"take {name}"
    index = place - len(world.rooms)
    piece = world.furniture[index]
    return _open(game, piece.name, len(world.doors) + index, piece.key, pending) or f"take {name} from {piece.name}"


def _open(game: Game, name: str, index: int, key: int, pending: frozenset[int]) -> str | None:
    """Return the next command towards an open door or container here; None when it is open."""
    status = game.status[index]
    if status == CLOSED:
        return f"open {name}"
    if status != LOCKED:
        return None
    if game.places[key] == CARRIED:
        return f"unlock {name} with {game.world.items[key].name}"
    return None if key in pending else _fetch(game, key, pending | {key})


def _walk(game: Game, target: int, pending: frozenset[int]) -> str | None:
    """Return the next command on a shortest way to a room; fetches the key of a door that bars all ways."""
    first, barred = _search(game, target)
    if first is not None:
        _, direction, door = first
        bar = _open(game, game.world.doors[door].name, door, game.world.doors[door].key, pending) if door >= 0 else None
        return bar or f"go {direction}"
    for door in barred:
        key = game.world.doors[door].key
        if key >= 0 and key not in pending:
            command = _fetch(game, key, pending | {key})
            if command is not None:
                return command
    return None


def _search(game: Game, target: int) -> tuple[tuple[int, str, int] | None, list[int]]:
    """Return the first step of a shortest way that the carried keys allow, and the locked doors that were met."""
    world = game.world
    came: dict[int, tuple[int, str, int]] = {game.room: (game.room, "", -1)}
    queue = deque([game.room])
    barred: list[int] = []
    while queue:
        room = queue.popleft()
        if room == target:
            while came[room][0] != game.room:
                room = came[room][0]
            return came[room], barred
        for direction, to, door in world.exits[room]:
            if to in came:
                continue
            if door >= 0 and game.status[door] == LOCKED:
                key = world.doors[door].key
                if key < 0 or game.places[key] != CARRIED:
                    barred.append(door)
                    continue
            came[to] = (room, direction, door)
            queue.append(to)
    return None, barred
