"""One episode of one agent, and the check that a recorded episode happens again."""

from __future__ import annotations

import logging
import math
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

from envbench.agents.base import Agent, Reply
from envbench.env import Env
from envbench.errors import AgentFailed, EnvbenchError
from envbench.registry import split_of
from envbench.types.task import Task
from envbench.types.trajectory import Step, Trajectory

_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Budget:
    """What an agent may use up in an episode, beside the environment's own limit; None is no bound.

    Attributes:
        tokens: prompt and completion tokens; checked before each decision, so the last one may pass it.
        steps: decisions.
    """

    tokens: int | None = None
    steps: int | None = None

    def spent(self, tokens: int, steps: int) -> bool:
        return (self.tokens is not None and tokens >= self.tokens) or (self.steps is not None and steps >= self.steps)


class Played(NamedTuple):
    """An episode: for credit assignment, and as the row of an episode table."""

    trajectory: Trajectory
    row: dict[str, Any]


def play(env: Env[Any], agent: Agent, task: Task, seed: int, *, trial: int = 0, budget: Budget | None = None) -> Played:
    """Play one episode.

    An exception of the environment ends it as `env_error`, `AgentFailed` as `agent_error`, a used-up budget as
    `budget`; what happened before is kept.

    Args:
        env: not wrapped.
        agent: asked once per step.
        task: of the environment's family and data set.
        seed: of the episode; drives the noise.
        trial: number of the episode among those of this task.
        budget: none by default.

    Raises:
        EnvbenchError: when the episode cannot be reset (unknown task, missing or damaged data).
    """
    started = time.perf_counter()
    episode = _Episode(env, budget or Budget())
    episode.run(agent, task, seed, trial)
    seconds = time.perf_counter() - started
    return Played(
        episode.trajectory(task, seed), episode.row(agent.name, task, seed, trial) | {"wall_seconds": seconds}
    )


class _Episode:
    """What has happened so far."""

    def __init__(self, env: Env[Any], budget: Budget) -> None:
        self._env, self._budget = env, budget
        self._steps: list[Step] = []
        self._replies: list[Reply] = []
        self._info: Mapping[str, Any] = {}
        self._terminated = self._truncated = False
        self._outcome = self._error = ""

    def run(self, agent: Agent, task: Task, seed: int, trial: int) -> None:
        try:
            observation, self._info = self._env.reset(seed=seed, options={"task": task.id})
        except EnvbenchError:
            raise
        except Exception as error:
            self._fail("env_error", error)
            return
        try:
            agent.start(self._env, observation, self._info, trial)
        except AgentFailed as error:
            self._fail("agent_error", error)
            return
        while not self._outcome:
            if self._budget.spent(self._tokens(), len(self._steps)):
                self._outcome = "budget"
                return
            try:
                reply = agent.act(observation, self._info)
            except AgentFailed as error:
                self._fail("agent_error", error)
                return
            try:
                observation = self._take(reply)
            except Exception as error:
                self._fail("env_error", error)

    def _take(self, reply: Reply) -> Any:
        before = self._info
        observation, reward, self._terminated, self._truncated, info = self._env.step(reply.action)
        if not math.isfinite(reward):
            raise ValueError(f"the reward of {reply.action!r} is {reward!r}")
        self._steps.append(
            Step(
                state=before["state_hash"],
                anchor=before["anchor_hash"],
                observation=before["observation_hash"],
                action=reply.action,
                reward=float(reward),
                valid=info["valid"],
                format_valid=reply.format_valid,
            )
        )
        self._replies.append(reply)
        self._info = info
        self._outcome = info.get("outcome", "")
        return observation

    def _fail(self, outcome: str, error: Exception) -> None:
        self._outcome = outcome
        self._error = " ".join(f"{type(error).__name__}: {error}".split())[:500]
        if outcome == "env_error":
            _log.error("the environment failed after %d steps", len(self._steps), exc_info=error)

    def _tokens(self) -> int:
        return sum(reply.prompt_tokens + reply.completion_tokens for reply in self._replies)

    def _score(self) -> float:
        return float(self._info.get("score", 0.0))

    def trajectory(self, task: Task, seed: int) -> Trajectory:
        return Trajectory(
            task=task.id,
            task_digest=task.digest,
            seed=seed,
            steps=tuple(self._steps),
            terminated=self._terminated,
            truncated=self._truncated,
            outcome=self._outcome,
            score=self._score(),
            final_state=self._info.get("state_hash", ""),
            final_anchor=self._info.get("anchor_hash", ""),
        )

    def row(self, agent: str, task: Task, seed: int, trial: int) -> dict[str, Any]:
        return episode_row(
            self._env, agent, task, trial, self.trajectory(task, seed), self._replies, self._error, bool(self._info)
        )


def episode_row(
    env: Env[Any],
    agent: str,
    task: Task,
    trial: int,
    trajectory: Trajectory,
    replies: Sequence[Reply],
    error: str = "",
    started: bool = True,
) -> dict[str, Any]:
    """Return an episode as a row of an episode table.

    Args:
        env: whose episode it is; read for its id and data set.
        agent: name.
        task: of the episode.
        trial: of the episode.
        trajectory: what happened.
        replies: what the agent said, one a step.
        error: what ended it, if something did.
        started: False where it could not even be reset.
    """
    steps = trajectory.steps
    hashes = [step.state for step in steps] + ([trajectory.final_state] if started else [])
    return {
        "agent": agent,
        "env": env.card.env.ids[0],
        "dataset": env.dataset,
        "split": split_of(task.id)[2],
        "task": task.id,
        "task_digest": task.digest,
        "cluster": task.cluster,
        "kind": task.kind,
        "trial": trial,
        "seed": trajectory.seed,
        "outcome": trajectory.outcome,
        "success": trajectory.success,
        "score": trajectory.score,
        "episode_return": trajectory.episode_return,
        "steps": len(steps),
        "invalid_actions": sum(not step.valid for step in steps),
        "format_invalid": sum(not step.format_valid for step in steps),
        "prompt_tokens": sum(reply.prompt_tokens for reply in replies),
        "completion_tokens": sum(reply.completion_tokens for reply in replies),
        "model_calls": sum(reply.model_calls for reply in replies),
        "cost_usd": math.fsum(reply.cost_usd for reply in replies),
        "error": error,
        "actions": [step.action for step in steps],
        "rewards": [step.reward for step in steps],
        "state_hashes": hashes,
    }


_OWN_OUTCOMES = ("success", "failure", "timeout")  # those that the environment decides


def differences(env: Env[Any], row: Mapping[str, Any]) -> list[str]:
    """Play the recorded actions of an episode row again and say, one line each, what came out otherwise.

    Compared are the task's digest and, to the bit, every reward and state hash; the score; that nothing was recorded
    after the end; and the outcome where the environment decides it.

    Raises:
        EnvbenchError: when the episode cannot be reset.
    """
    _, info = env.reset(seed=row["seed"], options={"task": row["task"]})
    if env.task.digest != row["task_digest"]:
        return [f"task digest {env.task.digest}, recorded {row['task_digest']}"]
    recorded_hashes = list(row["state_hashes"])
    rewards, hashes = [], [info["state_hash"]] if recorded_hashes else []
    for action in row["actions"]:
        _, reward, _, _, info = env.step(action)
        rewards.append(float(reward))
        hashes.append(info["state_hash"])
    found = [
        *_unequal("reward", 1, rewards, list(row["rewards"])),
        *_unequal("state hash", 0, hashes, recorded_hashes),
    ]
    score = float(info.get("score", 0.0))
    if score != row["score"]:
        found.append(f"score {score}, recorded {row['score']}")
    outcome = info.get("outcome", "")
    if env.t < len(rewards):
        found.append(f"the episode is over after step {env.t}, recorded {len(rewards)} actions")
    if (row["outcome"] in _OWN_OUTCOMES or outcome) and outcome != row["outcome"]:
        found.append(f"outcome {outcome or 'none yet'}, recorded {row['outcome']}")
    return found


def _unequal(what: str, first: int, now: list[Any], recorded: list[Any]) -> list[str]:
    """Return one line for the first place where two lists differ."""
    if len(now) != len(recorded):
        return [f"{len(now)} {what}s, recorded {len(recorded)}"]
    for step, (new, old) in enumerate(zip(now, recorded, strict=True), start=first):
        if new != old:
            return [f"{what} after step {step}: {new}, recorded {old}"]
    return []
