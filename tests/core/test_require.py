"""What continuous integration requires fails where it is missing, instead of being skipped."""

import re

import pytest

from envbench.cards import cards, home
from envbench.testing.require import missing, required


@pytest.mark.parametrize("wanted", ["browser,trl", "browser trl", " trl", "trl"])
def test_names_are_separated_by_commas_or_blanks(monkeypatch: pytest.MonkeyPatch, wanted: str) -> None:
    monkeypatch.setenv("ENVBENCH_REQUIRE", wanted)
    assert required("trl")
    assert not required("tr", "t")
    with pytest.raises(pytest.fail.Exception, match="names alfworld or trl, but: it is not here"):
        missing("it is not here", "alfworld", "trl")
    with pytest.raises(pytest.skip.Exception, match="it is not here"):
        missing("it is not here", "alfworld")


def test_data_sets_that_ci_requires_exist() -> None:
    named = re.findall(r"(\w+)/([\w-]+)", re.search(r'ENVBENCH_REQUIRE="(webshop[^"]*)"', _script())[1])
    assert named
    assert all(dataset in cards()[family].datasets for family, dataset in named)


def _script() -> str:
    return (home() / ".ci/run").read_text("utf-8")
