"""Playing again where something breaks."""

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
from submissions import contents, lines, sealed

from envbench.env import Env
from envbench.errors import BundleUnreadable, DataCorrupt, RunIncomplete
from envbench.leaderboard import bundle as bundles
from envbench.leaderboard import replay
from envbench.leaderboard.board import Board, board_config
from envbench.leaderboard.bundle import open_bundle
from envbench.leaderboard.verify import verify
from envbench.runs import CellResult


def die(config: Mapping[str, Any], spec: Mapping[str, Any]) -> CellResult:
    os._exit(3)


def corrupt(config: Mapping[str, Any], spec: Mapping[str, Any]) -> CellResult:
    raise DataCorrupt("a file was changed")


@pytest.fixture
def file(rooms_bundle: bytes, bundle_file: Path) -> Path:
    bundle_file.write_bytes(rooms_bundle)
    return bundle_file


def test_a_worker_that_dies_is_no_verdict(rooms: Board, file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(replay, "replay_chunk", die)
    with pytest.raises(RunIncomplete, match="row 1 on could not be replayed"):
        verify(file, 2, board=rooms)


def test_damaged_data_are_no_verdict(rooms: Board, file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(replay, "replay_chunk", corrupt)
    with pytest.raises(DataCorrupt, match="was changed"):
        verify(file, board=rooms)


def test_an_environment_that_fails_is_a_difference(rooms: Board, file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(self: Env[Any], action: str) -> Any:
        raise ZeroDivisionError

    monkeypatch.setattr(Env, "step", fail)
    report = verify(file, board=rooms)
    assert report.verdict == "refused"
    assert "the environment failed: ZeroDivisionError" in report.reason
    monkeypatch.undo()
    assert verify(file, board=rooms).verdict == "accepted"


def test_an_oracle_that_fails_says_nothing(rooms: Board, rooms_bundle: bytes, bundle_file: Path) -> None:
    manifest, rows = contents(rooms_bundle)
    manifest["agent"]["name"] = "mine"
    bundle_file.write_bytes(sealed(manifest, lines(rows)))
    config = board_config(rooms) | {"ask_oracle": True}

    def played() -> list[bool | None]:
        return [one.oracle for one in replay.replay_all(config, open_bundle(bundle_file).lines(), 4, 1, None)]

    assert played() == [True] * 4
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("envbench.envs.sokoban.env.Sokoban.oracle", lambda self: 1 / 0)
        assert played() == [False] * 4


def test_rows_beyond_the_seal_are_not_handed_out(
    lake_bundle: bytes, bundle_file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    bundle_file.write_bytes(lake_bundle)
    opened = open_bundle(bundle_file)
    longest = max(len(line) for line in opened.lines())
    monkeypatch.setattr(bundles, "MAX_LINE", longest)
    assert len(list(opened.lines())) == 6
    monkeypatch.setattr(bundles, "MAX_LINE", longest - 1)
    with pytest.raises(BundleUnreadable, match=f"longer than {longest - 1}"):
        list(opened.lines())
