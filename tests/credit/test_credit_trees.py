"""Methods on trees and tool calls against their twins, and by hand."""

import pytest
import torch
import twins_trees
from full_batch import cast, full_columns

from envbench import credit
from envbench.types import StepBatch

VARIANTS = [
    ("tree_grpo", {}),
    ("tree_grpo", {"form": "intra", "single": "zero"}),
    ("tree_grpo", {"form": "twice"}),
    ("arpo_attribution", {}),
    ("arpo_attribution", {"attribution": "hard", "single": "zero"}),
    ("portool", {}),
    ("portool", {"omega": 1.0, "decay": 0.5, "format_bonus": 0.0}),
    ("hrpo", {}),
    ("hrpo", {"weight": 0.25}),
    ("hi_agent", {}),
    ("hi_agent", {"judge_weight": 0.0}),
    ("prorag", {}),
    ("prorag", {"beta": 0.5, "format_score": True}),
    ("ppr_renorm", {}),
    ("ppr_renorm", {"gamma": 0.9, "lam": 0.5, "bootstrap": "truncated"}),
    ("spo_tree", {}),
    ("spo_tree", {"scale": "std"}),
    ("spae", {}),
    ("spae", {"normalise": False, "saturation": 0.2, "alpha": 0.0}),
    ("spo_chain", {}),
    ("spo_chain", {"interval": 1, "threshold": 0.5}),
    ("matchtir", {}),
    ("matchtir", {"matching": "optimal", "gamma": 0.5, "single": "zero"}),
    ("matchtir", {"matching": "transport"}),
]


def few_references(columns, seed):
    """Three references at most, fewer in every second episode, so that the enumeration stays small."""
    match = columns["tool_match"][:, :3].copy()
    episode = columns["episode"][columns["call_step"]]
    match[episode % 2 == 0, 2] = -1.0
    return {**columns, "tool_match": match.round(1 if seed % 2 else 6)}


def make(seed, dtype=torch.float64, **options):
    columns = few_references(full_columns(seed, **options), seed)
    rounded = {
        k: v.double() if torch.is_tensor(v) and v.is_floating_point() else v for k, v in cast(columns, dtype).items()
    }
    return StepBatch.from_columns(**cast(columns, dtype)), twins_trees.World(rounded)


@pytest.mark.parametrize("tree", [False, True])
@pytest.mark.parametrize(("name", "options"), VARIANTS, ids=str)
def test_equals_its_twin(name, options, tree):
    for seed in range(4):
        batch, world = make(seed, tree=tree)
        expected = torch.tensor(getattr(twins_trees, name)(world, **options), dtype=torch.float64)
        found = credit.advantages(name, batch, **options)
        torch.testing.assert_close(found.value, expected, rtol=1e-9, atol=1e-9)


@pytest.mark.parametrize("name", sorted({name for name, _ in VARIANTS}))
def test_float32(name):
    batch, world = make(2, torch.float32, tree=True)
    expected = torch.tensor(getattr(twins_trees, name)(world), dtype=torch.float64)
    found = credit.advantages(name, batch)
    assert found.value.dtype == found.weight.dtype == torch.float32
    torch.testing.assert_close(found.value.double(), expected, rtol=1e-5, atol=1e-5)


def chain(rewards, **columns):
    """One-step episodes of one group."""
    n = len(rewards)
    return StepBatch.from_columns(episode=range(n), t=[0] * n, reward=rewards, group=[0] * n, **columns)


def test_one_leaf_per_tree_has_the_raw_reward_as_inner_term():
    batch = chain([1.0, 0.25, 0.0], tree=[0, 1, 2])
    raw = credit.advantages("tree_grpo", batch, epsilon=0.0)
    assert raw.parts["intra"].tolist() == [1.0, 0.25, 0.0]
    zero = credit.advantages("tree_grpo", batch, single="zero")
    assert zero.parts["intra"].tolist() == [0.0] * 3
    assert torch.equal(zero.value, credit.advantages("grpo", batch).value)


def test_a_shared_row_counts_once_per_leaf():
    batch = StepBatch.from_columns(
        episode=[0, 0, 1],
        t=[0, 1, 1],
        reward=[0.0, 1.0, 0.0],
        group=[0, 0],
        parent=[-1, 0],
        branch_t=[0, 1],
        tree=[0, 0],
    )
    soft = credit.advantages("arpo_attribution", batch)
    assert soft.weight.tolist() == [2.0, 1.0, 1.0]
    assert credit.advantages("arpo_attribution", batch, attribution="hard").weight.tolist() == [1.0] * 3
    assert credit.advantages("tree_grpo", batch).weight.tolist() == [2.0, 1.0, 1.0]
    assert soft.value[0] == pytest.approx(0.0)
    assert soft.value[1] == pytest.approx(-soft.value[2])


@pytest.mark.parametrize("name", ["tree_grpo", "arpo_attribution", "portool", "spo_tree"])
def test_equal_outcomes_carry_no_credit(name):
    flags = {"format_valid": [True] * 3, "executed": [True] * 3}
    batch = chain([0.2, 0.2, 0.2], tree=[0, 0, 0], **flags)
    assert credit.advantages(name, batch).value.tolist() == [0.0] * 3
