"""Boards: what they ask for is fixed, hashed, and the same for every agent."""

from pathlib import Path

import msgspec
import pytest
from submissions import small_board

from envbench.cards import home
from envbench.errors import CardError, DataMissing, UnknownName
from envbench.leaderboard.board import Board, board_episodes, board_plan, boards, plan_hash, read_board

TEXT = """
name = "mine"
title = "Mine"
env = "envbench/FrozenLake-v0"
dataset = "builtin"
split = "test"
panel = "{panel}"
tasks = 2
trials = 1
seed = 0
max_steps = 10
metric = "success"
rules = "None."
"""


@pytest.mark.parametrize("name", sorted(boards()))
def test_the_panel_of_every_board_is_the_pinned_one(name: str) -> None:
    board = read_board(name)
    try:
        planned = board_episodes(board)
    except DataMissing as error:
        pytest.skip(str(error))
    assert len(planned) == board.tasks * board.trials
    assert len({(one.task, one.trial) for one in planned}) == len(planned)


@pytest.mark.parametrize("name", sorted(boards()))
def test_every_board_has_a_page_of_rules(name: str) -> None:
    assert (home() / "leaderboards" / name / "README.md").read_text("utf-8").startswith(f"# {boards()[name].title}")


def test_every_agent_plays_the_plan_of_the_board(lake: Board) -> None:
    for agent in ("random", "null", "oracle"):
        plan = board_plan(lake, agent)
        assert plan_hash(plan.config) == plan_hash(lake)
        assert [(c.spec["task"], c.spec["trial"], c.spec["seed"]) for c in plan.cells] == [
            (one.task, one.trial, one.seed) for one in board_episodes(lake)
        ]


@pytest.mark.parametrize(
    "change",
    [{"seed": 1}, {"tasks": 2}, {"trials": 1}, {"max_steps": 11}, {"panel": "0" * 64}, {"knobs": {"slippery": False}}],
    ids=lambda change: next(iter(change)),
)
def test_whatever_decides_an_episode_decides_the_hash(lake: Board, change: dict[str, object]) -> None:
    assert plan_hash(msgspec.structs.replace(lake, **change)) != plan_hash(lake)


def test_words_do_not_decide_the_hash(lake: Board) -> None:
    assert plan_hash(msgspec.structs.replace(lake, title="x", rules="y", metric="score")) == plan_hash(lake)


def test_a_board_is_read_from_a_folder(tmp_path: Path) -> None:
    panel = small_board("envbench/FrozenLake-v0", tasks=2).panel
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "board.toml").write_text(TEXT.format(panel=panel))
    board = read_board(tmp_path / "mine")
    assert len(board_plan(board, "null").cells) == 2
    assert read_board(tmp_path / "mine" / "board.toml") == board


def test_other_data_than_the_board_was_made_with_are_refused(lake: Board) -> None:
    with pytest.raises(CardError, match="pins the panel"):
        board_plan(msgspec.structs.replace(lake, panel="0" * 64), "null")


@pytest.mark.parametrize(
    ("old", "new", "says"),
    [
        ("tasks = 2", "tasks = 0", "tasks"),
        ("tasks = 2", "tasks = 2\nspeed = 3", "speed"),
        ('"success"', '"speed"', "metric"),
        ('"mine"', '"other"', "name of its folder"),
        ("trials = 1", "trials = ", "board"),
    ],
    ids=["no-tasks", "unknown-key", "unknown-metric", "other-folder", "no-toml"],
)
def test_a_bad_board_is_named(tmp_path: Path, old: str, new: str, says: str) -> None:
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "board.toml").write_text(TEXT.format(panel="0" * 64).replace(old, new))
    with pytest.raises(CardError, match=says):
        read_board(tmp_path / "mine")


def test_unknown_boards_and_splits_are_named(tmp_path: Path) -> None:
    with pytest.raises(UnknownName, match="sokoban"):
        read_board("sokobam")
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "board.toml").write_text(TEXT.format(panel="0" * 64).replace('"test"', '"tets"'))
    with pytest.raises(UnknownName, match="split"):
        read_board(tmp_path / "mine")
