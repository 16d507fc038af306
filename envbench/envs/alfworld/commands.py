"""Which commands are on offer, in sorted order, and what each means."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from envbench.envs.alfworld.world import CLEAN, COOL, HOT, SLICED, TOGGLED

if TYPE_CHECKING:
    from envbench.envs.alfworld.engine import State

Action = tuple[str, int, int]
"""A verb and the numbers of its arguments, else 0. `examine` is of a receptacle, `inspect` of an object in the hand."""

Table = dict[str, Action]

_TOOL_VERB = {CLEAN: "clean", HOT: "heat", COOL: "cool"}


class Offer(NamedTuple):
    """Commands on offer.

    Attributes:
        commands: all, sorted.
        actions: by command; those that go somewhere are in `World.arrivals`.
    """

    commands: tuple[str, ...]
    actions: Table


def offered(state: State) -> Offer:
    """Return what can be done now.

    Commands that sort before `go to` and after it are kept apart, so that those that go somewhere, the most, are never
    sorted.
    """
    before: Table = {}
    after: Table = dict(state.style.always)
    for receptacle in state.world.at[state.agent]:
        _with_receptacle(state, receptacle, before, after)
    if state.held >= 0:
        _with_hand(state, before, after)
    return Offer((*sorted(before), *state.world.go[state.agent], *sorted(after)), before | after)


def _with_receptacle(state: State, receptacle: int, before: Table, after: Table) -> None:
    """Add what can be done with a receptacle that is here, and with what is in it."""
    world, held = state.world, state.held
    name, inside = world.receptacles[receptacle], state.inside[receptacle]
    openable, opened = world.openable[receptacle], state.opened[receptacle]
    before[f"examine {name}"] = ("examine", receptacle, 0)
    if openable and opened:
        before[f"close {name}"] = ("close", receptacle, 0)
    elif openable:
        after[f"open {name}"] = ("open", receptacle, 0)
    for object in inside:
        if world.able[object] & TOGGLED:
            after[f"use {world.objects[object]}"] = ("use", object, 0)
    if openable and not opened:
        return
    if held < 0:
        for object in inside:
            if object in world.pickupable:
                after[f"take {world.objects[object]} from {name}"] = ("take", object, receptacle)
    elif held in world.fits[receptacle]:
        after[state.style.move.format(o=world.objects[held], r=name)] = ("move", held, receptacle)


def _with_hand(state: State, before: Table, after: Table) -> None:
    """Add what the object in the hand is good for."""
    world, held = state.world, state.held
    name = world.objects[held]
    before[f"examine {name}"] = ("inspect", held, 0)
    for receptacle in world.at[state.agent]:
        bit = CLEAN if state.style.cleans_at_sinks and world.sink[receptacle] else world.tool[receptacle]
        if bit & world.able[held]:
            table = after if bit == HOT else before
            table[f"{_TOOL_VERB[bit]} {name} with {world.receptacles[receptacle]}"] = (
                _TOOL_VERB[bit],
                held,
                receptacle,
            )
    if held in world.knife:
        for object, places in enumerate(state.places):
            if state.agent in places and world.able[object] & SLICED:
                after[f"slice {world.objects[object]} with {name}"] = ("slice", object, held)
