"""`envbench replay RUN:EPISODE@STEP`: a recorded moment, and someone else going on from it."""

import io
import json
import sys

import pytest
from eval_verbs import command

from envbench.errors import RunUnreadable
from envbench.evaluate import environment
from envbench.rollout.moment import check_moment
from envbench.rollout.play import differences
from envbench.runs import open_run

SOKOBAN = "envbench/Sokoban-v0"
STEP = 3


@pytest.fixture
def envbench(monkeypatch, capsys, tmp_path):
    monkeypatch.chdir(tmp_path)

    def run(*arguments, typed=()):
        monkeypatch.setattr(sys, "stdin", io.StringIO("".join(f"{line}\n" for line in typed)))
        return command(monkeypatch, capsys, *arguments)

    run("eval", "--env", SOKOBAN, "--agent", "random", "--episodes", 2, "--trials", 2, "--out", "run")
    return run


@pytest.fixture
def rows(envbench):
    return open_run("run").episodes()


def row_of(result):
    assert result.code == 0, result
    return json.loads(result.out)


@pytest.mark.parametrize("name", ["3", "sokoban/builtin/test/0001#1"])
def test_an_agent_goes_on_from_a_recorded_moment(envbench, rows, name):
    row = row_of(envbench("replay", f"run:{name}@{STEP}", "--agent", "oracle", "--json"))
    recorded = rows[3]
    assert (row["task"], row["trial"], row["seed"]) == (recorded["task"], 1, recorded["seed"])
    assert row["actions"][:STEP] == recorded["actions"][:STEP]
    assert row["state_hashes"][: STEP + 1] == recorded["state_hashes"][: STEP + 1]
    assert row["outcome"] == "success"
    assert differences(environment(open_run("run").config), row) == []


def test_a_task_alone_names_its_first_trial(envbench, rows):
    row = row_of(envbench("replay", "run:sokoban/builtin/test/0001@2", "--agent", "random", "--json"))
    assert (row["trial"], row["actions"][:2]) == (0, rows[2]["actions"][:2])


def test_a_person_sees_the_moment_and_the_episode_is_practice(envbench, rows):
    recorded = rows[0]
    result = envbench("replay", f"run:0@{STEP}", "--json", typed=["up", ":undo", "down", ":quit"])
    row = row_of(result)
    assert f"step {STEP} of 36 (practice)" in result.err
    assert row["practice"] is True
    assert row["actions"] == [*recorded["actions"][:STEP], "down"]
    assert row["state_hashes"][: STEP + 1] == recorded["state_hashes"][: STEP + 1]


def test_from_the_first_moment_a_person_plays_for_a_result(envbench):
    assert row_of(envbench("replay", "run:0@0", "--json", typed=["up", ":quit"]))["practice"] is False


def test_undo_goes_back_beyond_the_moment_and_restart_to_the_start(envbench, rows):
    row = row_of(envbench("replay", f"run:0@{STEP}", "--json", typed=[":undo", ":quit"]))
    assert row["actions"] == rows[0]["actions"][: STEP - 1]
    row = row_of(envbench("replay", f"run:0@{STEP}", "--json", typed=[":restart", "left", ":quit"]))
    assert row["actions"] == ["left"]


@pytest.mark.parametrize(
    ("place", "says"),
    [
        ("run:9@1", "there are 4, from 0"),
        ("run:sokoban/builtin/test/0001#7@1", "envbench view"),
        ("run:0@999", "the episode has"),
        ("nowhere:0@1", "nowhere is not there"),
        ("run:0", "not a run"),
        ("run:0@x", "not a run"),
    ],
)
def test_what_is_no_moment_is_one_line(envbench, place, says):
    result = envbench("replay", place)
    assert (result.code, result.out) == (2, "")
    assert says in result.err.splitlines()[-1]


def test_the_end_is_no_moment_to_go_on_from(envbench, rows):
    result = envbench("replay", f"run:0@{rows[0]['steps']}")
    assert result.code == 2
    assert "the episode is over there" in result.err


def test_an_agent_without_a_moment_is_told_what_to_type(envbench):
    result = envbench("replay", "run", "--agent", "oracle")
    assert result.code == 2
    assert "run:EPISODE@STEP" in result.err


def test_a_moment_that_does_not_come_back_is_refused(envbench, rows):
    row = rows[0] | {"state_hashes": [*rows[0]["state_hashes"][:2], "v1:other", *rows[0]["state_hashes"][3:]]}
    env = environment(open_run("run").config)
    assert check_moment(env, row, 1) == tuple(rows[0]["actions"][:1])
    with pytest.raises(RunUnreadable, match="after 2 steps"):
        check_moment(env, row, STEP)
