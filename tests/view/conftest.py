"""Runs to look at: small, played once for all tests of the viewer."""

import importlib.util
import os

import pytest

from envbench.envs._browser.chromium import MISSING, find_chromium
from envbench.evaluate import evaluate, make_plan
from envbench.report.view import Source, source_of_run
from envbench.runs import Run

SOKOBAN = "envbench/Sokoban-v0"


@pytest.fixture(scope="session")
def rooms_run(tmp_path_factory: pytest.TempPathFactory) -> Run:
    """Three tasks of Sokoban, four random episodes each."""
    plan = make_plan(SOKOBAN, "random", episodes=3, trials=4)
    return evaluate(plan, tmp_path_factory.mktemp("view") / "rooms run")


@pytest.fixture(scope="session")
def rooms(rooms_run: Run) -> Source:
    return source_of_run(rooms_run)


@pytest.fixture(scope="session")
def shop(tmp_path_factory: pytest.TempPathFactory) -> Source:
    plan = make_plan("envbench/WebShop-v0", "random", episodes=2, trials=2)
    return source_of_run(evaluate(plan, tmp_path_factory.mktemp("view") / "shop"))


@pytest.fixture(scope="session")
def chromium() -> str:
    """The program that `find_chromium` finds; a skip without one, unless it is required."""
    missing = pytest.fail if "browser" in os.environ.get("ENVBENCH_REQUIRE", "").split(",") else pytest.skip
    if importlib.util.find_spec("playwright") is None:
        missing('no playwright: pip install "envbench[browser]"')
    found = find_chromium()
    if found is None:
        missing(MISSING)
    return found.path
