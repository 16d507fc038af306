"""The figures that train: what must hold whatever the numbers are."""

import numpy as np
import pytest

from envbench.studies import credit_training as study


def pick(rows, key, **where):
    return [row[key] for row in rows if all(row[name] == value for name, value in where.items())]


@pytest.fixture
def few(monkeypatch):
    monkeypatch.setattr(study, "PENALTIES", (0.0, 1.0))
    monkeypatch.setattr(study, "WEIGHTS", (0.0, 0.5))


@pytest.mark.usefixtures("few")
def test_trade_off_of_hdpo():
    rows = study.hdpo_trade_off(updates=25, seeds=2)
    plain = pick(rows, "calls", method="coupled", strength=0.0)
    assert plain == pick(rows, "calls", method="hdpo", strength=0.0)
    assert pick(rows, "calls", method="hdpo", strength=0.5)[0] < plain[0]
    assert pick(rows, "calls", method="coupled", strength=1.0)[0] < plain[0]
    success = [
        pick(rows, "success", method=method, strength=most)[0] for method, most in (("coupled", 1.0), ("hdpo", 0.5))
    ]
    assert success[0] < success[1] < study.BEST


def test_success_by_calls_is_what_the_kinds_need():
    best = study._chances().max(1)
    assert float(np.array(study.SHARE) @ best) == pytest.approx(study.BEST)
    assert study._chances()[:, 0].tolist() == [0.9, 0.1, 0.1, 0.02]


def test_pass_at_k():
    rows = study.pass_at_k_frontier(ks=(1, 8, 64), problems=60)
    starts = {tuple(pick(rows, "pass", method=name, updates=0)) for name in study.LEARNERS}
    assert len(starts) == 1
    for name in study.LEARNERS:
        for stage in study.STAGES:
            found = pick(rows, "pass", method=name, updates=stage)
            assert found == sorted(found)
        first = pick(rows, "pass", method=name, k=1)
        assert first == sorted(first)
        assert first[-1] > first[0] + 0.3
    assert rows == study.pass_at_k_frontier(ks=(1, 8, 64), problems=60)
