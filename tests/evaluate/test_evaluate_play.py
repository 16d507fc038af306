import math

import gymnasium
import pytest

from envbench import agents, panel
from envbench.agents.base import Reply
from envbench.errors import AgentFailed, UnknownName
from envbench.rollout.play import Budget, differences, play

ROW = [
    "agent",
    "env",
    "dataset",
    "split",
    "task",
    "task_digest",
    "cluster",
    "kind",
    "trial",
    "seed",
    "outcome",
    "success",
    "score",
    "episode_return",
    "steps",
    "invalid_actions",
    "format_invalid",
    "prompt_tokens",
    "completion_tokens",
    "model_calls",
    "cost_usd",
    "error",
    "actions",
    "rewards",
    "state_hashes",
    "wall_seconds",
]


class Fixed:
    """Sends a list of actions; None fails."""

    name = "fixed"

    def __init__(self, *actions, **counts):
        self.actions, self.counts = actions, counts

    def start(self, env, observation, info, trial=0):
        self.sent = iter(self.actions)
        self.trial = trial

    def act(self, observation, info):
        action = next(self.sent)
        if action is None:
            raise AgentFailed("no\nidea")
        return Reply(action, **self.counts)


SOLUTION = ("down", "down", "right", "right", "down", "right")


@pytest.fixture
def env():
    return gymnasium.make("envbench/FrozenLake-v0", dataset="classic", split="all", slippery=False).unwrapped


@pytest.fixture
def task():
    return panel("frozenlake", "classic", "all", slippery=False)[0]


def test_an_episode_is_a_trajectory_and_a_row(env, task):
    trajectory, row = play(env, Fixed("fly", *SOLUTION, prompt_tokens=2, model_calls=1), task, 7, trial=3)
    assert list(row) == ROW
    assert (row["task"], row["task_digest"], row["cluster"], row["split"]) == (
        task.id,
        task.digest,
        task.cluster,
        "all",
    )
    assert (row["env"], row["dataset"], row["agent"]) == ("envbench/FrozenLake-v0", "classic", "fixed")
    assert (row["trial"], row["seed"], row["outcome"], row["score"], row["episode_return"]) == (
        3,
        7,
        "success",
        1.0,
        1.0,
    )
    assert (row["steps"], row["invalid_actions"], row["prompt_tokens"], row["model_calls"]) == (7, 1, 14, 7)
    assert row["actions"] == ["fly", *SOLUTION]
    assert row["rewards"] == [0.0] * 6 + [1.0]
    assert len(row["state_hashes"]) == 8
    assert row["state_hashes"][0] == row["state_hashes"][1] != row["state_hashes"][2]
    assert row["wall_seconds"] > 0
    assert [step.state for step in trajectory.steps] == row["state_hashes"][:-1]
    assert trajectory.final_state == row["state_hashes"][-1]
    assert (trajectory.terminated, trajectory.truncated, trajectory.success) == (True, False, True)
    assert [step.valid for step in trajectory.steps] == [False] + [True] * 6
    assert not differences(env, row)


def test_a_failing_agent_keeps_what_happened_before(env, task):
    trajectory, row = play(env, Fixed("down", "down", None), task, 7)
    assert (row["outcome"], row["steps"], row["error"]) == ("agent_error", 2, "AgentFailed: no idea")
    assert (trajectory.terminated, trajectory.truncated) == (False, False)
    assert not differences(env, row)


def test_an_agent_that_fails_at_the_start(env, task, monkeypatch):
    agent = Fixed()
    monkeypatch.setattr(agent, "start", lambda *_: (_ for _ in ()).throw(AgentFailed("not ready")))
    row = play(env, agent, task, 7).row
    assert (row["outcome"], row["steps"], len(row["state_hashes"])) == ("agent_error", 0, 1)


def test_an_environment_that_breaks_is_an_env_error(env, task, monkeypatch, caplog):
    step = env._step
    monkeypatch.setattr(env, "_step", lambda action: step(action) if action == "down" else 1 / 0)
    row = play(env, Fixed("down", "right"), task, 7).row
    assert (row["outcome"], row["steps"], row["score"]) == ("env_error", 1, 0.0)
    assert row["error"] == "ZeroDivisionError: division by zero"
    assert len(row["rewards"]) == len(row["actions"]) == len(row["state_hashes"]) - 1
    assert "ZeroDivisionError" in caplog.text


def test_an_environment_that_breaks_at_reset_is_an_env_error_without_hashes(env, task, monkeypatch):
    monkeypatch.setattr(env, "_reset", lambda task: 1 / 0)
    trajectory, row = play(env, Fixed("down"), task, 7)
    assert (row["outcome"], row["steps"], row["state_hashes"]) == ("env_error", 0, [])
    assert (trajectory.steps, trajectory.final_state) == ((), "")


def test_a_reward_that_is_no_number_is_an_env_error(env, task, monkeypatch):
    step = env._step
    monkeypatch.setattr(env, "_step", lambda action: step(action)._replace(reward=math.nan))
    row = play(env, Fixed("down"), task, 7).row
    assert (row["outcome"], row["rewards"], row["episode_return"]) == ("env_error", [], 0.0)


def test_a_task_that_is_not_there_is_no_env_error(env, task):
    other = panel("frozenlake", "builtin", "test", slippery=False)[0]
    with pytest.raises(Exception, match="dataset='builtin'"):
        play(env, Fixed("down"), other, 7)
    missing = panel("frozenlake", "classic", "all", slippery=False)[0].__class__(
        "frozenlake/classic/all/9999", task.digest, "", "", None, None
    )
    with pytest.raises(UnknownName):
        play(env, Fixed("down"), missing, 7)


@pytest.mark.parametrize(("budget", "steps"), [(Budget(steps=2), 2), (Budget(tokens=50), 3), (Budget(60, 5), 3)])
def test_a_budget_cuts(env, task, budget, steps):
    row = play(env, Fixed(*SOLUTION, prompt_tokens=10, completion_tokens=10), task, 7, budget=budget).row
    assert (row["outcome"], row["steps"], row["success"]) == ("budget", steps, False)
    assert not differences(env, row)


def test_the_last_step_within_the_budget_still_counts(env, task):
    row = play(env, Fixed(*SOLUTION, prompt_tokens=10), task, 7, budget=Budget(steps=6, tokens=60)).row
    assert row["outcome"] == "success"


def test_equal_seeds_give_equal_episodes_and_other_seeds_others():
    env = gymnasium.make("envbench/FrozenLake-v0").unwrapped
    task = panel("frozenlake", "builtin", "test")[0]

    def hashes(seed):
        return play(env, agents.make("random"), task, seed).row["state_hashes"]

    assert hashes(1) == hashes(1)
    assert hashes(1) != hashes(2)


@pytest.mark.parametrize(
    ("change", "says"),
    [
        ({"rewards": [0.0] * 5 + [0.5]}, "reward after step 6: 1.0, recorded 0.5"),
        ({"score": 0.5}, "score 1.0, recorded 0.5"),
        ({"outcome": "failure"}, "outcome success, recorded failure"),
        ({"outcome": "timeout"}, "outcome success, recorded timeout"),
        ({"task_digest": "v1:0"}, "task digest"),
        ({"actions": SOLUTION[:5]}, "5 rewards, recorded 6"),
        ({"actions": ("left", *SOLUTION[1:])}, "state hash after step 1"),
        ({"seed": 8}, ""),
    ],
)
def test_differences_are_named(env, task, change, says):
    row = play(env, Fixed(*SOLUTION), task, 7).row
    assert not differences(env, row)
    found = "; ".join(differences(env, row | change))
    assert (says in found) if says else found == ""


def test_a_changed_hash_is_found_wherever_it_is(env, task):
    row = play(env, Fixed(*SOLUTION), task, 7).row
    for step in range(7):
        hashes = list(row["state_hashes"])
        hashes[step] = "v1:" + "0" * 32
        assert f"state hash after step {step}:" in differences(env, row | {"state_hashes": hashes})[0]
