"""Evaluation by plan: an agent on a hashed panel, one cell per (task, trial), and the scores of the rows.

plan = make_plan("envbench/FrozenLake-v0", "random", episodes=16)
run = evaluate(plan, "runs/first", workers=2)
print(summarise(run.episodes()))
"""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from functools import lru_cache, partial
from pathlib import Path
from types import EllipsisType
from typing import Any

import gymnasium
import numpy as np

from envbench import agents
from envbench.cards import KnobValue
from envbench.env import Env
from envbench.errors import InvalidValue
from envbench.hashing import encode
from envbench.registry import card_of, find_task, load_object, panel
from envbench.rollout.play import Budget, differences, play
from envbench.runs import Cell, CellResult, Plan, Run, execute
from envbench.seeding import derive_seed
from envbench.stats import Interval, bootstrap, iqm, mean, wilson
from envbench.types.task import Panel
from envbench.types.trajectory import OUTCOMES


def make_plan(
    env: str,
    agent: str,
    *,
    agent_options: Mapping[str, Any] | None = None,
    dataset: str = "builtin",
    split: str | None = None,
    knobs: Mapping[str, KnobValue] | None = None,
    seed: int = 0,
    episodes: int | None = None,
    trials: int = 1,
    max_steps: int | None | EllipsisType = ...,
    budget: Budget | None = None,
) -> Plan:
    """Check everything that can be checked before the first episode, and fix what will be played.

    Args:
        env: gymnasium id or family.
        agent: registered name.
        agent_options: of the agent; text is read as the option's type.
        dataset: of the card.
        split: the data set's evaluation split when None.
        knobs: of the card.
        seed: root of all seeds; an episode's is `derive_seed(seed, "eval", task id, trial)`.
        episodes: the first N tasks of the panel, in its order; all when None or when there are fewer.
        trials: episodes per task.
        max_steps: of an episode; the card's when left out, none when None.
        budget: of the agent, per episode.

    Raises:
        UnknownName: unknown environment, data set, split, knob, agent or option.
        InvalidValue: a value that one of them cannot take.
        DataMissing, DataCorrupt, CardError, RunUnreadable: as they say.
    """
    for name, number in (("trials", trials), ("episodes", episodes)):
        if number is not None and number < 1:
            raise InvalidValue(f"{name}={number}: expected a whole number above 0")
    card = card_of(env)
    resolved = card.resolve_knobs(dict(knobs or {}))
    chosen = card.dataset(dataset).eval_split if split is None else split
    tasks = _tasks(panel(env, dataset, chosen, **resolved), episodes)
    limit = card.env.max_steps if isinstance(max_steps, EllipsisType) else max_steps
    options = agents.resolve_options(agent, agent_options or {})
    config: dict[str, Any] = {
        "env": card.env.ids[0],
        "dataset": dataset,
        "split": chosen,
        "knobs": resolved,
        "seed": seed,
        "episodes": len(tasks),
        "trials": trials,
        "max_steps": limit,
        "panel": {"id": tasks.id, "sha256": tasks.sha256},
        "agent": agents.describe(agent, options, card),
        "budget": asdict(budget) if budget else None,
    }
    _environment(encode(_making(config)))  # a limit that the environment refuses is refused now
    cells = tuple(
        Cell(f"{task.id}#{trial}", {"task": task.id, "trial": trial, "seed": derive_seed(seed, "eval", task.id, trial)})
        for task in tasks
        for trial in range(trials)
    )
    return Plan("eval", config, cells, label=f"{card.env.family}-{agent}")


def _tasks(whole: Panel, episodes: int | None) -> Panel:
    return whole if episodes is None or episodes >= len(whole) else whole[:episodes]


def evaluate(
    plan: Plan,
    out: str | Path,
    *,
    workers: int = 1,
    cache: str | Path | None = None,
    on_progress: Callable[[int, int, str], None] | None = None,
) -> Run:
    """Play what is not stored in `out` yet, and finish the run.

    Args:
        plan: from `make_plan`.
        out: run directory; calling again resumes.
        workers: processes.
        cache: folder of transcripts of models; the run directory when None.
        on_progress: as `runs.execute` calls it.

    Raises:
        EnvbenchError: as `runs.execute` does.
    """
    if workers > 1 and plan.config["agent"]["name"] == "human":  # type: ignore[index,call-overload]  # JSON
        raise InvalidValue(f"workers={workers}: a person plays one episode at a time; take --workers 1")
    transcripts = str(Path(out if cache is None else cache).absolute())
    return execute(plan, partial(play_cell, transcripts), out, workers=workers, on_progress=on_progress)


def play_cell(transcripts: str, config: Mapping[str, Any], spec: Mapping[str, Any]) -> CellResult:
    """Play one cell of an eval plan: the worker of `runs.execute`."""
    env = environment(config)
    task = find_task(spec["task"], env.family, env.dataset, env.knobs)
    budget = Budget(**config["budget"]) if "budget" in config else None
    agent = _agent(encode(config["agent"]), transcripts)
    played = play(env, agent, task, spec["seed"], trial=spec["trial"], budget=budget)
    if played.row["outcome"] == "env_error":
        forget_environments()  # who knows what state it is in
    return CellResult(episodes=[played.row])


def environment(config: Mapping[str, Any]) -> Env[Any]:
    """Return the environment of a run's configuration; one per process for each."""
    return _environment(encode(_making(config)))


def forget_environments() -> None:
    """Make environments anew from here on, after one has failed."""
    _environment.cache_clear()


def _making(config: Mapping[str, Any]) -> dict[str, Any]:
    return {name: config.get(name) for name in ("env", "dataset", "split", "knobs", "max_steps")}


@lru_cache(maxsize=4)
def _environment(making: bytes) -> Env[Any]:
    arguments = json.loads(making)
    load_object(card_of(arguments["env"]).env.entry_point)  # says so where the card names nothing
    made = gymnasium.make(arguments.pop("env"), **arguments.pop("knobs"), **arguments).unwrapped
    assert isinstance(made, Env)  # every id of a card is one
    return made


@lru_cache(maxsize=4)
def _agent(described: bytes, transcripts: str) -> agents.ConfiguredAgent[Any]:
    description = json.loads(described)
    options = agents.restore_options(description["name"], description["options"])
    return agents.make(description["name"], options, Path(transcripts))


@dataclass(frozen=True, slots=True)
class Summary:
    """The scores of one agent on one panel. The denominator is the plan: an episode that failed counts with score 0.

    Attributes:
        agent, env, dataset, split: what was measured.
        episodes, tasks, clusters: how much of it.
        measures: name -> estimate with interval, means over episodes unless said otherwise: `success`, `score`,
            `score_iqm` (interquartile mean), `episode_return`, `steps`, `invalid_rate` and `format_invalid_rate` (share
            of an episode's steps; 0 for one without steps).
        outcomes: name -> number of episodes, every outcome listed.
        prompt_tokens, completion_tokens, model_calls, cost_usd: in total.
    """

    agent: str
    env: str
    dataset: str
    split: str
    episodes: int
    tasks: int
    clusters: int
    measures: Mapping[str, Interval]
    outcomes: Mapping[str, int]
    prompt_tokens: int
    completion_tokens: int
    model_calls: int
    cost_usd: float

    def plain(self) -> dict[str, Any]:
        """Return it as plain data; unknown bounds are None."""
        document = asdict(self)
        for interval in document["measures"].values():
            if math.isnan(interval["low"]):
                interval["low"] = interval["high"] = None
        return document


_GROUP = ("agent", "env", "dataset", "split")


def summarise(rows: Sequence[Mapping[str, Any]], *, seed: int = 0, resamples: int = 2000) -> list[Summary]:
    """Return one summary per (agent, env, dataset, split) of episode rows, in that order.

    Intervals are at 95 %. Success: Wilson where every cluster has one episode; else, as for every other measure, the
    bootstrap over whole clusters. Where all episodes agree on success the bootstrap has no width, and Wilson over the
    clusters stands in.

    Args:
        rows: of an episode table, all episodes of the plan.
        seed: of the bootstrap; every measure is resampled alike.
        resamples: of the bootstrap.

    Raises:
        InvalidValue: without rows.
    """
    if not rows:
        raise InvalidValue("no episodes to summarise: give the rows of a finished eval")
    groups: dict[tuple[str, ...], list[Mapping[str, Any]]] = {}
    for row in rows:
        groups.setdefault(tuple(row[name] for name in _GROUP), []).append(row)
    return [_summary(key, groups[key], seed, resamples) for key in sorted(groups)]


def _summary(key: tuple[str, ...], rows: Sequence[Mapping[str, Any]], seed: int, resamples: int) -> Summary:
    clusters = [row["cluster"] for row in rows]
    measured = {
        "score": [row["score"] for row in rows],
        "episode_return": [row["episode_return"] for row in rows],
        "steps": [row["steps"] for row in rows],
        "invalid_rate": [row["invalid_actions"] / max(row["steps"], 1) for row in rows],
        "format_invalid_rate": [row["format_invalid"] / max(row["steps"], 1) for row in rows],
    }

    def interval(values: Sequence[float], estimator: Callable[[Any], float] = mean) -> Interval:
        generator = np.random.Generator(np.random.PCG64(derive_seed(seed, "summary", *key)))
        return bootstrap(values, clusters, estimator=estimator, rng=generator, resamples=resamples)

    measures = {"success": _success([row["success"] for row in rows], clusters, interval)}
    measures |= {name: interval(values) for name, values in measured.items()}
    measures["score_iqm"] = interval(measured["score"], iqm)
    agent, env, dataset, split = key
    return Summary(
        agent=agent,
        env=env,
        dataset=dataset,
        split=split,
        episodes=len(rows),
        tasks=len({row["task"] for row in rows}),
        clusters=len(set(clusters)),
        measures=measures,
        outcomes={outcome: sum(row["outcome"] == outcome for row in rows) for outcome in OUTCOMES},
        prompt_tokens=sum(row["prompt_tokens"] for row in rows),
        completion_tokens=sum(row["completion_tokens"] for row in rows),
        model_calls=sum(row["model_calls"] for row in rows),
        cost_usd=math.fsum(row["cost_usd"] for row in rows),
    )


def _success(
    solved: Sequence[bool], clusters: Sequence[str], interval: Callable[[Sequence[float]], Interval]
) -> Interval:
    units = len(set(clusters))
    if units == len(solved):
        return wilson(sum(solved), units)
    if all(solved) or not any(solved):
        return replace(wilson(units if solved[0] else 0, units, unit="cluster"), n=len(solved))
    return interval([float(flag) for flag in solved])


def replay(run: Run, on_progress: Callable[[int, int, str], None] | None = None) -> dict[str, list[str]]:
    """Play every recorded episode of an eval again; return cell -> what came out otherwise, for those that differ.

    Raises:
        RunUnreadable: for an unfinished or damaged run. InvalidValue: for one that is no eval.
    """
    if run.kind != "eval":
        raise InvalidValue(f"{run.path} is a run of kind {run.kind!r}; only an eval can be replayed")
    rows = run.episodes()
    env = environment(run.config)
    found = {}
    for number, row in enumerate(rows, start=1):
        lines = differences(env, row)
        if lines:
            found[row["cell"]] = lines
        if on_progress is not None:
            on_progress(number, len(rows), row["cell"])
    return found
