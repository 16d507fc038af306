"""The shaping methods: golden files, plain-Python twins, what they must leave alone."""

import dataclasses
import json
from pathlib import Path

import numpy as np
import pytest
import torch
import twins_shaping as twins
from full_batch import cast, full_columns

from envbench import credit
from envbench.credit.kernels import discounted_returns, rows_of
from envbench.errors import InvalidValue, MissingColumn, UnknownName
from envbench.types import StepBatch

GOLDEN = Path(__file__).resolve().parents[1] / "golden" / "credit"
METHODS = [one.name for one in credit.methods("shaping")]

CASES = {  # options of the method and of its twin
    "overlong": [{"limit": 12, "cache": 6}, {"limit": 4, "cache": 3, "unit": "step"}],
    "ssl_tiers": [{}, {"alpha": 0.2, "tiers": 7, "values": "upper"}],
    "l_grpo": [{"success": 0.5}, {"success": 0.0, "unit": "step"}, {"success": -9.0, "limit": 5, "weight": 0.3}],
    "pav": [{}, {"best_of": 1, "alpha": 0.5}, {"best_of": 16}],
    "vsrm": [{}, {"gamma": 0.9, "lookahead": 1}, {"lookahead": 0, "threshold": 0.3}],
    "r3_serr": [
        {"success": 9.0},
        {"success": 9.0, "over": "all", "ties": "order"},
        {"success": 9.0, "over": "all", "top_ratio": 0.5, "maximum": 0.1},
    ],
    "hill_hint_reward": [{"success": 0.8}, {"success": 0.9, "signal": "variance", "temperature": 2.0, "gate": -1.0}],
    "invalid_action_penalty": [{}, {"column": "format_valid", "coefficient": 0.3}],
}


def load(name):
    return json.loads((GOLDEN / f"{name}.json").read_text(encoding="utf-8"))


def columns_of(seed, tree, name="", dtype=torch.float64):
    """Full columns, rounded to the dtype, with the columns that the method reads shaped for it."""
    columns = full_columns(seed, longest=7, tree=tree)
    rng = np.random.Generator(np.random.PCG64(seed))
    if name == "hill_hint_reward":
        columns["unhinted_logprob"] = columns["logprob"] + rng.normal(-0.2, 0.3, len(columns["logprob"]))
        columns["hint_valid"] = columns["group"] != 12
        columns["unhinted_rate"] = rng.uniform(0.0, 0.15, len(columns["group"]))
    if dtype == torch.float32:
        return {k: v.astype(np.float32) if _floats(v) else v for k, v in columns.items()}
    return columns


def _floats(value):
    return isinstance(value, np.ndarray) and value.dtype.kind == "f"


def test_every_method_has_a_twin_here():
    assert sorted(CASES) == METHODS


@pytest.mark.parametrize("tree", [False, True], ids=["chain", "tree"])
@pytest.mark.parametrize("dtype", [torch.float64, torch.float32], ids=["float64", "float32"])
@pytest.mark.parametrize(("name", "case"), [(name, case) for name in sorted(CASES) for case in range(len(CASES[name]))])
def test_same_as_the_twin(name, case, dtype, tree):
    tolerance = 1e-9 if dtype == torch.float64 else 1e-5
    options = CASES[name][case]
    changed = 0
    for seed in range(4):
        columns = columns_of(seed, tree, name, dtype)
        batch = StepBatch.from_columns(**cast(columns, dtype))
        shaped = credit.shape(name, batch, **options)
        field = "score_offset" if name == "invalid_action_penalty" else "reward"
        found = getattr(shaped, field)
        assert found.dtype == dtype
        expected = getattr(twins, name)(twins.episodes_of(columns), **options)
        torch.testing.assert_close(
            found.double(), torch.tensor(expected, dtype=torch.float64), rtol=tolerance, atol=tolerance
        )
        changed += int((found != getattr(batch, field)).sum())
    assert changed


@pytest.mark.parametrize("name", METHODS)
def test_excluded_episodes_and_other_columns_stay(name):
    batch = StepBatch.from_columns(**cast(columns_of(1, False, name), torch.float64))
    before = {one.name: getattr(batch, one.name) for one in dataclasses.fields(batch)}
    copies = {one: value.clone() for one, value in before.items() if isinstance(value, torch.Tensor)}
    shaped = credit.shape(name, batch, **CASES[name][0])
    field = "score_offset" if name == "invalid_action_penalty" else "reward"
    outside = ~rows_of(batch, batch.include)
    assert bool(outside.any())
    assert torch.equal(getattr(shaped, field)[outside], copies[field][outside])
    for one, value in copies.items():
        assert torch.equal(before[one], value), one  # the batch that came in
        if one != field:
            assert getattr(shaped, one) is before[one], one
    assert shaped.extra is batch.extra


@pytest.mark.parametrize("name", METHODS)
def test_every_need_is_asked_for_by_name(name):
    method = credit.method(name)
    assert set(getattr(method.config(), "needs", method.needs)) == set(method.needs)
    batch = StepBatch.from_columns(**cast(columns_of(1, False, name), torch.float64))
    for column in method.needs:
        extra = {key: value for key, value in batch.extra.items() if key != column}
        gone = {column: None} if column not in batch.extra else {}
        with pytest.raises(MissingColumn, match=f"{name} needs the column '{column}'"):
            credit.shape(name, dataclasses.replace(batch, extra=extra, **gone))


@pytest.mark.parametrize("name", METHODS)
def test_advantages_of_a_shaped_batch_are_finite(name):
    for seed in range(2):
        batch = StepBatch.from_columns(**cast(columns_of(seed, True, name), torch.float64))
        result = credit.advantages("gigpo", credit.shape(name, batch, **CASES[name][0]))
        assert bool(torch.isfinite(result.value).all())


def test_a_method_of_another_kind_is_named_as_such():
    batch = StepBatch.from_columns(episode=[0], t=[0], reward=[1.0], group=[0])
    with pytest.raises(UnknownName, match="unknown shaping method 'grpo'.*It is an advantage method"):
        credit.shape("grpo", batch)
    with pytest.raises(UnknownName, match="unknown advantage method 'pav'.*It is a shaping method"):
        credit.advantages("pav", batch)
    with pytest.raises(UnknownName, match="unknown option of pav 'colour'"):
        credit.shape("pav", batch, colour=1)


def chain(values, reward=None, **more):
    """One episode with a row per value of `success_rate`."""
    size = len(values)
    rewards = [0.0] * size if reward is None else reward
    return StepBatch.from_columns(
        episode=[0] * size, t=list(range(size)), reward=rewards, group=[0], success_rate=values, **more
    )


@pytest.mark.parametrize("case", range(5))
def test_vsrm_golden(case):
    golden = load("vsrm")
    one = golden["cases"][case]
    accuracy = one["prefix_accuracy"]
    batch = chain(accuracy, [0.0] * (len(accuracy) - 1) + [0.75])
    shaped = credit.shape("vsrm", batch, gamma=golden["gamma"], lookahead=golden["max_lookahead"])
    expected = torch.tensor([*one["step_reward"], 0.75], dtype=torch.float64)
    torch.testing.assert_close(shaped.reward, expected, rtol=0.0, atol=1e-9)
    found = twins.vsrm_steps(accuracy, golden["gamma"], golden["max_lookahead"])
    assert found == pytest.approx(one["step_reward"], abs=1e-9)
    assert len(golden["cases"]) == 5


@pytest.mark.parametrize("case", range(4))
def test_pav_golden(case):
    golden = load("pav_step_advantage")
    assert len(golden["cases"]) == 4
    one = golden["cases"][case]
    batch = chain(one["base_values"][:-1], [0.0] * (len(one["base_values"]) - 2) + [one["outcome"]])
    assert one["base_values"][-1] == one["outcome"]
    shaped = credit.shape("pav", batch, best_of=one["K"], alpha=one["alpha"])
    close(shaped.reward, one["effective_step_reward"])
    close(discounted_returns(shaped, 1.0), one["reward_to_go"])
    progress = (shaped.reward - batch.reward) / one["alpha"]
    close(progress, one["prover_step_advantage"])


def close(found, expected):
    torch.testing.assert_close(found, torch.tensor(expected, dtype=torch.float64), rtol=0.0, atol=1e-9)


def test_r3_serr_golden():
    golden = load("r3_serr")
    entropies = golden["token_entropies"]
    batch = StepBatch.from_columns(
        episode=[0, 1, 2, 3],
        t=[0] * 4,
        reward=[0.0] * 4,
        group=[0] * 4,
        truncated=[True] * 4,
        terminated=[False] * 4,
        token_step=[row for row, one in enumerate(entropies) for _ in one],
        entropy=[value for one in entropies for value in one],
    )
    options = {"top_ratio": golden["top_ratio"], "maximum": golden["R_max"]}
    close(credit.shape("r3_serr", batch, ties="order", **options).reward, golden["reward"])
    fair = [0.5 * (0.5 + 1 / 3), 0.5 * (1 / 6), 0.5 * (0.5 + 1 / 3), 0.5 * (1 / 6)]
    close(credit.shape("r3_serr", batch, **options).reward, fair)
    succeeded = dataclasses.replace(batch, reward=torch.tensor([0.0, 1.0, 0.0, 0.0], dtype=torch.float64))
    assert torch.equal(credit.shape("r3_serr", succeeded, **options).reward, succeeded.reward)


@pytest.mark.parametrize("case", range(4))
def test_hill_golden(case):
    golden = load("hill_hint_reward")
    assert len(golden["cases"]) == 4
    one = golden["cases"][case]
    size = len(one["rewards"])
    columns = {
        "episode": list(range(size)),
        "t": [0] * size,
        "reward": [float(value) for value in one["rewards"]],
        "group": [0] * size,
        "token_step": list(range(size)),
        "logprob": [-1.0] * size,
        "unhinted_logprob": [value - 1.0 for value in one["reliance_per_rollout"]],
    }
    options = {"temperature": golden["temperature"], "gate": golden["gate_failure"]}
    shaped = credit.shape("hill_hint_reward", StepBatch.from_columns(**columns), **options)
    close(shaped.reward, [one["reward"]] * size)
    leaked = StepBatch.from_columns(**columns, hint_valid=[False] * size)
    close(credit.shape("hill_hint_reward", leaked, **options).reward, [golden["gate_failure"]] * size)
    useless = StepBatch.from_columns(**columns, unhinted_rate=[one["p_hat"]] * size)
    close(credit.shape("hill_hint_reward", useless, **options).reward, [0.0] * size)


def test_overlong_by_hand():
    batch = StepBatch.from_columns(
        episode=[0, 1, 2, 3], t=[0] * 4, reward=[1.0] * 4, group=[0] * 4, truncated=[False, False, False, True],
        terminated=[True, True, True, False], token_step=[0] * 4 + [1] * 6 + [2] * 10 + [3] * 30,
    )  # fmt: skip
    shaped = credit.shape("overlong", batch, limit=8, cache=4)
    assert shaped.reward.tolist() == [1.0, 0.5, 0.0, 0.0]
    masked = credit.shape("overlong", batch, limit=8, cache=4, truncated="mask")
    assert masked.include.tolist() == [True, True, True, False]
    assert batch.include.all()
    with pytest.raises(InvalidValue, match="cache=9: expected at most limit=8"):
        credit.shape("overlong", batch, limit=8, cache=9)


def test_the_penalty_goes_to_the_offset_and_leaves_the_rewards():
    batch = StepBatch.from_columns(
        episode=[0, 0], t=[0, 1], reward=[0.0, 1.0], group=[0], valid=[False, True], format_valid=[True, False]
    )
    shaped = credit.shape("invalid_action_penalty", batch)
    assert shaped.reward is batch.reward
    assert shaped.score_offset.tolist() == [-0.1, 0.0]
    twice = credit.shape("invalid_action_penalty", shaped, column="format_valid", coefficient=0.5)
    assert twice.score_offset.tolist() == [-0.1, -0.5]


def test_a_tier_below_the_success_gap_keeps_the_order():
    progress = [0.0, 0.24, 0.25, 0.5, 0.75, 1.0]
    batch = StepBatch.from_columns(
        episode=list(range(6)), t=[0] * 6, reward=[0.0] * 5 + [1.0], group=[0] * 6, progress=progress
    )
    close(credit.shape("ssl_tiers", batch).reward, [0.0, 0.0, 0.5 / 3, 1 / 3, 0.5, 1.5])


def test_length_counts_only_where_all_succeed():
    batch = StepBatch.from_columns(
        episode=[0, 1, 1, 2, 3, 3], t=[0, 0, 1, 0, 0, 1], reward=[1.0, 0.0, 1.0, 1.0, 0.0, 0.0], group=[0, 0, 1, 1]
    )
    shaped = credit.shape("l_grpo", batch, unit="step")
    assert shaped.reward.tolist() == [1.25, 0.0, 1.0, 1.0, 0.0, 0.0]


def test_an_equal_mean_entropy_is_not_dominated():
    batch = StepBatch.from_columns(
        episode=[0, 1], t=[0, 0], reward=[0.0, 0.0], group=[0, 0], token_step=[0, 0, 1, 1], entropy=[1.0, 0.0, 0.5, 0.5]
    )
    close(credit.shape("r3_serr", batch, over="all").reward, [0.25, 0.25])
