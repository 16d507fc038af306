"""The rules on a hand-made kitchen: names, listings, what commands do, goals, keys."""

from collections.abc import Callable

import pytest
from alfworld_house import goal_text, make_game, problem_text

from envbench.envs.alfworld.compile import compile_game, names_of
from envbench.envs.alfworld.engine import State
from envbench.envs.alfworld.game import Game, Goal, Problem
from envbench.envs.alfworld.keys import state_data
from envbench.envs.alfworld.pddl import parse_goal, parse_problem
from envbench.envs.alfworld.texts import listed
from envbench.errors import DataCorrupt
from envbench.hashing import encode
from envbench.seeding import choice, generator

Play = Callable[..., State]


def test_numbers_count_down_in_the_order_of_ids() -> None:
    names = names_of(["shelf_bar_b", "shelf_bar_a", "sink_bar_1_bar_sinkbasin", "appletype"])
    assert names == {
        "shelf_bar_a": "shelf 2",
        "shelf_bar_b": "shelf 1",
        "sink_bar_1_bar_sinkbasin": "sinkbasin 1",
        "appletype": "appletype ",
    }


def test_lists_in_words() -> None:
    assert listed([]) == "nothing"
    assert listed(["x 1"]) == "a x 1"
    assert listed(["x 2", "x 1"]) == "a x 2, and a x 1"
    assert listed(["x 3", "x 2", "x 1"], article="") == "x 3, x 2, and x 1"


def test_start(play: Play) -> None:
    state = play()
    assert state.reset() == (
        "-= Welcome to TextWorld, ALFRED! =-\n\nYou are in the middle of a room. Looking quickly around you, you see "
        "a desk 1, a fridge 1, a microwave 1, a shelf 2, a shelf 1, and a sinkbasin 1.\n\n"
        "Your task is to: put some apple on desk."
    )
    goes = [f"go to {name}" for name in ("desk 1", "fridge 1", "microwave 1", "shelf 1", "shelf 2", "sinkbasin 1")]
    assert state.admissible() == (*goes, "help", "inventory", "look")
    assert state.step("look").observation.endswith("you see nothing.")


def test_a_thing_in_two_receptacles_stays_listed_in_the_other(play: Play) -> None:
    state = play("go to shelf 2", "take cup 1 from shelf 2")
    assert state.step("examine shelf 1").observation == "On the shelf 1, you see a cup 1."
    assert "take cup 1 from shelf 1" not in state.admissible()


def test_what_was_taken_out_and_stands_elsewhere_here_is_seen_by_look(play: Play) -> None:
    state = play("go to shelf 2", "take apple 2 from shelf 2", "move apple 2 to shelf 1")
    assert state.step("look").observation == "You are facing the shelf 2, and shelf 1. Next to it, you see a apple 2."
    assert state.step("take apple 2 from shelf 1").admissible
    assert state.step("move apple 2 to shelf 2").admissible
    assert state.step("look").observation.endswith("you see a apple 2.")  # it was taken out of shelf 1, too
    fresh = play("go to shelf 2", "take apple 2 from shelf 2", "move apple 2 to shelf 2")
    assert fresh.step("look").observation.endswith("you see nothing.")


def test_doors(play: Play) -> None:
    state = play("go to fridge 1")
    assert "close fridge 1" not in state.admissible()
    assert state.step("open fridge 1").observation == (
        "You open the fridge 1. The fridge 1 is open. In it, you see a apple 1."
    )
    assert "open fridge 1" not in state.admissible()
    assert state.step("close fridge 1").observation == "You close the fridge 1."
    assert state.step("examine fridge 1").observation == "The fridge 1 is closed."
    assert not state.step("take apple 1 from fridge 1").admissible


def test_treating_works_behind_a_closed_door_and_undoes_its_contrary(play: Play) -> None:
    state = play("go to shelf 1", "take apple 2 from shelf 2", "go to fridge 1")
    assert state.step("cool apple 2 with fridge 1").observation == "You cool the apple 2 using the fridge 1."
    assert state.step("examine apple 2").observation == "This is a cold apple 2."
    state.step("go to microwave 1")
    state.step("heat apple 2 with microwave 1")
    assert state.step("examine apple 2").observation == "This is a hot apple 2."
    state.step("go to sinkbasin 1")
    state.step("clean apple 2 with sinkbasin 1")
    assert state.step("examine apple 2").observation == "This is a hot and clean apple 2."
    assert sum(line.startswith("is") for line in state.facts()) == 2


def test_slicing_reaches_into_a_closed_receptacle(play: Play) -> None:
    state = play("go to shelf 1", "take knife 1 from shelf 2", "go to fridge 1")
    assert state.step("slice apple 1 with knife 1").observation == "You sliced the apple 1 with the knife 1."
    assert any(line.startswith("issliced(apple_bar_2") for line in state.facts())


def test_vessels_tell_what_they_held_at_the_start(play: Play) -> None:
    state = play("go to shelf 1", "take cup 1 from shelf 1")
    assert state.step("examine cup 1").observation == "This is a normal cup 1. In it, you see a knife 1."
    assert state.step("inventory").observation == "You are carrying: a cup 1."


def test_lamps_turn_on_every_time(play: Play) -> None:
    state = play("go to desk 1", "use desklamp 1")
    assert state.step("use desklamp 1").observation == "You turn on the desklamp 1."


@pytest.mark.parametrize(
    "command",
    ["", "no such", "Look", "go to", "go to shelf 9", "take apple 2 from shelf 2", "\ud800", "look\nlook", "{o}"],
)
def test_other_commands_change_nothing(play: Play, command: str) -> None:
    state = play()
    before = state_data(state)
    assert state.step(command) == ("Nothing happens.", False)
    assert state_data(state) == before


def test_going_to_another_receptacle_at_the_same_place_is_not_on_offer(play: Play) -> None:
    state = play("go to shelf 1")
    assert not state.step("go to shelf 2").admissible
    assert state.step("  go to desk 1\n").admissible


def test_release_2_1_1(play: Play) -> None:
    state = play(style="2.1.1")
    assert state.step("go to shelf 1").observation == "You arrive at loc 3. On the shelf 1, you see a cup 1."
    assert not state.step("help").admissible
    state.step("take cup 1 from shelf 1")
    assert "put cup 1 in/on shelf 1" in state.admissible()
    assert state.step("put cup 1 in/on shelf 1").observation == "You put the cup 1 in/on the shelf 1."


TAKE = ("go to shelf 2", "take apple 2 from shelf 2")
WINS = {
    "pick_and_place_simple": (*TAKE, "go to desk 1", "move apple 2 to desk 1"),
    "look_at_obj_in_light": (*TAKE, "go to desk 1", "use desklamp 1"),
    "pick_clean_then_place_in_recep": (
        *TAKE,
        "go to sinkbasin 1",
        "clean apple 2 with sinkbasin 1",
        "go to desk 1",
        "move apple 2 to desk 1",
    ),
    "pick_heat_then_place_in_recep": (
        *TAKE,
        "go to microwave 1",
        "heat apple 2 with microwave 1",
        "go to desk 1",
        "move apple 2 to desk 1",
    ),
    "pick_cool_then_place_in_recep": (
        *TAKE,
        "go to fridge 1",
        "cool apple 2 with fridge 1",
        "go to desk 1",
        "move apple 2 to desk 1",
    ),
    "pick_two_obj_and_place": (
        *TAKE,
        "go to desk 1",
        "move apple 2 to desk 1",
        "go to fridge 1",
        "open fridge 1",
        "take apple 1 from fridge 1",
        "go to desk 1",
        "move apple 1 to desk 1",
    ),
}


@pytest.mark.parametrize("task_type", sorted(WINS))
def test_goals_hold_at_the_last_command_and_not_before(play: Play, task_type: str) -> None:
    state = play(task_type=task_type)
    for command in WINS[task_type]:
        assert not state.solved()
        assert state.step(command).admissible
    assert state.solved()


@pytest.mark.parametrize("task_type", sorted(WINS))
def test_goals_are_read(task_type: str) -> None:
    target = "desklamptype" if task_type == "look_at_obj_in_light" else "desktype"
    assert parse_problem(problem_text(task_type)).goal == Goal(task_type, "appletype", target)


def test_other_goals_and_broken_problems_are_refused() -> None:
    with pytest.raises(DataCorrupt, match="none of the six"):
        parse_goal(f"(and {goal_text('pick_and_place_simple')} (opened fridge)))")
    two = goal_text("pick_two_obj_and_place").replace("(objectType ?o2 AppleType)", "(objectType ?o2 CupType)")
    with pytest.raises(DataCorrupt, match="none of the six"):
        parse_goal(f"(and {two.lower()})))")
    for broken in ("", "(:init) (:goal)", problem_text().replace("(openable", "openable"), problem_text()[:900]):
        with pytest.raises(DataCorrupt) as caught:
            parse_problem(broken)
        assert "\n" not in str(caught.value)
    with pytest.raises(DataCorrupt, match="strange arguments"):
        compile_game(make_game(extra="(inReceptacle Apple_bar_1)"))


def test_comments_and_costs_are_no_facts() -> None:
    text = problem_text(extra="(= (total-cost) 0) ; (openable Desk_bar_1)\n")
    assert set(parse_problem(text).facts) == set(parse_problem(problem_text()).facts)


def test_text_and_facts_make_the_same_world() -> None:
    game = make_game()
    problem = parse_problem(problem_text())
    shuffled = Problem(tuple(reversed(problem.facts)), problem.goal)
    assert compile_game(game) == compile_game(Game(game.name, game.task_type, game.task, 7, {}, shuffled))


def _walk(state: State, seed: int, steps: int) -> None:
    bits = generator(seed)
    for _ in range(steps):
        state.step(choice(bits, state.admissible()))


@pytest.mark.parametrize("seed", range(20))
def test_kept_bytes_are_those_of_the_encoding(play: Play, seed: int) -> None:
    state = play()
    for step in range(40):
        _walk(state, seed * 100 + step, 1)
        assert state.keys.encoded(state) == (encode(state_data(state)), encode(state_data(state, anchor=True)))


@pytest.mark.parametrize("seed", range(10))
def test_loading_gives_the_same_session(play: Play, seed: int) -> None:
    state, other = play(), play("go to shelf 1")
    _walk(state, seed, 30)
    other.load(state_data(state))
    assert other.facts() == state.facts()
    assert other.keys.encoded(other) == state.keys.encoded(state)
    assert other.admissible() == state.admissible()
    assert other.step("look") == state.step("look")


def test_the_anchor_leaves_out_what_was_taken_out_alone(play: Play) -> None:
    there_and_back = play("go to shelf 1", "take apple 2 from shelf 2", "move apple 2 to shelf 1")
    there_and_back.step("take apple 2 from shelf 1")
    there_and_back.step("move apple 2 to shelf 2")
    before = play("go to shelf 1")
    assert state_data(there_and_back) != state_data(before)
    assert state_data(there_and_back, anchor=True) == state_data(before, anchor=True)
