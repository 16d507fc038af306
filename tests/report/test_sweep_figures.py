"""Figures of the sweep of all methods: their tables, and that what is committed is what the results say."""

import re

import pandas as pd
import pytest

from envbench import credit
from envbench.compare import SweepTable
from envbench.errors import DataCorrupt, InvalidValue
from envbench.report import figures
from envbench.report.plots import render
from envbench.report.sweep_figures import (
    FOLDER,
    SETTINGS,
    committed_sweep,
    rates_frame,
    sensitivity_plot,
    standings_frame,
    standings_plot,
    sweep_of,
)
from envbench.rollout.fill import REFUSED
from envbench.sweep import read_sweep

HERE = figures.home() / "baselines" / FOLDER
NAMES = [(f"all-methods-{setting}{tail}", FOLDER) for setting in SETTINGS for tail in ("", "-rates")]
NAMES += [("nano-sokoban", "nano"), ("nano-webshop", "nano")]
checkout = pytest.mark.skipif(not (HERE / "results").is_dir(), reason="not a checkout: no evidence")

SUCCESS = {"grpo": 0.5, "rloo": 0.7, "gigpo": 0.2}


@pytest.fixture
def sweep() -> SweepTable:
    """Three methods, rate 1 the best of two, reported at that one alone."""
    config = {
        "methods": [{"name": name, "label": name, "options": {}} for name in SUCCESS],
        "selection_seeds": [1, 2], "report_seeds": [11, 12, 13, 14, 15, 16, 17, 18], "report_rates": "best",
        "reference": "grpo",
    }  # fmt: skip
    rows = [
        {
            "method": method, "options": "{}", "advantage_scale": scale, "learning_rate": rate, "seed": seed,
            "iteration": 0, "success": value * (1.0 if rate == 1.0 else 0.5) + 0.001 * seed,
            "env_steps": 300 if method == "gigpo" else 100, "policy_tokens": 100,
        }
        for method, value in SUCCESS.items()
        for scale in ("raw", "unit_rms")
        for rate in (1.0, 4.0)
        for seed in (1, 2, *(range(11, 19) if rate == 1.0 else ()))
    ]  # fmt: skip
    return SweepTable("made", config, rows)


def test_standings_are_ordered_by_raw_success_and_judged_against_the_reference(sweep):
    frame = standings_frame(sweep)
    assert list(frame["method"]) == ["rloo", "grpo", "gigpo"] * 2
    assert list(frame["scale"]) == ["raw"] * 3 + ["unit_rms"] * 3
    assert list(frame["verdict"][:3]) == ["better", "reference", "worse"]
    assert list(frame["edge"]) == ["lowest"] * 6
    assert frame["difference"][0] == pytest.approx(0.2)
    assert list(frame["env_steps"][:3]) == [100.0, 100.0, 300.0]


def test_rates_are_of_the_seeds_that_choose(sweep):
    frame = rates_frame(sweep)
    assert list(frame["method"].drop_duplicates()) == ["rloo", "grpo", "gigpo"]
    first = frame[(frame["scale"] == "raw") & (frame["method"] == "grpo")]
    assert list(first["success"]) == pytest.approx([0.5 + 0.0015, 0.25 + 0.0015])
    assert list(first["chosen"]) == [True, False]


def test_both_are_drawn_to_the_byte(sweep):
    for draw, frame in ((standings_plot, standings_frame(sweep)), (sensitivity_plot, rates_frame(sweep))):
        assert render(draw(frame, "Made"), "png", 60) == render(draw(frame, "Made"), "png", 60)


def test_a_missing_sweep_is_one_line(tmp_path, monkeypatch):
    monkeypatch.setattr("envbench.report.sweep_figures.home", lambda: tmp_path)
    with pytest.raises(InvalidValue, match="use a checkout"):
        sweep_of("sokoban")
    with pytest.raises(DataCorrupt, match="no sweep file"):
        committed_sweep(tmp_path / "baselines" / FOLDER / "results" / "none.parquet")


@checkout
def test_every_method_that_a_table_can_serve_is_in_every_sweep():
    names = [one.name for one in credit.methods("advantage") if not set(one.needs) & set(REFUSED)]
    for setting in SETTINGS:
        config = read_sweep(HERE / "sweeps" / f"{setting}.toml")
        assert sorted(one.name for one in config.methods) == sorted(names)
        assert (config.report_rates, config.reference) == ("best", "grpo")


@checkout
@pytest.mark.parametrize(("name", "folder"), NAMES)
def test_committed_figures_are_those_of_the_results(name, folder, tmp_path):
    pytest.importorskip("pyarrow")
    here = HERE.parent / folder
    file = here / "figures" / name
    table = figures.draw(name, tmp_path)[-1]
    pd.testing.assert_frame_equal(pd.read_csv(table), pd.read_csv(file.with_suffix(".csv")), atol=2e-6, rtol=0.0)
    assert file.with_suffix(".png").stat().st_size <= 150 * 1024
    text = (here / "README.md").read_text("utf-8")
    assert f"](figures/{name}.png)" in text
    assert re.search(rf"envbench figures .*--out baselines/{folder}/figures", text)


@checkout
def test_every_committed_figure_of_a_sweep_is_known():
    for folder in (FOLDER, "nano"):
        files = {path.name for path in (HERE.parent / folder / "figures").iterdir()}
        assert files == {f"{name}{suffix}" for name, of in NAMES if of == folder for suffix in (".png", ".csv")}


@checkout
def test_the_readme_says_which_methods_are_missing_and_why():
    text = " ".join((HERE / "README.md").read_text("utf-8").split())
    for one in [*credit.methods("advantage"), *credit.methods("shaping")]:
        for column in set(one.needs) & set(REFUSED):
            assert f"`{one.name}`" in text
            assert REFUSED[column] in text
