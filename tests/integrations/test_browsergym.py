"""BrowserGym's observations and actions over ours; its own functions read them, where it is installed."""

import html
import importlib.util
import json
import os
import subprocess
import sys
from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest

from envbench.bench.browser_others import BROWSERGYM_PYTHON
from envbench.envs._browser.seen import Row, Seen
from envbench.errors import InvalidValue
from envbench.integrations.browsergym import (
    BrowserGymEnv,
    axtree_object,
    dom_object,
    flat_axtree,
    properties,
    pruned_html,
)
from envbench.registry import panel
from envbench.testing.require import missing

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
        Row(3, 0, "textbox", "name", value="it's", states=("disabled",), clickable=True),
        Row(4, 0, "heading", "Title", states=("level=2",)),
        Row(-1, 1, "", "Tit"),
        Row(5, 0, "", "plain"),
        Row(-1, 1, "", "in"),
        Row(6, 0, "", "to click", clickable=True),
        Row(7, 0, "", "", clickable=True),
        Row(8, 1, "generic", "its role given"),
        Row(9, 0, "circle", "", look="fill=red"),
        Row(-1, 0, "", "T"),
    ),
    facts={},
    now=0.0,
    url="u",
    title="T",
    html="",
    counts={},
)

FLAT = """\
RootWebArea 'T'
	[0] list ''
		[1] listitem ''
			StaticText 'one'
		[2] button 'go', focused
	[3] textbox 'name' value="it's", disabled=True
	[4] heading 'Title'
	StaticText 'plain'
	StaticText 'in'
	[6] generic 'to click', clickable=True
	[7] generic, clickable=True
		StaticText 'its role given'
	[9] circle 'fill=red'
	StaticText 'T'"""

HTML = """<html><head><title>T</title></head><body class="x"><div bid="0"><p id="a" bid="1">one<br bid="2">
<span bid="3">t &amp; o</span></p><input value="it's" disabled bid="4"><i></i></div></body></html>"""

PRUNED = """\
<head>
 <title>
  T
 </title>
</head>
<p bid="1" id="a">
 one
 t &amp; o
</p>
<input bid="4" disabled="" value="it&#x27;s"/>
<i>
</i>"""


def test_axtree_object() -> None:
    nodes = axtree_object(SEEN)["nodes"]
    assert [node["childIds"] for node in nodes[1:6]] == [
        ["2", "6", "7", "9", "12", "13", "16", "17"],
        ["3", "5"],
        ["4"],
        [],
        [],
    ]
    assert nodes[5]["browsergym_id"] == "2"
    assert nodes[5]["properties"][0]["name"] == "focused"
    assert nodes[6]["value"]["value"] == "it's"
    assert properties(SEEN.rows)["2"] == {
        "visibility": 1.0,
        "bbox": [1, 2, 3, 4],
        "clickable": True,
        "set_of_marks": True,
    }


def test_flat_axtree() -> None:
    assert flat_axtree(axtree_object(SEEN)) == FLAT


def test_pruned_html() -> None:
    assert pruned_html(dom_object(HTML)) == PRUNED


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


@pytest.fixture
def shop() -> Iterator[BrowserGymEnv]:
    made = BrowserGymEnv("envbench/WebShopBrowser-v0", split="test")
    yield made
    made.close()


def task(page: str) -> str:
    return next(one.id for one in panel("miniwob", "pages") if one.kind == page)


def observed(env: BrowserGymEnv, page: str) -> dict[str, Any]:
    """What is seen first of a page of MiniWoB."""
    return env.reset(options={"task": task(page)})[0]


def opened(env: BrowserGymEnv) -> dict[str, Any]:
    """What is seen of a mail: its sender is clicked."""
    observed(env, "email-inbox")
    mail = next(row.ref for row in env.env.seen.rows if row.depth and row.name and not row.role)
    return done(env, f"click('{mail}')")


def results(shop: BrowserGymEnv) -> dict[str, Any]:
    """What is seen of the shop when a search is over."""
    shop.reset(seed=0)
    (box,) = [row.ref for row in shop.env.seen.rows if row.role == "searchbox"]
    return done(shop, f"fill('{box}', 'lamp'); press('{box}', 'Enter')")


def done(env: BrowserGymEnv, action: str) -> dict[str, Any]:
    observation, *_ = env.step(action)
    assert observation["last_action_error"] == ""
    return observation


def check_all_is_said(rows: tuple[Row, ...], tree: str) -> None:
    """Each text has its own place in a line below the title; what can be clicked or has a role has its bid."""
    body = tree.partition("\n")[2]
    texts = [row.name for row in rows if row.name and not row.role]
    assert texts
    assert [text for text in texts if body.count(repr(text)) < texts.count(text)] == []
    assert [
        row for row in rows if (row.clickable or row.role) and f"[{row.ref}] {row.role or 'generic'}" not in body
    ] == []


@pytest.mark.browser
def test_an_episode_as_a_browsergym_agent_plays_it(env: BrowserGymEnv) -> None:
    observation, _ = env.reset(options={"task": task("click-checkboxes")})
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
    env.reset(options={"task": task("enter-text")})
    (box,) = [row.ref for row in env.env.seen.rows if row.role == "textbox"]
    said = "send_msg_to_user('one\\n(two)')"
    observation, *_ = env.step(f"{said}\n# the field\nfill('{box}', 'a; b'); press('{box}', 'End')")
    assert observation["last_action_error"] == ""
    assert observation["chat_messages"][-1]["message"] == said
    assert 'value="a; b"' in observation["pruned_html"]
    observation, *_ = env.step("let me think")
    assert "not an action" in observation["last_action_error"]


@pytest.mark.browser
@pytest.mark.parametrize("page", ["find-word", "email-inbox", "phone-book", "login-user"])
def test_each_text_of_a_page_reaches_the_reader(env: BrowserGymEnv, page: str) -> None:
    observation = observed(env, page)
    check_all_is_said(env.env.seen.rows, observation["axtree_txt"])


@pytest.mark.browser
def test_the_body_of_a_mail_reaches_the_reader(env: BrowserGymEnv) -> None:
    observation = opened(env)
    check_all_is_said(env.env.seen.rows, observation["axtree_txt"])


@pytest.mark.browser
def test_prices_reach_the_reader(shop: BrowserGymEnv) -> None:
    observation = results(shop)
    check_all_is_said(shop.env.seen.rows, observation["axtree_txt"])
    assert observation["axtree_txt"].count("StaticText '$") == 10


@pytest.mark.browser
def test_talk_is_a_step_in_which_the_clock_moves_on(env: BrowserGymEnv) -> None:
    before = observed(env, "find-word")["elapsed_time"]
    talked = done(env, 'send_msg_to_user("well")')
    assert talked["elapsed_time"] - before == float(env.env.knobs["tick_ms"]) / 1000
    assert env.env.t == 1


READER = """
import json, sys
from browsergym.utils.obs import flatten_axtree_to_str, flatten_dom_to_str, prune_html
read = lambda tree, document: (flatten_axtree_to_str(tree), prune_html(flatten_dom_to_str(document)))
json.dump([read(*one) for one in json.load(sys.stdin)], sys.stdout)
"""


@pytest.fixture
def read() -> Any:
    """BrowserGym's own functions, here or in an environment of their own; a skip where neither has them."""
    python = os.environ.get(BROWSERGYM_PYTHON) or (sys.executable if importlib.util.find_spec("browsergym") else "")
    if not python:
        why = f"BrowserGym is not here: install it into an environment and name its Python in ${BROWSERGYM_PYTHON}"
        missing(why, "browsergym")

    def read(objects: list[tuple[dict[str, Any], dict[str, Any]]]) -> list[list[str]]:
        command = [python, "-c", READER]
        ran = subprocess.run(
            command, input=json.dumps(objects), capture_output=True, text=True, timeout=60, check=False
        )
        assert ran.returncode == 0, ran.stderr
        found: list[list[str]] = json.loads(ran.stdout)
        return found

    return read


def squeezed(page: str) -> str:
    return "".join(html.unescape(page).split())


def test_browsergyms_own_functions_make_the_same_of_what_is_made_up(read: Any) -> None:
    ((tree, page),) = read([(axtree_object(SEEN), dom_object(HTML))])
    assert tree == FLAT
    assert squeezed(page) == squeezed(PRUNED)


@pytest.mark.browser
def test_browsergyms_own_functions_make_the_same_of_pages(read: Any, env: BrowserGymEnv, shop: BrowserGymEnv) -> None:
    pages = ("find-word", "email-inbox", "phone-book", "login-user", "copy-paste", "click-checkboxes", "count-shape")
    seen = [*(observed(env, page) for page in pages), opened(env), results(shop)]
    found = read([(one["axtree_object"], one["dom_object"]) for one in seen])
    assert [tree for tree, _ in found] == [one["axtree_txt"] for one in seen]
    assert [squeezed(page) for _, page in found] == [squeezed(one["pruned_html"]) for one in seen]
