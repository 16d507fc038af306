import pytest

from envbench.testing import LONG, ConformanceSuite
from envbench.testing.case import Case


class TestMiniWoB(ConformanceSuite):
    family = "miniwob"
    paths = 4
    every = 25  # `test_miniwob_oracles.py` plays every page
    long = LONG  # the cases share their pages

    @pytest.mark.slow
    def test_oracle_reaches_the_proven_score_on_every_task(self, case: Case, monkeypatch: pytest.MonkeyPatch) -> None:
        if case.row.name != "builtin":
            pytest.skip("the same pages, or those on which there is less to earn: `test_miniwob_oracles.py` plays all")
        monkeypatch.setattr(TestMiniWoB, "every", 1)
        self.test_oracle_reaches_the_proven_score(case)
