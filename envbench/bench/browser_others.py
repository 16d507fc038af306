"""Other people's ways to play MiniWoB++, to measure and compare ours with: the package's own driver, BrowserGym."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
from typing import Any

from envbench.envs._browser.chromium import BROWSERS
from envbench.envs.miniwob import pages
from envbench.errors import BrowserFailed, BrowserMissing, EnvbenchError

BROWSERGYM_PYTHON = "ENVBENCH_BROWSERGYM_PYTHON"
"""Names the Python of an environment that holds browsergym-miniwob: its pins exclude ours."""


class Package:
    """The selenium driver of the `miniwob` package on one page.

    Args:
        page: of the task.

    Raises:
        BrowserMissing: no Chromium with its chromedriver.
        MissingExtra: the package is not installed.
    """

    def __init__(self, page: str) -> None:
        pages.home()
        browser, driver = next(filter(None, map(shutil.which, BROWSERS)), None), shutil.which("chromedriver")
        if browser is None or driver is None:
            raise BrowserMissing(
                "the miniwob package drives chromium by chromedriver. Run: apt-get install chromium-driver"
            )
        os.environ["MINIWOB_CHROME_BINARY"], os.environ["MINIWOB_CHROMEDRIVER"] = browser, driver
        from miniwob.environment import MiniWoBEnvironment  # type: ignore[import-untyped]

        self._env: Any = MiniWoBEnvironment(subdomain=page)

    def reset(self, seed: int, screenshots: bool = False) -> str:
        """Start an episode in a fresh document and return the utterance."""
        self._env.instance.driver.refresh()
        self._env.instance.driver.execute_script("core.EPISODE_MAX_TIME = 1e8")  # time is not what is measured
        observation, _ = self._env.reset(seed=seed, options={"record_screenshots": screenshots})
        return str(observation["utterance"])

    def click(self, x: float, y: float) -> tuple[float, bool]:
        """Click a point of the page and return the raw reward and whether the episode is over."""
        action = self._env.create_action("CLICK_COORDS", coords=[x, y])
        *_, terminated, _, info = self._env.step(action)
        return float(info["raw_reward"] if terminated else 0.0), bool(terminated)

    def step(self) -> None:
        """Click beside everything: what a step costs.

        Raises:
            BrowserFailed: the episode is over, so that it costs nothing.
        """
        *_, terminated, truncated, _ = self._env.step(self._env.create_action("CLICK_COORDS", coords=[157.0, 207.0]))
        if terminated or truncated:
            raise BrowserFailed("the package's episode is over: its step is none to measure")

    def close(self) -> None:
        self._env.close()


_BROWSERGYM = """
import json, sys, time
import browsergym.miniwob, gymnasium
from playwright.sync_api import BrowserType
page, chromium, seed, steps = sys.argv[1], sys.argv[2], int(sys.argv[3]), int(sys.argv[4])
launch = BrowserType.launch  # of the page, and of the window with the chat, which takes no arguments
BrowserType.launch = lambda self, **options: launch(self, **{"executable_path": chromium, **options})
begun = time.perf_counter()
env = gymnasium.make(f"browsergym/miniwob.{page}", headless=True)
env.reset(seed=seed)
reset = time.perf_counter() - begun
times = []
for _ in range(steps):
    begun = time.perf_counter()
    _, _, terminated, truncated, _ = env.step("mouse_click(155, 205)")
    times.append(time.perf_counter() - begun)
    assert not terminated and not truncated, "the episode is over"
json.dump({"step_seconds": times, "reset_seconds": reset}, sys.stdout)
sys.stdout.flush()
import os
os._exit(0)
"""


def browsergym(page: str, seed: int, steps: int) -> dict[str, Any]:
    """Return `step_seconds` (a list) and `reset_seconds` of BrowserGym with its default waits.

    Raises:
        EnvbenchError: it is not at hand, or does not run; says what to do.
    """
    python = os.environ.get(BROWSERGYM_PYTHON)
    if not python:
        raise EnvbenchError(
            "BrowserGym pins packages against ours: install browsergym-miniwob into an environment of its own and name "
            f"its Python in ${BROWSERGYM_PYTHON}"
        )
    chromium = next(filter(None, map(shutil.which, BROWSERS)), "chromium")
    environment = os.environ | {"MINIWOB_URL": f"file://{pages.home()}/miniwob/"}
    command = [python, "-c", _BROWSERGYM, page, chromium, str(seed), str(steps)]
    try:
        done = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=300, check=False)
    except (OSError, subprocess.TimeoutExpired) as error:
        raise EnvbenchError(f"BrowserGym does not run: {error}") from None
    if done.returncode != 0:
        last = (done.stderr.strip().splitlines() or ["no message"])[-1]
        raise EnvbenchError(f"BrowserGym does not run: {last[:300]}")
    found: dict[str, Any] = json.loads(done.stdout)
    return found


__all__ = ["BROWSERGYM_PYTHON", "Package", "browsergym"]
