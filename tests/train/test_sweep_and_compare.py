"""Sweep files, their plans, and the comparison of what came out."""

import json
from pathlib import Path

import pytest

from envbench.compare import compare_evals, compare_sweeps, labeller, measure_of, too_few
from envbench.errors import DataCorrupt, InvalidValue, SplitRefused, UnknownName
from envbench.runs import Cell, CellResult, Plan, execute
from envbench.sweep import (
    cost,
    execute_sweep,
    read_sweep,
    sweep_from,
    sweep_plan,
)
from envbench.sweep_results import markdown, read_results, write_results

SMALL = {
    "title": "small",
    "env": "envbench/FrozenLake-v0",
    "knobs": {"slippery": False},
    "tasks": 2,
    "groups": 2,
    "group_size": 4,
    "iterations": 5,
    "log_every": 2,
    "learning_rates": [1, 4],
    "selection_seeds": 2,
    "report_seeds": 3,
    "methods": [{"name": "grpo"}, {"name": "gigpo", "label": "gigpo, omega 0", "options": {"omega": 0.0}}],
}


def small(**changes):
    return sweep_from({**SMALL, **changes}, "test")


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    return execute_sweep(small(), tmp_path_factory.mktemp("sweep") / "run")


def timeless(rows):
    return [{name: value for name, value in row.items() if not name.endswith("_seconds")} for row in rows]


def test_a_plan_has_every_cell_once_and_seeds_of_two_kinds():
    plan = sweep_plan(small())
    assert len(plan.cells) == 2 * 2 * 2 * (2 + 3)
    config = plan.config
    assert not set(config["selection_seeds"]) & set(config["report_seeds"])
    assert {cell.spec["seed"] for cell in plan.cells} == {*config["selection_seeds"], *config["report_seeds"]}
    assert plan.sha256 != sweep_plan(small(seed=1)).sha256
    assert "40 training runs: 2 methods x 2 scales x 2 rates x 2+3 seeds" in cost(small(), 1)


def test_a_sweep_does_not_depend_on_processes(run, tmp_path):
    again = execute_sweep(small(), tmp_path / "two", workers=2)
    assert timeless(again.metrics()) == timeless(run.metrics())
    assert len(run.metrics()) == 40 * 3  # iterations 0, 2, 4


def test_options_that_change_nothing_give_a_tie(run):
    """GiGPO with omega 0 is GRPO: paired by seed, every difference is 0."""
    standings, duels = compare_sweeps([run])
    assert [(one.scale, one.method) for one in standings] == [
        (scale, method) for scale in ("raw", "unit_rms") for method in ("grpo", "gigpo, omega 0")
    ]
    for duel in duels:
        assert duel.comparison.difference.estimate == 0.0
        assert duel.comparison.p_value == 1.0
        assert duel.verdict == "not distinguishable"
    row = run.metrics()[-1]
    assert labeller(run.config)(row) == "gigpo, omega 0"


@pytest.fixture(scope="module")
def two_stages(tmp_path_factory):
    return execute_sweep(small(report_rates="best"), tmp_path_factory.mktemp("best") / "run")


def test_the_report_seeds_run_at_the_best_rate_alone(run, two_stages):
    """The same numbers as with every rate, from fewer runs."""
    best = {(one.scale, one.method): one for one in compare_sweeps([run])[0]}
    rows = two_stages.metrics()
    assert len({row["cell"] for row in rows}) == 2 * 2 * (2 * 2 + 3)
    report = set(two_stages.config["report_seeds"])
    for row in rows:
        if row["seed"] in report:
            label = labeller(two_stages.config)(row)
            assert row["learning_rate"] == best[row["advantage_scale"], label].learning_rate
            assert row["cell"].startswith(f"{label}/{row['advantage_scale']}/best/")
    everywhere = {(row["method"], row["advantage_scale"], row["learning_rate"], row["seed"], row["iteration"]): row
                  for row in run.metrics()}  # fmt: skip
    for row in rows:
        other = everywhere[row["method"], row["advantage_scale"], row["learning_rate"], row["seed"], row["iteration"]]
        assert row["success"] == other["success"]
    for measure in ("area", "final"):
        standings, duels = compare_sweeps([two_stages], measure)
        if measure == "area":
            assert duels == compare_sweeps([run])[1]
        for one in standings:
            same = best[one.scale, one.method]
            assert (one.learning_rate, one.edge) == (same.learning_rate, same.edge)
            if measure == "area":
                assert (one.report, one.selection) == (same.report, same.selection)
                assert one.rates[one.learning_rate] == one.selection
                assert {**one.budget, "wall_seconds": 0} == {**same.budget, "wall_seconds": 0}
                assert one.budget["env_steps"] > 0


def test_a_plan_of_two_stages_is_hashed_before_it_runs():
    plan, whole = sweep_plan(small(report_rates="best")), sweep_plan(small())
    assert plan.sha256 == sweep_plan(small(report_rates="best")).sha256 != whole.sha256
    late = [cell for cell in plan.cells if cell.late]
    assert len(late) == 2 * 2 * 3
    assert all("learning_rate" not in cell.spec for cell in late)
    assert not any(cell.late for cell in whole.cells)
    words = "28 training runs: 2 methods x 2 scales x 2 rates x 2 seeds and 3 more at the best rate"
    assert words in cost(small(report_rates="best"), 1)


def test_a_method_may_have_continuations_of_its_own():
    config = small(methods=[{"name": "vineppo", "continuations": 2}, {"name": "grpo"}])
    assert {one.method: one.continuations for _, one in config.train_configs()} == {"vineppo": 2, "grpo": 0}
    plan = sweep_plan(config)
    assert {cell.spec["method"]: cell.spec.get("continuations") for cell in plan.cells} == {"vineppo": 2, "grpo": None}
    assert [one.get("continuations") for one in plan.config["methods"]] == [2, None]


def test_a_page_of_two_stages_says_so(two_stages, tmp_path):
    page = write_results(two_stages, tmp_path).with_suffix(".md").read_text()
    assert "| at every rate (selection seeds) | env steps | policy tokens | note |" in page


def made_sweep(folder, success, **changes):
    """Store a sweep whose success at (method, rate, seed number) is given."""
    config = small(**changes)
    plan = sweep_plan(config)
    seeds = [*config.seeds("selection"), *config.seeds("report")]
    table = {}
    for cell in plan.cells:
        spec = cell.spec
        value = success(spec["method"], spec["learning_rate"], seeds.index(spec["seed"]))
        table[cell.key] = [value / 2, value, value * 1.5]
    (folder.parent / "table.json").write_text(json.dumps(table))
    wide = Plan("sweep", {**plan.config, "table": str(folder.parent / "table.json")}, tuple(plan.cells), "made")
    cells = tuple(Cell(cell.key, {**cell.spec, "key": cell.key}) for cell in wide.cells)
    return execute(Plan("sweep", wide.config, cells, "made"), stored_cell, folder)


def stored_cell(config, spec):
    values = json.loads(Path(config["table"]).read_text())[spec["key"]]
    options = json.dumps(spec["options"], separators=(",", ":"))
    return CellResult(
        metrics=[
            {**{k: spec[k] for k in ("method", "advantage_scale", "learning_rate", "seed")}, "options": options}
            | {"iteration": i, "success": value}
            for i, value in enumerate(values)
        ]
    )


def test_the_rate_is_chosen_on_selection_seeds_alone(tmp_path):
    """Rate 4 shines on the report seeds, rate 1 on the selection seeds: rate 1 is reported."""

    def success(method, rate, number):
        if method == "gigpo":
            return 0.5 + 0.01 * number if rate == 4 else 0.1
        return {True: {1: 0.4, 4: 0.2}, False: {1: 0.3, 4: 0.6}}[number < 2][rate]

    methods = [{"name": "grpo"}, {"name": "gigpo"}]
    stored = made_sweep(tmp_path / "run", success, methods=methods, report_seeds=8, advantage_scale=["raw"])
    (grpo, gigpo), (duel,) = compare_sweeps([stored])
    assert (grpo.learning_rate, grpo.edge) == (1.0, "lowest")
    assert grpo.selection == pytest.approx(0.4)
    assert grpo.report.estimate == pytest.approx(0.3)
    assert grpo.rates == {1.0: pytest.approx(0.3), 4.0: pytest.approx(0.6)}
    assert (gigpo.learning_rate, gigpo.edge) == (4.0, "highest")
    assert duel.verdict == "gigpo better"
    assert duel.comparison.difference.estimate == pytest.approx(0.3 - (0.5 + 0.01 * 5.5))
    assert duel.comparison.p_value == pytest.approx(2 / 2**8)
    final = compare_sweeps([stored], "final")[0]
    assert final[0].report.estimate == pytest.approx(0.45)


def test_a_noisy_difference_is_not_distinguishable(tmp_path):
    def success(method, _rate, number):
        return 0.5 if method == "grpo" else 0.5 + (0.2 if number % 2 else -0.19)

    methods = [{"name": "grpo"}, {"name": "gigpo"}]
    stored = made_sweep(tmp_path / "run", success, methods=methods, report_seeds=8)
    assert [duel.verdict for duel in compare_sweeps([stored])[1]] == ["not distinguishable"] * 2


def test_many_methods_are_compared_with_one_reference(tmp_path):
    """Three duels instead of six, and p-values adjusted for three."""

    def success(method, _rate, number):
        return {"grpo": 0.5, "rloo": 0.6, "gigpo": 0.5 + (0.2 if number % 2 else -0.19), "gae": 0.3}[method]

    names = ("grpo", "rloo", "gigpo", "gae")
    changes = {"methods": [{"name": name} for name in names], "report_seeds": 8, "advantage_scale": ["raw"]}
    stored = made_sweep(tmp_path / "run", success, **changes, reference="grpo")
    duels = compare_sweeps([stored])[1]
    assert [(duel.a, duel.b) for duel in duels] == [("rloo", "grpo"), ("gigpo", "grpo"), ("gae", "grpo")]
    assert [duel.verdict for duel in duels] == ["rloo better", "not distinguishable", "grpo better"]
    assert duels[0].comparison.p_value == pytest.approx(3 * 2 / 2**8)
    assert too_few(duels) == ""
    assert too_few(duels * 3).startswith("8 seeds cannot tell any of 9 pairs apart: p is at least 0.070")
    assert "p is at least 1.000" in too_few(duels * 50)
    page = markdown(stored.config, *compare_sweeps([stored]))
    assert "| raw | better | rloo |\n| raw | not distinguishable | gigpo |\n| raw | worse | gae |\n" in page
    other = compare_sweeps([stored], reference="gae")[1]
    assert [duel.a for duel in other] == ["grpo", "rloo", "gigpo"]
    with pytest.raises(UnknownName, match="grpo"):
        compare_sweeps([stored], reference="grop")


def test_sweeps_of_one_setting_pool_their_methods(run, tmp_path):
    other = execute_sweep(small(methods=[{"name": "rloo"}]), tmp_path / "rloo")
    standings, duels = compare_sweeps([run, other])
    assert [one.method for one in standings if one.scale == "raw"] == ["grpo", "gigpo, omega 0", "rloo"]
    assert len(duels) == 2 * 3
    with pytest.raises(InvalidValue, match="two sweeps hold a method 'grpo'"):
        compare_sweeps([run, run])
    foreign = execute_sweep(small(methods=[{"name": "rloo"}], iterations=3), tmp_path / "other")
    with pytest.raises(InvalidValue, match="differ in iterations"):
        compare_sweeps([run, foreign])


def test_results_hold_the_curves(run, tmp_path):
    file = write_results(run, tmp_path / "results")
    rows = read_results(file)
    assert file.stem == "small"
    page = file.with_suffix(".md").read_text()
    assert "| raw | grpo - gigpo, omega 0 | +0.000 | [0.000, 0.000] | 1.0000 | not distinguishable |" in page
    assert [row["success"] for row in rows] == [row["success"] for row in run.metrics()]
    assert "wall_seconds" not in rows[0]
    file.write_bytes(file.read_bytes()[:-20])
    with pytest.raises(DataCorrupt, match="small"):
        read_results(file)


@pytest.mark.parametrize(
    ("change", "error", "words"),
    [
        ({"itrations": 3}, UnknownName, "iterations"),
        ({"methods": [{"name": "grpo", "option": {}}]}, UnknownName, "options"),
        ({"methods": [{"name": "grpo"}, {"name": "grpo"}]}, InvalidValue, "label"),
        ({"methods": [{"name": "grpo"}, {"name": "grpo", "label": "x"}]}, InvalidValue, "same options"),
        ({"methods": [{"label": "x"}]}, InvalidValue, "'name' is missing"),
        ({"methods": ["grpo"]}, InvalidValue, r"\[\[methods\]\]"),
        ({"methods": [{"name": "grpoo"}]}, UnknownName, "grpo"),
        ({"learning_rates": 3}, InvalidValue, "list"),
        ({"learning_rates": [4, 1]}, InvalidValue, "ascending"),
        ({"learning_rates": []}, InvalidValue, "ascending"),
        ({"advantage_scale": ["rms"]}, UnknownName, "unit_rms"),
        ({"report_seeds": 0}, InvalidValue, "report_seeds"),
        ({"report_rates": "bets"}, UnknownName, "best"),
        ({"reference": "gigpo"}, UnknownName, "unknown reference"),
        ({"tasks": "two"}, InvalidValue, "tasks"),
        ({"knobs": 3}, InvalidValue, "table"),
        ({"split": "test"}, SplitRefused, "train"),
    ],
)
def test_bad_sweep_files(change, error, words):
    with pytest.raises(error, match=words):
        small(**change)


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"learning_rate": 0.1}, r"\[lm\] learning_rate.*learning_rates above, beside env"),
        ({"seed": 3}, r"\[lm\] seed"),
        ({"method": "grpo"}, r"\[lm\] method"),
        ({"continuations": 2}, r"\[lm\] continuations.*\[\[methods\]\]"),
        ({"tasks": 3}, r"\[lm\] tasks: write it above"),
        ({"betas": ["a", 0.9]}, "betas"),
        ({"betas": 3}, "betas"),
        ({"weight_decay": -1.0}, "weight_decay"),
        ({"device": "meta"}, "device"),
        ({"test_tasks": 129}, "128 tasks"),
    ],
)
def test_bad_options_of_a_language_model_in_a_sweep(options, words):
    with pytest.raises(InvalidValue, match=words) as caught:
        small(lm={"model": "m", **options})
    assert "\n" not in str(caught.value)


def test_a_sweep_over_a_model_that_is_not_there_does_not_begin(tmp_path):
    for model in (tmp_path / "none", tmp_path / "none" / "at" / "all"):
        with pytest.raises(InvalidValue, match="no such folder|no tokenizer can be read"):
            execute_sweep(small(lm={"model": str(model)}), tmp_path / "run")
        assert not (tmp_path / "run").exists()


def test_unreadable_sweep_files(tmp_path):
    with pytest.raises(InvalidValue, match="cannot be read"):
        read_sweep(tmp_path / "none.toml")
    (tmp_path / "bad.toml").write_text("env = \n")
    with pytest.raises(InvalidValue, match="no TOML"):
        read_sweep(tmp_path / "bad.toml")
    with pytest.raises(InvalidValue, match="'learning_rates' is missing"):
        sweep_from({key: value for key, value in SMALL.items() if key != "learning_rates"}, "test")


def played(_config, spec):
    row = {**spec, "success": spec["score"] == 1.0, "episode_return": spec["score"]}
    return CellResult(episodes=[row])


def made_eval(folder, agent, scores, panel="a"):
    cells = tuple(
        Cell(f"t{i}#0", {"task": f"t{i}", "trial": 0, "cluster": f"c{i // 2}", "score": score})
        for i, score in enumerate(scores)
    )
    config = {"panel": {"id": panel, "sha256": panel}, "agent": {"name": agent}}
    return execute(Plan("eval", config, cells), played, folder)


def test_evaluations_are_paired_over_clusters(tmp_path):
    good = made_eval(tmp_path / "good", "oracle", [1.0] * 16)
    bad = made_eval(tmp_path / "bad", "random", [0.0] * 14 + [0.5, 1.0])
    success, score, _ = compare_evals(good, bad)
    assert success.comparison.difference.estimate == pytest.approx(15 / 16)
    assert success.comparison.difference.units == 8
    assert success.verdict == "oracle better"
    assert score.comparison.difference.estimate == pytest.approx(14.5 / 16)
    assert compare_evals(bad, bad)[0].verdict == "not distinguishable"
    with pytest.raises(InvalidValue, match="different panels"):
        compare_evals(good, made_eval(tmp_path / "other", "random", [0.0], panel="b"))


def test_only_a_model_that_is_tested_is_compared_by_its_test():
    assert measure_of({"lm": None}) == measure_of({"lm": {"test_tasks": 0}}) == "area"
    assert measure_of({"lm": {"test_tasks": 8}}) == "test"
