"""Every advantage method trains a language model in the one loop; a run taken up again ends in the same bits."""

import dataclasses

import numpy as np
import pytest
import torch

from envbench import credit
from envbench.errors import InvalidValue, MissingColumn, RunConflict, RunUnreadable, UnknownName
from envbench.train.loop import Trainer, train
from envbench.train.packed import TokenRow
from envbench.train.read import config_from

METHODS = [one.name for one in credit.methods("advantage")]


def weights(trainer):
    return torch.cat([one.detach().flatten() for one in trainer.learner.tensors().values()])


def timeless(rows):
    return [{name: value for name, value in row.items() if not name.endswith("_seconds")} for row in rows]


@pytest.mark.parametrize("method", METHODS)
def test_every_method_trains(lake, method):
    trainer = Trainer(dataclasses.replace(lake, method=method))
    before = weights(trainer)
    rows = [trainer.step(), trainer.step()]
    assert all(np.isfinite(value) for row in rows for value in row.values() if isinstance(value, float))
    assert torch.isfinite(weights(trainer)).all()
    assert rows[-1]["policy_tokens"] > rows[-1]["env_steps"]
    if any(row["advantage_rms"] > 0.0 for row in rows):
        assert len(weights(trainer)) > len(before) or not torch.equal(before, weights(trainer))


def test_the_critic_of_each_head_is_trained(lake):
    for method, heads in (("gae", ["value_value"]), ("hae", ["value_high", "value_low", "value_switch"])):
        row = Trainer(dataclasses.replace(lake, method=method)).step()
        assert [name for name in sorted(row) if name.startswith("value_")] == heads


@pytest.mark.parametrize("changes", [{}, {"method": "gae"}, {"method": "tree_grpo"}, {"dialogue": True}, {"epochs": 2}])
def test_a_resumed_run_ends_in_the_same_bits(lake, changes, tmp_path):
    config = dataclasses.replace(lake, iterations=3, **changes)
    whole, half, file = Trainer(config), Trainer(config), tmp_path / "checkpoint.safetensors"
    for _ in range(3):
        whole.step()
    half.step()
    half.write(file, half.config.plain())
    rest = Trainer(config)
    rest.read(file, rest.config.plain())
    rest.step()
    rest.step()
    assert timeless(rest.rows) == timeless(whole.rows)
    assert torch.equal(weights(rest), weights(whole))


@pytest.mark.parametrize("lost", ["optimizer", "groups", "filler", "iteration"])
def test_a_checkpoint_that_lacks_something_is_noticed(lake, lost, tmp_path):
    config = dataclasses.replace(lake, iterations=3, method="v05" if lost == "filler" else "gae", tasks=8)
    whole = Trainer(config)
    whole.step()
    whole.step()
    state, tensors = whole.state(), {name: one.clone() for name, one in whole.learner.tensors().items()}
    whole.step()
    rest = Trainer(config)
    if lost == "optimizer":
        tensors = {name: one for name, one in tensors.items() if not name.startswith("optimizer.")}
    elif lost == "filler":
        state["learner"] = {"filler": {head: {} for head in ("return", "boundary", "score")}}
    elif lost == "groups":
        state["groups"] = [0, 0]
    else:
        state["iteration"] = 0
    rest.load(state, tensors)
    rest.step()
    assert not torch.equal(weights(rest), weights(whole))


def test_a_checkpoint_of_something_else_or_damaged_is_refused(lake, tmp_path):
    file = tmp_path / "checkpoint.safetensors"
    train(dataclasses.replace(lake, iterations=1), checkpoint=file)
    with pytest.raises(RunConflict, match="another configuration"):
        train(dataclasses.replace(lake, iterations=1, seed=1), checkpoint=file)
    file.write_bytes(b"\x10" + bytes(40))
    with pytest.raises(RunUnreadable, match="delete it"):
        train(dataclasses.replace(lake, iterations=1), checkpoint=file)


def test_validation_and_test_follow_the_policy(lake, tmp_path):
    config = dataclasses.replace(lake, iterations=3, validate_every=2, validate_tasks=4, test_tasks=4, test_trials=2)
    rows = train(config, folder=tmp_path)
    assert "val_success" not in rows[0]
    assert [row["val_iteration"] for row in rows[1:]] == [1, 2]
    assert "test_success" in rows[-1]
    assert "test_success" not in rows[-2]
    for name in ("best", "last"):
        again = train(dataclasses.replace(config, model=str(tmp_path / name), iterations=1, learning_rate=1e-12))
        assert again[0]["val_success"] == rows[-1]["best_val_success" if name == "best" else "val_success"]


def test_refused_actions_cost(lake):
    cheap, dear = (Trainer(dataclasses.replace(lake, invalid_penalty=one)) for one in (0.0, 5.0))
    found = []
    for trainer in (cheap, dear):
        rollout = trainer.learner.fill(trainer.collect())
        found.append((rollout.reward, rollout.filled["valid"]))
    assert (found[0][1] == found[1][1]).all()
    assert not found[0][1].all()
    assert (found[0][0] - found[1][0] == 5.0 * ~found[0][1]).all()


@pytest.mark.parametrize(
    ("changes", "error"),
    [
        ({"model": ""}, "needs --model"),
        ({"model": "nowhere/at/all"}, "no such folder"),
        ({"loss": {"clip_hih": 0.2}}, "clip_high"),
        ({"betas": [0.9, 1.0]}, "betas"),
        ({"dtype": "float8"}, "dtype"),
        ({"style": "plane"}, "plain"),
        ({"learning_rte": 1.0}, "learning_rate"),
        ({"minibatches": "2"}, "minibatches"),
        ({"max_tokens": 0}, "max_tokens"),
        ({"validate_split": "tset"}, "test"),
        ({"shaping": ["hill_hint_reward"]}, "unhinted_logprob"),
    ],
)
def test_bad_options_are_refused_in_one_line(lake, changes, error):
    values = {name: value for name, value in lake.plain().items() if value is not None}
    with pytest.raises((InvalidValue, UnknownName, MissingColumn), match=error) as caught:
        Trainer(config_from({**values, **changes}, "a file"))
    assert "\n" not in str(caught.value)


def test_a_prompt_that_does_not_fit_is_refused(lake, monkeypatch):
    trainer = Trainer(lake)
    monkeypatch.setattr(trainer.learner.network.policy.forward, "max_length", 20)
    with pytest.raises(InvalidValue, match="does not fit into the model"):
        trainer.step()


def test_adapters_alone_are_trained_and_merged(lake, tmp_path):
    pytest.importorskip("peft")
    config = dataclasses.replace(lake, lora_rank=2, lora_dropout=0.1, learning_rate=1e-2, gradient_checkpointing=True)
    one, two = Trainer(config), Trainer(config)
    for trainer in (one, two):
        trainer.step()
        trainer.step()
    assert torch.equal(weights(one), weights(two))
    assert all("lora" in name for name in one.learner.tensors())
    one.learner.keep(tmp_path / "merged")
    merged = Trainer(dataclasses.replace(lake, model=str(tmp_path / "merged")))
    rows = one.learner._pen.rows(one.collect())
    there, here = (trainer.learner.network.scores(rows).logprob for trainer in (one, merged))
    assert np.abs(there - here).max() < 1e-4
    start = Trainer(lake)
    assert np.abs(start.learner.network.scores(rows).logprob - here).max() > 1e-3


@pytest.mark.parametrize("changes", [{}, {"dialogue": True}, {"method": "gae", "validate_every": 1}])
def test_half_precision_learns_near_the_same(lake, changes):
    config = dataclasses.replace(lake, minibatches=1, epochs=2, learning_rate=1e-2, **changes)
    full, half = (Trainer(dataclasses.replace(config, dtype=one)).step() for one in ("float32", "bfloat16"))
    assert half["success"] == pytest.approx(full["success"], abs=0.3)
    # The second pass over the rows sees the weights as the first has left them.
    assert half["moved"] > 0.2 * full["moved"] > 0.0


def test_half_precision_is_what_replies_are_drawn_in(lake):
    network = Trainer(dataclasses.replace(lake, dtype="bfloat16")).learner.network
    prompt, reply = (5, 6, 7, 8), network.policy.act([(5, 6, 7, 8)], np.full((1, 3), 0.4))[0]
    scored = network.scores([TokenRow(prompt, tuple(reply.token_ids))]).logprob
    assert scored == pytest.approx(reply.logprobs, abs=2e-2)
    network.policy.autocast = None
    exact = network.policy.act([prompt], np.full((1, 3), 0.4))[0]
    assert exact.logprobs != reply.logprobs


@pytest.mark.gpu
@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA device")
@pytest.mark.parametrize(
    "changes",
    [
        {},
        {"dtype": "bfloat16", "dialogue": True, "gradient_checkpointing": True},
        {"dtype": "bfloat16", "lora_rank": 2, "lora_dropout": 0.1},
        {"method": "gae", "validate_every": 1, "loss": {"kl_coef": 0.1, "entropy_coef": 0.01}},
        {"method": "seeupo"},
        {"method": "tree_grpo"},
    ],
)
def test_cuda_trains_near_the_cpu(lake, changes, tmp_path):
    config = dataclasses.replace(lake, iterations=3, **changes)
    here, there = Trainer(config), Trainer(dataclasses.replace(config, device="cuda"))
    before = weights(there)
    rows = [one.step() for one in (here, there)]
    assert before.is_cuda
    assert rows[1]["success"] == pytest.approx(rows[0]["success"], abs=0.3)
    assert rows[1]["grad_norm"] == pytest.approx(rows[0]["grad_norm"], rel=0.5, abs=0.1)
    assert torch.isfinite(weights(there)).all()
    there.write(tmp_path / "checkpoint.safetensors", there.config.plain())
    again = Trainer(there.config)
    again.read(tmp_path / "checkpoint.safetensors", there.config.plain())
    assert torch.equal(weights(again), weights(there))
    assert again.step()["iteration"] == 1


def test_kl_to_the_start_is_measured(lake):
    row = Trainer(dataclasses.replace(lake, loss={"kl_coef": 0.1})).step()
    assert row["kl"] >= 0.0


def test_a_server_needs_a_way_to_take_weights(lake):
    with pytest.raises(InvalidValue, match="server_update_url"):
        dataclasses.replace(lake, server="http://127.0.0.1:9/v1")
