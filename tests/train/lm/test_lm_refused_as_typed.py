"""`train`, `sweep` and `model` as typed with what cannot work: one line that says what to type, and exit code 2."""

import pytest

from envbench.policies.lm.tokenizer import load_tokenizer

LAKE = "envbench/FrozenLake-v0"
TRAIN = ("train", "--env", LAKE, "--max-tokens", "4", "--iterations", "2", "--groups", "2", "--group-size", "4")
WARMUP = ("--env", LAKE, "--threads", "1", "--steps", "1", "--check-every", "1", "--batch", "4", "--tasks", "2")


def refused(result, *says):
    code, out, err = result
    assert (code, out) == (2, "")
    assert err.splitlines()[-1].startswith("error: ")
    assert err.count("error: ") == 1
    for part in says:
        assert part in err.splitlines()[-1]


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (("--with", 'betas=["a",0.9]'), "betas=['a', 0.9]"),
        (("--with", "weight_decay=-1"), "weight_decay=-1"),
        (("--with", "max_grad_norm=0"), "max_grad_norm=0"),
        (("--with", "lora_rank=2", "--with", "lora_alpha=-3"), "lora_alpha=-3"),
        (("--with", "server_update_url=x"), "server=URL"),
        (("--with", "test_tasks=129"), "128 tasks"),
        (("--device", "meta"), "device='meta'"),
        (("--tensorboard", "/proc/x"), "--tensorboard /proc/x: cannot be written to"),
        (("--method", "gae", "--option", "bootstrap=truncated"), "bootstrap='terminal'"),
    ],
)
def test_options_of_a_run(typed, raw_model, tmp_path, words, says):
    refused(typed(*TRAIN, "--model", raw_model, *words), says)
    assert not (tmp_path / "runs").exists()


def test_a_run_that_diverges(typed, raw_model):
    for _ in range(2):
        words = ("--method", "reinforce", "--max-steps", "8", "--learning-rate", "1e30", "--out", "run")
        result = typed(*TRAIN, "--model", raw_model, *words)
        refused(result, "iteration 0", "Lower the learning rate")
        assert "retry" not in result[2]


def test_a_new_model_where_nothing_can_be_written(typed):
    refused(typed("model", "new", "--size", "nano", "--env", LAKE, "--out", "/proc/m"), "/proc/m", "another --out")


def test_a_warm_start(typed, raw_model, monkeypatch):
    monkeypatch.setattr("envbench.train.lm.warmup._success", lambda *_: 0.5)
    refused(typed("model", "warmup", raw_model, *WARMUP, "--out", "w", "--low", "0.7"), "--high 0.7")
    refused(typed("model", "warmup", raw_model, *WARMUP, "--out", "w", "--device", "meta"), "device='meta'")
    refused(typed("model", "warmup", raw_model, *WARMUP, "--out", "w", "--dtype", "float8"), "dtype")
    short = ("--low", "1", "--high", "1")
    refused(typed("model", "warmup", raw_model, *WARMUP, "--out", "w", *short), "with --keep")
    code, _, err = typed("model", "warmup", raw_model, *WARMUP, "--out", "w", *short, "--keep")
    assert code == 0
    [warning] = [line for line in err.splitlines() if line.startswith("warning: ")]
    assert "below what was aimed at: give more --steps" in warning
    assert load_tokenizer("w").eos_token_id is not None
