"""Fabricated runs through the real executor, and what the report says of them."""

import csv
import errno
import json
import os
import re
import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
import typer
from typer.testing import CliRunner

from envbench.cli.report import report
from envbench.compare import compare_sweeps
from envbench.errors import DiskFull, InvalidValue, MissingExtra, RunUnreadable
from envbench.evaluate import make_plan, summarise
from envbench.report import write_report
from envbench.report.agents import agent_pairs, agents_table, groups, kinds_table
from envbench.report.commands import recipe
from envbench.report.curves import at_own_rate, curves_table, method_pairs, methods_table, rates_table
from envbench.report.load import load
from envbench.report.page import plain
from envbench.report.sections import build
from envbench.runs import Cell, CellResult, Plan, Run, execute, open_run
from envbench.sweep import sweep_from, sweep_plan

LAKE = "envbench/FrozenLake-v0"
EVIL = "<script>alert(1)</script>|`x`"
SUCCESSES = {"good": 11, "fair": 9, EVIL: 1}
SWEEP = {
    "env": LAKE,
    "tasks": 4,
    "groups": 4,
    "iterations": 40,
    "log_every": 10,
    "learning_rates": [1.0, 2.0],
    "selection_seeds": 2,
    "report_seeds": 3,
    "knobs": {"slippery": False},
    "methods": [{"name": "grpo"}, {"name": "gigpo", "label": "gigpo half", "options": {"omega": 0.5}}],
}


def play(config: Mapping[str, Any], spec: Mapping[str, Any]) -> CellResult:
    """One fabricated episode: the first tasks of the panel succeed, two share a cluster, the last one errs."""
    name, k = config["agent"]["name"], spec["k"]
    success = k < SUCCESSES.get(name, 0)
    outcome = "agent_error" if k == 11 and not success else "success" if success else "failure"
    row = {
        "agent": name, "env": LAKE, "dataset": "builtin", "split": "test", "task": f"frozenlake/builtin/test/{k:04d}",
        "task_digest": "v1:0", "cluster": f"c{k // 2}", "trial": 0, "seed": k, "outcome": outcome, "success": success,
        "score": float(success), "episode_return": 2.0 * success, "steps": 4 + k, "invalid_actions": 1,
        "format_invalid": 0, "prompt_tokens": 0, "completion_tokens": 0, "model_calls": 0, "cost_usd": 0.0,
        "error": EVIL if outcome == "agent_error" else "", "actions": [], "rewards": [], "state_hashes": [],
        "wall_seconds": 0.1,
    }  # fmt: skip
    kinds = {"kind": ("heat", "cool")[k % 2]} if config.get("kinds") else {}  # older rows have no such column
    return CellResult(episodes=[row | kinds])


def eval_run(folder: Path, agent: str, **changed: Any) -> Run:
    panel = {"id": "frozenlake/builtin/test[0:12:1]", "sha256": "ab" * 32}
    config = {
        "env": LAKE, "dataset": "builtin", "split": "test", "knobs": {"slippery": True}, "seed": 3, "episodes": 12,
        "trials": 1, "max_steps": 100, "panel": panel, "agent": {"name": agent, "options": {}}, **changed,
    }  # fmt: skip
    return execute(Plan("eval", config, tuple(Cell(str(k), {"k": k}) for k in range(12))), play, folder)


def fake_training(config: Mapping[str, Any], spec: Mapping[str, Any]) -> CellResult:
    """Success by iteration: rate 2 is better on selection seeds, and those peak at iteration 20."""
    selecting = spec["seed"] in config["selection_seeds"]
    rank = [*config["selection_seeds"], *config["report_seeds"]].index(spec["seed"])
    curve = [0.0, 0.2, 0.6, 0.5, 0.5] if selecting else [0.0, 0.2, 0.4, 0.5, 0.6]
    lift = 0.1 * (spec["learning_rate"] == 2.0) + 0.1 * (spec["method"] == "gigpo") + 0.01 * rank
    rows = [
        {
            "env": LAKE, "dataset": "builtin", "split": "train", "panel_sha256": config["panel"]["sha256"],
            "method": spec["method"], "options": json.dumps(spec["options"], separators=(",", ":")),
            "advantage_scale": spec["advantage_scale"], "learning_rate": spec["learning_rate"], "seed": spec["seed"],
            "iteration": 10 * index, "env_steps": 100 * index, "episodes": 32, "success": value + lift,
            "score": value + lift, "episode_return": value, "episode_length": 7.0, "advantage_rms": 1.0,
            "wall_seconds": 0.1,
        }
        for index, value in enumerate(curve)
    ]  # fmt: skip
    return CellResult(metrics=rows)


def sweep_run(folder: Path, **changed: Any) -> Run:
    return execute(sweep_plan(sweep_from(SWEEP | changed, "test")), fake_training, folder)


@pytest.fixture(scope="module")
def runs(tmp_path_factory: pytest.TempPathFactory) -> list[Run]:
    folder = tmp_path_factory.mktemp("runs")
    evals = [eval_run(folder / f"eval{index}", agent) for index, agent in enumerate(SUCCESSES)]
    return [*evals, sweep_run(folder / "sweep")]


@pytest.fixture(scope="module")
def written(runs: list[Run], tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("report") / "first"
    write_report(runs, out)
    return out


def test_two_renders_are_byte_equal(runs: list[Run], written: Path, tmp_path: Path):
    files = write_report(runs, tmp_path / "second")
    assert {path.suffix for path in files} == {".png", ".svg", ".csv", ".md", ".html", ".toml"}
    for path in files:
        assert path.read_bytes() == (written / path.relative_to(tmp_path / "second")).read_bytes(), path


def test_html_escapes_what_comes_from_runs_and_asks_for_nothing_outside(written: Path):
    page = (written / "report.html").read_text("utf-8")
    assert "<script>alert" not in page
    assert page.count("&lt;script&gt;alert(1)&lt;/script&gt;") >= 4  # names and an error
    sources = re.findall(r'(?:src|srcset|href)="([^"]{0,30})', page)
    assert sources
    assert all(source.startswith(("data:image/svg+xml;base64,", "#")) for source in sources)
    assert "prefers-color-scheme: dark" in page


def test_markdown_tables_keep_their_columns_whatever_a_name_holds(written: Path):
    lines = (written / "report.md").read_text("utf-8").splitlines()
    widths = set()
    for line in lines:
        if line.startswith("|"):
            widths.add(len(re.findall(r"(?<!\\)\|", line)))
            assert "<script>" not in line
        elif widths:
            assert len(widths) == 1
            widths = set()
    assert plain("a\n|b <c> $1$") == r"a \|b &lt;c&gt; \$1\$"


def test_every_number_has_n_and_an_interval(written: Path):
    with (written / "tables/agents.csv").open(encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    assert {row["n"] for row in rows} == {"12"}
    for measure in ("success", "score", "episode_return", "steps", "invalid_rate"):
        assert {f"{measure}_low", f"{measure}_high", f"{measure}_method"} <= rows[0].keys()
    assert rows[0]["success_method"] == "bootstrap over 6 clusters"


def test_agents_are_what_eval_prints_with_outcomes_over_the_whole_plan(runs: list[Run]):
    frame = agents_table(load(runs).episodes)
    assert list(frame["agent"]) == ["good", "fair", EVIL]
    assert list(frame["outcome_agent_error"]) == [1, 1, 1]
    (printed,) = summarise(runs[1].episodes(), seed=3)
    row = frame.iloc[1]
    assert (row["success"], row["success_low"], row["success_high"]) == (
        printed.measures["success"].estimate,
        printed.measures["success"].low,
        printed.measures["success"].high,
    )


def test_pairs_are_paired_by_task_and_adjusted(runs: list[Run]):
    pairs = agent_pairs(load(runs).episodes)
    success = pairs[pairs["measure"] == "success"].set_index(["a", "b"])
    assert success.loc[("fair", "good"), "difference"] == pytest.approx(-2 / 12)
    assert success.loc[("fair", "good"), "verdict"] == "not distinguishable"
    assert success.loc[(EVIL, "good"), "n"] == 12
    assert success.loc[(EVIL, "good"), "units"] == 6
    # Six clusters whose signs flip: 2 of 64 at best for one pair, times three pairs.
    assert success.loc[(EVIL, "good"), "p_holm"] == pytest.approx(3 * 2 / 64)


def test_letters_are_shared_by_those_that_cannot_be_told_apart():
    alike = {("a", "b"), ("b", "c"), ("d", "e")}
    names = ["a", "b", "c", "d", "e", "f"]
    rows = [(x, y) for i, x in enumerate(names) for y in names[i + 1 :]]
    verdicts = ["not distinguishable" if row in alike else f"{row[0]} better" for row in rows]
    pairs = pd.DataFrame(rows, columns=["a", "b"]).assign(verdict=verdicts)
    assert groups(names, pairs) == {"a": "A", "b": "AB", "c": "B", "d": "C", "e": "C", "f": "D"}


def test_rates_and_areas_are_those_of_compare(runs: list[Run]):
    loaded = load(runs)
    rates = rates_table(loaded.metrics)
    chosen = rates[rates["chosen"]].set_index(["advantage_scale", "method"])
    standings, duels = compare_sweeps([runs[-1]])
    assert len(standings) == 4
    for standing in standings:
        row = chosen.loc[(standing.scale, standing.method)]
        assert row["learning_rate"] == standing.learning_rate == 2.0
        assert row["edge"] == bool(standing.edge)
        assert row["n"] == 3
        assert (row["area"], row["area_low"]) == pytest.approx((standing.report.estimate, standing.report.low))
        assert row["selection_area"] == pytest.approx(standing.selection)
    pairs = method_pairs(loaded.runs, loaded.metrics)
    assert list(pairs["difference"]) == [duel.comparison.difference.estimate for duel in duels]
    assert list(pairs["verdict"]) == [duel.verdict for duel in duels]


def test_best_checkpoint_is_chosen_on_selection_seeds_and_measured_on_the_others(runs: list[Run]):
    metrics = load(runs).metrics
    rates = rates_table(metrics)
    methods = methods_table(at_own_rate(metrics, rates), rates)
    row = methods[(methods["method"] == "grpo") & (methods["advantage_scale"] == "raw")].iloc[0]
    assert (row["best_iteration"], row["last_iteration"]) == (20, 40)
    assert row["best"] == pytest.approx(0.4 + 0.1 + 0.03)  # of seeds 2, 3, 4 at iteration 20, not their own peak
    assert row["final"] == pytest.approx(0.6 + 0.1 + 0.03)
    assert row["held_out_choice"]


def test_curves_leave_the_selection_seeds_out(runs: list[Run]):
    metrics = load(runs).metrics
    curves = curves_table(at_own_rate(metrics, rates_table(metrics)))
    line = curves[(curves["method"] == "gigpo half") & (curves["advantage_scale"] == "unit_rms")]
    assert list(line["iteration"]) == [0, 10, 20, 30, 40]
    assert list(line["mean"]) == pytest.approx([0.23, 0.43, 0.63, 0.73, 0.83])
    assert set(line["n"]) == {3}
    assert (line["low"] < line["mean"]).all()


def test_runs_on_different_settings_are_never_put_on_one_panel(runs: list[Run], tmp_path: Path):
    other = eval_run(tmp_path / "short", "good", max_steps=5)
    again = eval_run(tmp_path / "again", "good", seed=4)
    frame = load([runs[0], other, again]).episodes
    assert frame["panel"].nunique() == 2
    whole = frame[frame["panel"].str.contains("limit 100")]
    assert sorted(whole["label"].unique()) == sorted(f"good #{run.run_id[-12:]}" for run in (runs[0], again))


def test_equal_metric_rows_of_two_runs_count_once(runs: list[Run], tmp_path: Path):
    wider = sweep_run(tmp_path / "wider", learning_rates=[1.0, 2.0, 4.0], title="wider")
    frame = load([runs[-1], wider]).metrics
    assert len(frame) == len(wider.metrics())
    assert sorted(frame["label"].unique()) == ["gigpo half", "grpo"]


def test_page_says_what_was_run_and_how_to_run_it_again(runs: list[Run], written: Path):
    text = (written / "report.html").read_text("utf-8")
    for run in runs:
        assert run.run_id in text
        assert run.config["panel"]["id"] in text
        assert run.config["panel"]["sha256"] in text
    assert "training panel" in text
    # Six clusters are too few to tell even 1 of 12 from 11 of 12 after Holm over three pairs.
    assert f"Not distinguishable from it: {EVIL}, fair." in build(load(runs)).summary[0]


def test_recipes_lead_back_to_the_same_plan(runs: list[Run], tmp_path: Path):
    sweep = recipe(runs[-1])
    assert sweep.command == f"envbench sweep sweeps/{runs[-1].run_id}.toml"
    assert sweep_plan(sweep_from(tomllib.loads(sweep.content), "test")).sha256 == runs[-1].plan_sha256
    plan = make_plan(LAKE, "random", episodes=5, knobs={"slippery": False}, seed=2, max_steps=9)
    run = Run(tmp_path, "eval", plan.run_id, dict(plan.config), plan.sha256, 5, ())
    assert recipe(run).command == (
        "envbench eval --agent random --env envbench/FrozenLake-v0 --dataset builtin --split test "
        "--set slippery=false --max-steps 9 --seed 2 --episodes 5 --trials 1"
    )


def test_one_seed_has_no_interval_and_says_so(tmp_path: Path):
    run = sweep_run(tmp_path / "run", selection_seeds=1, report_seeds=1)
    files = write_report([run], tmp_path / "report")
    assert "interval unknown" in (tmp_path / "report/report.md").read_text("utf-8")
    assert all(path.stat().st_size for path in files)


def test_a_new_report_replaces_the_old_one_and_nothing_else(runs: list[Run], tmp_path: Path):
    out = tmp_path / "report"
    write_report(runs[:2], out)
    assert not (out / "figures/curves.png").exists()
    write_report(runs[3:], out)
    assert not (out / "figures/agents.png").exists()
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine/thesis.md").write_text("years of work")
    with pytest.raises(InvalidValue, match="something else"):
        write_report(runs, tmp_path / "mine")


def test_a_report_that_a_full_disk_cut_short_is_written_again(
    runs: list[Run], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    out, real, room = tmp_path / "report", os.write, [60_000]

    def full(descriptor: int, data: bytes) -> int:
        room[0] -= len(data)
        if room[0] < 0:
            raise OSError(errno.ENOSPC, "No space left on device")
        return real(descriptor, data)

    monkeypatch.setattr(os, "write", full)
    with pytest.raises(DiskFull, match="no room left"):
        write_report(runs[:1], out)
    assert any((out / "figures").iterdir())
    assert not list(out.rglob("*.tmp"))
    monkeypatch.setattr(os, "write", real)
    assert (out / "report.html") in write_report(runs[:1], out)


def test_without_the_extra_the_error_says_what_to_install(monkeypatch: pytest.MonkeyPatch, tmp_path: Path):
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    with pytest.raises(MissingExtra, match=r"envbench\[report\]"):
        write_report([], tmp_path)


def test_no_runs_and_unfinished_runs_are_refused(runs: list[Run], tmp_path: Path):
    with pytest.raises(InvalidValue, match="run directory"):
        write_report([], tmp_path / "report")
    (tmp_path / "run").mkdir()
    (tmp_path / "run/run.toml").write_bytes((runs[0].path / "run.toml").read_bytes())
    with pytest.raises(RunUnreadable, match="not finished"):
        write_report([open_run(tmp_path / "run")], tmp_path / "report")
    assert not (tmp_path / "report").exists()


def test_command_prints_the_files_as_one_json_line(runs: list[Run], tmp_path: Path):
    app = typer.Typer()
    app.command()(report)
    out = tmp_path / "report"
    done = CliRunner().invoke(app, [str(runs[0].path), "--out", str(out), "--json"])
    assert done.exit_code == 0, done.output
    document = json.loads(done.stdout)
    assert str(out / "report.html") in document["files"]
    assert document["run_ids"] == [runs[0].run_id]


def test_success_is_told_by_kind_where_tasks_have_kinds(tmp_path: Path) -> None:
    runs = [eval_run(tmp_path / name, name, kinds=True) for name in ("good", "fair")]
    kinds = kinds_table(load(runs).episodes)
    assert kinds[["kind", "agent", "n", "clusters", "success"]].values.tolist() == [
        ["cool", "fair", 6, 6, 4 / 6],
        ["cool", "good", 6, 6, 5 / 6],
        ["heat", "fair", 6, 6, 5 / 6],
        ["heat", "good", 6, 6, 1.0],
    ]
    assert ((kinds["success_low"] < kinds["success"]) & (kinds["success"] <= kinds["success_high"])).all()
    page = build(load(runs))
    (shown,) = [table for section in page.sections for table in section.tables if "by kind" in table.title]
    assert len(shown.rows) == 4
    assert len(page.frames["kinds"]) == 4


def test_tasks_of_one_kind_have_no_table_of_kinds(tmp_path: Path) -> None:
    page = build(load([eval_run(tmp_path / "good", "good")]))
    assert "kinds" not in page.frames
    assert not [table for section in page.sections for table in section.tables if "by kind" in table.title]
