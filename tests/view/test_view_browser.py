"""The viewer in a real Chromium: reading, keys, deep links, labels, contrast, and text that means harm."""

import json
import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from envbench.evaluate import evaluate, make_plan
from envbench.report.view import METHODS, Source, Viewer, export, source_of_run
from envbench.report.view.page import page as page_with

pytestmark = [pytest.mark.browser, pytest.mark.usefixtures("socket_enabled")]

FLAGS = (
    "--headless", "--no-sandbox", "--disable-gpu", "--disable-background-networking", "--disable-sync",
    "--disable-component-update", "--no-first-run", "--disable-quic",
)  # fmt: skip
QUIET = "() => !document.querySelector('[aria-busy], .wait')"

CONTRAST = """() => {
  const canvas = Object.assign(document.createElement("canvas"), {width: 1, height: 1});
  const context = canvas.getContext("2d", {willReadFrequently: true});
  const rgba = (colour) => {
    context.clearRect(0, 0, 1, 1); context.fillStyle = colour; context.fillRect(0, 0, 1, 1);
    return [...context.getImageData(0, 0, 1, 1).data];
  };
  const over = (top, under) => under.map((low, i) => (top[i] * top[3] + low * (255 - top[3])) / 255);
  const ground = (node) => {
    if (!node) return [255, 255, 255];
    const own = rgba(getComputedStyle(node).backgroundColor);
    return own[3] === 255 ? own.slice(0, 3) : over(own, ground(node.parentElement));
  };
  const linear = (one) => one <= 0.04045 ? one / 12.92 : ((one + 0.055) / 1.055) ** 2.4;
  const light = (rgb) => rgb.reduce((sum, one, i) => sum + linear(one / 255) * [0.2126, 0.7152, 0.0722][i], 0);
  const bad = [];
  const walker = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
  for (let text = walker.nextNode(); text; text = walker.nextNode()) {
    const node = text.parentElement;
    if (!text.data.trim() || !node.checkVisibility()) continue;
    if (node.closest(".hidden, script, style, noscript, .skip")) continue;
    const under = ground(node);
    const [high, low] = [light(over(rgba(getComputedStyle(node).color), under)), light(under)].sort((a, b) => b - a);
    const ratio = (high + 0.05) / (low + 0.05);
    if (ratio < 4.5) bad.push(`${ratio.toFixed(2)} ${node.className} ${text.data.trim().slice(0, 30)}`);
  }
  return bad;
}"""
NAMELESS = """() => [...document.querySelectorAll("button, a[href], input, select, summary, img, [role=img]")]
  .filter((one) => one.checkVisibility() && one.tabIndex !== -1)
  .filter((one) => !(one.labels?.length || one.ariaLabel || one.alt || one.title || one.textContent.trim()))
  .map((one) => one.outerHTML)"""


@pytest.fixture(scope="module")
def browser(chromium: str) -> Iterator[Any]:
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        launched = playwright.chromium.launch(executable_path=chromium, args=list(FLAGS), headless=True)
        yield launched
        launched.close()


@pytest.fixture
def tab(browser: Any) -> Iterator[Any]:
    """A page that must not say anything on the console."""
    opened = browser.new_page(viewport={"width": 1400, "height": 900})
    complaints: list[str] = []
    opened.on("pageerror", lambda error: complaints.append(str(error)))
    opened.on("console", lambda message: complaints.append(message.text) if message.type == "error" else None)
    opened.on("dialog", lambda dialog: (complaints.append(dialog.message), dialog.dismiss()))
    yield opened
    opened.close()
    assert not complaints


@contextmanager
def watched(tab: Any, source: Source) -> Iterator[Viewer]:
    """A viewer that the tab leaves before it is closed."""
    with Viewer(source, METHODS) as viewer:
        yield viewer
        tab.wait_for_load_state("networkidle")
        tab.goto("about:blank")


def settle(tab: Any) -> None:
    """Wait until what was pressed has been drawn: a change of place is told to the page before its next frame."""
    tab.evaluate(
        "() => new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(() => setTimeout(done))))"
    )
    tab.wait_for_function(QUIET)


def visit(tab: Any, url: str) -> None:
    tab.goto(url)
    tab.wait_for_selector("html[data-ready]")
    settle(tab)


def numbers(tab: Any) -> list[int]:
    return [int(text.removeprefix("#")) for text in tab.locator("tbody a.open").all_inner_texts()]


def test_a_list_is_filtered_ordered_and_opened_by_keys(tab: Any, rooms: Source):
    with watched(tab, rooms) as viewer:
        visit(tab, viewer.url)
        everything = numbers(tab)
        assert sorted(everything) == list(range(12))
        tab.fill("#task", "0001")
        assert sorted(numbers(tab)) == [4, 5, 6, 7]
        tab.wait_for_url("**task=0001**")
        tab.select_option("#sort", "number")
        assert numbers(tab) == [4, 5, 6, 7]
        tab.fill("#task", "nothing here")
        assert "No episode fits" in tab.inner_text("tbody")
        visit(tab, viewer.url + "#/?outcome=timeout&sort=longest")
        timeouts = [number for number, row in enumerate(rooms.rows) if row["outcome"] == "timeout"]
        assert numbers(tab) == timeouts
        assert tab.get_attribute("[data-outcome=timeout]", "aria-pressed") == "true"
        tab.click("button[data-outcome=timeout]")
        assert len(numbers(tab)) == 12
        tab.keyboard.press("j")
        tab.keyboard.press("j")
        second = numbers(tab)[1]
        tab.keyboard.press("Enter")
        tab.wait_for_selector("article.episode")
        tab.wait_for_url(f"**#/episode/{second}/step/0")
        tab.keyboard.press("u")
        tab.wait_for_url("**sort=longest")


def test_an_episode_is_read_step_by_step(tab: Any, rooms: Source):
    actions = rooms.rows[5]["actions"]
    with watched(tab, rooms) as viewer:
        visit(tab, viewer.url + "#/episode/5/step/7")
        assert tab.inner_text(".position") == f"Step 7 of {len(actions)}"
        assert tab.inner_text(".act code") == actions[7]
        assert tab.locator("img.frame").evaluate("(image) => image.naturalWidth") > 0
        assert tab.locator(".credit .method").all_inner_texts() == list(METHODS)
        assert re.fullmatch(r"[+−≈]?[\d.]+|·", tab.inner_text(".credit .value >> nth=0"))
        tab.keyboard.press("ArrowRight")
        settle(tab)
        tab.wait_for_url("**/step/8")
        assert tab.inner_text(".act code") == actions[8]
        assert tab.get_attribute(".timeline [aria-current]", "href") == "#/episode/5/step/8"
        assert tab.inner_text("#said") == f"Step 8 of {len(actions)}"
        tab.keyboard.press("End")
        settle(tab)
        assert tab.inner_text(".act").startswith("The end:")
        tab.keyboard.press("Home")
        settle(tab)
        mates = tab.locator(".mates li a")
        assert mates.count() >= 3  # the others start in the same state
        mates.first.click()
        tab.wait_for_url(lambda url: "#/episode/5/" not in url)
        tab.keyboard.press("g")
        tab.wait_for_selector(".lanes")
        visit(tab, viewer.url + "#/episode/99")
        assert "no episode 99" in tab.inner_text("main")


def test_a_long_episode_loads_in_pieces(tab: Any, tmp_path: Path):
    run = evaluate(make_plan("envbench/FrozenLake-v0", "null", episodes=1, max_steps=5000), tmp_path / "run")
    asked: list[str] = []
    tab.on("request", lambda request: asked.append(request.url))
    with watched(tab, source_of_run(run)) as viewer:
        visit(tab, viewer.url + "#/episode/0/step/4321")
        assert tab.inner_text(".position") == "Step 4321 of 5000"
        assert tab.locator(".timeline li").count() == 202  # a piece, and the ways to the ones before and after it
        assert tab.locator(".scrubber a").count() == 160
        assert tab.inner_text(".timeline [aria-current] .t") == "4321"
        tab.click("text=earlier steps")
        settle(tab)
        assert tab.inner_text(".position") == "Step 4199 of 5000"
        assert {url.rpartition("moments")[2] for url in asked if "moments" in url} == {
            "?from=4320&count=20", "?from=4180&count=20", "?from=4200&count=20",
        }  # fmt: skip


def test_a_group_stands_side_by_side_and_is_walked_with_arrows(tab: Any, rooms: Source):
    with watched(tab, rooms) as viewer:
        visit(tab, viewer.url + "#/group/1/episode/6/step/2")
        assert tab.locator(".lanes thead a").all_inner_texts() == ["#4", "#5", "#6", "#7"]
        assert tab.inner_text(".chosen h2").startswith("#6, step 2")
        assert tab.locator(".step").count() == sum(row["steps"] for row in rooms.rows[4:8])
        tab.keyboard.press("ArrowDown")
        tab.wait_for_function("() => location.hash.endsWith('/episode/6/step/3')")
        assert tab.locator(".step[aria-pressed=true]").evaluate("(one) => one === document.activeElement")
        first = tab.inner_text(".step .value >> nth=0")
        tab.select_option("#method", "2")
        assert tab.inner_text(".step .value >> nth=0") != first or len(METHODS) < 3
        tab.locator(".step[aria-pressed=true]").focus()
        tab.keyboard.press("Enter")
        tab.wait_for_selector("article.episode")
        tab.wait_for_url("**#/episode/6/step/3")


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("place", ["", "#/episode/0/step/3", "#/group/0"], ids=["list", "episode", "group"])
def test_text_can_be_read_and_controls_have_names(browser: Any, shop: Source, scheme: str, place: str):
    with Viewer(shop, METHODS) as viewer:
        tab = browser.new_page(color_scheme=scheme, viewport={"width": 1400, "height": 900})
        visit(tab, viewer.url + place)
        for summary in tab.locator("summary").all():
            summary.click()
        assert tab.evaluate(CONTRAST) == []
        assert tab.evaluate(NAMELESS) == []
        tab.close()


def test_the_theme_turns_and_keys_are_explained(tab: Any, rooms: Source):
    ground = "() => getComputedStyle(document.body).backgroundColor"
    with watched(tab, rooms) as viewer:
        visit(tab, viewer.url)
        light = tab.evaluate(ground)
        tab.keyboard.press("t")
        assert tab.evaluate(ground) != light
        tab.reload()
        tab.wait_for_selector("html[data-ready]")
        assert tab.evaluate(ground) != light  # remembered
        tab.keyboard.press("?")
        assert tab.locator("dialog[open] kbd").count() > 5
        tab.keyboard.press("Escape")
        assert tab.locator("dialog[open]").count() == 0


def test_a_narrow_window_needs_no_sideways_scrolling(browser: Any, shop: Source):
    with Viewer(shop, METHODS) as viewer:
        tab = browser.new_page(viewport={"width": 400, "height": 800})
        for place in ("", "#/episode/0/step/1", "#/group/0"):
            visit(tab, viewer.url + place)
            assert tab.evaluate("() => document.documentElement.scrollWidth") <= 400, place
        tab.close()


def test_a_file_needs_no_server(tab: Any, rooms: Source, tmp_path: Path):
    file = tmp_path / "episodes.html"
    export(rooms, METHODS, [4, 9], file)
    asked: list[str] = []
    tab.on("request", lambda request: asked.append(request.url))
    visit(tab, file.as_uri())
    assert sorted(numbers(tab)) == [4, 9]
    visit(tab, file.as_uri() + "#/episode/9/step/4")
    assert tab.inner_text(".act code") == rooms.rows[9]["actions"][4]
    tab.keyboard.press("g")
    tab.wait_for_selector(".lanes")
    settle(tab)
    assert all(url.startswith(("file:", "data:")) for url in asked)


EVIL = '<img src=x onerror="window.hacked=1"><script>window.hacked=1</script>\'"`${1}\\ é 日本 😀 \u202e\x00\ud800'


def hostile() -> dict[str, Any]:
    """Data in which every text of an episode means harm."""
    choice = {"label": EVIL, "action": EVIL, "chosen": True}
    blocks = [
        {"kind": "paragraph", "text": EVIL, "role": EVIL},
        {"kind": "grid", "text": EVIL, "roles": {"<": EVIL}},
        {"kind": "choices", "name": EVIL, "choices": [choice]},
        {"kind": "table", "columns": [EVIL], "rows": [[EVIL]], "choices": [choice], "widest": 0},
    ]
    moment = {
        "t": 0, "text": EVIL, "blocks": blocks, "frame": "", "valid_actions": [EVIL], "hashes": {EVIL: EVIL},
        "differs": True, "outcome": "", "facts": {EVIL: EVIL}, "action": EVIL, "reward": 1.0, "recorded_reward": 0.0,
        "valid": False, "score": 0.0, "failed": EVIL,
    }  # fmt: skip
    cell = {"lane": 0, "t": 0, "action": EVIL, "note": EVIL, "mark": EVIL, "situation": 0}
    chips = [{"text": EVIL, "share": 0.5, "title": EVIL}]
    lane = dict.fromkeys(("name", "result", "facts", "aside"), EVIL)
    method = dict.fromkeys(("name", "summary", "evidence", "paper", "options", "scale", "facts"), EVIL)
    view = {
        "methods": [method], "lanes": [lane, lane], "episodes": [0, 1],
        "lines": [[cell | {"chips": chips}, cell | {"lane": 1, "chips": chips}]],
        "situations": [{"number": 0, "mark": EVIL, "visits": 2, "text": EVIL}],
    }  # fmt: skip
    episode = {
        "group": 0, "trial": 0, "outcome": EVIL, "failure": EVIL, "score": 0.0, "return": 0.0, "steps": 1, "worth": 1,
        "reasons": [EVIL], "signals": [], "refused": 0, "strip": "l",
    }  # fmt: skip
    steps = {"first": 0, "actions": [EVIL], "rewards": [1.0]}
    return {
        "index": {
            "version": EVIL, "name": EVIL, "place": EVIL, "note": EVIL, "env": EVIL, "split": EVIL, "of": 2,
            "groups": [{"agent": EVIL, "task": EVIL}], "order": [0, 1],
            "episodes": [{"number": number, **episode} for number in range(2)],
        },
        "steps": {"0": steps, "1": steps},
        "moments": {"0": {"first": 0, "moments": [moment, moment]}, "1": {"error": EVIL}},
        "instructions": {"0": EVIL, "1": EVIL},
        "groups": {"0": view},
    }  # fmt: skip


@pytest.mark.parametrize("place", ["#/", "#/episode/0/step/0", "#/episode/1/step/0", "#/group/0"])
def test_no_text_of_an_episode_becomes_markup(tab: Any, tmp_path: Path, place: str):
    file = tmp_path / "hostile.html"
    file.write_bytes(page_with(hostile()).encode())
    visit(tab, file.as_uri() + place)
    for summary in tab.locator("summary").all():
        summary.click()
    assert tab.evaluate("() => window.hacked") is None
    assert tab.locator("main img, main script").count() == 0
    shown = tab.evaluate("() => document.querySelector('main').textContent")
    assert "<img src=x onerror=" in shown
    assert "</script>'\"`${1}\\ é 日本 😀" in shown
    assert json.loads(tab.evaluate("() => document.getElementById('data').textContent"))["index"]["order"] == [0, 1]
