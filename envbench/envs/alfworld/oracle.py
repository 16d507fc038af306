"""A script that knows the state: fetch what is wanted, treat it, put it where it belongs.

From wherever a session stands, every route of this form is written out and the shortest is begun; a step along it
leaves that route one command shorter, so following the answers arrives.
"""

from __future__ import annotations

from collections.abc import Iterator
from itertools import permutations

from envbench.envs.alfworld.engine import State
from envbench.envs.alfworld.world import CLEAN, COOL, HOT, TOGGLED

_TREATMENT = {CLEAN: "clean", HOT: "heat", COOL: "cool"}


class Route:
    """Commands from a state on, and what they change of it."""

    __slots__ = ("_agent", "_opened", "_state", "commands")

    def __init__(self, state: State) -> None:
        self._state = state
        self._agent = state.agent
        self._opened: set[int] = set()
        self.commands: list[str] = []

    def visit(self, receptacle: int) -> None:
        """Go to a receptacle, unless it is here."""
        world = self._state.world
        if world.place_of[receptacle] != self._agent:
            self._agent = world.place_of[receptacle]
            self.commands.append(f"go to {world.receptacles[receptacle]}")

    def reach_into(self, receptacle: int) -> None:
        """Go to a receptacle and see to it that it is open."""
        self.visit(receptacle)
        world = self._state.world
        if world.openable[receptacle] and not self._state.opened[receptacle] and receptacle not in self._opened:
            self._opened.add(receptacle)
            self.commands.append(f"open {world.receptacles[receptacle]}")

    def take(self, object: int, receptacle: int) -> None:
        self.reach_into(receptacle)
        world = self._state.world
        self.commands.append(f"take {world.objects[object]} from {world.receptacles[receptacle]}")

    def put(self, object: int, receptacle: int) -> None:
        self.reach_into(receptacle)
        world = self._state.world
        self.commands.append(self._state.style.move.format(o=world.objects[object], r=world.receptacles[receptacle]))

    def treat(self, object: int, tool: int) -> None:
        self.visit(tool)
        world = self._state.world
        verb = _TREATMENT[world.tool[tool]]
        self.commands.append(f"{verb} {world.objects[object]} with {world.receptacles[tool]}")

    def light(self, lamp: int, receptacle: int) -> None:
        self.visit(receptacle)
        if not self._state.flags[lamp] & TOGGLED:
            self.commands.append(f"use {self._state.world.objects[lamp]}")


def next_command(state: State) -> str | None:
    """Return the next command of a shortest route to the goal; None when it holds, or cannot be reached any more."""
    if state.solved():
        return None
    routes = _lookings(state) if state.world.goal.lamps else _placings(state)
    shortest = min(routes, key=lambda route: len(route.commands), default=None)
    return shortest.commands[0] if shortest is not None else None


def _homes(state: State, objects: frozenset[int]) -> dict[int, list[int]]:
    """Return for each of these objects the receptacles, among those that can be reached, that it is in."""
    homes: dict[int, list[int]] = {object: [] for object in sorted(objects)}
    for receptacle, inside in enumerate(state.inside):
        if state.world.place_of[receptacle] >= 0:
            for object in inside:
                if object in homes:
                    homes[object].append(receptacle)
    return homes


def _fetched(state: State, object: int, homes: dict[int, list[int]]) -> Iterator[Route]:
    """Yield routes that end with the object in the hand; what is held now is put down first."""
    if state.held == object:
        yield Route(state)
    elif object in state.world.pickupable:
        for home in homes[object]:
            for route in _emptied(state, home):
                route.take(object, home)
                yield route


def _emptied(state: State, next_stop: int) -> Iterator[Route]:
    """Yield routes that end with an empty hand: put down here, at the next stop, or at one place elsewhere."""
    if state.held < 0:
        yield Route(state)
        return
    world = state.world
    fitting = [
        receptacle
        for receptacle, place in enumerate(world.place_of)
        if place >= 0 and state.held in world.fits[receptacle]
    ]
    near = (state.agent, world.place_of[next_stop])
    elsewhere = sorted(fitting, key=lambda receptacle: world.openable[receptacle] and not state.opened[receptacle])[:1]
    for receptacle in dict.fromkeys([*(spot for spot in fitting if world.place_of[spot] in near), *elsewhere]):
        route = Route(state)
        route.put(state.held, receptacle)
        yield route


def _lookings(state: State) -> Iterator[Route]:
    """Yield routes that end with a wanted object in the hand, at a lamp that is on."""
    goal = state.world.goal
    stands = [(lamp, stand) for lamp, found in _homes(state, goal.lamps).items() for stand in found]
    homes = _homes(state, goal.objects)
    wanted = [state.held] if state.held in goal.objects else sorted(goal.objects)
    for object in wanted:
        for lamp, stand in stands:
            for route in _fetched(state, object, homes):
                route.light(lamp, stand)
                yield route


def _placings(state: State) -> Iterator[Route]:
    """Yield routes that bring as many treated objects into one of the wanted receptacles as it still lacks."""
    world, goal = state.world, state.world.goal
    homes = _homes(state, goal.objects)
    for target in goal.receptacles:
        if world.place_of[target] < 0:
            continue
        inside = state.inside[target]
        there = [object for object in inside if object in goal.objects and state.flags[object] & goal.flag == goal.flag]
        others = [object for object in homes if object not in there and object in world.fits[target]]
        for chosen in permutations(others, goal.needed - len(there)):
            if state.held not in others or chosen[0] == state.held:
                yield from _deliveries(state, chosen, target, homes)


def _deliveries(state: State, objects: tuple[int, ...], target: int, homes: dict[int, list[int]]) -> Iterator[Route]:
    """Yield routes that bring these objects into the target, one after the other."""
    first, *rest = objects
    for tool in _tools(state, first):
        for route in _fetched(state, first, homes):
            if tool >= 0:
                route.treat(first, tool)
            route.put(first, target)
            if all(homes[object] and object in state.world.pickupable for object in rest):
                for object in rest:
                    route.take(object, homes[object][0])
                    route.put(object, target)
                yield route


def _tools(state: State, object: int) -> list[int]:
    """Return the receptacles that could give the object what the goal asks for; -1 alone when it needs nothing."""
    flag, world = state.world.goal.flag, state.world
    if state.flags[object] & flag == flag:
        return [-1]
    return [tool for tool, bit in enumerate(world.tool) if bit == flag and world.place_of[tool] >= 0]
