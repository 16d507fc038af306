"""What a game is: the record that the readers of the original's files and our generator make, and the engine plays.

A `Problem` holds the facts of the start and the goal in the original's own terms: predicate names and ids lower-cased
as PDDL reads them, types with their suffix (`appletype`, `sinkbasintype`). The predicates that the engine reads:

    receptacletype r rt, objecttype o ot, cancontain rt ot
    openable r, pickupable o, isreceptacleobject o, cleanable o, heatable o, coolable o, sliceable o, toggleable o
    atlocation agent l, receptacleatlocation r l, objectatlocation o l, inreceptacle o r, inreceptacleobject o outer
    opened r, holds agent o, isclean o, ishot o, iscool o, istoggled o, issliced o

Numbers in names come from the sorted ids of all facts, so a fact decides its objects' names too. How a game is played:

    world = compile_game(game)      # envbench.envs.alfworld.compile: immutable, shared by all sessions of the game
    state = State(world)            # envbench.envs.alfworld.engine: the session; State.reset() starts it anew
    state.admissible()              # sorted commands, a tuple
    state.step("go to shelf 1")     # -> Reply(observation, admissible) and the session moved on
    state.solved()                  # the goal holds now
    state.facts()                   # sorted lines `name(arg,arg)` of the facts that can change

Two modules stand on this record and are called by name: `envbench.envs.alfworld.builtin` has
`drafts(split) -> Iterable[Draft]`, in the order of the task's index (a draft is written out as a `Game` when it is
played), and `envbench.envs.alfworld.oracle` has `next_command(state) -> str | None`, the next command of a script that
reads the state (None when the goal holds).
A state's attributes are described in `engine.State`, those of `state.world` in `world.World`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import NamedTuple

Fact = tuple[str, ...]
"""A predicate and its arguments, all lower-case: `("inreceptacle", "apple_bar_...", "shelf_bar_...")`."""

TASK_TYPES = (
    "pick_and_place_simple",
    "look_at_obj_in_light",
    "pick_clean_then_place_in_recep",
    "pick_heat_then_place_in_recep",
    "pick_cool_then_place_in_recep",
    "pick_two_obj_and_place",
)
"""The six kinds of task, in the original's order."""


class Goal(NamedTuple):
    """What has to hold.

    Attributes:
        task_type: one of `TASK_TYPES`.
        object_type: type of the object to place or to hold, such as `appletype`.
        target_type: type of the receptacle to place it in; of the lamp (an object type) for `look_at_obj_in_light`.
    """

    task_type: str
    object_type: str
    target_type: str


class Problem(NamedTuple):
    """The start of a game and its goal.

    Attributes:
        facts: true at the start; a fact is listed once. Their order means nothing.
        goal: as above.
    """

    facts: tuple[Fact, ...]
    goal: Goal


@dataclass(frozen=True, slots=True)
class Game:
    """One game.

    Attributes:
        name: the original's own: `<split>/<task folder>/<trial>`.
        task_type: one of `TASK_TYPES`.
        task: the goal sentence, with its full stop: `put some candle on toilet.`.
        scene: floor plan number.
        pddl_params: as in the original's `traj_data.json` (object_target, parent_target, toggle_target, mrecep_target,
            object_sliced).
        problem: the text of a PDDL problem, or what `parse_problem` makes of one.
    """

    name: str
    task_type: str
    task: str
    scene: int
    pddl_params: Mapping[str, str | bool]
    problem: str | Problem
