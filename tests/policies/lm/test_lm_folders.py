"""Folders that are not whole are refused in one line; folders that cannot be finished leave nothing behind."""

import errno
import json
import shutil

import pytest
import torch
from safetensors import SafetensorError
from safetensors.torch import load_file, save_file
from tiny_models import model_of
from tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers
from transformers import PreTrainedTokenizerFast

from envbench.errors import DiskFull, InvalidValue
from envbench.policies.lm import build
from envbench.policies.lm.build import new_folder, new_model
from envbench.policies.lm.policy import CausalLMPolicy, base_of
from envbench.policies.lm.tokenizer import load_tokenizer, train_tokenizer

NO_ROOM = SafetensorError("Error while serializing: I/O error: No space left on device (os error 28)")


@pytest.fixture(scope="module")
def whole(tmp_path_factory):
    folder = tmp_path_factory.mktemp("models") / "whole"
    tokenizer = train_tokenizer(["the red shoe"], 300)
    model_of("qwen2", vocab_size=len(tokenizer)).save_pretrained(folder)
    tokenizer.save_pretrained(folder)
    return folder


@pytest.fixture
def folder(whole, tmp_path):
    return shutil.copytree(whole, tmp_path / "model")


def cut_weights(folder):
    weights = folder / "model.safetensors"
    weights.write_bytes(weights.read_bytes()[:-100])


def change_weights(folder, name, change):
    weights = load_file(folder / "model.safetensors")
    change(weights, name)
    save_file(weights, folder / "model.safetensors", {"format": "pt"})


def drop(weights, name):
    del weights[name]


def narrow(weights, name):
    weights[name] = weights[name][:4].clone()


FAULTS = {
    "no tokenizer": (lambda folder: (folder / "tokenizer.json").unlink(), "does not give text back"),
    "half a tokenizer": (
        lambda folder: (folder / "tokenizer.json").write_text('{"added_tokens": []'),
        "no tokenizer can",
    ),
    "no model in it": (
        lambda folder: (folder / "tokenizer.json").write_text('{"version": "1.0", "added_tokens": [], "model": {}}'),
        "no tokenizer can be read",
    ),
    "cut weights": (cut_weights, "its weights are damaged or cut off"),
    "a lost weight": (
        lambda folder: change_weights(folder, "model.layers.1.mlp.up_proj.weight", drop),
        r"1 of its weights are missing \(model.layers.1.mlp.up_proj.weight\)",
    ),
    "a weight of another shape": (
        lambda folder: change_weights(folder, "model.norm.weight", narrow),
        r"1 of its weights have another shape than config.json \(model.norm.weight\)",
    ),
    "both ends of a tie": (
        lambda folder: change_weights(folder, "model.embed_tokens.weight", drop),
        "of its weights are missing",
    ),
}


@pytest.mark.parametrize("fault", FAULTS)
def test_a_folder_that_is_not_whole_is_refused(fault, folder, capfd):
    damage, says = FAULTS[fault]
    damage(folder)
    with pytest.raises(InvalidValue, match=says) as caught:
        CausalLMPolicy.load(folder)
    assert caught.value.exit_code == 2
    assert "\n" not in str(caught.value)
    assert str(folder) in str(caught.value)
    assert "MISSING" not in "".join(capfd.readouterr())  # one line is enough


def test_a_head_of_its_own_must_be_there(folder):
    config = json.loads((folder / "config.json").read_text())
    (folder / "config.json").write_text(json.dumps({**config, "tie_word_embeddings": False}))
    with pytest.raises(InvalidValue, match=r"1 of its weights are missing \(lm_head.weight\)"):
        CausalLMPolicy.load(folder)


def byte_level(prefix):
    """A tokenizer as that of GPT-2 or Qwen2."""
    core = Tokenizer(models.BPE())
    core.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=prefix)
    core.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(
        vocab_size=300, show_progress=False, initial_alphabet=sorted(pre_tokenizers.ByteLevel.alphabet())
    )
    core.train_from_iterator(["the red shoe and the blue shoe"] * 3, trainer)
    return core


def pieces(*_):
    """One as that of Llama: blanks are a sign, and one is put before a text; bytes stand in for the rest."""
    known = ["<unk>", "</s>", "▁", *(f"<0x{byte:02X}>" for byte in range(256))]
    core = Tokenizer(
        models.BPE({piece: id for id, piece in enumerate(known)}, [], unk_token="<unk>", byte_fallback=True)
    )
    core.pre_tokenizer = pre_tokenizers.Metaspace(prepend_scheme="first", split=False)
    core.decoder = decoders.Sequence([decoders.ByteFallback(), decoders.Metaspace(prepend_scheme="first", split=False)])
    return core


def words(*_):
    """One that knows a few words only."""
    core = Tokenizer(models.WordLevel({"up": 0, "down": 1, "?": 2}, unk_token="?"))
    core.pre_tokenizer = pre_tokenizers.WhitespaceSplit()
    return core


@pytest.mark.parametrize(
    "made", [lambda: byte_level(False), lambda: byte_level(True), pieces], ids=["plain", "prefix", "pieces"]
)
def test_tokenizers_of_known_families_are_taken(made, tmp_path):
    PreTrainedTokenizerFast(tokenizer_object=made(), eos_token="</s>").save_pretrained(tmp_path)
    assert load_tokenizer(tmp_path).eos_token == "</s>"


def test_a_tokenizer_that_loses_text_is_refused(tmp_path):
    PreTrainedTokenizerFast(tokenizer_object=words(), eos_token="</s>").save_pretrained(tmp_path)
    with pytest.raises(InvalidValue, match="does not give text back"):
        load_tokenizer(tmp_path)


@pytest.mark.parametrize(
    "error",
    [NO_ROOM, OSError(errno.EDQUOT, "Disk quota exceeded"), Exception("No space left on device (os error 28)")],
    ids=["safetensors", "system", "tokenizers"],
)
def test_a_full_disk_leaves_nothing_behind(error, tmp_path, monkeypatch):
    def fail(self, folder):
        (folder / "model.safetensors").write_bytes(b"half")
        raise error

    monkeypatch.setattr(build.Qwen2ForCausalLM, "save_pretrained", fail)
    with pytest.raises(DiskFull, match="free some space and type the same command again") as caught:
        new_model("nano", tmp_path / "m", ["envbench/FrozenLake-v0"])
    assert "\n" not in str(caught.value)
    assert not list(tmp_path.iterdir())


def break_off(folder):
    with new_folder(folder) as unfinished:
        assert not list(unfinished.iterdir())
        raise SafetensorError("other")


def test_other_errors_stay_and_the_old_folder_too(tmp_path):
    (tmp_path / "m").mkdir()
    (tmp_path / "m" / "old").touch()
    (tmp_path / ".m.unfinished").mkdir()  # of a process that was killed
    with pytest.raises(SafetensorError, match="other"):
        break_off(tmp_path / "m")
    assert [path.name for path in tmp_path.iterdir()] == ["m"]
    with new_folder(tmp_path / "m") as unfinished:
        (unfinished / "new").touch()
    assert [path.name for path in (tmp_path / "m").iterdir()] == ["new"]
    assert [path.name for path in tmp_path.iterdir()] == ["m"]


@pytest.fixture(scope="module")
def peft():
    return pytest.importorskip("peft")


@pytest.mark.filterwarnings("ignore::FutureWarning")  # peft asks transformers by a name that is going away
@pytest.mark.parametrize("kind", ["qwen2", "llama"])
def test_a_model_in_adapters_plays_with_them(kind, peft):
    tokenizer = train_tokenizer(["the red shoe"], 300)
    model, prompt = model_of(kind, vocab_size=len(tokenizer)), list(range(5, 20))
    plain = CausalLMPolicy(model, tokenizer).score_actions(prompt, ["red", "shoe"])
    adapted = peft.get_peft_model(
        model, peft.LoraConfig(r=2, task_type="CAUSAL_LM", target_modules="all-linear", init_lora_weights=False)
    ).eval()
    policy = CausalLMPolicy(adapted, tokenizer)
    assert policy.model is model is base_of(adapted) is base_of(model)
    ids = [*tokenizer.encode("red", add_special_tokens=False), tokenizer.eos_token_id]
    with torch.no_grad():
        logprobs = adapted(input_ids=torch.tensor([prompt + ids])).logits[0].log_softmax(-1)
    wanted = sum(float(logprobs[len(prompt) - 1 + place, id]) for place, id in enumerate(ids))
    assert policy.score_actions(prompt, ["red"])[0] == pytest.approx(wanted, abs=1e-4)
    assert abs(wanted - plain[0]) > 1e-2
    assert policy.act([prompt], None, 3)[0].token_ids


@pytest.mark.filterwarnings("ignore::FutureWarning")
def test_learnt_prompts_are_refused(peft):
    tokenizer = train_tokenizer(["the red shoe"], 300)
    tuned = peft.get_peft_model(
        model_of("qwen2", vocab_size=len(tokenizer)),
        peft.PromptTuningConfig(task_type="CAUSAL_LM", num_virtual_tokens=2),
    )
    with pytest.raises(InvalidValue, match="learnt prompt is not read here; use LoRA"):
        CausalLMPolicy(tuned, tokenizer)
