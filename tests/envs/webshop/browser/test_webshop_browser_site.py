"""The pages and the router against the text environment, without a browser."""

from typing import Any
from urllib.parse import urlencode

import gymnasium
import pytest
from page_reader import PageReader

import envbench
from envbench.envs.webshop.engine import Engine, Session
from envbench.envs.webshop.grammar import parse
from envbench.envs.webshop.keys import state_of
from envbench.envs.webshop_browser import site, templates
from envbench.hashing import KeyHasher
from envbench.seeding import below, choice, derive_seed, generator

HOSTILE = (
    "<script>alert(1)</script>", "\"'><img src=x onerror=alert(1)>", "</title></style></script><b>", "&lt;&amp;&#0;",
    "ünïcödé 漢字 🛒 \u202e\u200b", "{{7*7}} ${x} %s %(a)s {0}", "\x01\x1b[0m\x7f", "q=1&q=2;a=b+c%20%00",
    "x" * 100_000,
)  # fmt: skip


def test_tasks_and_panels_are_those_of_the_text_shop() -> None:
    for split in ("train", "val", "test"):
        text = envbench.panel("envbench/WebShop-v0", split=split)
        assert envbench.panel("envbench/WebShopBrowser-v0", split=split) is text
    changed = {"goal_seed": 4, "show_attrs": True}
    text = envbench.panel("envbench/WebShop-v0", split="test", **changed)
    assert envbench.panel("envbench/WebShopBrowser-v0", split="test", screenshot=True, **changed) is text


def _asked(engine: Engine, page: PageReader, action: str) -> site.Request:
    """Return the request of the control that stands for an action: it is on the page, or the test fails."""
    name, argument = parse(action)
    if name == "search":
        assert page.has_search_box
        return site.request("http://here/search", urlencode({"q": argument}).encode())
    return next(asked for asked in page.requests() if site.action(engine, asked) == action)


def test_100_episodes_through_the_router_are_those_of_the_text_shop() -> None:
    env: Any = gymnasium.make("envbench/WebShop-v0", split="test", max_steps=40).unwrapped
    tasks = envbench.panel("envbench/WebShop-v0", split="test")
    bought = 0
    for episode in range(100):
        task = tasks[derive_seed(1, "task", episode) % len(tasks)]
        _, info = env.reset(seed=episode, options={"task": task.id})
        engine = Engine(task.payload.shop, task.payload.goal)
        hashed = KeyHasher("webshop", task.digest)
        bits = generator(derive_seed(1, "episode", episode))
        over, total = False, 0.0
        while not over:
            assert hashed("state", state_of(engine)) == info["state_hash"]
            page = PageReader(templates.page(engine))
            offered = [site.action(engine, asked) for asked in page.requests()]
            expected = () if info["has_search_bar"] else info["valid_actions"]
            assert sorted(offered) == sorted(expected) == sorted(site.actions(engine))
            action = env.oracle() if episode % 2 and below(bits, 4) else choice(bits, info["valid_actions"])
            found = site.action(engine, _asked(engine, page, action))
            assert found == action
            reply = engine.step(found)
            _, reward, terminated, truncated, info = env.step(action)
            assert reply == (reward, terminated)
            over, total = terminated or truncated, total + reward
        assert hashed("state", state_of(engine)) == env.state_hash()
        bought += total > 0
    assert bought > 40


def test_every_action_of_the_text_shop_has_one_control(engine: Engine) -> None:
    for asin in ("B000000001", "B000000002", "B000000003", "B000000004"):
        item = Engine(engine.shop, engine.goal, Session("item", "lamp", 2, asin))
        page = PageReader(templates.page(item))
        offered = sorted(str(site.action(item, asked)) for asked in page.requests())
        assert offered == sorted(item.view.clicks)


def test_a_value_that_cannot_be_chosen_is_shown_and_disabled(engine: Engine) -> None:
    trapped = Engine(engine.shop, engine.goal, Session("item", "lamp", 1, "B000000004"))
    ((name, values),) = site.options(trapped)
    assert name == "style"
    assert len(values) == 8
    assert [option.value for option in values if option.action is not None] == ["next >", "x ["]
    assert templates.page(trapped).count(" disabled>") == 6
    assert site.links(trapped)["/product/B000000004/attributes"] == "click[attributes]"


def test_a_value_of_two_options_belongs_to_the_later_one(engine: Engine) -> None:
    item = Engine(engine.shop, engine.goal, Session("item", "lamp", 1, "B000000001"))
    colour, size = (dict((option.value, option.action) for option in values) for _, values in site.options(item))
    assert (colour["red"], size["red"]) == (None, "click[red]")


@pytest.mark.parametrize(
    "asked",
    [
        site.Request("/nowhere"),
        site.Request("/buy"),
        site.Request("/results/7"),
        site.Request("/results/-1"),
        site.Request("/product/B000000001"),
        site.Request("/choose/0", {"value": "0"}),
        site.Request("/choose/-1", {"value": "0"}),
        site.Request("/choose/²", {"value": "0"}),
        site.Request("/choose/0", {"value": "99999999999"}),
        site.Request("/buy", {}),
        site.Request("/search", {"q": ""}),
        site.Request("/search", {}),
        site.Request("/search"),
        site.request("http://here/search", b"\xff\xfe=%ff&" + b"a=b&" * 50),
    ],
)
def test_what_is_not_on_the_page_is_no_action(engine: Engine, asked: site.Request) -> None:
    assert site.action(engine, asked) is None


@pytest.mark.parametrize("words", HOSTILE, ids=range(len(HOSTILE)))
def test_hostile_searches_stay_text(engine: Engine, words: str) -> None:
    asked = site.request("http://here/search", urlencode({"q": words}).encode())
    action = site.action(engine, asked)
    assert action is not None
    assert engine.step(action) is not None
    html = templates.page(engine)
    assert len(html) < 20_000
    page = PageReader(html)
    assert not page.open
    assert [page.tags.count(tag) for tag in ("script", "style", "title", "h1", "form", "b", "img")] == [1] * 6 + [0]
    shown = page.text.partition("“")[2].partition("”")[0].removesuffix("...")
    assert shown.split() == words.lower().replace("[", " ")[:100].split()


def test_the_page_names_nothing_outside_and_nothing_inline(engine: Engine) -> None:
    for action in (None, "search[lamp]", "click[b000000001]", "click[description]", "click[< prev]", "click[buy now]"):
        if action:
            engine.step(action)
        html = templates.page(engine)
        page = PageReader(html)
        for tag, name, value in page.attributes:
            assert not name.startswith("on")
            assert name != "style"
            if name in ("href", "src", "action"):
                assert value.startswith("/") or (tag, value) == ("link", "data:,")
        assert "url(" not in html
        assert page.tags.count("h1") == page.tags.count("main") == page.tags.count("title") == 1
        assert engine.goal.instruction in page.text
