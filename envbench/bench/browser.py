"""How fast pages are: `envbench bench browser`.

Ours and the package's own driver play one page side by side, repetition by repetition, so that their ratios hold on a
busy machine too; BrowserGym, in an environment of its own, plays after them. A step is a click that the page hears of,
with everything that comes back.
"""

from __future__ import annotations

import os
import platform
import time
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, closing, suppress
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import gymnasium

from envbench.bench.browser_others import Package, browsergym
from envbench.bench.summary import Row, spread
from envbench.env import Env
from envbench.envs._browser.browser import browser, close_browser
from envbench.envs._browser.chromium import need_chromium
from envbench.envs.miniwob.tasks import SEEDS
from envbench.errors import BrowserFailed, EnvbenchError, InvalidValue
from envbench.hashing import digest
from envbench.registry import panel
from envbench.runs import Cell, CellResult, Plan
from envbench.runs.session import code_digest

ID = "envbench/MiniWoB-v0"
PAGE = "click-checkboxes"
TARGETS = {
    "step, ms": 7.0,
    "times the package": 3.0,
    "with screenshots, times the package": 5.0,
    "barrier off (D1), times the package": 8.0,
    "reset with preloading, ms": 60.0,
    "eight environments, steps/s": 120.0,
    "MB per further environment": 20.0,
    "times BrowserGym": 100.0,
}
"""What the figures are held to, on a quiet machine with the headless shell: at most for ms and MB, else at least."""

_AGENT_S = 0.3  # what an agent takes for an episode, while the next page loads


@dataclass(frozen=True, slots=True)
class BrowserSettings:
    """How much is measured.

    Attributes:
        seed: of the page's chance, the same for all drivers; one of those that the data set `pages` has.
        repeats: repetitions; medians and spreads are over these.
        steps: of each way to play, a repetition.
        resets: a repetition.
        environments: that run at once.
    """

    seed: int = 0
    repeats: int = 5
    steps: int = 100
    resets: int = 8
    environments: int = 8

    def __post_init__(self) -> None:
        for name in ("repeats", "steps", "resets", "environments"):
            if getattr(self, name) < 1:
                raise InvalidValue(f"bench: {name}={getattr(self, name)}: expected a whole number above 0")
        if not 0 <= self.seed < SEEDS["all"]:
            raise InvalidValue(f"bench browser: seed={self.seed}: the page has the seeds 0 to {SEEDS['all'] - 1}")


def make_browser_plan(settings: BrowserSettings) -> Plan:
    """Return the plan: one cell per question; other code or another Chromium is another plan.

    Raises:
        BrowserMissing: no Chromium on this machine.
    """
    program = need_chromium()
    config = {**asdict(settings), "code": code_digest(), "machine": digest(platform.node()), "chromium": program.path}
    return Plan("bench", config, tuple(Cell(name, {"job": name}) for name in _JOBS), label="browser")


def measure_browser(config: Mapping[str, Any], spec: Mapping[str, Any]) -> CellResult:
    """Measure one cell (the worker of `runs.execute`); returns one metric row."""
    settings = BrowserSettings(**{name: config[name] for name in BrowserSettings.__slots__})
    try:
        row = _JOBS[spec["job"]](settings)
    finally:
        close_browser()
    return CellResult(metrics=[{**spec, "load_average": list(os.getloadavg()), **row}])


def browser_summary(metrics: list[Row]) -> list[Row]:
    """Return rows `{what, figure: {median, low, high, n}, target}`, or `{what, missing}` for what was not measured."""
    found = {row["job"]: row for row in metrics}
    rows: list[Row] = []

    def add(what: str, values: list[float]) -> None:
        rows.append({"what": what, "figure": spread(values), "target": TARGETS.get(what)})

    steps = found["steps"]
    ours = steps["ours"]
    add("step, ms", [1e3 * one for one in ours])
    add("step with screenshot, ms", [1e3 * one for one in steps["ours_screenshot"]])
    add("step with barrier off (D1), ms", [1e3 * one for one in steps["ours_off"]])
    if "package" in steps:
        add("the package's step, ms", [1e3 * one for one in steps["package"]])
        add("times the package", _ratios(steps["package"], ours))
        add("with screenshots, times the package", _ratios(steps["package_screenshot"], steps["ours_screenshot"]))
        add("barrier off (D1), times the package", _ratios(steps["package"], steps["ours_off"]))
    else:
        rows.append({"what": "the package's step, ms", "missing": steps["missing"]})
    other = found["browsergym"]
    if "missing" in other:
        rows.append({"what": "times BrowserGym", "missing": other["missing"]})
    else:
        add("BrowserGym's step, ms", [1e3 * one for one in other["step_seconds"]])
        add("times BrowserGym", [one / spread(ours)["median"] for one in other["step_seconds"]])
    add("reset with preloading, ms", [1e3 * one for one in found["resets"]["preloaded"]])
    add("reset without, ms", [1e3 * one for one in found["resets"]["cold"]])
    add("eight environments, steps/s", found["many"]["steps_per_second"])
    add("MB per further environment", [found["many"]["mb_per_environment"]])
    add("MB with one environment", [found["many"]["mb_one"]])
    return rows


def _ratios(theirs: list[float], ours: list[float]) -> list[float]:
    return [one / other for one, other in zip(theirs, ours, strict=True)]


def _make(**knobs: Any) -> Env[Any]:
    env = gymnasium.make(ID, dataset="pages", max_steps=None, disable_env_checker=True, **knobs).unwrapped
    assert isinstance(env, Env)
    return env


def _task(seed: int) -> str:
    return next(task.id for task in panel(ID, "pages") if task.source == f"{PAGE}/{seed}")


def _begin(env: Env[Any], task: str) -> None:
    env.reset(seed=0, options={"task": task})


def _steps(env: Env[Any], count: int) -> float:
    """Return seconds of a step: checkboxes are clicked in turns, all but the button that ends it.

    Raises:
        BrowserFailed: a step was none: the page refused it, or its episode is over.
    """
    clicks = [action for action in env.valid_actions() or () if action.startswith("click")][:-1]
    if not clicks:
        raise BrowserFailed(f"bench browser: {PAGE} offers nothing to click")
    begun = time.perf_counter()
    for number in range(count):
        action = clicks[number % len(clicks)]
        *_, terminated, truncated, info = env.step(action)
        if terminated or truncated or not info["valid"]:
            why = info.get("failure") or info.get("outcome") or "refused"
            raise BrowserFailed(f"bench browser: step {number}, {action}, is none to measure: {why}")
    return (time.perf_counter() - begun) / count


def _measure_steps(settings: BrowserSettings) -> Row:
    kinds: dict[str, dict[str, Any]] = {
        "ours": {},
        "ours_screenshot": {"screenshot": True},
        "ours_off": {"barrier": False},
    }
    task = _task(settings.seed)
    with ExitStack() as opened:
        envs = {name: opened.enter_context(closing(_make(**knobs))) for name, knobs in kinds.items()}
        row: Row = {name: [] for name in envs}
        package: Package | None = None
        try:
            package = opened.enter_context(closing(Package(PAGE)))
            row |= {"package": [], "package_screenshot": []}
        except EnvbenchError as error:
            row["missing"] = str(error)
        for _ in range(settings.repeats):
            for name, env in envs.items():
                _begin(env, task)
                time.sleep(_AGENT_S)
                row[name].append(_steps(env, settings.steps))
            if package is not None:
                for name in ("package", "package_screenshot"):
                    package.reset(settings.seed, screenshots=name != "package")
                    begun = time.perf_counter()
                    for _ in range(settings.steps):
                        package.step()
                    row[name].append((time.perf_counter() - begun) / settings.steps)
    return row


def _measure_browsergym(settings: BrowserSettings) -> Row:
    try:
        return browsergym(PAGE, settings.seed, min(settings.steps, 10))
    except EnvbenchError as error:
        return {"missing": str(error)}


def _measure_resets(settings: BrowserSettings) -> Row:
    env, task = _make(), _task(settings.seed)
    row: Row = {"preloaded": [], "cold": []}
    _begin(env, task)
    for _ in range(settings.repeats * settings.resets):
        for name, pause in (("preloaded", _AGENT_S), ("cold", 0.0)):
            time.sleep(pause)
            begun = time.perf_counter()
            _begin(env, task)
            row[name].append(time.perf_counter() - begun)
    env.close()
    return row


def _measure_many(settings: BrowserSettings) -> Row:
    envs, task = [_make()], _task(settings.seed)
    _begin(envs[0], task)
    time.sleep(1.0)  # until the spare page is there
    one = memory()
    envs += [_make() for _ in range(settings.environments - 1)]
    for env in envs:
        _begin(env, task)
    time.sleep(1.0)
    further = (memory() - one) / max(1, len(envs) - 1)
    speeds = []
    with ThreadPoolExecutor(len(envs)) as threads:
        for _ in range(settings.repeats):
            begun = time.perf_counter()
            list(threads.map(lambda env: _steps(env, settings.steps), envs))  # raises what a thread raised
            speeds.append(len(envs) * settings.steps / (time.perf_counter() - begun))
    for env in envs:
        env.close()
    return {"steps_per_second": speeds, "mb_per_environment": further, "mb_one": one}


def processes() -> list[int]:
    """Return the ids of the browser's processes."""
    group = str(browser().pipe.pid)
    found = []
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            with suppress(OSError, IndexError):  # it ended meanwhile
                if entry.joinpath("stat").read_text().rpartition(")")[2].split()[2] == group:
                    found.append(int(entry.name))
    return found


def memory(kind: str = "Pss") -> float:
    """Return the megabytes of the browser's processes and of this one.

    Args:
        kind: of `/proc/*/smaps_rollup`: `Pss` divides shared pages between all who use them, browsers of others too;
            `Pss_Anon` leaves files out, and so does not depend on who else runs one.
    """
    total = 0
    for process in (os.getpid(), *processes()):
        with suppress(OSError, IndexError):
            rollup = Path(f"/proc/{process}/smaps_rollup").read_text()
            total += int(rollup.partition(f"\n{kind}:")[2].split()[0])
    return total * 1024 / 1e6


_JOBS: dict[str, Callable[[BrowserSettings], Row]] = {
    "steps": _measure_steps,
    "resets": _measure_resets,
    "many": _measure_many,
    "browsergym": _measure_browsergym,
}

__all__ = [
    "TARGETS",
    "BrowserSettings",
    "browser_summary",
    "make_browser_plan",
    "measure_browser",
    "memory",
    "processes",
]
