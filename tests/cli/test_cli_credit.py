"""`credit list`, `credit show` and `credit explain` as typed."""

import json
from pathlib import Path

import pytest

from envbench import credit
from envbench.cli.credit import attributes
from envbench.evaluate import evaluate, make_plan
from envbench.rollout.fill import REFUSED
from envbench.train import TrainConfig
from envbench.train.losses.catalogue import LOSSES
from envbench.train.run import execute_training

LAKE = "envbench/FrozenLake-v0"
GOLDEN = Path(__file__).parents[1] / "golden" / "credit"


@pytest.fixture(scope="module")
def runs(tmp_path_factory):
    folder = tmp_path_factory.mktemp("runs")
    plan = make_plan(LAKE, "random", knobs={"slippery": False}, episodes=3, trials=4, seed=1)
    evaluate(plan, folder / "eval")
    evaluate(make_plan(LAKE, "random", episodes=2), folder / "alone")
    config = TrainConfig(env=LAKE, knobs={"slippery": False}, tasks=3, groups=3, group_size=4, iterations=3)
    execute_training(config, folder / "train")
    return folder


def test_list_is_the_contract(typed):
    code, out, _ = typed("credit", "list", "--json")
    rows = json.loads(out)
    assert code == 0
    assert [row["name"] for row in rows] == [one.name for one in (*credit.methods(), *LOSSES)]
    for row in rows:
        assert list(row) == ["name", "kind", "level", "needs", "cost", "evidence", "paper", "module"]
        assert isinstance(row["needs"], list)
    _, out, err = typed("credit", "list")
    assert "extra cost" in out
    assert all(meaning in err for meaning in credit.EVIDENCE.values())


def test_list_filters_by_kind(typed):
    _, out, _ = typed("credit", "list", "--kind", "sampler", "--json")
    assert {row["kind"] for row in json.loads(out)} == {"sampler"}
    code, out, err = typed("credit", "list", "--kind", "samplr")
    assert (code, out) == (2, "")
    assert err == "error: unknown kind 'samplr'. Did you mean 'sampler'?\n"


def test_show_explains_options_needs_and_evidence(typed):
    _, out, _ = typed("credit", "show", "gigpo", "--json")
    document = json.loads(out)
    (omega,) = [one for one in document["options"] if one["option"] == "omega"]
    assert omega == {"option": "omega", "type": "NonNegative", "default": 1.0, "meaning": "weight of the step term."}
    (scale,) = [one for one in document["options"] if one["option"] == "scale"]
    assert scale["meaning"].startswith("divide by the group's sample")  # GRPO's own words
    assert document["filled_by"] == {"anchor": "every rollout"}
    assert document["golden"] == "tests/golden/credit/gigpo.json"
    _, out, err = typed("credit", "show", "portool")
    assert "evidence: abstract: only the paper's abstract was at hand; the formula is ours" in out
    assert "record=('executed',): bool [S]: the action had an effect" in out
    assert "next: envbench credit explain RUN --methods portool" in err


def test_show_works_an_example_by_hand(typed):
    """GRPO by hand: returns 1, 1, 0 in the first group: mean 2/3, sample deviation 0.57735."""
    rows = json.loads(typed("credit", "show", "grpo", "--json")[1])["example"]
    first = [row["advantage"] for row in rows if row["group"] == 0]
    assert first == pytest.approx([0.57735] * 6 + [-1.1547] * 2, abs=1e-4)
    assert all(row["advantage"] == 0.0 for row in rows if row["group"] == 1)
    for row in json.loads(typed("credit", "show", "gigpo", "--json")[1])["example"]:
        assert row["advantage"] == pytest.approx(row["part episode"] + row["part step"], abs=1e-5)


@pytest.mark.parametrize("name", [method.name for method in credit.methods()])
def test_every_method_can_be_shown(typed, name):
    code, out, _ = typed("credit", "show", name, "--json")
    document = json.loads(out)
    assert code == 0
    assert document["about"]
    assert all(one["meaning"] for one in document["options"]), [o["option"] for o in document["options"]]
    assert set(document["filled_by"]) == set(document["needs"])
    for column, filled in document["filled_by"].items():
        assert (
            filled == "every rollout"
            or "=" in filled
            or column in filled
            or filled.startswith(REFUSED.get(column, "No"))
        )
    assert not document["golden"] or (GOLDEN / Path(document["golden"]).name).is_file()


def test_show_refuses_an_unknown_method(typed):
    code, out, err = typed("credit", "show", "gigp")
    assert (code, out) == (2, "")
    assert "unknown credit method 'gigp'. Did you mean 'gigpo'?" in err


def test_attributes_are_read_from_a_docstring():
    doc = """Options.

    Attributes:
        one, two: said of both,
            at length: here. other: not an entry of its own.
        three: `a`: b. four: last.

    Later: no.
    """
    both = "said of both, at length: here. other: not an entry of its own."
    names = ("one", "two", "three", "four")
    assert attributes(doc, names) == {"one": both, "two": both, "three": "`a`: b.", "four": "last."}


def test_explain_writes_a_page_of_an_eval(typed, runs, tmp_path):
    code, out, err = typed("credit", "explain", runs / "eval", "--methods", "grpo,gigpo", "--out", tmp_path, "--json")
    document = json.loads(out)
    assert code == 0
    assert document["methods"] == ["grpo", "gigpo"]
    assert document["groups"] == 3
    assert Path(document["page"]) == tmp_path / "explain.html"
    assert f"next: open {tmp_path / 'explain.html'} in a browser" in err
    before = (tmp_path / "explain.html").read_bytes()
    _, out, _ = typed("credit", "explain", runs / "eval", "--methods", "grpo,gigpo", "--out", tmp_path)
    assert "4 episodes by random" in out
    assert (tmp_path / "explain.html").read_bytes() == before


def test_explain_fills_what_methods_ask_for_in_a_train_run(typed, runs, tmp_path):
    words = ("--methods", "grpo,gae,vineppo,tempo", "--iteration", 2, "--group", 1, "--json")
    _, out, _ = typed("credit", "explain", runs / "train", *words)
    document = json.loads(out)
    assert document["group"] == 1
    assert Path(document["page"]).is_file()
    assert document["page"].startswith("runs/explain-train-")


BAD = {
    "unknown": ("eval", ("--methods", "gigp"), "unknown advantage method 'gigp'. Did you mean 'gigpo'?"),
    "shaping": ("eval", ("--methods", "overlong"), "unknown advantage method 'overlong'"),
    "column": ("eval", ("--methods", "gae"), "gae needs the column 'value'. No eval records it; explain a train run"),
    "refused": ("train", ("--methods", "matchtir"), "matchtir needs the column"),
    "group": ("eval", ("--group", 3), "--group 3: there are 3 groups, 0 to 2"),
    "eval iteration": ("eval", ("--iteration", 0), "iterations are of train"),
    "iteration": ("train", ("--iteration", 3), "has iterations 0 to 2"),
    "alone": ("alone", (), "run eval with --trials 8"),
    "no run": ("nowhere", (), "is not a run (no run.toml)"),
    "no methods": ("eval", ("--methods", ""), "unknown advantage method ''"),
}


@pytest.mark.parametrize("case", sorted(BAD))
def test_explain_refuses_bad_input_in_one_line(typed, runs, case):
    run, words, expected = BAD[case]
    code, out, err = typed("credit", "explain", runs / run, *words)
    assert (code, out) == (2, "")
    (line,) = [line for line in err.splitlines() if line.startswith("error: ")]
    assert expected in line
    assert not Path("runs").exists()
