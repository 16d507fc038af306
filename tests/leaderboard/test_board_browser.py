"""The board in a real Chromium: sorting, filtering, the plot, the keyboard, and nothing of a stranger's runs."""

import time
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from pytest_socket import enable_socket

from envbench.bench.board_rows import write_rows
from envbench.envs._browser.chromium import need_chromium
from envbench.leaderboard.board import Board
from envbench.leaderboard.pages import build

if TYPE_CHECKING:
    from playwright.sync_api import Page

pytestmark = pytest.mark.browser

FLAGS = (
    "--headless", "--no-sandbox", "--disable-gpu", "--disable-background-networking", "--disable-sync",
    "--disable-component-update", "--no-first-run", "--disable-quic",
)  # fmt: skip
ROWS = 60


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory, lake: Board) -> Path:
    folder = tmp_path_factory.mktemp("board")
    home = write_rows(folder, lake, ROWS)
    build([home], folder / "site")
    return folder / "site"


@pytest.fixture
def browser() -> Iterator[Any]:
    from playwright.sync_api import sync_playwright

    enable_socket()  # to talk to the browser on this machine
    with sync_playwright() as running:
        started = running.chromium.launch(executable_path=need_chromium().path, args=list(FLAGS))
        yield started
        started.close()


@pytest.fixture
def page(browser: Any, site: Path) -> Iterator["Page"]:
    opened = browser.new_page(viewport={"width": 1280, "height": 900})
    problems: list[str] = []
    opened.on("console", lambda message: problems.append(message.text) if message.type == "error" else None)
    opened.on("pageerror", lambda error: problems.append(str(error)))
    opened.goto((site / "small-frozenlake" / "index.html").as_uri())
    yield opened
    assert problems == []


def column(page: "Page", number: int) -> list[str]:
    cells = f"#replayed tbody tr:not([hidden]) > :nth-child({number})"
    return page.eval_on_selector_all(cells, "all => all.map(one => one.dataset.sort)")


def filtered(page: "Page") -> None:
    """Wait until the board has followed its filters, which it does once a frame."""
    page.evaluate(
        "() => new Promise(done => requestAnimationFrame(() => requestAnimationFrame(() => setTimeout(done))))"
    )


def test_sorting_turns_round_and_says_so(page: "Page") -> None:
    scores = [float(text) for text in column(page, 3)]
    assert scores == sorted(scores, reverse=True)
    button = page.locator("#replayed thead button").nth(2)
    button.click()
    assert [float(text) for text in column(page, 3)] == sorted(scores)
    assert button.locator("xpath=..").get_attribute("aria-sort") == "ascending"
    page.locator("#replayed thead button").nth(7).focus()
    page.keyboard.press("Enter")
    steps = [float(text) for text in column(page, 8)]
    known = [value for value in steps if value >= 0]
    assert known == sorted(known, reverse=True)
    assert steps[: len(known)] == known, "what is not said comes last"
    assert page.locator("#replayed th[aria-sort]").count() == 1
    page.locator("#replayed thead button").nth(1).click()
    assert column(page, 2)[0].startswith("ArCHer")


def test_filters_by_method_size_and_budget(page: "Page") -> None:
    assert len(column(page, 2)) == ROWS
    page.fill("#find", "gigpo")
    filtered(page)
    assert column(page, 2)
    assert all(name.startswith("GiGPO") for name in column(page, 2))
    page.fill("#find", "")
    page.select_option("#size", "4B to 10B")
    filtered(page)
    assert set(page.locator("#replayed tr:not([hidden]) .under").all_text_contents()) == {"a model of 7B"}
    page.select_option("#size", "")
    page.select_option("#axis", "env_steps")
    page.fill("#limit", "200k")
    filtered(page)
    steps = [float(text) for text in column(page, 8)]
    assert steps
    assert all(0 <= value <= 200_000 for value in steps)
    status = page.locator("#status").text_content()
    assert status is not None
    assert "with at most 200k training env steps" in status
    assert "left out that do not say" in status
    assert "Best of the ranked" in status
    page.fill("#limit", "much")
    filtered(page)
    assert page.locator("#limit").get_attribute("aria-invalid") == "true"
    assert len(column(page, 2)) == ROWS
    page.click("#clear")
    filtered(page)
    assert page.locator("#status").text_content() == "60 of 60 rows."


def test_the_plot_follows_the_filters_and_its_stairs_rise(page: "Page") -> None:
    page.locator("#compute").scroll_into_view_if_needed()
    page.wait_for_selector("#plot svg")
    drawn = page.locator("#plot circle").count()
    assert drawn == ROWS - ROWS // 10
    best = page.eval_on_selector_all(
        "#plot a circle", "all => all.map(one => [+one.getAttribute('cx'), -one.getAttribute('cy')])"
    )
    assert best == sorted(best)
    assert [height for _, height in best] == sorted(height for _, height in best)
    page.select_option("#axis", "tokens")
    filtered(page)
    assert page.locator("#plot circle").count() == ROWS
    page.locator("#plot a").first.focus()
    page.keyboard.press("Enter")
    page.wait_for_url("**/reports/*.html")
    page.locator("h2", has_text="Checks").wait_for()


def test_episodes_unfold_and_filter(page: "Page") -> None:
    page.locator("#replayed a", has_text="episodes").first.click()
    page.wait_for_selector("#episodes details")
    assert page.locator("#episodes details").count() == 6
    page.locator("#episodes summary").first.click()
    page.wait_for_selector("#episodes ol li")
    page.fill("#find", "no such action")
    page.get_by_text("0 of 6 episodes.", exact=True).wait_for()


@pytest.mark.parametrize("width", [390, 1280])
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_nothing_runs_over_the_edge(browser: Any, site: Path, scheme: str, width: int) -> None:
    context = browser.new_context(color_scheme=scheme, viewport={"width": width, "height": 800})
    shown = context.new_page()
    for file in ("index.html", "small-frozenlake/index.html", "small-frozenlake/reports/row-0000.html"):
        shown.goto((site / file).as_uri())
        assert shown.evaluate("document.documentElement.scrollWidth") <= width, file
        assert shown.locator("h1").count() == 1
        unnamed = "all => all.filter(one => !one.labels.length && !one.ariaLabel).length"
        assert shown.eval_on_selector_all("input, select", unnamed) == 0


@pytest.mark.slow
def test_a_thousand_rows_are_usable_at_once(browser: Any, lake: Board, tmp_path: Path) -> None:
    home = write_rows(tmp_path, lake, 1000)
    build([home], tmp_path / "site")
    shown = browser.new_page()
    started = time.perf_counter()
    shown.goto((tmp_path / "site" / lake.name / "index.html").as_uri())
    shown.locator("#replayed thead button").nth(1).click()
    assert time.perf_counter() - started < 5.0  # one second on a quiet machine: `envbench bench board` measures
