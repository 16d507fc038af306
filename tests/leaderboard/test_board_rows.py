"""Which submissions a board shows, in which order, and which of them can be told apart."""

import json
import sys
from pathlib import Path

import msgspec
import pytest
from made_up import accepted, board_home, put, submission
from submissions import forged

from envbench.cli import main
from envbench.errors import CardError, DataMissing, InvalidValue
from envbench.leaderboard import rows
from envbench.leaderboard.board import Board
from envbench.leaderboard.pages import markdown
from envbench.leaderboard.rows import COMPARED, REPORT, SUBMISSION, Home, place_of, rank, read_submissions
from envbench.leaderboard.verdict import Report

ALL, NONE = (1.0,) * 40, (0.0,) * 40
HALF = (1.0, 0.0) * 20


@pytest.fixture(scope="module")
def report(tmp_path_factory: pytest.TempPathFactory, lake: Board, lake_bundle: bytes) -> Report:
    return accepted(tmp_path_factory.mktemp("accepted"), lake_bundle, lake)


@pytest.fixture
def home(tmp_path: Path, lake: Board) -> Path:
    return board_home(tmp_path, lake)


def test_the_best_comes_first_and_bounds_have_no_rank(report: Report, lake: Board) -> None:
    told = [
        submission(report, "middle", HALF),
        submission(report, "oracle", ALL, agent="oracle"),
        submission(report, "best", ALL),
        submission(report, "boast", ALL, level="self-reported"),
        submission(report, "boast-less", HALF, level="self-reported"),
    ]
    found = [(one.id, one.place, one.rank) for one in rank(lake, told).rows]
    assert found == [
        ("best", "ranked", 1),
        ("boast", "self-reported", 1),
        ("oracle", "reference", None),
        ("boast-less", "self-reported", 2),
        ("middle", "ranked", 2),
    ]


def test_rows_share_a_letter_unless_they_can_be_told_apart(report: Report, lake: Board) -> None:
    almost = (*HALF[:-2], 1.0, 1.0)
    told = [submission(report, name, values) for name, values in (("a", ALL), ("b", HALF), ("c", almost), ("d", NONE))]
    told.append(submission(report, "e", HALF, level="self-reported"))
    groups = {one.id: one.group for one in rank(lake, told).rows}
    assert groups == {"a": "A", "c": "B", "b": "B", "d": "C", "e": ""}


def test_no_more_rows_are_compared_than_can_be_told_apart(report: Report, lake: Board) -> None:
    pairs = COMPARED * (COMPARED - 1) // 2
    assert pairs / (1 + rows.RESAMPLES) <= 0.05 < (pairs + COMPARED) / (1 + rows.RESAMPLES)
    told = [submission(report, f"row-{number:02d}", ALL[number:] + NONE[:number]) for number in range(COMPARED + 2)]
    standings = rank(lake, told)
    assert [bool(one.group) for one in standings.rows] == [True] * COMPARED + [False] * 2


def test_a_committed_report_is_taken_only_for_its_own_bundle_plan_and_version(
    home: Path, lake: Board, lake_bundle: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = put(home, "mine", lake_bundle)
    [first] = read_submissions(Home(lake, home))
    kept = json.loads((folder / REPORT).read_bytes())
    calls = []
    monkeypatch.setattr(rows, "verify", lambda *_, **__: calls.append(1) or first.report)
    assert read_submissions(Home(lake, home)) == [first]
    assert not calls
    for change in ({"bundle_sha256": "0" * 64}, {"plan_sha256": "0" * 64}, {"envbench": "0.0"}, {"version": 0}):
        (folder / REPORT).write_text(json.dumps(kept | change))
        read_submissions(Home(lake, home))
        assert calls.pop()
    (folder / REPORT).write_text("{")
    read_submissions(Home(lake, home))
    assert calls.pop()
    read_submissions(Home(lake, home), anew=True)
    assert calls.pop()


def test_what_could_not_be_replayed_is_replayed_once_its_data_are_here(
    home: Path, lake: Board, lake_bundle: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    def absent(_: Board) -> object:
        raise DataMissing("frozenlake", "its files", "type something")

    folder = put(home, "mine", lake_bundle)
    with monkeypatch.context() as without:
        without.setattr("envbench.leaderboard.verify.board_episodes", absent)
        without.setattr(rows, "board_episodes", absent)
        [first] = read_submissions(Home(lake, home))
        assert first.report.level == "self-reported"
    [second] = read_submissions(Home(lake, home))
    assert second.report.level == "replayed"
    committed = (folder / REPORT).read_bytes()
    monkeypatch.setattr("envbench.leaderboard.verify.board_episodes", absent)
    monkeypatch.setattr(rows, "board_episodes", absent)
    assert read_submissions(Home(lake, home)) == [second]
    with pytest.raises(InvalidValue, match="cannot be here"):
        read_submissions(Home(lake, home), anew=True)
    assert (folder / REPORT).read_bytes() == committed


def test_a_refused_bundle_is_named_and_not_ranked(home: Path, lake: Board, lake_bundle: bytes) -> None:
    put(home, "fine", lake_bundle)
    put(home, "forged", forged(lake_bundle, lambda _, episodes: episodes[0]["rewards"].__setitem__(0, 0.5)))
    put(home, "noise", b"no bundle")
    standings = rank(lake, read_submissions(Home(lake, home)))
    assert [one.id for one in standings.rows] == ["fine"]
    assert [(one.id, one.report.verdict) for one in standings.refused] == [
        ("forged", "refused"),
        ("noise", "unreadable"),
    ]
    text = markdown(standings)
    assert "## Not accepted" in text
    assert "`forged` is refused: replay" in text


@pytest.mark.parametrize("name", ["Upper", "with space", "-dash", "a" * 81, "<b>"])
def test_a_name_that_is_no_identifier_is_refused(home: Path, lake: Board, lake_bundle: bytes, name: str) -> None:
    put(home, name, lake_bundle)
    with pytest.raises(CardError, match="rename the folder"):
        read_submissions(Home(lake, home))


@pytest.mark.parametrize(
    "text", ['method = "another"\n', 'method = "random"\nmodel = "mine"\n', "method =", "cost = 1\n"]
)
def test_words_that_the_bundle_does_not_say_are_refused(home: Path, lake: Board, lake_bundle: bytes, text: str) -> None:
    folder = put(home, "mine", lake_bundle)
    (folder / SUBMISSION).write_text('method = "random"\n')
    read_submissions(Home(lake, home))
    (folder / SUBMISSION).write_text(text)
    with pytest.raises(CardError, match=r"submission\.toml"):
        read_submissions(Home(lake, home))


def test_build_and_list_as_typed(
    home: Path, lake_bundle: bytes, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    put(home, "fine", lake_bundle)

    def call(*words: object) -> tuple[object, str, str]:
        monkeypatch.setattr(sys, "argv", ["envbench", "board", *map(str, words)])
        with pytest.raises(SystemExit) as end:
            main()
        shown = capsys.readouterr()
        return end.value.code, shown.out, shown.err

    code, out, err = call("build", home, "--out", tmp_path / "site", "--json")
    document = json.loads(out)
    assert code == 0
    assert document["rows"] == {home.name: 1}
    assert all(Path(path).is_file() for path in document["files"])
    assert json.loads((home / "index.json").read_bytes())["rows"][0]["id"] == "fine"
    assert "next: open" in err
    put(home, "noise", b"no bundle")
    code, out, _ = call("build", home, "--out", tmp_path / "site", "--json")
    assert code == 1
    assert [one["id"] for one in json.loads(out)["refused"]] == ["noise"]
    code, _, err = call("build", home, home)
    assert code == 2
    assert "twice" in err
    code, out, _ = call("list", "--json")
    assert code == 0
    assert {one["name"] for one in json.loads(out)} >= {"sokoban", "webshop-builtin"}


def test_a_board_is_found_by_name_and_by_folder(home: Path, lake: Board) -> None:
    assert place_of(home) == place_of(home / "board.toml") == Home(lake, home)
    assert place_of("sokoban").folder.name == "sokoban"


def test_a_report_survives_being_written(report: Report) -> None:
    assert rows.read_report(rows.report_bytes(report)) == report
    assert report.row is not None
    assert len(report.row.values) == len(report.row.clusters) == report.row.planned
    assert msgspec.json.decode(rows.report_bytes(report))["envbench"]
