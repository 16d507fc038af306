"""A warm start: success rises to what is asked for, the record says on what, and nothing is half-written."""

import json

import pytest

from envbench.errors import InvalidValue
from envbench.policies.lm.policy import CausalLMPolicy
from envbench.train.lm.warmup import WarmupConfig, warm_up

LAKE = "envbench/FrozenLake-v0"


def test_the_record_says_what_was_measured(warm_model):
    record = json.loads((warm_model / "envbench.json").read_text())["warmup"]
    assert record["success"] >= record["low"]
    assert record["success_interval"][0] <= record["success"] <= record["success_interval"][1]
    assert 0.0 <= record["held_out"] <= 1.0
    assert CausalLMPolicy.load(warm_model).tokenizer.eos_token_id is not None


def test_too_few_steps_leave_nothing_behind(raw_model, tmp_path):
    config = WarmupConfig(env=LAKE, panel=4, tasks=4, walks=1, steps=1, check_every=1, low=1.0, threads=1)
    with pytest.raises(InvalidValue, match="1 steps brought success"):
        warm_up(raw_model, tmp_path / "out", config)
    assert list(tmp_path.iterdir()) == []


def test_a_folder_that_exists_and_short_replies_are_refused(raw_model, tmp_path):
    with pytest.raises(InvalidValue, match="is there already"):
        warm_up(raw_model, tmp_path, WarmupConfig(env=LAKE))
    with pytest.raises(InvalidValue, match="give as many"):
        warm_up(raw_model, tmp_path / "out", WarmupConfig(env=LAKE, tasks=2, max_tokens=1, threads=1))
