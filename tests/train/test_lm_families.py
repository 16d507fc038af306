"""Models of many families: what is trained on is what was sampled, and both are what the model's own call says."""

import logging

import pytest
import torch
import transformers

from envbench.errors import InvalidValue
from envbench.policies.lm import forward as fast
from envbench.policies.lm.forward import FastForward, PlainForward, forward_of, pad, read_prompts
from envbench.policies.lm.library import CachedForward, pick_logprobs
from envbench.policies.lm.policy import CausalLMPolicy
from envbench.policies.lm.tokenizer import train_tokenizer
from envbench.train import packed
from envbench.train.lm.network import check_scores
from envbench.train.packed import HFForward, TokenRow, pack, token_outputs

pytestmark = pytest.mark.usefixtures("one_thread")

WORDS = 270
COMMON = {
    "vocab_size": WORDS,
    "hidden_size": 32,
    "num_hidden_layers": 2,
    "num_attention_heads": 4,
    "num_key_value_heads": 2,
    "intermediate_size": 48,
    "max_position_embeddings": 64,
    "pad_token_id": 0,
    "bos_token_id": 1,
    "eos_token_id": 2,
}
GPT = {"vocab_size": WORDS, "n_embd": 32, "n_layer": 2, "n_head": 4, "n_positions": 64, "bos_token_id": 1}
NEO = {"num_layers": 2, "num_heads": 4, "attention_types": [[["global", "local"], 1]], "window_size": 4}
BOTH = ["sliding_attention", "full_attention"]
LLAMA3 = {"factor": 8.0, "low_freq_factor": 1.0, "high_freq_factor": 4.0, "original_max_position_embeddings": 32}
YARN = {"factor": 4.0, "original_max_position_embeddings": 16}
FAMILIES = {
    "qwen2": ("Qwen2", {}, FastForward),
    "qwen2-window": ("Qwen2", {"use_sliding_window": True, "sliding_window": 4, "max_window_layers": 1}, CachedForward),
    "qwen3": ("Qwen3", {"head_dim": 16}, FastForward),
    "llama": ("Llama", {}, FastForward),
    "llama3": ("Llama", {"rope_parameters": {"rope_type": "llama3", "rope_theta": 1e4, **LLAMA3}}, FastForward),
    "yarn": ("Llama", {"rope_parameters": {"rope_type": "yarn", "rope_theta": 1e4, **YARN}}, FastForward),
    "mistral": ("Mistral", {"sliding_window": None}, FastForward),
    "mistral-window": ("Mistral", {"sliding_window": 4}, CachedForward),
    "gemma2": (
        "Gemma2",
        {"head_dim": 8, "sliding_window": 4, "layer_types": BOTH, "final_logit_softcapping": 3.0},
        CachedForward,
    ),
    "gemma3": ("Gemma3", {"head_dim": 8, "sliding_window": 4, "layer_types": BOTH}, CachedForward),
    "granite": ("Granite", {"logits_scaling": 8.0, "embedding_multiplier": 2.0}, CachedForward),
    "cohere": ("Cohere", {"logit_scale": 0.5}, CachedForward),
    "phi3": ("Phi3", {}, CachedForward),
    "gpt2": ("GPT2", GPT, CachedForward),
    "opt": ("OPT", {"ffn_dim": 48, "word_embed_proj_dim": 16}, CachedForward),
    "gpt_neo": ("GPTNeo", NEO, PlainForward),
}
UNSHARED = {"gpt_neo"}  # families whose rows are packed each alone


def model_of(name):
    family, changes, _ = FAMILIES[name]
    config = getattr(transformers, "Gemma3TextConfig" if family == "Gemma3" else f"{family}Config")
    causal = getattr(transformers, "GPT2LMHeadModel" if family == "GPT2" else f"{family}ForCausalLM")
    with torch.random.fork_rng([]):
        torch.manual_seed(0)
        model = causal(config(**{**COMMON, **changes})).eval()
    bits = torch.Generator().manual_seed(7)
    with torch.no_grad():
        for weight in model.parameters():
            weight.add_(torch.randn(weight.shape, generator=bits) * 0.15)
    return model


def draw(*shape, seed=0):
    return torch.randint(3, WORDS, shape, generator=torch.Generator().manual_seed(seed))


def drawn_rows():
    """Two prompts, longer than every window, and three replies to each."""
    prompts = [tuple(draw(length, seed=length).tolist()) for length in (11, 14)]
    return [TokenRow(prompts[k % 2], tuple(draw(4 + k % 2, seed=k).tolist())) for k in range(6)]


def own_logprobs(model, rows):
    """Each row alone through the model's own call."""
    found = []
    for row in rows:
        logits = model(input_ids=torch.tensor([row.prompt + row.reply])).logits[0, len(row.prompt) - 1 : -1]
        found.append(logits.log_softmax(-1).gather(1, torch.tensor(row.reply)[:, None])[:, 0])
    return torch.cat(found)


def trained_logprobs(forward, rows, share):
    micros = pack(rows, [True] * len(rows), 64, share=share)
    found = torch.cat([token_outputs(forward, one).logprob for one in micros])
    return found.index_select(0, torch.cat([one.index for one in micros]).argsort())


def gradients(model, loss):
    model.zero_grad(set_to_none=True)
    loss.backward()
    return [torch.zeros_like(one) if one.grad is None else one.grad.clone() for one in model.parameters()]


def packing(model, checkpointing=False):
    forward = forward_of(model)
    if not isinstance(forward, FastForward):
        return HFForward(model, checkpointing)
    forward.checkpointing = checkpointing
    return forward


@pytest.mark.parametrize("name", sorted(FAMILIES))
def test_what_is_trained_on_is_what_was_sampled(name):
    model, rows = model_of(name), drawn_rows()
    forward = forward_of(model)
    assert type(forward) is FAMILIES[name][2]
    own = own_logprobs(model, rows)
    assert own.std() > 0.1  # so that a wrong cap, scale or window would show
    wanted = gradients(model, own.square().sum() / len(own))
    cache, logits = read_prompts(forward, [row.prompt for row in rows], room=5)
    sampled = forward.score(cache, logits, *pad([row.reply for row in rows]))
    flat = torch.cat([line[: len(row.reply)] for line, row in zip(sampled, rows, strict=True)])
    torch.testing.assert_close(flat, own.detach(), atol=1e-4, rtol=0.0)
    for share in (False,) if name in UNSHARED else (False, True):
        trained = trained_logprobs(packing(model), rows, share)
        torch.testing.assert_close(trained, flat, atol=1e-4, rtol=0.0)
        found = gradients(model, trained.square().sum() / len(own))
        assert all(bool(one.isfinite().all()) for one in found)
        for ours, theirs in zip(found, wanted, strict=True):
            torch.testing.assert_close(ours, theirs, atol=1e-4 * max(1.0, float(theirs.abs().max())), rtol=0.0)


@pytest.mark.parametrize("name", sorted(FAMILIES))
def test_a_cache_that_grows_forks_and_forgets(name):
    """Turns of different length, rows that wait, copies of a row, and a row that goes back and on otherwise."""
    model = model_of(name)
    forward, tokens = forward_of(model), draw(3, 30, seed=1)

    def close(logits, rows):
        for line, row in zip(logits, rows, strict=True):
            with torch.no_grad():
                wanted = model(input_ids=row[None]).logits[0, -1]
            torch.testing.assert_close(line, wanted, atol=1e-4, rtol=0.0)

    cache, logits = forward.prefill(tokens[:, :9], torch.tensor([9, 2, 6]), room=4)
    close(logits, [tokens[0, :9], tokens[1, :2], tokens[2, :6]])
    more = torch.stack([tokens[0, 9:13], tokens[1, 2:6], tokens[2, 6:10]])
    logits = forward.extend(cache, more, torch.tensor([1, 4, 0]))
    close(logits[:2], [tokens[0, :10], tokens[1, :6]])
    cache = cache.select(torch.tensor([2, 1, 1]))
    cache.forget(torch.tensor([6, 3, 6]))
    logits = forward.extend(
        cache, torch.stack([tokens[2, 6:11], tokens[0, :5], tokens[1, 6:11]]), torch.tensor([5] * 3)
    )
    close(logits, [tokens[2, :11], torch.cat([tokens[1, :3], tokens[0, :5]]), tokens[1, :11]])
    assert cache.lengths.tolist() == [11, 8, 11]


def test_a_cached_model_computes_only_the_head_that_is_needed(monkeypatch):
    model, seen = model_of("granite"), []
    head = model.get_output_embeddings()
    monkeypatch.setattr(
        head, "forward", lambda hidden: (seen.append(hidden.shape), torch.matmul(hidden, head.weight.T))[1]
    )
    forward = forward_of(model)
    seen.clear()
    cache, _ = forward.prefill(draw(2, 9), torch.tensor([9, 4]))
    forward.extend(cache, draw(2, 1), torch.tensor([1, 1]))
    assert seen == [(1, 2, 32)] * 2  # one place of each row


def test_a_model_without_a_fast_path_is_named_once(caplog):
    fast._say_slow.cache_clear()
    with caplog.at_level(logging.WARNING, fast.__name__):
        for _ in range(2):
            forward_of(model_of("opt"))
            forward_of(model_of("qwen3"))
        forward_of(model_of("gpt_neo"))
    assert len(caplog.messages) == 2
    assert "model_type 'opt' has no fast path" in caplog.messages[0]
    assert "without a cache" in caplog.messages[1]


@pytest.mark.parametrize("name", ["qwen3", "gpt2", "opt", "gemma2"])
def test_checkpointing_computes_layers_again(name, monkeypatch):
    """Outside of training mode too, where `transformers` itself would not."""
    model, rows, calls = model_of(name), drawn_rows(), []
    for module in (packed, fast):
        monkeypatch.setattr(
            module,
            "checkpoint",
            lambda *args, _call=module.checkpoint, **kept: (calls.append(1), _call(*args, **kept))[1],
        )
    plain = gradients(model, trained_logprobs(packing(model), rows, True).sum())
    assert not calls
    found = gradients(model, trained_logprobs(packing(model, True), rows, True).sum())
    assert len(calls) == 2 * len(pack(rows, [True] * 6, 64))  # layers times forwards
    assert not model.training
    assert all("forward" not in vars(one) for one in model.modules())
    for ours, theirs in zip(found, plain, strict=True):
        torch.testing.assert_close(ours, theirs, atol=1e-5, rtol=1e-5)
    calls.clear()
    with torch.no_grad():
        trained_logprobs(packing(model, True), rows, True)
    assert not calls


def test_layers_that_cannot_be_checkpointed_are_refused(monkeypatch):
    monkeypatch.setattr(packed, "GradientCheckpointingLayer", type(None))
    with pytest.raises(InvalidValue, match="gradient_checkpointing=true: .* 'gpt2'; leave it out"):
        HFForward(model_of("gpt2"), True)


@pytest.fixture(scope="module")
def tokenizer():
    return train_tokenizer(["a b"], WORDS)


@pytest.mark.parametrize("name", sorted(FAMILIES))
def test_families_are_let_into_training(name, tokenizer):
    policy = CausalLMPolicy(model_of(name), tokenizer)
    check_scores(policy, packing(policy.model), share=name not in UNSHARED)


def blind_to_windows(model, seen, distance):
    return torch.where(seen, 0.0, torch.finfo(torch.float32).min)[:, None]


def tripled(*arguments, _call=packed.logits_at, **inputs):
    hidden, logits = _call(*arguments, **inputs)
    return hidden, 3 * logits


@pytest.mark.parametrize(
    ("name", "broken", "remedy"),
    [
        ("gpt_neo", {}, "put share_prefix = false into --config FILE"),
        ("mistral-window", {"attention_masks": blind_to_windows}, "put share_prefix = false into --config FILE"),
        ("gemma2", {"logits_at": tripled}, "train another model"),
    ],
)
def test_a_model_that_would_learn_from_other_log_probs_is_refused(name, broken, remedy, tokenizer, monkeypatch):
    policy = CausalLMPolicy(model_of(name), tokenizer)
    for function, other in broken.items():
        monkeypatch.setattr(packed, function, other)
    kind = policy.model.config.model_type
    with pytest.raises(InvalidValue, match=f"model_type '{kind}': replies are scored otherwise .*: {remedy}") as caught:
        check_scores(policy, packing(policy.model), share=True)
    assert "\n" not in str(caught.value)


def test_half_precision_is_let_in(tokenizer):
    for name in ("qwen2", "gemma2"):
        policy = CausalLMPolicy(model_of(name).to(torch.bfloat16), tokenizer)
        check_scores(policy, packing(policy.model), share=True)


def test_log_probs_behind_the_end_are_zero():
    logits, tokens = (
        torch.randn(2, 3, 5, generator=torch.Generator().manual_seed(0)),
        torch.tensor([[1, 2, 3], [4, 0, 1]]),
    )
    found = pick_logprobs(logits, tokens, torch.tensor([3, 1]))
    assert found[1, 1:].tolist() == [0.0, 0.0]
    assert bool((found[0] < 0).all())
