"""`envbench board build`: verified submissions become `table.md`, `index.json` and a site."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import NamedTuple

import msgspec

from envbench.errors import InvalidValue
from envbench.leaderboard.board import boards
from envbench.leaderboard.rows import (
    COMPARED,
    Standing,
    Standings,
    index,
    per_episode,
    place_of,
    rank,
    read_submissions,
)
from envbench.leaderboard.schema import Measure
from envbench.leaderboard.site import Shown, short, write_site
from envbench.leaderboard.verify import Progress
from envbench.report.page import plain, write_file

TABLE, INDEX = "table.md", "index.json"


class Built(NamedTuple):
    """What was written: the files beside the submissions, the pages of the site, and the standings."""

    files: list[Path]
    pages: list[Path]
    standings: list[Standings]


def build(
    names: Sequence[str | Path],
    out: Path,
    workers: int = 1,
    *,
    anew: bool = False,
    on_progress: Progress | None = None,
) -> Built:
    """Write the tables of boards into their folders and their site into `out`.

    Args:
        names: of boards, or paths of their folders; every board of the project when empty.
        out: folder of the site; an earlier one is replaced.
        workers: processes that verify.
        anew: verify what has a report already.
        on_progress: as `verify` calls it.

    Raises:
        UnknownName, CardError: for a board or a submission that is none.
        InvalidValue: for a folder `out` that holds something else, and for a board that is named twice.
    """
    shown: list[Shown] = []
    files = []
    for place in [place_of(name) for name in names or list(boards())]:
        if place.board.name in [one.place.board.name for one in shown]:
            raise InvalidValue(f"the board {place.board.name} is named twice: name each once")
        standings = rank(place.board, read_submissions(place, workers, anew=anew, on_progress=on_progress))
        shown.append(Shown(place, standings))
        files += [write_file(place.folder / path, data) for path, data in tables(standings).items()]
    return Built(files, write_site(shown, out), [one.standings for one in shown])


def tables(standings: Standings) -> dict[str, bytes]:
    """Return the files that are committed beside the submissions: name -> content."""
    document = msgspec.json.format(msgspec.json.encode(index(standings)), indent=1)
    return {TABLE: markdown(standings).encode("utf-8", "replace"), INDEX: document + b"\n"}


def markdown(standings: Standings) -> str:
    """Return `table.md`."""
    board = standings.board
    noise = f", {board.trials} trials each" if board.trials > 1 else ""
    parts = [
        f"# {plain(board.title)}",
        f"{board.tasks} tasks of `{board.env}`, {board.dataset}/{board.split}{noise}, at most {board.max_steps} steps; "
        f"ranked by {board.metric}. Made by `envbench board build {board.name}`; not edited by hand.",
        "A row proves its outcomes, not its authorship: every episode was played again to the bit, and who or what "
        "chose the actions is the submitter's word. Brackets are 95 % intervals. Rows that share a letter are not "
        f"distinguishable (paired by episode, p adjusted for all pairs of the first {COMPARED} rows). `null`, `random` "
        "and `oracle` are bounds and carry no rank.",
        _table(board.metric, [one for one in standings.rows if one.place != "self-reported"]),
    ]
    told = [one for one in standings.rows if one.place == "self-reported"]
    if told:
        parts += ["## Self-reported", "Not replayed, and therefore ranked apart.", _table(board.metric, told)]
    if standings.refused:
        lines = [f"- `{one.id}` is {one.report.verdict}: {plain(one.report.reason)}" for one in standings.refused]
        parts += ["## Not accepted", "\n".join(lines)]
    return "\n\n".join(parts) + "\n"


def _table(metric: str, rows: Sequence[Standing]) -> str:
    other = "score" if metric == "success" else "success"
    head = ("#", "method", "model", metric, "group", other, "steps/episode", "tokens/episode", "training steps", "row")
    lines = [_line(head), _line("---:" if name in ("#", "steps/episode") else "---" for name in head)]
    for one in rows:
        row, told = one.row, one.row.metadata
        missing = f" ({row.missing} of {row.planned} missing)" if row.missing else ""
        lines.append(
            _line(
                (
                    "" if one.rank is None else str(one.rank),
                    plain(told.method) + missing,
                    plain(told.model),
                    _shown(getattr(row, metric)),
                    one.group,
                    _shown(getattr(row, other)),
                    short(per_episode(row, "steps")),
                    short(per_episode(row, "tokens")),
                    short(told.env_steps),
                    f"[{one.id}](submissions/{one.id})",
                )
            )
        )
    return "\n".join(lines)


def _shown(measure: Measure) -> str:
    bounds = "unknown" if measure.low is None else f"{measure.low:.3f} to {measure.high:.3f}"
    return f"{measure.estimate:.3f} ({bounds})"


def _line(cells: Iterable[str]) -> str:
    return f"| {' | '.join(cells)} |"
