"""The report of a study: fabricated rows through the real executor, and what is said of them."""

import json
import math
import re
import tomllib
from pathlib import Path

import msgspec
import pytest

from envbench.errors import DataCorrupt, InvalidValue
from envbench.fidelity.config import read_study
from envbench.fidelity.example import example
from envbench.fidelity.study import study_plan
from envbench.fidelity.summary import write_results
from envbench.report import fidelity_board, fidelity_tables, write_board, write_figure, write_report
from envbench.report.fidelity import sentences, study_of
from envbench.report.fidelity_group import group_view, write_group
from envbench.runs import CellResult, Run, execute

STUDY = """
title = "small"
skills = [0.3, 0.6]
group_sizes = [4, 8, 16]
branching_sizes = [8]
groups = 20
seeds = 3

[[methods]]
name = "grpo"
[[methods]]
name = "gigpo"
[[methods]]
name = "rloo"
label = "twin"
[[methods]]
name = "vineppo"

[[settings]]
name = "near"
env = "envbench/Bifurcation-v0"
knobs = { decisions = 3, doors = 3, distance = 0, delay = 2 }
axes = { distance = 0 }
[[settings]]
name = "far"
env = "envbench/Bifurcation-v0"
knobs = { decisions = 3, doors = 3, distance = 4, delay = 2, aliasing = 80 }
axes = { distance = 4 }
[[settings]]
name = "lake"
env = "envbench/FrozenLake-v0"
knobs = { slippery = false }
tasks = 2
truth = "monte-carlo"
epsilons = [0.3]
"""
LEVEL = {"truth": 1.0, "random": 0.0, "grpo": 0.3, "gigpo": 0.5, "twin": 0.3, "vineppo": 0.51}


def measure(config, spec):
    """Fabricate a pool: gigpo is above grpo on all, vineppo is above gigpo on average alone, twin is grpo."""
    setting, exact = spec["setting"], spec["setting"]["truth"] == "exact"
    number = config_seeds(config).index(spec["seed"])
    about = {"setting": setting["name"], "env": setting["env"], "truth": setting["truth"], "skill": spec["skill"]}
    about |= {"seed": spec["seed"], "success": spec["skill"], "seconds": 0.1}
    rows = []
    for size in (4, 8, 16):
        for method, level in LEVEL.items():
            if method == "vineppo" and (not exact or size != 8):
                continue
            wobble = (0.1, -0.1, 0.0)[number] if method == "vineppo" else 0.001 * number * (method == "gigpo")
            value = level + wobble * (method not in ("truth", "random"))
            row = {"pearson": value, "pearson_corrected": value * (1.0 if exact else 1.25), "spearman": value}
            row |= {"sign_accuracy": (1 + value) / 2, "error": 1 - value, "bias": 0.0, "variance": 1 - value}
            row |= {"env_steps": 100 * size, "continuations": 800 * (method == "vineppo")}
            if exact:
                row |= {"cosine": value, "decisive_share": value, "decisive_steps": 0.25}
                row |= {"sample_cost": 10 / value} if value > 0 else {}
            rows.append({**about, "method": method, "group_size": size, **row})
    keys = {f"{key}_false_{what}": 0.0 for key in ("text", "text_history", "state") for what in ("merges", "splits")}
    keys["text_false_merges"] = 0.8 if setting["name"] == "far" else 0.0
    return CellResult(metrics=[*rows, {**about, "method": "keys", "group_size": 16, **keys}])


def config_seeds(config):
    from envbench.fidelity.config import StudyConfig

    known = {name: config[name] for name in StudyConfig.__struct_fields__ if name in config}
    return msgspec.convert(known, StudyConfig).pool_seeds()


@pytest.fixture(scope="module")
def file(tmp_path_factory) -> Path:
    path = tmp_path_factory.mktemp("study") / "study.toml"
    path.write_text(STUDY, encoding="utf-8")
    return path


@pytest.fixture(scope="module")
def run(file: Path) -> Run:
    return execute(study_plan(read_study(file)), measure, file.parent / "run")


@pytest.fixture(scope="module")
def study(run: Run):
    return study_of(run.metrics(), run.config["settings"])


@pytest.fixture(scope="module")
def written(run: Run, file: Path) -> Path:
    write_report([run], file.parent / "report")
    return file.parent / "report"


def rows_of(table):
    return {row["method"]: row for row in table.to_dict("records")}


def test_methods_are_compared_where_all_were_judged(study):
    assert study.size == 8  # the size of vineppo
    overall = rows_of(study.overall)
    assert {row["cells"] for row in overall.values()} == {4}  # near and far at two skills, without the lake
    assert list(overall) == ["truth", "random", "vineppo", "gigpo", "grpo", "twin"]
    assert overall["gigpo"]["pearson"] == pytest.approx(0.501)
    assert overall["gigpo"]["pearson_high"] - 0.501 == pytest.approx(4.30265 * 0.001 / math.sqrt(3), rel=1e-4)
    assert (overall["truth"]["pearson"], overall["random"]["pearson"]) == (1.0, 0.0)
    assert math.isnan(overall["truth"]["rank"])


def test_verdicts_need_pools_that_agree(study):
    overall = rows_of(study.overall)
    assert overall["gigpo"]["verdict"] == "better"
    assert overall["vineppo"]["verdict"] == "not distinguishable"  # 0.2 above on average, and all over the place
    assert overall["twin"]["verdict"] == "equal"
    assert not isinstance(overall["grpo"]["verdict"], str)


def test_an_infinite_sample_cost_counts(study):
    overall = rows_of(study.overall)
    assert overall["random"]["sample_cost"] == math.inf
    assert overall["random"]["never"] == 1.0
    assert overall["grpo"]["sample_cost"] == pytest.approx(10 / 0.3)


def test_environments_with_other_truths_have_tables_of_their_own(study):
    assert list(study.families) == ["Bifurcation", "FrozenLake (sampled truth)"]
    lake = rows_of(study.families["FrozenLake (sampled truth)"])
    assert set(lake) == {"truth", "random", "grpo", "gigpo", "twin"}
    assert lake["grpo"]["pearson_corrected"] == pytest.approx(0.375)
    assert math.isnan(lake["grpo"]["cosine"])


def test_sentences_claim_what_intervals_carry(study):
    said = " ".join(sentences(study))
    assert "Over the 4 cells" in said
    assert "vineppo has the highest correlation" in said
    assert "Not distinguishable from it: gigpo, grpo, twin." in said
    assert "Above grpo in correlation: gigpo." in said
    assert "Below grpo" not in said
    assert "The same correlation on every pool: grpo, twin." in said
    assert "far (80 %)" in said
    assert "near (" not in said


def test_curves_run_over_the_axes_of_the_settings(study):
    axes = fidelity_tables.axes_table(study.at_size, study.settings)
    grpo = axes[axes["method"] == "grpo"]
    assert list(zip(grpo["axis"], grpo["value"], strict=True)) == [("distance", 0.0), ("distance", 4.0)]
    assert fidelity_tables.featured(study.at_size) == ["grpo", "vineppo", "gigpo"]  # the twin is grpo's line


def test_one_pool_is_no_interval(run: Run):
    first = run.metrics()[0]["seed"]
    lone = study_of([row for row in run.metrics() if row["seed"] == first], run.config["settings"])
    overall = rows_of(lone.overall)
    assert math.isnan(overall["gigpo"]["pearson_low"])
    assert overall["gigpo"]["verdict"] == "not distinguishable"


def test_the_report_of_a_study_stands_alone(run: Run, written: Path):
    page, text = ((written / f"report.{kind}").read_text("utf-8") for kind in ("html", "md"))
    assert "Credit against the truth: small" in page
    assert not re.search(r"https?://", page.replace("http://www.w3.org", ""))
    for name in ("methods", "settings", "group-size", "axes", "skill"):
        assert (written / f"figures/{run.run_id}-{name}.png").stat().st_size > 1000
        assert f"figures/{run.run_id}-{name}.png" in text
    tables = {path.stem for path in (written / "tables").iterdir()}
    linked = {f"{run.run_id}-{name}" for name in ("methods", "summary", "keys", "bifurcation")}
    assert linked <= tables
    again = write_report([run], written.parent / "again")
    for path in again:
        assert path.read_bytes() == (written / path.relative_to(written.parent / "again")).read_bytes(), path


def test_the_recipe_is_the_same_study(run: Run, written: Path):
    assert study_plan(read_study(written / f"studies/{run.run_id}.toml")).run_id == run.run_id


@pytest.fixture
def board(run: Run, file: Path, tmp_path: Path, monkeypatch) -> Path:
    home = tmp_path / "home/leaderboards/credit-fidelity"
    write_results(run, home)
    (home / "study.toml").write_bytes(file.read_bytes())
    monkeypatch.setattr("envbench.report.fidelity_board.home", lambda: tmp_path / "home")
    return home


def test_the_board_is_made_from_the_committed_rows(board: Path, study):
    files = write_board(board, board / "study.toml")
    assert [path.name for path in files] == [
        "table.md", "methods.png", "settings.png", "group-size.png", "axes.png", "skill.png",
    ]  # fmt: skip
    table = files[0].read_text("utf-8")
    assert table.count("| truth |") == 3  # all, Bifurcation, FrozenLake
    assert "| gigpo | 0.501 \\[0.499, 0.503\\] | +0.201 better" in table
    assert "| random | 0.000 \\[0.000, 0.000\\] |" in table
    first = {path.name: path.read_bytes() for path in files}
    assert {path.name: path.read_bytes() for path in write_board(board, board / "study.toml")} == first


@pytest.mark.parametrize("kind", ["", "-settings", "-group-size", "-axes", "-skill"])
def test_figures_of_the_board(board: Path, tmp_path: Path, kind: str):
    files = write_figure(f"credit-fidelity{kind}", tmp_path / "figures")
    assert [path.name for path in files] == [f"credit-fidelity{kind}.{suffix}" for suffix in ("png", "svg", "csv")]


def test_a_board_without_rows_says_what_to_type(board: Path, tmp_path: Path):
    with pytest.raises(InvalidValue, match="envbench fidelity"):
        write_board(tmp_path, board / "study.toml")
    next(board.glob("results.*")).write_bytes(b"damaged")
    with pytest.raises(DataCorrupt, match="cannot be read"):
        write_board(board, board / "study.toml")


def test_the_committed_table_is_what_the_committed_rows_come_to():
    table = (fidelity_board.folder() / "table.md").read_text("utf-8")
    assert table == fidelity_board.board_table(fidelity_board.committed()), "run python scripts/credit_fidelity.py"


def test_the_page_of_a_group_shows_the_truth_first(file: Path, tmp_path: Path):
    config = read_study(file)
    shown = example(config, "far", 0.6, number=3)
    view = group_view(config, shown)
    assert [method.name for method in view.methods] == ["truth", "grpo", "gigpo", "vineppo"]
    assert (shown.setting, shown.skill, shown.number, len(shown.episodes)) == ("far", 0.6, 3, 8)
    cells = [cell for line in view.lines for cell in line if cell is not None]
    assert len(cells) == len(shown.steps)
    for cell in cells:
        assert (cell.note == "") or ("decides" in cell.note) or ("reward" in cell.note)
        assert len(cell.chips) == 4
        if "decides" not in cell.note:
            assert cell.chips[0].text == "0"
    first, second = (write_group(config, shown, tmp_path / name).read_bytes() for name in "ab")
    assert first == second
    assert b"The truth beside credit" in first


@pytest.mark.parametrize(
    ("words", "message"),
    [
        ({"setting": "fa"}, "far"),
        ({"setting": "lake"}, "choose an exact one"),
        ({"setting": "far", "skill": 0.5}, "0.3, 0.6"),
        ({"setting": "far", "number": 20}, "0 to 19"),
        ({"setting": "far", "methods": ["gigp"]}, "gigpo"),
    ],
    ids=json.dumps,
)
def test_a_group_that_is_not_there_is_refused(file: Path, words, message):
    from envbench.errors import EnvbenchError

    with pytest.raises(EnvbenchError, match=message):
        example(read_study(file), **words)


def test_settings_of_the_committed_study_have_axes():
    settings = tomllib.loads((fidelity_board.folder() / "study.toml").read_text("utf-8"))["settings"]
    values: dict[str, set[float]] = {}
    for setting in settings:
        for axis, value in setting.get("axes", {}).items():
            values.setdefault(axis, set()).add(value)
    assert all(len(found) > 1 for found in values.values())
    assert len(values) >= 4
