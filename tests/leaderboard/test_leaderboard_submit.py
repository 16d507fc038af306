"""From a run to a bundle and back: what was played is what is accepted."""

import io
import zipfile
from pathlib import Path

import msgspec
import pytest
from submissions import bundled, contents, played, small_board

from envbench.errors import InvalidValue, RunUnreadable
from envbench.evaluate import evaluate, make_plan, summarise
from envbench.leaderboard import bundle as bundles
from envbench.leaderboard.board import Board, board_plan, plan_hash
from envbench.leaderboard.bundle import EPISODES, MANIFEST, open_bundle, write_bundle
from envbench.leaderboard.schema import Metadata
from envbench.leaderboard.verify import verify
from envbench.runs import Cell, CellResult, Plan, Run, execute

ENVIRONMENTS = ("FrozenLake", "Sokoban", "WebShop", "ALFWorld")


@pytest.mark.parametrize("agent", ["null", "random", "oracle"])
@pytest.mark.parametrize("name", ENVIRONMENTS)
def test_what_was_played_is_accepted(tmp_path: Path, name: str, agent: str) -> None:
    board = small_board(f"envbench/{name}-v0", tasks=3)
    report = verify(bundled(board, agent, tmp_path), board=board)
    assert (report.verdict, report.level) == ("accepted", "replayed")
    assert report.row is not None
    assert report.plan_sha256 == plan_hash(board)
    if agent == "null":
        assert (report.row.score.estimate, report.row.totals.steps) == (0.0, 3 * board.max_steps)
    elif agent == "oracle" and name != "FrozenLake":
        assert report.row.score.estimate == 1.0


def test_the_row_says_what_the_run_says(lake: Board, tmp_path: Path) -> None:
    run = played(lake, "random", tmp_path / "run")
    write_bundle(run, lake, Metadata(method="mine"), tmp_path / "a.zip")
    row = verify(tmp_path / "a.zip", board=lake).row
    [summary] = summarise(run.episodes())
    assert row is not None
    for name in ("success", "score"):
        measure, interval = getattr(row, name), summary.measures[name]
        assert (measure.estimate, measure.n, measure.unit) == (interval.estimate, interval.n, interval.unit)
    assert row.totals.steps == sum(one["steps"] for one in run.episodes())
    assert row.totals.invalid_actions == sum(one["invalid_actions"] for one in run.episodes())
    assert row.outcomes == {name: count for name, count in summary.outcomes.items() if count}


def test_processes_do_not_change_a_report(rooms: Board, rooms_bundle: bytes, bundle_file: Path) -> None:
    bundle_file.write_bytes(rooms_bundle)
    told: list[tuple[int, int]] = []
    report = verify(bundle_file, 2, board=rooms, on_progress=lambda played, rows, _: told.append((played, rows)))
    assert report == verify(bundle_file, 1, board=rooms)
    assert told[-1] == (4, 4)


def test_a_bundle_is_a_zip_of_two_readable_files_and_always_the_same(lake: Board, tmp_path: Path) -> None:
    run = played(lake, "random", tmp_path / "run")
    for name in ("a.zip", "b.zip"):
        write_bundle(run, lake, Metadata(method="mine"), tmp_path / name)
    assert (tmp_path / "a.zip").read_bytes() == (tmp_path / "b.zip").read_bytes()
    with zipfile.ZipFile(io.BytesIO((tmp_path / "a.zip").read_bytes())) as archive:
        assert archive.testzip() is None
        assert archive.namelist() == [MANIFEST, EPISODES]


def test_a_bundle_reads_back_as_it_was_written(lake: Board, tmp_path: Path) -> None:
    run = played(lake, "random", tmp_path / "run")
    metadata = Metadata(method="mine", model="m", parameters=7, tokens=0, hours=1.5, paper="p", trained_on=("a/b/c",))
    manifest = write_bundle(run, lake, metadata, tmp_path / "a.zip")
    opened = open_bundle(tmp_path / "a.zip")
    assert (opened.manifest, opened.manifest.metadata) == (manifest, metadata)
    for episode, row in zip(opened.episodes(), run.episodes(), strict=True):
        assert episode.row() == {name: row[name] for name in episode.row()}


def test_a_run_of_another_plan_is_refused_and_told_why(lake: Board, tmp_path: Path) -> None:
    run = played(msgspec.structs.replace(lake, seed=7), "random", tmp_path / "run")
    for partial in (False, True):
        with pytest.raises(InvalidValue, match=r"seed 7, the board has 0.*envbench eval --board"):
            write_bundle(run, lake, Metadata(method="x"), tmp_path / "a.zip", partial)
    other = evaluate(make_plan("envbench/FrozenLake-v0", "random", episodes=1), tmp_path / "other")
    with pytest.raises(InvalidValue, match="max_steps"):
        write_bundle(other, lake, Metadata(method="x"), tmp_path / "a.zip", allow_partial=True)
    assert not (tmp_path / "a.zip").exists()


def test_missing_episodes_count_as_failures(lake: Board, tmp_path: Path) -> None:
    fewer = msgspec.structs.replace(lake, tasks=2, trials=1, panel=small_board(lake.env, tasks=2).panel)
    run = played(fewer, "oracle", tmp_path / "run")
    with pytest.raises(InvalidValue, match="--allow-partial"):
        write_bundle(run, lake, Metadata(method="x"), tmp_path / "a.zip")
    manifest = write_bundle(run, lake, Metadata(method="x"), tmp_path / "a.zip", allow_partial=True)
    assert (manifest.claim.missing, manifest.claim.success.n) == (4, 6)
    report = verify(tmp_path / "a.zip", board=lake)
    assert report.row is not None
    assert (report.verdict, report.row.planned, report.row.missing) == ("accepted", 6, 4)
    won = sum(row["success"] for row in run.episodes())
    assert report.row.success.estimate == pytest.approx(won / 6)


def test_episodes_beyond_the_plan_are_refused(lake: Board, tmp_path: Path) -> None:
    run = played(msgspec.structs.replace(lake, trials=3), "null", tmp_path / "run")
    with pytest.raises(InvalidValue, match="3 episodes are none of small-frozenlake"):
        write_bundle(run, lake, Metadata(method="x"), tmp_path / "a.zip", allow_partial=True)


def nothing(config: object, spec: object) -> CellResult:
    return CellResult()


def test_what_is_no_finished_eval_is_refused(lake: Board, tmp_path: Path) -> None:
    sweep = execute(Plan("sweep", {}, (Cell("only", {}),)), nothing, tmp_path / "sweep")
    with pytest.raises(InvalidValue, match="only an eval"):
        write_bundle(sweep, lake, Metadata(method="x"), tmp_path / "a.zip")
    run = played(lake, "null", tmp_path / "run")
    (run.path / "DONE").unlink()
    with pytest.raises(RunUnreadable, match="not finished"):
        write_bundle(run, lake, Metadata(method="x"), tmp_path / "a.zip")


def test_nothing_is_overwritten(lake: Board, tmp_path: Path) -> None:
    run = played(lake, "null", tmp_path / "run")
    (tmp_path / "a.zip").write_text("mine")
    with pytest.raises(InvalidValue, match="exists"):
        write_bundle(run, lake, Metadata(method="x"), tmp_path / "a.zip")
    assert (tmp_path / "a.zip").read_text() == "mine"


@pytest.mark.parametrize("action", ["a" * 5000, "\ud800"], ids=["long", "surrogate"])
def test_what_a_bundle_cannot_hold_is_named(
    lake: Board, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, action: str
) -> None:
    run = played(lake, "null", tmp_path / "run")
    rows = run.episodes()
    rows[0]["actions"][0] = action
    monkeypatch.setattr(Run, "episodes", lambda self: rows)
    with pytest.raises(InvalidValue, match="trial 0 of frozenlake/builtin/test/0000 does not fit"):
        write_bundle(run, lake, Metadata(method="x"), tmp_path / "a.zip")


def test_too_much_is_refused(lake: Board, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bundles, "MAX_EPISODES", 1000)
    with pytest.raises(InvalidValue, match="more than the 1000"):
        bundled(lake, "null", tmp_path)


def test_addresses_and_paths_stay_at_home(lake: Board, tmp_path: Path) -> None:
    first = played(lake, "random", tmp_path / "first")
    run = evaluate(board_plan(lake, "replay", {"run": str(first.path)}), tmp_path / "second")
    write_bundle(run, lake, Metadata(method="x"), tmp_path / "a.zip")
    manifest, _ = contents((tmp_path / "a.zip").read_bytes())
    assert manifest["agent"] == {"name": "replay", "options": {}}
    assert str(tmp_path) not in str(manifest)
