"""The figures of the group-advantage methods: against golden tables, closed forms and the reference sheet's numbers."""

import json
from pathlib import Path

import pytest

from envbench.studies import credit_optimisation as study

GOLDEN = Path(__file__).resolve().parents[1] / "golden" / "credit"


def load(name):
    return json.loads((GOLDEN / f"{name}.json").read_text(encoding="utf-8"))


def pick(rows, key, **where):
    return [row[key] for row in rows if all(row[name] == value for name, value in where.items())]


# Share of samples with the wrong sign for G = 2, 4, 8, 16, 32: 60,000 groups, counted over all samples that were drawn
# (G + 1 for the median), from the reference sheet.
FLIPS = {
    ("composite 0.1", "mean"): (0.065, 0.138, 0.162, 0.152, 0.123),
    ("composite 0.1", "median"): (0.006, 0.002, 0.0, 0.0, 0.0),
    ("composite 0.3", "mean"): (0.122, 0.123, 0.087, 0.050, 0.019),
    ("composite 0.3", "median"): (0.026, 0.018, 0.007, 0.001, 0.0),
    ("composite 0.5", "mean"): (0.106, 0.071, 0.039, 0.019, 0.008),
    ("composite 0.5", "median"): (0.027, 0.023, 0.017, 0.010, 0.004),
    ("skewed", "mean"): (0.290, 0.125, 0.039, 0.011, 0.002),
    ("skewed", "median"): (0.123, 0.145, 0.161, 0.175, 0.186),
    ("binary 0.3", "mean"): (0.0,) * 5,
    ("binary 0.3", "median"): (0.0,) * 5,
}


def test_sign_flips_of_mc_grpo():
    rows = study.mc_grpo_sign_flips(groups=2000)
    assert {(row["family"], row["baseline"]) for row in rows} == set(FLIPS)
    for row in rows:
        size = row["group_size"]
        drawn = size if row["baseline"] == "mean" else size + 1
        expected = FLIPS[row["family"], row["baseline"]][(2, 4, 8, 16, 32).index(size)] * drawn / size
        assert row["flips"] == pytest.approx(expected, abs=4.0 * row["flips_se"] + 0.001)
    assert all(0.25 < share < 0.75 for share in pick(rows, "zeros", baseline="median", family="composite 0.3"))
    assert rows == study.mc_grpo_sign_flips(groups=2000)


def test_errors_of_v05():
    cases = load("v05_fusion")["exact_mse_n4"]
    rows = study.v05_errors(4, [(case["p"], case["prior"]) for case in cases])
    for baseline, key in (("fused", "mse_fused"), ("mean", "mse_mean"), ("prior", "mse_prior")):
        assert pick(rows, "mse", baseline=baseline) == pytest.approx([case[key] for case in cases], abs=1e-9)
    table = study.v05_error_over_priors()
    wrong = {"size": 4, "rate": 0.5, "prior_error": 0.3}
    assert pick(table, "mse", baseline="fused", **wrong) > pick(table, "mse", baseline="mean", **wrong)
    right = {"size": 4, "rate": 0.1, "prior_error": 0.0}
    assert pick(table, "mse", baseline="fused", **right) < pick(table, "mse", baseline="mean", **right)


def test_signal_share_has_its_closed_form():
    rows = study.signal_share(sizes=(4, 8))
    for row in rows:
        n, p = row["size"], row["rate"]
        grpo, ngrpo = 1.0 - p**n - (1.0 - p) ** n, 1.0 - p**n
        expected = {"NGRPO": ngrpo, "COPO": 1.0, "V_0.5, prior right": 1.0}.get(row["method"], grpo)
        assert row["share"] == pytest.approx(expected, abs=1e-12)
    weak, strong = (
        pick(rows, "weight", method=name, size=8, rate=0.1)[0] / pick(rows, "weight", method=name, size=8, rate=0.9)[0]
        for name in ("A-GRAE, mean reward 0.2", "A-GRAE, mean reward 0.8")
    )
    assert weak < strong  # the higher the mean reward, the more the hard prompts weigh


def test_uplift_of_pass_at_n():
    golden = load("passn_uplift")
    for name, curve in golden["curves"].items():
        top, bottom = map(int, name.split("/"))
        rows = study.pass_uplift([top / bottom], golden["N"], golden["eps"])
        assert [row["uplift"] for row in rows] == pytest.approx(curve, abs=1e-9)


def test_rank_bias():
    rows = study.rank_bias(problems=200)
    plain = pick(rows, "rose", beta=0.0, epochs=1)
    assert plain[0] < plain[3] < plain[7]  # GRPO leaves correct but unlikely answers behind
    assert plain[0] < pick(rows, "rose", beta=0.25, epochs=1)[0]
    assert plain[0] < pick(rows, "rose", beta=0.0, epochs=4)[0]
    assert sum(pick(rows, "samples", beta=0.0, epochs=1)) == sum(pick(rows, "samples", beta=0.25, epochs=4))
    assert rows == study.rank_bias(problems=200)


def test_arena_topologies():
    rows = study.arena_topologies(members=8, groups=60, noises=(0.0, 1.0))
    for topology, asked in (("anchor", 7), ("elimination", 14), ("swiss", 12), ("double elimination", 14)):
        assert set(pick(rows, "comparisons", topology=topology)) == {asked}
    for topology in ("anchor", "elimination", "round_robin"):
        assert pick(rows, "tau", topology=topology, noise=0.0) == [1.0]
    noisy = {"noise": 1.0, "quality": "logistic"}
    anchor, everyone = (pick(rows, "tau", topology=one, **noisy)[0] for one in ("anchor", "round_robin"))
    assert anchor < everyone < 1.0
    equal = pick(rows, "mean_abs", quality="equal")
    assert len(equal) == len(study.TOPOLOGIES)
    assert min(equal) > 0.8  # nothing to find, yet everybody is ranked
