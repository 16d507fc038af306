"""The generated games: the original's proportions, disjoint splits, the same bytes everywhere, typical sizes."""

import os
import subprocess
import sys
from collections import Counter
from hashlib import sha256
from math import fsum

import pytest

from envbench.envs.alfworld.builtin import Draft, drafts
from envbench.envs.alfworld.builtin.goals import COUNTS, wishes
from envbench.envs.alfworld.builtin.scenes import UNSEEN, scene, scenes_of
from envbench.envs.alfworld.builtin.tables import HOLDS, PULL, ROOMS
from envbench.envs.alfworld.engine import State
from envbench.envs.alfworld.game import TASK_TYPES, Problem

SPLITS = {split: tuple(drafts(split)) for split in COUNTS}
GAMES = [draft for split in ("valid_seen", "valid_unseen") for draft in SPLITS[split]]
ALL_GAMES = "acfa8a63acdfcd84b61495ee362b7977724f22fcd3091f5d4b5333a8d102dc99"
"""sha256 of the digests of all games: a change of it changes the games."""

PRINT_ALL = """
from hashlib import sha256
from envbench.envs.alfworld.builtin import drafts
found = "".join(draft.sha256 for split in ("train", "valid_seen", "valid_unseen") for draft in drafts(split))
print(sha256(found.encode()).hexdigest())
"""


@pytest.mark.parametrize(("split", "games"), [("train", 3553), ("valid_seen", 140), ("valid_unseen", 134)])
def test_splits_have_the_original_sizes_and_types(split: str, games: int) -> None:
    found = SPLITS[split]
    assert len(found) == games
    by_type = Counter(draft.task_type for draft in found)
    assert tuple(by_type[task_type] for task_type in TASK_TYPES) == COUNTS[split]


def test_no_game_is_there_twice() -> None:
    every = [draft.sha256 for found in SPLITS.values() for draft in found]
    assert len(set(every)) == len(every)


def test_unseen_scenes_are_unseen() -> None:
    scenes = {split: {draft.scene for draft in found} for split, found in SPLITS.items()}
    assert not scenes["valid_unseen"] & (scenes["train"] | scenes["valid_seen"])
    assert len(scenes["train"]) == 108
    assert {number % 100 for number in scenes["valid_unseen"]} <= set(UNSEEN)
    rooms = {scene(number).room for number in scenes["valid_unseen"]}
    assert rooms == set(ROOMS)


def test_same_bytes_in_another_process_and_hash_seed() -> None:
    here = "".join(draft.sha256 for split in ("train", "valid_seen", "valid_unseen") for draft in SPLITS[split])
    environment = os.environ | {"PYTHONHASHSEED": "77"}
    there = subprocess.run(
        [sys.executable, "-c", PRINT_ALL], capture_output=True, text=True, check=True, env=environment
    )
    assert there.stdout.strip() == sha256(here.encode()).hexdigest() == ALL_GAMES


def test_a_draft_is_written_out_the_same_way_each_time() -> None:
    first, again = SPLITS["train"][17], next(draft for draft in drafts("train") if draft.index == 17)
    assert first is not again
    assert first.game() == again.game()


@pytest.mark.parametrize("draft", GAMES[::9], ids=lambda draft: draft.name.replace("/", "-"))
def test_a_game_is_sound(draft: Draft) -> None:
    game = draft.game()
    assert isinstance(game.problem, Problem)
    facts = game.problem.facts
    assert len(set(facts)) == len(facts)
    assert all(word == word.lower() for fact in facts for word in fact)
    kinds = {id: kind for name, id, kind in (fact for fact in facts if len(fact) == 3) if name == "objecttype"}
    holders = {id: kind for name, id, kind in (fact for fact in facts if len(fact) == 3) if name == "receptacletype"}
    allowed = {fact[1:] for fact in facts if fact[0] == "cancontain"}
    place = dict(fact[1:] for fact in facts if fact[0] in ("receptacleatlocation", "objectatlocation"))
    pickupable = {fact[1] for fact in facts if fact[0] == "pickupable"}
    inside = [fact[1:] for fact in facts if fact[0] == "inreceptacle"]
    assert {id for id, _ in inside} >= pickupable
    for id, holder in inside:
        assert place[id] == place[holder]
        assert id not in pickupable or (holders[holder], kinds[id]) in allowed
    assert [fact[1] for fact in facts if fact[0] == "atlocation"] == ["agent1"]
    assert not State(draft.world()).solved()


def test_sentences_say_what_the_goal_is() -> None:
    for draft in GAMES:
        game = draft.game()
        target = game.pddl_params["parent_target"] or game.pddl_params["toggle_target"]
        words = game.task.removesuffix(".").split()
        assert game.task.endswith(".")
        assert str(game.pddl_params["object_target"]).lower() in words
        assert str(target).lower() in words
        assert game.name.split("/")[1].startswith(f"{draft.task_type}-")


def test_goals_are_within_what_a_scene_offers() -> None:
    for number in scenes_of("kitchen", False):
        for task_type in TASK_TYPES:
            for kind, targets in wishes(number, task_type):
                assert targets
                if task_type != "look_at_obj_in_light":
                    assert all(kind in HOLDS[target] for target in targets)
                if "heat" in task_type:
                    assert "Microwave" not in targets


@pytest.mark.parametrize(
    ("room", "receptacles", "objects", "commands"),
    [("kitchen", 31, 56, 33), ("living room", 18, 33, 24), ("bedroom", 16, 33, 19), ("bathroom", 14, 24, 17)],
)
def test_sizes_are_those_of_real_games(room: str, receptacles: int, objects: int, commands: int) -> None:
    """Means within a fifth of those measured on the 474 real games (commands: on the 274 of the evaluation splits)."""
    worlds = [draft.world() for draft in GAMES if scene(draft.scene).room == room]
    measured = [
        fsum(len(world.receptacles) for world in worlds) / len(worlds),
        fsum(len(world.objects) for world in worlds) / len(worlds),
        fsum(len(State(world).admissible()) for world in worlds) / len(worlds),
    ]
    assert measured == pytest.approx([receptacles, objects, commands], rel=0.2)


def test_tables_name_the_same_kinds() -> None:
    for room in ROOMS.values():
        assert {stock.kind for stock in room.receptacles} <= set(HOLDS)
        carried = {stock.kind for stock in room.objects}
        assert carried <= set().union(*HOLDS.values())
        assert not carried & {stock.kind for stock in (*room.fixtures, *room.ornaments)}
    assert set(PULL) <= set(HOLDS)
