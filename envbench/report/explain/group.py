"""One group of a run: its episodes as a batch, and what was shown and done at every step."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields
from typing import Any, NamedTuple

import numpy as np

from envbench import credit
from envbench.env import Env
from envbench.errors import GroupMismatch, InvalidValue, MissingColumn, RunUnreadable
from envbench.evaluate import environment
from envbench.rollout.fill import Filler
from envbench.rollout.record import Ids, Rollout
from envbench.runs import Run
from envbench.train.config import MONTE_CARLO, TrainConfig, wanted_columns
from envbench.train.loop import Trainer
from envbench.train.tabular import make_env
from envbench.types import StepBatch

_KEYS = ("state", "anchor", "observation", "next_anchor")
_NOT_PLAYED = ("env_error", "budget")  # episodes that the environment or the budget ended


class Moment(NamedTuple):
    """One step of the group.

    Attributes:
        lane: place of its episode in the group. t: step index in the episode.
        anchor: hash before the action. seen: the observation as text, "" where it cannot be shown again.
        action: as sent. reward: of the environment. valid: the engine accepted the action.
    """

    lane: int
    t: int
    anchor: str
    seen: str
    action: str
    reward: float
    valid: bool


class Lane(NamedTuple):
    """One episode of the group.

    Attributes:
        name: how the run counts it. result: how it ended, in a word. score: at its end.
        episode_return: undiscounted sum of rewards, of a branch with what came before.
        include: it takes part in statistics. parent: lane that it branched from, -1 for none.
    """

    name: str
    result: str
    score: float
    episode_return: float
    include: bool = True
    parent: int = -1


@dataclass(frozen=True, slots=True, eq=False)
class Group:
    """A group of a run.

    Attributes:
        number: among the groups of the run or iteration, from 0. count: how many there are.
        task: task id. source: where the group comes from, in words. scope: what credit is computed over, in words.
        lanes: its episodes. moments: its steps, by (lane, t).
        batch: what the methods read; it may hold more than this group. rows: the moments' rows in it.
        options: options of the methods by name, where the run has any.
    """

    number: int
    count: int
    task: str
    source: str
    scope: str
    lanes: Sequence[Lane]
    moments: Sequence[Moment]
    batch: StepBatch
    rows: Sequence[int]
    options: Mapping[str, Mapping[str, Any]]


def group_of(run: Run, methods: Sequence[str], number: int | None, iteration: int | None) -> Group:
    """Return a group of a finished eval, or of an iteration of a training run.

    Args:
        run: of kind `eval` or `train`.
        methods: what the columns must suffice for.
        number: of the group; the one whose returns differ most when None.
        iteration: of training, the first when None.

    Raises:
        InvalidValue: for a run of another kind, a number that is not there, or no group of two.
        RunUnreadable: for a run that is unfinished or that does not happen again.
        GroupMismatch: for episodes of one task that start in different states.
        MissingColumn: for a method that asks for what the run cannot give.
    """
    if run.kind == "eval":
        if iteration is not None:
            raise InvalidValue(f"--iteration {iteration}: {run.run_id} is an eval; iterations are of train")
        for column, name in _asked(methods, {}).items():
            if column not in (*_KEYS, "action", "valid"):
                raise MissingColumn(name, column, "No eval records it; explain a train run, whose rollouts fill it.")
        return _of_eval(run, number)
    if run.kind == "train":
        return _of_train(run, methods, number, iteration or 0)
    raise InvalidValue(f"{run.run_id} is of kind {run.kind}: give the directory of an eval or a train run")


def _choose(returns: Sequence[Sequence[float]], number: int | None) -> int:
    """Return `number` if there is such a group, or that whose returns differ most (the first of equals)."""
    if number is None:
        return int(np.argmax([np.std(one) for one in returns]))
    if not 0 <= number < len(returns):
        raise InvalidValue(f"--group {number}: there are {len(returns)} groups, 0 to {len(returns) - 1}")
    return number


def _of_eval(run: Run, number: int | None) -> Group:
    by_task: dict[str, list[dict[str, Any]]] = {}
    for row in run.episodes():
        if row["steps"]:
            by_task.setdefault(row["task"], []).append(row)
    groups = [rows for rows in by_task.values() if len(rows) > 1]
    if not groups:
        raise InvalidValue(f"{run.run_id} has one episode of each task, which is no group: run eval with --trials 8")
    chosen = _choose([[row["episode_return"] for row in rows] for rows in groups], number)
    source = f"{run.config['agent']['name']} in eval {run.run_id}"
    return group_of_rows(run.config, groups[chosen], chosen, len(groups), source)


def group_of_rows(
    config: Mapping[str, Any], rows: Sequence[Mapping[str, Any]], number: int, count: int, source: str
) -> Group:
    """Return recorded episodes of one task as a group; they are played again.

    Args:
        config: of the eval: environment, data set, split, knobs, limit.
        rows: of its episode table, at least one step each.
        number: of the group.
        count: of all groups.
        source: where it comes from, in words.

    Raises:
        RunUnreadable: for an episode that does not happen again.
        GroupMismatch: for episodes that start in different states.
    """
    ids = Ids()
    columns: dict[str, list[Any]] = {name: [] for name in ("episode", "t", "reward", "action", "valid", *_KEYS)}
    moments: list[Moment] = []
    for lane, row in enumerate(rows):
        seen = _replay(config, row)
        for t, (before, after, action) in enumerate(zip(seen, seen[1:], row["actions"], strict=False)):
            reward, valid = float(row["rewards"][t]), after.info["valid"]
            keys = {name: before.info[f"{name}_hash"] for name in _KEYS[:3]}
            keys |= {"next_anchor": after.info["anchor_hash"], "action": "action " + action}
            values: dict[str, Any] = {name: ids.of(text) for name, text in keys.items()}
            values |= {"episode": lane, "t": t, "reward": reward, "valid": valid}
            for name, value in values.items():
                columns[name].append(value)
            moments.append(Moment(lane, t, keys["anchor"], before.text, action, reward, valid))
    lanes = [
        Lane(f"trial {row['trial']}", row["outcome"], row["score"], row["episode_return"], _counts(row)) for row in rows
    ]
    _check_start(rows[0]["task"], [one.anchor for one in moments if one.t == 0])
    batch = StepBatch.from_columns(
        **columns,
        group=[0] * len(rows),
        terminated=[row["outcome"] in ("success", "failure") for row in rows],
        truncated=[row["outcome"] == "timeout" for row in rows],
        include=[lane.include for lane in lanes],
    )
    scope = f"the {len(rows)} episodes of this group"
    everything = range(len(moments))
    return Group(number, count, rows[0]["task"], source, scope, lanes, moments, batch, everything, {})


def _counts(row: Mapping[str, Any]) -> bool:
    return row["outcome"] not in _NOT_PLAYED


def _check_start(task: str, anchors: Sequence[str]) -> None:
    starts = len(set(anchors))
    if starts > 1:
        raise GroupMismatch(f"the episodes of {task} start in {starts} different states, so they are no group")


class _Shown(NamedTuple):
    """What an environment shows: text and info."""

    text: str
    info: Mapping[str, Any]


def _watch(env: Env[Any], task: str, seed: int, actions: Sequence[str]) -> list[_Shown]:
    """Return what is seen before the first of the actions and after each."""
    observation, info = env.reset(seed=seed, options={"task": task})
    shown = [_Shown(_text(observation), info)]
    for action in actions:
        observation, *_, info = env.step(action)
        shown.append(_Shown(_text(observation), info))
    return shown


def _text(observation: Any) -> str:
    return str(observation["text"]) if isinstance(observation, dict) and "text" in observation else str(observation)


def _replay(config: Mapping[str, Any], row: Mapping[str, Any]) -> list[_Shown]:
    """Return what a recorded episode showed; raises `RunUnreadable` where it does not happen again."""
    shown = _watch(environment(config), row["task"], row["seed"], row["actions"])
    if [one.info["state_hash"] for one in shown] != list(row["state_hashes"]):
        raise RunUnreadable(
            f"trial {row['trial']} of {row['task']} does not happen again: look with `envbench replay RUN`"
        )
    return shown


def _of_train(run: Run, methods: Sequence[str], number: int | None, iteration: int) -> Group:
    known = {one.name for one in fields(TrainConfig)}
    config = TrainConfig(**{name: value for name, value in run.config.items() if name in known}).resolved()
    if not 0 <= iteration < config.iterations:
        raise InvalidValue(f"--iteration {iteration}: {run.run_id} has iterations 0 to {config.iterations - 1}")
    options = {config.method: config.options}
    asked = {**wanted_columns(config), **_asked(methods, options), "valid": "credit explain"}
    rollout, batch = _iteration(config, iteration, asked, methods)
    returns = rollout.returns()
    members = [np.flatnonzero(rollout.group == group) for group in range(len(rollout.members.tasks))]
    chosen = _choose([returns[episodes].tolist() for episodes in members], number)
    episodes = members[chosen].tolist()
    lanes = [_lane(rollout, episodes, one, float(returns[one])) for one in episodes]
    env = make_env(config.env, config.dataset, config.knobs, config.max_steps)
    moments = [moment for lane, one in enumerate(episodes) for moment in _moments(env, rollout, one, lane)]
    return Group(
        number=chosen,
        count=len(members),
        task=rollout.members.tasks[chosen].id,
        source=f"the policy of iteration {iteration} of {run.run_id}",
        scope=f"all {len(rollout.group)} episodes of iteration {iteration}, {len(members)} groups",
        lanes=lanes,
        moments=moments,
        batch=batch,
        rows=np.flatnonzero(np.isin(rollout.episode, episodes)).tolist(),
        options=options,
    )


def _asked(methods: Sequence[str], options: Mapping[str, Mapping[str, Any]]) -> dict[str, str]:
    """Return the columns that methods need, and which one asks for each."""
    asked: dict[str, str] = {}
    for name in methods:
        method = credit.method(name)
        for column in getattr(method.configure(options.get(name, {})), "needs", method.needs):
            asked.setdefault(column, name)
    return asked


def _iteration(
    config: TrainConfig, iteration: int, asked: Mapping[str, str], methods: Sequence[str]
) -> tuple[Rollout, StepBatch]:
    """Train up to an iteration again, and return the episodes that it begins with, filled, and their shaped batch."""
    trainer = Trainer(config)
    continued = "success_rate" in asked or any(name in MONTE_CARLO for name in methods)
    filler = Filler(asked, trainer.policy, config.continuations or (8 if continued else 0))
    while trainer.iteration < iteration:
        filler.learn(trainer.collect())
        trainer.step()
    rollout = filler.fill(trainer.collect(), trainer.learner.collector)
    batch = rollout.batch(filler.record)
    for name in config.shaping:
        batch = credit.shape(name, batch)
    return rollout, batch


def _lane(rollout: Rollout, episodes: Sequence[int], one: int, episode_return: float) -> Lane:
    ended = "failure" if rollout.terminated[one] else "timeout"
    parent = int(rollout.parent[one])
    return Lane(
        name=f"episode {one}",
        result="success" if rollout.success[one] else ended,
        score=float(rollout.score[one]),
        episode_return=episode_return,
        parent=episodes.index(parent) if parent >= 0 else -1,
    )


def _moments(env: Env[Any], rollout: Rollout, one: int, lane: int) -> list[Moment]:
    """Return the steps of an episode, with what was seen as far as the environment does the same again.

    On memoised transitions the noise is not the environment's own, so that a stochastic one may go another way.
    """
    texts = rollout.ids.texts
    rows = _path(rollout, one)
    seed = rollout.members.noise_seed(int(rollout.member[one]))
    actions = [texts[int(rollout.action[row])].removeprefix("action ") for row in rows]
    shown = _watch(env, rollout.members.tasks[int(rollout.group[one])].id, seed, actions)
    moments, same = [], True
    for row, action, before, after in zip(rows, actions, shown, shown[1:], strict=False):
        anchor = texts[int(rollout.anchor[row])]
        same = same and before.info["anchor_hash"] == anchor
        seen, valid = (before.text, bool(after.info["valid"])) if same else ("", True)
        if rollout.episode[row] == one:
            reward, t = float(rollout.reward[row]), int(rollout.t[row])
            moments.append(Moment(lane, t, anchor, seen, action, reward, valid))
    return moments


def _path(rollout: Rollout, one: int) -> list[int]:
    """Return the rows from the start of the task to the end of an episode, those of its ancestors first."""
    own = list(range(int(rollout.first_rows[one]), int(rollout.last_rows[one]) + 1))
    parent = int(rollout.parent[one])
    if parent < 0:
        return own
    return [row for row in _path(rollout, parent) if rollout.t[row] < rollout.branch_t[one]] + own
