"""Generated games: winnable, told apart by plan, the same for everybody."""

import pytest

import envbench
from envbench.envs.textworld import made_games
from envbench.envs.textworld.engine import Game
from envbench.envs.textworld.generator import KINDS, MAX_COMMANDS, MIN_COMMANDS, SPLITS, games
from envbench.envs.textworld.oracle import next_command
from envbench.envs.textworld.plan import draw_plan
from envbench.envs.textworld.world import OPPOSITE
from envbench.errors import InvalidValue
from envbench.hashing import digest
from envbench.seeding import choice, derive_seed, generator

ID = "envbench/TextWorld-v0"


@pytest.mark.parametrize("kind", KINDS)
def test_games_have_a_bounded_number_of_commands_and_a_plan_of_their_own(kind: str) -> None:
    plans = set()
    for split in SPLITS:
        made = games(kind, split, 40)
        assert len(made) == 40
        assert all(MIN_COMMANDS <= game.commands <= MAX_COMMANDS for game in made)
        assert not plans & {game.plan for game in made}
        plans |= {game.plan for game in made}


@pytest.mark.parametrize("kind", KINDS)
def test_fewer_games_are_the_first_of_more(kind: str) -> None:
    assert [game.world for game in games(kind, "val", 10)] == [game.world for game in games(kind, "val", 20)][:10]


def test_the_kinds_take_turns_and_a_knob_chooses_one() -> None:
    panel = envbench.panel(ID, split="val")
    assert [task.source.split("/")[0] for task in panel[:6]] == ["coin", "treasure", "cooking"] * 2
    assert {task.source.split("/")[0] for task in envbench.panel(ID, split="val", game="treasure")} == {"treasure"}
    with pytest.raises(InvalidValue, match="dataset='textworld'"):
        envbench.panel(ID, split="val", game="custom")


def test_exits_lead_back() -> None:
    for made in games("treasure", "val", 40):
        for room, ways in enumerate(made.world.exits):
            for direction, to, door in ways:
                assert (OPPOSITE[direction], room, door) in made.world.exits[to]


def test_plans_have_the_size_that_was_asked_for() -> None:
    for number in range(30):
        plan = draw_plan(generator(number), tuple("abcdefghijklmnop"), 12, chain=8, extra=2)
        assert len(set(plan.rooms)) == 12
        assert [(0 <= source < to < 12) for source, _, to in plan.ways[:11]] == [True] * 11
        assert [(source, to) for source, _, to in plan.ways[:7]] == [(i, i + 1) for i in range(7)]


@pytest.mark.parametrize("kind", KINDS)
def test_the_oracle_wins_after_random_steps_unless_the_game_is_lost(kind: str) -> None:
    won = 0
    for number, made in enumerate(games(kind, "test", 40)):
        game, bits = Game(made.world), generator(derive_seed(number, "walk"))
        for _ in range(15):
            offered = [c for c in game.commands() if not c.startswith(("eat", "cook", "slice", "dice", "chop"))]
            game.step(choice(bits, offered))
            if game.won or game.lost:
                break
        for _ in range(120):
            command = next_command(game)
            if command is None:
                break
            assert game.step(command) is not None, command
        assert game.won or game.lost
        won += game.won
    assert won >= 20


def test_recipes_of_the_package_are_plain_data_and_differ() -> None:
    contents = [digest(recipe.content()) for split in made_games.SPLITS for recipe in made_games.recipes(split, "all")]
    assert len(set(contents)) == len(contents) == sum(made_games.SPLITS.values())
    assert {recipe.kind for recipe in made_games.recipes("val", "custom")} == {"custom"}
