"""Generated games: drawn from split and index, kept as a name and a digest, written out when they are played."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from hashlib import sha256
from typing import NamedTuple

from numpy.random import PCG64

from envbench.envs.alfworld.builtin.goals import COUNTS, LOOK, SIMPLE, TWO, draw_goal, draw_scene, sentence
from envbench.envs.alfworld.builtin.scenes import Scene, object_id
from envbench.envs.alfworld.builtin.scenes import scene as scene_of
from envbench.envs.alfworld.builtin.tables import ABILITIES, HOLDS, ROOMS
from envbench.envs.alfworld.game import TASK_TYPES, Fact, Game, Goal, Problem
from envbench.envs.alfworld.packed import world_of
from envbench.envs.alfworld.world import World
from envbench.hashing import encode
from envbench.seeding import below, choice, derive_seed, generator, shuffle

_REACH = 30  # centimetres to either side of a receptacle's middle where things lie


class _Recipe(NamedTuple):
    """All that is drawn for a game; together with the floor plan it is the game.

    Attributes:
        scene: number of the floor plan.
        kind, target: of the goal.
        task: the sentence.
        start: place of the agent.
        things: id of each object, its kind, and the index of the receptacle that it is in.
    """

    scene: int
    kind: str
    target: str
    task: str
    start: str
    things: tuple[tuple[str, str, int], ...]


@dataclass(frozen=True, slots=True, eq=False)
class Draft:
    """A game to be.

    Attributes:
        split, index: where it stands; they decide everything else.
        task_type: one of `TASK_TYPES`.
        name: `<split>/<task folder>/<trial>`, as the original names its games.
        scene: number of its floor plan.
        sha256: 64 hex digits over all that decides how it is played: the floor plan, the tables, and what was drawn.
    """

    split: str
    index: int
    task_type: str
    name: str
    scene: int
    sha256: str

    def world(self) -> World:
        """Return its compiled form, the same object while the process keeps it."""
        return world_of(self)

    def game(self) -> Game:
        """Return the game written out as facts."""
        recipe = _cook(self.split, self.index, self.task_type)
        here = scene_of(recipe.scene)
        goal = Goal(self.task_type, f"{recipe.kind.lower()}type", f"{recipe.target.lower()}type")
        looking = self.task_type == LOOK
        return Game(
            name=self.name,
            task_type=self.task_type,
            task=recipe.task,
            scene=self.scene,
            pddl_params={
                "object_target": recipe.kind,
                "parent_target": "" if looking else recipe.target,
                "toggle_target": recipe.target if looking else "",
                "mrecep_target": "",
                "object_sliced": False,
            },
            problem=Problem((*here.facts(), *_facts(recipe, here)), goal),
        )


def drafts(split: str) -> Iterator[Draft]:
    """Yield the games of a split in the order of their index.

    Args:
        split: `train`, `valid_seen` or `valid_unseen`.
    """
    order = [task_type for task_type, count in zip(TASK_TYPES, COUNTS[split], strict=True) for _ in range(count)]
    shuffle(generator(derive_seed(0, "alfworld", "builtin", split)), order)
    for index, task_type in enumerate(order):
        recipe = _cook(split, index, task_type)
        folder = f"{task_type}-{recipe.kind}-None-{recipe.target}-{recipe.scene}"
        content = [scene_of(recipe.scene).sha, task_type, *recipe]
        sha = sha256(encode(content)).hexdigest()
        yield Draft(split, index, task_type, f"{split}/{folder}/game_{index:04d}", recipe.scene, sha)


def _cook(split: str, index: int, task_type: str) -> _Recipe:
    bits = generator(derive_seed(0, "alfworld", "builtin", split, index))
    here = draw_scene(bits, task_type, unseen=split == "valid_unseen")
    kind, target = draw_goal(bits, here.number, task_type)
    avoided = target if task_type in (SIMPLE, TWO) else ""
    return _Recipe(
        scene=here.number,
        kind=kind,
        target=target,
        task=sentence(bits, task_type, kind, target),
        start=choice(bits, here.starts),
        things=_things(bits, here, kind, avoided, 2 if task_type == TWO else 1),
    )


def _things(bits: PCG64, here: Scene, wanted: str, avoided: str, least: int) -> tuple[tuple[str, str, int], ...]:
    """Draw the objects: at least so many of the wanted kind, and none of these in the avoided kind of receptacle."""
    things: dict[str, tuple[str, str, int]] = {}
    for kind, share, low, high in ROOMS[here.room].objects:
        homes = here.homes[kind]
        if not homes or (kind != wanted and below(bits, 100) >= share):
            continue
        count = low + below(bits, high - low + 1)
        if kind == wanted:
            homes = tuple(home for home in homes if home != avoided)
            count = max(count, least)
        for _ in range(count):
            spot = choice(bits, here.by_kind[choice(bits, homes)])
            id = _free_id(bits, kind, here.spots[spot].at, things)
            things[id] = (id, kind, spot)
    return tuple(things[id] for id in sorted(things))


def _free_id(bits: PCG64, kind: str, near: tuple[int, int, int], taken: dict[str, tuple[str, str, int]]) -> str:
    wide = 2 * _REACH + 1
    while True:
        draw = below(bits, wide * wide * _REACH)
        rest, x = divmod(draw, wide)
        y, z = divmod(rest, wide)
        id = object_id(kind, (near[0] + x - _REACH, near[1] + y, near[2] + z - _REACH))
        if id not in taken:
            return id


def _facts(recipe: _Recipe, here: Scene) -> list[Fact]:
    facts: list[Fact] = [("atlocation", "agent1", recipe.start)]
    for id, kind, index in recipe.things:
        spot = here.spots[index]
        facts += [("objecttype", id, f"{kind.lower()}type"), ("pickupable", id)]
        facts += [("inreceptacle", id, spot.id), ("objectatlocation", id, spot.place)]
        facts += [(ability, id) for ability, kinds in ABILITIES.items() if kind in kinds]
    kinds = sorted({kind for _, kind, _ in recipe.things})
    for holder in here.by_kind:
        facts += [
            ("cancontain", f"{holder.lower()}type", f"{kind.lower()}type") for kind in kinds if kind in HOLDS[holder]
        ]
    return facts
