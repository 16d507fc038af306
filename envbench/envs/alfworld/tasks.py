"""The tasks: the original's evaluation games at the places of `data.lock`, its training games, and generated ones."""

from __future__ import annotations

import importlib
import logging
from collections.abc import Mapping
from hashlib import sha256
from typing import Protocol

from envbench import data
from envbench.cards import KnobValue
from envbench.envs.alfworld import store
from envbench.envs.alfworld.packed import Packed, Source, game_sha256
from envbench.errors import DataCorrupt, DataMissing
from envbench.types.task import TaskSet, TaskSpec

ORIGINAL = "original"
TRAIN = "original-train"
TRAIN_GAMES = 3553
"""Games of the original's full training split."""

_log = logging.getLogger(__name__)


def load(dataset: str, split: str, knobs: Mapping[str, KnobValue]) -> TaskSet:
    """Return the tasks of a split: `source` is the original's own name, `cluster` the scene.

    Args:
        dataset: `original` (the user's games), `original-train-` and 8 hexadecimal digits (a part of the training
            split, named after the digest of its sorted names), or `builtin` (generated).
        split: `train`, `valid_seen` or `valid_unseen`; `train` alone of a part.
        knobs: none of them decides which tasks there are.

    Raises:
        DataMissing: games that are not on this machine.
    """
    if dataset == "builtin":
        drafts = importlib.import_module("envbench.envs.alfworld.builtin").drafts(split)
        return TaskSet([_spec(draft, draft.sha256, draft) for draft in drafts])
    if split == "train":
        return _train(dataset)
    return _locked(split)


class _Named(Protocol):
    """What a game and a draft of one have in common."""

    @property
    def name(self) -> str: ...
    @property
    def scene(self) -> int: ...
    @property
    def task_type(self) -> str: ...


def _spec(game: _Named, content: str, payload: Source) -> TaskSpec:
    return TaskSpec({"game": content}, game.name, str(game.scene), payload, game.task_type)


def _locked(split: str) -> TaskSet:
    """Return the games of an evaluation split at their places; those that are missing or changed leave holes."""
    found = store.find(split)
    bad = faults(split, found)
    tasks, places, holes = [], [], {}
    for place, (name, content) in enumerate(data.read_lock(store.FAMILY).games[split]):
        if name in bad:
            holes[place] = f"{name}: {bad[name]}; fetch the data again and run `envbench data add {store.FAMILY} DIR`"
        else:
            tasks.append(_spec(found.games[name], content, Packed(found.games[name])))
            places.append(place)
    _tell(split, bad)
    return TaskSet(tasks, places=places, holes=holes)


def faults(split: str, found: store.Found) -> dict[str, str]:
    """Return what of a split cannot be used, and why: what was skipped, and what the lock lists and is not here."""
    bad = dict(found.skipped)
    for name, locked in data.read_lock(store.FAMILY).games.get(split, ()):
        if name not in found.games:
            bad.setdefault(name, "there is no such game in the folder")
        elif game_sha256(found.games[name]) != locked:
            bad[name] = "its content is not that of envs/alfworld/data.lock"
    return bad


def train_name(names: list[str]) -> str:
    """Return the data set that training games make: `original` when they are all, else named after their digest."""
    if len(names) == TRAIN_GAMES:
        return ORIGINAL
    listed = "\n".join(sorted(names)).encode()
    return f"{TRAIN}-{sha256(listed).hexdigest()[:8]}"


def _train(dataset: str) -> TaskSet:
    found = store.find("train")
    names = sorted(found.games)
    here = train_name(names)
    if dataset != here:
        wanted = f"all {TRAIN_GAMES}" if dataset == ORIGINAL else "the games of that name"
        raise DataMissing(
            f"{store.FAMILY}/{dataset}/train needs {wanted}; the {len(names)} training games that are here "
            f"are dataset={here!r}{store.instead_of('train') if dataset == ORIGINAL else ''}"
        )
    _tell("train", found.skipped)
    games = [found.games[name] for name in names]
    return TaskSet([_spec(game, game_sha256(game), Packed(game)) for game in games])


def _tell(split: str, skipped: Mapping[str, str]) -> None:
    if skipped:
        _log.warning("%s/%s: %s", store.FAMILY, split, skipped_line(skipped))


def skipped_line(skipped: Mapping[str, str], shown: int = 5) -> str:
    """Return the count and the list of games that are not used, on one line."""
    listed = "; ".join(f"{name} ({reason})" for name, reason in list(sorted(skipped.items()))[:shown])
    more = f"; and {len(skipped) - shown} more" if len(skipped) > shown else ""
    return f"{len(skipped)} games skipped: {listed}{more}"


def check(split: str) -> None:
    """Refuse a split of the user's games of which any is missing, changed or unreadable.

    Raises:
        DataCorrupt: with the count and the list.
        DataMissing: when there is none.
    """
    skipped = faults(split, store.find(split))
    if skipped:
        raise DataCorrupt(f"{store.FAMILY}/{split}, strict: {skipped_line(skipped)}; fetch the data again")
