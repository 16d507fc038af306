"""Games of the user's own: the story and JSON files in the folder of `envbench data add textworld DIR`."""

from __future__ import annotations

import json
from hashlib import sha256
from pathlib import Path

from envbench import data
from envbench.envs.textworld import made_games, package
from envbench.errors import DataCorrupt, DataMissing
from envbench.hashing import digest


def folder() -> Path:
    """Return the folder of the user's games.

    Raises:
        DataMissing: none is known, or it holds no game.
    """
    known = data.folders("textworld")
    for place in known:
        if any(place.glob("*.z8")) or any(place.glob("*.json")):
            return place
    searched = ", ".join(map(str, known)) or "no folder is known"
    raise DataMissing(
        f"textworld: no game (*.z8 with *.json beside it, or *.json) found ({searched}); "
        f"run `envbench data add textworld DIR`"
    )


def files() -> list[Path]:
    """Return the user's games, sorted by name: stories, and JSON files without one.

    Raises:
        DataMissing: as `folder`.
        DataCorrupt: a story without its JSON file, or that is damaged.
    """
    place = folder()
    stories = sorted(place.glob("*.z8"))
    for path in stories:
        if not path.with_suffix(".json").is_file():
            raise DataCorrupt(f"{path}: {path.stem}.json is missing beside it; copy what tw-make wrote, both files")
        package.check_story(path)
    alone = [path for path in place.glob("*.json") if not path.with_suffix(".z8").is_file()]
    return sorted([*stories, *alone], key=lambda path: path.name)


def content_digest(path: Path) -> str:
    """Return the digest of a game: of the story's bytes, or of what the JSON file says.

    Raises:
        DataCorrupt: a JSON file that is none.
    """
    if path.suffix == ".z8":
        return sha256(path.read_bytes()).hexdigest()
    try:
        return digest(json.loads(path.read_text(encoding="utf-8")))
    except (OSError, ValueError) as error:
        raise DataCorrupt(f"{path}: cannot be read as JSON ({error}); remove it or add the game again") from None


def story_of(path: Path) -> Path:
    """Return the story file of one of `files`, compiled now if need be."""
    return path if path.suffix == ".z8" else made_games.compiled(path)
