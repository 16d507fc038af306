"""Pages where the right things must be clicked."""

from __future__ import annotations

from envbench.envs.miniwob.oracles import oracle
from envbench.envs.miniwob.oracles.tools import between, click, click_open, ordinals, quoted, submit
from envbench.envs.miniwob.view import View


@oracle("click-test", "click-button", "unicode-test")
def click_button(page: View) -> str | None:
    """Click the button that the utterance names, or the only one."""
    wanted = quoted(page)
    return click(page.find("#area button", text=wanted or None))


@oracle("click-test-2", "click-test-transfer")
def click_one_of_two(page: View) -> str | None:
    """Click the named one of two buttons that may overlap."""
    return click_open(page, "#subbtn" if "ONE" in page.utterance else "#subbtn2")


@oracle("click-button-sequence")
def click_in_sequence(page: View) -> str | None:
    """Click the first button, then the second."""
    return click_open(page, "#subbtn2" if page.script("buttonsPushed.length") else "#subbtn")


@oracle("click-link")
def click_link(page: View) -> str | None:
    """Click the link with the quoted text."""
    return click(page.find(".alink", text=quoted(page)))


@oracle("click-dialog", "click-dialog-2")
def click_dialog(page: View) -> str | None:
    """Close the dialog by its cross or by the named button."""
    wanted = quoted(page)
    named = page.find(".ui-dialog-buttonset button", text=wanted)
    return click(named or page.find(".ui-dialog-titlebar button"))


@oracle("click-widget")
def click_widget(page: View) -> str | None:
    """Click something of the named kind."""
    return click(page.find("#area .widget *", data_type=quoted(page)))


@oracle("focus-text", "focus-text-2")
def focus_text(page: View) -> str | None:
    """Click into the text field at the named place."""
    place = next(iter(ordinals(page.utterance)), 0)
    return click(page.all("#area input")[place])


@oracle("click-color")
def click_color(page: View) -> str | None:
    """Click the box of the named colour."""
    return click(page.find("#area .color", data_color=between(page.utterance, "Click on the ", " colored box")))


@oracle("click-shades")
def click_shades(page: View) -> str | None:
    """Mark every shade of the named colour, then submit."""
    colour = between(page.utterance, "shades of ", " and")
    return click(page.find("#area span:not(.selected)", data_color=colour)) or submit(page)


@oracle("ascending-numbers")
def ascending_numbers(page: View) -> str | None:
    """Click the 1, then the covers of the other numbers, which the page keeps in order."""
    return click(page.find("#area_svg text", text="1") or page.find("#area_svg rect"))


@oracle("find-greatest")
def find_greatest(page: View) -> str | None:
    """Turn the greatest card over, then submit."""
    cards = page.all("#cardholder .card")
    values = [int(page.children(card)[0].text) for card in cards]
    best = cards[values.index(max(values))]
    return click(best) if "hidden" in best.classes else submit(page)


@oracle("generate-number")
def generate_number(page: View) -> str | None:
    """Draw numbers until one is as wanted, then submit."""
    shown = page.find("#display-number")
    if shown is None or shown.text == "-" or not _as_wanted(page.utterance, int(shown.text)):
        return click(page.find("#generate"))
    return submit(page)


def _as_wanted(utterance: str, number: int) -> bool:
    if "less than" in utterance:
        return number < int(between(utterance, "less than ", ","))
    if "greater than" in utterance:
        return number > int(between(utterance, "greater than ", ","))
    return number % 2 == ("odd" in utterance)
