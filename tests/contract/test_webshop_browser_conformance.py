import pytest

from envbench.testing import ConformanceSuite
from envbench.testing.case import Case

_EVERY = 150


class TestWebShopBrowser(ConformanceSuite):
    family = "webshop_browser"

    def test_oracle_reaches_the_proven_score_on_every_task(self, case: Case) -> None:
        """Plays one task in 150: the engine, the tasks and the oracle are WebShop's, whose suite plays them all."""
        env = case.make()
        exceptions = case.card.oracle.exceptions
        for split in case.splits():
            for task in case.panel(split)[::_EVERY]:
                env.reset(seed=0, options={"task": task.id})
                score, over = 0.0, False
                while not over:
                    action = env.oracle()
                    assert action is not None, task.id
                    *_, terminated, truncated, info = env.step(action)
                    score, over = info["score"], terminated or truncated
                expected = exceptions[task.id].score if task.id in exceptions else 1.0
                assert score == pytest.approx(expected, abs=1e-9), task.id
