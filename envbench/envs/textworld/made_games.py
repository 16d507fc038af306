"""Games that the package makes: the panel's recipes, and the cache of what was made from them.

A recipe (challenge, settings, seed, version) fixes the story file to the byte. It is made in a process of its own, with
a deadline, once; `envbench` keeps it under the digest of the recipe.
"""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any, NamedTuple

from envbench import data
from envbench.envs.textworld import package
from envbench.errors import DataCorrupt, InvalidValue
from envbench.hashing import JsonValue, digest
from envbench.seeding import below, choice, derive_seed, generator

KINDS = ("coin", "treasure", "cooking", "custom")
SPLITS = {"train": 24, "val": 8, "test": 16}
"""Games in each split."""

DEADLINE = 120.0
"""Seconds that making one game may take; 2 to 5 are usual."""

FORM = "undated"
"""How `maker` leaves a story file; a cache may hold what it left otherwise before."""

_FOOD_SPLIT = {"train": "train", "val": "valid", "test": "test"}


class Recipe(NamedTuple):
    """How to make a game: `challenge` is the package's name of it, or `custom`; settings as its `tw-make` has them."""

    kind: str
    challenge: str
    settings: dict[str, Any]
    seed: int

    def content(self) -> JsonValue:
        """Return what fixes the game, as plain data."""
        made_by = f"textworld {package.VERSION}"
        return {"made_by": made_by, "challenge": self.challenge, "settings": self.settings, "seed": self.seed}


def recipes(split: str, kind: str) -> list[Recipe]:
    """Return the recipes of a split; with `all` the kinds take turns."""
    kinds = KINDS if kind == "all" else (kind,)
    return [_recipe(split, kinds[index % len(kinds)], index // len(kinds)) for index in range(SPLITS[split])]


def _recipe(split: str, kind: str, index: int) -> Recipe:
    root = derive_seed(0, "textworld", "package", split, kind, index)
    bits = generator(root)
    seed = below(bits, 2**31)
    if kind == "coin":
        level = 3 + below(bits, 8)
        return Recipe(kind, "tw-coin_collector", {"level": level + 100 * below(bits, 2)}, seed)
    if kind == "treasure":
        return Recipe(kind, "tw-treasure_hunter", {"level": 4 + below(bits, 22)}, seed)
    if kind == "cooking":
        ingredients = 1 + below(bits, 3)
        settings = {
            "recipe": ingredients,
            "take": ingredients,
            "go": choice(bits, (1, 6, 9)),
            "open": True,
            "cook": bool(below(bits, 2)),
            "cut": bool(below(bits, 2)),
            "drop": False,
            "recipe_seed": 0,
            "split": _FOOD_SPLIT[split],
        }
        return Recipe(kind, "tw-cooking", settings, seed)
    sizes = {"rooms": 3 + below(bits, 5), "objects": 6 + below(bits, 7), "quest_length": 3 + below(bits, 5)}
    return Recipe(kind, "custom", dict(sizes), seed)


def cache() -> Path:
    """Return the folder of made games."""
    return data.built_folder("textworld", "games")


def story(content: JsonValue, order: dict[str, Any]) -> Path:
    """Return the story file of a game, made now if it was not; its JSON file lies beside it.

    Args:
        content: what fixes the game.
        order: what to make, as `maker` reads it.

    Raises:
        MissingExtra: without the package.
        InvalidValue: the game cannot be made, or not in time.
    """
    package.require()
    path = cache() / (digest({"form": FORM, "game": content}).removeprefix("v1:") + ".z8")
    if path.is_file():
        return path
    path.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=path.parent) as folder:
        made = Path(folder) / "game.z8"
        _make({**order, "out": str(made)}, DEADLINE)
        package.check_story(made)
        os.replace(made.with_suffix(".json"), path.with_suffix(".json"))
        os.replace(made, path)  # last: where the story is, all is
    return path


def story_of(recipe: Recipe) -> Path:
    """Return the story file of a recipe, as `story` does."""
    order = {"challenge": recipe.challenge, "settings": recipe.settings, "seed": recipe.seed}
    return story(recipe.content(), order)


def compiled(document: Path) -> Path:
    """Return the story file of a game that the user has as JSON alone.

    Raises:
        DataCorrupt: it is no game of the package.
        InvalidValue: it cannot be compiled, or not in time.
    """
    try:
        content = json.loads(document.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise DataCorrupt(f"{document}: cannot be read as JSON ({error}); remove it or add the game again") from None
    if not isinstance(content, dict) or not {"world", "quests", "infos"} <= set(content):
        raise DataCorrupt(f"{document}: no game of the package textworld; remove it or add the game again")
    return story(content, {"document": str(document.resolve())})


def _make(order: dict[str, Any], deadline: float) -> None:
    """Run `maker` in a process group of its own, and end the group when the time is over."""
    environment = os.environ | {"PYTHONHASHSEED": "0"}
    process = subprocess.Popen(
        [sys.executable, "-m", "envbench.envs.textworld.maker"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        env=environment,
        text=True,
        start_new_session=True,
    )
    what = order.get("document") or f"{order['challenge']} {order['settings']} seed {order['seed']}"
    try:
        _, errors = process.communicate(json.dumps(order), timeout=deadline)
    except subprocess.TimeoutExpired:
        raise InvalidValue(
            f"TextWorld game {what}: not made within {deadline:g} s; try again or choose another"
        ) from None
    finally:
        if process.poll() is None:
            os.killpg(process.pid, signal.SIGKILL)
            process.communicate()
    if process.returncode != 0:
        told = errors.strip().splitlines() or [f"exit status {process.returncode}"]
        raise InvalidValue(f"TextWorld game {what}: cannot be made ({told[-1]}); choose another game")
