"""The HTML pages of the `miniwob` wheel, as data: where they are, what they are called, what begins them."""

from __future__ import annotations

import importlib.util
from collections.abc import Callable, Sequence
from functools import cache
from hashlib import sha256
from pathlib import Path
from typing import Any

from envbench.envs._browser.session import Start
from envbench.envs._browser.site import ORIGIN, Site, folder
from envbench.errors import MissingExtra

WINDOW = (332, 214)
PICTURE = (0, 0, 160, 210)
"""The part of the window that a task occupies: x, y, width, height."""

CHANGES_UNSEEN = frozenset(
    ("button-delay", "chase-circle", "click-pie", "click-pie-nodelay", "daily-calendar", "drag-cube", "draw-circle",
     "draw-line", "hover-shape", "moving-items", "simon-says", "stock-market", "terminal", "text-editor")
)  # fmt: skip
"""Pages whose scripts remember of the past what neither the document nor a global shows: a button pushed, a score, keys
held, the time since a click, an animation under way. There an anchor is the whole history."""

SCRIPT = """
Object.assign(__envbench.family, {
  skip: '#reward-display,#click-canvas,#sync-task-cover',
  quiet: '#query',
  ignored: () => [core.EP_TIMER, core.CD_TIMER],
  facts: () => ({
    shown: { said: core.getUtterance(), raw: Number(WOB_RAW_REWARD_GLOBAL) || 0, done: Boolean(WOB_DONE_GLOBAL) },
    hidden: __envbench.globals(['core', 'WOB_REWARD_GLOBAL', '$', 'jQuery', 'd3'], false),
  }),
  start: async (seed) => {
    await __envbench.advance(100);
    core.setDataMode('train');
    Math.seedrandom(seed);
    __envbench.resetDrawn();
    core.startEpisodeReal();
    for (let waited = 0; !WOB_TASK_READY && waited < 100; waited++) await __envbench.advance(20);
    clearTimeout(core.EP_TIMER);
    clearInterval(core.CD_TIMER);
    __envbench.globals(['core'], true);
    await __envbench.advance(20);
  },
});
"""
"""Time never ends an episode here, the step limit does; the reward display and the helpers are no part of a task."""


@cache
def home() -> Path:
    """Return the folder `html` of the installed wheel, without importing the package.

    Raises:
        MissingExtra: it is not installed.
    """
    spec = importlib.util.find_spec("miniwob")
    if spec is None or not spec.submodule_search_locations:
        raise MissingExtra("'envbench/MiniWoB-v0'", "browser", "miniwob")
    return Path(spec.submodule_search_locations[0]) / "html"


@cache
def names() -> tuple[str, ...]:
    """Return the names of all task pages, sorted."""
    return tuple(sorted(path.stem for path in (home() / "miniwob").glob("*.html")))


@cache
def digest() -> str:
    """Return the sha256 over names and contents of all files that pages may load."""
    total = sha256()
    for part in ("miniwob", "core", "common"):
        for path in sorted(one for one in (home() / part).rglob("*") if one.is_file()):
            total.update(f"{path.relative_to(home()).as_posix()}\0".encode())
            total.update(sha256(path.read_bytes()).digest())
    return total.hexdigest()


@cache
def _site() -> Site:
    return folder(home())


@cache
def start(page: str) -> Start:
    """Return where the episodes of a page begin."""
    return Start(f"{ORIGIN}/miniwob/{page}.html", _site(), SCRIPT, *WINDOW)


@cache
def _extractors() -> Any:
    """Return the wheel's module of field extractors, alone: the package would import selenium and register ids."""
    path = home().parent / "fields.py"
    spec = importlib.util.spec_from_file_location("envbench_miniwob_fields", path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def utterance(said: Any) -> str:
    """Return the instruction; a few pages give it together with its fields."""
    return str(said["utterance"] if isinstance(said, dict) else said)


def fields(page: str, said: Any) -> dict[str, str]:
    """Return the fields that a page gives, or that the wheel's extractor reads from its utterance; {} for none."""
    if isinstance(said, dict):
        return {str(key): str(value) for key, value in said["fields"].items()}
    try:
        extract: Callable[[str], Sequence[tuple[str, str]]] = _extractors().get_field_extractor(page)
        return {str(key): str(value) for key, value in extract(said)}
    except (ValueError, KeyError, TypeError):
        return {}


__all__ = ["CHANGES_UNSEEN", "PICTURE", "WINDOW", "digest", "fields", "home", "names", "start", "utterance"]
