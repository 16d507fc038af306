"""The rules of the twin on a small house."""

import json
from dataclasses import replace

import pytest

from envbench.envs.textworld.engine import Game
from envbench.envs.textworld.grammar import canonical
from envbench.envs.textworld.oracle import next_command
from envbench.envs.textworld.world import (
    CARRIED,
    CLOSED,
    LOCKED,
    NEEDS_COOKING,
    NOWHERE,
    RAW,
    UNCUT,
    Door,
    Event,
    Exit,
    Furniture,
    Ingredient,
    Item,
    Quest,
    World,
)
from envbench.hashing import encode

HUNT = World(
    kind="treasure",
    objective="Find the crown.",
    rooms=("hall", "vault"),
    exits=((Exit("east", 1, 0),), (Exit("west", 0, 0),)),
    doors=(Door("gate", 2, LOCKED),),
    furniture=(Furniture("chest", 1, CLOSED), Furniture("table", 0)),
    items=(Item("crown", 2), Item("skull", 1), Item("iron key", 3)),
    quests=(Quest((Event("carried", 0),), (Event("carried", 1),)),),
    start=0,
)
MEAL = World(
    kind="cooking",
    objective="Eat.",
    rooms=("kitchen",),
    exits=((),),
    doors=(),
    furniture=(Furniture("stove", 0, heat="fried"), Furniture("counter", 0)),
    items=(
        Item("apple", CARRIED, (RAW, UNCUT)),
        Item("wing", 2, (NEEDS_COOKING, UNCUT)),
        Item("knife", 2, sharp=True),
        Item("meal", NOWHERE, ("", "")),
    ),
    quests=(
        Quest((), (Event("burned", 1),)),
        Quest((Event("carried", 1),)),
        Quest((Event("fried", 1),), (Event("consumed", 1), Event("roasted", 1))),
        Quest((Event("sliced", 0),), (Event("consumed", 0), Event("diced", 0))),
        Quest((Event("carried", 3),), (Event("consumed", 0), Event("consumed", 1))),
        Quest((Event("consumed", 3),), (Event("burned", 3),)),
    ),
    start=0,
    kitchen=0,
    meal=3,
    recipe=(Ingredient(0, RAW, "sliced"), Ingredient(1, "fried", UNCUT)),
)


def play(game: Game, *commands: str) -> list[tuple[int, bool]]:
    results = []
    for command in commands:
        reply = game.step(command)
        assert reply is not None, f"{command!r} not among {list(game.commands())}"
        results.append((reply.points, reply.over))
    return results


def test_commands_are_sorted_and_those_of_the_room() -> None:
    assert list(Game(HUNT).commands()) == [
        "examine gate", "examine iron key", "examine table", "inventory", "look", "take iron key from table",
    ]  # fmt: skip


def test_locks_doors_and_containers_on_the_way_to_the_treasure() -> None:
    game = Game(HUNT)
    way = ["take iron key from table", "unlock gate with iron key", "open gate", "go east", "open chest"]
    assert play(game, *way) == [(0, False)] * 5
    assert "take crown from chest" in game.commands()
    assert play(game, "take crown from chest") == [(1, True)]
    assert game.won
    assert not game.lost


def test_the_wrong_thing_loses() -> None:
    game = Game(HUNT)
    play(game, "take iron key from table", "unlock gate with iron key", "open gate", "go east")
    assert play(game, "take skull") == [(0, True)]
    assert (game.won, game.lost, next_command(game)) == (False, True, None)


def test_what_is_closed_hides_its_contents_and_cannot_be_passed() -> None:
    game = Game(HUNT)
    play(
        game,
        "take iron key from table",
        "unlock gate with iron key",
        "open gate",
        "go east",
        "open chest",
        "close chest",
    )
    assert "take crown from chest" not in game.commands()
    assert "crown" not in game.step("look").text
    play(game, "close gate")
    assert "go west" not in game.commands()
    play(game, "lock gate with iron key")
    assert "open gate" not in game.commands()


def test_leaving_things_on_furniture_and_on_the_floor() -> None:
    game = Game(HUNT)
    play(game, "take iron key from table")
    assert game.step("inventory").text == "You are carrying: an iron key."
    play(game, "drop iron key")
    assert game.look().endswith("There is an iron key on the floor.")
    play(game, "take iron key", "put iron key on table")
    assert game.places[2] == HUNT.at(1)
    assert game.step("inventory").text == "You are carrying nothing."


def test_a_meal_is_cooked_cut_prepared_and_eaten() -> None:
    game = Game(MEAL)
    assert game.step("prepare meal").text.startswith("Not yet")
    assert "eat wing" not in game.commands()
    earned = play(
        game, "take wing from counter", "cook wing with stove", "take knife from counter", "slice apple with knife"
    )
    assert [points for points, _ in earned] == [1, 1, 0, 1]
    assert play(game, "prepare meal", "eat meal") == [(1, False), (1, True)]
    assert game.won


@pytest.mark.parametrize(
    "commands",
    [
        ("take wing from counter", "cook wing with stove", "cook wing with stove"),
        ("take knife from counter", "dice apple with knife"),
        ("eat apple",),
    ],
)
def test_spoiled_food_loses(commands: tuple[str, ...]) -> None:
    game = Game(MEAL)
    assert play(game, *commands)[-1] == (0, True)
    assert game.lost


def test_the_oracle_wins_from_wherever_a_walk_led() -> None:
    game = Game(HUNT)
    play(game, "take iron key from table", "unlock gate with iron key", "open gate", "go east", "close gate")
    play(game, "lock gate with iron key", "open chest", "insert iron key into chest", "close chest")
    while (command := next_command(game)) is not None:
        play(game, command)
    assert game.won
    meal = Game(MEAL)
    play(meal, "put apple on stove", "take knife from counter", "put knife on stove")
    while (command := next_command(meal)) is not None:
        play(meal, command)
    assert meal.won


def test_without_a_way_the_oracle_says_none() -> None:
    sealed = replace(HUNT, doors=(Door("gate", -1, LOCKED),))
    assert next_command(Game(sealed)) is None


def test_state_survives_json_and_leads_to_the_same_future() -> None:
    game, other = Game(MEAL), Game(MEAL)
    play(game, "take wing from counter", "cook wing with stove")
    other.load(json.loads(encode(game.state())))
    assert other.state() == game.state()
    assert list(other.commands()) == list(game.commands())
    assert other.step("look") == game.step("look")
    assert play(other, "cook wing with stove") == [(0, True)]


def test_refused_commands_change_nothing() -> None:
    game = Game(HUNT)
    before = game.state()
    for command in ("go east", "open gate", "take crown", "", "dance"):
        assert game.step(command) is None
    assert game.state() == before


@pytest.mark.parametrize(
    ("typed", "meant"),
    [
        ("n", "go north"), ("EAST", "go east"), ("  l ", "look"), ("i", "inventory"), ("x the gate", "examine gate"),
        ("get iron key", "take iron key"), ("pick up the iron key", "take iron key"), ("the", ""), ("look", "look"),
    ],
)  # fmt: skip
def test_short_forms(typed: str, meant: str) -> None:
    assert canonical(typed) == meant
