"""Small models for the tests of `envbench.policies.lm`."""

import torch
from transformers import LlamaConfig, LlamaForCausalLM, Qwen2Config, Qwen2ForCausalLM

from envbench.policies.lm.build import Shape, random_model
from envbench.policies.lm.corpus import corpus
from envbench.policies.lm.policy import CausalLMPolicy
from envbench.policies.lm.tokenizer import train_tokenizer

TINY = {
    "hidden_size": 32,
    "num_hidden_layers": 2,
    "num_attention_heads": 4,
    "num_key_value_heads": 2,
    "intermediate_size": 64,
    "tie_word_embeddings": True,
    "max_position_embeddings": 256,
}
KINDS = {"qwen2": (Qwen2Config, Qwen2ForCausalLM), "llama": (LlamaConfig, LlamaForCausalLM)}


def model_of(kind, **changes):
    """Return a model whose norms and biases are not what they start as."""
    config, causal = KINDS[kind]
    model = causal(config(**{"vocab_size": 50, **TINY, **changes})).eval()
    bits = torch.Generator().manual_seed(7)
    with torch.no_grad():
        for weight in model.parameters():
            weight.add_(torch.randn(weight.shape, generator=bits) * 0.1)
    return model


def policy_on(*env_ids):
    tokenizer = train_tokenizer(corpus(env_ids, tasks=4, steps=4), 400)
    return CausalLMPolicy(random_model(Shape(32, 2, 4, 2, 64, 400), tokenizer, 3), tokenizer)
