"""`train`, `sweep` and `compare` as typed."""

import importlib
import json

import pytest
import typer
from typer.testing import CliRunner

from envbench.cli import VERBS
from envbench.errors import InvalidValue, RunConflict, SplitRefused, UnknownName

SWEEP = """
title = "tiny"
env = "envbench/FrozenLake-v0"
knobs = { slippery = false }
tasks = 2
groups = 2
group_size = 4
iterations = 3
learning_rates = [1, 4]
selection_seeds = 1
report_seeds = 2
[[methods]]
name = "grpo"
[[methods]]
name = "rloo"
"""


@pytest.fixture(scope="module")
def app():
    made = typer.Typer()
    for verb, module, function in VERBS:
        if verb in ("train", "sweep", "compare"):
            made.command(verb)(getattr(importlib.import_module(f"envbench.cli.{module}"), function))
    return made


@pytest.fixture
def call(app, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)

    def run(*words):
        result = CliRunner().invoke(app, [str(word) for word in words])
        if result.exception is not None and not isinstance(result.exception, SystemExit):
            raise result.exception
        assert result.exit_code == 0, result.output
        return result

    return run


TRAIN = ("train", "--env", "envbench/FrozenLake-v0", "--set", "slippery=false", "--iterations", 3, "--episodes", 2)


def test_train_prints_a_curve_and_resumes(call, tmp_path):
    first = call(*TRAIN, "--json")
    document = json.loads(first.stdout)
    assert first.stdout.count("\n") == 1
    assert [row["iteration"] for row in document["metrics"]] == [0, 1, 2]
    assert (tmp_path / document["run"] / "DONE").exists()
    assert (tmp_path / document["run"] / "checkpoint.json").exists()
    assert "3 iterations of 16 x 8 episodes" in " ".join(first.stderr.split())
    assert "next: envbench report" in first.stderr
    again = call(*TRAIN)
    assert "iteration 0" not in again.stderr  # it was there already
    assert "training panel" in again.stdout


def test_train_into_another_run_is_refused(call):
    call(*TRAIN, "--out", "here")
    with pytest.raises(RunConflict, match="its seed is 0, not 1"):
        call(*TRAIN, "--out", "here", "--seed", 1)


def test_train_passes_options_on(call):
    gigpo = ("--method", "gigpo", "--option", "omega=0.5", "--option", "scale=none", "--option", "key=observation")
    rows = json.loads(call(*TRAIN, *gigpo, "--json").stdout)["metrics"]
    assert json.loads(rows[0]["options"]) == {"omega": 0.5, "scale": "none", "key": "observation"}
    with pytest.raises(InvalidValue, match="name=value"):
        call(*TRAIN, "--option", "omega")


@pytest.mark.parametrize(
    ("words", "error"),
    [
        (("--split", "test"), SplitRefused),
        (("--dataset", "classic"), SplitRefused),
        (("--method", "gipo"), UnknownName),
        (("--policy", "lm"), InvalidValue),
        (("--policy", "ln"), UnknownName),
        (("--set", "slipry=false"), UnknownName),
    ],
)
def test_train_refuses(call, tmp_path, words, error):
    with pytest.raises(error):
        call(*TRAIN, *words)
    assert not list(tmp_path.iterdir())


def test_sweep_then_compare(call, tmp_path):
    (tmp_path / "tiny.toml").write_text(SWEEP)
    result = call("sweep", "tiny.toml", "--out", "run", "--results", "kept", "--json")
    document = json.loads(result.stdout)
    assert "24 training runs: 2 methods x 2 scales x 2 rates x 1+2 seeds" in " ".join(result.stderr.split())
    assert [(one["scale"], one["method"]) for one in document["methods"]] == [
        ("raw", "grpo"), ("raw", "rloo"), ("unit_rms", "grpo"), ("unit_rms", "rloo")
    ]  # fmt: skip
    assert [pair["verdict"] for pair in document["pairs"]] == ["not distinguishable"] * 2
    assert {file.stem for file in (tmp_path / "kept").iterdir()} == {"tiny"}
    compared = json.loads(call("compare", "run", "--json").stdout)
    assert compared["methods"] == document["methods"]
    assert compared["pairs"] == document["pairs"]
    against = json.loads(call("compare", "run", "--reference", compared["methods"][0]["method"], "--json").stdout)
    assert {pair["b"] for pair in against["pairs"]} == {compared["methods"][0]["method"]}
    assert compared["methods"][0]["budget"]["env_steps"] > 0
    shown = call("compare", "run", "--measure", "final").stdout
    assert "training panel" in " ".join(shown.split())


def test_compare_refuses_a_training_run(call):
    call(*TRAIN, "--out", "here")
    with pytest.raises(InvalidValue, match="cannot compare 1 run"):
        call("compare", "here")


def test_a_sweep_takes_the_seeds_that_the_other_verbs_take(call, tmp_path):
    (tmp_path / "tiny.toml").write_text("seed = -1\n" + SWEEP)
    with pytest.raises(InvalidValue, match="seed=-1: expected a whole number >= 0"):
        call("sweep", "tiny.toml")


def test_compare_refuses_an_unknown_measure_whatever_the_runs_are(call):
    with pytest.raises(UnknownName, match="unknown measure 'finale'. Did you mean 'final'"):
        call("compare", "nowhere", "--measure", "finale")
