"""The trained model of any family: its folder, its adapters, its critic, half precision."""

import dataclasses
import shutil

import numpy as np
import pytest
import torch
from safetensors import SafetensorError
from transformers import GPT2Config, GPT2LMHeadModel, OPTConfig, OPTForCausalLM, PreTrainedModel

from envbench.errors import DiskFull, InvalidValue
from envbench.policies.lm.tokenizer import load_tokenizer
from envbench.train.lm import network as networks
from envbench.train.lm.config import LMConfig
from envbench.train.lm.network import Network
from envbench.train.loop import Trainer
from envbench.train.packed import HFForward, TokenRow


@pytest.fixture(scope="module")
def small(raw_model):
    """A run in which every option is small, and whose refused moves cost something."""
    return LMConfig(
        env="envbench/FrozenLake-v0",
        knobs={"slippery": False},
        model=str(raw_model),
        max_steps=6,
        tasks=2,
        groups=2,
        group_size=4,
        iterations=1,
        max_tokens=4,
        minibatches=1,
        learning_rate=1e-3,
        invalid_penalty=1.0,
    )


@pytest.fixture(scope="module")
def others(raw_model, tmp_path_factory):
    """Folders with the tokenizer of the small Qwen2, and models whose own settings drop activations in training."""
    tokenizer, root = load_tokenizer(raw_model), tmp_path_factory.mktemp("others")
    common = {
        "vocab_size": len(tokenizer),
        "hidden_size": 32,
        "num_hidden_layers": 2,
        "num_attention_heads": 4,
        "max_position_embeddings": 512,
        "bos_token_id": tokenizer.bos_token_id,
        "eos_token_id": tokenizer.eos_token_id,
        "pad_token_id": tokenizer.pad_token_id,
    }
    gpt2, opt = GPT2Config(**common), OPTConfig(**common, ffn_dim=48, word_embed_proj_dim=16, layerdrop=0.5)
    with torch.random.fork_rng([]):
        torch.manual_seed(1)
        for name, model in (("gpt2", GPT2LMHeadModel(gpt2)), ("opt", OPTForCausalLM(opt))):
            model.save_pretrained(root / name)
            tokenizer.save_pretrained(root / name)
    return root


def some_rows(count=4):
    bits = torch.Generator().manual_seed(0)
    prompt = tuple(torch.randint(5, 200, (20,), generator=bits).tolist())
    return [TokenRow(prompt, tuple(torch.randint(5, 200, (3,), generator=bits).tolist())) for _ in range(count)]


def test_a_full_disk_leaves_the_old_model_and_nothing_else(small, tmp_path, monkeypatch):
    network = Network(small)
    network.save(tmp_path / "last")
    before = {path.name: path.read_bytes() for path in (tmp_path / "last").iterdir()}

    def fail(self, folder, *_):
        (folder / "model.safetensors").write_bytes(b"half")
        raise SafetensorError("Error while serializing: I/O error: No space left on device (os error 28)")

    monkeypatch.setattr(PreTrainedModel, "save_pretrained", fail)
    with pytest.raises(DiskFull, match="no room left on the disk of .*last"):
        network.save(tmp_path / "last")
    assert [path.name for path in tmp_path.iterdir()] == ["last"]
    assert {path.name: path.read_bytes() for path in (tmp_path / "last").iterdir()} == before


def test_a_place_that_cannot_be_written_to_is_named(small, tmp_path):
    (tmp_path / "file").touch()
    with pytest.raises(InvalidValue, match="cannot write to"):
        Network(small).save(tmp_path / "file" / "last")


@pytest.mark.parametrize("name", ["gpt2", "opt"])
def test_other_families_train(small, others, name, tmp_path):
    """With a critic on the states that their head reads, and layers computed again."""
    found = []
    for again in (False, True):
        config = dataclasses.replace(small, model=str(others / name), method="gae", gradient_checkpointing=again)
        trainer = Trainer(config)
        assert isinstance(trainer.learner.network.forward, HFForward)
        row = trainer.step()
        assert row["optimizer_steps"] > 0
        assert row["moved"] < 0.05  # what was sampled is what is trained on
        found.append({key: one.clone() for key, one in trainer.learner.tensors().items()})
    for key, one in found[0].items():
        torch.testing.assert_close(one, found[1][key], atol=1e-4, rtol=0.0)
    trainer.learner.network.save(tmp_path / "kept")
    again = Network(dataclasses.replace(small, model=str(tmp_path / "kept")))
    rows = some_rows()
    assert np.abs(again.scores(rows).logprob - trainer.learner.network.scores(rows).logprob).max() < 1e-5


def test_checkpointing_reaches_the_learner(small, others, monkeypatch):
    calls, call = [], networks.HFForward._checkpointed

    def counted(self):
        calls.append(len(self._layers))
        return call(self)

    monkeypatch.setattr(networks.HFForward, "_checkpointed", counted)
    Trainer(dataclasses.replace(small, model=str(others / "gpt2"), gradient_checkpointing=True)).step()
    assert set(calls) == {2}


def test_dropout_of_adapters_alone_draws(small, others):
    pytest.importorskip("peft")
    network = Network(dataclasses.replace(small, model=str(others / "gpt2"), lora_rank=2, lora_dropout=0.5))
    with network.training(0):
        training = {name for name, one in network.policy.model.named_modules() if one.training}
    assert training
    assert all("lora_dropout" in name for name in training)
    assert not any(one.training for one in network.policy.model.modules())


def test_half_precision_of_another_family(small, others):
    rows = some_rows()
    full, half = (
        Network(dataclasses.replace(small, model=str(others / "gpt2"), dtype=dtype)).scores(rows).logprob
        for dtype in ("float32", "bfloat16")
    )
    assert 0.0 < np.abs(full - half).max() < 0.1


def test_a_model_that_is_scored_otherwise_is_refused_before_anything_is_played(small, others, monkeypatch):
    monkeypatch.setattr(networks, "tolerance", lambda dtype: -1.0)
    with pytest.raises(InvalidValue, match="model_type 'gpt2': replies are scored otherwise"):
        Trainer(dataclasses.replace(small, model=str(others / "gpt2")))


def test_weights_that_are_not_finite_are_left_to_the_loop(small, raw_model, tmp_path):
    """It says which iteration, and what to do."""
    from safetensors.torch import load_file, save_file

    shutil.copytree(raw_model, tmp_path / "nan")
    weights = load_file(tmp_path / "nan" / "model.safetensors")
    save_file({name: one * torch.nan for name, one in weights.items()}, tmp_path / "nan" / "model.safetensors")
    Network(dataclasses.replace(small, model=str(tmp_path / "nan")))
