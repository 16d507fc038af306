import numpy as np
import pytest
import torch

from envbench.bench import peers
from envbench.bench.training_work import Dialogues, OneStep, word_tokenizer
from envbench.errors import EnvbenchError
from envbench.policies.lm.build import Shape, random_model
from envbench.policies.lm.corpus import corpus
from envbench.policies.lm.tokenizer import encode, train_tokenizer

LAKE = "envbench/FrozenLake-v0"
SMALL = OneStep(groups=2, group=2, prompt=8, completion=3, repeats=2)


@pytest.fixture(scope="module")
def tokenizer():
    torch.set_num_threads(1)
    return train_tokenizer(corpus([LAKE], tasks=4, steps=4), 400)


@pytest.fixture(scope="module")
def model(tokenizer):
    return random_model(Shape(32, 2, 4, 2, 64, 400), tokenizer, 3)


def test_the_plain_loop_is_timed_and_leaves_the_model_alone(model):
    before = [weight.detach().clone() for weight in model.parameters()]
    state = torch.get_rng_state()
    timed = peers.plain_loop(model, SMALL)
    assert len(timed.seconds) == 2
    assert min(timed.seconds) > 0.0
    assert timed.peer.startswith("transformers ")
    assert all(torch.equal(one, other) for one, other in zip(before, model.parameters(), strict=True))
    assert torch.equal(state, torch.get_rng_state())


def test_words_are_tokens():
    tokenizer = word_tokenizer(50)
    assert tokenizer("w0 w17 w47")["input_ids"] == [0, 17, 47]
    assert (tokenizer.pad_token_id, tokenizer.eos_token_id) == (48, 49)


def test_a_policy_that_generates_replies_as_ours_when_greedy(model, tokenizer):
    ours = peers.CausalLMPolicy(model, tokenizer)
    prompts = [encode(tokenizer, text) for text in ("PFFH", "You stand on the ice", "F")]
    theirs = peers.GeneratePolicy(model, tokenizer).act(prompts, None, 4)
    for reply, expected in zip(theirs, ours.act(prompts, None, 4), strict=True):
        assert reply.token_ids == expected.token_ids
        assert reply.logprobs == pytest.approx(expected.logprobs, abs=1e-4)
        assert (reply.text, reply.ended) == (expected.text, expected.ended)
    drawn = peers.GeneratePolicy(model, tokenizer).act(prompts, np.full((3, 4), 0.3), 4)
    assert all(len(reply.token_ids) == len(reply.logprobs) <= 4 for reply in drawn)


@pytest.mark.filterwarnings("ignore")  # of TRL and what it brings
def test_trl_is_timed(model, tokenizer, monkeypatch):
    monkeypatch.setenv("TRL_EXPERIMENTAL_SILENCE", "1")
    try:
        timed = peers.trl_grpo(model, SMALL)
    except EnvbenchError as error:
        pytest.skip(str(error))
    assert timed.peer.startswith("trl ")
    assert len(timed.seconds) == 2
    work = Dialogues(groups=2, group=2, max_tokens=2, max_steps=4, repeats=1)
    dialogues = peers.trl_dialogues(model, tokenizer, LAKE, work, knobs={"slippery": False})
    assert len(dialogues.seconds) == 1
