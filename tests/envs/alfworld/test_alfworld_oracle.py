"""The script solves every game, from the start and after detours, and says so where there is no way."""

import gzip
import json
from collections.abc import Iterator
from hashlib import sha256
from pathlib import Path

import pytest
from alfworld_house import problem_text

from envbench.envs.alfworld.builtin import drafts
from envbench.envs.alfworld.compile import compile_game
from envbench.envs.alfworld.engine import State
from envbench.envs.alfworld.game import TASK_TYPES, Game
from envbench.envs.alfworld.oracle import next_command
from envbench.envs.alfworld.world import World
from envbench.seeding import choice, derive_seed, generator

LIMIT = 50
UNPLACEABLE = ("papertowelroll", "teddybear")
"""What can be picked up in the original's games and put down nowhere: who takes it cannot win any more."""


def wander(state: State, steps: int, seed: int) -> None:
    bits = generator(derive_seed(0, "detour", seed))
    for _ in range(steps):
        if not state.solved():
            state.step(choice(bits, state.admissible()))


def solve(state: State) -> int | None:
    """Return the number of commands that the script takes to win; None where it knows no way."""
    for taken in range(LIMIT + 1):
        if state.solved():
            return taken
        command = next_command(state)
        if command is None:
            return None
        assert state.step(command).admissible, command
    return None


def sampled(split: str, share: int) -> Iterator[World]:
    for draft in drafts(split):
        if int(sha256(draft.name.encode()).hexdigest(), 16) % share == 0:
            yield draft.world()


@pytest.mark.parametrize("split", ["valid_seen", "valid_unseen"])
@pytest.mark.parametrize("detour", [0, 40])
def test_solves_every_generated_evaluation_game(split: str, detour: int) -> None:
    for number, world in enumerate(sampled(split, 1)):
        state = State(world)
        wander(state, detour, number)
        assert solve(state) is not None, (split, number)


def test_solves_a_sample_of_generated_training_games() -> None:
    steps = [solve(State(world)) for world in sampled("train", 20)]
    assert len(steps) > 100
    assert None not in steps


@pytest.mark.slow
def test_solves_every_generated_training_game() -> None:
    steps = [solve(State(world)) for world in sampled("train", 1)]
    assert len(steps) == 3553
    assert None not in steps


@pytest.mark.parametrize("style", ["0.4.2", "2.1.1"])
def test_speaks_both_styles(style: str) -> None:
    for world in list(sampled("valid_seen", 10)):
        assert solve(State(world, style)) is not None


def originals(folder: Path, file: str) -> Iterator[tuple[str, World]]:
    with gzip.open(folder / "alfworld" / file, "rt", encoding="utf-8") as lines:
        for line in lines:
            row = json.loads(line)
            params, problem = row["pddl_params"], row["pddl_problem"]
            game = Game(row["id"], row["task_type"], row["task"], row["scene"], params, problem)
            yield row["id"], compile_game(game)


@pytest.mark.data
def test_solves_every_original_evaluation_game(data_folder: Path) -> None:
    steps = {name: solve(State(world)) for name, world in originals(data_folder, "games_valid.jsonl.gz")}
    assert len(steps) == 274
    assert {name: count for name, count in steps.items() if count is None or count > 10} == {}


@pytest.mark.data
def test_original_games_can_be_lost_only_to_what_nothing_takes(data_folder: Path) -> None:
    lost = []
    for number, (name, world) in enumerate(originals(data_folder, "games_valid.jsonl.gz")):
        state = State(world)
        wander(state, 100, number)
        if solve(state) is None:
            held = world.objects[state.held].split()[0]
            assert held in UNPLACEABLE, (name, held)
            assert not any(state.held in fitting for fitting in world.fits)
            lost.append(name)
    assert lost, "the trap is there"


@pytest.mark.parametrize("task_type", TASK_TYPES)
def test_shortest_way_in_a_small_kitchen(task_type: str) -> None:
    """Counted by hand: an apple is on a shelf; desk, basin and the closed microwave and fridge stand apart."""
    world = compile_game(Game("small", task_type, "a task.", 1, {}, problem_text(task_type)))
    expected = dict(zip(TASK_TYPES, (4, 4, 6, 6, 6, 9), strict=True))
    assert solve(State(world)) == expected[task_type]


def test_nothing_to_do_where_the_goal_holds() -> None:
    state = State(next(sampled("valid_seen", 1)))
    solve(state)
    assert state.solved()
    assert next_command(state) is None


def test_answers_lead_straight_to_the_goal() -> None:
    """Each command leaves a way that is one shorter: from every state along the way the count goes down by one."""
    for number, world in enumerate(sampled("valid_unseen", 6)):
        state = State(world)
        wander(state, 25, number)
        left = []
        while not state.solved():
            copy = State(world)
            copy.load(json.loads(state.keys.encoded(state)[0]))
            left.append(solve(copy))
            state.step(next_command(state) or "")
        assert left == list(range(len(left), 0, -1))
