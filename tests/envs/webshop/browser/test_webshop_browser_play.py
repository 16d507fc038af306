"""`envbench play --browser` as a person uses it: the command, a real Chromium, mouse and keyboard, light and dark."""

import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest

from envbench.envs._browser.chromium import need_chromium

pytestmark = [pytest.mark.browser, pytest.mark.usefixtures("socket_enabled")]

TASK = "webshop/builtin/test/0042"  # size: 3xl

CONTRAST = """() => {
  const rgb = (text) => text.match(/[\\d.]+/g).map(Number);
  const ground = (node) => {
    if (!node) return [255, 255, 255];
    const own = rgb(getComputedStyle(node).backgroundColor);
    return own.length === 3 || own[3] === 1 ? own.slice(0, 3) : ground(node.parentElement);
  };
  const linear = (one) => one / 255 <= 0.04045 ? one / 255 / 12.92 : ((one / 255 + 0.055) / 1.055) ** 2.4;
  const light = (one) => one.slice(0, 3).reduce((sum, part, i) => sum + linear(part) * [0.2126, 0.7152, 0.0722][i], 0);
  const bad = [];
  const walker = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
  for (let text = walker.nextNode(); text; text = walker.nextNode()) {
    const node = text.parentElement;
    if (!text.data.trim() || node.closest("script, noscript, .hidden")) continue;
    const [high, low] = [light(rgb(getComputedStyle(node).color)), light(ground(node))].sort((a, b) => b - a);
    if ((high + 0.05) / (low + 0.05) < 4.5) bad.push(`${node.className} ${text.data.trim().slice(0, 30)}`);
  }
  return bad;
}"""
NAMELESS = """() => [...document.querySelectorAll("button, a[href], input, section, nav, fieldset, table")]
  .filter((one) => !(one.labels?.length || one.ariaLabel || one.textContent.trim()))
  .map((one) => one.outerHTML)"""
INSTRUCTION = """() => {
  const box = document.querySelector(".task").getBoundingClientRect();
  return box.height > 0 && box.top >= 0 && box.bottom <= innerHeight;
}"""


@contextmanager
def playing(*options: str) -> Iterator[tuple[Any, str]]:
    """Run the command and yield its process and the address that it prints."""
    command = [sys.executable, "-m", "envbench", "play", "envbench/WebShopBrowser-v0", "--browser", "--task", TASK]
    process = subprocess.Popen(
        [*command, "--json", *options], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=dict(os.environ)
    )
    try:
        assert process.stderr is not None
        url = next(line.strip() for line in process.stderr if line.startswith("http://"))
        yield process, url
    finally:
        if process.poll() is None:
            process.kill()
        process.communicate()


@pytest.fixture(scope="module")
def chromium() -> Iterator[Any]:
    from playwright.sync_api import sync_playwright

    with sync_playwright() as running:
        browser = running.chromium.launch(executable_path=need_chromium().path, args=["--no-sandbox", "--disable-gpu"])
        yield browser
        browser.close()


def tab(browser: Any, **options: Any) -> tuple[Any, list[str]]:
    """Return a page and the list of what it complains about."""
    page = browser.new_page(viewport={"width": 1024, "height": 700}, **options)
    complaints: list[str] = []
    page.on("pageerror", lambda error: complaints.append(str(error)))
    page.on("console", lambda message: complaints.append(message.text) if message.type == "error" else None)
    return page, complaints


def check(page: Any) -> None:
    """Everything can be read and has a name, and the instruction is in sight."""
    page.wait_for_load_state()
    assert page.evaluate(CONTRAST) == []
    assert page.evaluate(NAMELESS) == []
    assert page.evaluate(INSTRUCTION)
    assert page.locator("main").count() == page.locator("h1").count() == 1 or page.locator(".ending").count() == 1


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_a_person_buys_with_the_mouse(chromium: Any, scheme: str) -> None:
    with playing() as (process, url):
        page, complaints = tab(chromium, color_scheme=scheme)
        page.goto(url)
        check(page)
        page.get_by_label("What do you want to search for?").fill("house of rioanti summer dress tiered skirt striped")
        page.get_by_role("button", name="Search").click()
        check(page)
        page.get_by_role("link", name="Tiered Skirt, Striped").first.click()
        check(page)
        page.get_by_role("link", name="Features").click()
        check(page)
        page.get_by_role("link", name="< Prev").click()
        page.get_by_role("radio", name="3xl", exact=True).check()
        page.wait_for_url("**/product/*#choice0")
        assert page.get_by_role("radio", name="3xl", exact=True).is_checked()
        check(page)
        page.get_by_role("button", name="Buy Now").click()
        page.get_by_text("How the reward came about").wait_for()
        check(page)
        assert "step 6" not in page.content()
        assert process.wait(10) == 0
        assert page.get_by_text("= 1.000").is_visible()  # the last page stays, though the shop is closed
        page.close()
        row = json.loads(process.stdout.read())
    assert (row["env"], row["agent"], row["outcome"], row["score"]) == ("envbench/WebShop-v0", "human", "success", 1.0)
    assert (row["task"], row["steps"], row["practice"]) == (TASK, 6, False)
    assert complaints == []


def test_a_person_buys_with_the_keyboard_alone(chromium: Any) -> None:
    with playing() as (process, url):
        page, complaints = tab(chromium)
        page.goto(url)
        page.keyboard.type("house of rioanti summer dress tiered skirt striped")  # the box has the focus
        page.keyboard.press("Enter")
        page.get_by_role("heading", name="Results for").wait_for()
        for _ in range(10):
            page.keyboard.press("Tab")
            if "Tiered Skirt, Striped" in page.evaluate("document.activeElement.textContent"):
                break
        page.keyboard.press("Enter")
        page.get_by_role("button", name="Buy Now").wait_for()
        for _ in range(10):
            page.keyboard.press("Tab")
            if page.evaluate("document.activeElement.type") == "radio":
                break
        page.keyboard.press("ArrowDown")
        page.wait_for_url("**/product/*#choice0")
        assert page.locator("input:checked").count() == 1
        for _ in range(10):
            page.keyboard.press("Tab")
            if "Buy Now" in page.evaluate("document.activeElement.textContent"):
                break
        page.keyboard.press("Enter")
        page.get_by_text("How the reward came about").wait_for()
        assert process.wait(10) == 0
        page.close()
    assert complaints == []


def test_it_works_without_scripts(chromium: Any) -> None:
    with playing() as (process, url):
        page, _ = tab(chromium, java_script_enabled=False)
        page.goto(url)
        page.get_by_label("What do you want to search for?").fill("house of rioanti summer dress tiered skirt striped")
        page.get_by_role("button", name="Search").click()
        page.get_by_role("link", name="Tiered Skirt, Striped").first.click()
        page.get_by_text("3xl", exact=True).click()
        page.get_by_role("button", name="Choose").click()
        page.get_by_text("step 3 of 15").wait_for()
        assert page.get_by_role("radio", name="3xl", exact=True).is_checked()
        page.get_by_role("button", name="Buy Now").click()
        page.get_by_text("= 1.000").wait_for()
        assert process.wait(10) == 0
        page.close()


def test_the_browsers_own_back_button_never_lies(chromium: Any) -> None:
    with playing() as (_, url):
        page, _ = tab(chromium)
        page.goto(url)
        page.get_by_label("What do you want to search for?").fill("dress")
        page.keyboard.press("Enter")
        page.get_by_role("link", name="Next >").click()
        page.get_by_text("Page 2 (Total results").wait_for()
        page.locator("ol a").first.click()
        page.get_by_role("button", name="Buy Now").wait_for()
        page.go_back()
        page.get_by_text("Page 2 (Total results").wait_for()  # as `< Prev`
        page.go_back()
        page.get_by_text("Page 1 (Total results").wait_for()
        page.reload()
        page.get_by_text("step 5 of 15").wait_for()
        page.close()


def test_ctrl_c_leaves_with_what_was_done(chromium: Any) -> None:
    with playing() as (process, url):
        page, _ = tab(chromium)
        page.goto(url)
        page.get_by_label("What do you want to search for?").fill("dress")
        page.keyboard.press("Enter")
        page.get_by_role("heading", name="Results for").wait_for()
        process.send_signal(signal.SIGINT)
        assert process.wait(10) == 0
        row = json.loads(process.stdout.read())
        assert (row["steps"], row["score"], row["outcome"]) == (1, 0.0, "agent_error")
        page.close()
