"""Studies end to end: what the references must come to, and that nothing but the plan decides the rows."""

import json
import math
from pathlib import Path

import gymnasium
import msgspec
import numpy as np
import pytest

import envbench
from envbench.errors import InvalidValue
from envbench.fidelity import policies
from envbench.fidelity.config import read_study
from envbench.fidelity.enumeration import enumerate_tasks
from envbench.fidelity.mdp import evaluate
from envbench.fidelity.pool import OraclePolicy, edges, nested
from envbench.fidelity.remembered import remembered
from envbench.fidelity.scene import stage
from envbench.fidelity.study import execute_study, study_plan
from envbench.fidelity.truth import exact, sampled
from envbench.rollout.graph import Graph
from envbench.rollout.members import Members
from envbench.rollout.steps import StepCollector
from envbench.rollout.walk import GraphCollector

STUDY = """
title = "small"
skills = [0.5]
group_sizes = [2, 4]
branching_sizes = [4]
groups = 40
seeds = 2
continuations = 4
truth_rows = 24

[[methods]]
name = "grpo"
[[methods]]
name = "gigpo"
options = { omega = 2.0 }

[[settings]]
name = "corridor"
env = "envbench/Bifurcation-v0"
knobs = { decisions = 3, distance = 1 }
tasks = 2
[[settings]]
name = "dry lake"
env = "envbench/FrozenLake-v0"
knobs = { slippery = false }
truth = "monte-carlo"
epsilons = [0.4]
tasks = 2
groups = 10
max_steps = 12
"""


def study(tmp_path, text=STUDY):
    file = tmp_path / "study.toml"
    file.write_text(text, encoding="utf-8")
    return read_study(file)


def rows_of(run):
    return [{name: value for name, value in row.items() if name != "seconds"} for row in run.metrics()]


@pytest.fixture(scope="module")
def finished(tmp_path_factory):
    folder = tmp_path_factory.mktemp("study")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("ENVBENCH_HOME", str(folder / "home"))
        yield execute_study(study(folder), folder / "run")
        assert len(list((folder / "home").rglob("*.msgpack"))) == 2  # one truth for each Monte-Carlo cell


def same(a, b):
    """Equality in which NaN equals NaN."""
    return json.dumps(a, sort_keys=True) == json.dumps(b, sort_keys=True)


def test_every_method_is_judged_at_every_size(finished):
    rows = rows_of(finished)
    corridor = [(row["method"], row["group_size"]) for row in rows if row["setting"] == "corridor"]
    expected = [(name, size) for size in (2, 4) for name in ("truth", "random", "grpo", "gigpo")] + [("keys", 4)]
    assert corridor == expected * 2
    assert {row["seed"] for row in rows} == set(study_plan_seeds(finished))


def study_plan_seeds(run):
    return {row["seed"] for row in run.metrics()}


def test_the_references_come_to_what_they_must(finished):
    for row in rows_of(finished):
        if row["setting"] != "corridor":
            continue
        if row["method"] == "truth":
            assert row["pearson"] == pytest.approx(1.0, abs=1e-12)
            assert row["spearman"] == pytest.approx(1.0, abs=1e-12)
            assert row["sign_accuracy"] == 1.0
            assert row["error"] == pytest.approx(0.0, abs=1e-12)
            assert row["decisive_share"] == pytest.approx(1.0, abs=1e-9)
            assert row["cosine"] > 0.9
        if row["method"] == "random":
            few = 5 / math.sqrt(row["rows"])
            assert row["pearson"] == pytest.approx(0.0, abs=few)
            assert row["sign_accuracy"] == pytest.approx(0.5, abs=few)
            assert row["decisive_share"] == pytest.approx(row["decisive_steps"], abs=few)
        if row["method"] in ("grpo", "gigpo"):
            assert 0.1 < row["pearson"] < 0.9


def test_a_sampled_truth_knows_its_error(finished):
    rows = [row for row in rows_of(finished) if row["setting"] == "dry lake"]
    truth = [row for row in rows if row["method"] == "truth"]
    assert all(0.7 < row["pearson"] < 1.0 for row in truth)  # found twice, each time with noise
    assert all(abs(row["pearson_corrected"]) >= abs(row["pearson"]) for row in rows if row["method"] == "grpo")
    assert all(row["truth_error"] <= 0.05 for row in truth)
    assert {row["rows"] for row in truth} == {12}


def test_rows_do_not_depend_on_workers_or_on_being_stopped(finished, tmp_path):
    config = study(tmp_path)
    parallel = execute_study(config, tmp_path / "parallel", workers=2)
    assert same(rows_of(parallel), rows_of(finished))

    class Stop(Exception):
        pass

    def stop(done, total, what):
        if done:
            raise Stop

    with pytest.raises(Stop):
        execute_study(config, tmp_path / "stopped", on_progress=stop)
    assert not (tmp_path / "stopped" / "DONE").exists()
    assert same(rows_of(execute_study(config, tmp_path / "stopped")), rows_of(finished))


def test_small_groups_are_part_of_large_ones():
    env = gymnasium.make("envbench/Sokoban-v0", max_steps=None).unwrapped
    tasks = envbench.panel("envbench/Sokoban-v0", split="train")[:3]
    mdp = enumerate_tasks(env, tasks, 36)
    policy, _ = policies.of_skill(mdp, 0.5, 36)
    pool = GraphCollector(Graph(env), policies.as_table(mdp, policy)).collect(Members(tasks, 8, 0, 0, 36))
    part = nested(pool, 2)
    assert part.group.tolist() == [0, 0, 1, 1, 2, 2]
    assert part.member.tolist() == [0, 1, 8, 9, 16, 17]
    for small, large in enumerate(part.member.tolist()):
        mine, theirs = part.episode == small, pool.episode == large
        for name in ("t", "reward", "anchor", "action", "choice"):
            assert np.array_equal(getattr(part, name)[mine], getattr(pool, name)[theirs]), name
    whole = exact(pool, mdp, evaluate(mdp, policy, 36))
    kept = (pool.member % 8 < 2)[pool.episode]
    assert np.array_equal(exact(part, mdp, evaluate(mdp, policy, 36)).advantage, whole.advantage[kept])


def test_monte_carlo_truth_agrees_with_the_exact_one():
    env = gymnasium.make("envbench/Sokoban-v0", max_steps=20).unwrapped
    free = gymnasium.make("envbench/Sokoban-v0", max_steps=None).unwrapped
    tasks = envbench.panel("envbench/Sokoban-v0", split="train")[:2]
    mdp = enumerate_tasks(free, tasks, 20)
    policy, _ = policies.of_skill(mdp, 0.5, 20)
    collector = StepCollector(env, policies.as_table(mdp, policy), snapshots=True)
    pool = collector.collect(Members(tasks, 4, 0, 0, 20))
    found = sampled(pool, env, collector, 10, 0.8, 2, 0)
    known = exact(pool, mdp, evaluate(mdp, policy, 20)).advantage[found.rows]
    assert len(found.rows) == 10
    assert (found.error <= 0.8).all()
    for estimate in (found.advantage, found.again):
        wrong = np.abs(estimate - known) / np.maximum(found.error, 0.05)
        assert wrong.max() < 5.0
        assert np.sqrt((wrong**2).mean()) < 1.6  # errors are as large as they are said to be
    assert not np.array_equal(found.advantage, found.again)
    assert found.continuations >= 10 * 64


def test_a_truth_is_found_once(tmp_path, monkeypatch):
    monkeypatch.setenv("ENVBENCH_HOME", str(tmp_path))
    env = gymnasium.make("envbench/Sokoban-v0", max_steps=4).unwrapped
    tasks = envbench.panel("envbench/Sokoban-v0", split="train")[:1]
    collector = StepCollector(env, OraclePolicy(env, 0.5), snapshots=True)
    pool = collector.collect(Members(tasks, 2, 0, 0, 4))
    asked = []

    def find():
        asked.append(1)
        return sampled(pool, env, collector, 3, 5.0, 2, 0)

    first, again = remembered(["a"], pool, find), remembered(["a"], pool, find)
    assert len(asked) == 1
    for name in ("rows", "advantage", "error", "pair", "again"):
        assert np.array_equal(getattr(first, name), getattr(again, name)), name
    assert (first.continuations, first.env_steps) == (again.continuations, again.env_steps)
    remembered(["b"], pool, find)
    assert len(asked) == 2
    for file in tmp_path.rglob("*.msgpack"):
        file.write_bytes(b"damaged")
    assert np.array_equal(remembered(["a"], pool, find).advantage, first.advantage)
    assert len(asked) == 3


def test_noise_has_no_sampled_truth():
    env = gymnasium.make("envbench/FrozenLake-v0", max_steps=5).unwrapped
    tasks = envbench.panel("envbench/FrozenLake-v0", split="train")[:1]
    collector = StepCollector(env, OraclePolicy(env, 0.5), snapshots=True)
    pool = collector.collect(Members(tasks, 2, 0, 0, 5))
    with pytest.raises(InvalidValue, match="truth='exact'"):
        sampled(pool, env, collector, 4, 0.1, 2, 0)


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ('name = "grpo"', 'name = "grppo"', "grpo"),
        ("seeds = 2", "seeds = 0", "seeds=0"),
        ("tasks = 2\n[[settings]]", "tasks = 2000\n[[settings]]", "tasks=2000"),
        ("skills = [0.5]", "skills = [1.5]", "1.5 is no skill"),
        ("skills = [0.5]", "skill = [0.5]", "skill"),
        ('truth = "monte-carlo"', 'truth = "guess"', "guess"),
        ("epsilons = [0.4]", "", "give epsilons"),
        ('name = "dry lake"', 'name = "corridor"', "a name of its own"),
        ("options = { omega = 2.0 }", "options = { omega = -2.0 }", "omega"),
        ('name = "gigpo"\noptions = { omega = 2.0 }', 'name = "hae"', "learned model"),
    ],
)
def test_bad_studies_are_refused_in_one_line(tmp_path, old, new, message):
    assert old in STUDY
    with pytest.raises(envbench.errors.EnvbenchError, match=message) as caught:
        study(tmp_path, STUDY.replace(old, new, 1))
    assert "\n" not in str(caught.value)


def test_a_missing_file_is_named():
    with pytest.raises(InvalidValue, match="cannot be read"):
        read_study(Path("nowhere.toml"))


def test_the_plan_holds_what_was_played(tmp_path):
    config = study(tmp_path)
    plan = study_plan(config)
    assert [cell.key for cell in plan.cells] == ["corridor/0.5/0", "corridor/0.5/1", "dry lake/0.4/2", "dry lake/0.4/3"]
    assert plan.config["versions"] == {"gigpo": 1, "grpo": 1}
    assert set(plan.config["panels"]) == {"corridor", "dry lake"}


def test_the_committed_study_judges_every_method_that_it_can():
    committed = read_study(envbench.cards.home() / "leaderboards" / "credit-fidelity" / "study.toml")
    by_default = msgspec.structs.replace(committed, methods=()).entries()
    assert {entry.name for entry in by_default} == {entry.name for entry in committed.entries()}
    assert sum(setting.env == "envbench/Bifurcation-v0" for setting in committed.settings) >= 12


def test_without_a_horizon_the_clock_is_no_part_of_the_truth(tmp_path):
    """Two forks and nothing between: discounted, the first is worth less than the second by one factor."""
    text = STUDY[: STUDY.index('[[settings]]\nname = "dry lake"')].replace("seeds = 2", "seeds = 1\ndiscount = 0.5")
    config = study(tmp_path, text.replace("decisions = 3, distance = 1", "decisions = 2, distance = 0, delay = 0"))
    scene = stage(config, config.settings[0], 0.5, 1)
    assert scene.exact is not None
    mdp, policy = scene.exact.mdp, scene.exact.policy
    by_hand = evaluate(mdp, policy, None, 0.5)
    rows = edges(scene.pool, mdp)
    expected = by_hand.q[0, rows] - by_hand.v[0, mdp.edge_node[rows]]
    assert np.array_equal(scene.truth.advantage, expected)
    with pytest.raises(InvalidValue, match="continuations end at the limit"):
        study(tmp_path, STUDY.replace("seeds = 2", "seeds = 2\ndiscount = 0.5"))
    with pytest.raises(InvalidValue, match="discount=1.5"):
        study(tmp_path, text.replace("discount = 0.5", "discount = 1.5"))
