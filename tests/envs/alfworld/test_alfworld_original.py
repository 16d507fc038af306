"""The original itself, where the extra `alfworld` is installed: random games of each type, played in both."""

from importlib.util import find_spec

import pytest

import envbench
from envbench.envs.alfworld.engine import State
from envbench.envs.alfworld.game import TASK_TYPES
from envbench.envs.alfworld.oracle import next_command
from envbench.envs.alfworld.original import Original, Shown, require
from envbench.envs.alfworld.packed import world_of
from envbench.errors import DataMissing, MissingExtra
from envbench.seeding import below, choice, derive_seed, generator
from envbench.testing.require import missing

STEPS = 30
GAMES = [("builtin", "valid_unseen"), ("original", "valid_seen"), ("original", "valid_unseen")]


@pytest.fixture(scope="module")
def original() -> Original:
    try:
        return Original()
    except MissingExtra as error:
        missing(str(error), "alfworld")


def shown(state: State, observation: str, *, start: bool = False) -> Shown:
    won = state.solved()
    return Shown(observation, state.admissible(), float(won and not start), won)


def command(state: State, bits) -> str:
    """Return a command of the oracle, an admissible one, or one that is none; the oracle's half of the time."""
    draw = below(bits, 16)
    if draw == 0:
        return choice(bits, ("take moon from sky", "Look", "go to", "  look ", "move apple 1 to fridge 1"))
    return (next_command(state) if draw < 8 and not state.solved() else None) or choice(bits, state.admissible())


@pytest.mark.parametrize("task_type", TASK_TYPES)
@pytest.mark.parametrize(("dataset", "split"), GAMES, ids=lambda name: name)
def test_a_random_game_is_the_same_in_the_original(original: Original, dataset: str, split: str, task_type: str):
    try:
        games = [task for task in envbench.panel("alfworld", dataset, split) if task.payload.task_type == task_type]
    except DataMissing as error:
        pytest.skip(str(error))
    bits = generator(derive_seed(0, "beside the original", dataset, split, task_type))
    task = choice(bits, games)
    state = State(world_of(task.payload))
    original.load(task.payload)
    assert original.reset() == shown(state, state.reset(), start=True), task.id
    for step in range(STEPS):
        sent = command(state, bits)
        told = state.step(sent).observation
        assert original.step(sent) == shown(state, told), (task.id, step, sent)


@pytest.mark.skipif(find_spec("alfworld") is not None, reason="the extra is installed")
def test_its_absence_is_one_line_that_says_what_to_type() -> None:
    with pytest.raises(MissingExtra, match=r'pip install "envbench\[alfworld\]"') as caught:
        require()
    assert "\n" not in str(caught.value)
