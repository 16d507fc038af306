"""A warm start: success rises to what is asked for, the record says on what, and nothing is half-written."""

import dataclasses
import json

import gymnasium
import pytest
import torch

from envbench.agents.prompting import Prompting
from envbench.errors import InvalidValue
from envbench.policies.lm.policy import CausalLMPolicy
from envbench.policies.lm.tokenizer import decode, encode, load_tokenizer
from envbench.registry import card_of, panel
from envbench.train.lm.demonstrations import demonstrations
from envbench.train.lm.warmup import WarmupConfig, warm_up

LAKE = "envbench/FrozenLake-v0"


def test_the_record_says_what_was_measured(warm_model):
    record = json.loads((warm_model / "envbench.json").read_text())["warmup"]
    assert record["success"] >= record["low"]
    assert record["success_interval"][0] <= record["success"] <= record["success_interval"][1]
    assert 0.0 <= record["held_out"] <= 1.0
    assert CausalLMPolicy.load(warm_model).tokenizer.eos_token_id is not None


SHORT = WarmupConfig(
    env=LAKE,
    max_steps=8,
    panel=4,
    held_out=4,
    tasks=4,
    walks=1,
    steps=1,
    check_every=1,
    batch=4,
    low=1.0,
    high=1.0,
    threads=1,
)


def test_too_few_steps_leave_nothing_behind(raw_model, tmp_path):
    with pytest.raises(InvalidValue, match="1 steps brought success.*with --keep") as caught:
        warm_up(raw_model, tmp_path / "out", SHORT)
    assert "\n" not in str(caught.value)
    assert list(tmp_path.iterdir()) == []


def test_what_too_few_steps_made_is_kept_where_that_is_asked_for(raw_model, tmp_path):
    checks = []
    record = warm_up(raw_model, tmp_path / "out", dataclasses.replace(SHORT, keep=True), checks.append)
    assert json.loads((tmp_path / "out" / "envbench.json").read_text()) == record
    kept = record["warmup"]
    assert (kept["aim"], kept["keep"], kept["step"], kept["device"], kept["dtype"]) == (
        "below",
        True,
        1,
        "cpu",
        "float32",
    )
    assert kept["success"] < 1.0
    assert 0.0 <= kept["held_out"] <= 1.0
    assert CausalLMPolicy.load(tmp_path / "out").tokenizer.eos_token_id is not None


def test_success_above_what_was_aimed_at_is_recorded(raw_model, tmp_path, monkeypatch):
    monkeypatch.setattr("envbench.train.lm.warmup._success", lambda *_: 0.75)
    found = {}
    for high in (0.6, 0.75):
        config = dataclasses.replace(SHORT, low=0.25, high=high)
        found[high] = warm_up(raw_model, tmp_path / str(high), config)["warmup"]["aim"]
    assert found == {0.6: "above", 0.75: "met"}
    with pytest.raises(InvalidValue, match=r"low=0.7, high=0.6: .*--high 0.7"):
        WarmupConfig(env=LAKE, low=0.7)


def test_device_and_dtype_are_those_that_are_asked_for(raw_model, tmp_path, monkeypatch):
    dtypes = []

    def played(table, *_):
        dtypes.append(table._sampler.autocast)
        return 1.0

    monkeypatch.setattr("envbench.train.lm.warmup._success", played)
    record = warm_up(raw_model, tmp_path / "half", dataclasses.replace(SHORT, dtype="bfloat16"))
    assert record["warmup"]["dtype"] == "bfloat16"
    assert dtypes == [torch.bfloat16] * 2
    assert CausalLMPolicy.load(tmp_path / "half").model.dtype == torch.float32
    with pytest.raises(InvalidValue, match="device='meta'"):
        warm_up(raw_model, tmp_path / "other", dataclasses.replace(SHORT, device="meta"))


def test_a_folder_that_exists_and_short_replies_are_refused(raw_model, tmp_path):
    with pytest.raises(InvalidValue, match="is there already"):
        warm_up(raw_model, tmp_path, WarmupConfig(env=LAKE))
    with pytest.raises(InvalidValue, match="give as many"):
        warm_up(raw_model, tmp_path / "out", WarmupConfig(env=LAKE, tasks=2, max_tokens=1, threads=1))


def test_demonstrations_by_menu_name_an_entry_each_time(raw_model):
    id, tokenizer = "envbench/WebShop-v0", load_tokenizer(raw_model)
    env = gymnasium.make(id).unwrapped
    prompting = Prompting(card_of(id), "menu", 2, tokenizer)
    tasks = panel(id, "builtin", "train")[:8]
    rows = demonstrations(env, tasks, prompting, tokenizer, noise=0.1, walks=2, seed=0)
    bought = 0
    for row in rows:
        menu = [line for line in decode(tokenizer, list(row.prompt)).splitlines() if line[:1].isdigit()]
        number = int(decode(tokenizer, list(row.reply)))
        assert 1 <= number <= len(menu)
        assert row.reply == (*encode(tokenizer, str(number)), tokenizer.eos_token_id)
        bought += menu[number - 1].endswith("click[buy now]")
    assert bought >= len(tasks)  # the stand-in for the oracle's own search finds its way to the till
    assert rows == demonstrations(env, tasks, prompting, tokenizer, noise=0.1, walks=2, seed=0)
