"""Every advantage method of the registry trains a table for a few iterations, and nothing diverges in silence."""

import dataclasses

import numpy as np
import pytest
import torch

from envbench import credit
from envbench.errors import InvalidValue, MissingColumn, UnknownName
from envbench.rollout.fill import PRODUCERS, REFUSED
from envbench.rollout.tree import BRANCHED
from envbench.sweep import sweep_from
from envbench.train import TrainConfig, Trainer
from envbench.train import checkpoint as checkpoints
from envbench.train.config import MONTE_CARLO
from envbench.types import Advantages

# Methods that read what a table does not have, and why. The one list of exceptions.
NOT_TABULAR = {
    "matchtir": "tool calls with parameters, matched with reference calls",
    "hill_hint_reward": "hints, and log-probabilities without them",
    "verl_shaping": "hidden states of a network",
}
METHODS, SHAPING = ([one.name for one in credit.methods(kind)] for kind in ("advantage", "shaping"))
TRAINABLE = [name for name in METHODS if name not in NOT_TABULAR]

LAKE = TrainConfig(
    env="envbench/FrozenLake-v0",
    knobs={"slippery": False},
    max_steps=20,
    tasks=4,
    groups=4,
    group_size=16,  # with these numbers somebody succeeds before the first update
    iterations=3,
    learning_rate=0.5,
)
BOUND = 1e6  # MC-GRPO divides by a median deviation of 0.001: thousands are right, more is not


def timeless(rows):
    return [{name: value for name, value in row.items() if not name.endswith("_seconds")} for row in rows]


def logits(trainer):
    return np.array([one for row in trainer.policy.to_plain()["logits"].values() for one in row.values()])


@pytest.mark.parametrize("method", TRAINABLE)
def test_trains_and_resumes(method, monkeypatch, tmp_path):
    config = dataclasses.replace(LAKE, method=method)
    found = []

    def watched(*args, **options):
        found.append(credit.registry.advantages(*args, **options))
        return found[-1]

    monkeypatch.setattr("envbench.train.loop.credit.advantages", watched)
    trainer, file = Trainer(config), tmp_path / "checkpoint.json"
    for iteration in range(config.iterations):
        if iteration == 2:
            checkpoints.write(file, trainer.config.plain(), trainer.state())
        trainer.step()
    for one in found:
        assert torch.isfinite(one.value).all()
        assert one.value.abs().max() < BOUND
        assert one.weight is None or (torch.isfinite(one.weight).all() and (one.weight >= 0).all())
    assert np.isfinite(logits(trainer)).all()
    assert np.abs(logits(trainer)).max() > 0.0
    assert all(np.isfinite(row["advantage_rms"]) for row in trainer.rows)
    assert trainer.rows[0]["success"] > 0.0
    resumed = Trainer(config)
    resumed.load(*checkpoints.read(file, trainer.config.plain()))
    resumed.step()
    assert timeless(resumed.rows) == timeless(trainer.rows)
    assert resumed.policy.to_plain() == trainer.policy.to_plain()


@pytest.mark.parametrize("method", sorted(set(NOT_TABULAR) & {*METHODS, *SHAPING}))
def test_what_has_no_tabular_meaning_is_refused_in_one_line(method):
    changes = {"method": method} if method in METHODS else {"shaping": [method]}
    with pytest.raises(MissingColumn) as caught:
        dataclasses.replace(LAKE, **changes).resolved()  # before anything is played
    assert f"{method} needs the column" in str(caught.value)
    assert "\n" not in str(caught.value)


def test_the_exceptions_exist():
    assert not set(PRODUCERS) & set(REFUSED)
    for name in NOT_TABULAR:
        if name in {*METHODS, *SHAPING}:
            assert set(credit.method(name).needs) & set(REFUSED), name


def test_a_method_collects_what_it_needs_in_a_sweep_too():
    document = {
        "title": "needs",
        "env": LAKE.env,
        "methods": [{"name": name} for name in ("grpo", "tree_grpo", "vineppo")],
        "learning_rates": [1.0],
    }
    found = {config.method: config for _, config in sweep_from(document, "here").train_configs()}
    assert [found[name].shape for name in ("grpo", "tree_grpo", "vineppo")] == ["chains", "tree", "chains"]
    assert [found[name].continuations for name in ("grpo", "tree_grpo", "vineppo")] == [0, 0, 8]
    assert dataclasses.replace(LAKE, shaping=["vsrm"]).resolved().continuations == 8


def test_the_methods_that_collect_in_their_own_way_exist():
    assert {*MONTE_CARLO, *BRANCHED} <= set(METHODS)


def test_advantages_that_are_not_finite_stop_the_run(monkeypatch):
    def broken(name, batch, **options):
        return Advantages(torch.full((batch.num_steps,), float("nan"), dtype=torch.float64), "step")

    monkeypatch.setattr("envbench.train.loop.credit.advantages", broken)
    with pytest.raises(InvalidValue, match="grpo: the advantages of iteration 0 are not finite"):
        Trainer(LAKE).step()


@pytest.mark.parametrize("method", [name for name in SHAPING if name not in NOT_TABULAR])
def test_every_shaping_composes_with_a_method(method):
    trainer = Trainer(dataclasses.replace(LAKE, shaping=(method,)))
    for _ in range(LAKE.iterations):
        trainer.step()
    assert np.isfinite(logits(trainer)).all()


@pytest.mark.parametrize(
    "changes",
    [
        {"shape": "tree"},
        {"shape": "tree", "collector": "steps"},
        {"attempts": 3},
        {"continuations": 2},
        {"replay": "arpo_replay"},
        {"replay": "r3_replay", "collector": "steps"},
    ],
    ids=lambda changes: "-".join(map(str, changes.values())),
)
def test_ways_to_collect_resume(changes, tmp_path):
    config = dataclasses.replace(LAKE, method="grpo", **changes)
    whole, half, file = Trainer(config), Trainer(config), tmp_path / "checkpoint.json"
    for _ in range(3):
        whole.step()
    half.step()
    checkpoints.write(file, half.config.plain(), half.state())
    rest = Trainer(config)
    rest.load(*checkpoints.read(file, half.config.plain()))
    rest.step()
    rest.step()
    assert timeless(rest.rows) == timeless(whole.rows)
    assert rest.policy.to_plain() == whole.policy.to_plain()
    assert rest.spent.env_steps == whole.spent.env_steps > 0


def test_dynamic_sampling_counts_what_it_throws_away():
    plain, dynamic = Trainer(LAKE), Trainer(dataclasses.replace(LAKE, attempts=4))
    for trainer in (plain, dynamic):
        for _ in range(3):
            trainer.step()
    rows = [trainer.rows[-1] for trainer in (plain, dynamic)]
    assert rows[0]["groups_sampled"] == rows[0]["groups_used"] == 12
    assert rows[1]["groups_used"] <= 12 < rows[1]["groups_sampled"] <= 48
    assert rows[1]["episodes"] == 16 * rows[1]["groups_sampled"]
    assert rows[1]["env_steps"] > rows[0]["env_steps"]


@pytest.mark.parametrize(
    "changes",
    [{"shape": "tree"}, {"shape": "tree", "key": "history"}, {"continuations": 2, "method": "ma_rlhf"}],
    ids=["tree", "tree-of-histories", "values"],
)
def test_trees_and_values_are_equal_on_graph_and_steps(changes):
    config = dataclasses.replace(LAKE, **changes)
    both = [Trainer(config), Trainer(dataclasses.replace(config, collector="steps"))]
    for trainer in both:
        for _ in range(3):
            trainer.step()
    assert timeless(both[0].rows) == timeless(both[1].rows)
    assert both[0].policy.to_plain() == both[1].policy.to_plain()


def test_replay_rescues_groups_that_fail():
    """GUI-ARPO: as soon as a success is stored, a group without one learns from it."""
    trainer = Trainer(dataclasses.replace(LAKE, replay="arpo_replay", iterations=8))
    rescued = 0
    for _ in range(8):
        before = logits(trainer)
        trainer.step()
        after = logits(trainer)
        moved = len(after) != len(before) or not np.array_equal(after, before)
        rescued += moved and trainer.rows[-1]["success"] == 0.0
    assert trainer.rows[0]["success"] > 0.0
    assert rescued > 0
    assert trainer.rows[-1]["env_steps"] == trainer.spent.env_steps


@pytest.mark.parametrize(
    ("changes", "error", "words"),
    [
        ({"shaping": "overlong"}, InvalidValue, "expected a list"),
        ({"shaping": ["overlog"]}, UnknownName, "overlong"),
        ({"shaping": ["grpo"]}, UnknownName, "shaping method"),
        ({"shape": "trees"}, UnknownName, "tree"),
        ({"replay": "ssb"}, UnknownName, "arpo_replay"),
        ({"replay": "r3_replay", "shape": "tree"}, InvalidValue, "use shape='chains'"),
        ({"continuations": -1}, InvalidValue, "continuations=-1"),
        ({"attempts": 0}, InvalidValue, "attempts=0"),
    ],
    ids=lambda value: "-".join(map(str, value)) if isinstance(value, dict) else "",
)
def test_bad_ways_to_collect_are_refused(changes, error, words):
    with pytest.raises(error, match=words):
        dataclasses.replace(LAKE, **changes).resolved()
