"""What is said: the sentences of release 0.4.2, and what older releases say otherwise."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, NamedTuple

from envbench.envs.alfworld.commands import Action
from envbench.envs.alfworld.world import CLEAN, COOL, HOT, SLICED, World

if TYPE_CHECKING:
    from envbench.envs.alfworld.engine import State

NOTHING_HAPPENS = "Nothing happens."

_HELP = (
    ("look", "look around your current location"),
    ("inventory", "check your current inventory"),
    ("go to (receptacle)", "move to a receptacle"),
    ("open (receptacle)", "open a receptacle"),
    ("close (receptacle)", "close a receptacle"),
    ("take (object) from (receptacle)", "take an object from a receptacle"),
    ("move (object) to (receptacle)", "place an object in or on a receptacle"),
    ("examine (something)", "examine a receptacle or an object"),
    ("use (object)", "use an object"),
    ("heat (object) with (receptacle)", "heat an object using a receptacle"),
    ("clean (object) with (receptacle)", "clean an object using a receptacle"),
    ("cool (object) with (receptacle)", "cool an object using a receptacle"),
    ("slice (object) with (object)", "slice an object using a sharp object"),
)
_HELP_TEXT = "Available commands:\n" + "".join(
    f"  {(command + ':').ljust(32 if command.startswith('move') else 34)}{about}\n"  # as unevenly as the original
    for command, about in _HELP
)


class Style(NamedTuple):
    """What releases differ in.

    Attributes:
        move: the command that puts an object down.
        moved: the answer to it.
        arrived: the first sentence after going somewhere.
        always: commands without arguments.
        cleans_at_sinks: also at receptacles of the type Sink (which no known game has).
    """

    move: str
    moved: str
    arrived: str
    always: tuple[tuple[str, Action], ...]
    cleans_at_sinks: bool


_LOOKING: tuple[tuple[str, Action], ...] = (("inventory", ("inventory", 0, 0)), ("look", ("look", 0, 0)))

STYLES = {
    "0.4.2": Style(
        move="move {o} to {r}",
        moved="You move the {o} to the {r}.",
        arrived="You arrive at {r}. ",
        always=(("help", ("help", 0, 0)), *_LOOKING),
        cleans_at_sinks=False,
    ),
    "2.1.1": Style(
        move="put {o} in/on {r}",
        moved="You put the {o} in/on the {r}.",
        arrived="You arrive at {l}. ",
        always=_LOOKING,
        cleans_at_sinks=True,
    ),
}
"""By release: of the package, and of the data that many older papers played."""

_CONDITIONS = (  # the first whose bits an object has
    (HOT | CLEAN | SLICED, "a hot and clean sliced"),
    (COOL | CLEAN | SLICED, "a cool and clean sliced"),
    (CLEAN | SLICED, "a clean sliced"),
    (HOT | SLICED, "a hot sliced"),
    (COOL | SLICED, "a cool sliced"),
    (CLEAN | HOT, "a hot and clean"),
    (CLEAN | COOL, "a cool and clean"),
    (HOT, "a hot"),
    (CLEAN, "a clean"),
    (COOL, "a cold"),
    (SLICED, "a sliced"),
)


def listed(names: Iterable[str], article: str = "a ") -> str:
    """Return a list in words: `nothing`, `a shelf 1`, `a shelf 2, and a shelf 1`."""
    items = [article + name for name in names]
    if len(items) < 2:
        return items[0] if items else "nothing"
    return ", ".join(items[:-1]) + ", and " + items[-1]


_IN_THE_MIDDLE = "You are in the middle of a room. Looking quickly around you, you see "


def welcome(world: World) -> str:
    """Return the first observation of a game."""
    here = world.at[world.start.agent]
    everything = listed(name for name, place in zip(world.receptacles, world.place_of, strict=True) if place >= 0)
    around = _facing(world, here, []) if here else f"{_IN_THE_MIDDLE}{everything}."
    return f"-= Welcome to TextWorld, ALFRED! =-\n\n{around}\n\nYour task is to: {world.task}"


def _facing(world: World, here: Iterable[int], floor: Iterable[str]) -> str:
    facing = listed((world.receptacles[receptacle] for receptacle in here), article="")
    return f"You are facing the {facing}. Next to it, you see {listed(floor)}."


def _around(state: State) -> str:
    """Return the answer to `look`: what was taken out of a receptacle here, and is still said to be here."""
    world = state.world
    here = world.at[state.agent]
    if not here:
        return f"{_IN_THE_MIDDLE}nothing."
    floor = [
        world.objects[object]
        for object, places in (enumerate(state.places) if state.taken else ())
        if state.agent in places
        for receptacle in here
        if object in state.taken.get(receptacle, ())
    ]
    return _facing(world, here, floor)


def receptacle(state: State, number: int) -> str:
    """Return what is seen in or on a receptacle."""
    world = state.world
    name = world.receptacles[number]
    if not world.openable[number]:
        return f"On the {name}, you see {listed([world.objects[object] for object in state.inside[number]])}."
    if not state.opened[number]:
        return f"The {name} is closed."
    return f"The {name} is open. In it, you see {listed([world.objects[object] for object in state.inside[number]])}."


def _object(state: State, number: int) -> str:
    world, flags = state.world, state.flags[number]
    name = world.objects[number]
    if number in world.vessel:
        return f"This is a normal {name}. In it, you see {listed(world.objects[o] for o in world.inner[number])}."
    for bits, adjectives in _CONDITIONS:
        if flags & bits == bits:
            return f"This is {adjectives} {name}."
    return f"There's nothing special about {name}."


def arrival(state: State, destination: int) -> str:
    """Return the answer to going to a receptacle; the agent is there already."""
    world = state.world
    arrived = state.style.arrived.format(r=world.receptacles[destination], l=world.places[state.agent])
    return arrived + receptacle(state, destination)


def looked(state: State, action: Action) -> str:
    """Return the answer to a command that changes nothing."""
    verb, number, _ = action
    if verb == "examine":
        return receptacle(state, number)
    if verb == "inspect":
        return _object(state, number)
    if verb == "help":
        return _HELP_TEXT
    if verb == "inventory":
        held = state.held
        return "You are not carrying anything." if held < 0 else f"You are carrying: a {state.world.objects[held]}."
    return _around(state)


def done(state: State, action: Action) -> str:
    """Return the answer to a command that has changed the state."""
    world = state.world
    verb, first, second = action
    if verb == "open":
        return f"You open the {world.receptacles[first]}. {receptacle(state, first)}"
    if verb == "close":
        return f"You close the {world.receptacles[first]}."
    name = world.objects[first]
    if verb == "use":
        return f"You turn on the {name}."
    if verb == "slice":
        return f"You sliced the {name} with the {world.objects[second]}."
    place = world.receptacles[second]
    if verb == "take":
        return f"You pick up the {name} from the {place}."
    if verb == "move":
        return state.style.moved.format(o=name, r=place)
    return f"You {verb} the {name} using the {place}."
