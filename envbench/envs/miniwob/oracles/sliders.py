"""Pages of sliders."""

from __future__ import annotations

from envbench.envs._browser.grammar import quote
from envbench.envs.miniwob.oracles import oracle
from envbench.envs.miniwob.oracles.tools import click, mouse, numbers, ordinals, submit
from envbench.envs.miniwob.view import View

_GRIP = 9
"""Pixels around the handle's middle where a press takes the handle and does not move it."""


def _slide(page: View, slider: str, value: int, wanted: int) -> str | None:
    """Return the next action towards a value: a click on the track from afar, arrow keys nearby; None when there."""
    if value == wanted:
        return None
    low, high = page.script(f"['min', 'max'].map(name => $('{slider}').slider('option', name))")
    track, handle = page.all(slider)[0], page.all(f"{slider} .ui-slider-handle")[0]
    left, top, width, height = track.box
    share = (wanted - low) / (high - low)
    upright = height > width
    x, y = (left + width / 2, top + height * (1 - share)) if upright else (left + width * share, top + height / 2)
    if abs(x - handle.centre[0]) + abs(y - handle.centre[1]) > _GRIP:
        inside = min(max(x, left + 1), left + width - 1), min(max(y, top + 1), top + height - 1)
        return mouse("mouse_click", *inside)
    return f"press({handle.ref}, {quote('ArrowRight' if wanted > value else 'ArrowLeft')})"


@oracle("use-slider")
def use_slider(page: View) -> str | None:
    """Move the slider to the number, then submit."""
    shown = int(page.all("#val")[0].text)
    return _slide(page, "#slider", shown, numbers(page.utterance)[0]) or submit(page)


@oracle("use-slider-2")
def use_sliders(page: View) -> str | None:
    """Move three sliders to their numbers, then submit."""
    for place, wanted in enumerate(numbers(page.utterance), 1):
        if action := _slide(page, f"#slider-{place}", int(page.all(f"#val-{place}")[0].text), wanted):
            return action
    return submit(page)


@oracle("form-sequence")
def slide_and_check(page: View) -> str | None:
    """Move the slider, check the box at the named place, submit."""
    shown = int(page.all("#val")[0].text)
    box = page.all("#area input", type_="checkbox")[ordinals(page.utterance)[0]]
    slid = _slide(page, "#slider", shown, numbers(page.utterance)[0])
    return slid or (submit(page) if box.checked else click(box))
