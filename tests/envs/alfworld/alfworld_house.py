"""A small hand-made kitchen as a PDDL problem, and folders of games made of it."""

import gzip
import json
from pathlib import Path
from typing import Any

from envbench.envs.alfworld.game import Game

FRIDGE, MICROWAVE, BASIN = "Fridge_bar_1", "Microwave_bar_1", "Sink_bar_1_bar_SinkBasin"
LEFT, RIGHT, DESK = "Shelf_bar_1", "Shelf_bar_2", "Desk_bar_1"
APPLE, OTHER, KNIFE, CUP, LAMP = "Apple_bar_1", "Apple_bar_2", "Knife_bar_1", "Cup_bar_1", "DeskLamp_bar_1"

PLACES = {FRIDGE: "loc_bar_1", MICROWAVE: "loc_bar_2", BASIN: "loc_bar_3", LEFT: "loc_bar_4", RIGHT: "loc_bar_4"} | {
    DESK: "loc_bar_5"
}
INSIDE = [(APPLE, LEFT), (OTHER, FRIDGE), (KNIFE, LEFT), (CUP, LEFT), (CUP, RIGHT), (LAMP, DESK)]
TYPES = {APPLE: "Apple", OTHER: "Apple", KNIFE: "Knife", CUP: "Cup", LAMP: "DeskLamp"}
GOALS = {
    "pick_and_place_simple": "(inReceptacle ?o ?r) (objectType ?o {o}Type) (receptacleType ?r {t}Type)",
    "pick_clean_then_place_in_recep": "(cleanable ?o) (objectType ?o {o}Type) (receptacleType ?r {t}Type) (isClean ?o)"
    " (inReceptacle ?o ?r)",
    "pick_heat_then_place_in_recep": "(heatable ?o) (objectType ?o {o}Type) (receptacleType ?r {t}Type) (isHot ?o)"
    " (inReceptacle ?o ?r)",
    "pick_cool_then_place_in_recep": "(coolable ?o) (objectType ?o {o}Type) (receptacleType ?r {t}Type) (isCool ?o)"
    " (inReceptacle ?o ?r)",
}
TWO = """(exists (?r - receptacle) (exists (?o1 - object) (and (objectType ?o1 {o}Type) (receptacleType ?r {t}Type)
 (inReceptacle ?o1 ?r) (exists (?o2 - object) (and (not (= ?o1 ?o2)) (objectType ?o2 {o}Type)
 (receptacleType ?r {t}Type) (inReceptacle ?o2 ?r))))))"""
LOOK = """(exists (?ot - object ?r - receptacle ?a - agent ?l - location) (and (objectType ?ot {t}Type) (toggleable ?ot)
 (isToggled ?ot) (receptacleAtLocation ?r ?l) (atLocation ?a ?l) (inReceptacle ?ot ?r)))
 (exists (?o - object ?a - agent) (and (objectType ?o {o}Type) (holds ?a ?o)))"""


def goal_text(task_type: str, object: str = "Apple", target: str = "Desk") -> str:
    if task_type == "pick_two_obj_and_place":
        return TWO.format(o=object, t=target)
    if task_type == "look_at_obj_in_light":
        return LOOK.format(o=object, t="DeskLamp")
    placed = GOALS[task_type].format(o=object, t=target)
    return f"(exists (?r - receptacle) (exists (?o - object) (and {placed})))"


def problem_text(task_type: str = "pick_and_place_simple", extra: str = "", object: str = "Apple") -> str:
    facts = ["(atLocation agent1 loc_bar_9)"]
    for receptacle, place in PLACES.items():
        kind = "SinkBasin" if receptacle == BASIN else receptacle.partition("_bar_")[0]
        facts += [f"(receptacleAtLocation {receptacle} {place})", f"(receptacleType {receptacle} {kind}Type)"]
        facts += [f"(canContain {kind}Type {held}Type)" for held in ("Apple", "Cup", "Knife")]
    facts += [f"(openable {receptacle})" for receptacle in (FRIDGE, MICROWAVE)]
    for id, kind in TYPES.items():
        facts += [f"(objectType {id} {kind}Type)"]
        facts += [f"(pickupable {id})"] * (id != LAMP)
    for id, receptacle in INSIDE:
        facts += [f"(inReceptacle {id} {receptacle})", f"(objectAtLocation {id} {PLACES[receptacle]})"]
    for id in (APPLE, OTHER):
        facts += [f"({able} {id})" for able in ("cleanable", "heatable", "coolable", "sliceable")]
    facts += [f"(toggleable {LAMP})", f"(isReceptacleObject {CUP})", f"(inReceptacleObject {KNIFE} {CUP})", extra]
    body = "\n  ".join(dict.fromkeys(facts))
    goal = goal_text(task_type, object)
    return f"(define (problem p)\n(:domain alfred)\n(:objects)\n(:init\n  {body})\n(:goal\n (and {goal})))\n"


def make_game(task_type: str = "pick_and_place_simple", name: str = "valid_seen/a/b", **changes: Any) -> Game:
    return Game(name, task_type, "put some apple on desk.", 7, {}, problem_text(task_type, **changes))


def row_of(game: Game) -> dict[str, Any]:
    """Return a line of the compact form."""
    split = game.name.partition("/")[0]
    parameters = {name: "" for name in ("object_target", "parent_target", "toggle_target", "mrecep_target")}
    return {
        "id": game.name,
        "split": split,
        "task_type": game.task_type,
        "task": game.task,
        "scene": game.scene,
        "pddl_params": {**parameters, "object_sliced": False, **game.pddl_params},
        "pddl_problem": game.problem,
    }


def write_lines(folder: Path, games: list[Game], name: str = "games.jsonl") -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    text = "".join(json.dumps(row_of(game)) + "\n" for game in games)
    path = folder / name
    path.write_bytes(gzip.compress(text.encode()) if name.endswith(".gz") else text.encode())
    return path


def write_tree(folder: Path, games: list[Game], solvable: bool = True) -> None:
    """Write games as the official tree has them."""
    for game in games:
        trial = folder / "json_2.1.1" / game.name
        trial.mkdir(parents=True)
        about = {"task_type": game.task_type, "pddl_params": dict(game.pddl_params), "images": [], "scene": {}}
        (trial / "traj_data.json").write_text(json.dumps(about))
        grammar = f'grammar :: """\n{{"task": [{{"rhs": "Your task is to: {game.task}"}}]}}\n"""'
        file = {"pddl_domain": "", "grammar": grammar, "pddl_problem": game.problem, "solvable": solvable}
        (trial / "game.tw-pddl").write_text(json.dumps(file | {"walkthrough": None}))
