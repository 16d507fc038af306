"""A warm start: success rises to what is asked for, the record says on what, and nothing is half-written."""

import json

import gymnasium
import pytest

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
