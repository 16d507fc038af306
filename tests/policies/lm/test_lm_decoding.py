import numpy as np
import pytest
import torch
from tiny_models import model_of

from envbench.policies.lm.decoding import draw, generate
from envbench.policies.lm.forward import FastForward, PlainForward, read_prompts
from envbench.seeding import generator, uniform

PROMPTS = [[5, 6, 7, 8], [9], [5, 6, 7, 8], [1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11], [30, 31, 32]]


def uniforms_of(rows, columns, seed=0):
    bits = generator(seed)
    return np.array([[uniform(bits) for _ in range(columns)] for _ in range(rows)])


@pytest.mark.parametrize("kind", ["qwen2", "llama"])
def test_greedy_equals_the_librarys_generate(kind):
    model = model_of(kind)
    fast = FastForward(model)
    cache, logits = read_prompts(fast, PROMPTS, 12)
    replies, _ = generate(fast, cache, logits, None, 12, frozenset())
    for prompt, reply in zip(PROMPTS, replies, strict=True):
        tokens = torch.tensor([prompt])
        out = model.generate(
            tokens,
            attention_mask=torch.ones_like(tokens),
            do_sample=False,
            max_new_tokens=12,
            eos_token_id=None,
            pad_token_id=0,
        )
        assert out[0, len(prompt) :].tolist() == reply.token_ids


@pytest.mark.parametrize("kind", [FastForward, PlainForward])
def test_rows_that_end_leave_without_a_trace(kind):
    """A reply in a batch equals the reply alone, wherever its neighbours stop; its log-probs are the model's."""
    model = model_of("qwen2")
    forward, draws, stop = kind(model), uniforms_of(len(PROMPTS), 15), frozenset(range(0, 12))
    cache, logits = read_prompts(forward, PROMPTS, 15)
    replies, _ = generate(forward, cache, logits, draws, 15, stop)
    assert len({len(reply.token_ids) for reply in replies}) > 2
    for row, (prompt, reply) in enumerate(zip(PROMPTS, replies, strict=True)):
        cache, logits = read_prompts(forward, [prompt], 15)
        [alone], _ = generate(forward, cache, logits, draws[row : row + 1], 15, stop)
        assert alone.token_ids == reply.token_ids
        assert all(token not in stop for token in reply.token_ids[:-1])
        assert reply.token_ids[-1] in stop or len(reply.token_ids) == 15
        full = torch.tensor([prompt + reply.token_ids])
        with torch.no_grad():
            wanted = model(full).logits.log_softmax(-1)[0, len(prompt) - 1 : -1]
        wanted = wanted.gather(1, full[0, len(prompt) :, None])[:, 0]
        assert reply.logprobs == pytest.approx(wanted.tolist(), abs=1e-5)


@pytest.mark.parametrize("kind", [FastForward, PlainForward])
def test_a_kept_cache_goes_on_with_the_next_turn(kind):
    model = model_of("qwen2")
    forward, stop = kind(model), frozenset(range(0, 12))
    cache, logits = read_prompts(forward, PROMPTS, 10)
    replies, cache = generate(forward, cache, logits, uniforms_of(len(PROMPTS), 10), 10, stop, keep=True)
    assert cache.lengths.tolist() == [len(p) + len(r.token_ids) - 1 for p, r in zip(PROMPTS, replies, strict=True)]
    turn = torch.tensor([[reply.token_ids[-1], 20, 21, 22] for reply in replies])
    logits = forward.extend(cache, turn, torch.full((len(PROMPTS),), 4))
    for row, (prompt, reply) in enumerate(zip(PROMPTS, replies, strict=True)):
        with torch.no_grad():
            wanted = model(torch.tensor([[*prompt, *reply.token_ids, 20, 21, 22]])).logits[0, -1]
        assert (logits[row] - wanted).abs().max() < 1e-5


def test_draws_are_inversions():
    logits = torch.tensor([0.5, 0.25, 0.25]).log().repeat(6, 1)
    points = np.array([0.0, 0.4999, 0.5001, 0.7499, 0.7501, 1.0 - 2.0**-53])
    assert draw(logits, points).tolist() == [0, 0, 1, 1, 2, 2]
    never = torch.tensor([[float("-inf"), 0.0, float("-inf")]]).repeat(2, 1)
    assert draw(never, np.array([0.0, 1.0 - 2.0**-53])).tolist() == [1, 1]


def test_frequencies_follow_the_probabilities():
    logits = torch.tensor([[0.3, -1.0, 2.0, 0.0]])
    found = draw(logits.repeat(20_000, 1), uniforms_of(20_000, 1)[:, 0]).bincount(minlength=4) / 20_000
    assert (found - logits.softmax(-1)[0]).abs().max() < 0.012
