"""Every scripted oracle against its page, and the parts that need no browser."""

from collections.abc import Iterator
from typing import Any

import gymnasium
import pytest

import envbench
from envbench.envs.miniwob.env import MiniWoB
from envbench.envs.miniwob.oracles import games, oracles, tools
from envbench.envs.miniwob.oracles.dragging import _turned
from envbench.envs.miniwob.oracles.limits import BELOW_ONE, WITHOUT
from envbench.envs.miniwob.pages import names
from envbench.envs.miniwob.view import View

ID = "envbench/MiniWoB-v0"


def view(utterance: str = "", memory: dict[str, Any] | None = None, now: float = 100.0) -> View:
    """A page without elements."""
    return View("page", 0, utterance, {}, {} if memory is None else memory, now, 500.0, list, lambda js: None)


def test_each_page_has_an_oracle_or_a_reason() -> None:
    assert set(oracles()).isdisjoint(WITHOUT)
    assert set(oracles()) | set(WITHOUT) == set(names())
    assert set(BELOW_ONE) <= set(oracles())


@pytest.fixture(scope="module")
def env() -> Iterator[MiniWoB]:
    made = gymnasium.make(ID, dataset="pages").unwrapped
    assert isinstance(made, MiniWoB)
    yield made
    made.close()


def _play(env: MiniWoB) -> tuple[list[str], float]:
    """Follow the oracle to the end and return its actions and the page's raw reward."""
    actions: list[str] = []
    reward, over = 0.0, False
    while not over:
        action = env.oracle()
        assert action is not None, env.task.payload
        actions.append(action)
        _, reward, terminated, truncated, _ = env.step(action)
        over = terminated or truncated
    return actions, reward


@pytest.mark.browser
@pytest.mark.parametrize("page", sorted(oracles()))
def test_an_oracle_reaches_raw_reward_one(page: str, env: MiniWoB) -> None:
    tasks = [task for task in envbench.panel(ID, dataset="pages", split="all") if task.payload[0] == page]
    assert len(tasks) == 2
    for task in tasks:
        env.reset(seed=0, options={"task": task.id})
        _, reward = _play(env)
        assert BELOW_ONE.get(page, (1.0, ""))[0] - 1e-9 <= reward <= 1.0, task.payload


@pytest.mark.browser
def test_notes_of_an_oracle_are_part_of_snapshots(env: MiniWoB) -> None:
    task = next(task for task in envbench.panel(ID, dataset="pages", split="all") if task.payload[0] == "simon-says")
    env.reset(seed=0, options={"task": task.id})
    for _ in range(3):
        env.step(env.oracle())
    snapshot = env.snapshot()
    played = _play(env)
    env.restore(snapshot)
    assert _play(env) == played
    assert played[1] == 1.0


def test_an_utterance_is_read() -> None:
    page = view('Enter "ab c" into the 2nd field, "-7" times.')
    assert tools.quoted(page) == "ab c"
    assert tools.quotes(page.utterance) == ["ab c", "-7"]
    assert tools.ordinals(page.utterance) == [1]
    assert tools.numbers("-7 of 12") == [-7, 12]
    assert tools.between("a [b] c", "[", "]") == "b"
    assert tools.quoted(view()) == ""


def test_actions_are_written_in_the_grammar() -> None:
    assert tools.mouse("mouse_drag", 1, 2.5, 3.0, 4 / 3) == "mouse_drag(1, 2.5, 3, 1.33333)"
    assert tools.click(None) is None
    assert tools.wait(view()) == "noop(0)"
    assert tools.wait(view(now=1000.0), 1700.0) == "noop(200)"


def test_a_plan_is_made_once_and_ends() -> None:
    memory: dict[str, Any] = {}
    assert [tools.planned(view(memory=memory), lambda: ["a", "b"]) for _ in range(3)] == ["a", "b", None]
    assert memory == {"plan": []}


def test_hot_spots_are_found_in_a_few_probes() -> None:
    for place in ((5, 5), (80, 60), (154, 119), (37, 101)):
        left = [(x, y) for x in range(5, 155) for y in range(5, 120)]
        for _ in range(12):
            probe = games._best_probe(left)
            heat = games._heat(place, probe)
            if heat == "HOT":
                break
            left = [one for one in left if games._heat(one, probe) == heat]
        assert heat == "HOT", place


def test_tic_tac_toe_is_won_against_draws_that_are_known() -> None:
    board = ["x", "x", "", "o", "o", "", "", "", ""]
    assert games._winning(board, [0.99] * 16) == 2
    assert games._pressing(board, "o") == 5
    assert games._reply(["x", "x", "", "o", "", "", "", "", ""], [0.99, 0.0]) == (2, 1)
    assert games._reply(["x", "", "", "", "", "", "", "", ""], [0.10, 0.5]) == (5, 2)
    lost = ["o", "o", "x", "x", "", "o", "o", "x", "x"]
    assert games._winning(lost, [0.99] * 16) is None


def test_a_cube_that_is_held_still_keeps_its_side() -> None:
    state = [1122.0, 136.0, 0.0, 0.0, 80.0, 130.0, 0.0, 6.0, 1.0]
    assert _turned(state, 80, 130) == 6
    assert _turned(state, 80, 10) == 1
