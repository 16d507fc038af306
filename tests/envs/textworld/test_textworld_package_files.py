"""What happens around the package where it is absent, or where files are not what they should be."""

import json
from pathlib import Path

import gymnasium
import pytest

import envbench
from envbench.envs.textworld import made_games, package
from envbench.errors import DataCorrupt, DataMissing, InvalidValue, MissingExtra

ID = "envbench/TextWorld-v0"


@pytest.fixture
def games(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder that `envbench data add textworld DIR` has recorded."""
    folder = tmp_path / "games"
    folder.mkdir()
    (tmp_path / "data.json").write_text(json.dumps({"textworld": str(folder)}), encoding="utf-8")
    monkeypatch.setenv("ENVBENCH_HOME", str(tmp_path))
    monkeypatch.delenv("ENVBENCH_DATA", raising=False)
    envbench.registry._panel.cache_clear()
    return folder


def story(length: int = 512) -> bytes:
    """A file with the header of a whole story."""
    data = bytearray(length)
    data[0], data[100] = 8, 7
    data[0x1A:0x1C] = (length // 8).to_bytes(2, "big")
    data[0x1C:0x1E] = (sum(data[64:]) & 0xFFFF).to_bytes(2, "big")
    return bytes(data)


def test_without_the_package_making_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(package.importlib.util, "find_spec", lambda name: None)
    with pytest.raises(MissingExtra, match=r"envbench\[textworld\]"):
        gymnasium.make(ID, dataset="textworld")
    assert len(envbench.panel(ID, dataset="textworld", split="val")) == 8


def test_another_version_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(package.importlib.util, "find_spec", lambda name: name)
    monkeypatch.setattr(package.importlib.metadata, "version", lambda name: "1.6.2")
    with pytest.raises(InvalidValue, match=r"1\.6\.2 is installed, these games need 1\.7\.0"):
        gymnasium.make(ID, dataset="textworld")


def test_no_folder_of_games_is_one_line(games: Path) -> None:
    with pytest.raises(DataMissing, match="envbench data add textworld DIR"):
        envbench.panel(ID, dataset="files")


def test_games_of_the_user_are_listed_by_name(games: Path) -> None:
    for name in ("b", "a"):
        (games / f"{name}.z8").write_bytes(story())
        (games / f"{name}.json").write_text("{}", encoding="utf-8")
    (games / "c.json").write_text('{"world": []}', encoding="utf-8")
    panel = envbench.panel(ID, dataset="files")
    assert [task.source for task in panel] == ["a.z8", "b.z8", "c.json"]


@pytest.mark.parametrize(
    "content",
    [b"", b"GARBAGE" * 100, story()[:300], story()[:-1] + b"x", story()[:1] + b"\x01" * 600],
    ids=["empty", "garbage", "cut", "flipped", "noise"],
)
def test_damaged_stories_are_one_line(games: Path, content: bytes) -> None:
    (games / "x.z8").write_bytes(content)
    (games / "x.json").write_text("{}", encoding="utf-8")
    with pytest.raises(DataCorrupt, match=r"x\.z8: no whole z-machine story") as caught:
        envbench.panel(ID, dataset="files")
    assert "\n" not in str(caught.value)


def test_a_story_without_its_json_is_one_line(games: Path) -> None:
    (games / "x.z8").write_bytes(story())
    with pytest.raises(DataCorrupt, match=r"x\.json is missing beside it"):
        envbench.panel(ID, dataset="files")


def test_json_that_is_no_game_is_one_line(games: Path) -> None:
    (games / "x.json").write_text("{", encoding="utf-8")
    with pytest.raises(DataCorrupt, match="cannot be read as JSON"):
        envbench.panel(ID, dataset="files")
    (games / "x.json").write_text("[1]", encoding="utf-8")
    with pytest.raises(DataCorrupt, match="no game of the package"):
        made_games.compiled(games / "x.json")


def test_kinds_are_refused_for_files(games: Path) -> None:
    with pytest.raises(InvalidValue, match="leave game out"):
        envbench.panel(ID, dataset="files", game="coin")


def test_a_maker_that_hangs_is_ended(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    hanging = tmp_path / "hang"
    hanging.write_text("#!/bin/sh\nsleep 60\n", encoding="utf-8")
    hanging.chmod(0o755)
    monkeypatch.setattr(made_games.sys, "executable", str(hanging))
    order = {"challenge": "tw-cooking", "settings": {}, "seed": 1, "out": str(tmp_path / "x.z8")}
    with pytest.raises(InvalidValue, match=r"not made within 0\.2 s") as caught:
        made_games._make(order, 0.2)
    assert "\n" not in str(caught.value)


def test_a_maker_that_dies_is_one_line(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    dying = tmp_path / "die"
    dying.write_text("#!/bin/sh\ncat > /dev/null\necho trouble >&2\nkill -9 $$\n", encoding="utf-8")
    dying.chmod(0o755)
    monkeypatch.setattr(made_games.sys, "executable", str(dying))
    order = {"challenge": "tw-cooking", "settings": {}, "seed": 1, "out": str(tmp_path / "x.z8")}
    with pytest.raises(InvalidValue, match=r"cannot be made \(trouble\)"):
        made_games._make(order, 10.0)


@pytest.mark.parametrize(
    ("raw", "objective", "clean"),
    [
        ("\n\n-= Attic =-\nHere.  \n\n\n\nAn exit.\n\n\n> -= Attic =-0/2", "", "-= Attic =-\nHere.\n\nAn exit."),
        ("\n  $$$ banner\nGet it.\n\n-= Attic =-\nHere.\n>", "Get it.", "Get it.\n\n-= Attic =-\nHere."),
        ("\nTaken.\n\n *** The End ***\n\nYou scored 1 out of 1, in 6 turns.\n>", "", "Taken.\n\n*** The End ***"),
    ],
)
def test_observations_are_clean(raw: str, objective: str, clean: str) -> None:
    assert package.clean(raw, objective) == clean
