"""BrowserGym's observations and actions over ours; its own functions read them, where it is installed."""

import importlib.util
from collections.abc import Iterator

import numpy as np
import pytest

from envbench.envs._browser.seen import Row, Seen
from envbench.errors import InvalidValue
from envbench.integrations.browsergym import BrowserGymEnv, axtree_object, dom_object, properties

KEYS = {
    "chat_messages", "goal", "goal_object", "open_pages_urls", "open_pages_titles", "active_page_index", "url",
    "screenshot", "dom_object", "axtree_object", "extra_element_properties", "focused_element_bid", "last_action",
    "last_action_error", "elapsed_time", "axtree_txt", "pruned_html",
}  # fmt: skip

SEEN = Seen(
    document="",
    rows=(
        Row(0, 0, "list", ""),
        Row(1, 1, "listitem", ""),
        Row(-1, 2, "", "one"),
        Row(2, 1, "button", "go", states=("focused",), box=(1, 2, 3, 4), clickable=True),
        Row(3, 0, "textbox", "name", value="x", clickable=True),
    ),
    facts={},
    now=0.0,
    url="u",
    title="T",
    html="",
    counts={},
)


def test_axtree_object() -> None:
    nodes = axtree_object(SEEN)["nodes"]
    assert [node["childIds"] for node in nodes] == [["1", "5"], ["2", "4"], ["3"], [], [], []]
    assert nodes[4]["browsergym_id"] == "2"
    assert nodes[4]["properties"][0]["name"] == "focused"
    assert nodes[5]["value"]["value"] == "x"
    assert properties(SEEN.rows)["2"] == {
        "visibility": 1.0,
        "bbox": [1, 2, 3, 4],
        "clickable": True,
        "set_of_marks": True,
    }


def test_dom_object() -> None:
    found = dom_object("<html><body bid='x'><p bid=\"0\">a &amp; b<br></p><input bid=1 disabled></body></html>")
    nodes, strings = found["documents"][0]["nodes"], found["strings"]
    assert [strings[name] for name in nodes["nodeName"]] == ["#document", "HTML", "BODY", "P", "#text", "BR", "INPUT"]
    assert nodes["parentIndex"] == [-1, 0, 1, 2, 3, 3, 2]
    assert strings[nodes["nodeValue"][4]] == "a & b"
    assert [place if place < 0 else strings[place] for place in nodes["attributes"][6]] == ["bid", "1", "disabled", -1]


def test_what_runs_in_no_browser_is_refused() -> None:
    with pytest.raises(InvalidValue, match="in no browser"):
        BrowserGymEnv("envbench/FrozenLake-v0")


@pytest.fixture
def env() -> Iterator[BrowserGymEnv]:
    made = BrowserGymEnv("envbench/MiniWoB-v0", dataset="pages", split="all")
    yield made
    made.close()


def task(env: BrowserGymEnv, page: str) -> str:
    from envbench.registry import panel

    return next(one.id for one in panel("miniwob", "pages") if one.kind == page)


@pytest.mark.browser
def test_an_episode_as_a_browsergym_agent_plays_it(env: BrowserGymEnv) -> None:
    observation, _ = env.reset(options={"task": task(env, "click-checkboxes")})
    assert set(observation) == KEYS
    assert observation["goal"] == observation["goal_object"][0]["text"] == observation["chat_messages"][1]["message"]
    assert observation["screenshot"].shape == (210, 160, 3)
    assert observation["screenshot"].dtype == np.uint8
    wanted = observation["goal"].removeprefix("Select ").removesuffix(" and click Submit.").split(", ")
    boxes = {row.name: row.ref for row in env.env.seen.rows}
    observation, *_, info = env.step("click('99999')")
    assert "not possible" in observation["last_action_error"] == info["action_exec_error"]
    lines = [f"check('{boxes[name]}')" for name in wanted if name in boxes]
    observation, reward, terminated, _, _ = env.step("I do this:\n```\n" + "\n".join(lines) + "\n```")
    assert observation["last_action_error"] == ""
    assert (reward, terminated) == (0.0, False)
    env.step('send_msg_to_user("nearly done")')
    observation, reward, terminated, _, _ = env.step(f"click('{boxes['Submit']}', button='left')")
    assert "nearly done" in observation["chat_messages"][-1]["message"]
    assert (reward, terminated) == (1.0, True)


@pytest.mark.browser
def test_calls_are_python_and_html_says_what_was_entered(env: BrowserGymEnv) -> None:
    env.reset(options={"task": task(env, "enter-text")})
    (box,) = [row.ref for row in env.env.seen.rows if row.role == "textbox"]
    said = "send_msg_to_user('one\\n(two)')"
    observation, *_ = env.step(f"{said}\n# the field\nfill('{box}', 'a; b'); press('{box}', 'End')")
    assert observation["last_action_error"] == ""
    assert observation["chat_messages"][-1]["message"] == said
    assert 'value="a; b"' in observation["pruned_html"]
    observation, *_ = env.step("let me think")
    assert "not an action" in observation["last_action_error"]


@pytest.mark.browser
@pytest.mark.skipif(importlib.util.find_spec("browsergym") is None, reason="pip install --no-deps browsergym-core")
def test_browsergyms_own_functions_read_it(env: BrowserGymEnv) -> None:
    pytest.importorskip("bs4")
    from browsergym.utils.obs import flatten_axtree_to_str, flatten_dom_to_str, prune_html

    observation, _ = env.reset(options={"task": task(env, "login-user")})
    tree = flatten_axtree_to_str(observation["axtree_object"], observation["extra_element_properties"])
    assert "textbox" in tree
    assert "[" in tree
    page = prune_html(flatten_dom_to_str(observation["dom_object"], observation["extra_element_properties"]))
    assert "bid=" in page
