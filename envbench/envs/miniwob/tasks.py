"""The tasks: a page of the wheel and a seed."""

from __future__ import annotations

from collections.abc import Mapping

from envbench.cards import KnobValue
from envbench.envs.miniwob.oracles import oracles
from envbench.envs.miniwob.oracles.limits import BELOW_ONE
from envbench.envs.miniwob.pages import digest, names
from envbench.seeding import derive_seed
from envbench.types.task import TaskSet, TaskSpec

SEEDS = {"train": 4, "val": 1, "test": 2, "all": 2}
"""Seeds of each page in a split."""

_RANGE = 10**6


def load(dataset: str, split: str, knobs: Mapping[str, KnobValue]) -> TaskSet:
    """Return tasks: seed after seed, and within one seed page after page.

    Args:
        dataset: `builtin` (pages whose oracle reaches score 1) or `pages` (all of them).
        split: of the data set; the seeds of one are not those of another.
        knobs: decide nothing here.

    Raises:
        MissingExtra: the wheel is not installed.
    """
    solved = oracles().keys() - BELOW_ONE.keys()
    pages = names() if dataset == "pages" else tuple(name for name in names() if name in solved)
    return TaskSet(
        [
            TaskSpec(
                content={"page": page, "seed": seed},
                source=f"{page}/{seed}",
                cluster=page,
                payload=(page, seed),
                kind=page,
            )
            for seed in _seeds(split)
            for page in pages
        ],
        data=digest(),
    )


def _seeds(split: str) -> list[int]:
    if split == "all":
        return list(range(SEEDS["all"]))
    place = list(SEEDS).index(split)
    drawn = (derive_seed(0, "miniwob", "seed", split, number) for number in range(SEEDS[split]))
    return [seed % _RANGE * len(SEEDS) + place + len(SEEDS) for seed in drawn]
