"""The verbs: `eval --board`, `submit`, `verify`."""

import json
import re
import sys
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import msgspec
import pytest

from envbench import cli
from envbench.leaderboard.board import Board, plan_hash
from envbench.toml import dumps


class Result(NamedTuple):
    code: int
    out: str
    err: str


Command = Callable[..., Result]
VERBS = ("eval", "submit", "verify")


@pytest.fixture
def envbench(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path) -> Command:
    """Run `envbench ARGUMENTS` in an empty folder and return what a shell would see."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(cli, "VERBS", tuple(row for row in cli.VERBS if row[0] in VERBS))
    monkeypatch.setattr(cli, "GROUPS", ())

    def run(*arguments: object) -> Result:
        monkeypatch.setattr(sys, "argv", ["envbench", *map(str, arguments)])
        with pytest.raises(SystemExit) as end:
            cli.main()
        captured = capsys.readouterr()
        return Result(int(end.value.code or 0), captured.out, " ".join(captured.err.split()))

    return run


@pytest.fixture
def board(lake: Board, tmp_path: Path) -> Path:
    """The board as a folder."""
    folder = tmp_path / lake.name
    folder.mkdir()
    (folder / "board.toml").write_text(dumps(msgspec.to_builtins(lake)), "utf-8")
    return folder


def test_from_eval_to_an_accepted_file(envbench: Command, board: Path, lake: Board) -> None:
    played = envbench("eval", "--board", board, "--agent", "random", "--out", "run")
    assert played.code == 0
    assert f"next: envbench submit run --board {board} --out random.zip" in played.err
    sent = envbench("submit", "run", "--board", board, "--out", "random.zip")
    assert (sent.code, sent.out.count("\n")) == (0, 1)
    assert "6 episodes, 0 missing; claim: success" in sent.out
    assert f"next: envbench verify random.zip --board {board}" in sent.err
    checked = envbench("verify", "random.zip", "--board", board)
    assert checked.code == 0
    assert checked.out.splitlines()[-1].startswith("accepted: replayed, success")
    assert "the submitter's word" in checked.out
    document = envbench("verify", "random.zip", "--board", board, "--json")
    assert document.out.count("\n") == 1
    report = json.loads(document.out)
    assert (report["verdict"], report["plan_sha256"]) == ("accepted", plan_hash(lake))
    assert report["row"]["metadata"] == {"method": "random"}


def test_exit_codes(envbench: Command, board: Path, tmp_path: Path) -> None:
    envbench("eval", "--board", board, "--agent", "null", "--out", "run")
    envbench("submit", "run", "--board", board, "--out", "a.zip")
    refused = envbench("verify", "a.zip")
    assert (refused.code, refused.out.splitlines()[-1][:15]) == (1, "refused: board:")
    (tmp_path / "b.zip").write_text("no zip")
    unreadable = envbench("verify", "b.zip", "--json")
    assert (unreadable.code, json.loads(unreadable.out)["verdict"]) == (2, "unreadable")
    assert envbench("verify", "b.zip", "--board", "nowhere").code == 2


@pytest.mark.parametrize(
    ("flags", "says"),
    [
        (["--seed", 1], "--seed: the board .* has 0"),
        (["--trials", 1], "--trials: the board .* has 2"),
        (["--episodes", 2], "--episodes: the board .* has 3"),
        (["--max-steps", 5], "--max-steps: the board .* has 12"),
        (["--split", "train"], "--split: the board .* has 'test'"),
        (["--dataset", "tiny"], "--dataset: the board .* has 'builtin'"),
        (["--env", "envbench/Sokoban-v0"], "--env: the board .* has 'envbench/FrozenLake-v0'"),
        (["--set", "slippery=false"], "--set: the board .* has"),
        (["--budget-tokens", 5], "--budget-tokens: the board .* has None"),
        (["--budget-steps", 5], "--budget-steps: the board .* has None"),
    ],
    ids=lambda one: one[0] if isinstance(one, list) else "",
)
def test_flags_that_contradict_a_board(envbench: Command, board: Path, flags: list[object], says: str) -> None:
    result = envbench("eval", "--board", board, "--agent", "null", *flags)
    assert result.code == 2
    assert re.search(says, result.err)


def test_flags_that_say_the_same_are_welcome(envbench: Command, board: Path) -> None:
    same = ["--env", "frozenlake", "--seed", 0, "--trials", 2, "--episodes", 3, "--set", "slippery=true"]
    assert envbench("eval", "--board", board, "--agent", "null", *same).code == 0


def test_eval_wants_an_environment_or_a_board(envbench: Command) -> None:
    result = envbench("eval", "--agent", "null")
    assert (result.code, "--env ID" in result.err, "--board NAME" in result.err) == (2, True, True)


def test_metadata_comes_from_flags_then_the_file_then_the_run(envbench: Command, board: Path, tmp_path: Path) -> None:
    envbench("eval", "--board", board, "--agent", "random", "--out", "run")
    (tmp_path / "about.toml").write_text('method = "GiGPO"\nparameters = 7\ntokens = 0\ntrained_on = ["a/b/c"]\n')
    sent = envbench(
        *("submit", "run", "--board", board, "--out", "a.zip", "--metadata", "about.toml", "--parameters", 8),
        *("--cost-usd", 1.5, "--paper", "arXiv:2505.10978", "--json"),
    )
    assert json.loads(sent.out)["manifest"]["metadata"] == {
        "method": "GiGPO",
        "parameters": 8,
        "tokens": 0,
        "cost_usd": 1.5,
        "paper": "arXiv:2505.10978",
        "trained_on": ["a/b/c"],
    }


@pytest.mark.parametrize(
    ("text", "says"),
    [("method = ", "TOML"), ('metod = "x"', "'method'"), ("method = 3", "metadata"), ('method = "a\\nb"', "metadata")],
    ids=["no-toml", "unknown", "type", "two-lines"],
)
def test_bad_metadata_is_named(envbench: Command, board: Path, tmp_path: Path, text: str, says: str) -> None:
    envbench("eval", "--board", board, "--agent", "null", "--out", "run")
    (tmp_path / "about.toml").write_text(text)
    sent = envbench("submit", "run", "--board", board, "--out", "a.zip", "--metadata", "about.toml")
    assert (sent.code, says in sent.err, (tmp_path / "a.zip").exists()) == (2, True, False)


def test_a_run_of_another_plan_is_told_what_to_type(envbench: Command, board: Path) -> None:
    envbench("eval", "--env", "frozenlake", "--agent", "null", "--out", "run", "--episodes", 1, "--max-steps", 12)
    sent = envbench("submit", "run", "--board", board, "--out", "a.zip")
    assert (sent.code, "--allow-partial" in sent.err) == (2, True)
    partial = envbench("submit", "run", "--board", board, "--out", "a.zip", "--allow-partial")
    assert "1 episodes, 5 missing" in partial.out
    assert envbench("verify", "a.zip", "--board", board).code == 0
