"""`StepBatch.from_columns`: what it accepts, what it refuses and in which words; regrouping."""

import dataclasses
from difflib import SequenceMatcher

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from envbench.errors import EnvbenchError, InvalidBatch, InvalidReward, InvalidValue, MissingColumn, UnknownName
from envbench.types import Advantages, StepBatch
from envbench.types import columns as columns_module
from envbench.types.columns import cluster_texts, declare_columns, dense_ids

BASE = {"episode": [4, 4, 9], "t": [0, 1, 0], "reward": [0.0, 1.0, 2.0], "group": [6, 6]}
MANY_DIMENSIONS = [[0.0], [1.0], [2.0]]


def make(**changes):
    return StepBatch.from_columns(**{**BASE, **changes})


def test_defaults_and_dense_ids():
    batch = make(anchor=[2**62, 5, 2**62], tree=[3, 8], answer=[1, 1], player=[7, 7, 2], t=[12, 15, 3])
    assert batch.episode.tolist() == [0, 0, 1]
    assert batch.t.tolist() == [12, 15, 3]
    assert batch.group.tolist() == [0, 0]
    assert batch.anchor.tolist() == [1, 0, 1]
    assert batch.tree.tolist() == [0, 1]
    assert batch.player.tolist() == [1, 1, 0]
    assert batch.terminated.tolist() == [True, True]
    assert batch.truncated.tolist() == [False, False]
    assert batch.include.tolist() == [True, True]
    assert batch.state is None
    assert (batch.num_steps, batch.num_episodes, batch.num_groups, batch.num_tokens) == (3, 2, 1, 0)
    assert batch.first_rows().tolist() == [0, 2]
    assert batch.previous_rows().tolist() == [-1, 0, -1]


def test_group_belongs_to_the_kth_smallest_episode_id():
    batch = StepBatch.from_columns(episode=[3, 70, 70, 1000], t=[0, 0, 1, 5], reward=[0.0] * 4, group=[9, 2, 9])
    assert batch.group.index_select(0, batch.episode).tolist() == [1, 0, 0, 1]


def test_anchor_and_next_anchor_share_their_ids():
    batch = make(anchor=[30, 10, 30], next_anchor=[10, 20, 40])
    assert batch.anchor.tolist() == [2, 0, 2]
    assert batch.next_anchor.tolist() == [0, 1, 3]
    assert make(next_anchor=[10, 20, 40]).next_anchor.tolist() == [0, 1, 2]


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16, torch.float32, torch.float64])
def test_float_dtype_is_kept(dtype):
    assert make(reward=torch.tensor(BASE["reward"], dtype=dtype)).reward.dtype == dtype


@pytest.mark.parametrize("dtype", [np.float16, np.float32, np.float64, np.dtype(">f8"), np.dtype(">f4")])
def test_array_dtype_is_kept(dtype):
    batch = make(reward=np.array(BASE["reward"], dtype=dtype))
    assert batch.reward.tolist() == BASE["reward"]
    assert batch.reward.element_size() == np.dtype(dtype).itemsize


def test_lists_and_whole_numbers_become_float64():
    for reward in ([0, 1, 2], (0.0, 1.0, 2.0), range(3), np.arange(3), torch.arange(3)):
        assert make(reward=reward).reward.dtype == torch.float64


def test_arrays_are_copied_and_may_be_read_only():
    reward = np.array([0.0, 1.0, 2.0])
    batch = make(reward=reward)
    reward[0] = 7.0
    assert batch.reward.tolist() == BASE["reward"]
    frozen = np.arange(3, dtype=np.int32)
    frozen.flags.writeable = False
    assert make(anchor=frozen).anchor.tolist() == [0, 1, 2]
    for kind in (np.uint8, np.uint64, np.int16):
        assert make(anchor=np.array([3, 1, 3], dtype=kind)).anchor.tolist() == [1, 0, 1]


def test_gradients_do_not_enter():
    value = torch.zeros(3, requires_grad=True)
    assert not make(value=value).value.requires_grad


def test_flags_may_be_zero_and_one():
    assert make(valid=[1, 0, 1]).valid.tolist() == [True, False, True]
    assert make(include=np.array([True, False])).include.tolist() == [True, False]


def test_it_is_frozen_and_slotted():
    batch = make()
    with pytest.raises(dataclasses.FrozenInstanceError):
        batch.reward = batch.reward
    assert not hasattr(batch, "__dict__")
    made = Advantages(batch.reward, "step")
    assert (made.returns, made.weight, made.parts) == (None, None, {})
    with pytest.raises(dataclasses.FrozenInstanceError):
        made.level = "token"


REFUSED = {
    "unsorted episodes": ({"episode": [9, 4, 4]}, r"not sorted by \(episode, t\): row 1 is \(4, 1\) after \(9, 0\)"),
    "equal t": ({"t": [1, 1, 0]}, r"row 1 is \(4, 1\) after \(4, 1\)"),
    "split episode": ({"episode": [4, 9, 4], "group": [0, 0]}, "not sorted"),
    "negative id": ({"anchor": [0, -1, 2]}, "'anchor' holds -1, expected numbers >= 0"),
    "negative episode": ({"episode": [-4, 4, 9], "group": [0, 0, 0]}, "'episode' holds -4"),
    "id beyond int64": ({"anchor": np.array([0, 2**63], dtype=np.uint64)}, "'anchor' is not a list"),
    "id far beyond": ({"anchor": [0, 2**70, 1]}, "'anchor' is not a list"),
    "float id": ({"anchor": [0.0, 1.0, 2.0]}, "'anchor' holds torch.float64, expected int64"),
    "boolean id": ({"anchor": [True, False, True]}, "'anchor' holds booleans"),
    "text id": ({"anchor": ["v1:00", "v1:01", "v1:02"]}, "'anchor' is not a list"),
    "short row column": ({"reward": [0.0, 1.0]}, r"'reward' has 2 values, expected 3 \(one per row\)"),
    "short t": ({"t": [0, 1]}, r"'t' has 2 values, expected 3 \(one per row\)"),
    "long episode column": ({"group": [0, 1, 2]}, r"'group' has 3 values, expected 2 \(one per episode\)"),
    "short include": ({"include": [True]}, r"'include' has 1 values, expected 2 \(one per episode\)"),
    "two dimensions": ({"reward": MANY_DIMENSIONS}, "'reward' has 2 dimensions, expected 1"),
    "no dimension": ({"reward": 1.0}, "'reward' has 0 dimensions, expected 1"),
    "ragged": ({"reward": [[1.0], [1.0, 2.0], [3.0]]}, "'reward' is not a list"),
    "text": ({"reward": ["a", "b", "c"]}, "'reward' is not a list"),
    "a set": ({"reward": {1.0, 2.0}}, "'reward' is not a list"),
    "complex": ({"reward": torch.zeros(3, dtype=torch.complex64)}, "'reward' holds torch.complex64"),
    "long double": ({"reward": np.zeros(3, dtype=np.longdouble)}, "'reward' is not a list"),
    "boolean reward": ({"reward": [True, False, True]}, "'reward' holds torch.bool, expected floats"),
    "NaN offset": ({"score_offset": [0.0, float("inf"), 0.0]}, "'score_offset' holds inf at position 1"),
    "NaN value": ({"value": [0.0, 0.0, float("nan")]}, "'value' holds nan at position 2"),
    "float flag": ({"valid": [0.0, 1.0, 1.0]}, "'valid' holds torch.float64, expected booleans"),
    "flag of two": ({"valid": [0, 2, 1]}, "'valid' holds 2, expected booleans"),
    "negative flag": ({"valid": [0, -1, 1]}, "'valid' holds -1, expected booleans"),
    "no rows": ({"episode": [], "t": [], "reward": [], "group": []}, "no row"),
    "missing group": ({"group": None}, "'group' is missing"),
    "unknown parent": ({"parent": [-1, 5], "branch_t": [0, 0]}, "'parent' of episode 9 is 5, which is not in"),
    "parent beyond": ({"parent": [-1, 99], "branch_t": [0, 0]}, "'parent' of episode 9 is 99, which is not in"),
    "negative parent": ({"parent": [-1, -2], "branch_t": [0, 0]}, "'parent' of episode 9 is -2, which is not in"),
    "own parent": ({"parent": [-1, 9], "branch_t": [0, 0]}, "runs in a circle at episode 9"),
    "circle": ({"parent": [9, 4], "branch_t": [0, 0]}, "runs in a circle at episode 4"),
    "no branch_t": ({"parent": [-1, 4]}, "'branch_t' is missing"),
    "row before branch_t": (
        {"parent": [-1, 4], "branch_t": [0, 1]},
        "episode 9 has a row at t=0 before its branch_t=1",
    ),
    "tokens without rows": ({"token": [1, 2]}, "'token_step' is missing"),
    "token beyond": ({"token_step": [0, 3]}, "'token_step' holds 3, expected rows below 3"),
    "tokens unsorted": ({"token_step": [1, 0]}, "'token_step' decreases"),
    "token lengths": ({"token_step": [0, 1], "token": [5]}, r"'token' has 1 values, expected 2 \(one per token\)"),
    "token role": ({"token_step": [0, 1], "token_role": [1, 4]}, "'token_role' holds 4, expected 0 other"),
    "devices": ({"value": torch.zeros(3, device="meta"), "t": torch.tensor([0, 1, 0])}, "on several devices"),
}


@pytest.mark.parametrize("case", sorted(REFUSED))
def test_refusals_are_one_clear_line(case):
    changes, message = REFUSED[case]
    with pytest.raises(InvalidBatch, match=message) as caught:
        make(**changes)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("bad", [float("nan"), float("inf"), float("-inf")])
def test_rewards_are_finite(bad):
    with pytest.raises(InvalidReward, match=r"'reward' holds -?(nan|inf) at position 1"):
        make(reward=[0.0, bad, 1.0])
    assert issubclass(InvalidReward, InvalidBatch)


def test_unknown_column_names_the_nearest():
    with pytest.raises(UnknownName, match="unknown column 'rewards'. Did you mean 'reward'?"):
        make(rewards=[0.0, 1.0, 2.0])


def test_absent_columns():
    with pytest.raises(MissingColumn, match=r"salt needs the column 'action'. Collect with the rollout option record="):
        make().require("action", "salt")
    assert make(action=None).action is None
    assert issubclass(MissingColumn, EnvbenchError)


def test_tokens():
    batch = make(token_step=[0, 0, 2], token=[151643, 7, 9], token_role=[1, 2, 3], logprob=[-0.5, float("-inf"), 0.0])
    assert batch.num_tokens == 3
    assert batch.token.tolist() == [151643, 7, 9]  # vocabulary ids stay


def test_further_columns(monkeypatch):
    monkeypatch.setattr(columns_module, "FURTHER", {"observation_text": columns_module.FURTHER["observation_text"]})
    with pytest.raises(UnknownName, match="tool_match"):
        make(tool_match=[[1.0, 0.0]])
    declare_columns({"tool_match": ("C", "R"), "call_step": ("C",)})
    batch = make(tool_match=[[1.0, 0.0], [0.5, 0.2]], call_step=[0, 2])
    assert batch.extra["tool_match"].shape == (2, 2)
    assert batch.require("call_step", "matchtir").tolist() == [0, 2]
    with pytest.raises(InvalidBatch, match=r"'(tool_match|call_step)' has \d values, expected \d \(axis 'C'\)"):
        make(tool_match=[[1.0, 0.0], [0.5, 0.2]], call_step=[0, 1, 2])
    with pytest.raises(InvalidBatch, match="'tool_match' has 1 dimensions, expected 2"):
        make(tool_match=[1.0, 0.0])
    declare_columns({"call_step": ("C",)})  # the same again is fine
    with pytest.raises(InvalidValue, match="already declared"):
        declare_columns({"call_step": ("S",)})
    with pytest.raises(InvalidBatch, match=r"'observation_text' has 2 values, expected 3 \(one per row\)"):
        make(observation_text=["a", "b"])


def test_to_moves_every_column():
    batch = make(anchor=[1, 2, 3], observation_text=["a", "b", "c"]).to("meta")
    for column in dataclasses.fields(batch):
        value = getattr(batch, column.name)
        assert column.name == "extra" or value is None or value.device.type == "meta", column.name
    assert batch.extra == {"observation_text": ("a", "b", "c")}


def test_with_anchor_chooses_the_key():
    batch = make(anchor=[1, 2, 1], state=[1, 2, 3], next_anchor=[2, 4, 4])
    assert batch.with_anchor("anchor") is batch
    other = batch.with_anchor("state")
    assert other.anchor.tolist() == [0, 1, 2]
    assert other.next_anchor is None  # it would be in another id space
    with pytest.raises(MissingColumn, match="observation"):
        batch.with_anchor("observation")
    with pytest.raises(UnknownName, match="Did you mean 'observation'?"):
        batch.with_anchor("observations")
    for history in (-1, 1.0, True):
        with pytest.raises(InvalidValue, match="history"):
            batch.with_anchor("anchor", history=history)


def same_partition(found, expected):
    return len(set(found)) == len(set(expected)) == len(set(zip(found, expected, strict=True)))


@settings(max_examples=40, deadline=None)
@given(
    episodes=st.lists(st.lists(st.integers(0, 2), min_size=1, max_size=6), min_size=1, max_size=5),
    history=st.integers(0, 4),
)
def test_history_is_the_tuple_of_previous_keys(episodes, history):
    batch = StepBatch.from_columns(
        episode=[i for i, keys in enumerate(episodes) for _ in keys],
        t=[t for keys in episodes for t in range(len(keys))],
        reward=[0.0 for keys in episodes for _ in keys],
        group=[0 for _ in episodes],
        anchor=[key for keys in episodes for key in keys],
    )
    expected = [tuple(keys[max(0, t - history) : t + 1]) for keys in episodes for t in range(len(keys))]
    assert same_partition(batch.with_anchor("anchor", history=history).anchor.tolist(), expected)


def test_similarity_is_per_group_and_leaves_excluded_episodes_last():
    texts = ["red mug 12", "red mug 1", "red mug 123", "red mug 12"]
    given_ = {"episode": [0, 1, 2, 3], "t": [0] * 4, "reward": [0.0] * 4, "observation_text": texts}
    batch = StepBatch.from_columns(**given_, group=[0, 0, 0, 1])
    # "red mug 12" is near "red mug 1" (0.947) and "red mug 123" (0.952), these are not (0.9); group 1 is on its own.
    assert batch.with_anchor("observation", similarity=0.94).anchor.tolist() == [0, 0, 0, 1]
    out = StepBatch.from_columns(**given_, group=[0, 0, 0, 1], include=[False, True, True, True])
    assert out.with_anchor("observation", similarity=0.94).anchor.tolist() == [0, 0, 1, 2]
    for bad in (0.0, 1.1, True):
        with pytest.raises(InvalidValue, match="similarity"):
            batch.with_anchor("observation", similarity=bad)
    with pytest.raises(InvalidValue, match="texts has 1 entries, expected 4"):
        batch.with_anchor("observation", similarity=0.9, texts=["a"])
    with pytest.raises(InvalidValue, match="observation texts, not 'anchor'"):
        batch.with_anchor("anchor", similarity=0.9)


@settings(max_examples=40, deadline=None)
@given(texts=st.lists(st.text("abc ", max_size=8), max_size=8), threshold=st.sampled_from([0.5, 0.8, 1.0]))
def test_clusters_equal_the_greedy_loop(texts, threshold):
    representatives, expected = [], []
    for text in texts:
        ratios = [SequenceMatcher(None, text, one).ratio() >= threshold for one in representatives]
        if True not in ratios:
            representatives.append(text)
            ratios.append(True)
        expected.append(ratios.index(True))
    assert cluster_texts(texts, [0] * len(texts), range(len(texts)), threshold) == expected


@settings(max_examples=40, deadline=None)
@given(ids=st.lists(st.one_of(st.integers(0, 5), st.integers(0, 2**63 - 1)), max_size=20))
def test_dense_ids_are_ranks(ids):
    ranks = {value: rank for rank, value in enumerate(sorted(set(ids)))}
    found, size = dense_ids(torch.tensor(ids, dtype=torch.int64))
    assert found.tolist() == [ranks[value] for value in ids]
    assert size == len(ranks)
