"""From rows to means, and rows that are committed."""

import json

import pytest

from envbench.fidelity.summary import summarise, write_results
from envbench.runs import Cell, CellResult, Plan, execute
from envbench.runs.tables import read_episodes

WHERE = {"setting": "a", "env": "e", "truth": "exact", "skill": 0.5, "method": "grpo", "group_size": 8}


def pools(*measures):
    return [{**WHERE, "seed": seed, **one} for seed, one in enumerate(measures)]


def test_means_have_students_interval_over_pools():
    (row,) = summarise(pools({"pearson": 0.1}, {"pearson": 0.2}, {"pearson": 0.6}))
    assert row["n"] == 3
    assert row["pearson"] == pytest.approx(0.3)
    half = 4.30265 * (0.07**0.5) / 3**0.5  # variance of 0.1, 0.2, 0.6 is 0.07
    assert (row["pearson_low"], row["pearson_high"]) == pytest.approx((0.3 - half, 0.3 + half), abs=1e-6)


def test_one_pool_has_no_interval():
    (row,) = summarise(pools({"pearson": 0.1}))
    assert row["pearson"] == 0.1
    assert "pearson_low" not in row


def test_what_no_pool_measured_is_absent():
    (row,) = summarise(pools({"pearson": 0.1}, {"pearson": 0.3}))
    assert not {"cosine", "sample_cost", "reached"} & row.keys()


@pytest.mark.parametrize(
    ("costs", "median", "reached"),
    [
        ((100.0, 300.0, 200.0), 200.0, 1.0),
        ((100.0, None, 200.0), 200.0, 2 / 3),
        ((None, 100.0, None), None, 1 / 3),
        ((None, None, None), None, 0.0),
        ((100.0, 200.0), 150.0, 1.0),
        ((100.0, None), None, 0.5),
    ],
)
def test_sample_cost_is_a_median_that_may_be_infinite(costs, median, reached):
    rows = pools(*({"cosine": 0.5, **({} if cost is None else {"sample_cost": cost})} for cost in costs))
    (row,) = summarise(rows)
    assert row.get("sample_cost") == median
    assert row["reached"] == pytest.approx(reached)


def test_cells_methods_and_sizes_are_kept_apart():
    rows = [row | {"group_size": size} for size in (4, 8) for row in pools({"pearson": size / 10}, {"pearson": 0.0})]
    assert [(row["group_size"], row["pearson"]) for row in summarise(rows)] == [(4, 0.2), (8, 0.4)]


def work(config, spec):
    rows = pools({"pearson": 0.123456, "env_steps": 12345, "seconds": 0.1, "rows": 7})
    return CellResult(metrics=[*rows, {**WHERE, "seed": 1, "method": "keys", "clock_spread": 0.5}])


def test_results_read_back_as_they_were_but_for_wall_time(tmp_path):
    run = execute(Plan("fidelity", {}, (Cell("a", {}),)), work, tmp_path / "run")
    path = write_results(run, tmp_path / "board")
    rows = read_episodes(path.suffix, path.read_bytes())
    assert len(rows) == 2
    assert rows[0] | WHERE == rows[0]
    assert (rows[0]["pearson"], rows[0]["env_steps"]) == (0.1235, 12345)
    assert (rows[1]["pearson"], rows[1]["clock_spread"]) == (None, 0.5)
    assert not {"seconds", "cell", "rows"} & rows[0].keys()
    assert write_results(run, tmp_path / "again").read_bytes() == path.read_bytes()
    json.dumps(summarise([{name: value for name, value in row.items() if value is not None} for row in rows]))
