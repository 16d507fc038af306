"""The tasks: one for each game."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from envbench.cards import KnobValue
from envbench.envs.textworld import made_games, user_games
from envbench.envs.textworld.generator import KINDS, SPLITS, Made, games
from envbench.errors import InvalidValue
from envbench.types.task import TaskSet, TaskSpec


def load(dataset: str, split: str, knobs: Mapping[str, KnobValue]) -> TaskSet:
    """Return the tasks of a split.

    Args:
        dataset: of the card.
        split: of the data set.
        knobs: `game`, the kind of the games, or `all` for the kinds in turns.

    Raises:
        InvalidValue: a kind that the data set does not have.
        DataMissing, DataCorrupt: as `user_games.files`.
    """
    kind = str(knobs["game"])
    if dataset == "textworld":
        return TaskSet([_package_task(recipe) for recipe in made_games.recipes(split, kind)])
    if dataset == "files":
        if kind != "all":
            raise InvalidValue(f"game={kind!r}: the data set files has the games of your folder; leave game out")
        return TaskSet([_file_task(path) for path in user_games.files()])
    return TaskSet([_task(made) for made in _builtin(split, kind)])


def _builtin(split: str, kind: str) -> list[Made]:
    if kind == "custom":
        raise InvalidValue(
            "game='custom': the data set builtin has coin, treasure and cooking; use dataset='textworld'"
        )
    size = SPLITS[split]
    if kind != "all":
        return list(games(kind, split, size))
    each = [games(name, split, -(-size // len(KINDS))) for name in KINDS]
    return [each[index % len(KINDS)][index // len(KINDS)] for index in range(size)]


def _task(made: Made) -> TaskSpec:
    kind = made.world.kind
    return TaskSpec(
        content=made.world.content(),
        source=f"{kind}/{made.candidate}",
        cluster=f"{kind}/{made.plan.removeprefix('v1:')}",
        payload=made,
    )


def _package_task(recipe: made_games.Recipe) -> TaskSpec:
    source = f"{recipe.challenge}/{recipe.seed}"
    return TaskSpec(content=recipe.content(), source=source, cluster=source, payload=recipe)


def _file_task(path: Path) -> TaskSpec:
    return TaskSpec(
        content={path.suffix[1:]: user_games.content_digest(path)}, source=path.name, cluster=path.name, payload=path
    )
