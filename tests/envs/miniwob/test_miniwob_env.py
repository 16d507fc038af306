"""The environment on its pages: observations, snapshots that replay, failures that are counted, what is missing."""

import gc
import json
import os
import signal
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import gymnasium
import numpy as np
import pytest

from envbench.envs._browser import browser as shared
from envbench.envs._browser.browser import browser, close_browser, replaced
from envbench.envs.miniwob.env import MiniWoB
from envbench.errors import BrowserMissing, InvalidValue, MissingExtra, SnapshotMismatch
from envbench.registry import panel
from envbench.vector import BatchedEnv

ID = "envbench/MiniWoB-v0"


def make(**arguments: Any) -> MiniWoB:
    env = gymnasium.make(ID, dataset="pages", disable_env_checker=True, **arguments).unwrapped
    assert isinstance(env, MiniWoB)
    return env


def task(page: str) -> str:
    return next(one.id for one in panel(ID, "pages") if one.kind == page)


@pytest.fixture
def env() -> Iterator[MiniWoB]:
    made = make(max_steps=None)
    yield made
    made.close()


def test_without_a_browser_make_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ENVBENCH_CHROMIUM", "/nowhere/chromium")
    with pytest.raises((BrowserMissing, MissingExtra), match="names '/nowhere/chromium'|pip install") as caught:
        make()
    assert "\n" not in str(caught.value)


def test_without_the_wheel_make_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    from envbench.envs.miniwob import pages

    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    pages.home.cache_clear()
    with pytest.raises(MissingExtra, match=r"envbench\[browser\]"):
        make()
    pages.home.cache_clear()


@pytest.mark.browser
def test_observations_by_knob(env: MiniWoB) -> None:
    rich = make(axtree=True, html=True, screenshot=True, render_mode="rgb_array")
    shown, info = env.reset(seed=0, options={"task": task("click-checkboxes")})
    assert set(shown) == {"text"}
    full, more = rich.reset(seed=0, options={"task": task("click-checkboxes")})
    assert full in rich.observation_space
    assert set(full) == {"text", "axtree", "html", "screenshot"}
    assert full["text"] == shown["text"]
    assert full["axtree"].startswith("RootWebArea")
    assert "bid=" in full["html"]
    assert full["screenshot"].shape == (210, 160, 3)
    assert tuple(full["screenshot"][1, 158]) == (255, 255, 0)
    assert (rich.render() == full["screenshot"]).all()
    assert (more["state_hash"], more["anchor_hash"]) == (info["state_hash"], info["anchor_hash"])
    snapshot = rich.snapshot()
    again, _ = rich.restore(snapshot)
    assert np.array_equal(again["screenshot"], full["screenshot"])
    rich.close()


@pytest.mark.browser
def test_sessions_in_one_process_are_for_text_alone() -> None:
    with pytest.raises(InvalidValue, match="vectorization_mode='sync'"):
        BatchedEnv(ID, 2)


@pytest.mark.browser
def test_a_snapshot_that_does_not_replay_is_refused(env: MiniWoB) -> None:
    env.reset(seed=0, options={"task": task("click-checkboxes")})
    env.step(env.valid_actions()[0])
    document = json.loads(env.snapshot())
    document["state"]["document"] = "v1:" + "0" * 32
    with pytest.raises(SnapshotMismatch, match="replaying 1 actions"):
        env.restore(json.dumps(document).encode())
    document["state"]["actions"] = ["click(9999)"]
    with pytest.raises(SnapshotMismatch, match="refused"):
        env.restore(json.dumps(document).encode())


@pytest.mark.browser
def test_a_killed_browser_ends_the_episode_as_env_error_and_the_next_one_goes_on(env: MiniWoB) -> None:
    env.reset(seed=0, options={"task": task("click-test-2")})
    before = replaced()
    os.kill(browser().pipe.pid, signal.SIGKILL)
    over = False
    while not over:
        _, reward, terminated, over, info = env.step("noop()")
    assert (reward, terminated, info["outcome"], info["valid"], info["score"]) == (0.0, False, "env_error", False, 0.0)
    assert "browser" in info["failure"]
    assert env.env_errors == 1
    assert env.step("noop()")[4]["outcome"] == "env_error"
    snapshot = env.snapshot()
    assert env.restore(snapshot)[1]["outcome"] == "env_error"
    _, info = env.reset(seed=0, options={"task": task("click-test-2")})
    assert "failure" not in info
    assert env.step("noop()")[4]["valid"] is True
    assert replaced() >= before + 1


@pytest.mark.browser
def test_a_hanging_page_is_an_env_error(env: MiniWoB) -> None:
    env.reset(seed=0, options={"task": task("click-test")})
    page = env._session.page
    page.deadline = 1.0
    page.evaluate("document.querySelector('button').onclick = () => { for (;;); }")
    *_, truncated, info = env.step(env.valid_actions()[0])
    assert (truncated, info["outcome"]) == (True, "env_error")
    assert "within 1 s" in info["failure"]
    assert env.reset(seed=0, options={"task": task("click-test")})[1]["valid_actions"]


@pytest.mark.browser
def test_the_evaluator_counts_env_errors() -> None:
    from envbench.agents.base import Reply
    from envbench.rollout.play import play

    class Killer:
        name = "killer"

        def start(self, *_: Any) -> None:
            os.kill(browser().pipe.pid, signal.SIGKILL)

        def act(self, *_: Any) -> Reply:
            return Reply("noop()")

    env = make()
    played = play(env, Killer(), panel(ID, "pages")[0], 0)  # type: ignore[arg-type]  # what the loop asks of an agent
    assert played.trajectory.outcome == "env_error"
    env.close()


@pytest.mark.browser
def test_a_browser_killed_between_steps_is_found_by_the_next_step() -> None:
    env = make(render_mode="rgb_array")
    env.reset(seed=0, options={"task": task("click-test")})
    shown = env.render()
    pipe = browser().pipe
    os.kill(pipe.pid, signal.SIGKILL)
    pipe._thread.join(timeout=10)
    assert env.oracle() == "noop()"
    assert (env.render() == shown).all()
    assert env.step(env.oracle())[4]["outcome"] == "env_error"
    assert (env.render() == shown).all()
    env.close()


@pytest.mark.browser
def test_the_last_environment_closes_the_browser(monkeypatch: pytest.MonkeyPatch) -> None:
    close_browser()
    gc.collect()
    monkeypatch.setattr(shared, "_shared", shared._Shared())  # other tests may hold theirs yet
    one, two = make(), make()
    one.reset(seed=0)
    pid = browser().pipe.pid
    one.close()
    assert Path(f"/proc/{pid}").exists()
    two.close()
    two.close()
    assert not Path(f"/proc/{pid}").exists()


def slope(values: list[float]) -> float:
    """Least-squares growth per entry."""
    return float(np.polyfit(range(len(values)), values, 1)[0])


@pytest.mark.browser
@pytest.mark.slow
def test_soak(capsys: pytest.CaptureFixture[str]) -> None:
    """Many episodes: memory stays, no process is left. $ENVBENCH_SOAK says how many; 10,000 otherwise."""
    from envbench.bench.browser import memory, processes

    close_browser()
    env = make(max_steps=3)
    tasks, sizes = panel(ID, "pages")[:130], []
    episodes = int(os.environ.get("ENVBENCH_SOAK", "10000"))
    for number in range(episodes):
        env.reset(seed=0, options={"task": tasks[number % len(tasks)].id})
        for action in (env.valid_actions() or ("noop()",))[:2]:
            env.step(action)
        if number % 50 == 49:
            sizes.append(memory("Pss_Anon"))
            assert len(processes()) <= 12
        if number % 500 == 499:
            with capsys.disabled():
                print(f"\n{number + 1} episodes: {sizes[-1]:.0f} MB", end="", flush=True)
    settled = sizes[len(sizes) // 4 :]
    growth = slope(settled) / 50  # MB an episode
    with capsys.disabled():
        print(f"\n{episodes} episodes, {settled[0]:.0f} to {settled[-1]:.0f} MB: {1000 * growth:.2f} MB per thousand")
    if episodes >= 10_000:  # shorter ones are warming up for the most part
        assert growth < 0.0015  # 0.35 kB an episode were measured, in a saw-tooth of ten minutes
    assert max(settled) < 250
    pid = browser().pipe.pid
    env.close()
    assert not Path(f"/proc/{pid}").exists()
    assert env.env_errors == 0
