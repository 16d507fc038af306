"""WebShop in a real browser against WebShop in text."""

import gc
import os
import signal
import subprocess
import sys
import time
import weakref
from collections.abc import Iterator
from typing import Any

import gymnasium
import pytest

import envbench
from envbench.envs._browser.grammar import quote
from envbench.errors import SnapshotMismatch
from envbench.seeding import below, choice, derive_seed, generator

pytestmark = pytest.mark.browser

ID, TEXT = "envbench/WebShopBrowser-v0", "envbench/WebShop-v0"
TASK = "webshop/builtin/test/0042"


@pytest.fixture(scope="module")
def shared() -> Iterator[Any]:
    env = gymnasium.make(ID, split="test", max_steps=None).unwrapped
    yield env
    env.close()


@pytest.fixture
def env(shared: Any) -> Any:
    shared.reset(seed=0, options={"task": TASK})
    return shared


def act(env: Any, action: str) -> dict[str, Any]:
    """Do an action of the engine, in as many steps as it takes, and return the last info."""
    turns = 0
    while True:
        step = env.translate(action)
        assert step is not None, action
        _, reward, _, _, info = env.step(step)
        assert info["valid"], step
        turns += 1
        if not step.startswith("fill("):
            assert turns <= 2
            return info | {"reward": reward}


@pytest.mark.slow
def test_100_episodes_in_browser_and_text_end_in_one_state(shared: Any) -> None:
    compare(shared, 100)


def test_episodes_in_browser_and_text_go_through_the_same_states(shared: Any) -> None:
    compare(shared, 8)


def compare(shared: Any, episodes: int) -> None:
    text: Any = gymnasium.make(TEXT, split="test").unwrapped
    tasks = envbench.panel(TEXT, split="test")
    for episode in range(episodes):
        task = tasks[derive_seed(2, "task", episode) % len(tasks)].id
        _, info = text.reset(seed=episode, options={"task": task})
        _, seen = shared.reset(seed=episode, options={"task": task})
        bits = generator(derive_seed(2, "episode", episode))
        over = False
        while True:
            for key in ("task", "instruction", "state_hash", "anchor_hash"):
                assert seen[key] == info[key], (episode, key)
            if over:
                break
            action = text.oracle() if episode % 2 and below(bits, 4) else choice(bits, info["valid_actions"])
            _, reward, terminated, truncated, info = text.step(action)
            seen = act(shared, action)
            assert (seen["reward"], seen["score"], seen["success"]) == (reward, info["score"], info["success"])
            assert seen.get("reward_parts") == info.get("reward_parts")
            over = terminated or truncated
        assert shared.task.digest == text.task.digest


def test_typing_and_scrolling_are_part_of_the_state_until_undone(env: Any) -> None:
    served = env.state_hash(), env.anchor_hash()
    (box,) = env._session.page.invoke("matching", "input")
    _, _, _, _, info = env.step(f'fill({box}, "lamp")')
    assert info["state_hash"] != served[0]
    assert info["anchor_hash"] != served[1]
    snapshot, typed = env.snapshot(), env.state_hash()
    after = act(env, "search[lamp]")["state_hash"]
    assert act(env, "click[back to search]")["state_hash"] == served[0]
    observation, info = env.restore(snapshot)
    assert (info["state_hash"], 'value="lamp"' in observation["text"]) == (typed, True)
    assert env.step(f'press({box}, "Enter")')[4]["state_hash"] == after


def test_scroll_and_back_is_as_if_nothing_was_done(env: Any) -> None:
    served = act(env, "search[lamp]")
    _, _, _, _, down = env.step("scroll(0, 300)")
    assert down["state_hash"] != served["state_hash"]
    assert env.step("scroll(0, -300)")[4]["state_hash"] == served["state_hash"]
    assert env._memory() is None
    env.step("scroll(0, 300)")
    clicked = act(env, "click[next >]")  # a new page begins at its top
    env.restore(env.snapshot())
    assert env.state_hash() == clicked["state_hash"]


def test_a_choice_below_the_fold_leaves_no_scrolled_page(env: Any) -> None:
    while env._engine.session.page != "item":
        env.step(env.oracle())
    env.step("scroll(0, 200)")
    chosen = f"click[{next(iter(env._engine.view.targets))}]"
    info = act(env, chosen)
    assert env._at_rest
    env._serve()
    assert env._at_rest
    assert env.state_hash() == info["state_hash"]


@pytest.mark.parametrize(
    "action",
    [
        "go_back()",
        "go_forward()",
        'type({box}, "lamp\\n")',
        'keyboard_type("a\\r")',
        'fill({box}, "tab\\there")',
        'fill({box}, "tab\\there", True)',
        'keyboard_press("Control+v")',
        'press({box}, "ControlOrMeta+c")',
        'keyboard_press("Shift+Insert")',
        'type({box}, "\\0")',
        'type({box}, "\\ud800")',
        "click(999)",
        "click({box}",
        "search[lamp]",
        "click[search]",
        "",
        None,
    ],
)
def test_what_the_shop_does_not_take_changes_nothing(env: Any, action: Any) -> None:
    act(env, "search[lamp]")
    before = env._observation, env.state_hash(), env._state()
    (box,) = env._session.page.invoke("matching", "input")
    observation, reward, terminated, truncated, info = env.step(action and action.replace("{box}", str(box)))
    assert (reward, terminated, truncated, info["valid"]) == (0.0, False, False, False)
    assert (observation, env.state_hash(), env._state()) == before


def test_a_mouse_button_that_is_held_is_part_of_the_state(env: Any) -> None:
    served = env.state_hash()
    env.step("mouse_down(500, 700)")
    assert env.state_hash() != served
    env.restore(env.snapshot())
    assert env._session.page.held
    env.step("mouse_up(500, 700)")
    assert env.state_hash() == served


def on_an_item(env: Any) -> tuple[bytes, Any]:
    """Go to the page of a product; return its snapshot and the row of its button."""
    env.reset(seed=0, options={"task": TASK})
    while env._engine.session.page != "item":
        env.step(env.oracle())
    return env.snapshot(), next(row for row in env.seen.rows if row.name == "Buy Now")


def test_where_a_held_button_went_down_is_part_of_the_state(env: Any) -> None:
    item, buy = on_an_item(env)
    x, y = buy.box[0] + buy.box[2] / 2, buy.box[1] + buy.box[3] / 2
    ends = []
    for ways in ([f"mouse_down({x}, {y})"], ["mouse_down(5, 400)", f"focus({buy.ref})", f"mouse_move({x}, {y})"]):
        env.restore(item)
        for action in ways:
            env.step(action)
        ends.append((env.state_hash(), env.anchor_hash(), env.step(f"mouse_up({x}, {y})")[4]["page"]))
    assert [page for *_, page in ends] == ["done", "item"]
    assert ends[0][0] != ends[1][0]
    assert ends[0][1] != ends[1][1]


def test_a_link_that_is_dragged_is_part_of_the_state(env: Any) -> None:
    act(env, "search[lamp]")
    results = env.snapshot()
    link = next(row for row in env.seen.rows if row.ref in env._session.page.invoke("matching", "ol a"))
    x, y = link.box[0] + 5, link.box[1] + link.box[3] / 2
    ends = []
    for ways in ([f"mouse_move({x + 40}, {y + 30})"], []):
        env.restore(results)
        for action in (f"mouse_down({x}, {y})", *ways, f"mouse_move({x + 1}, {y})"):
            env.step(action)
        keys = env.state_hash(), env.anchor_hash()
        env.restore(env.snapshot())
        assert (env.state_hash(), env.anchor_hash()) == keys
        ends.append((*keys, env.step(f"mouse_up({x + 1}, {y})")[4]["page"]))
    assert [page for *_, page in ends] == ["results", "item"]
    assert ends[0][0] != ends[1][0]
    assert ends[0][1] != ends[1][1]


def test_what_is_marked_is_part_of_the_anchor(env: Any) -> None:
    """It can be dragged into the search."""
    act(env, "search[lamp]")
    served = env.anchor_hash()
    heading = next(row for row in env.seen.rows if row.role == "heading")
    env.step(f"mouse_dblclick({heading.box[0] + 30}, {heading.box[1] + heading.box[3] / 2})")
    assert env._done_to_page["input"]["selection"]
    assert env.anchor_hash() != served
    env.restore(env.snapshot())
    assert env._done_to_page["input"]["selection"]


def test_a_click_that_meets_nothing_leaves_no_trace(env: Any) -> None:
    item, buy = on_an_item(env)
    served = env.state_hash()
    followed = []
    for ways in ([], [f"mouse_click({buy.box[0] + buy.box[2] + 8}, {buy.box[1] + 10})"]):
        env.restore(item)
        for action in ways:
            env.step(action)
        assert env.state_hash() == served
        env.step('keyboard_press("Tab")')
        followed.append((env.state_hash(), env.step('keyboard_press("Enter")')[4]["state_hash"]))
    assert followed[0] == followed[1]


def test_the_way_of_a_selection_is_part_of_the_state(env: Any) -> None:
    (box,) = env._session.page.invoke("matching", "input")
    ends = []
    for keys in (("Home", "Shift+End"), ("End", "Shift+Home")):
        env.reset(seed=0, options={"task": TASK})
        env.step(f'fill({box}, "lamp")')
        for key in keys:
            env.step(f'press({box}, "{key}")')
        ends.append((env.state_hash(), env.step(f'press({box}, "Shift+ArrowLeft")')[4]["state_hash"]))
    assert ends[0][0] != ends[1][0]
    assert ends[0][1] != ends[1][1]


def test_two_environments_in_one_process_do_not_disturb_each_other(env: Any) -> None:
    other = gymnasium.make(ID, split="test", max_steps=None, disable_env_checker=True).unwrapped
    expected, actions = [], []
    while (action := env.oracle()) is not None:
        actions.append(action)
        expected.append(env.step(action)[4]["state_hash"])
    env.reset(seed=0, options={"task": TASK})
    other.reset(seed=0, options={"task": TASK})
    for action, state in zip(actions, expected, strict=True):
        assert env.step(action)[4]["state_hash"] == state
        assert other.step(action)[4]["state_hash"] == state
    other.close()


WALK = """
import gymnasium, envbench
env = gymnasium.make("envbench/WebShopBrowser-v0", split="test").unwrapped
env.reset(seed=0, options={"task": "webshop/builtin/test/0042"})
while (action := env.oracle()) is not None:
    print(env.step(action)[4]["state_hash"])
env.close()
"""


def test_four_processes_in_parallel_agree() -> None:
    children = [
        subprocess.Popen(
            [sys.executable, "-c", WALK],
            stdout=subprocess.PIPE,
            text=True,
            env=os.environ | {"PYTHONHASHSEED": str(number)},
        )
        for number in range(4)
    ]
    said = [child.communicate(timeout=120)[0].split() for child in children]
    assert len(said[0]) >= 4
    assert said[1:] == said[:1] * 3


def test_what_is_dropped_without_a_close_is_collected() -> None:
    dropped = gymnasium.make(ID, disable_env_checker=True).unwrapped
    dropped.reset(seed=0)
    left = weakref.ref(dropped)
    del dropped
    gc.collect()
    assert left() is None


def test_a_double_click_is_one_action_of_the_engine(env: Any) -> None:
    first = act(env, "search[lamp]")
    (link,) = env._session.page.invoke("matching", 'a[href="/results/2"]')
    _, _, _, _, info = env.step(f"dblclick({link})")
    once = env.state_hash()
    assert info["valid"]
    assert once != first["state_hash"]
    assert env._engine.session.number == 2
    assert env._at_rest


def test_choosing_what_is_chosen_is_an_action_that_changes_nothing(env: Any) -> None:
    while env._engine.session.page != "item":
        env.step(env.oracle())
    value = f"click[{next(iter(env._engine.view.targets))}]"
    once = act(env, value)["state_hash"]
    assert act(env, value)["state_hash"] == once
    assert env._reply is not None


def test_an_empty_search_changes_nothing(env: Any) -> None:
    served = env.state_hash()
    (button,) = env._session.page.invoke("matching", "button")
    assert env.step(f"click({button})")[4]["valid"]
    assert env._engine.session.page == "search"
    act(env, "search[lamp]")
    assert act(env, "click[back to search]")["state_hash"] == served


HOSTILE = (
    "<script>document.title='gone'</script>", "\"'><img src=x onerror=alert(1)>", "</style></script></form><b>",
    "ünïcödé 漢字 🛒 \u202e", "&amp;&#60;b&#62; %00 %3Cb%3E +", "{{7*7}} ${x} %s", "<b>" * 40_000,
)  # fmt: skip


@pytest.mark.parametrize("words", HOSTILE, ids=range(len(HOSTILE)))
@pytest.mark.parametrize("how", ["fill", "keyboard_type"])
def test_hostile_text_stays_text(env: Any, words: str, how: str) -> None:
    page = env._session.page
    (box,) = page.invoke("matching", "input")
    start = page.loads
    env.step(f"focus({box})")
    text = quote(words)
    observation, _, _, _, info = env.step(f"fill({box}, {text})" if how == "fill" else f"keyboard_type({text})")
    assert info["valid"]
    assert observation in env.observation_space
    observation, _, _, _, info = env.step(f'press({box}, "Enter")')
    assert info["valid"]
    assert observation in env.observation_space
    assert not page.refused
    assert not page.errors
    assert page.dialogs == env._session.seen.counts["dialogs"] == 0
    assert page.loads > start
    if how == "fill":
        kept = words.replace("[", " ").lower()
        assert env._engine.session.query == kept
        assert (
            page.evaluate("document.querySelector('h1').textContent")[13:-1].removesuffix("...") == kept[:100].strip()
        )
    assert page.evaluate("document.querySelectorAll('script').length") == 1
    assert page.evaluate("document.querySelectorAll('img, b:not(section > b), form').length") == 1
    assert " - WebShop" in page.evaluate("document.title")


def test_snapshots_of_other_pages_are_refused(env: Any) -> None:
    (box,) = env._session.page.invoke("matching", "input")
    env.step(f'fill({box}, "lamp")')
    forged = env.snapshot().replace(b'[[0,"lamp"]]', b'[[0,"lamb"]]')
    with pytest.raises(SnapshotMismatch, match="led to another one"):
        env.restore(forged)


def test_a_killed_browser_ends_the_episode_and_the_next_one_plays(env: Any) -> None:
    act(env, "search[lamp]")
    os.kill(env._session.page.browser.pipe.pid, signal.SIGKILL)
    time.sleep(0.2)
    assert env.oracle() == "noop()"  # whose step finds the failure
    _, reward, terminated, truncated, info = env.step("noop()")
    assert (reward, terminated, truncated, info["outcome"]) == (0.0, False, True, "env_error")
    env.reset(seed=0, options={"task": TASK})
    assert act(env, "search[lamp]")["page"] == "results"


def test_the_oracle_buys_what_is_asked_for(shared: Any) -> None:
    for number in range(3):
        shared.reset(seed=number)
        over = False
        while not over:
            _, reward, over, _, info = shared.step(shared.oracle())
        assert (reward, info["outcome"]) == (1.0, "success")
        assert shared.oracle() is None
