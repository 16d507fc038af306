"""The user's games: the original's tree, or its compact form as lines of JSON; what is wrong with each that is skipped.

    DIR/json_2.1.1/{train,valid_seen,valid_unseen}/{task folder}/{trial}/{traj_data.json,game.tw-pddl}
    DIR/games*.jsonl or .jsonl.gz, a game a line: id, split, task_type, task, scene, pddl_params, pddl_problem

Both give the same games with the same digests. Nothing here depends on the order of a directory.
"""

from __future__ import annotations

import gzip
import re
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import msgspec

from envbench import data
from envbench.envs.alfworld.game import TASK_TYPES, Game
from envbench.errors import DataMissing

FAMILY = "alfworld"
TREE = "json_2.1.1"
_SENTENCE = re.compile(r"Your task is to: ([^\"\n]+)")
_SPLITS = ("train", "valid_seen", "valid_unseen")


class Found(NamedTuple):
    """What a folder holds of a split.

    Attributes:
        games: by name.
        skipped: name of a game, or place in a file -> why it is not used.
    """

    games: dict[str, Game]
    skipped: dict[str, str]


class _Parameters(msgspec.Struct, frozen=True):
    object_target: str = ""
    parent_target: str = ""
    toggle_target: str = ""
    mrecep_target: str = ""
    object_sliced: bool = False


class _Line(msgspec.Struct, frozen=True):
    id: str
    split: str
    task_type: str
    task: str
    scene: int
    pddl_params: _Parameters
    pddl_problem: str


class _Trajectory(msgspec.Struct, frozen=True):
    task_type: str
    pddl_params: _Parameters = _Parameters()


class _GameFile(msgspec.Struct, frozen=True):
    pddl_problem: str
    grammar: str
    solvable: bool = False


_decode_line = msgspec.json.Decoder(_Line).decode
_decode_trajectory = msgspec.json.Decoder(_Trajectory).decode
_decode_game = msgspec.json.Decoder(_GameFile).decode


def find(split: str) -> Found:
    """Return the games of a split in the first known folder that holds any.

    Raises:
        DataMissing: no folder does, or holds only games that cannot be read.
    """
    skipped: dict[str, str] = {}
    for folder in known():
        found = read(folder, split)
        if found.games:
            return found
        skipped |= found.skipped
    broken = f"; {len(skipped)} cannot be read, such as {next(iter(skipped.items()))}" if skipped else ""
    raise _missing(f"no game of {split} found", broken + instead_of(split))


def instead_of(split: str) -> str:
    """Return words that name the other evaluation splits whose games are here; "" when there are none."""
    others = [name for name in _SPLITS[1:] if name != split and any(read(folder, name).games for folder in known())]
    return f"; here are split={' and split='.join(map(repr, others))}" if others else ""


def known() -> list[Path]:
    """Return the folders where games are looked for and that look like it; their games are not read.

    Raises:
        DataMissing: there is none.
    """
    folders = [folder for folder in data.folders(FAMILY) if holds_games(folder)]
    if not folders:
        raise _missing("no games found")
    return folders


def _missing(what: str, more: str = "") -> DataMissing:
    searched = ", ".join(map(str, data.folders(FAMILY))) or "no folder is known"
    return DataMissing(
        f"{FAMILY}: {what} ({searched}){more}; "
        f"run `envbench data add {FAMILY} DIR` with the folder that holds {TREE}/ or games*.jsonl.gz"
    )


def read(folder: Path, split: str) -> Found:
    """Return the games of a split that a folder holds; the tree goes before the lines."""
    found = Found({}, {})
    tree = tree_of(folder)
    if tree is not None:
        _read_tree(tree / split, split, found)
    for path in _compact_files(folder):
        _read_lines(path, split, found)
    return found


def tree_of(folder: Path) -> Path | None:
    """Return the folder that holds the folders of splits: `folder/json_2.1.1`, or the folder itself."""
    for candidate in (folder / TREE, folder):
        if any((candidate / split).is_dir() for split in _SPLITS):
            return candidate
    return None


def holds_games(folder: Path) -> bool:
    """Tell whether a folder looks like one that `read` reads; nothing is opened."""
    return tree_of(folder) is not None or bool(_compact_files(folder))


def _compact_files(folder: Path) -> list[Path]:
    if not folder.is_dir():
        return []
    return sorted(path for path in folder.glob("games*.jsonl*") if path.name.endswith((".jsonl", ".jsonl.gz")))


def _take(found: Found, game: Game) -> None:
    if game.task_type not in TASK_TYPES:
        found.skipped[game.name] = f"unknown task type {game.task_type!r}"
    elif "(:init" not in game.problem or "(:goal" not in game.problem:
        found.skipped[game.name] = "its problem has no start or no goal"
    else:
        found.games.setdefault(game.name, game)


def _read_lines(path: Path, split: str, found: Found) -> None:
    for number, line in enumerate(_lines(path, found), start=1):
        try:
            row = _decode_line(line)
        except (msgspec.DecodeError, UnicodeDecodeError) as error:
            found.skipped[f"{path.name}, line {number}"] = str(error)
            continue
        if row.split == split:
            parameters = msgspec.structs.asdict(row.pddl_params)
            _take(found, Game(row.id, row.task_type, row.task, row.scene, parameters, row.pddl_problem))


def _lines(path: Path, found: Found) -> Iterator[bytes]:
    try:
        with gzip.open(path) if path.suffix == ".gz" else path.open("rb") as file:
            yield from (line for line in file if line.strip())
    except (OSError, EOFError, zlib.error) as error:
        found.skipped[path.name] = f"cannot be read to its end ({error})"


def _read_tree(folder: Path, split: str, found: Found) -> None:
    """Read what the original would play: neither movable receptacles nor sliced objects, and solvable."""
    for trial in sorted(folder.glob("*/*")):
        task = trial.parent.name
        if "movable" in str(trial.relative_to(folder)) or "Sliced" in task or not (trial / "traj_data.json").is_file():
            continue
        name = f"{split}/{task}/{trial.name}"
        try:
            game = _read_trial(trial, name)
        except (OSError, ValueError, msgspec.DecodeError) as error:
            found.skipped[name] = str(error).replace("\n", " ")
            continue
        if game is not None:
            _take(found, game)


def _read_trial(trial: Path, name: str) -> Game | None:
    """Return the game of a trial's folder, None when the original passes it over."""
    trajectory = _decode_trajectory((trial / "traj_data.json").read_bytes())
    if trajectory.task_type not in TASK_TYPES:
        return None
    file = _decode_game((trial / "game.tw-pddl").read_bytes())
    if not file.solvable:
        return None
    sentence = _SENTENCE.search(file.grammar)
    if sentence is None:
        raise ValueError("its grammar states no task")
    scene = int(trial.parent.name.rpartition("-")[2])
    parameters = msgspec.structs.asdict(trajectory.pddl_params)
    return Game(name, trajectory.task_type, sentence[1], scene, parameters, file.pddl_problem)
