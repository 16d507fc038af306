"""Pages of checkboxes, radio buttons and marks."""

from __future__ import annotations

from envbench.envs.miniwob.oracles import oracle
from envbench.envs.miniwob.oracles.tools import between, click, fill, ordinals, quoted, submit
from envbench.envs.miniwob.view import Element, View


def _label(page: View, box: Element) -> str:
    return page.elements[box.parent].text


def _choose(page: View, wanted: set[str]) -> str | None:
    """Change a box or button that is not as its label wants it; submit once all are."""
    boxes = page.all("#boxes input, #boxes-left input, #boxes-right input")
    wrong = (box for box in boxes if (_label(page, box) in wanted) is not box.checked)
    return click(next(wrong, None)) or submit(page)


@oracle("click-checkboxes", "click-checkboxes-large", "click-checkboxes-transfer", "click-option")
def click_named(page: View) -> str | None:
    """Choose what is listed, then submit."""
    return _choose(page, set(between(page.utterance, "Select ", " and click Submit.").split(", ")))


@oracle("click-checkboxes-soft")
def click_similar(page: View) -> str | None:
    """Check the words that share a row of synonyms with those listed, then submit."""
    listed = set(between(page.utterance, "similar to ", " and click Submit.").split(", "))
    rows = page.script("SYNONYMS")
    return _choose(page, {word for row in rows if listed.intersection(row) for word in row})


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
    radio, place = ordinals(page.utterance)
    wanted, field = page.all("#area input", type_="radio")[radio], page.all("#area input", type_="text")[place]
    return (None if wanted.checked else click(wanted)) or fill(field, quoted(page)) or submit(page)
