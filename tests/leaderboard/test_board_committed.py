"""The rows in `leaderboards/`: verified, and their tables are what `envbench board build` makes of them."""

from pathlib import Path

import pytest

from envbench.cards import home
from envbench.errors import DataMissing, MissingExtra
from envbench.evaluate import environment
from envbench.leaderboard.board import board_config, board_episodes, boards, plan_hash
from envbench.leaderboard.bundle import BUNDLE_NAME, open_bundle
from envbench.leaderboard.pages import tables
from envbench.leaderboard.replay import replay_episode
from envbench.leaderboard.rows import (
    REFERENCES,
    REPORT,
    SUBMISSION,
    place_of,
    rank,
    read_submissions,
    submission_folders,
    told,
)
from envbench.leaderboard.verdict import read_report
from envbench.leaderboard.verify import verify
from envbench.registry import card_of

ROWS = [path for name in boards() for path in submission_folders(place_of(name))]
NAMES = [f"{path.parents[1].name}-{path.name}" for path in ROWS]
SAMPLE = 6  # episodes of a row
LARGEST = 300_000  # bytes of a committed bundle
OURS = ("builtin",)  # data sets whose texts are the project's own


def board_of(row: Path) -> str:
    return row.parents[1].name


def in_browser(row: Path) -> bool:
    return card_of(boards()[board_of(row)].env).env.extra == "browser"


rows = pytest.mark.parametrize("row", ROWS, ids=NAMES)
played_rows = pytest.mark.parametrize(
    "row",
    [
        pytest.param(row, id=name, marks=[pytest.mark.browser] * in_browser(row))
        for row, name in zip(ROWS, NAMES, strict=True)
    ],
)


def need_data(name: str) -> None:
    try:
        board_episodes(boards()[name])
    except (DataMissing, MissingExtra) as error:
        pytest.skip(str(error))


@pytest.mark.parametrize("name", sorted(boards()))
def test_every_board_has_its_bounds(name: str) -> None:
    names = {path.name for path in submission_folders(place_of(name))}
    assert names >= (set(REFERENCES) if boards()[name].dataset in OURS else {"null"})


@rows
def test_a_committed_report_is_of_the_committed_bundle(row: Path) -> None:
    report, bundle = read_report((row / REPORT).read_bytes()), open_bundle(row)
    board = boards()[board_of(row)]
    assert report.verdict == "accepted"
    assert report.level == "replayed"
    assert (report.bundle_sha256, report.plan_sha256) == (bundle.sha256, plan_hash(board))
    assert report.row is not None
    assert report.row.metadata == bundle.manifest.metadata == told(row / SUBMISSION)
    assert (row / BUNDLE_NAME).stat().st_size <= LARGEST


@played_rows
def test_a_sample_of_the_committed_episodes_happens_again(row: Path) -> None:
    name = board_of(row)
    need_data(name)
    config = board_config(boards()[name])
    episodes = list(open_bundle(row).episodes())
    for episode in episodes[:: -(-len(episodes) // SAMPLE)]:
        assert replay_episode(environment(config), episode, ask_oracle=False).differences == ()


@pytest.mark.slow
@played_rows
def test_every_committed_row_is_accepted_again(row: Path) -> None:
    need_data(board_of(row))
    committed = read_report((row / REPORT).read_bytes())
    again = verify(row)
    assert again.reason == committed.reason
    assert again.checks == committed.checks
    assert again.row is not None
    assert committed.row is not None
    assert (again.row.values, again.row.clusters) == (committed.row.values, committed.row.clusters)
    assert (again.row.totals, again.row.outcomes) == (committed.row.totals, committed.row.outcomes)


@pytest.mark.parametrize("name", sorted(boards()))
def test_committed_tables_are_what_the_rows_make(name: str) -> None:
    place = place_of(name)
    before = {path: path.read_bytes() for path in sorted(place.folder.rglob(REPORT))}
    made = tables(rank(place.board, read_submissions(place)))
    assert {path: path.read_bytes() for path in before} == before, "a committed report is stale: envbench board build"
    for file, content in made.items():
        assert (place.folder / file).read_bytes() == content, f"type: envbench board build {name}"


def test_texts_of_others_stay_out_of_committed_bundles() -> None:
    """Whoever searches the original's shop quotes its products: only the row that says nothing may be published."""
    for row in ROWS:
        if boards()[board_of(row)].dataset not in OURS:
            for episode in open_bundle(row).episodes():
                assert not any(episode.actions), row


def test_no_path_of_a_machine_is_committed() -> None:
    for path in sorted((home() / "leaderboards").rglob("*.json")):
        assert str(Path.home()) not in path.read_text("utf-8")
