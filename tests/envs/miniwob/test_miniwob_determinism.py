"""The same seed is the same episode: in another process, beside others, in parallel; equal anchors, equal futures."""

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from page_walks import make, tasks, walked

from envbench.env import Env
from envbench.envs._browser.browser import close_browser
from envbench.envs.miniwob.oracles import oracles
from envbench.envs.miniwob.oracles.limits import WITHOUT
from envbench.envs.miniwob.pages import CHANGES_UNSEEN
from envbench.seeding import below, choice, derive_seed, generator
from envbench.testing.case import future

pytestmark = pytest.mark.browser

SENSITIVE = ["click-dialog", "moving-items", "use-slider", "terminal", "email-inbox", "drag-items"]
"""Pages with timers, widgets and drags: what the reference found to differ first."""


def start_child(pages: list[str], hash_seed: str) -> subprocess.Popen[str]:
    script = Path(__file__).with_name("page_walks.py")
    environment = os.environ | {"PYTHONHASHSEED": hash_seed}
    return subprocess.Popen([sys.executable, str(script), *pages], stdout=subprocess.PIPE, text=True, env=environment)


def result(child: subprocess.Popen[str]) -> dict[str, Any]:
    out, _ = child.communicate(timeout=3000)
    assert child.returncode == 0
    found: dict[str, Any] = json.loads(out)
    return found


def test_four_processes_in_parallel_agree() -> None:
    first, *others = [result(child) for child in [start_child(SENSITIVE, str(seed)) for seed in range(4)]]
    assert len(first) == 2 * len(SENSITIVE)
    assert all(other == first for other in others)


def test_two_environments_in_one_process_do_not_disturb_each_other() -> None:
    chosen = tasks(SENSITIVE[:3], seeds=1)
    alone = make()
    expected = [walked(alone, task) for task in chosen]
    alone.close()
    one, two = make(), make()
    for task, rows in zip(chosen, expected, strict=True):
        one.reset(seed=0, options={"task": task.id})
        two.reset(seed=0, options={"task": task.id})
        for action, *_, state, _, _ in rows[1:]:
            assert one.step(action)[4]["state_hash"] == state
            assert two.step(action)[4]["state_hash"] == state
    one.close()
    two.close()


@pytest.mark.slow
def test_all_pages_in_two_processes() -> None:
    first = result(start_child([], "0"))
    second = result(start_child([], "1"))
    assert len(first) == 260
    assert {source for source in first if first[source] != second[source]} == set()
    assert all(row[3] == "" for rows in first.values() for row in rows[1:])  # no page failed


FELT = ["valid", "anchor_hash", "score"]
MOST = 3
"""Pairs of equal anchors that are compared on a page, of each kind: one takes ten replays."""


def explored(env: Env[Any], bits: Any) -> str:
    """One offered action in three, the mouse by itself at one of a few points in four, else a pause."""
    offered, kind = env.valid_actions() or ("noop()",), below(bits, 12)
    if kind < 4:
        return choice(bits, offered)
    if kind < 7:
        x, y = 20 + 60 * below(bits, 3), 70 + 50 * below(bits, 3)
        moves = (f"mouse_move({x}, {y})", f"mouse_down({x}, {y})", f"mouse_up({x}, {y})", f"scroll_at({x}, {y}, 0, 40)")
        return choice(bits, moves)
    return "noop()"


@pytest.mark.slow
@pytest.mark.parametrize("page", sorted({*oracles(), *WITHOUT} - CHANGES_UNSEEN))
def test_equal_anchors_promise_equal_futures(page: str) -> None:
    (task,) = tasks([page], seeds=1)
    env = make()
    met: dict[str, bytes] = {}
    compared = {"": 0, "noop()": 0}
    for number in range(9):
        if number >= 3 and any(compared.values()):
            break
        bits = generator(derive_seed(number, "anchors", page))
        env.reset(seed=0, options={"task": task.id})
        for _ in range(5):
            if not env.valid_actions():
                break
            env.step(explored(env, bits))
            for action in compared:  # as it is, and when time has passed: an anchor has no clock
                if action:
                    env.step(action)
                key, snapshot = env.anchor_hash(), env.snapshot()
                if met.setdefault(key, snapshot) != snapshot and compared[action] < MOST:
                    assert_same_future(env, met[key], snapshot, bits)
                    compared[action] += 1
    env.close()
    close_browser()
    assert any(compared.values()), "no two anchors were equal: nothing was compared"


@pytest.mark.slow
@pytest.mark.parametrize("page", sorted(CHANGES_UNSEEN))
def test_where_changes_are_unseen_an_anchor_is_the_history(page: str) -> None:
    (task,) = tasks([page], seeds=1)
    env = make()
    found = []
    for _ in range(2):
        env.reset(seed=0, options={"task": task.id})
        keys = [env.anchor_hash()]
        for action in ("noop()", "mouse_move(20, 70)", "mouse_move(20, 70)"):
            assert env.step(action)[4]["valid"]
            keys.append(env.anchor_hash())
        assert len(set(keys)) == len(keys)
        found.append(keys)
    assert found[0] == found[1]
    env.close()
    close_browser()


def assert_same_future(env: Env[Any], first: bytes, second: bytes, bits: Any) -> None:
    """Rewards and anchors are the same after each of a few actions, and after some in a row; ends at `second`."""
    offered = env.valid_actions() or ()
    alone = [choice(bits, offered) for _ in offered[:3]] + [explored(env, bits)]
    for actions in (*([action] for action in alone), followed(env, bits)):
        found = []
        for snapshot in (first, second):
            env.restore(snapshot)
            found.append(future(env, actions, FELT))
        assert found[0] == found[1], actions
    env.restore(second)


def followed(env: Env[Any], bits: Any) -> list[str]:
    actions = []
    for _ in range(4):
        if env.valid_actions():
            actions.append(explored(env, bits))
            env.step(actions[-1])
    return actions
