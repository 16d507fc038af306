"""Equal rows computed once, and prompts that grow read once: the same replies as without."""

import numpy as np
import pytest
import tiny_models
import torch

from envbench.policies.lm.decoding import generate
from envbench.policies.lm.forward import read_prompts
from envbench.policies.lm.memo import Memo


@pytest.fixture(scope="module")
def policy():
    return tiny_models.policy_on("envbench/FrozenLake-v0")


def drawn(rows, width, seed=0):
    bits = np.random.Generator(np.random.PCG64(seed))
    return bits.random((rows, width))


PROMPTS = [(1, 5, 9), (1, 5, 9), (1, 7), (1, 5, 9, 11), (1, 7)]


@pytest.mark.parametrize("greedy", [False, True])
def test_a_memo_draws_what_is_drawn_without(policy, greedy):
    prompts = PROMPTS * 8
    uniforms = None if greedy else drawn(len(prompts), 6)
    memo = Memo(policy.forward)
    found = [memo.generate(prompts, uniforms, 6, policy.stop) for _ in range(2)]
    cache, logits = read_prompts(policy.forward, prompts, 6)
    plain, _ = generate(policy.forward, cache, logits, uniforms, 6, policy.stop)
    for merged in found:
        assert [one.token_ids for one in merged] == [one.token_ids for one in plain]
        for one, other in zip(merged, plain, strict=True):
            assert one.logprobs == pytest.approx(other.logprobs, abs=1e-5)
    assert [one.logprobs for one in found[0]] == [one.logprobs for one in found[1]]


def test_each_distribution_is_computed_once(policy, monkeypatch):
    memo, calls = Memo(policy.forward), []
    plain = Memo._note
    monkeypatch.setattr(Memo, "_note", lambda self, read, logits: (calls.extend(read), plain(self, read, logits))[1])
    for seed in range(5):
        memo.generate(PROMPTS, drawn(len(PROMPTS), 4, seed), 4, policy.stop)
    assert len(calls) == len(set(calls))


def test_a_memo_forgets_when_weights_change(policy):
    memo = Memo(policy.forward)
    before = memo.generate(PROMPTS, None, 4, policy.stop)
    weight = next(iter(policy.model.parameters()))
    kept = weight.detach().clone()
    try:
        with torch.no_grad():
            weight.add_(torch.randn(weight.shape, generator=torch.Generator().manual_seed(1)))
        changed = memo.generate(PROMPTS, None, 4, policy.stop)
        assert [one.logprobs for one in changed] != [one.logprobs for one in before]
    finally:
        with torch.no_grad():
            weight.copy_(kept)


def test_a_reader_goes_on_from_what_it_has_read(policy):
    reader, talks = policy.reader(), [list(one) for one in PROMPTS]
    rows = list(range(len(talks)))
    for turn in range(4):
        uniforms = drawn(len(talks), 5, turn)
        replies = reader.act([tuple(one) for one in talks], uniforms, 5, rows)
        plain = policy.act(talks, uniforms, 5)
        for one, other in zip(replies, plain, strict=True):
            assert (one.token_ids, one.text, one.ended) == (other.token_ids, other.text, other.ended)
            assert one.logprobs == pytest.approx(other.logprobs, abs=1e-5)
        grown = [[*talk, *one.token_ids, 20 + turn] for talk, one in zip(talks, replies, strict=True)]
        rows = [0, 0, len(talks) - 1] if turn == 1 else list(range(len(talks)))  # some end, one is forked
        talks = [grown[row] for row in rows]


def test_a_reader_starts_anew_where_a_prompt_does_not_grow(policy):
    reader = policy.reader()
    reader.act([(1, 5, 9)], drawn(1, 4), 4, [-1])
    again = reader.act([(1, 6)], drawn(1, 4), 4, [0])
    assert again[0].token_ids == policy.act([(1, 6)], drawn(1, 4), 4)[0].token_ids
