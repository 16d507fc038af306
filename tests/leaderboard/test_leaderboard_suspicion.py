"""True results that a board does not ask for, and results that cannot be replayed here."""

from pathlib import Path
from typing import Any

import msgspec
import pytest
from submissions import Row, bundled, contents, forged, lines, sealed, small_board

from envbench.errors import CardError, DataMissing
from envbench.leaderboard import checks, suspicion
from envbench.leaderboard import verify as verification
from envbench.leaderboard.board import Board, board_episodes, plan_hash
from envbench.leaderboard.bundle import open_bundle
from envbench.leaderboard.replay import Replayed
from envbench.leaderboard.schema import Episode, Manifest
from envbench.leaderboard.verdict import Check, Report
from envbench.leaderboard.verify import verify
from envbench.registry import panel


def check_of(report: Report, name: str) -> Check:
    [found] = [check for check in report.checks if check.name == name]
    return found


def judged(bundle: bytes, board: Board, file: Path) -> Report:
    file.write_bytes(bundle)
    return verify(file, board=board)


@pytest.fixture
def manifest(rooms_bundle: bytes, bundle_file: Path) -> Manifest:
    bundle_file.write_bytes(rooms_bundle)
    return open_bundle(bundle_file).manifest


def test_training_on_the_panel_is_refused(rooms: Board, tmp_path: Path) -> None:
    for panels, verdict in ((["sokoban/builtin/train"], "accepted"), (["sokoban/builtin/test"], "refused")):
        folder = tmp_path / verdict
        report = verify(bundled(rooms, "null", folder, trained_on=tuple(panels)), board=rooms)
        assert report.verdict == verdict
        assert panels[0] in check_of(report, "overlap").text
    assert "4 tasks are also in sokoban/builtin/test" in report.reason


def test_a_panel_that_is_not_here_is_looked_at(rooms: Board, tmp_path: Path) -> None:
    report = verify(bundled(rooms, "null", tmp_path, trained_on=("chess/x/y", "../..")), board=rooms)
    overlap = check_of(report, "overlap")
    assert (report.verdict, overlap.ok, overlap.flagged) == ("accepted", True, True)
    assert "chess/x/y, ../.." in overlap.text
    assert "to be looked at: overlap" in report.reason


def test_a_board_on_a_training_split_overlaps_with_it(manifest: Manifest) -> None:
    chosen = panel("envbench/Sokoban-v0", "builtin", "train")[:2]
    board = small_board("envbench/Sokoban-v0", tasks=2)
    assert suspicion.overlap(board, manifest, board_episodes(board)).ok
    board = msgspec.structs.replace(board, split="train", panel=chosen.sha256)
    assert not suspicion.overlap(board, manifest, board_episodes(board)).ok


def episode(trial: int, seed: int, actions: list[str], states: list[str], outcome: str = "success") -> Episode:
    return Episode(
        task="frozenlake/builtin/test/0000",
        task_digest="v1:" + "0" * 32,
        trial=trial,
        seed=seed,
        outcome=outcome,  # type: ignore[arg-type]
        score=1.0,
        actions=actions,
        rewards=[0.0] * len(actions),
        state_hashes=["v1:" + state * 32 for state in states],
        format_invalid=0,
        prompt_tokens=0,
        completion_tokens=0,
        model_calls=0,
        cost_usd=0.0,
    )


LONG = ["left", "down", "right", "up", "left"]


def test_equal_states_under_other_noise_cannot_be() -> None:
    twins = [episode(0, 1, LONG, list("012345")), episode(1, 2, LONG, list("012345"))]
    assert not suspicion.copies(twins, stochastic=True).ok
    assert suspicion.copies(twins, stochastic=False).ok


def test_blind_repetition_is_looked_at() -> None:
    blind = [episode(0, 1, LONG, list("012345")), episode(1, 2, LONG, list("543210"))]
    found = suspicion.copies(blind, stochastic=True)
    assert (found.ok, found.flagged) == (True, True)
    assert found.text.startswith("2 episodes")
    other = [blind[0], episode(1, 2, LONG[::-1], list("543210"))]
    assert not suspicion.copies(other, stochastic=True).flagged


@pytest.mark.parametrize(("alike", "flagged"), [(20, True), (19, True), (18, False)])
def test_too_many_oracle_ways_are_looked_at(manifest: Manifest, alike: int, flagged: bool) -> None:
    named = msgspec.structs.replace(manifest, agent=msgspec.structs.replace(manifest.agent, name="openai"))
    episodes = [episode(number, number, LONG, list("012345")) for number in range(20)]
    replayed = [Replayed((), 0, number < alike) for number in range(20)]
    found = suspicion.oracle_canary(named, episodes, replayed)
    assert (found.ok, found.flagged) == (True, flagged)
    assert found.text.startswith(f"{alike} of 20 successes")


def test_few_short_or_failed_episodes_say_nothing(manifest: Manifest) -> None:
    named = msgspec.structs.replace(manifest, agent=msgspec.structs.replace(manifest.agent, name="openai"))
    for given in (
        [episode(0, 0, LONG, list("012345"))] * 19,
        [episode(0, 0, LONG[:2], list("012"))] * 50,
        [episode(0, 0, LONG, list("012345"), outcome="timeout")] * 50,
    ):
        assert not suspicion.oracle_canary(named, given, [Replayed((), 0, True)] * len(given)).flagged


def test_an_oracle_under_another_name_is_looked_at(tmp_path: Path) -> None:
    board = small_board("envbench/ALFWorld-v0", tasks=24)
    true = bundled(board, "oracle", tmp_path)
    assert not check_of(verify(true, board=board), "oracle").flagged
    changed = forged(true.read_bytes(), lambda manifest, _: manifest["agent"].update(name="openai"))
    report = judged(changed, board, tmp_path / "bundle.zip")
    assert report.verdict == "accepted"
    assert check_of(report, "oracle").flagged
    assert "24 of 24" in check_of(report, "oracle").text


@pytest.fixture
def without_data(monkeypatch: pytest.MonkeyPatch) -> None:
    def missing(board: Board) -> Any:
        raise DataMissing("the data are not here")

    monkeypatch.setattr(verification, "board_episodes", missing)


@pytest.mark.usefixtures("without_data")
def test_what_cannot_be_replayed_is_self_reported(lake: Board, lake_bundle: bytes, bundle_file: Path) -> None:
    report = judged(lake_bundle, lake, bundle_file)
    assert (report.verdict, report.level) == ("accepted", "self-reported")
    assert check_of(report, "replay").flagged
    assert report.row is not None
    assert (report.row.planned, report.row.missing, report.row.totals.invalid_actions) == (6, 0, None)
    assert report.reason.startswith("self-reported")
    assert report.note.startswith("Nothing was replayed")


def other_seed(manifest: Row, rows: list[Row]) -> None:
    rows[0]["seed"] += 1


def other_digest(manifest: Row, rows: list[Row]) -> None:
    rows[0]["task_digest"] = rows[1]["task_digest"] = "v1:" + "0" * 32


def other_task(manifest: Row, rows: list[Row]) -> None:
    rows[0]["task"] = rows[1]["task"] = "frozenlake/builtin/test/0099"


def other_split(manifest: Row, rows: list[Row]) -> None:
    rows[0]["task"] = "frozenlake/builtin/train/0000"


def other_trial(manifest: Row, rows: list[Row]) -> None:
    rows[0]["trial"] = 5


def twice(manifest: Row, rows: list[Row]) -> None:
    rows[1] = rows[0]


def inflate(manifest: Row, rows: list[Row]) -> None:
    manifest["claim"]["score"]["estimate"] = 0.9


@pytest.mark.usefixtures("without_data")
@pytest.mark.parametrize(
    "forge",
    [other_seed, other_digest, other_task, other_split, other_trial, twice, inflate],
    ids=lambda forge: forge.__name__,
)
def test_what_can_be_checked_without_data_is_checked(
    lake: Board, lake_bundle: bytes, bundle_file: Path, forge: Any
) -> None:
    assert judged(forged(lake_bundle, forge), lake, bundle_file).verdict == "refused"


@pytest.mark.usefixtures("without_data")
def test_missing_episodes_are_counted_without_data(lake: Board, lake_bundle: bytes, bundle_file: Path) -> None:
    manifest, rows = contents(lake_bundle)
    planned = checks.told_plan(lake, [])
    assert len(planned) == 6
    del rows[4:]
    mean = sum(row["score"] for row in rows) / 6
    manifest["claim"]["missing"] = 2
    for name in ("success", "score"):
        manifest["claim"][name]["estimate"] = mean
    report = judged(sealed(manifest, lines(rows)), lake, bundle_file)
    assert report.row is not None
    assert (report.verdict, report.row.missing) == ("accepted", 2)


def test_other_data_on_this_machine_are_not_the_submitters_fault(
    rooms: Board, rooms_bundle: bytes, bundle_file: Path
) -> None:
    other = msgspec.structs.replace(rooms, panel="0" * 64)

    def follow(manifest: Row, rows: list[Row]) -> None:
        manifest["plan"]["panel"], manifest["plan_sha256"] = other.panel, plan_hash(other)

    bundle_file.write_bytes(forged(rooms_bundle, follow))
    with pytest.raises(CardError, match="pins the panel"):
        verify(bundle_file, board=other)
