"""The rules: a walk through doors that decide and passages that do not.

A walk is a row of places. At a *fork* one door is right and the others are wrong; nothing tells them apart until the
reward comes. A *passage* has ways that all lead on. With a key to take at the start, which door is right depends on the
key, and nothing shows later which one was taken.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, NamedTuple

COLOURS = ("red", "blue", "green", "yellow")
KEY, FORK, PASSAGE = "key", "fork", "passage"


@dataclass(frozen=True, slots=True)
class Rules:
    """The knobs that decide what happens; see the card."""

    decisions: int
    doors: int
    distance: int
    delay: int
    ways: int
    spread: int
    history: bool
    reward: Literal["end", "partial"]
    chance: int

    def places(self) -> tuple[str, ...]:
        """Return the kind of each place in order; the walk is over behind the last."""
        found = [KEY] if self.history else []
        for number in range(self.decisions):
            last = number == self.decisions - 1
            found += [FORK, *[PASSAGE] * (self.delay if last else self.distance)]
        return tuple(found)


class Walk(NamedTuple):
    """Where somebody is.

    Attributes:
        place: number of the place, from 0.
        key: colour of the key taken, -1 without one.
        doors: doors gone through, by number, in order.
        paths: the latest ways taken since the last door, at most `spread` of them.
    """

    place: int
    key: int
    doors: tuple[int, ...]
    paths: tuple[int, ...]


START = Walk(0, -1, (), ())


class Corridor:
    """One task.

    Args:
        rules: what the knobs say.
        secret: number of the right door at each fork, for the first key.
    """

    def __init__(self, rules: Rules, secret: tuple[int, ...]) -> None:
        self.rules, self.secret = rules, secret
        self.places = rules.places()

    def right(self, walk: Walk, fork: int) -> int:
        """Return the door that is right at a fork for somebody with this key."""
        return (self.secret[fork] + max(walk.key, 0)) % self.rules.doors

    def mistakes(self, walk: Walk) -> int:
        """Return how many wrong doors were gone through."""
        return sum(door != self.right(walk, fork) for fork, door in enumerate(walk.doors))

    def over(self, walk: Walk) -> bool:
        return walk.place == len(self.places)

    def decisive(self, walk: Walk) -> bool:
        """Whether the next action decides a reward: a fork, and with a reward at the end no mistake so far."""
        if self.over(walk) or self.places[walk.place] != FORK:
            return False
        return self.rules.reward == "partial" or not self.mistakes(walk)

    def actions(self, walk: Walk) -> tuple[str, ...]:
        """Return the commands that are accepted."""
        if self.over(walk):
            return ()
        kind, rules = self.places[walk.place], self.rules
        if kind == KEY:
            return tuple(f"take the {colour} key" for colour in COLOURS[: rules.doors])
        if kind == FORK:
            return tuple(f"open the {colour} door" for colour in COLOURS[: rules.doors])
        behind = "".join(f"{way + 1}-" for way in walk.paths)
        return tuple(f"follow path {behind}{way + 1}" for way in range(rules.ways))

    def after(self, walk: Walk, choice: int) -> Walk:
        """Return where action number `choice` leads; at a fork it is the door that one really goes through."""
        kind, spread = self.places[walk.place], self.rules.spread
        if kind == KEY:
            return walk._replace(place=walk.place + 1, key=choice)
        if kind == FORK:
            return walk._replace(place=walk.place + 1, doors=(*walk.doors, choice), paths=())
        paths = (*walk.paths, choice)[-spread:] if spread else ()
        return walk._replace(place=walk.place + 1, paths=paths)

    def turns_out(self, walk: Walk, choice: int) -> tuple[tuple[float, int], ...]:
        """Return (probability, door) of what opening a door leads to: chance may send one through another."""
        slip, doors = self.rules.chance / 100.0, self.rules.doors
        if self.places[walk.place] != FORK or not slip:
            return ((1.0, choice),)
        others = [(slip / (doors - 1), door) for door in range(doors) if door != choice]
        return ((1.0 - slip, choice), *others)

    def reward(self, before: Walk, after: Walk) -> float:
        """Return the reward of a step: 1 in all, for a walk without mistakes at its end or in parts at each door."""
        if self.rules.reward == "end":
            return float(self.over(after) and not self.mistakes(after))
        if len(after.doors) == len(before.doors):
            return 0.0
        fork = len(before.doors)
        return float(after.doors[fork] == self.right(after, fork)) / self.rules.decisions

    def score(self, walk: Walk) -> float:
        """Return the share of right doors where parts are paid, else 1 at the end of a walk without mistakes."""
        if self.rules.reward == "partial":
            return (len(walk.doors) - self.mistakes(walk)) / self.rules.decisions
        return float(self.over(walk) and not self.mistakes(walk))
