"""Structure only: what a machine measures is never asserted."""

import json
from pathlib import Path

import gymnasium
import pytest
import typer
from typer.testing import CliRunner

import envbench  # noqa: F401  # registers the ids
from envbench.bench import Settings, absent, make_plan, measure, subjects, summary
from envbench.bench.originals import ORIGINALS, RUNNABLE, Runnable
from envbench.bench.timing import time_calls, time_original
from envbench.bench.workload import record
from envbench.cli.bench import bench
from envbench.errors import InvalidValue, UnknownName
from envbench.runs import execute, open_run

LAKE = "envbench/FrozenLake-v0"
TINY = Settings(steps=30, repeats=2, resets=5, sessions=3, imports=2)


@pytest.fixture(scope="module")
def rows(tmp_path_factory: pytest.TempPathFactory) -> list[dict]:
    folder = tmp_path_factory.mktemp("bench") / "run"
    return execute(make_plan(subjects([LAKE], "builtin"), TINY), measure, folder).metrics()


def test_workload_is_the_seeds_and_exactly_as_long_as_asked():
    one, again, other = (record(LAKE, "builtin", 120, seed) for seed in (3, 3, 4))
    assert one == again
    assert one != other
    assert sum(len(episode.actions) for episode in one) == 120
    actions = {action for episode in one for action in episode.actions}
    assert {"left", "down", "right", "up"} <= actions


def test_workload_replays_without_steps_after_the_end():
    env = gymnasium.make(LAKE).unwrapped
    for episode in record(LAKE, "builtin", 120, 3):
        env.reset(seed=episode.seed, options={"task": episode.task})
        for action in episode.actions:
            *_, info = env.step(action)
            assert info["valid"] == (action != "?")  # what comes after the end would be invalid


def test_a_key_that_the_bench_computes_otherwise_is_an_error(monkeypatch: pytest.MonkeyPatch):
    env = gymnasium.make(LAKE).unwrapped
    workload = record(LAKE, "builtin", 30, 0)
    assert {"state_hash_seconds", "anchor_hash_seconds", "observation_hash_seconds"} <= time_calls(env, workload).keys()
    monkeypatch.setattr(type(env), "anchor_hash", lambda self: "v1:0")
    with pytest.raises(RuntimeError, match="anchor_hash"):
        time_calls(env, workload)


def test_every_subject_is_measured_in_every_repetition(rows: list[dict]):
    assert [row["cell"] for row in rows] == ["import", "peer:FrozenLake-v1", f"{LAKE}:builtin"]
    measured = rows[-1]
    assert len(measured["panel_sha256"]) == 64
    for name in ("bare", "bare_cpu", "wrapped", "wrapped_cpu", "reset_p99", "snapshot", "restore", "state_hash"):
        assert len(measured[f"{name}_seconds"]) == TINY.repeats
    assert len(rows[0]["envbench_import_seconds"]) == TINY.imports
    assert min(measured[f"rss_{name}_bytes"] for name in ("import", "one", "all")) > 1_000_000


def test_summary_divides_steps_by_seconds_and_names_the_source(rows: list[dict]):
    *_, peer, lake = summary(rows)
    seconds = sorted(rows[-1]["bare_seconds"])
    assert lake["steps_per_second"]["high"] == pytest.approx(TINY.steps / seconds[0])
    assert lake["steps_per_second"]["n"] == 2
    assert lake["restore_us"]["low"] == pytest.approx(min(rows[-1]["restore_seconds"]) * 1e6)
    (ratio,) = lake["ratios"]
    assert (ratio["name"], ratio["source"]) == ("FrozenLake-v1", "measured in this run")
    assert ratio["ratio"] == pytest.approx(lake["steps_per_second"]["median"] / peer["steps_per_second"]["median"])


def test_webshop_is_compared_with_the_original_that_lists_its_actions_first():
    assert [item.steps_per_second for item in ORIGINALS["webshop"]] == [60.0, 78.0]
    assert all(item.source for figures in ORIGINALS.values() for item in figures)


class Lake:
    """An original that only counts."""

    def load(self, payload: object) -> None:
        assert payload is not None

    def reset(self) -> None: ...

    def step(self, action: str) -> None: ...


def test_an_original_that_is_installed_is_measured_instead_of_recorded(monkeypatch: pytest.MonkeyPatch):
    assert {*RUNNABLE} <= {*ORIGINALS}
    assert not Runnable("no_such_package", "Lake", "").here
    monkeypatch.setitem(RUNNABLE, "frozenlake", Runnable("json", "Lake", f"{Lake.__module__}:Lake"))
    plan = make_plan(subjects([LAKE], "builtin"), TINY)
    assert [cell.key for cell in plan.cells][-1] == f"original:{LAKE}:builtin"
    timed = time_original(LAKE, "builtin", [record(LAKE, "builtin", 20, seed) for seed in range(2)])
    assert timed["steps"] == [20, 20]
    assert all(len(seconds) == 2 and min(seconds) > 0 for seconds in timed.values())


def test_the_ratio_to_an_original_is_of_the_same_actions(rows: list[dict], monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setitem(RUNNABLE, "frozenlake", Runnable("json", "Lake", ""))
    seconds = {"original_seconds": [2.0, 3.0, 8.0], "ours_seconds": [1.0, 1.0, 1.0], "steps": [10, 10, 10]}
    row = {"job": "original", "env": LAKE, "dataset": "builtin", "original_reset_seconds": [0.5, 0.5, 0.5], **seconds}
    *_, lake = summary([*rows, row])
    (ratio,) = lake["ratios"]
    assert (ratio["name"], ratio["ratio"], ratio["source"]) == ("Lake", 3.0, "measured in this run")
    assert ratio["steps_per_second"] == pytest.approx(10 / 3)
    assert "30 steps" in ratio["what"]


def test_subjects_are_builtin_and_what_the_user_brought(monkeypatch: pytest.MonkeyPatch, tmp_path: Path):
    monkeypatch.delenv("ENVBENCH_DATA", raising=False)
    monkeypatch.setenv("ENVBENCH_HOME", str(tmp_path))
    found = subjects([LAKE])
    assert [(subject.env, subject.dataset) for subject in found] == [(LAKE, "builtin")]
    assert absent([LAKE], found) == []
    assert absent([LAKE], []) == ["frozenlake/builtin"]


def test_unknown_names_and_sizes_are_refused():
    with pytest.raises(UnknownName, match="FrozenLake-v0"):
        subjects(["envbench/FrozenLak-v0"])
    with pytest.raises(UnknownName, match="classic"):
        subjects([LAKE], "clasic")
    with pytest.raises(InvalidValue, match="repeats=0"):
        Settings(repeats=0)


def test_command_stores_the_run_and_prints_one_json_line(tmp_path: Path):
    app = typer.Typer()
    app.command()(bench)
    out = tmp_path / "run"
    arguments = ["--env", LAKE, "--steps", "10", "--repeats", "1", "--sessions", "2", "--out", str(out)]
    first = CliRunner().invoke(app, [*arguments, "--json"])
    assert first.exit_code == 0, first.output
    document = json.loads(first.stdout)
    assert document["rows"] == json.loads((out / "table.json").read_text("utf-8"))
    assert open_run(out).kind == "bench"
    again = CliRunner().invoke(app, arguments)
    assert "already" in again.stderr
    assert "steps/s" in again.stdout
