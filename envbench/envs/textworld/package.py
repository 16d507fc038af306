"""The package `textworld`, where it is installed: finding it, importing it, and checking its story files."""

from __future__ import annotations

import importlib
import importlib.metadata
import importlib.util
import warnings
from functools import lru_cache
from pathlib import Path
from typing import Any

from envbench.errors import DataCorrupt, InvalidValue, MissingExtra

VERSION = "1.7.0"
"""The games of the card's panel are what this version makes of their seeds."""


def require() -> None:
    """Check that the package is there, without importing it.

    Raises:
        MissingExtra: it is not.
        InvalidValue: it is another version.
    """
    if importlib.util.find_spec("textworld") is None or importlib.util.find_spec("jericho") is None:
        raise MissingExtra("envbench/TextWorld-v0 with games of the package", "textworld", "textworld")
    found = importlib.metadata.version("textworld")
    if found != VERSION:
        raise InvalidValue(
            f'textworld {found} is installed, these games need {VERSION}; run: pip install "envbench[textworld]"'
        )


@lru_cache(maxsize=1)
def load() -> Any:
    """Import the package and return it.

    Raises:
        MissingExtra, InvalidValue: as `require`.
    """
    require()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # those of its dependencies at import are not ours to raise
        importlib.import_module("textworld.challenges")
        importlib.import_module("textworld.generator")
        return importlib.import_module("textworld")


def check_story(path: Path) -> None:
    """Check length and checksum of a story file: the interpreter is C, and dies on what is none.

    Raises:
        DataCorrupt: it cannot be read, or is no whole z-machine story of version 8.
    """
    try:
        data = path.read_bytes()
    except OSError as error:
        raise DataCorrupt(f"{path}: cannot be read ({error.strerror}); remove it or add the game again") from None
    length = 8 * int.from_bytes(data[0x1A:0x1C], "big")
    whole = len(data) >= 64 and data[0] == 8 and 64 <= length <= len(data)
    if not whole or sum(data[64:length]) & 0xFFFF != int.from_bytes(data[0x1C:0x1E], "big"):
        raise DataCorrupt(f"{path}: no whole z-machine story of version 8; remove it or make the game again")


def start(path: Path) -> Any:
    """Return the package's environment of a story file whose JSON lies beside it, with admissible commands.

    Raises:
        MissingExtra, InvalidValue: as `require`.
        DataCorrupt: the files do not load.
    """
    module = load()
    check_story(path)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # jericho says of every game of the package that it does not know it
            env = module.start(str(path), module.EnvInfos(admissible_commands=True))
        env.seed(0)
    except Exception as error:  # whatever the package raises on files that are not its own
        told = str(error).strip().splitlines() or [type(error).__name__]
        raise DataCorrupt(f"{path}: the package cannot load it ({told[0]}); remove it or make the game again") from None
    return env


def clean(feedback: str, objective: str = "") -> str:
    """Return what a game printed without banner, prompt, status line, turn count and surplus white space.

    Args:
        feedback: as the package returns it.
        objective: where the text of a first observation begins, after the banner; "" for later ones.
    """
    if objective and objective in feedback:
        feedback = feedback[feedback.index(objective) :]
    lines: list[str] = []
    for line in feedback.split("\n"):
        told = " ".join(line.split())
        if told.startswith((">", "You scored ", "Would you like to RESTART")):
            break
        if told or (lines and lines[-1]):
            lines.append(told)
    return "\n".join(lines).strip()
