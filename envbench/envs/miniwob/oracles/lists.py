"""Pages of lists, menus and trees."""

from __future__ import annotations

from collections.abc import Sequence

from envbench.envs._browser.grammar import quote
from envbench.envs.miniwob.oracles import oracle
from envbench.envs.miniwob.oracles.tools import act, between, click, numbers, quoted, quotes, submit
from envbench.envs.miniwob.view import Element, View


@oracle("choose-list")
def choose_list(page: View) -> str | None:
    """Choose the named option, then submit."""
    wanted = between(page.utterance, "Select ", " from the list and")
    options = page.find("#options")
    if page.script("document.querySelector('#options').selectedOptions[0].text") != wanted:
        return act("select", options, wanted)
    return submit(page)


@oracle("click-scroll-list")
def choose_several(page: View) -> str | None:
    """Choose the named options together, then submit."""
    wanted = between(page.utterance, "Select ", " from the scroll list").split(", ")
    chosen = page.script("[...document.querySelector('#options').selectedOptions].map(one => one.text)")
    if sorted(chosen) != sorted(wanted):
        return f"select({page.all('#options')[0].ref}, [{', '.join(map(quote, wanted))}])"
    return submit(page)


@oracle("form-sequence-3")
def choose_and_answer(page: View) -> str | None:
    """Open the list, take the named line, click the named button."""
    wanted = between(page.utterance, "Choose ", " from the dropdown")
    shown = page.find(".selectric .label")
    if shown and shown.text == wanted:
        return click(page.find("#buttons button", text=quoted(page)))
    return click(page.find(".selectric-items li", text=wanted)) or click(shown)


@oracle("use-spinner")
def use_spinner(page: View) -> str | None:
    """Click the arrow that leads to the number, then submit."""
    missing = numbers(page.utterance)[0] - int(page.all("#spinner")[0].value)
    if missing:
        return click(page.find(".ui-spinner-up" if missing > 0 else ".ui-spinner-down"))
    return submit(page)


def _open_menu(page: View, leaf: Element) -> str | None:
    """Click an item once it can be seen, or point at the first menu on the way that is still closed."""
    if leaf.visible:
        return click(leaf)
    items = [one for one in page.parents(leaf) if "ui-menu-item" in one.classes and one.visible]
    return act("hover", page.children(items[0])[0]) if items else None


@oracle("click-menu")
def click_menu(page: View) -> str | None:
    """Go along the path of menus and click its end."""
    wanted = page.utterance.removeprefix("Select ").split(">")[-1]
    return _open_menu(page, page.all("#menu .ui-menu-item-wrapper", text=wanted, visible=False)[0])


@oracle("click-menu-2")
def click_menu_item(page: View) -> str | None:
    """Open the menu, then click the item with the named label or with the icon shown."""
    if not page.find("#menu"):
        return click(page.find("#open-menu"))
    icon = page.find("#query .ui-icon", visible=False)
    items = page.all("#menu .ui-menu-item-wrapper", visible=False)
    wanted = next(one for one in items if _has_icon(page, one, icon.classes) if icon) if icon else None
    labels = quotes(page.utterance)
    return _open_menu(page, wanted or next(one for one in items if one.text == labels[-1]))


def _has_icon(page: View, item: Element, icon: Sequence[str]) -> bool:
    return any(child.classes == icon for child in page.children(item))


@oracle("navigate-tree")
def navigate_tree(page: View) -> str | None:
    """Open the folders on the way to a name, the outermost first, and click it."""
    named = page.all("#tree span", text=quoted(page), visible=False)
    seen = next((one for one in named if one.visible), None)
    if seen:
        return click(seen)
    closed = [one for one in page.parents(named[0]) if one.tag == "li" and one.visible and "expandable" in one.classes]
    return click(next(one for one in page.children(closed[0]) if one.tag == "span"))


@oracle("click-pie")
def click_pie(page: View) -> str | None:
    """Open the wheel, click the named slice while it grows: later the page moves a selected one away from the mouse."""
    if page.find("#divWheel text", text="+"):
        return click(page.find("#wheelnav-divWheel-spreader"))
    return click(page.find("#divWheel text", text=quoted(page)))
