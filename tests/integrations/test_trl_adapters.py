"""The rollouts of `envbench.integrations.trl` with a model in adapters, under a stand-in for TRL."""

import importlib
import sys
from types import SimpleNamespace

import pytest
import torch

from envbench.policies.lm.build import Shape, random_model
from envbench.policies.lm.corpus import corpus
from envbench.policies.lm.tokenizer import train_tokenizer

LAKE = "envbench/FrozenLake-v0"
BRIDGE = "envbench.integrations.trl"


@pytest.fixture
def bridge(monkeypatch):
    monkeypatch.setitem(sys.modules, "trl", SimpleNamespace(GRPOTrainer=object, __version__="0"))
    monkeypatch.setitem(sys.modules, "datasets", SimpleNamespace(Dataset=object))
    monkeypatch.delitem(sys.modules, BRIDGE, raising=False)
    yield importlib.import_module(BRIDGE)
    sys.modules.pop(BRIDGE, None)


@pytest.mark.filterwarnings("ignore::FutureWarning")  # peft asks transformers by a name that is going away
def test_a_model_with_a_peft_config_plays_with_its_adapters(bridge):
    peft = pytest.importorskip("peft")
    torch.set_num_threads(1)
    tokenizer = train_tokenizer(corpus([LAKE], tasks=2, steps=4), 300)
    model = random_model(Shape(32, 2, 4, 2, 64, 300), tokenizer, 3)
    adapted = peft.get_peft_model(
        model, peft.LoraConfig(r=2, task_type="CAUSAL_LM", target_modules="all-linear", init_lora_weights=False)
    )
    adapted.train()
    trainer = SimpleNamespace(
        model=adapted,
        num_generations=2,
        state=SimpleNamespace(global_step=0),
        accelerator=SimpleNamespace(unwrap_model=lambda one: one),
        processing_class=tokenizer,
        args=SimpleNamespace(max_completion_length=1024),
    )
    rollouts = bridge.EpisodeRollouts(LAKE, max_tokens=2, max_steps=3, slippery=False)
    prompts = [task.id for task in rollouts.tasks[:2] for _ in range(2)]
    found = rollouts(prompts, trainer)
    policy = rollouts._policy
    assert policy.model is model
    assert model.training
    ids, start = torch.tensor([found["prompt_ids"][0] + found["completion_ids"][0]]), len(found["prompt_ids"][0])
    with torch.no_grad():
        logprobs = adapted(input_ids=ids).logits[0, start - 1 : -1].log_softmax(-1)
    wanted = logprobs.gather(1, ids[0, start:, None])[:, 0]
    mask = torch.tensor(found["env_mask"][0], dtype=torch.bool)
    torch.testing.assert_close(torch.tensor(found["logprobs"][0])[mask], wanted[mask], atol=1e-4, rtol=0.0)
    rollouts(prompts, trainer)
    assert rollouts._policy is policy  # not made anew in every call
