"""From nothing to a language model that got better by reward: held-out success rises above that of its warm start."""

import pytest

from envbench.policies.lm.build import new_model
from envbench.train.lm.config import LMConfig
from envbench.train.lm.warmup import WarmupConfig, warm_up
from envbench.train.loop import Trainer

SOKOBAN = "envbench/Sokoban-v0"


@pytest.mark.slow
def test_nano_learns_sokoban(tmp_path):
    """One seed, one way of training; how seeds and methods spread is in baselines/nano."""
    new_model("nano", tmp_path / "nano", [SOKOBAN])
    config = WarmupConfig(env=SOKOBAN, low=0.45, max_tokens=4, threads=1)
    record = warm_up(tmp_path / "nano", tmp_path / "warm", config)["warmup"]
    assert 0.2 <= record["success"] <= 0.6
    trainer = Trainer(
        LMConfig(
            env=SOKOBAN,
            model=str(tmp_path / "warm"),
            method="gigpo",
            max_steps=20,
            tasks=512,
            iterations=45,
            max_tokens=4,
            betas=(0.9, 0.999),
            test_tasks=128,
            test_trials=4,
            threads=2,
        )
    )
    before = trainer.learner.test()["test_success"]
    while trainer.iteration < 45:
        row = trainer.step()
    assert row["test_success"] >= before + 0.08
