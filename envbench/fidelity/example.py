"""One group of a study: every step with the true advantage beside the credit that methods give it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import gymnasium
import numpy as np

from envbench.env import Env
from envbench.errors import InvalidValue, UnknownName
from envbench.fidelity.config import MethodEntry, Setting, StudyConfig
from envbench.fidelity.scene import Scene, stage
from envbench.fidelity.study import Judge
from envbench.rollout.record import Rollout
from envbench.rollout.walk import GraphCollector
from envbench.seeding import derive_seed

SHOWN = ("grpo", "gigpo", "gigpo by text", "hgpo", "vineppo")  # by default, as far as a study judges them
SIZE = 8  # the largest group that fits on a page


class ExampleStep(NamedTuple):
    """One step.

    Attributes:
        episode: of the group, from 0. t: step index in it.
        anchor: hash of the situation. seen: the observation as text. action: as sent. reward: of the environment.
        decisive: whether the step decides; None where the environment does not tell.
        truth: the true advantage of the action.
        credit: weight times advantage by each method, in the order of `Example.methods`.
    """

    episode: int
    t: int
    anchor: str
    seen: str
    action: str
    reward: float
    decisive: bool | None
    truth: float
    credit: tuple[float, ...]


class ExampleEpisode(NamedTuple):
    """One episode of the group: how it ended, and its undiscounted sum of rewards."""

    result: str
    episode_return: float


@dataclass(frozen=True, slots=True)
class Example:
    """A group of a study.

    Attributes:
        setting, skill: cell that it is of. task: id. number: of the group in its pool. groups: in the pool.
        success: of the policy. methods: labels.
        episodes: of the group. steps: theirs, by (episode, t).
    """

    setting: str
    skill: float
    task: str
    number: int
    groups: int
    success: float
    methods: tuple[str, ...]
    episodes: tuple[ExampleEpisode, ...]
    steps: tuple[ExampleStep, ...]


def example(
    config: StudyConfig,
    setting: str,
    skill: float | None = None,
    methods: Sequence[str] = (),
    number: int | None = None,
) -> Example:
    """Return one group of the first pool of a cell.

    Args:
        config: the study.
        setting: name of one of its settings.
        skill: one of the setting's, the middle one when None.
        methods: labels; those of `SHOWN` that the study judges, else its first five, when empty.
        number: of the group; when None the first of those in which about half of the episodes succeed.

    Raises:
        UnknownName: for a setting or method that the study does not have.
        InvalidValue: for a skill or group that is not there, a setting whose truth is known of a sample of steps only,
            or a method with trees of its own.
    """
    place = _setting(config, setting)
    level = _skill(config.skills_of(place), place.name, skill)
    entries = _entries(config, methods)
    sizes = config.sizes_of(place)
    size = max((one for one in sizes if one <= SIZE), default=sizes[0])
    seed = config.pool_seeds()[0]
    scene = stage(config, place, level, seed)
    rollout, truth, found = Judge(config, scene, derive_seed(seed, "random")).credits(size, entries)
    missing = [entry.label for entry in entries if entry.label not in found]
    if missing:
        raise InvalidValue(f"{', '.join(missing)}: a method with trees of its own has other steps; choose others")
    chosen = _choose(rollout, number)
    episodes = np.flatnonzero(rollout.group == chosen)
    returns = rollout.returns()
    shown = _shown(scene, place, rollout)
    steps = []
    for lane, one in enumerate(episodes.tolist()):
        for row in np.flatnonzero(rollout.episode == one).tolist():
            seen, decisive = shown(row)
            steps.append(
                ExampleStep(
                    lane, int(rollout.t[row]), rollout.ids.texts[int(rollout.anchor[row])], seen,
                    rollout.ids.texts[int(rollout.action[row])].removeprefix("action "), float(rollout.reward[row]),
                    decisive, float(truth.advantage[row]), tuple(float(found[entry.label][row]) for entry in entries),
                )
            )  # fmt: skip
    return Example(
        setting=place.name,
        skill=level,
        task=rollout.members.tasks[chosen].id,
        number=chosen,
        groups=len(rollout.members.tasks),
        success=scene.success,
        methods=tuple(entry.label for entry in entries),
        episodes=tuple(ExampleEpisode(_result(rollout, one), float(returns[one])) for one in episodes.tolist()),
        steps=tuple(steps),
    )


def _setting(config: StudyConfig, name: str) -> Setting:
    for setting in config.settings:
        if setting.name == name and setting.truth != "exact":
            raise InvalidValue(f"setting {name!r}: the truth of a few sampled steps fills no page; choose an exact one")
        if setting.name == name:
            return setting
    raise UnknownName("setting", name, [setting.name for setting in config.settings])


def _skill(skills: Sequence[float], name: str, skill: float | None) -> float:
    if skill is None:
        return skills[len(skills) // 2]
    if skill not in skills:
        raise InvalidValue(f"skill {skill:g}: {name!r} is played at {', '.join(f'{one:g}' for one in skills)}")
    return skill


def _entries(config: StudyConfig, methods: Sequence[str]) -> list[MethodEntry]:
    known = {entry.label: entry for entry in config.entries()}
    for name in methods:
        if name not in known:
            raise UnknownName("method", name, known)
    chosen = methods or [name for name in SHOWN if name in known] or list(known)[: len(SHOWN)]
    return [known[name] for name in dict.fromkeys(chosen)]


def _choose(rollout: Rollout, number: int | None) -> int:
    """Return `number`, or the first of the groups whose share of successes is nearest to one half."""
    groups = len(rollout.members.tasks)
    if number is None:
        share = np.bincount(rollout.group, rollout.success, groups) / np.bincount(rollout.group, minlength=groups)
        return int(np.argmin(np.abs(share - 0.5)))
    if not 0 <= number < groups:
        raise InvalidValue(f"group {number}: there are {groups} groups, 0 to {groups - 1}")
    return number


def _result(rollout: Rollout, episode: int) -> str:
    ended = "failure" if rollout.terminated[episode] else "timeout"
    return "success" if rollout.success[episode] else ended


def _shown(scene: Scene, setting: Setting, rollout: Rollout) -> Callable[[int], tuple[str, bool | None]]:
    """Return a function from a row to its observation as text and whether the environment says that it decides."""
    keywords: dict[str, Any] = {"dataset": setting.dataset, "max_steps": None, **setting.knobs}
    made: Any = gymnasium.make(setting.env, **keywords).unwrapped
    env: Env[Any] = made
    collector = scene.collector
    assert isinstance(collector, GraphCollector)  # the truth is exact

    def show(row: int) -> tuple[str, bool | None]:
        observation, info = env.restore(collector.graph.places[rollout.place[row]].snapshot)
        shown = observation["text"] if isinstance(observation, dict) and "text" in observation else observation
        return str(shown), bool(info["decisive"]) if "decisive" in info else None

    return show
