"""Going on from a moment of a recorded episode."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from envbench.agents.base import Agent, Reply
from envbench.env import Env
from envbench.errors import InvalidValue, RunUnreadable


def check_moment(env: Env[Any], row: Mapping[str, Any], step: int) -> tuple[str, ...]:
    """Play an episode row up to a step and return the actions before it; the environment stands there then.

    Raises:
        InvalidValue: for a step after the last action, or a moment at which the episode is over.
        RunUnreadable: where another state comes out than was recorded.
        EnvbenchError: when the episode cannot be reset.
    """
    actions, hashes = row["actions"], row["state_hashes"]
    if step > len(actions):
        raise InvalidValue(f"step {step}: the episode has {len(actions)} steps; give 0 to {max(len(actions) - 1, 0)}")
    _, info = env.reset(seed=row["seed"], options={"task": row["task"]})
    for t in range(step + 1):
        if t < len(hashes) and info["state_hash"] != hashes[t]:
            raise RunUnreadable(
                f"{row['task']} does not happen again: after {t} steps the state is another than was recorded; "
                "use the data and the version of the run"
            )
        if t < step:
            *_, info = env.step(actions[t])
    if "outcome" in info:
        raise InvalidValue(f"step {step}: the episode is over there ({info['outcome']}); give a step before {step}")
    return tuple(actions[:step])


class FromMoment:
    """Sends recorded actions, and then what an agent chooses; for the agent, that moment is the start.

    Args:
        before: the recorded actions.
        agent: asked from there on.
    """

    def __init__(self, before: Sequence[str], agent: Agent) -> None:
        self.name = agent.name
        self._before, self._agent = tuple(before), agent

    def start(self, env: Env[Any], observation: Any, info: Mapping[str, Any], trial: int = 0) -> None:
        self._env, self._trial, self._sent = env, trial, 0

    def act(self, observation: Any, info: Mapping[str, Any]) -> Reply:
        if self._sent < len(self._before):
            self._sent += 1
            return Reply(self._before[self._sent - 1])
        if self._sent == len(self._before):
            self._sent += 1
            self._agent.start(self._env, observation, {**info, "seed": self._env.seed}, self._trial)
        return self._agent.act(observation, info)
