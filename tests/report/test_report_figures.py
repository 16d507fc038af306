import json
from pathlib import Path

import pytest
import typer
from typer.testing import CliRunner

from envbench.cli.figures import figures
from envbench.errors import DataCorrupt, InvalidValue, UnknownName
from envbench.report import figure_names, write_figure
from envbench.report import figures as drawing
from envbench.report.credit_figures import FIGURES
from envbench.sweep import read_sweep, sweep_plan
from envbench.toml import dumps


@pytest.fixture
def baselines(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Two methods with committed results, and a third that the figures leave out."""
    for method in ("grpo", "gigpo", "other"):
        folder = tmp_path / "baselines" / method
        (folder / "sweeps").mkdir(parents=True)
        (folder / "results").mkdir()
        sweep = {
            "env": "envbench/FrozenLake-v0", "learning_rates": [1.0, 2.0], "tasks": 4, "iterations": 20,
            "selection_seeds": 2, "report_seeds": 2, "methods": [{"name": "grpo" if method == "other" else method}],
        }  # fmt: skip
        (folder / "sweeps/lake.toml").write_text(dumps(sweep), encoding="utf-8")
        rows = [
            {
                "env": "envbench/FrozenLake-v0", "dataset": "builtin", "split": "train", "panel_sha256": "ab" * 32,
                "method": method, "options": "{}", "advantage_scale": scale, "learning_rate": rate, "seed": seed,
                "iteration": t, "success": min(1.0, t * rate / 50), "score": 0.0, "episode_return": 0.0,
                "episode_length": 5.0,
            }
            for scale in ("raw", "unit_rms")
            for rate in (1.0, 2.0)
            for use in ("selection", "report")
            for seed in read_sweep(folder / "sweeps/lake.toml").seeds(use)
            for t in (0, 10, 20)
        ]  # fmt: skip
        (folder / "results/lake.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    for module in ("figures", "sweep_figures"):
        monkeypatch.setattr(f"envbench.report.{module}.home", lambda: tmp_path)
    return tmp_path


@pytest.mark.parametrize("name", ["tabular-curves", "tabular-rates"])
def test_a_figure_is_drawn_from_the_committed_results_to_the_byte(baselines: Path, tmp_path: Path, name: str):
    first, second = (write_figure(name, tmp_path / out) for out in ("a", "b"))
    assert [path.name for path in first] == [f"{name}.png", f"{name}.svg", f"{name}.csv"]
    assert [path.read_bytes() for path in first] == [path.read_bytes() for path in second]


def test_the_table_behind_it_holds_report_seeds_at_the_best_rate(baselines: Path, tmp_path: Path):
    table = write_figure("tabular-curves", tmp_path / "out")[-1].read_text("utf-8").splitlines()
    columns = table[0].split(",")
    rows = [dict(zip(columns, line.split(","), strict=True)) for line in table[1:]]
    assert {row["method"] for row in rows} == {"grpo", "gigpo"}
    assert {(row["learning_rate"], row["n"]) for row in rows} == {("2.0", "2")}
    plan = sweep_plan(read_sweep(baselines / "baselines/grpo/sweeps/lake.toml"))
    assert {row["panel"] for row in rows} == {plan.config["panel"]["id"]}


def test_errors_say_what_is_missing(baselines: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    with pytest.raises(UnknownName, match="tabular-curves"):
        write_figure("tabular-curve", tmp_path / "out")
    (baselines / "baselines/grpo/results/lake.jsonl").write_text("{", encoding="utf-8")
    with pytest.raises(DataCorrupt, match="baselines/grpo/results/lake.jsonl"):
        write_figure("tabular-curves", tmp_path / "out")
    monkeypatch.setattr("envbench.report.figures.home", lambda: tmp_path / "nowhere")
    with pytest.raises(InvalidValue, match="checkout"):
        write_figure("tabular-curves", tmp_path / "out")


def test_command_lists_the_figures_and_draws_one(baselines: Path, tmp_path: Path):
    app = typer.Typer()
    app.command()(figures)
    listed = CliRunner().invoke(app, ["--json"])
    assert [row["name"] for row in json.loads(listed.stdout)] == list(figure_names())
    drawn = CliRunner().invoke(app, ["tabular-rates", "--out", str(tmp_path / "out"), "--json"])
    assert all(Path(path).is_file() for path in json.loads(drawn.stdout)["files"])


def test_all_of_them_are_drawn_when_asked(monkeypatch: pytest.MonkeyPatch, baselines: Path, tmp_path: Path):
    """What `make figures` types."""
    kept = ("tabular-curves", "tabular-rates")
    monkeypatch.setattr("envbench.report.figures._FIGURES", {name: drawing._FIGURES[name] for name in kept})
    app = typer.Typer()
    app.command()(figures)
    drawn = CliRunner().invoke(app, ["--all", "--out", str(tmp_path / "out"), "--json"])
    assert drawn.exit_code == 0, drawn.output
    files = json.loads(drawn.stdout)["files"]
    assert [path for path in files if path.endswith(".png")] == [str(tmp_path / "out" / f"{name}.png") for name in kept]


OTHERS = [name for name in figure_names() if name not in FIGURES and not name.startswith(("all-methods-", "nano-"))]


@pytest.mark.parametrize("name", OTHERS)
def test_a_figure_of_this_checkout_is_drawn(name: str, tmp_path: Path):
    """Those of credit methods and of sweeps are drawn by tests of their own."""
    assert [path.name for path in write_figure(name, tmp_path)] == [f"{name}{end}" for end in (".png", ".svg", ".csv")]


def test_a_place_that_cannot_be_is_one_line(baselines: Path, tmp_path: Path):
    (tmp_path / "file").write_text("", encoding="utf-8")
    for place in (tmp_path / "file", tmp_path / "file" / "below"):
        with pytest.raises(InvalidValue, match="cannot write to .*choose another --out"):
            write_figure("tabular-rates", place)
