"""What can be asked for in a scene, and the sentences that ask for it."""

from __future__ import annotations

from functools import cache

from numpy.random import PCG64

from envbench.envs.alfworld.builtin.scenes import Scene, scene, scenes_of
from envbench.envs.alfworld.builtin.tables import ABILITIES, LAMP
from envbench.envs.alfworld.game import TASK_TYPES
from envbench.seeding import choice, weighted

SIMPLE, LOOK, CLEAN, HEAT, COOL, TWO = TASK_TYPES

COUNTS = {
    "train": (790, 308, 650, 459, 533, 813),
    "valid_seen": (35, 13, 27, 16, 25, 24),
    "valid_unseen": (24, 18, 31, 23, 21, 17),
}
"""Games of each split by task type, in the order of `TASK_TYPES`: those of the original.

Of the evaluation splits they were counted. Those of train are the table of the paper (arXiv:2010.03768) as remembered,
not read again: they add up to the official 3,553, and the types of 200 real training games agree with them.
"""

ROOM_SHARES = {
    SIMPLE: {"kitchen": 21, "living room": 26, "bedroom": 25, "bathroom": 28},
    LOOK: {"bedroom": 94, "living room": 6},
    CLEAN: {"kitchen": 70, "bathroom": 30},
    HEAT: {"kitchen": 100},
    COOL: {"kitchen": 100},
    TWO: {"kitchen": 9, "living room": 30, "bedroom": 27, "bathroom": 34},
}
"""Percent of a task type's games by room, as in the original."""

_ABLE = {CLEAN: "cleanable", HEAT: "heatable", COOL: "coolable"}
_NO_TARGET = {HEAT: ("SinkBasin", "Microwave"), COOL: ("SinkBasin", "Fridge")}
_SENTENCES = {
    SIMPLE: ("put a {o} in {t}.", "put some {o} on {t}."),
    LOOK: ("look at {o} under the {t}.", "examine the {o} with the {t}."),
    CLEAN: ("put a clean {o} in {t}.", "clean some {o} and put it in {t}."),
    HEAT: ("put a hot {o} in {t}.", "heat some {o} and put it in {t}."),
    COOL: ("put a cool {o} in {t}.", "cool some {o} and put it in {t}."),
    TWO: ("put two {o} in {t}.", "find two {o} and put them in {t}."),
}


@cache
def wishes(number: int, task_type: str) -> tuple[tuple[str, tuple[str, ...]], ...]:
    """Return the kinds of objects that a task may be about in this scene, each with its possible targets.

    Where the object has only to be moved, it has somewhere else to start from.
    """
    here = scene(number)
    if task_type == LOOK:
        return tuple((kind, (LAMP,)) for kind, homes in here.homes.items() if homes and here.lamp)
    excluded = _NO_TARGET.get(task_type, ("SinkBasin",))
    found = []
    for kind, homes in here.homes.items():
        if task_type in _ABLE and kind not in ABILITIES[_ABLE[task_type]]:
            continue
        kinds = tuple(dict.fromkeys(homes))
        if len(kinds) > 1:
            targets = tuple(target for target in kinds if target not in excluded)
            found += [(kind, targets)] if targets else []
    return tuple(found)


def draw_scene(bits: PCG64, task_type: str, unseen: bool) -> Scene:
    """Draw a scene in which such a task can be done: the room first, by its share."""
    shares = ROOM_SHARES[task_type]
    fitting: list[int] = []
    while not fitting:
        room = tuple(shares)[weighted(bits, tuple(shares.values()))]
        fitting = [number for number in scenes_of(room, unseen) if wishes(number, task_type)]
    return scene(choice(bits, fitting))


def draw_goal(bits: PCG64, number: int, task_type: str) -> tuple[str, str]:
    """Draw the kind of object, and that of the receptacle or lamp."""
    kind, targets = choice(bits, wishes(number, task_type))
    return kind, choice(bits, targets)


def sentence(bits: PCG64, task_type: str, kind: str, target: str) -> str:
    """Draw one of the two sentences of a goal."""
    return choice(bits, _SENTENCES[task_type]).format(o=kind.lower(), t=target.lower())
