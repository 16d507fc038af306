"""The loop: what it computes, that it resumes to equal results, that it learns."""

import dataclasses
import json

import numpy as np
import pytest
import torch

from envbench.errors import InvalidValue, RunConflict, RunUnreadable, SplitRefused, UnknownName
from envbench.train import TrainConfig, Trainer, train
from envbench.train import checkpoint as checkpoints
from envbench.train.run import execute_training
from envbench.train.tabular import policy_signal, shared_graph
from envbench.types import Advantages, StepBatch

LAKE = TrainConfig(
    env="envbench/FrozenLake-v0", knobs={"slippery": False}, tasks=3, groups=2, group_size=4, iterations=6
)


def timeless(rows):
    return [{name: value for name, value in row.items() if not name.endswith("_seconds")} for row in rows]


def test_both_collectors_give_equal_curves():
    for method in ("reinforce", "rloo", "grpo", "gigpo"):
        config = dataclasses.replace(LAKE, method=method, learning_rate=2.0)
        assert timeless(train(config)) == timeless(train(dataclasses.replace(config, collector="steps")))


def test_a_graph_that_grew_too_large_is_replaced(monkeypatch):
    curve = timeless(train(LAKE))
    monkeypatch.setattr("envbench.train.tabular._MOST_NODES", 3)
    key = (LAKE.env, LAKE.dataset, tuple(LAKE.knobs.items()))
    assert shared_graph(*key).nodes.size == 0
    assert timeless(train(LAKE)) == curve


def test_rows_follow_the_schema():
    rows = train(dataclasses.replace(LAKE, log_every=4, options={"scale": "none"}))
    assert [row["iteration"] for row in rows] == [0, 4, 5]
    assert list(rows[0]) == [
        "env", "dataset", "split", "panel_sha256", "method", "options", "advantage_scale", "learning_rate", "seed",
        "iteration", "env_steps", "policy_tokens", "episodes", "groups_sampled", "groups_used", "success", "score",
        "episode_return", "episode_length", "group_signal", "anchor_shared", "anchor_group_size", "advantage_rms",
        "fill_seconds", "credit_seconds", "update_seconds", "checkpoint_seconds", "wall_seconds",
    ]  # fmt: skip
    assert rows[-1]["episodes"] == 6 * 2 * 4
    assert rows[-1]["groups_sampled"] == rows[-1]["groups_used"] == 6 * 2
    assert rows[-1]["policy_tokens"] == rows[-1]["env_steps"]
    assert rows[0]["options"] == '{"scale":"none"}'
    assert rows[0]["split"] == "train"


def test_every_pass_meets_each_task_once_in_an_order_of_its_own():
    trainer = Trainer(dataclasses.replace(LAKE, tasks=5, groups=7))
    played = []
    for _ in range(5):
        played += [task.id for task in trainer._members().tasks]
        trainer.step()
    passes = [tuple(played[start : start + 5]) for start in range(0, 35, 5)]
    assert all(sorted(one) == [task.id for task in trainer.panel] for one in passes)
    assert len(set(passes)) > 3


BATCH = StepBatch.from_columns(
    episode=[0, 0, 1, 2, 2, 2, 3],
    t=[0, 1, 0, 0, 1, 2, 0],
    reward=[0.0] * 7,
    group=[0, 0, 1, 1],
    include=[True, True, True, False],
)
VALUES = torch.tensor([1.0, -1.0, 2.0, 3.0, 0.5, -2.0, 9.0], dtype=torch.float64)
WEIGHT = torch.tensor([1.0, 1.0, 1.0, 1.0, 0.0, 1.0, 1.0], dtype=torch.float64)


def test_signal_averages_over_episodes_or_rows_of_the_group():
    found = Advantages(VALUES, "step", weight=WEIGHT)
    signal, rms = policy_signal(BATCH, found, "raw", "episodes")
    assert rms == pytest.approx(np.sqrt((1 + 1 + 4 + 9 + 4) / 5))
    assert signal.tolist() == [0.5, -0.5, 1.0, 3.0, 0.0, -2.0, 0.0]  # group 1 has one included episode
    signal, _ = policy_signal(BATCH, found, "raw", "rows")
    assert signal.tolist() == pytest.approx([1 / 3, -1 / 3, 2 / 3, 1.5, 0.0, -1.0, 0.0])


def test_unit_rms_makes_any_two_sizes_equal():
    found = [Advantages(VALUES * factor, "step", weight=WEIGHT) for factor in (1.0, 40.0)]
    small, large = (policy_signal(BATCH, one, "unit_rms", "rows")[0] for one in found)
    assert small == pytest.approx(large)
    nothing = policy_signal(BATCH, Advantages(VALUES * 0.0, "step"), "unit_rms", "rows")
    assert nothing[0].tolist() == [0.0] * 7
    assert nothing[1] == 0.0


def test_a_killed_run_goes_on_to_equal_results(tmp_path):
    whole = train(LAKE)
    for kill in (1, 4):
        trainer = Trainer(LAKE)
        for _ in range(kill):
            trainer.step()
        file = tmp_path / f"{kill}.json"
        checkpoints.write(file, trainer.config.plain(), trainer.state())
        rows = []
        assert timeless(train(LAKE, checkpoint=file, on_row=rows.append)) == timeless(whole)
        assert [row["iteration"] for row in rows] == list(range(kill, 6))
        state = json.loads(file.read_text())["state"]
        assert state["iteration"] == 6
        assert state["learner"]["policy"] == trained_policy()


def stop_at_three(row):
    seen.append(row["iteration"])
    if seen == [0, 1, 2, 3]:
        raise KeyboardInterrupt


seen = []


def test_an_interrupted_directory_goes_on(tmp_path, monkeypatch):
    monkeypatch.setattr("envbench.train.loop._CHECKPOINT_SECONDS", 0.0)
    monkeypatch.setattr("envbench.train.loop._CHECKPOINT_TIMES", 0.0)
    seen.clear()
    with pytest.raises(KeyboardInterrupt):
        execute_training(LAKE, tmp_path / "run", stop_at_three)
    run = execute_training(LAKE, tmp_path / "run", stop_at_three)
    assert seen == [0, 1, 2, 3, 3, 4, 5]  # the iteration that was cut is played again
    assert timeless(run.metrics()) == [{"cell": "grpo/0", **row} for row in timeless(train(LAKE))]
    assert execute_training(LAKE, tmp_path / "run", stop_at_three).metrics() == run.metrics()


@pytest.mark.parametrize(("took", "expected"), [(0.01, [2, 4, 6, 8, 10, 11]), (0.25, [2, 7, 11]), (9.0, [2, 11])])
def test_checkpoints_take_a_twentieth_of_the_time(tmp_path, monkeypatch, took, expected):
    """Of iterations of a second each: no more often than every 2 s, and than 20 times what the last one took."""
    now, written = [0.0], []

    def write(trainer, _file, _plain):
        written.append(trainer.iteration)
        return took

    def step(trainer, _folder):
        now[0] += 1.0
        trainer.iteration += 1

    monkeypatch.setattr("envbench.train.loop.time.monotonic", lambda: now[0])
    monkeypatch.setattr(Trainer, "write", write)
    monkeypatch.setattr(Trainer, "step", step)
    train(dataclasses.replace(LAKE, iterations=11), checkpoint=tmp_path / "checkpoint.json")
    assert written == expected


def trained_policy():
    trainer = Trainer(LAKE)
    for _ in range(LAKE.iterations):
        trainer.step()
    return trainer.policy.to_plain()


def test_a_checkpoint_of_something_else_is_refused(tmp_path):
    file = tmp_path / "checkpoint.json"
    train(LAKE, checkpoint=file)
    with pytest.raises(RunConflict, match="another configuration"):
        train(dataclasses.replace(LAKE, seed=1), checkpoint=file)
    file.write_text(file.read_text()[:-9])
    with pytest.raises(RunUnreadable, match="damaged"):
        train(LAKE, checkpoint=file)


@pytest.mark.parametrize(
    ("change", "error", "words"),
    [
        ({"env": "envbench/FrozenLake-v9"}, UnknownName, "FrozenLake-v0"),
        ({"dataset": "classic"}, SplitRefused, "no split to train on"),
        ({"split": "test"}, SplitRefused, "--split train"),
        ({"split": "tset"}, UnknownName, "test"),
        ({"method": "gripo"}, UnknownName, "grpo"),
        ({"options": {"gama": 1}}, UnknownName, "option of grpo"),
        ({"knobs": {"slipery": False}}, UnknownName, "slippery"),
        ({"tasks": 9999}, InvalidValue, "512 tasks"),
        ({"tasks": 0}, InvalidValue, "tasks=0"),
        ({"learning_rate": float("nan")}, InvalidValue, "learning_rate"),
        ({"advantage_scale": "unit"}, UnknownName, "unit_rms"),
        ({"average": "all"}, UnknownName, "episodes"),
        ({"collector": "graf"}, UnknownName, "graph"),
        ({"key": "state"}, UnknownName, "anchor"),
        ({"seed": -1}, InvalidValue, "seed"),
    ],
)
def test_bad_configurations_are_refused_before_anything_runs(change, error, words):
    with pytest.raises(error, match=words):
        dataclasses.replace(LAKE, **change).resolved()


@pytest.mark.parametrize(
    ("env", "changes", "measure", "gain"),
    [
        ("envbench/Sokoban-v0", {"iterations": 60, "learning_rate": 2.0}, "success", 0.6),
        ("envbench/FrozenLake-v0", {"knobs": {"slippery": False}, "iterations": 120}, "success", 0.4),
        ("envbench/FrozenLake-v0", {"group_size": 32, "iterations": 120, "learning_rate": 2.0}, "success", 0.15),
        ("envbench/WebShop-v0", {"iterations": 60, "learning_rate": 2.0}, "score", 0.3),
    ],
    ids=["sokoban", "frozenlake-dry", "frozenlake-slippery", "webshop"],
)
def test_learns_on_its_training_panel(env, changes, measure, gain):
    rows = train(TrainConfig(env=env, log_every=6, **changes))
    before, after = rows[0][measure], sum(row[measure] for row in rows[-5:]) / 5
    assert after >= before + gain, (before, after)
    assert rows[-1]["wall_seconds"] < 60
