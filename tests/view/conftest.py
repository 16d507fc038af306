"""Runs to look at: small, played once for all tests of the viewer."""

import pytest

from envbench.envs._browser.chromium import need_chromium
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
    return need_chromium().path
