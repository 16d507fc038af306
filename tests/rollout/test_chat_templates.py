"""Dialogues under a chat template as Qwen2.5 has it: what it writes otherwise than it was said is split and counted."""

from itertools import pairwise

import numpy as np
import pytest
import torch

from envbench.agents.prompting import Prompting
from envbench.policies.lm.build import Shape, random_model
from envbench.policies.lm.corpus import corpus
from envbench.policies.lm.forward import FastForward, PlainForward
from envbench.policies.lm.library import CachedForward
from envbench.policies.lm.policy import CausalLMPolicy
from envbench.policies.lm.reader import Reader
from envbench.policies.lm.tokenizer import train_tokenizer
from envbench.registry import card_of, panel
from envbench.rollout.forks import Forks
from envbench.rollout.members import Members
from envbench.rollout.table import Table
from envbench.rollout.turns import TurnCollector

LAKE, TOKENS = "envbench/FrozenLake-v0", 3
CHATML = (
    "{%- if messages[0]['role'] == 'system' %}{{- '<|im_start|>system\n' + messages[0]['content'] + '<|im_end|>\n' }}"
    "{%- else %}{{- '<|im_start|>system\nYou help.<|im_end|>\n' }}{%- endif %}"
    "{%- for message in messages %}"
    "{%- if message.role == 'user' or message.role == 'assistant' or (message.role == 'system' and not loop.first) %}"
    "{{- '<|im_start|>' + message.role + '\n' + message.content + '<|im_end|>' + '\n' }}{%- endif %}{%- endfor %}"
    "{%- if add_generation_prompt %}{{- '<|im_start|>assistant\n' }}{%- endif %}"
)


@pytest.fixture(scope="module")
def policy():
    tokenizer = train_tokenizer(corpus([LAKE], tasks=4, steps=6), 400)
    tokenizer.add_special_tokens({"additional_special_tokens": ["<|im_start|>", "<|im_end|>"]})
    tokenizer.eos_token = "<|im_end|>"
    tokenizer.chat_template = CHATML
    model = random_model(Shape(32, 2, 4, 2, 64, 400), tokenizer, 3, vocabulary=len(tokenizer))
    made = CausalLMPolicy(model, tokenizer)
    moves = [tokenizer.encode(move, add_special_tokens=False)[0] for move in ("left", "right", "up", "down")]
    made.model.lm_head.weight.data[[*moves, tokenizer.eos_token_id]] *= 4.0
    return made


def collector_of(policy, snapshots=False, dialogue=True):
    prompting = Prompting(card_of(LAKE), "observation", 0, policy.tokenizer, dialogue)
    return TurnCollector(
        Table(LAKE, "builtin", {}, 6, policy, prompting, max_tokens=TOKENS, snapshots=snapshots, slots=8), TOKENS
    )


def splits_of(turns, t):
    """Count the turns that do not begin with the one before and the reply to it."""
    pairs = [(one, other) for (one, other), step in zip(pairwise(turns), t[1:].tolist(), strict=True) if step]
    return sum(other.prompt[: len(one.prompt + one.reply)] != one.prompt + one.reply for one, other in pairs)


def test_splits_are_counted_and_come_out(policy):
    collector = collector_of(policy)
    rollout = collector.collect(Members(panel(LAKE)[:3], 4, 7, 0, 6))
    splits = splits_of(collector.turns, rollout.t)
    assert 0 < splits < (rollout.t > 0).sum()  # some replies are written as the tokenizer would, some are not
    assert collector.metrics() == {"template_splits": float(splits)}
    other = collector.collect(Members(panel(LAKE)[:3], 4, 7, 1, 6))
    assert collector.metrics() == {"template_splits": float(splits_of(collector.turns, other.t))}


def test_without_a_dialogue_nothing_is_split(policy):
    collector = collector_of(policy, dialogue=False)
    collector.collect(Members(panel(LAKE)[:2], 2, 7, 0, 6))
    assert collector.metrics() == {"template_splits": 0.0}


def test_a_fork_counts_its_own_splits_alone(policy):
    collector = collector_of(policy, snapshots=True)
    rollout = collector.collect(Members(panel(LAKE)[:3], 4, 7, 0, 6))
    before, turns = collector.splits, len(collector.turns)
    rows = np.flatnonzero(rollout.t == rollout.t.max())
    memories = [collector.turns[int(rollout.row[row])].memory for row in rows]
    assert sum(one.splits for one in memories) > 0
    branches = collector.fork(Forks(rollout, rows, "test"))
    firsts = int((branches.t == rollout.t.max()).sum())
    assert len(collector.turns) - turns == firsts == len(rows)  # one step each: it may split at the start of the step
    own = sum(
        turn.prompt[: len(one.transcript)] != one.transcript
        for turn, one in zip(collector.turns[turns:], memories, strict=True)
    )
    assert collector.splits == before + own


@pytest.mark.parametrize("kind", [FastForward, CachedForward, PlainForward])
def test_a_row_that_splits_reads_what_is_new_in_it(policy, kind, monkeypatch):
    """The other rows read what they have behind their transcripts; replies are those of a fresh reading."""
    monkeypatch.setattr(policy, "forward", kind(policy.model))
    read, extend = [], kind.extend

    def watched(self, cache, tokens, counts):
        read.append(counts.tolist())
        return extend(self, cache, tokens, counts)

    draws = np.random.default_rng(0).random((4, TOKENS))
    first = [(5, 6, 7, 8, 9, 10, 11, 12), (5, 6, 7, 8, 9, 10, 30, 31), (40, 41, 42)]
    reader = Reader(policy)
    replies = reader.act(first, draws[:3], TOKENS, [-1] * 3)
    grown = [(*prompt, *reply.token_ids, 50, 51) for prompt, reply in zip(first, replies, strict=True)]
    grown[1] = (*first[1], 60, 61)  # rewritten
    grown.append((*first[0][:4], 70))  # new
    monkeypatch.setattr(kind, "extend", watched)
    found = reader.act(grown, draws, TOKENS, [0, 1, 2, -1])
    assert read[0] == [3, 2, 3, 1]  # the last token of a reply is not read yet
    assert [one.token_ids for one in found] == [
        policy.act([prompt], draws[row : row + 1], TOKENS)[0].token_ids for row, prompt in enumerate(grown)
    ]
    for row, one in enumerate(found):
        wanted = policy.act([grown[row]], draws[row : row + 1], TOKENS)[0].logprobs
        torch.testing.assert_close(torch.tensor(one.logprobs), torch.tensor(wanted), atol=1e-4, rtol=0.0)
