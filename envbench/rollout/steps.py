"""Groups collected by stepping the real environment, one episode after the other: slow, and the measure of the rest."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from envbench.env import Env
from envbench.errors import InvalidValue
from envbench.policies.tabular import TabularPolicy, history_key
from envbench.rollout.forks import Forks
from envbench.rollout.members import Members
from envbench.rollout.record import Floats, Ids, Ints, Rollout, Spent
from envbench.types import Group, Step, Task, Trajectory


class _Log:
    """What the policy did, step by step over all episodes, beside what the trajectories hold."""

    def __init__(self) -> None:
        self.rows: list[int] = []
        self.choices: list[int] = []
        self.places: list[bytes] = []


class StepCollector:
    """Plays the members of each group in the environment itself.

    Args:
        env: made with the limit of the training episodes; an unwrapped environment of envbench.
        policy: chooses among the valid actions.
        snapshots: keep a snapshot of every step, which `fork` needs.
    """

    def __init__(self, env: Env[Any], policy: TabularPolicy, snapshots: bool = False) -> None:
        self._env, self._policy, self._snapshots = env, policy, snapshots
        self._ids = Ids()
        self._pasts: dict[int, str] = {}  # history key of each row of the policy

    def collect(self, members: Members) -> Rollout:
        """Play every member once.

        Raises:
            GroupMismatch: when members of a group do not start in one anchor state.
            InvalidValue: when the environment's limit is not the members'.
        """
        if self._env.max_steps != members.max_steps:
            raise InvalidValue(
                f"the environment ends after {self._env.max_steps} steps, the episodes of the run after "
                f"{members.max_steps}: make it with max_steps={members.max_steps}"
            )
        start, log, draws, played = time.perf_counter(), _Log(), members.action_draws(), []
        for episode in range(members.count):
            task, seed = members.tasks[episode // members.size], members.noise_seed(episode)
            _, info = self._env.reset(seed=seed, options={"task": task.id})
            played.append(self._play(task, seed, info, draws[:, episode], "", log))
        groups = groups_of(members, played)
        return self._rollout(members, played, log, chain_origin(members), start, groups)

    def fork(self, forks: Forks) -> Rollout:
        """Play on from the situations that the forks name, with noise of their own.

        Raises:
            InvalidValue: for rows of which this collector kept no snapshot.
        """
        start, log, origin, columns, played = time.perf_counter(), _Log(), forks.origin, forks.columns(), []
        forks.check(origin.ids is self._ids and len(origin.place) == len(origin.t))
        draws = forks.draws("actions")
        for fork, row in enumerate(forks.rows.tolist()):
            forks.check(bool(origin.place[row]))
            task, seed = origin.members.tasks[columns["group"][fork]], forks.noise_seed(fork)
            _, info = self._env.restore(origin.place[row], reseed=seed)
            played.append(self._play(task, seed, info, draws[:, fork], self._pasts.get(int(origin.row[row])), log))
        return self._rollout(origin.members, played, log, columns, start)

    def _rollout(
        self,
        members: Members,
        played: Sequence[Trajectory],
        log: _Log,
        origin: Mapping[str, Ints],
        start: float,
        groups: tuple[Group, ...] = (),
    ) -> Rollout:
        return recorded(
            members,
            self._ids,
            played,
            rows=log.rows,
            choices=log.choices,
            places=log.places,
            origin=origin,
            start=start,
            groups=groups,
        )

    def _play(
        self, task: Task, seed: int, info: Mapping[str, Any], draws: Floats, past: str | None, log: _Log
    ) -> Trajectory:
        """Play from where the environment stands to the end of the episode.

        Args:
            task: of the episode.
            seed: of its noise.
            info: of the situation that it stands in.
            draws: float64 [steps], of the policy.
            past: history key of what was before ("" at the start of an episode), or up to here (of a fork).
            log: is added to.
        """
        env, policy = self._env, self._policy
        steps: list[Step] = []
        history, action, forked = past or "", "", bool(past)
        while "outcome" not in info:
            state, anchor, observation = info["state_hash"], info["anchor_hash"], info["observation_hash"]
            if policy.key == "history" and not (forked and not steps):
                history = history_key(history, action, observation)
            actions = info["valid_actions"] or ()
            row = policy.row({"anchor": anchor, "observation": observation}.get(policy.key, history), actions)
            if policy.key == "history":
                self._pasts[row] = history
            choice = int(policy.sample(np.array([row]), draws[len(steps), None])[0])
            action = actions[choice]
            if self._snapshots:
                log.places.append(env.snapshot())
            _, reward, terminated, truncated, info = env.step(action)
            steps.append(Step(state, anchor, observation, action, float(reward), info["valid"]))
            log.rows.append(row)
            log.choices.append(choice)
        return Trajectory(
            task=task.id,
            task_digest=task.digest,
            seed=seed,
            steps=tuple(steps),
            terminated=terminated,
            truncated=truncated,
            outcome=info["outcome"],
            score=info["score"],
            final_state=info["state_hash"],
            final_anchor=info["anchor_hash"],
        )


def recorded(
    members: Members,
    ids: Ids,
    episodes: Sequence[Trajectory],
    *,
    rows: Sequence[int],
    choices: Sequence[int],
    places: Any,
    origin: Mapping[str, Ints],
    start: float,
    groups: tuple[Group, ...] = (),
    policy_tokens: int | None = None,
) -> Rollout:
    """Return recorded episodes as arrays.

    Args:
        members: who was to play.
        ids: of the collector.
        episodes: in order; each begins at its `t`.
        rows: of each step, what the policy numbered the situation.
        choices: of each step, what it numbered the action.
        places: of each step, where the episode stood; empty where nothing was kept.
        origin: `group`, `member`, `parent` and first `t`, int64 [E] each (`chain_origin`, `Forks.columns`).
        start: `time.perf_counter()` when playing began.
        groups: the episodes as records.
        policy_tokens: that the policy wrote; one a step when None.
    """
    steps = [step for one in episodes for step in one.steps]
    after = [anchor for one in episodes for anchor in [*(step.anchor for step in one.steps[1:]), one.final_anchor]]
    lengths = [len(one.steps) for one in episodes]

    def numbers(texts: list[str]) -> Ints:
        return np.array([ids.of(text) for text in texts], np.int64)

    return Rollout(
        members=members,
        ids=ids,
        episode=np.repeat(np.arange(len(episodes)), lengths),
        t=np.concatenate([np.arange(length) for length in lengths]) + np.repeat(origin["t"], lengths),
        reward=np.array([step.reward for step in steps]),
        state=numbers([step.state for step in steps]),
        anchor=numbers([step.anchor for step in steps]),
        observation=numbers([step.observation for step in steps]),
        next_anchor=numbers(after),
        action=numbers(["action " + step.action for step in steps]),
        row=np.array(rows, np.int64),
        choice=np.array(choices, np.int64),
        place=places,
        group=origin["group"],
        member=origin["member"],
        terminated=np.array([one.terminated for one in episodes]),
        truncated=np.array([one.truncated for one in episodes]),
        score=np.array([one.score for one in episodes]),
        success=np.array([one.success for one in episodes]),
        parent=origin["parent"],
        branch_t=origin["t"],
        groups=groups,
        spent=Spent(
            len(steps),
            len(steps) if policy_tokens is None else policy_tokens,
            len(episodes),
            time.perf_counter() - start,
        ),
    )


def chain_origin(members: Members) -> dict[str, Ints]:
    """Return what `Forks.columns` does, of episodes that begin at the start of their tasks."""
    number = np.arange(members.count)
    none, zero = np.full_like(number, -1), np.zeros_like(number)
    return {"group": number // members.size, "member": number, "parent": none, "t": zero}


def groups_of(members: Members, played: Sequence[Trajectory]) -> tuple[Group, ...]:
    """Return the members' episodes by group.

    Raises:
        GroupMismatch: when members of a group do not start in one anchor state.
    """
    return tuple(
        Group(members.group_id(group), tuple(played[group * members.size : (group + 1) * members.size]))
        for group in range(len(members.tasks))
    )
