"""Pages of tabs and of sections that fold."""

from __future__ import annotations

from envbench.envs.miniwob.oracles import oracle
from envbench.envs.miniwob.oracles.tools import click, numbers, quoted, submit, wait
from envbench.envs.miniwob.view import Element, View


def _moving(page: View) -> bool:
    return bool(page.script("$(':animated').length"))


@oracle("click-tab")
def click_tab(page: View) -> str | None:
    """Click the tab with the named number."""
    return click(page.find("#area ul a", href=f"#tabs-{numbers(page.utterance)[0]}"))


@oracle("click-tab-2", "click-tab-2-easy", "click-tab-2-medium", "click-tab-2-hard")
def click_in_tab(page: View) -> str | None:
    """Click the named link, having opened its tab; a link that no tab has is behind the second."""
    links = page.all(".alink", text=quoted(page), visible=False)
    seen = next((one for one in links if one.visible), None)
    if seen:
        return click(seen)
    panel = _panel(page, links[0]).id if links else "tabs-2"
    return click(page.find("#area ul a", href=f"#{panel}"))


def _panel(page: View, link: Element) -> Element:
    return next(one for one in page.parents(link) if "ui-tabs-panel" in one.classes)


@oracle("click-collapsible", "click-collapsible-nodelay")
def click_collapsible(page: View) -> str | None:
    """Unfold the section, then submit."""
    if _moving(page):
        return wait(page)
    return submit(page) if page.find(".ui-accordion-content") else click(page.find(".ui-accordion-header"))


@oracle("click-collapsible-2", "click-collapsible-2-nodelay")
def click_in_section(page: View) -> str | None:
    """Unfold the section with the named link and click it."""
    if _moving(page):
        return wait(page)
    links = page.all(".alink", text=quoted(page), visible=False)
    seen = next((one for one in links if one.visible), None)
    if seen:
        return click(seen)
    content = next(one for one in page.parents(links[0]) if "ui-accordion-content" in one.classes)
    return click(page.find(".ui-accordion-header", aria_controls=content.id))
