"""A model that knows the way on a small lake, made once; small enough that a test can train it."""

import pytest
import torch

from envbench.policies.lm.build import Shape, random_model
from envbench.policies.lm.corpus import corpus
from envbench.policies.lm.quiet import quiet
from envbench.policies.lm.tokenizer import train_tokenizer
from envbench.train.lm.config import LMConfig
from envbench.train.lm.warmup import WarmupConfig, warm_up

LAKE = "envbench/FrozenLake-v0"


@pytest.fixture(autouse=True, scope="session")
def _one_thread():
    torch.set_num_threads(1)


@pytest.fixture(scope="session")
def raw_model(tmp_path_factory):
    """A folder with a random model of 2 layers."""
    folder = tmp_path_factory.mktemp("models") / "raw"
    tokenizer = train_tokenizer(corpus([LAKE], tasks=4, steps=6), 300)
    with quiet():
        random_model(Shape(32, 2, 4, 2, 64, 300), tokenizer, 3).save_pretrained(folder)
    tokenizer.save_pretrained(folder)
    return folder


@pytest.fixture(scope="session")
def warm_model(raw_model):
    """The same after some steps of cloning: it succeeds now and then."""
    folder = raw_model.with_name("warm")
    config = WarmupConfig(
        env=LAKE, panel=16, held_out=16, walks=3, tasks=32, low=0.15, high=0.9, check_every=20, batch=64, threads=1
    )
    warm_up(raw_model, folder, config)
    return folder


@pytest.fixture(scope="session")
def lake(warm_model):
    """A run of it in which every option is small."""
    return LMConfig(
        env=LAKE,
        knobs={"slippery": False},
        model=str(warm_model),
        max_steps=8,
        tasks=4,
        groups=4,
        group_size=4,
        iterations=2,
        max_tokens=4,
        minibatches=2,
        learning_rate=1e-3,
    )
