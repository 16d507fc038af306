"""What counts as a step of a page, and that all drivers play one page; what a machine measures is never asserted."""

from typing import Any

import pytest

from envbench.bench import browser, browser_others
from envbench.bench.browser import BrowserSettings
from envbench.errors import BrowserFailed, InvalidValue

GOOD = {"valid": True}


class Page:
    """An environment that answers its steps with these infos, the last of them again and again."""

    def __init__(self, *infos: dict[str, Any], over: bool = False) -> None:
        self.infos, self.over = list(infos), over
        self.clicked: list[str] = []
        self.tasks: list[str] = []

    def reset(self, seed: int, options: dict[str, str]) -> None:
        self.tasks.append(options["task"])

    def valid_actions(self) -> tuple[str, ...]:
        return ("click(1)", "click(2)", "noop()", "click(3)")

    def step(self, action: str) -> tuple[Any, ...]:
        self.clicked.append(action)
        return {}, 0.0, False, self.over, self.infos.pop(0) if len(self.infos) > 1 else self.infos[0]

    def close(self) -> None:
        pass


class Other:
    """The package's driver, closed when it is given back."""

    def __init__(self, page: str) -> None:
        self.seeds: list[int] = []
        self.closed = False

    def reset(self, seed: int, screenshots: bool) -> None:
        self.seeds.append(seed)

    def step(self) -> None:
        pass

    def close(self) -> None:
        self.closed = True


@pytest.fixture
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(browser.time, "sleep", lambda seconds: None)
    monkeypatch.setattr(browser, "memory", lambda: 100.0)


def test_checkboxes_are_clicked_in_turns_and_not_the_button_that_ends_the_episode():
    page = Page(GOOD)
    browser._steps(page, 5)
    assert page.clicked == ["click(1)", "click(2)", "click(1)", "click(2)", "click(1)"]


@pytest.mark.parametrize(
    ("page", "why"),
    [
        (Page(GOOD, {"valid": False}), "step 1.*refused"),
        (Page({"valid": False, "outcome": "env_error", "failure": "the tab crashed"}, over=True), "the tab crashed"),
        (Page(GOOD | {"outcome": "failure"}, over=True), "failure"),
    ],
)
def test_what_is_no_step_is_not_measured(page: Page, why: str):
    with pytest.raises(BrowserFailed, match=why):
        browser._steps(page, 5)


@pytest.mark.usefixtures("quick")
def test_a_page_that_fails_beside_others_is_no_speed(monkeypatch: pytest.MonkeyPatch):
    pages = iter([Page(GOOD), Page({"valid": False, "failure": "the tab crashed"}, over=True), Page(GOOD)])
    monkeypatch.setattr(browser, "_make", lambda: next(pages))
    monkeypatch.setattr(browser, "_task", str)
    with pytest.raises(BrowserFailed, match="the tab crashed"):
        browser._measure_many(BrowserSettings(repeats=1, steps=3, environments=3))


def test_the_package_says_when_its_episode_is_over():
    package = object.__new__(browser_others.Package)
    package._env = type(
        "Over", (), {"create_action": lambda *_, **__: None, "step": lambda *_: (None, -1.0, True, False, {})}
    )()
    with pytest.raises(BrowserFailed, match="over"):
        package.step()


@pytest.mark.browser
@pytest.mark.usefixtures("quick")
@pytest.mark.parametrize("seed", [0, 1])
def test_ours_and_the_packages_page_have_one_seed(seed: int, monkeypatch: pytest.MonkeyPatch):
    ours: list[Page] = []
    theirs: list[Other] = []

    def make(**knobs: Any) -> Page:
        ours.append(Page(GOOD))
        return ours[-1]

    def package(page: str) -> Other:
        theirs.append(Other(page))
        return theirs[-1]

    monkeypatch.setattr(browser, "_make", make)
    monkeypatch.setattr(browser, "Package", package)
    browser._measure_steps(BrowserSettings(seed=seed, repeats=1, steps=2))
    assert [other.seeds for other in theirs] == [[seed, seed]]
    played = {browser.panel(browser.ID, "pages").task(task).payload for page in ours for task in page.tasks}
    assert played == {(browser.PAGE, seed)}
    assert theirs[0].closed


def test_a_seed_that_no_task_has_is_refused():
    with pytest.raises(InvalidValue, match="seeds 0 to 1"):
        BrowserSettings(seed=2)
