import pytest

from envbench.bench.board import BoardSettings, board_summary, make_board_plan, measure_board
from envbench.runs import execute


@pytest.mark.usefixtures("socket_enabled")
def test_commands_are_timed_in_fresh_processes(tmp_path):
    plan = make_board_plan(BoardSettings(repeats=2, episodes=8, steps=400, workers=1, rows=5))
    rows = board_summary(execute(plan, measure_board, tmp_path / "run").metrics())
    assert [row["what"].partition(" (")[0] for row in rows] == [
        "verify 8 WebShop episodes",
        "view: open a run of 423 steps",
        "board build: tables and site of 5 rows",
    ]
    for row in rows:
        assert row["seconds"]["n"] == 2
        assert 0 < row["seconds"]["low"] <= row["seconds"]["median"] <= row["seconds"]["high"]
