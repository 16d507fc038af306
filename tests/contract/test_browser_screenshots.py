"""Pictures are arrays, which `==` of the suite cannot compare: what it says of other observations, said of them."""

import warnings

import pytest
from gymnasium.utils.env_checker import check_env, data_equivalence

from envbench.cards import cards
from envbench.testing.case import Case, record, walk
from envbench.testing.case import cases as cases_of

pytestmark = pytest.mark.browser

CASES = [cases_of(family)[0] for family, card in sorted(cards().items()) if "screenshot" in card.knobs]


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.card.env.family)
def test_pictures_pass_the_checker_and_come_back_with_a_snapshot(case: Case) -> None:
    checked = case.make(screenshot=True)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        check_env(checked)
    checked.close()
    env, other = case.make(screenshot=True), case.make(screenshot=True)
    env.reset(seed=1, options={"task": case.task_id(1)})
    walk(env, 3, 1)
    snapshot = env.snapshot()
    actions = walk(env, 3, 2)
    shown = env.restore(snapshot)
    assert shown[0]["screenshot"].std() > 0
    rows = record(env, actions)
    assert data_equivalence(other.restore(snapshot), shown, exact=True)
    assert data_equivalence(record(other, actions), rows, exact=True)
    env.close()
    other.close()
