"""The samplers: golden file, plain-Python twins, and what they decide in situations small enough to see."""

import dataclasses
import json
import math
from pathlib import Path

import numpy as np
import pytest
import torch
import twins_shaping as twins
from full_batch import cast, full_columns

from envbench import credit
from envbench.errors import InvalidValue, MissingColumn, UnknownName
from envbench.types import StepBatch

GOLDEN = Path(__file__).resolve().parents[1] / "golden" / "credit"
METHODS = [one.name for one in credit.methods("sampler")]
TREES = pytest.mark.parametrize("tree", [False, True], ids=["chain", "tree"])


def columns_of(seed, tree=False, **options):
    columns = full_columns(seed, size=6, tree=tree, **options)
    rng = np.random.Generator(np.random.PCG64(seed))
    episodes = len(columns["group"])
    size = rng.uniform(-1.0, 1.0, episodes)
    return {
        **columns,
        "stored": rng.uniform(size=episodes) < 0.5,
        "age": rng.integers(0, 7, episodes),
        "episode_advantage": np.where(rng.uniform(size=episodes) < 0.5, 0.0, size),
    }


def draws_of(seed, *shape):
    return torch.from_numpy(np.random.Generator(np.random.PCG64(seed + 999)).uniform(size=shape))


def batch_of(columns):
    return StepBatch.from_columns(**cast(columns, torch.float64))


def check(selection, expected, batch):
    """The selection is what the twin decided, and keeps no excluded episode."""
    assert selection.keep.dtype == torch.bool
    assert not bool((selection.keep & ~batch.include).any())
    for name, value in expected.items():
        found = selection.parts[name[6:]] if name.startswith("parts.") else getattr(selection, name)
        assert found.tolist() == pytest.approx(value, abs=1e-12), name


SEEDS = range(8)


@TREES
@pytest.mark.parametrize("options", [{"success": 0.9}, {"on": "return"}], ids=["success", "return"])
def test_dynamic_sampling(options, tree):
    dropped = 0
    for seed in SEEDS:
        columns = columns_of(seed, tree)
        batch = batch_of(columns)
        selection = credit.select("dynamic_sampling", batch, **options)
        check(selection, twins.dynamic_sampling(twins.episodes_of(columns), **options), batch)
        dropped += int((~selection.parts["differs"]).sum())
    assert 0 < dropped < 5 * len(SEEDS)


@TREES
@pytest.mark.parametrize("options", [{}, {"spread": 1.0, "mean": 0.9, "success": 0.5, "capacity": 2}])
def test_arpo_replay(options, tree):
    rescued = 0
    for seed in SEEDS:
        columns = columns_of(seed, tree)
        columns["reward"] = np.where(np.repeat(columns["stored"], _rows(columns)), columns["reward"], 0.0)
        batch, draws = batch_of(columns), draws_of(seed, len(columns["group"]))
        selection = credit.select("arpo_replay", batch, draws, **options)
        check(selection, twins.arpo_replay(twins.episodes_of(columns), draws.tolist(), **options), batch)
        rescued += int(selection.parts["rescued"].sum())
    assert rescued > 0


def _rows(columns):
    return np.unique(columns["episode"], return_counts=True)[1]


def test_arpo_tasks_solved_once_are_kept():
    batch = StepBatch.from_columns(episode=[0, 1, 2, 3], t=[0] * 4, reward=[0.0, 1.0, 0.0, 0.1], group=[0, 0, 1, 1])
    selection = credit.select("arpo_replay", batch, mode="tasks")
    assert selection.keep.tolist() == [True, True, False, False]
    assert selection.parts["solved"].tolist() == [True, False]


def test_arpo_replaces_the_first_rollout_and_keeps_the_newest():
    columns = {"episode": list(range(5)), "t": [0] * 5, "reward": [0.0, 0.0, 0.0, 1.0, 1.0], "group": [0] * 5}
    batch = StepBatch.from_columns(**columns, stored=[False] * 3 + [True] * 2, age=[0, 0, 0, 5, 2])
    selection = credit.select("arpo_replay", batch, torch.tensor([0.0, 0.0, 0.0, 0.3, 0.6]), capacity=1)
    assert selection.keep.tolist() == [False, True, True, True, False]
    assert selection.store.tolist() == [False, False, False, False, True]


@TREES
@pytest.mark.parametrize("options", [{"success": 0.9}, {"success": 1.2, "k": 2, "weight": 0.1, "reflect_below": 0.2}])
def test_r3_replay(options, tree):
    replayed = 0
    for seed in SEEDS:
        columns = columns_of(seed, tree)
        batch, draws = batch_of(columns), draws_of(seed, len(columns["group"]))
        selection = credit.select("r3_replay", batch, draws, **options)
        check(selection, twins.r3_replay(twins.episodes_of(columns), draws.tolist(), **options), batch)
        replayed += int((selection.keep & batch.extra["stored"]).sum())
        assert torch.equal(selection.weight > 0.0, selection.keep)
    assert replayed > 0


def test_r3_adds_the_other_kind():
    columns = {"t": [0] * 6, "reward": [0.0, 0.0, 1.0, 1.0, 0.0, 1.0], "group": [0, 0, 0, 1, 1, 1]}
    batch = StepBatch.from_columns(episode=list(range(6)), **columns, stored=[False, False, True, False, True, True])
    selection = credit.select("r3_replay", batch, torch.zeros(6))
    assert selection.keep.tolist() == [True, True, True, True, True, False]
    assert selection.weight.tolist() == [1.0, 1.0, 0.5, 1.0, 0.5, 0.0]
    assert selection.parts["reflect"].tolist() == [False, False]  # in group 0 no failure is stored


@pytest.mark.parametrize("options", [{}, {"share": 0.9, "max_age": 2}])
def test_ssb(options):
    drawn = 0
    for seed in SEEDS:
        columns = columns_of(seed)
        columns["episode_advantage"] = np.where(columns["stored"] | (seed % 2 == 0), columns["episode_advantage"], 0.0)
        batch, draws = batch_of(columns), draws_of(seed, len(columns["group"]))
        selection = credit.select("ssb", batch, draws, **options)
        check(selection, twins.ssb(twins.episodes_of(columns), draws.tolist(), **options), batch)
        drawn += int((selection.keep & batch.extra["stored"]).sum())
    assert drawn > 0


def test_ssb_draws_in_proportion_to_the_size_of_the_advantage():
    columns = {"episode": [0, 1, 2], "t": [0] * 3, "reward": [0.0] * 3, "group": [0] * 3}
    batch = StepBatch.from_columns(
        **columns, stored=[False, True, True], age=[0, 1, 1], episode_advantage=[0.0, 0.25, -0.75]
    )
    uniform = draws_of(0, 4000, 3)
    counts = sum(credit.select("ssb", batch, one, share=1.0).keep[1:].long() for one in uniform)
    assert int(counts.sum()) == 4000
    assert abs(int(counts[1]) / 4000 - 0.75) < 4 * math.sqrt(0.75 * 0.25 / 4000)


@TREES
def test_tree_budget_expands(tree):
    for seed in SEEDS:
        columns = columns_of(seed, tree)
        batch, trees = batch_of(columns), len(set(columns["tree"].tolist()))
        draws = draws_of(seed, trees, 3)
        selection = credit.select("tree_budget", batch, draws, expand=3, trees=4)
        check(selection, twins.tree_budget(twins.episodes_of(columns), draws.tolist(), trees=4), batch)
        assert int(selection.branch.sum()) <= 3 * trees
        assert not bool(selection.branch[~batch.include[batch.episode]].any())


def test_tree_budget_keeps_leaves():
    batch = batch_of(columns_of(0, tree=True))
    draws = draws_of(0, batch.num_episodes)
    keep = credit.select("tree_budget", batch, draws, phase="keep", leaves=2).keep
    for tree in range(int(batch.tree.max()) + 1):
        leaves = [e for e in range(batch.num_episodes) if batch.tree[e] == tree and batch.include[e]]
        least = sorted(leaves, key=lambda e: float(draws[e]))[:2]
        assert [e for e in leaves if keep[e]] == sorted(least)


def test_arpo_branching_golden():
    golden = json.loads((GOLDEN / "arpo_branching.json").read_text(encoding="utf-8"))
    given = golden["inputs"]
    entropies = [given["entropy_init"], *given["entropy_now"]]
    size = len(entropies)
    columns = {"t": list(range(size)), "reward": [0.0] * size, "group": [0], "entropy": entropies}
    batch = StepBatch.from_columns(episode=[0] * size, token_step=list(range(size)), **columns)
    options = {"rule": "draw", "weight": given["weight"], "threshold": given["threshold"], "leaves": 99}
    for row, chance in enumerate(golden["expected"]["branch_probability"], start=1):
        for u, branches in ((chance - 1e-9, 1), (chance + 1e-9, 0)):
            draws = torch.full((size,), u, dtype=torch.float64)
            assert int(credit.select("entropy_branching", batch, draws, **options).branch[row]) == branches
    uniform = draws_of(1, 3000, size)
    seen = sum(credit.select("entropy_branching", batch, one, **options).branch for one in uniform) / 3000
    expected = torch.tensor([0.0, *golden["expected"]["branch_probability"]])
    torch.testing.assert_close(seen, expected, rtol=0.0, atol=0.04)
    paper = credit.select("entropy_branching", batch, threshold=0.54, leaves=99).branch
    assert paper.tolist() == [0, 0, 1, 1, 0]


@TREES
@pytest.mark.parametrize("leaves", [4, 7, 30])
def test_entropy_branching(leaves, tree):
    for seed in SEEDS:
        columns = columns_of(seed, tree)
        batch, draws = batch_of(columns), draws_of(seed, len(columns["t"]))
        episodes = twins.episodes_of(columns)
        common = {"leaves": leaves, "beam": 3, "window": 2}
        found = credit.select("entropy_branching", batch, draws, rule="draw", vocabulary=50, weight=0.7, **common)
        chance = draws.tolist()
        expected = twins.entropy_branching(
            episodes, lambda row, rise, chance=chance: chance[row] <= 0.5 + 0.7 * rise, scale=math.log(50), **common
        )
        check(found, expected, batch)
        found = credit.select("entropy_branching", batch, alpha=0.4, **common)
        check(found, twins.entropy_branching(episodes, lambda _, rise: 0.4 + 0.2 * rise > 0.5, **common), batch)


@TREES
def test_truncated_step(tree):
    moved = 0
    for seed in SEEDS:
        columns = columns_of(seed, tree)
        columns["truncated"] = np.zeros_like(columns["truncated"])
        columns["terminated"] = draws_of(seed, len(columns["group"])).numpy() < 0.3
        batch, draws = batch_of(columns), draws_of(seed + 1, len(columns["group"]))
        episodes, order = twins.episodes_of(columns), draws.tolist()
        random = credit.select("truncated_step", batch, draws)
        check(random, twins.truncated_step(episodes, lambda e, k, order=order: order[e.number]), batch)
        best = credit.select("truncated_step", batch, choose="best")
        check(best, twins.truncated_step(episodes, lambda e, k: -e.row["step_score"][k]), batch)
        moved += int(best.advance.sum())
    assert moved > 0


def test_truncated_step_from_step_to_step():
    first = {"episode": [0, 1, 2], "t": [0] * 3, "reward": [0.0] * 3, "group": [0] * 3, "terminated": [False] * 3}
    chosen = credit.select(
        "truncated_step", StepBatch.from_columns(**first, step_score=[-1.0, 1.0, 0.0]), choose="best"
    )
    assert chosen.advance.tolist() == [False, True, False]
    second = StepBatch.from_columns(  # episode 1 went on, 3 and 4 branched from it
        episode=[0, 1, 1, 2, 3, 4],
        t=[0, 0, 1, 0, 1, 1],
        reward=[0.0] * 6,
        group=[0] * 5,
        parent=[-1, -1, -1, 1, 1],
        branch_t=[0, 0, 0, 1, 1],
        terminated=[False] * 5,
        step_score=[-1.0, 1.0, 0.0, 0.0, 0.5, -0.5],
    )
    assert credit.select("truncated_step", second, choose="best").advance.tolist() == [False, False, False, True, False]


@TREES
@pytest.mark.parametrize("options", [{}, {"least": 2, "most": 5, "cost": 1e-4}, {"least": 1, "most": 4, "cost": 0.0}])
def test_osla(options, tree):
    asked = set()
    for seed in SEEDS:
        columns = columns_of(seed, tree)
        batch = batch_of(columns)
        selection = credit.select("osla", batch, **options)
        check(selection, twins.osla(twins.episodes_of(columns), **options), batch)
        asked |= set(selection.more.tolist())
    assert {0, 1} <= asked


@pytest.mark.parametrize("case", range(7))
def test_osla_uses_the_weights_of_v05(case):
    golden = json.loads((GOLDEN / "v05_fusion.json").read_text(encoding="utf-8"))["cases"][case]
    rewards = [float(one) for one in golden["rewards"]]
    size = len(rewards)
    batch = StepBatch.from_columns(
        episode=list(range(size)), t=[0] * size, reward=rewards, group=[0] * size, prior=[golden["prior"]] * size
    )
    selection = credit.select("osla", batch)
    assert selection.parts["prior_weight"].item() == pytest.approx(golden["w_prior"], abs=1e-9)
    gain = golden["sigma2"] / (size * (size + 1)) * (1 - golden["w_prior"]) ** 2
    assert selection.parts["gain"].item() == pytest.approx(gain, abs=1e-9)
    assert selection.more.item() == int(gain >= 1e-3)


SHAPES = {"arpo_replay": "E", "r3_replay": "E", "ssb": "E", "tree_budget": "TN", "truncated_step": "E"}


@pytest.mark.parametrize("name", METHODS)
def test_needs_draws_and_options_are_checked(name):
    method = credit.method(name)
    assert set(getattr(method.config(), "needs", method.needs)) == set(method.needs)
    batch = batch_of(columns_of(3))
    for column in method.needs:
        extra = {key: value for key, value in batch.extra.items() if key != column}
        gone = {column: None} if column not in batch.extra else {}
        with pytest.raises(MissingColumn, match=f"{name} needs the column '{column}'"):
            credit.select(name, dataclasses.replace(batch, extra=extra, **gone))
    with pytest.raises(UnknownName, match=f"unknown option of {name} 'colour'"):
        credit.select(name, batch, colour=1)
    if name in SHAPES:
        with pytest.raises(InvalidValue, match=f"{name} was given none as draws: pass draws="):
            credit.select(name, batch)
        with pytest.raises(InvalidValue, match=f"{name} was given shape \\(3,\\) as draws"):
            credit.select(name, batch, torch.zeros(3))


def test_draws_are_uniform_numbers():
    batch = batch_of(columns_of(3))
    with pytest.raises(InvalidValue, match=r"outside of \[0, 1\)"):
        credit.select("r3_replay", batch, torch.ones(batch.num_episodes))
    with pytest.raises(InvalidValue, match="most=2: expected at least least=4"):
        credit.select("osla", batch, most=2)
    with pytest.raises(UnknownName, match="unknown sampler method 'pav'.*It is a shaping method"):
        credit.select("pav", batch)


@pytest.mark.parametrize("name", METHODS)
def test_the_batch_is_not_changed_and_all_excluded_keeps_nothing(name):
    batch = batch_of(columns_of(2, tree=True))
    batch = dataclasses.replace(batch, include=torch.zeros_like(batch.include))
    before = batch.reward.clone()
    shapes = {"E": (batch.num_episodes,), "TN": (int(batch.tree.max()) + 1, 2)}
    draws = draws_of(0, *shapes[SHAPES[name]]) if name in SHAPES else None
    selection = credit.select(name, batch, draws)
    assert not bool(selection.keep.any())
    assert selection.branch is None or not bool(selection.branch.any())
    assert torch.equal(batch.reward, before)


def test_arpo_stores_a_new_success_rather_than_an_old_one():
    columns = {"episode": [0, 1, 2], "t": [0] * 3, "reward": [1.0, 0.0, 1.0], "group": [0] * 3}
    batch = StepBatch.from_columns(**columns, stored=[True, False, False], age=[0, 0, 0])
    selection = credit.select("arpo_replay", batch, torch.zeros(3), capacity=1)
    assert selection.keep.tolist() == [False, True, True]
    assert selection.store.tolist() == [False, False, True]
