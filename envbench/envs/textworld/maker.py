"""Run as `python -m envbench.envs.textworld.maker`: make or compile one game with the package.

Reads an order from stdin: `{"out": path}` with `challenge`, `settings` and `seed`, or with `document`, a JSON file of
the package. Writes the story to `out` and its JSON beside it.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

from envbench.envs.textworld import package
from envbench.seeding import derive_seed

ATTEMPTS = 20
"""Seeds that are tried where the package finds no quest on a map."""

SERIAL = slice(0x12, 0x18)
"""Where a story says on which day it was compiled, YYMMDD (The Z-Machine Standards Document 1.1, section 11)."""


def _challenge(textworld: Any, order: dict[str, Any], options: Any) -> Any:
    if order["challenge"] != "custom":
        _, make, _ = textworld.challenges.CHALLENGES[order["challenge"]]
        return make(order["settings"], options)
    settings = order["settings"]
    options.nb_rooms, options.nb_objects = settings["rooms"], settings["objects"]
    options.chaining.min_length = options.chaining.max_length = options.chaining.max_depth = settings["quest_length"]
    return textworld.generator.make_game(options)


def make(textworld: Any, order: dict[str, Any]) -> tuple[Any, Any]:
    """Return game and options of an order; seeds without a quest give way to the next of their stream."""
    for attempt in range(ATTEMPTS):
        options = textworld.GameOptions()
        options.seeds = order["seed"] if attempt == 0 else derive_seed(order["seed"], "attempt", attempt) % 2**31
        try:
            return _challenge(textworld, order, options), options
        except textworld.generator.QuestGenerationError:
            continue
    raise ValueError(f"no quest found with {ATTEMPTS} seeds")


def undate(story: Path) -> None:
    """Write no day where the compiler wrote today's; the checksum in the header does not count the header."""
    content = bytearray(story.read_bytes())
    content[SERIAL] = b"000000"
    story.write_bytes(content)


def main() -> None:
    order = json.load(sys.stdin)
    textworld = package.load()
    if "document" in order:
        game, options = textworld.Game.load(order["document"]), textworld.GameOptions()
    else:
        game, options = make(textworld, order)
    options.path, options.file_ext, options.force_recompile = order["out"], ".z8", True
    textworld.generator.compile_game(game, options)
    if not Path(order["out"]).with_suffix(".json").is_file():
        raise FileNotFoundError("the package wrote no JSON beside the story")
    undate(Path(order["out"]))


if __name__ == "__main__":
    main()
