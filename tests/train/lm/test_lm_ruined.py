"""A run that diverges stops in one line and leaves the last good checkpoint; so does one whose disk is full."""

import dataclasses
import json

import pytest
import safetensors.torch
import torch
from safetensors import SafetensorError

from envbench.errors import DiskFull, InvalidValue, NonFiniteLoss
from envbench.train import checkpoint as checkpoints
from envbench.train.lm.learner import LMLearner
from envbench.train.loop import Trainer, train
from envbench.train.run import execute_training


@pytest.fixture
def always_written(monkeypatch):
    monkeypatch.setattr("envbench.train.loop._CHECKPOINT_SECONDS", 0.0)
    monkeypatch.setattr("envbench.train.loop._CHECKPOINT_TIMES", 0.0)


def rate_of_iteration_1(rate, monkeypatch):
    """Let the second iteration step at another rate, as a schedule might."""
    learn = LMLearner.learn

    def at_rate(self, rollout, *rest):
        if rollout.members.iteration == 1:
            self.network.optimizer.param_groups[0]["lr"] = rate
        return learn(self, rollout, *rest)

    monkeypatch.setattr(LMLearner, "learn", at_rate)


@pytest.mark.usefixtures("always_written")
def test_a_model_that_is_ruined_is_not_written(lake, tmp_path, monkeypatch):
    config = dataclasses.replace(lake, minibatches=1, iterations=3, validate_every=1, validate_tasks=2)
    rate_of_iteration_1(1e30, monkeypatch)
    says = "the optimiser steps of iteration 1 left a model whose log-probs are not finite"
    file = tmp_path / "checkpoint.safetensors"
    for _ in range(2):  # the second time from the checkpoint
        with pytest.raises(NonFiniteLoss, match=f"^{says}.*Lower the learning rate$") as caught:
            train(config, checkpoint=file, folder=tmp_path)
        assert "\n" not in str(caught.value)
        state, tensors = checkpoints.read(file, config.resolved().plain())
        assert state["iteration"] == 1
        assert all(bool(one.isfinite().all()) for one in tensors.values())
    best = Trainer(dataclasses.replace(config, model=str(tmp_path / "best")))
    assert bool(best.step()["grad_norm"] >= 0.0)
    assert not (tmp_path / "last").exists()


def test_a_run_that_diverges_is_not_called_incomplete(lake, tmp_path):
    config = dataclasses.replace(lake, minibatches=1, learning_rate=1e30)
    for _ in range(2):
        with pytest.raises(NonFiniteLoss, match="iteration 0"):
            execute_training(config, tmp_path / "run")
    assert not (tmp_path / "run" / "checkpoint.safetensors").exists()
    assert "learning rate" in (tmp_path / "run" / "failures" / "000000.txt").read_text()


def test_log_probs_that_are_not_finite_are_named_by_iteration(lake):
    trainer = Trainer(lake)
    trainer.step()
    with torch.no_grad():
        trainer.learner.network.policy.model.get_input_embeddings().weight.fill_(torch.nan)
    with pytest.raises(NonFiniteLoss, match="the replies of iteration 1 are not finite: the weights of .* start from"):
        trainer.step()


def test_a_disk_that_is_full_leaves_the_old_checkpoint(lake, tmp_path, monkeypatch):
    trainer, file = Trainer(lake), tmp_path / "checkpoint.safetensors"
    trainer.write(file, trainer.config.plain())
    before = file.read_bytes()
    assert json.loads(safetensors.safe_open(file, "np").metadata()["envbench"])["state"]["iteration"] == 0

    def full(_tensors, path, _metadata):
        path.write_bytes(b"half")
        raise SafetensorError("Error while serializing: I/O error: No space left on device (os error 28)")

    monkeypatch.setattr(safetensors.torch, "save_file", full)
    with pytest.raises(DiskFull, match="^no room left on the disk of .*checkpoint"):
        trainer.write(file, trainer.config.plain())
    assert [one.name for one in tmp_path.iterdir()] == [file.name]
    assert file.read_bytes() == before


def test_a_folder_that_is_not_there_is_refused(lake, tmp_path):
    trainer = Trainer(lake)
    with pytest.raises(InvalidValue, match="cannot write to"):
        trainer.write(tmp_path / "none" / "checkpoint.safetensors", trainer.config.plain())


def test_a_checkpoint_comes_back_as_it_was(tmp_path):
    tensors = {
        "a": torch.arange(6.0).reshape(2, 3).t(),  # not contiguous
        "b": torch.ones(3, dtype=torch.bfloat16),
        "optimizer.a.step": torch.tensor(7.0),
    }
    file = tmp_path / "checkpoint.safetensors"
    checkpoints.write(file, {"x": 1}, {"rows": [1.5]}, tensors)
    state, found = checkpoints.read(file, {"x": 1})
    assert state == {"rows": [1.5]}
    assert found.keys() == tensors.keys()
    assert all(torch.equal(found[name], one) and found[name].dtype == one.dtype for name, one in tensors.items())
