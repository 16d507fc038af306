"""Pages where things are dragged."""

from __future__ import annotations

import math
import re

from envbench.envs.miniwob.oracles import oracle
from envbench.envs.miniwob.oracles.tools import between, mouse, ordinals, planned, quoted, spot, submit, wait
from envbench.envs.miniwob.view import Element, View


def _drag(start: tuple[float, float], dx: float, dy: float) -> str:
    return mouse("mouse_drag", *start, start[0] + dx, start[1] + dy)


def _inside(one: Element, outer: Element) -> bool:
    x, y = one.centre
    left, top, width, height = outer.box
    return left < x < left + width and top < y < top + height


@oracle("drag-box")
def drag_box(page: View) -> str | None:
    """Bring the two boxes together, by the small one unless the large one covers it, then submit."""
    small, large = page.all("#draggableSmall")[0], page.all("#draggableLarge")[0]
    dx, dy = large.centre[0] - small.centre[0], large.centre[1] - small.centre[1]
    if max(abs(dx), abs(dy)) < 12:
        return submit(page)
    start = spot(page, "#draggableSmall")
    return _drag(start, dx, dy) if start else _drag(large.centre, -dx, -dy)


_DIRECTIONS = {"left": (-25, 0), "right": (25, 0), "up": (0, -25), "down": (0, 25)}


@oracle("drag-circle", "drag-single-shape")
def drag_shape(page: View) -> str | None:
    """Drag the shape a little in the named direction, then submit."""
    shape = page.all("#area svg > *")[0]
    if "transform" in shape.attrs:
        return submit(page)
    return _drag(shape.centre, *_DIRECTIONS[re.findall(r"(left|right|up|down) then", page.utterance)[0]])


_TAGS = {"rectangles": "rect", "circles": "circle", "triangles": "polygon"}


def _movable(page: View) -> list[Element]:
    return page.all("#area_svg > *:not(#shape-container)")


@oracle("drag-shapes")
def drag_shapes(page: View) -> str | None:
    """Drag every shape of the named kind into the box, then submit."""
    box = page.all("#shape-container")[0]
    tag = _TAGS[between(page.utterance, "Drag all ", " into")]
    left = [one for one in _movable(page) if one.tag == tag and not _inside(one, box)]
    return f"drag({left[0].ref}, {box.ref})" if left else submit(page)


@oracle("drag-shapes-2")
def sort_shapes(page: View) -> str | None:
    """Drag the shapes of the named kind or colour into the left box, the others into the right one, then submit."""
    wanted = between(page.utterance, "Drag all ", " into")
    left, right = page.all("#shape-container")
    for one in _movable(page):
        fits = one.tag == _TAGS[wanted] if wanted in _TAGS else one.attrs["fill"] == wanted.removesuffix(" shapes")
        box = left if fits else right
        if not _inside(one, box):
            return f"drag({one.ref}, {box.ref})"
    return submit(page)


def _move(items: list[Element], start: int, end: int) -> str:
    """Drag an item over another's place and a little beyond, so that they change places."""
    (x, y), (tx, ty) = items[start].centre, items[end].centre
    beyond = [4 * ((to > at) - (to < at)) for at, to in ((x, tx), (y, ty))]
    return mouse("mouse_drag", x, y, tx + beyond[0], ty + beyond[1])


_STEPS = {"up": -1, "down": 1, "left": -1, "right": 1}


@oracle("drag-items")
def drag_item(page: View) -> str | None:
    """Drag an item to another place of the list."""
    name, where = re.findall(r"Drag (\S+) (.*)", page.utterance)[0]
    items = page.all("#sortable li")
    start = next(place for place, one in enumerate(items) if one.text == name)
    ends = {"to the top.": 0, "to the bottom.": len(items) - 1}
    end = ends.get(where, next(iter(ordinals(where)), start + _STEPS.get(where.split()[0], 0)))
    return _move(items, start, end)


@oracle("drag-items-grid")
def drag_in_grid(page: View) -> str | None:
    """Drag an item to another place of the grid."""
    name, where = re.findall(r"Drag (\S+) (.*)\.", page.utterance)[0]
    items = page.all("#sortable li")
    start = next(place for place, one in enumerate(items) if one.text == name)
    if "by one" in where:
        word = where.split()[0]
        end = start + _STEPS[word] * (3 if word in ("up", "down") else 1)
    else:
        row = 0 if "top" in where else 2 if "bottom" in where else 1
        end = 3 * row + (0 if "left" in where else 2 if "right" in where else 1)
    return planned(page, lambda: _arc(items[start], items[end], -1 if end < start else 1))


def _arc(item: Element, place: Element, side: int) -> list[str]:
    """Drag an item to a place so that it comes from where the others must move away to."""
    x, y = place.centre
    moves = [(x - 8 * side, y - 8 * side), (x + 8 * side, y + 8 * side)]
    return [
        mouse("mouse_down", *item.centre),
        *(mouse("mouse_move", *at) for at in moves),
        mouse("mouse_up", *moves[-1]),
    ]


@oracle("drag-sort-numbers")
def sort_numbers(page: View) -> str | None:
    """Sort by dragging up what belongs further up, then submit."""
    items = page.all("#sortable li")
    shown = [int(one.text) for one in items]
    for place, number in enumerate(sorted(shown)):
        if shown[place] != number:
            return _move(items, shown.index(number, place), place)
    return submit(page)


@oracle("resize-textarea")
def resize(page: View) -> str | None:
    """Drag an edge of the text area, then submit."""
    by = 15 if "larger" in page.utterance else -15
    handle = page.all(".ui-resizable-se")[0].centre
    wide = "width" in page.utterance
    return planned(page, lambda: [_drag(handle, by if wide else 0, 0 if wide else by)]) or submit(page)


# The cube turns while it is held and the mouse moves, and runs on for a while; the same in numbers:

_HOLD = (80, 130)
_STATE = ("positionX", "positionY", "torqueX", "torqueY", "lastX", "lastY", "upsideDown", "currentSide", "down")
_READ = f"[{', '.join(f'cube.viewport.{name}' for name in _STATE)}]"


def _turned(state: list[float], x: float, y: float) -> int:
    """Return the side in front once the cube stands still, were the mouse that holds it at a point now."""
    across, along, torque_x, torque_y, last_x, last_y, _, side, _ = state
    for _ in range(200):
        torque_x = torque_x * 0.93 + ((x - last_x) * 2 - torque_x) * 0.1
        torque_y = torque_y * 0.93 + ((y - last_y) * 2 - torque_y) * 0.1
        last_x, last_y = x, y
        if abs(torque_x) <= 1 and abs(torque_y) <= 1:
            break
        along = (along - torque_y) % 360
        tilted = 90 < along < 270
        across = _wrapped(across + (-torque_x if tilted else torque_x))
        side = _side(along, across, tilted)
    return int(side)


def _wrapped(angle: float) -> float:
    return angle - 360 if angle > 360 else angle + 360 if angle < 0 else angle


def _side(along: float, across: float, tilted: bool) -> int:
    if 46 <= along <= 130:
        return 6
    if 220 <= along <= 308:
        return 1
    place = 0 if 42 <= across <= 130 else 1 if 131 <= across <= 223 else 2 if 224 <= across <= 314 else 3
    return ((3, 2, 5, 4) if tilted else (5, 4, 3, 2))[place]


@oracle("drag-cube")
def drag_cube(page: View) -> str | None:
    """Hold the cube, move the mouse to where it turns to the wanted side, let go and submit."""
    state = page.script(_READ)
    wanted, held = int(quoted(page)), state[-1]
    front = page.find("#wrapper .active", visible=False)
    if front and front.text == quoted(page):
        return mouse("mouse_up", state[4], state[5]) if held else submit(page)
    if not held:
        return mouse("mouse_move" if (state[4], state[5]) != _HOLD else "mouse_down", *_HOLD)
    if max(abs(state[2]), abs(state[3])) > 1:
        return wait(page)
    reach = [(x, y) for x in range(5, 330, 5) for y in range(5, 210, 5) if _turned(state, x, y) == wanted]
    x, y = min(reach, key=lambda at: math.dist(at, _HOLD), default=_HOLD)
    return mouse("mouse_move", x, y)
