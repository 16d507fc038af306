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
MOST = 6
"""Pairs of equal anchors that are compared on a page: each takes two dozen replays."""


@pytest.mark.slow
@pytest.mark.parametrize("page", sorted({*oracles(), *WITHOUT}))
def test_equal_anchors_promise_equal_futures(page: str) -> None:
    (task,) = tasks([page], seeds=1)
    env = make()
    met: dict[str, bytes] = {}
    compared = 0
    for number in range(3):
        bits = generator(derive_seed(number, "anchors", page))
        env.reset(seed=0, options={"task": task.id})
        for _ in range(5):
            if not (offered := env.valid_actions()):
                break
            env.step(choice(bits, offered) if below(bits, 4) else "noop()")
            for action in ("", "noop()"):  # as it is, and when time has passed: an anchor has no clock
                if action:
                    env.step(action)
                key, snapshot = env.anchor_hash(), env.snapshot()
                if met.setdefault(key, snapshot) != snapshot and compared < MOST:
                    assert_same_future(env, met[key], snapshot, bits)
                    compared += 1
    env.close()
    close_browser()


def assert_same_future(env: Env[Any], first: bytes, second: bytes, bits: Any) -> None:
    """Rewards and anchors are the same after each of a few actions, and after some in a row; ends at `second`."""
    offered = env.valid_actions() or ()
    for actions in (*([choice(bits, offered)] for _ in offered[:3]), followed(env, bits)):
        found = []
        for snapshot in (first, second):
            env.restore(snapshot)
            found.append(future(env, actions, FELT))
        assert found[0] == found[1], actions
    env.restore(second)


def followed(env: Env[Any], bits: Any) -> list[str]:
    actions = []
    for _ in range(3):
        if offered := env.valid_actions():
            actions.append(choice(bits, offered))
            env.step(actions[-1])
    return actions
