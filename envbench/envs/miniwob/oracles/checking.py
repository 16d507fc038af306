"""Pages of checkboxes, radio buttons and marks."""

from __future__ import annotations

from envbench.envs.miniwob.oracles import oracle
from envbench.envs.miniwob.oracles.tools import between, click, numbers, ordinals, quoted, submit
from envbench.envs.miniwob.view import Element, View


def _label(page: View, box: Element) -> str:
    return page.elements[box.parent].text


def _differing(page: View, wanted: set[str]) -> Element | None:
    """Return a checkbox that is not as its label wants it."""
    boxes = page.all("#area input", type_="checkbox")
    return next((box for box in boxes if (_label(page, box) in wanted) is not box.checked), None)


@oracle("click-checkboxes", "click-checkboxes-large", "click-checkboxes-transfer")
def click_checkboxes(page: View) -> str | None:
    """Check what is listed, then submit."""
    return click(_differing(page, set(between(page.utterance, "Select ", " and click Submit.").split(", ")))) or submit(page)


@oracle("click-checkboxes-soft")
def click_similar(page: View) -> str | None:
    """Check the words that share a row of synonyms with those listed, then submit."""
    listed = set(between(page.utterance, "similar to ", " and click Submit.").split(", "))
    rows = page.script("SYNONYMS")
    return click(_differing(page, {word for row in rows if listed.intersection(row) for word in row})) or submit(page)


@oracle("click-option")
def click_option(page: View) -> str | None:
    """Choose the named radio button, then submit."""
    wanted = between(page.utterance, "Select ", " and click Submit.")
    options = page.all("#area input", type_="radio")
    return click(next((one for one in options if _label(page, one) == wanted and not one.checked), None)) or submit(page)


@oracle("number-checkboxes")
def draw_digit(page: View) -> str | None:
    """Check the boxes that form a digit, row by row, then submit."""
    pattern = [bool(mark) for row in page.script("PATTERNS")[int(quoted(page))] for mark in row]
    boxes = page.all("#checkboxes input")
    wrong = (box for box, mark in zip(boxes, pattern, strict=True) if box.checked is not mark)
    return click(next(wrong, None)) or submit(page)


@oracle("odd-or-even")
def odd_or_even(page: View) -> str | None:
    """Mark each number, then submit."""
    for row in page.all("#numbers .row"):
        shown = page.all(".display-number", within=row)[0]
        button = page.all(cls="odd" if int(shown.text) % 2 else "even", within=row)[0]
        if "selected" not in button.classes:
            return click(button)
    return submit(page)


@oracle("form-sequence-2")
def radio_and_text(page: View) -> str | None:
    """Choose a radio button, fill a field, submit."""
    radio, field = ordinals(page.utterance)
    wanted = page.all("#area input", type_="radio")[radio]
    return click(None if wanted.checked else wanted) or _typed(page, field) or submit(page)


def _typed(page: View, place: int) -> str | None:
    from envbench.envs.miniwob.oracles.tools import fill

    return fill(page.all("#area input", type_="text")[place], str(numbers(quoted(page))[0]))
