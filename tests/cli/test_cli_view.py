"""`envbench view`: of runs and bundles, as a page and as a file."""

import json
import re
import subprocess
import sys
import urllib.request

import pytest
from eval_verbs import command

from envbench.cli._source import source_of
from envbench.evaluate import evaluate
from envbench.leaderboard.board import Board, board_plan
from envbench.leaderboard.bundle import write_bundle
from envbench.leaderboard.schema import Metadata
from envbench.registry import panel

LAKE = "envbench/FrozenLake-v0"


@pytest.fixture
def envbench(monkeypatch, capsys, tmp_path):
    monkeypatch.chdir(tmp_path)
    return lambda *arguments: command(monkeypatch, capsys, *arguments)


@pytest.fixture
def run(envbench):
    envbench("eval", "--env", LAKE, "--agent", "random", "--episodes", 2, "--trials", 2, "--out", "run")


def data_of(file):
    [text] = re.findall(r'id="data">(.*?)</script>', file.read_text("utf-8"))
    return json.loads(text)


def test_chosen_episodes_become_a_file(envbench, run, tmp_path):
    result = envbench("view", "run", "--export", "out/page.html", "--episode", 1, "--episode", 3, "--json")
    assert json.loads(result.out) == {"file": "out/page.html", "episodes": [1, 3]}
    data = data_of(tmp_path / "out" / "page.html")
    assert [one["name"] for one in data["groups"]["0"]["methods"]] == ["gigpo", "hgpo", "grpo"]
    assert "next: open out/page.html" in result.err


def test_methods_are_chosen_by_name(envbench, run, tmp_path):
    envbench("view", "run", "--export", "page.html", "--method", "rloo", "--method", "grpo")
    assert [one["name"] for one in data_of(tmp_path / "page.html")["groups"]["1"]["methods"]] == ["rloo", "grpo"]
    result = envbench("view", "run", "--export", "other.html", "--method", "rlo")
    assert result.code == 2
    assert "Did you mean 'rloo'?" in result.err


@pytest.mark.parametrize(
    ("path", "says"), [("gone", "gone is not there"), ("text", "no zip file"), (".", "no run.toml")]
)
def test_what_cannot_be_read_is_one_line(envbench, tmp_path, path, says):
    (tmp_path / "text").write_text("x")
    result = envbench("view", path, "--export", "page.html")
    assert (result.code, result.out) == (2, "")
    assert says in result.err
    assert result.err.count("\n") == 1


def test_a_bundle_shows_the_episodes_of_its_run(tmp_path):
    tasks = panel(LAKE, "builtin", "test")[:2]
    board = Board(
        name="small", title="Small", env=LAKE, dataset="builtin", split="test", panel=tasks.sha256, tasks=2, trials=2,
        max_steps=20, metric="success", rules="None.", seed=0,
    )  # fmt: skip
    run = evaluate(board_plan(board, "random"), tmp_path / "run")
    write_bundle(run, board, Metadata(method="mine"), tmp_path / "mine.zip")
    ours, theirs = source_of(tmp_path / "run"), source_of(tmp_path / "mine.zip")
    assert theirs.name == "mine on small"
    assert "word" in theirs.note
    assert len(theirs.rows) == 4
    for row, packed in zip(ours.rows, theirs.rows, strict=True):
        same = ("task", "trial", "seed", "outcome", "score", "actions", "rewards", "state_hashes", "episode_return")
        assert {name: row[name] for name in same} == {name: packed[name] for name in same}
    for name in ("env", "dataset", "split", "knobs", "max_steps"):
        assert theirs.config[name] == ours.config[name]


@pytest.mark.usefixtures("socket_enabled")
def test_the_page_is_served_until_it_is_interrupted(run, tmp_path):
    process = subprocess.Popen(
        [sys.executable, "-m", "envbench", "view", "run", "--json"],
        cwd=tmp_path, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
    )  # fmt: skip
    try:
        document = json.loads(process.stdout.readline())
        with urllib.request.urlopen(document["url"] + "api/index", timeout=30) as answer:
            assert len(json.load(answer)["episodes"]) == document["episodes"] == 4
    finally:
        process.send_signal(2)
        out, err = process.communicate(timeout=30)
    assert (process.returncode, out) == (0, "")
    assert "--export" in err.splitlines()[-1]
