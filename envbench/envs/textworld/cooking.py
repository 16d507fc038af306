"""Cooking games: a recipe in the kitchen, food around the house."""

from __future__ import annotations

from dataclasses import replace

from numpy.random import PCG64

from envbench.envs.textworld.names import COOKING_VERBS, FOODS, SIDE_ROOMS
from envbench.envs.textworld.plan import Plan, draw_plan
from envbench.envs.textworld.world import (
    BURNED,
    CARRIED,
    CLOSED,
    CUTS,
    FIXED,
    NEEDS_COOKING,
    NOWHERE,
    RAW,
    UNCUT,
    Door,
    Event,
    Furniture,
    Ingredient,
    Item,
    Quest,
    World,
)
from envbench.seeding import below, choice, sample, shuffle

_VERBS = {cut: verb for verb, cut in CUTS.items()}
_OBJECTIVE = (
    "You are hungry. The cookbook in the kitchen tells how to prepare a meal: follow it to the letter, "
    "then eat the meal."
)


def kitchen_plan(bits: PCG64) -> Plan:
    """Return a house of one to five rooms, one of them the kitchen."""
    plan = draw_plan(bits, tuple(SIDE_ROOMS), 1 + below(bits, 5), extra=below(bits, 2))
    rooms = list(plan.rooms)
    rooms[below(bits, len(rooms))] = "kitchen"
    return replace(plan, rooms=tuple(rooms))


def _furniture(bits: PCG64, plan: Plan) -> list[Furniture]:
    kitchen = plan.rooms.index("kitchen")
    pieces = [
        Furniture("fridge", kitchen, CLOSED),
        Furniture("oven", kitchen, CLOSED, heat="roasted"),
        Furniture("stove", kitchen, heat="fried"),
        Furniture("table", kitchen),
        Furniture("counter", kitchen),
    ]
    for room, name in enumerate(plan.rooms):
        if room != kitchen:
            piece, heat = SIDE_ROOMS[name]
            pieces.append(Furniture(piece, room, FIXED if heat else "", heat=heat))
    return pieces


def _preparations(bits: PCG64, foods: list[str], heats: list[str]) -> list[tuple[str, str]]:
    """Draw how each ingredient of a recipe is to be cooked and cut; at least one of them has work to do."""
    made = []
    for food in foods:
        cooked = choice(bits, heats) if FOODS[food] == NEEDS_COOKING or below(bits, 2) else RAW
        made.append((cooked, choice(bits, (UNCUT, *_VERBS))))
    return made


def _quests(wanted: list[tuple[str, str]], places: list[int], meal: int) -> list[Quest]:
    """Return the quests as the package sets them: hold, cook and cut each ingredient, prepare the meal, eat it."""
    quests = []
    consumed = tuple(Event("consumed", item) for item in range(len(wanted)))
    for item, (cooked, cut) in enumerate(wanted):
        quests.append(Quest((), (Event(BURNED, item),)))
        if places[item] != CARRIED:
            quests.append(Quest((Event("carried", item),)))
        wrong = tuple(Event(heat, item) for heat in COOKING_VERBS if heat != cooked)
        quests.append(Quest((Event(cooked, item),) if cooked != RAW else (), (consumed[item], *wrong)))
        wrong = tuple(Event(other, item) for other in _VERBS if other != cut)
        quests.append(Quest((Event(cut, item),) if cut != UNCUT else (), (consumed[item], *wrong)))
    quests.append(Quest((Event("carried", meal),), consumed))
    quests.append(Quest((Event("consumed", meal),), (Event(BURNED, meal),)))
    return quests


def _recipe(foods: list[str], wanted: list[tuple[str, str]]) -> str:
    steps = []
    for food, (cooked, cut) in zip(foods, wanted, strict=True):
        steps += [f"{_VERBS[cut]} the {food}"] if cut != UNCUT else []
        steps += [f"{COOKING_VERBS[cooked]} the {food}"] if cooked != RAW else []
    needed = "\n".join(f"- {food}" for food in foods)
    done = "\n".join(f"- {step}" for step in [*steps, "prepare meal"])
    return f"The cookbook falls open at the dish of the day.\n\nIngredients:\n{needed}\n\nDirections:\n{done}"


def meal(bits: PCG64, plan: Plan) -> World:
    """Return a cooking game of one to three ingredients in a house."""
    pieces, rooms = _furniture(bits, plan), len(plan.rooms)
    doored = [way for way in plan.ways if below(bits, 3) == 0][:2]
    names = sample(bits, ("screen door", "wooden door"), len(doored))
    foods = sample(bits, tuple(FOODS), 3 + below(bits, 4))
    needed = foods[: 1 + below(bits, 3)]
    wanted = _preparations(bits, needed, [piece.heat for piece in pieces if piece.heat])
    shelves = [rooms + index for index, piece in enumerate(pieces) if not piece.heat]
    places = [choice(bits, shelves) for _ in foods]
    for item in range(len(needed)):
        if below(bits, 4) == 0:
            places[item] = CARRIED
    on_view = [rooms + 3, rooms + 4]
    items = [Item(food, place, (FOODS[food], UNCUT)) for food, place in zip(foods, places, strict=True)]
    items.append(Item("cookbook", choice(bits, on_view), text=_recipe(needed, wanted)))
    items.append(Item("knife", choice(bits, on_view), sharp=True))
    items.append(Item("meal", NOWHERE, ("", "")))
    order = list(range(rooms))
    shuffle(bits, order)
    return World(
        kind="cooking",
        objective=_OBJECTIVE,
        rooms=plan.rooms,
        exits=plan.exits(doored),
        doors=tuple(Door(name, -1, CLOSED) for name in names),
        furniture=tuple(pieces),
        items=tuple(items),
        quests=tuple(_quests(wanted, places, len(items) - 1)),
        start=order[0],
        kitchen=plan.rooms.index("kitchen"),
        meal=len(items) - 1,
        recipe=tuple(Ingredient(item, cooked, cut) for item, (cooked, cut) in enumerate(wanted)),
    )
