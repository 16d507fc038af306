"""The rules: a session of a game, what its commands do, and whether the goal holds.

`inside`, `places`, `flags` and `taken` are rows of a list that a step replaces, never changes in place, so sessions
share them with their world until they differ.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

from envbench.envs.alfworld import texts
from envbench.envs.alfworld.commands import Action, Offer, offered
from envbench.envs.alfworld.keys import Keys, load_data
from envbench.envs.alfworld.texts import STYLES, Style
from envbench.envs.alfworld.world import CLEAN, COOL, FLAGS, HOT, SLICED, TOGGLED, World

_FACT_OF_FLAG = tuple(f"is{name}" for name in FLAGS)
_CLEARED = {CLEAN: 0, HOT: COOL, COOL: HOT}


class Reply(NamedTuple):
    """What a command did.

    Attributes:
        observation: the text.
        admissible: the command was one of those on offer; else nothing changed.
    """

    observation: str
    admissible: bool


class State:
    """A session of a game.

    Args:
        world: of the game.
        style: texts and commands of which release.

    Attributes:
        agent: number of its place.
        held: number of the object in its hand, or -1.
        opened: per receptacle.
        inside: per receptacle, the objects in it, sorted.
        places: per object, where it is said to be, sorted.
        flags: per object, the bits of `world.FLAGS`.
        taken: receptacle -> objects once taken out of it and not put back, sorted; rows are never empty.
        keys: what differs from the start, in canonical bytes.
    """

    __slots__ = (
        "_offer",
        "_solved",
        "agent",
        "flags",
        "held",
        "inside",
        "keys",
        "opened",
        "places",
        "style",
        "taken",
        "world",
    )

    def __init__(self, world: World, style: str = "0.4.2") -> None:
        self.world = world
        self.style: Style = STYLES[style]
        self._begin()

    def reset(self) -> str:
        """Go back to the start and return the first observation."""
        self._begin()
        return texts.welcome(self.world)

    def _begin(self) -> None:
        start = self.world.start
        self.agent, self.held = start.agent, start.held
        self.opened, self.inside = list(start.opened), list(start.inside)
        self.places, self.flags = list(start.places), list(start.flags)
        self.taken: dict[int, tuple[int, ...]] = {}
        self._offer: Offer | None = None
        self._solved: bool | None = None
        self.keys = Keys()

    def load(self, data: Mapping[str, Any]) -> None:
        """Take over what `keys.state_data` returned."""
        self._begin()
        load_data(self, data)

    def offer(self) -> Offer:
        """Return the commands on offer and what they mean."""
        if self._offer is None:
            self._offer = offered(self)
        return self._offer

    def admissible(self) -> tuple[str, ...]:
        """Return the commands on offer, sorted."""
        return self.offer().commands

    def solved(self) -> bool:
        """Tell whether the goal holds."""
        if self._solved is None:
            self._solved = self._goal_holds()
        return self._solved

    def step(self, command: str) -> Reply:
        """Do what a command says; outer white space does not matter."""
        command = command.strip()
        destination = self.world.arrivals.get(command)
        if destination is not None:
            if self.world.place_of[destination] == self.agent:
                return Reply(texts.NOTHING_HAPPENS, False)
            self.agent = self.world.place_of[destination]
            self._offer = self._solved = None
            return Reply(texts.arrival(self, destination), True)
        action = self.offer().actions.get(command)
        if action is None:
            return Reply(texts.NOTHING_HAPPENS, False)
        return Reply(self._do(action), True)

    def _do(self, action: Action) -> str:
        verb, first, second = action
        if verb in ("look", "examine", "inspect", "inventory", "help"):
            return texts.looked(self, action)
        self._offer = self._solved = None
        if verb in ("open", "close"):
            self.opened[first] = verb == "open"
            self.keys.receptacle(self, first)
        elif verb == "take":
            self._take(first, second)
        elif verb == "move":
            self._move(first, second)
        else:
            if verb == "use":
                self.flags[first] |= TOGGLED
            elif verb == "slice":
                self.flags[first] |= SLICED
            else:
                bit = self.world.tool[second] or CLEAN
                self.flags[first] = (self.flags[first] | bit) & ~_CLEARED[bit]
            self.keys.object(self, first)
        return texts.done(self, action)

    def _take(self, object: int, receptacle: int) -> None:
        self.inside[receptacle] = tuple(other for other in self.inside[receptacle] if other != object)
        self.places[object] = tuple(place for place in self.places[object] if place != self.agent)
        self.taken[receptacle] = tuple(sorted({*self.taken.get(receptacle, ()), object}))
        self.held = object
        self.keys.receptacle(self, receptacle)
        self.keys.object(self, object)

    def _move(self, object: int, receptacle: int) -> None:
        self.inside[receptacle] = tuple(sorted({*self.inside[receptacle], object}))
        self.places[object] = tuple(sorted({*self.places[object], self.agent}))
        left = tuple(other for other in self.taken.get(receptacle, ()) if other != object)
        if left:
            self.taken[receptacle] = left
        else:
            self.taken.pop(receptacle, None)
        self.held = -1
        self.keys.receptacle(self, receptacle)
        self.keys.object(self, object)

    def _goal_holds(self) -> bool:
        goal, flags = self.world.goal, self.flags
        if goal.lamps:
            return self.held in goal.objects and any(
                object in goal.lamps and flags[object] & TOGGLED
                for receptacle in self.world.at[self.agent]
                for object in self.inside[receptacle]
            )
        for receptacle in goal.receptacles:
            there = [
                object
                for object in self.inside[receptacle]
                if object in goal.objects and flags[object] & goal.flag == goal.flag
            ]
            if len(there) >= goal.needed:
                return True
        return False

    def facts(self) -> list[str]:
        """Return the facts that can change and hold now, as sorted lines `name(arg,arg)` of lower-case ids."""
        world = self.world
        rows = [f"atlocation({world.agent},{world.place_ids[self.agent]})"]
        if self.held >= 0:
            rows += [f"holds({world.agent},{world.object_ids[self.held]})", f"holdsany({world.agent})"]
        for id, opened, inside in zip(world.receptacle_ids, self.opened, self.inside, strict=True):
            rows += [f"opened({id})"] * opened
            rows += [f"inreceptacle({world.object_ids[object]},{id})" for object in inside]
        for id, places, flags in zip(world.object_ids, self.places, self.flags, strict=True):
            rows += [f"objectatlocation({id},{world.place_ids[place]})" for place in places]
            rows += [f"{name}({id})" for bit, name in enumerate(_FACT_OF_FLAG) if flags >> bit & 1]
        return sorted(rows)
