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
    """Everything that a checkpoint holds: what is trained, and the state of the optimiser."""
    return torch.cat([one.detach().flatten() for one in trainer.learner.tensors().values()])


def trained(trainer):
    """What is trained alone."""
    tensors = trainer.learner.tensors()
    return torch.cat([one.detach().flatten() for name, one in tensors.items() if not name.startswith("optimizer.")])


def timeless(rows):
    return [{name: value for name, value in row.items() if not name.endswith("_seconds")} for row in rows]


@pytest.mark.parametrize("method", METHODS)
def test_every_method_trains(lake, method):
    changes = {"invalid_penalty": 0.0, "knobs": {}, "max_steps": 40} if method == "a_grae" else {}
    trainer = Trainer(dataclasses.replace(lake, method=method, **changes))  # a_grae learns where some succeed
    before = trained(trainer)
    rows = [trainer.step(), trainer.step()]
    assert all(np.isfinite(value) for row in rows for value in row.values() if isinstance(value, float))
    assert torch.isfinite(weights(trainer)).all()
    assert rows[-1]["policy_tokens"] > rows[-1]["env_steps"]
    assert sum(row["optimizer_steps"] for row in rows) > 0
    assert not torch.equal(before, trained(trainer))


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
    assert {row["template_splits"] for row in whole.rows} == {0.0}
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
        state["learner"]["filler"] = {head: {} for head in ("return", "boundary", "score")}
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


def test_every_iteration_of_a_resumed_run_equals_that_of_the_other(lake, tmp_path):
    """Also after an iteration without a step: the weights stay, and so would what was remembered of them.

    A distribution depends, in its last bits, on how many rows were computed beside it.
    """
    changes = {"groups": 2, "group_size": 2, "invalid_penalty": 0.0, "iterations": 12, "validate_tasks": 4}
    config = dataclasses.replace(lake, **changes, validate_every=3)
    whole, file = Trainer(config), tmp_path / "checkpoint.safetensors"
    for _ in range(10):
        whole.write(file, whole.config.plain())
        rest = Trainer(config)
        rest.read(file, rest.config.plain())
        whole.step()
        rest.step()
        assert torch.equal(weights(rest), weights(whole))
        assert timeless(rest.rows) == timeless(whole.rows)
        turns = [[turn.logprobs for turn in one.learner.collector.turns] for one in (whole, rest)]
        assert turns[0] == turns[1]
    assert 0.0 in [row["optimizer_steps"] for row in whole.rows]


def test_seconds_go_on_where_they_were(lake, tmp_path):
    trainer, file = Trainer(lake), tmp_path / "checkpoint.safetensors"
    trainer.step()
    took = trainer.write(file, trainer.config.plain())
    assert took > 0.0
    trainer.write(file, trainer.config.plain())
    rest = Trainer(lake)
    rest.read(file, rest.config.plain())
    assert rest.learner.seconds() == trainer.learner.seconds()
    before, after = rest.rows[0], rest.step()
    seconds = [name for name in before if name.endswith("_seconds")]
    assert {"env_seconds", "rollout_seconds", "checkpoint_seconds", "wall_seconds"} <= set(seconds)
    assert all(after[name] >= before[name] for name in seconds)
    assert after["checkpoint_seconds"] == pytest.approx(took, abs=1e-4)


def test_a_checkpoint_of_another_version_is_refused(lake, tmp_path, monkeypatch):
    trainer, file = Trainer(lake), tmp_path / "checkpoint.safetensors"
    monkeypatch.setattr("envbench.train.checkpoint._FORMAT", 1)
    trainer.write(file, trainer.config.plain())
    monkeypatch.undo()
    with pytest.raises(RunUnreadable, match="another version"):
        trainer.read(file, trainer.config.plain())


def test_continuations_pay_for_refused_actions_as_the_chain_does(lake):
    config = dataclasses.replace(lake, method="vineppo", continuations=2, groups=2)
    found = []
    for penalty in (0.0, 1.0, 5.0):
        trainer = Trainer(dataclasses.replace(config, invalid_penalty=penalty))
        found.append(trainer.learner.fill(trainer.collect()))
    free, once, five = (one.filled["value"] for one in found)
    refused = free - once
    assert refused.max() > 0.0
    assert np.allclose(refused * 2, np.round(refused * 2))  # the mean of two whole numbers
    assert np.allclose(free - five, 5.0 * refused)
    assert (found[0].filled["success_rate"] == found[2].filled["success_rate"]).all()


def test_heads_that_continuations_leave_open_are_trained(lake):
    row = Trainer(dataclasses.replace(lake, method="hae", continuations=1, groups=1)).step()
    assert [name for name in sorted(row) if name.startswith("value_")] == ["value_high", "value_low", "value_switch"]


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
        ({"method": "gae", "options": {"bootstrap": "truncated"}}, "bootstrap='terminal', or continuations=8"),
        ({"method": "hae", "options": {"bootstrap": "truncated"}}, "bootstrap='terminal'"),
        ({"method": "vineppo", "continuations": 0}, "continuations=8"),
        ({"betas": ["a", 0.9]}, "betas"),
        ({"betas": [True, 0.9]}, "betas"),
        ({"weight_decay": -1.0}, "weight_decay"),
        ({"weight_decay": float("nan")}, "weight_decay"),
        ({"max_grad_norm": 0.0}, "max_grad_norm"),
        ({"max_grad_norm": -1.0}, "max_grad_norm"),
        ({"value_clip": -1.0}, "value_clip"),
        ({"lora_alpha": 0}, "lora_alpha"),
        ({"lora_dropout": 1.0}, "lora_dropout"),
        ({"device": "meta"}, "cuda:1"),
        ({"device": "gpu"}, "cuda:1"),
        ({"server_update_url": "http://127.0.0.1:9/update"}, "no server"),
        ({"server_folder": "somewhere"}, "no server"),
        ({"test_tasks": 129}, "128 tasks"),
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
    """From the same rows, log-probs move by the same amounts up to a tenth."""
    config = dataclasses.replace(lake, minibatches=1, epochs=2, **changes)
    full, half = (Trainer(dataclasses.replace(config, dtype=one)) for one in ("float32", "bfloat16"))
    rollout = full.learner.fill(full.collect())
    half.learner.collector.turns = full.learner.collector.turns
    batch = rollout.batch(full.learner.record)
    advantages = credit.advantages(config.method, batch)
    rows = full.learner._pen.rows(rollout)
    found = []
    for trainer in (full, half):
        before = trainer.learner.network.scores(rows).logprob
        weights_before = trained(trainer)
        metrics = trainer.learner.learn(rollout, batch, advantages)
        stepped = trained(trainer) - weights_before
        found.append((before, trainer.learner.network.scores(rows).logprob - before, stepped, metrics))
    (start, moved, step, there), (half_start, half_moved, half_step, here) = found
    assert np.abs(half_start - start).max() < 0.1
    assert np.abs(moved).max() > 0.5
    assert np.linalg.norm(half_moved - moved) < 0.1 * np.linalg.norm(moved)
    assert torch.cosine_similarity(step, half_step, dim=0) > 0.98
    assert here["grad_norm"] == pytest.approx(there["grad_norm"], rel=0.1)
    # The second pass over the rows sees the weights as the first has left them.
    assert here["moved"] == pytest.approx(there["moved"], rel=0.2)
    assert there["moved"] > 0.0


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
