"""The agentic sheet's advantages against their twins, by hand, and at their edges."""

import math

import numpy as np
import pytest
import torch
import twins_agentic
from full_batch import cast, full_columns
from twins_trees import World

from envbench import credit
from envbench.errors import InvalidValue, MissingColumn
from envbench.types import StepBatch

BOOT = {"bootstrap": "truncated"}
VARIANTS = {
    "dr_grpo": [{}, {"statistics": "row", "single": "zero"}],
    "reinforce_pp": [{}, {"gamma": 0.9}, {"level": "token"}, {"level": "token", "gamma": 0.95}],
    "reinforce_pp_baseline": [{}, {"single": "zero"}, {"level": "token"}],
    "gae": [
        {},
        {"gamma": 0.95, "lam": 0.9, **BOOT},
        {"lam": 0.0, "whiten": True},
        {"level": "turn", "gamma": 0.9, "lam": 0.8, **BOOT},
        {"level": "turn", "whiten": True},
        {"level": "token", "gamma": 0.99, "lam": 0.95, **BOOT},
        {"level": "token", "whiten": True},
        {"span": "row", "gamma": 0.9},
        {"span": "row", "level": "turn", "whiten": True},
        {"span": "row", "level": "token", "gamma": 0.95, "lam": 0.7},
    ],
    "vineppo": [{}, {"gamma": 0.9, "bootstrap": "terminal"}],
    "hgpo": [
        {},
        {"history": 0, "scale": "none", "gamma": 0.9},
        {"history": 4, "alpha": 0.5, "weights": "code"},
        {"base_group": True, "statistics": "row", "key": "observation"},
        {"base_group": True, "single": "zero", "alpha": 0.0, "key": "state", "epsilon": 1e-3},
    ],
    "hae": [
        {},
        {"gamma": 0.95, "lam_turn": 0.9, "bootstrap": "own"},
        {"gamma": 0.9, "lam_turn": 0.8, "lam_seg": 0.7, **BOOT},
        {"normalise": True, "keep_penalty": -0.3},
        {"keep_penalty": -0.3, "keep_mode": "fixed", "keep_consistency_penalty": -0.2},
        {"decision": "closed", "normalise": True},
        {"level": "token", "gamma": 0.95, **BOOT},
        {"level": "token", "decision": "closed"},
    ],
    "salt": [
        {"base": base, "history": history, "single": single}
        for base, single in (("grpo", "raw"), ("rloo", "zero"))
        for history in (0, 1, 3, "all")
    ],
    "tempo": [{}, {"ddof": 0, "epsilon": 0.0}, {"unit": "turn"}, {"unit": "turn", "single": "zero"}],
    "seeupo": [{}, {"clip_low": 0.05, "clip_high": 0.3, "limit": 0.5, "single": "zero"}],
    "mars": [{}, {"gamma": 0.9, "whiten": True}, {"whiten_rewards": True}],
    "step_grpo": [{}, {"scale": "none", "single": "zero"}, {"epsilon": 0.1}],
}
CASES = [(name, options) for name, many in VARIANTS.items() for options in many]


def close(found, expected, tolerance=1e-9):
    expected = torch.tensor(expected, dtype=torch.float64)
    torch.testing.assert_close(found.double(), expected, rtol=tolerance, atol=tolerance)


def check(name, columns, dtype=torch.float64, tolerance=1e-9, **options):
    """Every tensor that the twin gives, the twin working on the values that `dtype` can hold."""
    tensors = cast(columns, dtype)
    result = credit.advantages(name, StepBatch.from_columns(**tensors), **options)
    held = {k: v.double() if torch.is_tensor(v) and v.is_floating_point() else v for k, v in tensors.items()}
    expected = getattr(twins_agentic, name)(World(held), **options)
    assert result.value.dtype == result.weight.dtype == dtype
    found = {"value": result.value, "weight": result.weight, **{f"parts.{k}": v for k, v in result.parts.items()}}
    returns = result.returns if isinstance(result.returns, dict) else {"": result.returns}
    found |= {f"returns.{k}".rstrip("."): v for k, v in returns.items() if v is not None}
    assert set(found) - {"weight"} <= set(expected)
    for what, one in expected.items():
        close(found[what], one, tolerance)


@pytest.mark.parametrize("tree", [False, True], ids=["chains", "branches"])
@pytest.mark.parametrize(("name", "options"), CASES, ids=str)
def test_equals_its_twin(name, options, tree):
    for seed in range(4):
        columns = full_columns(seed, tree=tree)
        if seed % 2:
            columns["token_reward"] = None  # then the environment's rewards count
        check(name, {k: v for k, v in columns.items() if v is not None}, **options)


@pytest.mark.parametrize(("name", "options"), CASES, ids=str)
def test_float32(name, options):
    check(name, full_columns(5, tree=True), torch.float32, 1e-5, **options)


def test_mars_counts_equal_sums_once():
    """Rewards of whole numbers with mean 0 for each player: then equal sums are equal to the bit in both forms."""
    for seed in range(6):
        columns = full_columns(seed, include=False)
        reward = (columns["reward"] * 4.0).round()
        for player in (0, 1):
            rows = columns["player"] == player
            reward[rows.nonzero()[0][-1]] -= reward[rows].sum()
        check("mars", {**columns, "reward": reward}, center="distinct")


@pytest.mark.parametrize("options", [{}, {"clip_low": 0.3, "clip_high": 0.1}], ids=str)
def test_seeupo_clips_its_product_at_both_ends(options):
    rng = np.random.Generator(np.random.PCG64(0))
    for seed in range(6):
        columns = full_columns(seed, longest=12)
        check("seeupo", {**columns, "turn_logratio": rng.normal(0.0, 0.2, len(columns["t"]))}, **options)


def test_hae_of_a_first_turn_that_says_keep():
    """The first turn opens a subgoal whatever it says; the penalty is for what it says."""
    rng = np.random.Generator(np.random.PCG64(0))
    for seed in range(4):
        columns = full_columns(seed)
        columns["switch"] = rng.uniform(size=len(columns["t"])) < 0.3
        check("hae", columns, gamma=0.9, keep_penalty=-0.3, keep_consistency_penalty=-0.2)
        check("hae", columns, decision="closed", level="token", keep_mode="fixed", keep_penalty=-0.3)


def steps(rewards, **columns):
    """Episodes of one group with these rewards."""
    rows = [(i, t, x) for i, one in enumerate(rewards) for t, x in enumerate(one)]
    given = {"episode": [i for i, _, _ in rows], "t": [t for _, t, _ in rows], "reward": [x for _, _, x in rows]}
    return StepBatch.from_columns(**{**given, "group": [0] * len(rewards), **columns})


# By hand, for the three that have no golden file.


def test_vineppo_by_hand():
    """0.5 + 0.25 - 0.5; 1 - 0.25; then a cut episode: 0 + 0.6 - 0.2."""
    batch = steps([[0.5, 1.0], [0.0]], value=[0.5, 0.25, 0.2], last_value=[9.0, 0.6], truncated=[False, True])
    close(credit.advantages("vineppo", batch).value, [0.25, 0.75, 0.4])
    close(credit.advantages("vineppo", batch, gamma=0.5).value, [0.125, 0.75, 0.1])
    close(credit.advantages("vineppo", batch, bootstrap="terminal").value, [0.25, 0.75, -0.2])


def test_step_grpo_by_hand():
    """At t=0 scores 3 and 1: mean 2, deviation sqrt 2; at t=1 one sample: its raw score; -0.5 is an offset."""
    batch = steps([[0.0, 0.0], [0.0]], step_score=[3.0, 0.7, 1.5], score_offset=[0.0, 0.0, -0.5])
    expected = [math.sqrt(0.5), 0.7, -math.sqrt(0.5)]
    close(credit.advantages("step_grpo", batch, epsilon=0.0).value, expected)
    close(credit.advantages("step_grpo", batch, scale="none", single="zero").value, [1.0, 0.0, -1.0])


def test_reinforce_pp_baseline_by_hand():
    """Centred returns 1, 1, -1 on three rows: mean 1/3, sample variance 4/3. On tokens 1, 1, 1, -1: 1/2 and 1."""
    batch = steps([[0.0, 2.0], [0.0]], token_step=[0, 0, 1, 2])
    scale = math.sqrt(4.0 / 3.0)
    close(credit.advantages("reinforce_pp_baseline", batch).value, [2 / 3 / scale, 2 / 3 / scale, -4 / 3 / scale], 1e-7)
    found = credit.advantages("reinforce_pp_baseline", batch, level="token")
    assert found.level == "token"
    close(found.value, [0.5, 0.5, 0.5, -1.5], 1e-7)


def test_a_row_may_be_a_sample_by_itself():
    """verl-agent: each row is paid the return 2 of its episode on its last token, less its own penalty."""
    values = {"token_step": [0, 0, 1], "token_value": [1.0, 0.5, 0.25], "value": [1.0, 0.75], "last_value": [0.0]}
    batch = steps([[0.5, 1.5]], score_offset=[0.0, -0.25], **values)
    found = credit.advantages("gae", batch, level="token", span="row")
    close(found.value, [1.0, 1.5, 1.5])
    close(found.returns, [2.0, 2.0, 1.75])
    close(credit.advantages("gae", batch, span="row").value, [1.0, 1.0])
    close(credit.advantages("gae", batch, level="token").value, [1.0, 1.5, 1.25])  # the episode's own rewards
    with pytest.raises(InvalidValue, match="span='row' bootstraps nothing"):
        credit.advantages("gae", batch, span="row", bootstrap="truncated")


def test_a_switch_in_closed_form_carries_no_credit_on_average():
    heads = {"value_low": [0.2, 0.2], "value_high": [1.0, 1.0], "switch_prob": [0.25, 0.25]}
    batch = steps([[0.0], [0.0]], switch=[True, False], **heads)
    found = credit.advantages("hae", batch, decision="closed")
    close(found.parts["switch"], [0.75 * 0.8, -0.25 * 0.8])
    assert set(found.returns) == {"low", "high"}
    with pytest.raises(MissingColumn, match="hae needs the column 'value_switch'"):
        credit.advantages("hae", batch)


def test_who_says_keep_and_changes_its_goal_pays():
    heads = {f"value_{head}": [0.0] * 4 for head in ("low", "high", "switch")}
    columns = {"switch": [False, False, True, False], "subgoal": [4, 5, 6, 6], **heads}
    found = credit.advantages("hae", steps([[0.0] * 4], **columns), keep_consistency_penalty=-0.5)
    close(found.value, [-0.5, -0.5, 0.0, 0.0])  # the first row has nothing to keep, the third says that it switches
    with pytest.raises(MissingColumn, match="hae needs the column 'subgoal'"):
        credit.advantages("hae", steps([[0.0] * 4], switch=[True] * 4, **heads), keep_consistency_penalty=-0.5)


# Edges.


def heads(n, episodes, **changed):
    """Every column that one of the methods reads, on `n` rows with one token each."""
    floats = ("value", "value_low", "value_high", "value_switch", "token_value", "step_score")
    filled = {
        **{name: [0.0] * n for name in floats},
        **{f"last_{name}": [0.0] * episodes for name in ("value", "value_low", "value_high")},
        "switch": [False] * n,
        **{name: [0] * n for name in ("anchor", "next_anchor", "player", "subgoal")},
        "action": list(range(n)),
        "token": list(range(n)),
        "token_step": list(range(n)),
        "token_role": [1] * n,
    }
    return {**filled, **changed}


RELATIVE = ("dr_grpo", "reinforce_pp_baseline", "hgpo", "salt", "tempo", "seeupo", "step_grpo")


@pytest.mark.parametrize("name", RELATIVE)
@pytest.mark.parametrize("level", [0.0, 0.1, 1 / 3, 1e6 + 0.1])
def test_equal_outcomes_carry_no_credit(name, level):
    batch = steps([[level]] * 3, **heads(3, 3, step_score=[level] * 3))
    assert credit.advantages(name, batch).value.tolist() == [0.0] * 3


@pytest.mark.parametrize("name", ["reinforce_pp", "mars"])
def test_equal_rewards_of_one_step_carry_no_credit(name):
    batch = steps([[0.1]] * 3, **heads(3, 3))
    for options in ({}, {"whiten": True} if name == "mars" else {"level": "token"}):
        assert credit.advantages(name, batch, **options).value.tolist() == [0.0] * 3


def test_a_group_of_one():
    """Raw or zero where the paper leaves it open; what compares over the batch has nobody to compare with."""
    batch = steps([[2.0]], **heads(1, 1, step_score=[2.0]))
    unit = 1.0 / (1.0 + 1e-6)
    raw = {"dr_grpo": 2.0, "salt": 2.0 * unit, "tempo": 2.0 * unit, "step_grpo": 2.0 * unit}
    for name, expected in raw.items():
        close(credit.advantages(name, batch).value, [expected])
        assert credit.advantages(name, batch, single="zero").value.tolist() == [0.0]
    for name in ("hgpo", "reinforce_pp", "reinforce_pp_baseline", "seeupo", "mars"):
        assert credit.advantages(name, batch).value.tolist() == [0.0], name
    for name in ("gae", "vineppo", "hae"):
        assert credit.advantages(name, batch).value.tolist() == [2.0], name


@pytest.mark.parametrize(
    ("name", "last"), [("gae", "last_value"), ("vineppo", "last_value"), ("hae", "last_value_low")]
)
def test_only_a_cut_episode_is_worth_something_after_its_end(name, last):
    """One step each: r + gamma V(after) - V; what stands in the column of an episode that ended is not read."""
    columns = heads(2, 2, **{last: [0.5, 7.0]}, truncated=[True, False])
    batch = steps([[1.0], [1.0]], **columns)
    close(credit.advantages(name, batch, gamma=0.8, bootstrap="truncated").value, [1.4, 1.0])
    close(credit.advantages(name, batch, gamma=0.8, bootstrap="terminal").value, [1.0, 1.0])


def test_the_official_code_of_hae_ends_on_its_own_last_values():
    columns = heads(2, 1, value_low=[0.0, 0.25], value_high=[0.5, 0.0], truncated=[True])
    found = credit.advantages("hae", steps([[0.0, 1.0]], **columns), gamma=0.5, lam_turn=0.0, bootstrap="own")
    close(found.value, [0.125, 1.0 + 0.125 - 0.25])
    close(found.parts["high"], [0.5 + 0.25 * 0.5 - 0.5, 0.0])


@pytest.mark.parametrize("level", ["step", "token"])
def test_roles_get_their_own_advantage(level):
    values = {"value_low": [0.25, 0.5], "value_high": [0.5, 0.0], "value_switch": [0.75, 0.125]}
    columns = heads(2, 1, switch=[True, False], **values)
    columns |= {"token_step": [0, 0, 0, 0, 1, 1, 1], "token_role": [3, 2, 0, 1, 3, 2, 1]}
    columns |= {"token": [0] * 7, "token_value": [0.0] * 7}
    found = credit.advantages("hae", steps([[0.0, 1.0]], **columns), level=level)
    if level == "step":
        close(found.value, [0.75, 0.5])
        close(found.parts["high"], [0.5, 0.0])
        close(found.parts["switch"], [0.25, 0.875])
        return
    close(found.value, [0.25, 0.5, 0.0, 0.75, 0.875, 0.0, 0.5])
    assert found.weight.tolist() == [1.0, 1.0, 0.0, 1.0, 1.0, 0.0, 1.0]  # no subgoal is chosen where one is kept


def test_turns_are_valued_at_their_first_token():
    columns = {"token_step": [0, 0, 1, 1], "token_value": [0.5, 9.0, 0.25, 9.0]}
    batch = steps([[0.0, 1.0]], **columns)
    found = credit.advantages("gae", batch, level="turn", lam=0.0)
    assert found.level == "token"
    close(found.value, [-0.25, -0.25, 0.75, 0.75])
    close(found.returns, [0.25, 0.25, 1.0, 1.0])


BY_TOKEN = {
    "gae": {"level": "token"},
    "hae": {"level": "token"},
    "reinforce_pp": {"level": "token"},
    "reinforce_pp_baseline": {"level": "token"},
    "tempo": {},
}


@pytest.mark.parametrize("name", sorted(BY_TOKEN))
def test_rows_without_tokens(name):
    """A row that the policy did not write leaves no token; a batch without any has nothing to value."""
    columns = heads(4, 2, token_step=[0, 2, 2], token=[1, 2, 3], token_role=[1] * 3, token_value=[0.0] * 3)
    found = credit.advantages(name, steps([[0.0, 1.0], [0.0, 0.5]], **columns), **BY_TOKEN[name])
    assert found.value.shape == (3,)
    assert bool(torch.isfinite(found.value).all())
    none = {name: [] for name in ("token_step", "token", "token_role", "token_value")}
    found = credit.advantages(name, steps([[0.0, 1.0], [0.0, 0.5]], **{**columns, **none}), **BY_TOKEN[name])
    assert found.value.shape == found.weight.shape == (0,)


@pytest.mark.parametrize(
    ("name", "options", "column"),
    [
        ("gae", {"level": "token"}, "token_value"),
        ("gae", {"level": "turn"}, "token_value"),
        ("gae", {"bootstrap": "truncated"}, "last_value"),
        ("hae", {"bootstrap": "truncated"}, "last_value_low"),
        ("hae", {"level": "token"}, "token_step"),
        ("hae", {"decision": "closed"}, "switch_prob"),
        ("hgpo", {"key": "observation"}, "observation"),
        ("mars", {"whiten_rewards": True}, "token_step"),
        ("reinforce_pp", {"level": "token"}, "token_step"),
        ("reinforce_pp_baseline", {"level": "token"}, "token_step"),
        ("tempo", {}, "token_step"),
        ("tempo", {"unit": "turn"}, "action"),
    ],
)
def test_options_name_the_column_that_they_miss(name, options, column):
    kept = {k: v for k, v in heads(1, 1).items() if not k.startswith(("token", "last", "action"))}
    with pytest.raises(MissingColumn, match=f"{name} needs the column '{column}'"):
        credit.advantages(name, steps([[1.0]], **kept), **options)
