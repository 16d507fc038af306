"""What holds for every advantage method, on batches in which every column is filled (`full_batch`)."""

import dataclasses
from typing import Literal, get_args, get_origin, get_type_hints

import numpy as np
import pytest
import torch
from full_batch import cast, full_batch, full_columns

from envbench import credit
from envbench.credit.kernels import rows_of
from envbench.errors import InvalidReward, MissingColumn, UnknownName
from envbench.types import StepBatch
from envbench.types.batch import _SPECS
from envbench.types.columns import FURTHER

pytestmark = pytest.mark.usefixtures("one_thread")

METHODS = [one.name for one in credit.methods("advantage")]
SHAPES = ("chain", "tree")

# Advantages that do not change when every return is raised by a constant: name -> the options with which that holds.
# All compare with others, so a group of one must not yield its raw score; discounting would spread the constant.
SHIFT_INVARIANT = {
    "arenarl": {},
    "arpo_attribution": {"single": "zero"},
    "copo": {"single": "zero"},
    "dr_grpo": {"single": "zero"},
    "gigpo": {"single": "zero", "gamma": 1.0},
    "grpo": {"single": "zero"},
    "hgpo": {"single": "zero", "gamma": 1.0},
    "mc_grpo": {"single": "zero"},
    "reinforce": {"baseline": "mean", "gamma": 1.0},
    "reinforce_pp": {"gamma": 1.0},
    "reinforce_pp_baseline": {"single": "zero"},
    "rloo": {"single": "zero"},
    "salt": {"single": "zero"},
    "seeupo": {"single": "zero"},
    "spo_tree": {},
    "tempo": {"single": "zero"},
    "tree_grpo": {"single": "zero"},
}

every_method = pytest.mark.parametrize("name", METHODS)
every_shape = pytest.mark.parametrize("shape", SHAPES)


def axes_of(name):
    return (_SPECS[name] if name in _SPECS else FURTHER[name]).axes


def columns_of(seed, shape):
    """The columns of a full batch, its rewards without a tie (the order of episodes may decide between equals)."""
    columns = full_columns(seed, tree=shape == "tree")
    rng = np.random.Generator(np.random.PCG64(seed))
    return {**columns, "reward": columns["reward"] + rng.normal(0.0, 0.1, len(columns["reward"]))}


def batch_of(columns, dtype=torch.float64):
    return StepBatch.from_columns(**cast(columns, dtype))


def tensors_of(result):
    """Every tensor of an `Advantages`, by name."""
    found = {"value": result.value, "weight": result.weight, **{f"parts.{k}": v for k, v in result.parts.items()}}
    returns = result.returns if isinstance(result.returns, dict) else {"": result.returns}
    found |= {f"returns.{k}": v for k, v in returns.items()}
    return {name: tensor for name, tensor in found.items() if tensor is not None}


def included(batch, level):
    """bool on the axis of the level: the entry belongs to an included episode."""
    rows = rows_of(batch, batch.include)
    return rows if level == "step" else rows[batch.token_step]


def check_sane(result, batch):
    size = batch.num_steps if result.level == "step" else batch.num_tokens
    for what, tensor in tensors_of(result).items():
        assert tensor.dtype == batch.reward.dtype, what
        assert tensor.device == batch.reward.device, what
        assert bool(torch.isfinite(tensor).all()), what
        if not what.startswith("parts."):
            assert tensor.shape == (size,), what
    assert result.weight is not None
    assert bool((result.weight >= 0.0).all())
    assert bool((result.value[result.weight == 0.0] == 0.0).all())
    outside = ~included(batch, result.level)
    assert bool((result.value[outside] == 0.0).all())
    assert bool((result.weight[outside] == 0.0).all())


@every_shape
@every_method
def test_values_are_finite_and_on_their_axis(name, shape):
    for seed in range(4):
        batch = full_batch(seed, tree=shape == "tree")
        result = credit.advantages(name, batch)
        assert result.level == credit.method(name).level
        check_sane(result, batch)
        small = full_batch(seed, groups=1, size=2, longest=2, tree=shape == "tree", include=False)
        check_sane(credit.advantages(name, small), small)


@every_method
def test_a_batch_of_excluded_episodes_is_all_zero(name):
    batch = full_batch(0)
    batch = dataclasses.replace(batch, include=torch.zeros_like(batch.include))
    result = credit.advantages(name, batch)
    check_sane(result, batch)
    assert not bool(result.value.any())


@every_method
def test_one_step_of_one_episode(name):
    batch = full_batch(0)
    row = int(batch.first_rows()[-1])
    columns = full_columns(0)
    episodes, steps = np.unique(columns["episode"]) == columns["episode"][row], np.arange(batch.num_steps) == row
    single = batch_of(taken(columns, episodes, steps))
    check_sane(credit.advantages(name, single), single)


@every_shape
@every_method
def test_float32_is_float64_rounded(name, shape):
    columns = cast(columns_of(5, shape), torch.float32)
    single = credit.advantages(name, StepBatch.from_columns(**columns))
    double = credit.advantages(name, StepBatch.from_columns(**cast(to_numpy(columns), torch.float64)))
    for what, tensor in tensors_of(single).items():
        assert tensor.dtype == torch.float32, what
        torch.testing.assert_close(tensor.double(), tensors_of(double)[what], rtol=1e-5, atol=1e-6)


def to_numpy(columns):
    return {k: v.numpy() if isinstance(v, torch.Tensor) else v for k, v in columns.items()}


@every_shape
@every_method
def test_the_batch_is_not_changed(name, shape):
    batch = full_batch(6, tree=shape == "tree")
    before = {one: getattr(batch, one).clone() for one in _SPECS}
    extra = {one: value if isinstance(value, tuple) else value.clone() for one, value in batch.extra.items()}
    credit.advantages(name, batch)
    for one, value in before.items():
        assert torch.equal(getattr(batch, one), value), one
    for one, value in extra.items():
        now = batch.extra[one]
        assert now == value if isinstance(value, tuple) else torch.equal(now, value), one


def taken(columns, episodes, rows):
    """The columns of the episodes and rows where the flags are true, the tokens with their rows."""
    number = np.cumsum(rows) - 1
    flags = {"E": episodes, "S": rows, "L": rows[columns["token_step"]]}
    flags |= {axes_of(name)[0]: rows[value] for name, value in columns.items() if name.endswith("_step")}
    found = {}
    for name, value in columns.items():
        axis = axes_of(name)[0]
        kept = np.asarray(value)[flags[axis]] if axis in flags else value
        found[name] = tuple(kept.tolist()) if isinstance(value, tuple) else kept
        if name.endswith("_step"):
            found[name] = number[kept]
    found["parent"] = np.where(np.isin(found["parent"], found["episode"]), found["parent"], -1)
    return found


def disturbed(columns):
    """Other values in everything that belongs to excluded episodes, structure (groups, parents, times) apart."""
    rng = np.random.Generator(np.random.PCG64(0))
    out = ~columns["include"]
    rows = np.repeat(out, np.unique(columns["episode"], return_counts=True)[1])
    flags = {"E": out, "S": rows, "L": rows[columns["token_step"]]}
    keep = ("episode", "t", "group", "include", "parent", "branch_t", "tree", "token_step")
    found = {}
    for name, value in columns.items():
        axis = axes_of(name)[0]
        if axis in flags and name not in keep and not isinstance(value, tuple):
            value = value.copy()
            at = flags[axis]
            if value.dtype == bool:
                value[at] = ~value[at]
            elif value.dtype.kind == "i":
                value[at] = rng.permutation(value)[: at.sum()]
            else:
                value[at] = value[at] * 0.5 + 0.31
        found[name] = value
    return found


@every_shape
@every_method
def test_excluded_episodes_change_nothing(name, shape):
    for seed in (1, 2):
        columns = columns_of(seed, shape)
        one, other = batch_of(columns), batch_of(disturbed(columns))
        assert not torch.equal(one.reward, other.reward)
        first, second = credit.advantages(name, one), credit.advantages(name, other)
        assert torch.equal(first.value, second.value)
        assert torch.equal(first.weight, second.weight)


@every_shape
@every_method
def test_excluded_episodes_may_be_left_out(name, shape):
    columns = columns_of(3, shape)
    batch = batch_of(columns)
    rows = rows_of(batch, batch.include).numpy()
    less = batch_of(taken(columns, columns["include"], rows))
    whole, part = credit.advantages(name, batch), credit.advantages(name, less)
    torch.testing.assert_close(whole.value[included(batch, whole.level)], part.value, rtol=1e-9, atol=1e-12)


def shuffled(columns, rng):
    """The columns with episodes in another order and other ids, and for each axis where its entries come from."""
    ids = np.unique(columns["episode"])
    order = rng.permutation(len(ids))  # the episode at place k comes from order[k]
    place = np.argsort(order)
    dense = np.searchsorted(ids, columns["episode"])
    rows = np.lexsort((columns["t"], place[dense]))
    row_place = np.argsort(rows)
    tokens = np.argsort(row_place[columns["token_step"]], kind="stable")
    source = {"E": order, "S": rows, "L": tokens}
    for name, value in columns.items():
        axis = axes_of(name)[0]
        if name.endswith("_step") and axis not in source:
            source[axis] = np.argsort(row_place[value], kind="stable")
    found = {}
    for name, value in columns.items():
        axis = axes_of(name)[0]
        moved = np.asarray(value)[source[axis]] if axis in source else value
        found[name] = tuple(moved.tolist()) if isinstance(value, tuple) else moved
    for name in columns:
        if name.endswith("_step"):
            found[name] = row_place[found[name]]
    found["episode"] = 1000 + 7 * place[dense][rows]
    parent = found["parent"]
    known = np.searchsorted(ids, np.where(parent < 0, ids[0], parent))
    found["parent"] = np.where(parent < 0, -1, 1000 + 7 * place[known])
    for names in (("group",), ("state",), ("anchor", "next_anchor"), ("observation",), ("action",), ("tree",)):
        low = max(int(found[one].max()) for one in names) + 1
        label = rng.permutation(low) + 3
        found |= {one: label[found[one]] for one in names}
    return found, source


@every_shape
@every_method
def test_order_of_episodes_and_names_of_ids_do_not_matter(name, shape):
    rng = np.random.Generator(np.random.PCG64(11))
    for seed in (7, 8, 9):
        columns = columns_of(seed, shape)
        moved, source = shuffled(columns, rng)
        first = credit.advantages(name, batch_of(columns))
        second = credit.advantages(name, batch_of(moved))
        back = torch.from_numpy(source["S" if first.level == "step" else "L"])
        torch.testing.assert_close(second.value, first.value[back], rtol=1e-9, atol=1e-10)
        torch.testing.assert_close(second.weight, first.weight[back], rtol=1e-9, atol=1e-10)


def variants(name):
    """Each other value of an option that has a closed list of them, one at a time."""
    config = credit.method(name).config
    hints = get_type_hints(config)
    for option in config.names():
        values = get_args(hints[option]) if get_origin(hints[option]) is Literal else ()
        values = (False, True) if hints[option] is bool else values
        for value in values:
            if value != getattr(config(), option):
                yield {option: value}


VARIANTS = [(name, options) for name in METHODS for options in variants(name)]


@every_shape
@pytest.mark.parametrize(
    ("name", "options"), VARIANTS, ids=[f"{name}-{key}-{one[key]}" for name, one in VARIANTS for key in one]
)
def test_variants_are_as_sane_as_the_default(name, options, shape):
    rng = np.random.Generator(np.random.PCG64(13))
    for seed in (0, 1):
        columns = columns_of(seed, shape)
        batch = batch_of(columns)
        result = credit.advantages(name, batch, **options)
        check_sane(result, batch)
        other = credit.advantages(name, batch_of(disturbed(columns)), **options)
        assert torch.equal(result.value, other.value)
        if options != {"judge": "duel"}:  # that column names opponents by their seat, which moves with the order
            moved, source = shuffled(columns, rng)
            back = torch.from_numpy(source["S" if result.level == "step" else "L"])
            second = credit.advantages(name, batch_of(moved), **options)
            torch.testing.assert_close(second.value, result.value[back], rtol=1e-9, atol=1e-10)
        small = full_batch(seed, groups=1, size=2, longest=2, tree=shape == "tree")
        check_sane(credit.advantages(name, small, **options), small)


def without(batch, column):
    if column in _SPECS:
        return dataclasses.replace(batch, **{column: None})
    return dataclasses.replace(batch, extra={k: v for k, v in batch.extra.items() if k != column})


@every_method
def test_every_need_is_asked_for_by_name(name):
    method = credit.method(name)
    assert set(getattr(method.config(), "needs", method.needs)) == set(method.needs)
    batch = full_batch(0)
    for column in method.needs:
        with pytest.raises(MissingColumn, match=f"{name} needs the column '{column}'.*record=\\('{column}',\\)"):
            credit.advantages(name, without(batch, column))


@every_method
def test_what_is_not_needed_may_be_missing(name):
    batch = full_batch(0)
    needs = credit.method(name).needs
    optional = [one.name for one in dataclasses.fields(batch) if one.name in _SPECS and one.default is None]
    held = {"token_step"} if any(axes_of(one) == ("L",) for one in needs) else set()
    gone = {one: None for one in optional if one not in needs and one not in held}
    bare = dataclasses.replace(batch, **gone, extra={k: v for k, v in batch.extra.items() if k in needs})
    check_sane(credit.advantages(name, bare), bare)


@every_method
def test_an_unknown_option_is_refused(name):
    with pytest.raises(UnknownName, match=f"unknown option of {name} 'colour'"):
        credit.advantages(name, full_batch(0), colour="red")


@pytest.mark.parametrize("value", [float("nan"), float("inf"), -float("inf")])
def test_rewards_that_are_not_finite_are_refused(value):
    columns = full_columns(0)
    columns["reward"][3] = value
    with pytest.raises(InvalidReward, match="column 'reward' holds .* at position 3"):
        StepBatch.from_columns(**columns)


@pytest.mark.parametrize("name", sorted(SHIFT_INVARIANT))
def test_a_constant_on_every_return_changes_nothing(name):
    columns = columns_of(4, "chain")
    last = np.append(np.diff(columns["episode"]) > 0, True)
    shifted = {**columns, "reward": columns["reward"] + 2.5 * last}
    options = SHIFT_INVARIANT[name]
    first = credit.advantages(name, batch_of(columns), **options)
    second = credit.advantages(name, batch_of(shifted), **options)
    assert bool(first.value.any())
    torch.testing.assert_close(second.value, first.value, rtol=1e-9, atol=1e-9)


@pytest.mark.gpu
@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA device")
@pytest.mark.parametrize("dtype", [torch.float64, torch.float32], ids=["float64", "float32"])
@every_shape
@every_method
def test_cuda_gives_what_the_cpu_gives(name, shape, dtype):
    batch = batch_of(columns_of(12, shape), dtype)
    expected = credit.advantages(name, batch)
    found, again = (credit.advantages(name, batch.to("cuda")) for _ in range(2))
    tolerance = 1e-9 if dtype == torch.float64 else 1e-5
    for what, tensor in tensors_of(found).items():
        assert tensor.is_cuda, what
        torch.testing.assert_close(tensor.cpu(), tensors_of(expected)[what], rtol=tolerance, atol=tolerance)
        assert torch.equal(tensor, tensors_of(again)[what]), what
