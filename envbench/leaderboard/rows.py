"""What a board shows: its submissions, verified, ranked, and the rows that cannot be told apart.

place = place_of("sokoban")
standings = rank(place.board, read_submissions(place))
"""

from __future__ import annotations

import hashlib
import tomllib
from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import combinations
from pathlib import Path
from typing import Any, Literal

import msgspec
import regex

from envbench import __version__
from envbench.cards import home
from envbench.errors import CardError, DataMissing, InvalidValue, MissingExtra
from envbench.leaderboard.board import Board, board_episodes, plan_hash, read_board
from envbench.leaderboard.bundle import BUNDLE_NAME
from envbench.leaderboard.schema import Measure, Metadata
from envbench.leaderboard.verdict import REPORT_VERSION, Report, Row, read_report
from envbench.leaderboard.verify import Progress, verify
from envbench.runs.files import plain_errors, write_atomic
from envbench.seeding import derive_seed
from envbench.stats import holm, paired

SUBMISSIONS, SUBMISSION, REPORT = "submissions", "submission.toml", "report.json"
REFERENCES = {"null": "floor", "random": "chance", "oracle": "ceiling"}
"""Agents that bound what can be reached: shown, never ranked."""

RESAMPLES = 2000
COMPARED = 14
"""Rows that are compared in pairs. Holm's smallest p of 2,000 sign flips, times their 91 pairs, is still below 0.05;
with more rows no pair could ever be told apart."""

_ID = regex.compile(r"[a-z0-9][a-z0-9._-]{0,79}")
_DIGITS = 6

Place = Literal["ranked", "reference", "self-reported"]


@dataclass(frozen=True, slots=True)
class Home:
    """A board and the folder that holds it."""

    board: Board
    folder: Path


@dataclass(frozen=True, slots=True)
class Submission:
    """One folder of `submissions/` and what its verification found."""

    id: str
    report: Report


@dataclass(frozen=True, slots=True)
class Standing:
    """An accepted row and where it stands.

    Attributes:
        id: of the submission.
        place: `ranked`; `reference` for the bounds; `self-reported` for what could not be replayed.
        rank: from 1 among the ranked; among the self-reported, which are ranked apart; None for references.
        group: letters; rows that share one are not distinguishable. "" where no comparison was made.
        row, report: as verified.
    """

    id: str
    place: Place
    rank: int | None
    group: str
    row: Row
    report: Report


@dataclass(frozen=True, slots=True)
class Standings:
    """A board's rows, best first, and the submissions that were not accepted."""

    board: Board
    rows: tuple[Standing, ...]
    refused: tuple[Submission, ...]


def place_of(name: str | Path) -> Home:
    """Return a board of the project by name, or any by the path of its folder.

    Raises:
        UnknownName, CardError: as `read_board`.
    """
    known = home() / "leaderboards" / str(name)
    if isinstance(name, str) and (known / "board.toml").is_file():
        return Home(read_board(name), known)
    path = Path(name)
    return Home(read_board(name), path if path.is_dir() else path.parent)


def submission_folders(place: Home) -> list[Path]:
    """Return the folders of a board's submissions, sorted.

    Raises:
        CardError: for one with a name that is no identifier: names become addresses.
    """
    folders = sorted(path for path in (place.folder / SUBMISSIONS).glob("*") if path.is_dir())
    for folder in folders:
        if not _ID.fullmatch(folder.name):
            raise CardError(
                f"{folder}: the name of a submission is of a-z, 0-9, '.', '_' and '-', 80 at most: rename the folder"
            )
    return folders


def read_submissions(
    place: Home, workers: int = 1, *, anew: bool = False, on_progress: Progress | None = None
) -> list[Submission]:
    """Return every submission of a board, verified; reports that were made now are kept as `report.json`.

    A committed report is taken when it is of this very bundle, plan and version of envbench; a pull request could
    bring a false one, so CI verifies all of them anew.

    Args:
        place: of the board.
        workers: processes that play again.
        anew: take no committed report.
        on_progress: as `verify` calls it.

    Raises:
        InvalidValue: where a row that was replayed cannot be verified again for want of its data.
        CardError: as `submission_folders`, and for a `submission.toml` that says something else than its bundle.
        EnvbenchError: as `verify`.
    """
    plan, here = plan_hash(place.board), _replayable(place.board)
    found = []
    for folder in submission_folders(place):
        kept = _kept(folder, plan)
        report = kept
        if kept is None or anew or not _final(kept, here):
            report = verify(folder, workers, board=place.board, on_progress=on_progress)
            if kept is not None and kept.level == "replayed" and report.level == "self-reported":
                raise InvalidValue(f"{folder} was replayed once and cannot be here: {_why_not(report)}")
            with plain_errors(folder):
                write_atomic(folder / REPORT, report_bytes(report))
        assert report is not None  # kept or made
        _check_told(folder, report)
        found.append(Submission(folder.name, report))
    return found


def _replayable(board: Board) -> bool:
    """Say whether the tasks of a board are on this machine."""
    try:
        return bool(board_episodes(board))
    except (DataMissing, MissingExtra):
        return False


def _final(report: Report, here: bool) -> bool:
    """Say whether a report of this bundle and plan may be taken: not one of another version, nor a poorer one."""
    if (report.envbench, report.version) != (__version__, REPORT_VERSION):
        return False
    return report.level != "self-reported" or not here


def _why_not(report: Report) -> str:
    return next(check.text for check in report.checks if check.name == "replay")


def report_bytes(report: Report) -> bytes:
    """Return `report.json`."""
    return msgspec.json.encode(report) + b"\n"


def _kept(folder: Path, plan: str) -> Report | None:
    """Return the committed report where it is of this bundle and plan."""
    try:
        report = read_report((folder / REPORT).read_bytes())
        bundle = hashlib.sha256((folder / BUNDLE_NAME).read_bytes()).hexdigest()
    except (OSError, msgspec.DecodeError):
        return None
    return report if (report.bundle_sha256, report.plan_sha256) == (bundle, plan) else None


def _check_told(folder: Path, report: Report) -> None:
    """Compare `submission.toml`, the words a reviewer reads, with the bundle."""
    file = folder / SUBMISSION
    if report.row is not None and file.is_file() and told(file) != report.row.metadata:
        raise CardError(f"{file} differs from its bundle: make it again with envbench submit --metadata {SUBMISSION}")


def told(file: Path) -> Metadata:
    """Return `submission.toml`: the metadata of a bundle.

    Raises:
        CardError: for a file that cannot be read, or holds something else.
    """
    try:
        return msgspec.convert(tomllib.loads(file.read_text("utf-8")), Metadata)
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError, msgspec.ValidationError) as error:
        raise CardError(f"{file} is no description of a submission ({error})") from None


def rank(board: Board, submissions: Sequence[Submission]) -> Standings:
    """Order the accepted submissions, best first, and give those that were replayed their letters.

    Order: the board's metric, then the other measure, then the name.
    """
    accepted = [(one.id, one.report, one.report.row) for one in submissions if one.report.row is not None]
    other = "score" if board.metric == "success" else "success"
    accepted.sort(key=lambda one: (-getattr(one[2], board.metric).estimate, -getattr(one[2], other).estimate, one[0]))
    replayed = {name: row for name, report, row in accepted if report.level == "replayed"}
    letters = groups_of(board, replayed)
    counts = {"ranked": 0, "self-reported": 0}
    rows = []
    for name, report, row in accepted:
        place = _place(report, row)
        if place != "reference":
            counts[place] += 1
        rows.append(Standing(name, place, counts.get(place), letters.get(name, ""), row, report))
    refused = tuple(one for one in submissions if one.report.row is None)
    return Standings(board, tuple(rows), refused)


def _place(report: Report, row: Row) -> Place:
    if report.level != "replayed":
        return "self-reported"
    return "reference" if row.agent in REFERENCES else "ranked"


def groups_of(board: Board, replayed: dict[str, Row]) -> dict[str, str]:
    """Return the letters of the first `COMPARED` rows: those that share one are not distinguishable.

    All pairs are compared episode by episode on the plan that both replayed, clusters resampled together, p adjusted
    by Holm for all pairs.

    Args:
        board: of the rows.
        replayed: id -> row, best first.
    """
    import pandas as pd

    from envbench.report.agents import groups

    chosen = list(replayed)[:COMPARED]
    if len(chosen) < 2:
        return {}
    pairs = list(combinations(chosen, 2))
    made = [
        paired(
            replayed[a].values,
            replayed[b].values,
            list(replayed[a].clusters),
            rng=derive_seed(board.seed, "board", a, b),
            resamples=RESAMPLES,
        )
        for a, b in pairs
    ]
    adjusted = holm([one.p_value for one in made])
    verdicts = [replace(one, p_value=float(p)).verdict for one, p in zip(made, adjusted, strict=True)]
    return groups(
        chosen,
        pd.DataFrame(
            [(*pair, word) for pair, word in zip(pairs, verdicts, strict=True)], columns=["a", "b", "verdict"]
        ),
    )


def index(standings: Standings) -> dict[str, Any]:
    """Return `index.json`: the board and its rows as plain data, estimates to six digits."""
    board = standings.board
    return {
        "board": board.name,
        "title": board.title,
        "env": board.env,
        "dataset": board.dataset,
        "split": board.split,
        "tasks": board.tasks,
        "trials": board.trials,
        "max_steps": board.max_steps,
        "metric": board.metric,
        "budget": msgspec.to_builtins(board.budget),
        "panel_sha256": board.panel,
        "plan_sha256": plan_hash(board),
        "rows": [_indexed(one) for one in standings.rows],
        "refused": [
            {"id": one.id, "verdict": one.report.verdict, "reason": one.report.reason} for one in standings.refused
        ],
    }


def _indexed(one: Standing) -> dict[str, Any]:
    row = one.row
    return {
        "id": one.id,
        "place": one.place,
        "rank": one.rank,
        "group": one.group,
        "agent": row.agent,
        "metadata": msgspec.to_builtins(row.metadata),
        "success": _rounded(row.success),
        "score": _rounded(row.score),
        "planned": row.planned,
        "missing": row.missing,
        "outcomes": row.outcomes,
        "totals": msgspec.to_builtins(row.totals),
        "bundle_sha256": one.report.bundle_sha256,
        "flagged": [check.name for check in one.report.checks if check.flagged],
    }


def _rounded(measure: Measure) -> dict[str, Any]:
    document: dict[str, Any] = msgspec.to_builtins(measure)
    return {name: round(value, _DIGITS) if isinstance(value, float) else value for name, value in document.items()}


def per_episode(row: Row, name: str) -> float | None:
    """Return a total of a row per submitted episode; `tokens` is prompt and completion; None where none was played."""
    totals = row.totals
    total = totals.prompt_tokens + totals.completion_tokens if name == "tokens" else getattr(totals, name)
    played = row.planned - row.missing
    return None if total is None or not played else total / played
