"""Our driver against the package's own: the same seed says the same, the same clicks pay the same."""

import time

import pytest
from pytest_socket import enable_socket

from envbench.bench.browser_others import Package
from envbench.envs._browser.grammar import parse
from envbench.envs._browser.session import Session
from envbench.envs.miniwob import pages
from envbench.errors import BrowserMissing, MissingExtra

pytestmark = [pytest.mark.browser, pytest.mark.slow]

# Without social-media: whether the package's click meets an icon that is swapped under the mouse is a matter of time.
CLICKED = (
    "click-test", "click-test-2", "click-button", "click-checkboxes", "click-option", "click-color", "click-link",
    "click-tab", "click-widget", "click-shape", "click-shades", "click-dialog-2", "click-collapsible", "count-shape",
    "count-sides", "identify-shape", "grid-coordinate", "odd-or-even", "unicode-test", "simple-arithmetic",
    "tic-tac-toe", "read-table", "email-inbox", "focus-text", "navigate-tree", "hot-cold",
)  # fmt: skip

TICK_MS = 500


@pytest.fixture(autouse=True)
def _allowed() -> None:
    enable_socket()  # selenium speaks to its driver on this machine
    try:
        pages.home()
        Package("click-test").close()
    except (BrowserMissing, MissingExtra) as error:
        pytest.skip(str(error))


@pytest.mark.parametrize("page", CLICKED)
def test_same_utterance_and_same_rewards(page: str) -> None:
    package, session = Package(page), Session(tick_ms=TICK_MS)
    try:
        for seed in (0, 7):
            said = package.reset(seed)
            session.begin(pages.start(page), f"__envbench.family.start({seed})")
            assert pages.utterance(session.seen.facts["said"]) == said
            boxes = [row.box for row in session.seen.rows if row.clickable and row.box[2] and row.role != "textbox"]
            for x, y, width, height in boxes[:3]:
                point = round(x + width / 2), round(y + height / 2)
                if not (0 <= point[0] < 160 and 0 <= point[1] < 210):
                    continue
                theirs = package.click(*point)
                action = parse(f"mouse_click({point[0]}, {point[1]})")
                assert action is not None
                assert session.act(action) == ""
                facts = session.seen.facts
                assert (facts["raw"] if facts["done"] else 0.0, facts["done"]) == theirs
                if theirs[1]:
                    break
                time.sleep(TICK_MS / 1000)  # what moves there moves with the wall clock
    finally:
        package.close()
        session.close()
