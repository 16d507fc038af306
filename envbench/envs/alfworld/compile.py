"""From a game to its world: naming and numbering, types, capabilities, start and goal."""

from __future__ import annotations

from collections.abc import Iterable

from envbench.envs.alfworld.game import Game, Problem
from envbench.envs.alfworld.game import Goal as GoalFact
from envbench.envs.alfworld.pddl import parse_problem
from envbench.envs.alfworld.world import CLEAN, COOL, HOT, SLICED, TOGGLED, Goal, Rows, Start, World
from envbench.errors import DataCorrupt

_BAR = "_bar_"
_ABLE = {"cleanable": CLEAN, "heatable": HOT, "coolable": COOL, "sliceable": SLICED, "toggleable": TOGGLED}
_IS = {"isclean": CLEAN, "ishot": HOT, "iscool": COOL, "issliced": SLICED, "istoggled": TOGGLED}
_TOOLS = {"sinkbasintype": CLEAN, "microwavetype": HOT, "fridgetype": COOL}
_KNIVES = ("knifetype", "butterknifetype")
_GOAL_FLAG = {
    "pick_clean_then_place_in_recep": CLEAN,
    "pick_heat_then_place_in_recep": HOT,
    "pick_cool_then_place_in_recep": COOL,
}
_OBJECT_ARGUMENTS = {  # predicate -> positions of objects among its arguments
    "objecttype": (0,),
    "pickupable": (0,),
    "isreceptacleobject": (0,),
    "inreceptacle": (0,),
    "objectatlocation": (0,),
    "inreceptacleobject": (0, 1),
    "holds": (1,),
} | {name: (0,) for name in (*_ABLE, *_IS)}
_RECEPTACLE_ARGUMENTS = {"receptacletype": 0, "receptacleatlocation": 0, "openable": 0, "opened": 0, "inreceptacle": 1}
_PLACE_ARGUMENTS = {"atlocation": 1, "receptacleatlocation": 1, "objectatlocation": 1}

Table = dict[str, list[tuple[str, ...]]]


def names_of(ids: Iterable[str]) -> dict[str, str]:
    """Return the name of each id: its group and a number, counted down in the order of the ids."""
    groups: dict[str, list[str]] = {}
    names: dict[str, str] = {}
    for id in sorted(ids):
        if _BAR in id:
            group = id.partition(_BAR)[0] + ("basin" if "basin" in id else "")
            groups.setdefault(group, []).append(id)
        else:
            names[id] = f"{id} "
    for group, members in groups.items():
        for number, id in zip(range(len(members), 0, -1), members, strict=True):
            names[id] = f"{group} {number}"
    return names


def compile_game(game: Game) -> World:
    """Return the world of a game.

    Raises:
        DataCorrupt: for a problem that cannot be read or played.
    """
    problem = game.problem if isinstance(game.problem, Problem) else parse_problem(game.problem)
    try:
        return _compile(game.task, problem)
    except (KeyError, IndexError, ValueError) as error:
        raise DataCorrupt(f"game {game.name}: a fact has missing or strange arguments ({error!r})") from None


def _numbered(table: Table, positions: dict[str, tuple[int, ...]]) -> dict[str, int]:
    found = {row[place] for name, places in positions.items() for row in table.get(name, ()) for place in places}
    return {id: number for number, id in enumerate(sorted(found))}


def _compile(task: str, problem: Problem) -> World:
    table: Table = {}
    for name, *arguments in problem.facts:
        table.setdefault(name, []).append(tuple(arguments))
    names = names_of({argument for rows in table.values() for row in rows for argument in row})
    objects = _numbered(table, _OBJECT_ARGUMENTS)
    receptacles = _numbered(table, {name: (place,) for name, place in _RECEPTACLE_ARGUMENTS.items()})
    places = _numbered(table, {name: (place,) for name, place in _PLACE_ARGUMENTS.items()})
    object_types = {objects[id]: kind for id, kind in table.get("objecttype", ())}
    receptacle_types = {receptacles[id]: kind for id, kind in table.get("receptacletype", ())}
    place_of = [-1] * len(receptacles)
    for id, place in table.get("receptacleatlocation", ()):
        place_of[receptacles[id]] = places[place]
    receptacle_names = tuple(names[id] for id in receptacles)
    go = sorted((f"go to {name}", number) for number, name in enumerate(receptacle_names) if place_of[number] >= 0)
    able = [0] * len(objects)
    for name, bit in _ABLE.items():
        for (id,) in table.get(name, ()):
            able[objects[id]] |= bit
    ((agent, _),) = table["atlocation"]
    return World(
        task=task,
        agent=agent,
        goal=_goal(problem.goal, object_types, receptacle_types, able),
        start=_start(table, objects, receptacles, places),
        object_ids=tuple(objects),
        receptacle_ids=tuple(receptacles),
        place_ids=tuple(places),
        objects=tuple(names[id] for id in objects),
        receptacles=receptacle_names,
        places=tuple(names[id] for id in places),
        place_of=tuple(place_of),
        at=_rows(((place, number) for number, place in enumerate(place_of) if place >= 0), len(places)),
        openable=_marks(table, "openable", receptacles),
        tool=tuple(_TOOLS.get(receptacle_types.get(number, ""), 0) for number in range(len(receptacles))),
        sink=tuple(receptacle_types.get(number) == "sinktype" for number in range(len(receptacles))),
        fits=_fits(table, object_types, receptacle_types, len(receptacles)),
        pickupable=frozenset(objects[id] for (id,) in table.get("pickupable", ())),
        knife=frozenset(number for number, kind in object_types.items() if kind in _KNIVES),
        vessel=frozenset(objects[id] for (id,) in table.get("isreceptacleobject", ())),
        able=tuple(able),
        inner=_rows(((objects[outer], objects[id]) for id, outer in table.get("inreceptacleobject", ())), len(objects)),
        go=tuple(tuple(command for command, number in go if place_of[number] != place) for place in range(len(places))),
        arrivals=dict(go),
        object_of={names[id]: number for id, number in objects.items()},
        receptacle_of={names[id]: number for id, number in receptacles.items()},
        place_of_name={names[id]: number for id, number in places.items()},
    )


def _marks(table: Table, predicate: str, numbers: dict[str, int]) -> tuple[bool, ...]:
    marked = {id for (id,) in table.get(predicate, ())}
    return tuple(id in marked for id in numbers)


def _rows(pairs: Iterable[tuple[int, int]], length: int) -> Rows:
    """Return for each first number the sorted second ones."""
    rows: list[list[int]] = [[] for _ in range(length)]
    for first, second in pairs:
        rows[first].append(second)
    return tuple(tuple(sorted(row)) for row in rows)


def _fits(
    table: Table, object_types: dict[int, str], receptacle_types: dict[int, str], count: int
) -> tuple[frozenset[int], ...]:
    allowed: dict[str, set[str]] = {}
    for receptacle_type, object_type in table.get("cancontain", ()):
        allowed.setdefault(receptacle_type, set()).add(object_type)
    fitting = {
        kind: frozenset(number for number, object_type in object_types.items() if object_type in accepted)
        for kind, accepted in allowed.items()
    }
    return tuple(fitting.get(receptacle_types.get(number, ""), frozenset()) for number in range(count))


def _start(table: Table, objects: dict[str, int], receptacles: dict[str, int], places: dict[str, int]) -> Start:
    ((_, place),) = table["atlocation"]
    held = [objects[id] for _, id in table.get("holds", ())]
    if len(held) > 1:
        raise ValueError("holds several objects")
    flags = [0] * len(objects)
    for name, bit in _IS.items():
        for (id,) in table.get(name, ()):
            flags[objects[id]] |= bit
    return Start(
        agent=places[place],
        held=held[0] if held else -1,
        opened=_marks(table, "opened", receptacles),
        inside=_rows(
            ((receptacles[outer], objects[id]) for id, outer in table.get("inreceptacle", ())), len(receptacles)
        ),
        places=_rows(((objects[id], places[at]) for id, at in table.get("objectatlocation", ())), len(objects)),
        flags=tuple(flags),
    )


def _goal(goal: GoalFact, object_types: dict[int, str], receptacle_types: dict[int, str], able: list[int]) -> Goal:
    looking = goal.task_type == "look_at_obj_in_light"
    flag = _GOAL_FLAG.get(goal.task_type, 0)
    wanted = (number for number, kind in object_types.items() if kind == goal.object_type)
    return Goal(
        objects=frozenset(number for number in wanted if able[number] & flag == flag),
        flag=flag,
        receptacles=()
        if looking
        else tuple(sorted(number for number, kind in receptacle_types.items() if kind == goal.target_type)),
        needed=2 if goal.task_type == "pick_two_obj_and_place" else 1,
        lamps=frozenset(
            number for number, kind in object_types.items() if kind == goal.target_type and able[number] & TOGGLED
        )
        if looking
        else frozenset(),
    )
