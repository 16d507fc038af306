"""A language model small enough to differentiate in a test, and rows for it."""

import torch
from transformers import Qwen2Config, Qwen2ForCausalLM


def tiny_model(seed=0, dtype=torch.float32):
    """Qwen2 with hidden 32, 2 layers, tied head; weights and biases large enough that nothing is near 0."""
    config = Qwen2Config(
        vocab_size=29,
        hidden_size=32,
        intermediate_size=48,
        num_hidden_layers=2,
        num_attention_heads=4,
        num_key_value_heads=2,
        max_position_embeddings=128,
        tie_word_embeddings=True,
        attn_implementation="sdpa",
    )
    model = Qwen2ForCausalLM(config).to(dtype)
    generator = torch.Generator().manual_seed(seed)
    with torch.no_grad():
        for name, parameter in model.named_parameters():
            noise = torch.randn(parameter.shape, generator=generator, dtype=torch.float32)
            parameter.copy_(noise * 0.15 + float("norm" in name))
    return model.train()
