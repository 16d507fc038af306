"""Pages where something is drawn, or text is marked with the mouse."""

from __future__ import annotations

import math
import re

import msgspec

from envbench.envs.miniwob.oracles import oracle
from envbench.envs.miniwob.oracles.tools import between, click, mouse, ordinals, planned, submit
from envbench.envs.miniwob.view import View


@oracle("draw-line")
def draw_line(page: View) -> str | None:
    """Draw a straight line through the dot, then submit."""
    x, y = page.all("#circ")[0].centre
    dx, dy = (20, 0) if "horizontal" in page.utterance else (0, 20)
    stroke = mouse("mouse_drag", x - dx, y - dy, x + dx, y + dy)
    return planned(page, lambda: [stroke]) or click(page.find("#controls button"))


_POINTS = 16
_RADIUS = 22


@oracle("draw-circle")
def draw_circle(page: View) -> str | None:
    """Draw a circle around the dot, point by point, then submit."""
    x, y = page.all("#circ")[0].centre
    turns = [2 * math.pi * place / _POINTS for place in range(_POINTS + 1)]
    points = [(x + _RADIUS * math.cos(turn), y + _RADIUS * math.sin(turn)) for turn in turns]

    def strokes() -> list[str]:
        moves = [mouse("mouse_move", *point) for point in points[1:]]
        return [mouse("mouse_down", *points[0]), *moves, mouse("mouse_up", *points[-1])]

    return planned(page, strokes) or click(page.find("#controls button"))


# Where a piece of text begins and ends on the page: of an element, or of the first place of a word in it.
_ENDS = """(([selector, place, word]) => {
  const element = document.querySelectorAll(selector)[place];
  const range = document.createRange();
  const node = element.firstChild;
  const from = word ? node.data.indexOf(word) : 0;
  range.setStart(node, from);
  range.setEnd(node, word ? from + word.length : node.data.trimEnd().length);
  const boxes = range.getClientRects();
  const [first, last] = [boxes[0], boxes[boxes.length - 1]];
  return [first.left + 0.2, first.top + first.height / 2, last.right, last.top + last.height / 2];
})"""


def _mark(page: View, selector: str, place: int = 0, word: str = "") -> str:
    """Return the stroke of the mouse that selects a piece of text."""
    return mouse("mouse_drag", *page.script(f"{_ENDS}({msgspec.json.encode([selector, place, word]).decode()})"))


@oracle("highlight-text", "highlight-text-2")
def highlight(page: View) -> str | None:
    """Select the text of the named paragraph, then submit."""
    places = ordinals(page.utterance)
    marked = re.sub(r"\s", "", page.script("getSelection().toString()"))
    text = page.all("#randomText p")[places[0]].text if places else page.all("#randomText")[0].text
    if marked != re.sub(r"\s", "", text):
        return _mark(page, "#randomText p" if places else "#randomText", places[0] if places else 0)
    return submit(page)


_STYLES = {"bold": "bold", "italics": "italic", "underlined": "underline"}


@oracle("text-editor")
def text_editor(page: View) -> str | None:
    """Select a word or everything, give it a style or colour, submit."""
    word = between(page.utterance, "give the text ", " the ")
    style = between(page.utterance, "the style ", " and")
    colour = re.findall(r"the color (\w+)", page.utterance)
    key = _STYLES[style] if style else "color"
    if page.script(f"editor.getContents().ops.some(part => part.attributes && '{key}' in part.attributes)"):
        return submit(page)
    shade = page.script("COLOR_MAP")[colour[0]][0] if colour else ""
    if shade and (item := page.find(".ql-color .ql-picker-item", data_value=shade)):
        return click(item)  # the editor remembers what was selected
    chosen = page.script("editor.getSelection()")
    if not chosen or not chosen["length"]:
        return _mark(page, ".ql-editor p", 0, word)
    return click(page.find(f".ql-{key}" if style else ".ql-color .ql-picker-label"))
