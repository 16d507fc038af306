"""Shared by all tests: no network, and what data files and browsers need."""

import importlib.util
import os
from pathlib import Path

import pytest
from pytest_socket import disable_socket

from envbench.envs._browser.chromium import find_chromium, why_missing


@pytest.hookimpl(tryfirst=True)
def pytest_runtest_setup(item: pytest.Item) -> None:
    """Skip what is marked `browser` where something for it is missing; fail it where it is required."""
    if item.get_closest_marker("browser") is None:
        return
    missing = pytest.fail if "browser" in os.environ.get("ENVBENCH_REQUIRE", "").split(",") else pytest.skip
    if any(importlib.util.find_spec(name) is None for name in ("playwright", "miniwob")):
        missing('playwright or miniwob is not installed: pip install "envbench[browser]"')
    if find_chromium() is None:
        missing(why_missing())


@pytest.fixture(autouse=True)
def _no_network() -> None:
    disable_socket(allow_unix_socket=True)


@pytest.fixture
def data_folder() -> Path:
    """The folder of real data files, or a skip."""
    folder = os.environ.get("ENVBENCH_DATA")
    if not folder:
        pytest.skip("$ENVBENCH_DATA is not set: real data files are not here")
    return Path(folder)
