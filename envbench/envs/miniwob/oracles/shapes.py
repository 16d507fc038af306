"""Pages of drawn shapes: finding, counting, pointing."""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Iterator

from envbench.envs.miniwob.oracles import oracle
from envbench.envs.miniwob.oracles.tools import between, click, mouse, submit
from envbench.envs.miniwob.view import Element, View

_SHAPES = {"circle": "circle", "rect": "rectangle", "polygon": "triangle"}
_LARGE = 15  # pixels; small ones have 10, large ones 20


def _names(shape: Element) -> set[str]:
    """Return every word that describes a shape of the grid."""
    kind = ("digit" if shape.text.isdigit() else "letter") if shape.tag == "text" else "shape"
    size = float(shape.attrs["font-size"].removesuffix("px")) if shape.tag == "text" else shape.box[2]
    what = shape.text or _SHAPES[shape.tag]
    return {"item", kind, what, shape.attrs["fill"], "large" if size > _LARGE else "small"}


def _described(page: View, words: str) -> Iterator[Element]:
    """Yield the shapes that a description such as "large red letter" fits."""
    shapes = page.all("#area_svg > *")
    return (one for one in shapes if set(words.split()) <= _names(one))


@oracle("click-shape")
def click_shape(page: View) -> str | None:
    """Click a shape that fits the description."""
    return click(next(_described(page, page.utterance.removeprefix("Click on a ")), None))


@oracle("count-shape")
def count_shapes(page: View) -> str | None:
    """Click the number of shapes that fit the description."""
    count = sum(1 for _ in _described(page, between(page.utterance, "How many ", "s are there")))
    return click(page.find("#count-buttons button", text=str(count)))


@oracle("identify-shape")
def identify_shape(page: View) -> str | None:
    """Click the kind of the one figure."""
    shape = page.all("#area_svg > *")[0]
    kind = _SHAPES.get(shape.tag) or ("digit" if shape.text.isdigit() else "letter")
    return click(page.find("#area-buttons button", data_type=kind))


_INK = """(() => {
  const canvas = document.querySelector('#c');
  const { width, height } = canvas;
  const data = canvas.getContext('2d').getImageData(0, 0, width, height).data;
  const found = [];
  for (let i = 3; i < data.length; i += 4) {
    const pixel = i >> 2;
    if (data[i] > 127) found.push([pixel % width - width / 2 + 0.5, Math.floor(pixel / width) - height / 2 + 0.5]);
  }
  return found;
})()"""


@oracle("count-sides")
def count_sides(page: View) -> str | None:
    """Count the sides of a regular polygon by the symmetry of its outline."""
    ink = [(math.hypot(x, y), math.atan2(y, x)) for x, y in page.script(_INK)]

    def strength(sides: int) -> float:
        real = math.fsum(r * math.cos(sides * angle) for r, angle in ink)
        imaginary = math.fsum(r * math.sin(sides * angle) for r, angle in ink)
        return math.hypot(real, imaginary)

    return click(page.find("#form button", data_sides=str(max(range(3, 8), key=strength))))


@oracle("grid-coordinate")
def grid_coordinate(page: View) -> str | None:
    """Click the point with the named coordinates."""
    return click(page.find("#area circle", id=re.findall(r"\(.*\)", page.utterance)[0]))


# Pages that want one point in a drawing: the pixel that scores best, then submit.

_TOP = 50  # of the drawing's coordinates in the window


def _point(page: View, loss: Callable[[float, float], float]) -> str | None:
    """Click the pixel with the least loss, given in coordinates of the drawing, and submit once it is marked."""
    if page.find("#blue-circle"):
        return submit(page)
    left, top, width, _ = map(int, page.all("#svg-grid")[0].box)
    below = int(page.all("#subbtn")[0].box[1])  # the button lies over the lower edge
    pixels = ((x, y - _TOP) for x in range(left + 1, left + width - 1) for y in range(top + 1, below - 1))
    x, y = min(pixels, key=lambda pixel: loss(*pixel))
    return mouse("mouse_click", x, y + _TOP)


def _circles(page: View, selector: str) -> list[tuple[float, float]]:
    return [(float(one.attrs["cx"]), float(one.attrs["cy"])) for one in page.all(f"#svg-grid {selector}")]


@oracle("circle-center")
def circle_centre(page: View) -> str | None:
    """Mark the centre of a circle; the page takes it for half a pixel further right and down."""
    ((cx, cy),) = _circles(page, ".black-circle")
    return _point(page, lambda x, y: math.hypot(x - cx - 0.5, y - cy - 0.5))


@oracle("find-midpoint")
def midpoint(page: View) -> str | None:
    """Mark the middle between two points."""
    (ax, ay), (bx, by) = _circles(page, ".black-circle")
    return _point(page, lambda x, y: math.hypot(x - (ax + bx) / 2, y - (ay + by) / 2))


def _angle(a: tuple[float, float], b: tuple[float, float], vertex: tuple[float, float]) -> float:
    """Return the angle at a vertex, in radians; 4 where a point lies on it."""
    (ax, ay), (bx, by), (vx, vy) = a, b, vertex
    if (ax, ay) == (vx, vy) or (bx, by) == (vx, vy):
        return 4.0
    turn = math.atan2(ay - vy, ax - vx) - math.atan2(by - vy, bx - vx)
    return abs((turn + math.pi) % (2 * math.pi) - math.pi)


@oracle("right-angle")
def right_angle(page: View) -> str | None:
    """Mark a point that makes a right angle; the page takes it for half a pixel further right and down."""
    (arm,), (vertex,) = _circles(page, "#init-black"), _circles(page, "#init-blue")
    return _point(page, lambda x, y: abs(_angle(arm, (x + 0.5, y + 0.5), vertex) - math.pi / 2))


@oracle("bisect-angle")
def bisect_angle(page: View) -> str | None:
    """Mark a point that halves the angle."""
    (a, b), (vertex,) = _circles(page, ".init-black"), _circles(page, ".init-blue")
    return _point(page, lambda x, y: max(_angle(a, (x, y), vertex), _angle(b, (x, y), vertex)))
