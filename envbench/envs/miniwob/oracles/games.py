"""Pages that must be won: finding a hot spot, tic-tac-toe."""

from __future__ import annotations

import math
from collections.abc import Sequence
from itertools import islice

from envbench.envs.miniwob.oracles import oracle
from envbench.envs.miniwob.oracles.tools import click, mouse
from envbench.envs.miniwob.view import View

_TOP = 50
_HEAT = (("HOT", 5), ("WARM", 10), ("COLD", 40), ("ICE COLD", math.inf))
_MOST = 400  # places and probes that are weighed at each step

Spot = tuple[int, int]


def _heat(place: Spot, probe: Spot) -> str:
    return next(word for word, reach in _HEAT if math.dist(place, probe) < reach)


@oracle("hot-cold")
def hot_cold(page: View) -> str | None:
    """Probe where the answers split what is left of the possible places most evenly; click once it is hot."""
    shown, probes = page.find("#signal"), page.memory.setdefault("probes", [])
    if shown and probes:
        probes[-1][2] = shown.text
    if probes and probes[-1][2] == "HOT":
        return mouse("mouse_click", probes[-1][0], probes[-1][1] + _TOP)
    places = [
        (x, y)
        for x in range(5, 155)
        for y in range(5, 120)
        if all(_heat((x, y), (px, py)) == heat for px, py, heat in probes)
    ]
    x, y = _best_probe(places)
    probes.append([x, y, ""])
    return mouse("mouse_move", x, y + _TOP)


def _best_probe(places: Sequence[Spot]) -> Spot:
    sample = list(islice(places, 0, None, len(places) // _MOST + 1))
    probes = islice(sample, 0, None, len(sample) // 60 + 1)
    return min(probes, key=lambda probe: _largest(sample, probe))


def _largest(sample: Sequence[Spot], probe: Spot) -> int:
    heats = [_heat(place, probe) for place in sample]
    return max(heats.count(word) for word, _ in _HEAT)


_LINES = ((0, 1, 2), (3, 4, 5), (6, 7, 8), (0, 3, 6), (1, 4, 7), (2, 5, 8), (0, 4, 8), (2, 4, 6))
_CHECKS = (  # lines in the order in which the page looks at them, its free field first; the last that fits counts
    ((0, 1, 2), (3, 4, 5), (6, 7, 8)),
    ((1, 0, 2), (4, 3, 5), (7, 6, 8)),
    ((2, 0, 1), (5, 3, 4), (8, 6, 7)),
    ((0, 4, 8), (4, 0, 8), (8, 0, 4), (2, 4, 6), (4, 2, 6), (6, 2, 4)),
    ((0, 3, 6), (3, 0, 6), (6, 0, 3)),
    ((1, 4, 7), (4, 1, 7), (7, 1, 4)),
    ((2, 5, 8), (5, 2, 8), (8, 2, 5)),
)


def _won(board: Sequence[str], mark: str) -> bool:
    return any(all(board[place] == mark for place in line) for line in _LINES)


def _pressing(board: Sequence[str], mark: str) -> int | None:
    """Return the field with which the page would complete a row of `mark`."""
    found = [
        next((free for free, a, b in checks if not board[free] and board[a] == board[b] == mark), None)
        for checks in _CHECKS
    ]
    return next((place for place in reversed(found) if place is not None), None)


def _reply(board: Sequence[str], draws: Sequence[float]) -> tuple[int, int]:
    """Return the field that the page takes and how many numbers it draws for it."""
    free = [place for place in range(9) if not board[place]]
    if int(draws[0] * 100) < 55:
        return free[int(draws[1] * len(free))], 2
    place = _pressing(board, "o")
    place = _pressing(board, "x") if place is None else place
    return (free[int(draws[1] * len(free))], 2) if place is None else (place, 1)


def _winning(board: list[str], draws: Sequence[float]) -> int | None:
    """Return a field from which the game can be won, given the numbers that the page will draw."""
    for place in range(9):
        if board[place]:
            continue
        after = [*board[:place], "x", *board[place + 1 :]]
        if _won(after, "x"):
            return place
        if all(after):
            continue
        answer, drawn = _reply(after, draws)
        after[answer] = "o"
        if not _won(after, "o") and not all(after) and _winning(after, draws[drawn:]) is not None:
            return place
    return None


_DRAWS = (
    "((random) => { for (let i = 0; i < __envbench.drawn; i++) random(); return [...Array(16)].map(() => random()); })"
)


@oracle("tic-tac-toe")
def tic_tac_toe(page: View) -> str | None:
    """Play to win, knowing what chance will decide for the page."""
    fields = page.all(".ttt-row span")
    board = ["x" if "mark-x" in one.classes else "o" if "mark-o" in one.classes else "" for one in fields]
    place = _winning(board, page.script(f"{_DRAWS}(Math.seedrandom({page.seed}, {{ global: false }}))"))
    return None if place is None else click(fields[place])
