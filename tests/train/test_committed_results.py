"""The evidence under `baselines/`: recipes that run, results that the present code gives again."""

import dataclasses
import tomllib

import pytest

from envbench import credit
from envbench.cards import home
from envbench.compare import SweepTable, best_rates, compare_tables
from envbench.sweep import read_sweep, sweep_plan
from envbench.sweep_results import markdown, read_results
from envbench.train import train

BASELINES = home() / "baselines"
METHODS = sorted(path.parent for path in BASELINES.glob("*/method.toml"))
SWEEPS = sorted(BASELINES.glob("*/sweeps/*.toml"))


def stored(sweep):
    file = sweep.parents[1] / "results" / f"{sweep.stem}.parquet"
    if not file.exists():
        pytest.skip(f"no results of {sweep.name} here (a wheel leaves them out)")
    pytest.importorskip("pyarrow")
    return read_results(file)


@pytest.mark.parametrize("folder", METHODS, ids=lambda folder: folder.name)
def test_a_method_names_its_evidence(folder):
    document = tomllib.loads((folder / "method.toml").read_text())
    assert document["name"] == folder.name == credit.method(folder.name).name
    for one in document["evidence"]:
        config = read_sweep(folder / one["sweep"])
        assert folder.name in [method.name for method in config.methods]
        assert (folder / one["results"]).name.startswith(config.title)
    assert (folder / "README.md").read_text().startswith("# ")


@pytest.mark.parametrize("sweep", SWEEPS, ids=lambda sweep: sweep.stem)
def test_a_recipe_is_fit_for_a_claim(sweep):
    """A run of a language model costs a thousand of a table's: fewer seeds and rates, and the page says how many."""
    config = read_sweep(sweep)
    assert config.title == sweep.stem
    assert config.report_seeds >= (8 if config.lm else 20)
    assert len(config.learning_rates) >= (3 if config.lm else 5)
    assert {"raw", "unit_rms"} == set(config.advantage_scale)


@pytest.mark.parametrize("sweep", SWEEPS, ids=lambda sweep: sweep.stem)
def test_stored_results_are_those_of_the_present_code(sweep):
    """One cell is trained again; every digit of its stored curve must come back."""
    rows, config = stored(sweep), read_sweep(sweep)
    if config.lm:
        pytest.skip("a cell of a language model takes longer than this suite, and a model that is made first")
    best = best_rates(SweepTable(sweep.stem, sweep_plan(config).config, rows))
    cells = list(config.train_configs(best))
    assert len(rows) == len(cells) * len({row["iteration"] for row in rows})
    _, cell = cells[len(cells) // 2 + 3]
    cell = dataclasses.replace(cell, iterations=cell.iterations // 2)
    fresh = {row["iteration"]: row for row in train(cell) if row["iteration"] % cell.log_every == 0}
    kept = [
        row
        for row in rows
        if (row["method"], row["advantage_scale"], row["learning_rate"], row["seed"])
        == (cell.method, cell.advantage_scale, cell.learning_rate, cell.seed)
        and row["iteration"] in fresh
    ]
    assert len(kept) == len(fresh) > 4
    for row in kept:
        again = fresh[row["iteration"]]
        assert row["panel_sha256"] == again["panel_sha256"]
        assert row["success"] == again["success"]
        assert row["episode_return"] == round(again["episode_return"], 2)


@pytest.mark.parametrize("sweep", SWEEPS, ids=lambda sweep: sweep.stem)
def test_the_page_says_what_the_curves_say(sweep):
    rows, config = stored(sweep), sweep_plan(read_sweep(sweep)).config
    page = markdown(config, *compare_tables([SweepTable(sweep.stem, config, rows)]))
    assert (sweep.parents[1] / "results" / f"{sweep.stem}.md").read_text() == page
