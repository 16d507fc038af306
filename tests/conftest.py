"""Shared by all tests: no network, and what data files and browsers need."""

import importlib.util
import os
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from pytest_socket import disable_socket

from envbench.envs._browser.chromium import find_chromium, why_missing
from envbench.testing.require import missing

Typed = Callable[..., tuple[object, str, str]]


@pytest.hookimpl(tryfirst=True)
def pytest_runtest_setup(item: pytest.Item) -> None:
    """Skip what is marked `browser` where something for it is missing; fail it where it is required."""
    if torch := sys.modules.get("torch"):
        torch.manual_seed(0)  # what libraries draw for fresh weights does not depend on the tests before
    if item.get_closest_marker("browser") is None:
        return
    if any(importlib.util.find_spec(name) is None for name in ("playwright", "miniwob")):
        missing('playwright or miniwob is not installed: pip install "envbench[browser]"', "browser")
    if find_chromium() is None:
        missing(why_missing(), "browser")


@pytest.fixture(autouse=True)
def _no_network() -> None:
    disable_socket(allow_unix_socket=True)


@pytest.fixture(scope="module")
def one_thread() -> Iterator[None]:
    """Tensors of tests are small, and the workers share the cores."""
    import torch

    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


@pytest.fixture
def typed(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path) -> Typed:
    """`envbench WORDS` as typed in an empty folder: exit code, stdout, stderr."""
    monkeypatch.chdir(tmp_path)

    def run(*words: object) -> tuple[object, str, str]:
        from envbench import cli

        monkeypatch.setattr(sys, "argv", ["envbench", *map(str, words)])
        with pytest.raises(SystemExit) as end:
            cli.main()
        return end.value.code, *capsys.readouterr()

    return run


@pytest.fixture
def data_folder() -> Path:
    """The folder of real data files, or a skip."""
    folder = os.environ.get("ENVBENCH_DATA")
    if not folder:
        missing("$ENVBENCH_DATA is not set: real data files are not here", "webshop/original-1k", "alfworld/original")
    return Path(folder)
