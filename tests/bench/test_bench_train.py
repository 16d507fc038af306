"""`bench train`: every program runs on the work of the others; what a machine measures is never asserted."""

import dataclasses
import json
import sys
from pathlib import Path

import pytest
import torch

from envbench.bench import ours, training
from envbench.bench.training_work import OneStep, word_tokenizer
from envbench.cli import main
from envbench.errors import InvalidValue, UnknownName
from envbench.policies.lm.build import Shape, random_model
from envbench.runs import execute

TINY = training.TrainingSettings(
    size="nano", repeats=1, threads=1, groups=2, group=2, completion=2, prompts=(8,), dialogues=1, turns=3, cloning=2
)


@pytest.fixture(autouse=True, scope="module")
def _one_thread():
    torch.set_num_threads(1)


@pytest.mark.parametrize("share", [True, False])
def test_one_step_trains_a_copy_on_replies_of_full_length(share, monkeypatch):
    trained = []
    real = ours.update

    def update(forward, optimizer, rows, targets, loss, cfg):
        before = [one.detach().clone() for one in forward.model.parameters()]
        stats = real(forward, optimizer, rows, targets, loss, cfg)
        moved = any(not torch.equal(one, other) for one, other in zip(before, forward.model.parameters(), strict=True))
        trained.append((len(rows), {len(row.reply) for row in rows}, stats.rows, stats.computed, moved))
        return stats

    monkeypatch.setattr(ours, "update", update)
    model = random_model(Shape(32, 2, 4, 2, 64, 60), word_tokenizer(60), 0)
    state = [one.detach().clone() for one in model.parameters()]
    timed = ours.one_step(model, OneStep(groups=2, group=3, prompt=8, completion=4, repeats=1), share=share)
    assert len(timed.seconds) == 1
    assert all(torch.equal(one, other) for one, other in zip(state, model.parameters(), strict=True))
    computed = 2 * (8 + 3 * 3) if share else 2 * 3 * (8 + 3)
    assert trained == [(6, {4}, 6, computed, True)] * 2


@pytest.mark.filterwarnings("ignore")  # of TRL and what it brings
def test_every_table_is_measured_and_summed_up(tmp_path, monkeypatch):
    monkeypatch.setenv("TRL_EXPERIMENTAL_SILENCE", "1")
    plan = training.make_training_plan(TINY)
    rows = training.training_summary(execute(plan, training.measure_training, tmp_path / "run").metrics())
    tables = {row["job"]: row for row in rows}
    assert list(tables) == ["prompt", "rollout", "dialogue", "packed", "iteration"]
    programs = {
        name: [one["program"] for one in tables[name]["programs"]] for name in ("prompt", "rollout", "dialogue")
    }
    assert programs == {
        "prompt": ["ours", "repeated", "generate", "trl"],
        "rollout": ["ours", "generate"],
        "dialogue": ["ours", "trl"],
    }
    for name in programs:
        for one in tables[name]["programs"]:
            assert "envbench[trl]" in one.get("absent", "envbench[trl]")
            if one["program"] == "ours":
                assert one["ratio"]["median"] == 1.0
    assert tables["rollout"]["programs"][1]["target"] == 6.0
    assert [one["form"] for one in tables["packed"]["forms"]] == ["repeated", "packed"]
    iteration = tables["iteration"]
    assert list(iteration["parts"]) == list(ours.PARTS)
    assert sum(one["share"] for one in iteration["parts"].values()) == pytest.approx(1.0, abs=0.01)
    assert iteration["turns"]["median"] <= 2 * 2 * 3
    json.dumps(rows)


def nothing(config, spec):
    return training.CellResult(metrics=[])


def test_the_verb_prints_its_tables(tmp_path, monkeypatch, capsys):
    parts = {name: {"median": 0.1, "low": 0.1, "high": 0.1, "n": 1, "share": 0.1} for name in ours.PARTS}
    one = {"median": 120.0, "low": 1.0, "high": 2.0, "n": 1}
    form = {"tokens_of_prompt": 8, "form": "packed", "seconds": 0.1, "computed": 9, "speedup": 2.0, "bound": 3.0}
    rows = [
        {
            "job": "prompt",
            "tokens": 64,
            "programs": [
                {"program": "ours", "peer": "envbench", "episodes_per_second": one, "ratio": one},
                {
                    "program": "generate",
                    "peer": "transformers 5",
                    "episodes_per_second": one,
                    "ratio": one,
                    "target": 4,
                },
                {"program": "trl", "absent": 'MissingExtra: run: pip install "envbench[trl]"'},
            ],
        },
        {"job": "packed", "target": 5.0, "forms": [{**form, "logprob_difference": 0.0, "gradient_difference": 0.0}]},
        {
            "job": "iteration",
            "seconds": one,
            "parts": parts,
            "credit_env_share": 0.2,
            **dict.fromkeys(("turns", "trained_rows", "computed"), one),
            "target": 1.7,
            "share_target": 0.02,
        },
    ]
    monkeypatch.setattr(training, "training_summary", lambda metrics: rows)
    monkeypatch.setattr(training, "measure_training", nothing)
    monkeypatch.setattr(
        sys, "argv", ["envbench", "bench", "train", "--size", "nano", "--repeats", "1", "--out", str(tmp_path / "run")]
    )
    with pytest.raises(SystemExit) as ended:
        main()
    assert not ended.value.code
    words = capsys.readouterr()
    for text in ("prompts of 64 tokens", "transformers", "120", "an iteration on Sokoban", "prefill"):
        assert text in words.out
    assert 'pip install "envbench[trl]"' in words.err + words.out
    assert json.loads((tmp_path / "run" / "table.json").read_text()) == rows


def test_bad_settings_are_refused():
    with pytest.raises(UnknownName, match="nano"):
        training.TrainingSettings(size="nanno")
    with pytest.raises(InvalidValue, match="repeats=0"):
        dataclasses.replace(TINY, repeats=0)
    with pytest.raises(InvalidValue, match="no such folder"):
        dataclasses.replace(TINY, model=str(Path("nowhere")))
