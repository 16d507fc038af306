"""From the engine's actions to those of a browser on the page that the engine's session stands on."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from envbench.envs._browser.grammar import quote
from envbench.envs.webshop import grammar, pages
from envbench.envs.webshop.engine import Engine
from envbench.envs.webshop_browser import site

_SEARCH_BOX = f'form[action="{site.SEARCH}"] input'
_ONE_LINE = str.maketrans("\t\r\n", "   ")


def browser_action(
    engine: Engine,
    action: str,
    matching: Callable[[str], Sequence[int]],
    evaluate: Callable[[str], Any],
) -> str | None:
    """Return the next browser action on the way to an action of the engine; None where the page cannot do it.

    Args:
        engine: of the session whose page is shown.
        action: `search[words]` or `click[text]`, accepted by the engine.
        matching: returns the references of the elements that a CSS selector matches.
        evaluate: returns the value of a JavaScript expression in the page.
    """
    name, argument = grammar.parse(action)
    if name == "search" and argument:
        words = argument.translate(_ONE_LINE)
        box = next(iter(matching(_SEARCH_BOX)), None)
        if box is None:
            return None
        typed = evaluate(f"document.querySelector({quote(_SEARCH_BOX)}).value")
        return f'press({box}, "Enter")' if typed == words else f"fill({box}, {quote(words)})"
    selector = _selector(engine, action)
    found = matching(selector) if selector else ()
    return f"click({found[0]})" if found else None


def _selector(engine: Engine, action: str) -> str | None:
    """Return a CSS selector of the control that stands for `click[text]`; None without one."""
    if action == grammar.click(pages.BUY) and engine.session.page == "item":
        return f'form[action="{site.BUY}"] button'
    for path, does in site.links(engine).items():
        if does == action:
            return f"a[href={quote(path)}]"
    for group, (_, values) in enumerate(site.options(engine)):
        for place, option in enumerate(values):
            if option.action == action:
                return f'form[action="{site.CHOOSE}/{group}"] input[value="{place}"]'
    return None
