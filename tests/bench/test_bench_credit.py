"""`bench credit`: its batches, its loop versions, its table; what a machine measures is never asserted."""

import json
import sys

import numpy as np
import pytest
import torch

from envbench import credit
from envbench.bench import CreditSettings, credit_summary, make_credit_plan, measure_credit
from envbench.bench.credit import GROUP, STEPS, credit_columns
from envbench.bench.loops import LOOPS
from envbench.cli import main
from envbench.errors import InvalidValue, UnknownName
from envbench.runs import execute, open_run
from envbench.types import StepBatch

METHODS = [method.name for kind in ("advantage", "shaping") for method in credit.methods(kind)]
TINY = CreditSettings(repeats=2, sizes=(160, 320))


@pytest.mark.parametrize("name", METHODS)
def test_every_method_runs_on_its_batch(name):
    columns = credit_columns(400, name, 0)
    batch = StepBatch.from_columns(**columns)
    assert (batch.num_steps, batch.num_groups) == (400, 5)
    if credit.method(name).kind == "advantage":
        value = credit.advantages(name, batch).value
        assert bool(torch.isfinite(value).all())
        assert bool((value != 0.0).any())
    else:
        assert credit.shape(name, batch).num_steps == 400
    again = credit_columns(400, name, 0)
    assert all(np.array_equal(values, again[key]) for key, values in columns.items())


def test_branches_start_where_their_parents_stood():
    columns = credit_columns(160, "tree_grpo", 0)
    branches = np.flatnonzero(columns["parent"] >= 0)
    assert len(branches) == GROUP  # half of two groups
    first = credit_columns(160, "tree_grpo", 0)["t"].reshape(-1, STEPS)[:, 0]
    assert first[branches].tolist() == [STEPS // 2] * GROUP
    assert (columns["group"][branches] == columns["group"][columns["parent"][branches]]).all()


@pytest.mark.parametrize("name", sorted(LOOPS))
@pytest.mark.parametrize("alone", [False, True])
def test_the_loop_version_says_the_same(name, alone):
    columns = {**credit_columns(800, name, 3), "anchor": credit_columns(800, "gigpo", 3)["anchor"]}
    if alone:
        columns["group"] = np.arange(len(columns["group"]))
    value = credit.advantages(name, StepBatch.from_columns(**columns)).value.tolist()
    assert LOOPS[name]({key: values.tolist() for key, values in columns.items()}) == pytest.approx(value, abs=1e-9)


def test_plan_measures_every_method_unless_told_which():
    assert [cell.key for cell in make_credit_plan(TINY).cells if cell.key.endswith(":cpu")] == [
        f"credit:{name}:cpu" for name in METHODS
    ]
    with pytest.raises(UnknownName, match="unknown advantage or shaping method 'grp'. Did you mean 'grpo'"):
        make_credit_plan(TINY, ["grp"])
    for bad in ({"repeats": 0}, {"sizes": ()}, {"sizes": (79,)}, {"sizes": (800, 400)}):
        with pytest.raises(InvalidValue, match="bench: "):
            CreditSettings(**bad)


def test_rows_hold_every_repetition_and_the_loop(tmp_path):
    threads = torch.get_num_threads()
    run = execute(make_credit_plan(TINY, ["gigpo", "gae"]), measure_credit, tmp_path / "run")
    assert torch.get_num_threads() == threads
    rows = [row for row in run.metrics() if row["device"] == "cpu"]
    assert [(row["method"], row["rows"]) for row in rows] == [
        ("gigpo", 160), ("gigpo", 320), ("gae", 160), ("gae", 320)
    ]  # fmt: skip
    assert all(len(row["seconds"]) == len(row["cpu_seconds"]) == 2 for row in rows)
    assert ["loop_seconds" in row for row in rows] == [True, True, False, False]


def test_summary_has_ratio_and_growth():
    def row(method, rows, seconds, **more):
        times = {"seconds": [9.0], "cpu_seconds": [seconds]}
        return {"method": method, "device": "cpu", "rows": rows, **times, **more}

    slow, fast = (
        [row("gae", 1000, 0.1), row("gae", 10_000, 10.0)],
        [row("grpo", 1000, 0.1, loop_cpu_seconds=[0.5]), row("grpo", 10_000, 1.0, loop_cpu_seconds=[8.0, 10.0, 9.0])],
    )
    first, last = credit_summary([*slow, *fast])
    assert (first["method"], last["method"]) == ("grpo", "gae")
    assert first["exponent"] == pytest.approx(1.0)
    assert last["exponent"] == pytest.approx(2.0)
    assert first["loop_ratio"] == {"1000": 5.0, "10000": 9.0}
    assert "loop_ratio" not in last
    assert first["seconds"]["10000"]["median"] == 1.0
    assert first["wall_seconds"]["10000"]["median"] == 9.0
    assert credit_summary([slow[0]])[0]["exponent"] is None


@pytest.fixture
def call(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)

    def run(*words):
        monkeypatch.setattr(sys, "argv", ["envbench", *words])
        with pytest.raises(SystemExit) as end:
            main()
        shown = capsys.readouterr()
        return end.value.code, shown.out, shown.err

    return run


def test_command_stores_the_run_and_prints_one_json_line(call, tmp_path):
    words = ("bench", "credit", "--method", "rloo", "--rows", "160", "--rows", "320", "--repeats", "1", "--out", "run")
    code, out, _ = call(*words, "--json")
    document = json.loads(out)
    assert code == 0
    assert document["rows"] == json.loads((tmp_path / "run" / "table.json").read_text("utf-8"))
    assert open_run(tmp_path / "run").kind == "bench"
    _, out, err = call(*words)
    assert "already" in err
    assert "320 rows, ms" in out


BAD = {
    ("cred",): "unknown bench 'cred'. Did you mean 'credit'?",
    ("--rows", "1000"): "--method and --rows belong to `envbench bench credit`",
    ("credit", "--env", "envbench/FrozenLake-v0"): "bench credit chooses no environment",
    ("credit", "--method", "grp"): "Did you mean 'grpo'?",
    ("credit", "--rows", "3"): "expected rising numbers of rows, at least 80",
}


@pytest.mark.parametrize("words", sorted(BAD))
def test_bad_input_is_one_line(call, words, tmp_path):
    code, out, err = call("bench", *words)
    assert (code, out) == (2, "")
    assert err.startswith("error: ")
    assert BAD[words] in err
    assert err.count("\n") == 1
    assert not (tmp_path / "runs").exists()
