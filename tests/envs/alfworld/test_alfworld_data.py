"""The lock, the real evaluation splits, and `envbench data add alfworld DIR`."""

import json
import time
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from alfworld_house import make_game, write_lines
from typer.testing import CliRunner

import envbench
from envbench import data, registry
from envbench.cli import build
from envbench.envs.alfworld.game import TASK_TYPES
from envbench.envs.alfworld.packed import world_of
from envbench.errors import DataMissing
from envbench.testing.require import missing

COUNTS = {"valid_seen": [35, 13, 27, 16, 25, 24], "valid_unseen": [24, 18, 31, 23, 21, 17]}
ID = "envbench/ALFWorld-v0"


@pytest.fixture
def real(data_folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    if not (data_folder / "alfworld" / "games_valid.jsonl.gz").is_file():
        missing("$ENVBENCH_DATA/alfworld is not here", "alfworld/original")
    monkeypatch.setenv("ENVBENCH_HOME", str(tmp_path))
    registry._panel.cache_clear()
    yield data_folder / "alfworld"
    registry._panel.cache_clear()


def test_the_lock_lists_the_official_games() -> None:
    games = data.read_lock("alfworld").games
    assert {split: len(rows) for split, rows in games.items()} == {"valid_seen": 140, "valid_unseen": 134}
    for split, rows in games.items():
        names = [name for name, _ in rows]
        assert names == sorted(names)
        assert len({digest for _, digest in rows}) == len(rows)
        kinds = Counter(name.split("/")[1].partition("-")[0] for name in names)
        assert [kinds[kind] for kind in TASK_TYPES] == COUNTS[split]


@pytest.mark.parametrize("split", sorted(COUNTS))
def test_real_splits_are_whole_and_open_in_a_second(real: Path, split: str) -> None:
    del real
    start = time.perf_counter()
    panel = envbench.panel(ID, dataset="original", split=split)
    seconds = time.perf_counter() - start
    assert not panel.holes
    assert [task.source for task in panel] == [name for name, _ in data.read_lock("alfworld").games[split]]
    kinds = Counter(task.payload.task_type for task in panel)
    assert [kinds[kind] for kind in TASK_TYPES] == COUNTS[split]
    for task in panel:
        assert world_of(task.payload).goal.objects
    assert seconds < 1.0


def run(*words: str) -> Any:
    return CliRunner().invoke(build(), list(words))


def test_adding_a_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ENVBENCH_HOME", str(tmp_path / "home"))
    monkeypatch.delenv("ENVBENCH_DATA", raising=False)
    write_lines(tmp_path / "here", [make_game(name=f"train/x-{number}/t") for number in range(3)])
    result = run("data", "add", "alfworld", str(tmp_path / "here"), "--json")
    assert result.exit_code == 0
    rows = {row["split"]: row for row in json.loads(result.stdout)["splits"]}
    assert (rows["train"]["games"], rows["train"]["expected"]) == (3, 3553)
    assert len(envbench.panel(ID, dataset=rows["train"]["dataset"], split="train")) == 3
    assert rows["valid_seen"]["games"] == 0
    assert data.folders("alfworld") == [(tmp_path / "here").resolve()]


def test_adding_a_folder_without_games_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ENVBENCH_HOME", str(tmp_path / "home"))
    error = run("data", "add", "alfworld", str(tmp_path)).exception
    assert isinstance(error, DataMissing)  # `main` makes it one line and exit code 2
    assert "holds no game" in str(error)
    assert not data.record_path().exists()
