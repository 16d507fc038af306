import pytest

from envbench.testing import ConformanceSuite
from envbench.testing.case import Case


class TestMiniWoB(ConformanceSuite):
    family = "miniwob"
    paths = 4
    every = 25  # `test_miniwob_oracles.py` plays every page

    long = frozenset(  # two thirds of the time, and of pages that the cases share
        (
            "test_all_valid_actions_are_accepted",
            "test_keys_tell_states_apart_and_equal_ones_have_equal_futures",
            "test_memory_does_not_grow_with_episodes",
            "test_oracle_reaches_the_proven_score",
            "test_vector_environments_return_what_single_ones_return",
        )
    )

    @pytest.mark.slow
    def test_oracle_reaches_the_proven_score_on_every_task(self, case: Case, monkeypatch: pytest.MonkeyPatch) -> None:
        if case.row.name != "builtin":
            pytest.skip("the same pages, or those on which there is less to earn: `test_miniwob_oracles.py` plays all")
        monkeypatch.setattr(TestMiniWoB, "every", 1)
        self.test_oracle_reaches_the_proven_score(case)
