import pytest
import torch
from tiny_models import model_of

from envbench.errors import InvalidValue
from envbench.policies.lm.forward import (
    FastForward,
    PlainForward,
    forward_of,
    pad,
    pick_logprobs,
    read_prompts,
    supports,
)

CLOSE = 1e-5


@pytest.fixture(params=["qwen2", "llama"])
def model(request):
    return model_of(request.param)


@pytest.fixture(params=[FastForward, PlainForward], ids=["fast", "plain"])
def forward(request, model):
    return request.param(model)


def some_tokens(rows, columns, seed=0):
    return torch.randint(0, 50, (rows, columns), generator=torch.Generator().manual_seed(seed))


def expected(model, tokens):
    with torch.no_grad():
        return model(tokens).logits


def test_forward_equals_the_library(model):
    tokens = some_tokens(3, 20)
    fast = FastForward(model)
    positions = torch.arange(20).expand(3, 20)
    logits = fast.logits(fast.forward(tokens, positions, None))
    assert (logits - expected(model, tokens)).abs().max() < CLOSE
    causal = torch.full((20, 20), float("-inf")).triu(1)
    masked = fast.logits(fast.forward(tokens, positions, causal))
    assert (masked - expected(model, tokens)).abs().max() < CLOSE


def test_forward_sees_positions_and_mask():
    """Two rows packed into one, each with its own positions and blind for the other, equal the two apart."""
    model = model_of("qwen2")
    fast, tokens = FastForward(model), some_tokens(2, 6)
    block = torch.full((12, 12), float("-inf"))
    for start in (0, 6):
        block[start : start + 6, start : start + 6] = torch.full((6, 6), float("-inf")).triu(1)
    packed = fast.forward(tokens.reshape(1, 12), torch.arange(6).repeat(2)[None], block)
    assert (fast.logits(packed).reshape(2, 6, -1) - expected(model, tokens)).abs().max() < CLOSE


def test_gradients_equal_the_library():
    model, tokens = model_of("qwen2"), some_tokens(2, 9)
    fast = FastForward(model)
    grads = []
    for logits in (fast.logits(fast.forward(tokens, torch.arange(9).expand(2, 9), None)), model(tokens).logits):
        model.zero_grad()
        pick_logprobs(logits[:, :-1], tokens[:, 1:], torch.tensor([8, 5])).sum().backward()
        grads.append([weight.grad.clone() for weight in model.parameters()])
    assert all((a - b).abs().max() < 1e-4 * max(1.0, float(b.abs().max())) for a, b in zip(*grads, strict=True))
    assert all(grad.abs().max() > 0 for grad in grads[0])


def test_prefill_reads_rows_of_different_length(model, forward):
    tokens, lengths = some_tokens(4, 15), torch.tensor([15, 1, 7, 9])
    _, logits = forward.prefill(tokens, lengths)
    assert (logits - expected(model, tokens)[torch.arange(4), lengths - 1]).abs().max() < CLOSE


def test_extending_equals_recomputation(model, forward):
    """Over three turns of different length, with rows that wait, the cache says what a fresh reading would."""
    full = some_tokens(3, 30, seed=1)
    read = torch.tensor([5, 2, 8])
    cache, _ = forward.prefill(full[:, :8], read)
    for counts in ([4, 7, 1], [0, 3, 6], [9, 1, 0]):
        new = torch.tensor(counts)
        rows = [
            full[row, start : start + count].tolist() for row, (start, count) in enumerate(zip(read, new, strict=True))
        ]
        logits = forward.extend(cache, pad(rows)[0], new)
        read = read + new
        for row in range(3):
            if new[row]:
                wanted = expected(model, full[row : row + 1, : read[row]])[0, -1]
                assert (logits[row] - wanted).abs().max() < CLOSE
    assert cache.lengths.tolist() == read.tolist()


def test_decode_one_token_a_call(model):
    fast, tokens = FastForward(model), some_tokens(2, 10)
    cache, _ = fast.prefill(tokens[:, :4], torch.tensor([4, 4]), room=1)  # it must grow
    for column in range(4, 10):
        logits = fast.decode(cache, tokens[:, column])
        assert (logits - expected(model, tokens)[:, column]).abs().max() < CLOSE


def test_selected_rows_go_on_by_themselves(model, forward):
    tokens = some_tokens(3, 12)
    cache, _ = forward.prefill(tokens[:, :6], torch.tensor([6, 6, 6]))
    copy = cache.select(torch.tensor([2, 0, 2]))
    forward.extend(cache, tokens[:, 6:9] * 0, torch.tensor([3, 3, 3]))  # must not reach the copies
    more = torch.stack([tokens[2, 6:], tokens[0, 6:], tokens[1, 6:]])
    logits = forward.extend(copy, more, torch.tensor([6, 6, 6]))
    rows = torch.stack([tokens[2], tokens[0], torch.cat([tokens[2, :6], tokens[1, 6:]])])
    assert (logits - expected(model, rows)[:, -1]).abs().max() < CLOSE


def test_score_is_the_logprob_of_the_tokens(model, forward):
    tokens = some_tokens(2, 11)
    cache, logits = forward.prefill(tokens[:, :6], torch.tensor([6, 6]))
    scored = forward.score(cache, logits, tokens[:, 6:], torch.tensor([5, 3]))
    wanted = expected(model, tokens).log_softmax(-1)[:, 5:-1].gather(2, tokens[:, 6:, None])[:, :, 0]
    wanted[1, 3:] = 0.0
    assert (scored - wanted).abs().max() < CLOSE


@pytest.mark.parametrize("shared", [0, 3, 20])
def test_prompts_with_a_common_beginning(model, forward, shared):
    head = some_tokens(1, 20, seed=2)[0, :shared].tolist()
    prompts = [head + tail for tail in ([1, 2], [3], [1, 2], [1, 2, 4, 5], [1])]
    cache, logits = read_prompts(forward, prompts, room=3)
    for row, prompt in enumerate(prompts):
        assert (logits[row] - expected(model, torch.tensor([prompt]))[0, -1]).abs().max() < CLOSE
    assert cache.lengths.tolist() == [len(prompt) for prompt in prompts]
    assert torch.equal(logits[0], logits[2])


def test_equal_and_shared_prompts_are_computed_once(monkeypatch):
    fast = FastForward(model_of("qwen2"))
    read = []
    original = FastForward._through
    monkeypatch.setattr(
        FastForward,
        "_through",
        lambda self, cache, tokens, *rest: (read.append(tokens.numel()), original(self, cache, tokens, *rest))[1],
    )
    read_prompts(fast, [[7] * 30 + [tail] for tail in (1, 2, 3, 1, 1, 2)], room=0)
    assert read == [30, 3]


def test_too_long_is_refused():
    fast = FastForward(model_of("qwen2", max_position_embeddings=16))
    cache, _ = fast.prefill(some_tokens(1, 12), torch.tensor([12]))
    with pytest.raises(InvalidValue, match="at most 16"):
        fast.extend(cache, some_tokens(1, 5), torch.tensor([5]))


def test_other_models_go_through_the_library():
    other = model_of("qwen2", hidden_act="gelu")
    assert not supports(other)
    assert isinstance(forward_of(other), PlainForward)
    assert isinstance(forward_of(model_of("llama")), FastForward)
    with pytest.raises(InvalidValue):
        FastForward(other)
