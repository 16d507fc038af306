"""`envbench fidelity` as typed."""

import json

import pytest
from eval_verbs import command

STUDY = """
title = "small"
skills = [0.5]
group_sizes = [2, 4]
branching_sizes = [4]
groups = 6
seeds = 2
continuations = 2

[[methods]]
name = "grpo"
[[methods]]
name = "gigpo"

[[settings]]
name = "corridor"
env = "envbench/Bifurcation-v0"
knobs = { decisions = 2, distance = 1 }
tasks = 2
"""


@pytest.fixture
def envbench(monkeypatch, capsys, tmp_path):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("eval_verbs.MINE", {"fidelity", "report"})
    (tmp_path / "study.toml").write_text(STUDY, encoding="utf-8")
    return lambda *arguments: command(monkeypatch, capsys, *arguments)


def test_json_is_one_line_and_the_run_goes_on(envbench, tmp_path):
    first = envbench("fidelity", "study.toml", "--out", "run", "--json")
    assert first.code == 0, first.err
    assert first.out.count("\n") == 1
    document = json.loads(first.out)
    found = {(row["method"], row["group_size"]) for row in document["summary"]}
    assert found == {(name, size) for name in ("truth", "random", "grpo", "gigpo") for size in (2, 4)} | {("keys", 4)}
    assert "2 pools (1 settings" in " ".join(first.err.split())
    assert "next: envbench report run" in first.err
    sealed = (tmp_path / "run/metrics.jsonl").read_bytes()
    again = envbench("fidelity", "study.toml", "--out", "run")
    assert again.code == 0
    assert "truth" in again.out
    assert "corridor, skill 0.5" in again.out
    assert "fidelity: " not in again.err  # nothing was left to do
    assert (tmp_path / "run/metrics.jsonl").read_bytes() == sealed


def test_results_come_with_a_table_and_figures(envbench, tmp_path):
    result = envbench("fidelity", "study.toml", "--out", "run", "--results", "board")
    assert result.code == 0, result.err
    names = {path.name for path in (tmp_path / "board").iterdir()}
    assert {"table.md", "methods.png", "settings.png", "group-size.png"} <= names
    assert names & {"results.parquet", "results.jsonl"}
    page = envbench("report", "run", "--out", "page", "--json")
    assert page.code == 0, page.err
    assert (tmp_path / "page/report.html").is_file()


def test_the_page_of_a_group(envbench, tmp_path):
    result = envbench("fidelity", "study.toml", "--group", "corridor", "--show", "gigpo", "--out", "page", "--json")
    assert result.code == 0, result.err
    document = json.loads(result.out)
    assert (document["page"], document["methods"]) == ("page/group.html", ["gigpo"])
    assert "gigpo" in (tmp_path / "page/group.html").read_text("utf-8")


@pytest.mark.parametrize(
    ("change", "arguments", "says"),
    [
        (None, ("nowhere.toml",), "nowhere.toml cannot be read"),
        (('name = "gigpo"', 'name = "gigpoo"'), ("study.toml",), "gigpo"),
        (("seeds = 2", "sedes = 2"), ("study.toml",), "sedes"),
        (("decisions = 2", "decisions = 99"), ("study.toml",), "decisions"),
        (("groups = 6", "groups = 0"), ("study.toml",), "groups=0"),
        (None, ("study.toml", "--workers", "0"), "workers"),
        (None, ("study.toml", "--skill", "0.5"), "give --group"),
        (None, ("study.toml", "--group", "corridr"), "corridor"),
        (None, ("study.toml", "--group", "corridor", "--skill", "0.7"), "0.5"),
        (None, ("study.toml", "--group", "corridor", "--show", "hgpo"), "unknown method"),
    ],
    ids=lambda value: "-".join(value) if isinstance(value, tuple) else None,
)
def test_bad_input_is_refused_in_one_line(envbench, tmp_path, change, arguments, says):
    if change:
        (tmp_path / "study.toml").write_text(STUDY.replace(*change), encoding="utf-8")
    result = envbench("fidelity", *arguments)
    assert result.code == 2, result
    assert result.out == ""
    last = result.err.splitlines()[-1]
    assert last.startswith("error: ")
    assert says in last
    assert not (tmp_path / "runs").exists()
