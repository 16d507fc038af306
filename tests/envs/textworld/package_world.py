"""A game of the package (its JSON file) as a world of the twin, for comparing the two."""

from typing import Any

from envbench.envs.textworld.world import (
    BURNED,
    CARRIED,
    CLOSED,
    DIRECTIONS,
    FIXED,
    LIQUID,
    LOCKED,
    NEEDS_COOKING,
    NOWHERE,
    OPEN,
    RAW,
    UNCUT,
    Door,
    Event,
    Exit,
    Furniture,
    Ingredient,
    Item,
    Quest,
    World,
)

_HEATS = {"oven": "roasted", "stove": "fried", "toaster": "grilled"}
_CARRIABLE = ("o", "k", "f", "meal")


class Facts:
    """The facts of a game at its start, by name."""

    def __init__(self, document: dict[str, Any]) -> None:
        self.rows = [(fact["name"], [a["name"] for a in fact["arguments"]]) for fact in document["world"]]
        self.names = {id: info["name"] for id, info in document["infos"]}
        self.types = {id: info["type"] for id, info in document["infos"]}

    def of(self, *kinds: str) -> list[str]:
        return [id for id in sorted(self.types) if self.types[id] in kinds]

    def where(self, name: str, first: str | None = None) -> list[list[str]]:
        return [args for fact, args in self.rows if fact == name and (first is None or args[0] == first)]

    def holds(self, name: str, *args: str) -> bool:
        return (name, list(args)) in self.rows

    def status(self, id: str) -> str:
        return next((status for status in (OPEN, CLOSED, LOCKED) if self.holds(status, id)), FIXED)


def _events(document: list[dict[str, Any]], items: list[str]) -> tuple[Event, ...]:
    events = []
    for row in document:
        condition = row["condition"]["preconditions"]
        known = []
        for fact in condition:
            name, args = fact["name"], [a["name"] for a in fact["arguments"]]
            if name == "in" and args[1] == "I":
                known.append(Event("carried", items.index(args[0])))
            elif len(args) == 1 and args[0] in items:
                known.append(Event(BURNED if name == "burned" else name, items.index(args[0])))
        assert len(known) == 1, condition
        events += known
    return tuple(events)


def _exits(facts: Facts, rooms: list[str], doors: list[str]) -> tuple[tuple[Exit, ...], ...]:
    found: list[list[Exit]] = [[] for _ in rooms]
    for direction in DIRECTIONS:
        for there, here in facts.where(f"{direction}_of"):  # `there` lies in that direction of `here`
            door = next((args[1] for args in facts.where("link", here) if args[2] == there), None)
            exit = Exit(direction, rooms.index(there), doors.index(door) if door else -1)
            if exit not in found[rooms.index(here)]:
                found[rooms.index(here)].append(exit)
    return tuple(tuple(ways) for ways in found)


def _food(facts: Facts, id: str, cooking: bool) -> tuple[str, str] | None:
    if facts.types[id] == "meal":
        return ("", "")
    if facts.types[id] != "f":
        return None
    if not cooking:
        return (RAW, UNCUT)
    heat = next((heat for heat in ("fried", "roasted", "grilled") if facts.holds(heat, id)), None)
    if facts.holds("drinkable", id):
        return (LIQUID, "")
    cooked = heat or (NEEDS_COOKING if facts.holds("needs_cooking", id) else RAW)
    cut = next((cut for cut in (UNCUT, "sliced", "diced", "chopped") if facts.holds(cut, id)), "")
    return (cooked, cut)


def _recipe(facts: Facts, items: list[str]) -> tuple[Ingredient, ...]:
    made = []
    for ingredient in facts.of("ingredient"):
        item = next(args[0] for args in facts.where("base") if args[1] == ingredient)
        cooked = next((heat for heat in _HEATS.values() if facts.holds(heat, ingredient)), RAW)
        cut = next((cut for cut in ("sliced", "diced", "chopped") if facts.holds(cut, ingredient)), UNCUT)
        made.append(Ingredient(items.index(item), cooked, cut))
    return tuple(made)


def world_of(document: dict[str, Any]) -> World:
    """Return the world of a game file of the package; descriptions are the twin's own."""
    facts = Facts(document)
    rooms, doors = facts.of("r"), facts.of("d")
    furniture, items = facts.of("c", "s", *_HEATS), facts.of(*_CARRIABLE)
    kitchen = [args[0] for args in facts.where("cooking_location")]

    def key(id: str) -> int:
        return next((items.index(args[0]) for args in facts.where("match") if args[1] == id), -1)

    def place(id: str) -> int:
        for name in ("at", "in", "on"):
            for _, holder in facts.where(name, id):
                if holder == "I":
                    return CARRIED
                if holder in rooms:
                    return rooms.index(holder)
                if holder in furniture:
                    return len(rooms) + furniture.index(holder)
        return NOWHERE

    return World(
        kind="cooking" if kitchen else "treasure",
        objective=document["objective"],
        rooms=tuple(facts.names[id] for id in rooms),
        exits=_exits(facts, rooms, doors),
        doors=tuple(Door(facts.names[id], key(id), facts.status(id)) for id in doors),
        furniture=tuple(
            Furniture(
                facts.names[id],
                rooms.index(facts.where("at", id)[0][1]),
                "" if facts.types[id] in ("s", "stove") else facts.status(id),
                key(id),
                _HEATS.get(facts.types[id], ""),
            )
            for id in furniture
        ),
        items=tuple(
            Item(
                facts.names[id],
                place(id),
                _food(facts, id, bool(kitchen)),
                facts.holds("sharp", id),
            )
            for id in items
        ),
        quests=tuple(
            Quest(_events(quest["win_events"], items), _events(quest["fail_events"], items))
            for quest in document["quests"]
        ),
        start=rooms.index(facts.where("at", "P")[0][1]),
        kitchen=rooms.index(kitchen[0]) if kitchen else -1,
        recipe=_recipe(facts, items),
        meal=next((items.index(id) for id in items if facts.types[id] == "meal"), -1),
    )
