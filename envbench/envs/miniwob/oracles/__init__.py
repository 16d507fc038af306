"""Scripted solutions of task pages, one file for each theme, found by its place here.

    @oracle("click-test", "click-test-2")
    def click_test(page: View) -> str | None:
        return f"click({page.find(tag='button').ref})"

An oracle looks at the page as it is and returns the next action, or None: nothing is left to do. It keeps notes in
`page.memory` alone.
"""

from __future__ import annotations

import importlib
import pkgutil
from collections.abc import Callable
from functools import cache

from envbench.envs.miniwob.view import View
from envbench.errors import CardError

Oracle = Callable[[View], str | None]

_oracles: dict[str, Oracle] = {}


def oracle(*pages: str) -> Callable[[Oracle], Oracle]:
    """Register a function as the oracle of task pages.

    Raises:
        CardError: a page that has one already.
    """

    def register(function: Oracle) -> Oracle:
        for page in pages:
            if _oracles.setdefault(page, function) is not function:
                raise CardError(f"two oracles for the page {page!r}")
        return function

    return register


@cache
def oracles() -> dict[str, Oracle]:
    """Return every oracle by the name of its page, sorted."""
    for module in sorted(pkgutil.iter_modules(__path__), key=lambda found: found.name):
        importlib.import_module(f"{__name__}.{module.name}")
    return dict(sorted(_oracles.items()))


def solve(name: str, page: View) -> str | None:
    """Return the next action on a page, or None where nothing is left to do or no oracle is known."""
    function = oracles().get(name)
    return function(page) if function else None


__all__ = ["Oracle", "oracle", "oracles", "solve"]
