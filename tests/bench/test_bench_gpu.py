"""The account of floors and memory: figures of the README, and formulas against what torch really does."""

import gymnasium
import pytest
import torch
from transformers import Qwen2ForCausalLM

from envbench.agents.prompting import Prompting
from envbench.bench import gpu
from envbench.bench.peers import word_tokenizer
from envbench.policies.lm.build import Shape, random_model, weights_of
from envbench.policies.lm.corpus import corpus
from envbench.policies.lm.forward import FastForward
from envbench.policies.lm.tokenizer import train_tokenizer
from envbench.registry import card_of, panel

WEBSHOP = "envbench/WebShop-v0"


@pytest.fixture(autouse=True, scope="module")
def _one_thread():
    torch.set_num_threads(1)


@pytest.mark.parametrize(("name", "count"), [("0.5B", 494_032_768), ("1.5B", 1_543_714_304)])
def test_shapes_have_the_published_number_of_weights(name, count):
    assert weights_of(gpu.MODELS[name]) == count


def saved_bytes(shape, rank, checkpointing, length=56):
    """Return what autograd saves of a forward on `length` places, weights left out."""
    model = random_model(shape, word_tokenizer(shape.vocabulary), 0)
    if rank:
        peft = pytest.importorskip("peft")
        model = model.to(torch.bfloat16)
        peft.get_peft_model(model, peft.LoraConfig(r=rank, target_modules="all-linear", task_type="CAUSAL_LM"))
    forward = FastForward(model)
    forward.checkpointing = checkpointing
    sizes, alive = {}, []

    def note(tensor):
        if length in tensor.shape:
            sizes[tensor.untyped_storage().data_ptr()] = tensor.untyped_storage().nbytes()
            alive.append(tensor)
        return tensor

    with torch.autograd.graph.saved_tensors_hooks(note, lambda one: one), torch.autocast("cpu", dtype=torch.bfloat16):
        hidden = forward.forward(torch.zeros(1, length, dtype=torch.int64), torch.arange(length)[None], None)
    assert hidden.shape == (1, length, shape.hidden)
    return sum(sizes.values()) / length


@pytest.mark.filterwarnings("ignore::FutureWarning")
@pytest.mark.parametrize("rank", [0, 4])
@pytest.mark.parametrize("sizes", [(64, 4, 2, 128), (96, 6, 6, 80)], ids=str)
def test_a_layer_saves_what_the_account_says(sizes, rank):
    hidden, heads, key_heads, inner = sizes
    two, four = (Shape(hidden, layers, heads, key_heads, inner, 50) for layers in (2, 4))
    found = (saved_bytes(four, rank, False) - saved_bytes(two, rank, False)) / 2
    assert found == gpu.layer_bytes(four, rank)
    between = (saved_bytes(four, rank, True) - saved_bytes(two, rank, True)) / 2
    assert between == (2 if rank else 4) * hidden


@pytest.mark.filterwarnings("ignore::FutureWarning")
def test_adapters_are_counted_as_peft_makes_them():
    peft = pytest.importorskip("peft")
    shape = Shape(64, 2, 4, 2, 128, 50)
    model = random_model(shape, word_tokenizer(50), 0)
    adapted = peft.get_peft_model(model, peft.LoraConfig(r=3, target_modules="all-linear", task_type="CAUSAL_LM"))
    assert sum(one.numel() for one in adapted.parameters() if one.requires_grad) == gpu.adapters(shape, 3)


def test_the_cache_is_counted_as_the_forward_makes_it():
    shape = Shape(64, 2, 4, 2, 128, 50)
    forward = FastForward(random_model(shape, word_tokenizer(50), 0))
    with torch.autocast("cpu", dtype=torch.bfloat16):
        cache = forward.empty(3, 5)
    assert sum(one.nbytes for one in (*cache.keys, *cache.values)) == 3 * 5 * gpu.cache_bytes(shape)


@pytest.mark.parametrize("checkpointing", [False, True])
def test_operations_are_those_of_the_library(checkpointing):
    """Against torch's own counter, which does not know the attention of the CPU."""
    from torch.utils.flop_counter import FlopCounterMode

    shape, length = Shape(64, 2, 4, 4, 128, 50), 24
    model = random_model(shape, word_tokenizer(50), 0).train()
    assert isinstance(model, Qwen2ForCausalLM)
    forward = FastForward(model)
    forward.checkpointing = checkpointing
    with FlopCounterMode(display=False) as counter:
        hidden = forward.forward(torch.zeros(1, length, dtype=torch.int64), torch.arange(length)[None], None)
        forward.logits(hidden[0]).sum().backward()
    found = counter.get_total_flops()
    ours = gpu.update_operations(shape, places=length, length=length, reads=length, checkpointing=checkpointing)
    attention = 2.0 * length * shape.hidden * (4.0 if checkpointing else 3.0) * shape.layers * length
    assert found == ours - attention


def test_the_account_is_the_written_one():
    """Some figures of baselines/nano/README.md, worked out by hand from the published shapes."""
    text = gpu.account()
    assert text.count("\n") == 1 + 6 + 1 + 2 + 4
    small = gpu.memory(gpu.MODELS["0.5B"], places=1, reads=1, rows=1, tokens=1)
    assert (small.weights, small.optimizer) == (4 * 494_032_768, 8 * 494_032_768)
    assert small.logits == 151_936 * 20
    assert small.cache == 24 * 2 * 128 * 2
    assert small.peak == 18 * 494_032_768 + small.activations + small.logits
    # (2 bytes x 494 M + 256 rows x 512 tokens x 12,288 bytes) / 4.8e12 bytes/s
    assert gpu.decode_floor(gpu.MODELS["0.5B"], 256, 512, 4.8e12) == pytest.approx(0.5414e-3, rel=1e-3)
    large = gpu.memory(gpu.MODELS["1.5B"], places=16384, reads=1024, rows=64, tokens=6000, lora_rank=16)
    assert large.cache == 64 * 6000 * 28 * 2 * 256 * 2
    assert gpu.adapters(gpu.MODELS["1.5B"], 16) == 18_464_768
    assert large.peak < 80e9


def test_sharing_counts_a_conversation_once():
    tokenizer = train_tokenizer(corpus([WEBSHOP], tasks=2, steps=3), 400)
    env = gymnasium.make(WEBSHOP).unwrapped
    tasks = panel(WEBSHOP)[:2]
    found = {}
    for dialogue in (False, True):
        prompting = Prompting(card_of(WEBSHOP), "observation", 0, tokenizer, dialogue)
        rows = list(gpu.walks(env, tasks, prompting, tokenizer, group=3, steps=4))
        found[dialogue] = gpu.sharing(rows)
    assert found[True]["ratio"] > found[False]["ratio"] > 1.0
    assert found[True]["prompt"] > found[False]["prompt"]
    assert 0.0 < found[True]["reads"] < 0.2
