"""What a folder of the user's games holds, split by split: the answer of `envbench data add alfworld DIR`."""

from __future__ import annotations

from pathlib import Path
from typing import NamedTuple

from envbench import data
from envbench.envs.alfworld import store, tasks
from envbench.errors import DataMissing


class SplitSurvey(NamedTuple):
    """One split of a folder.

    Attributes:
        split: its name.
        dataset: data set that its games make, "" when there are none.
        games: how many can be played.
        expected: how many there are in the original.
        skipped: name of a game, or place in a file -> why it is not used.
    """

    split: str
    dataset: str
    games: int
    expected: int
    skipped: dict[str, str]

    def line(self) -> str:
        """Return it in words."""
        if not self.games:
            return f"{self.split}: none of {self.expected} games"
        bad = f"; {tasks.skipped_line(self.skipped)}" if self.skipped else ""
        return f"{self.split}: {self.games} of {self.expected} games, dataset={self.dataset!r}{bad}"


def survey(folder: Path) -> list[SplitSurvey]:
    """Return what a folder holds.

    Raises:
        DataMissing: no game that can be played.
    """
    lock = data.read_lock(store.FAMILY).games
    rows = []
    for split in ("train", *lock):
        found = store.read(folder, split)
        bad = tasks.faults(split, found)
        if not found.games:
            rows.append(SplitSurvey(split, "", 0, len(lock.get(split, ())) or tasks.TRAIN_GAMES, found.skipped))
        elif split == "train":
            names = sorted(found.games)
            rows.append(SplitSurvey(split, tasks.train_name(names), len(names), tasks.TRAIN_GAMES, bad))
        else:
            usable = sum(name not in bad for name, _ in lock[split])
            rows.append(SplitSurvey(split, tasks.ORIGINAL, usable, len(lock[split]), bad))
    if not any(row.games for row in rows):
        skipped = {name: reason for row in rows for name, reason in row.skipped.items()}
        broken = f"; {tasks.skipped_line(skipped)}" if skipped else ""
        raise DataMissing(
            f"{folder} holds no game of {store.FAMILY}{broken}; give the folder that holds {store.TREE}/ "
            f"or games*.jsonl.gz"
        )
    return rows
