"""The study of observations that are not states: what is counted, and that committed texts are those of the rows."""

import pytest

from envbench.agents import make
from envbench.cards import cards, home
from envbench.envs.alfworld.texts import NOTHING_HAPPENS
from envbench.errors import DataCorrupt
from envbench.registry import panel
from envbench.studies import text_states
from envbench.studies.text_states import ALL, BEGIN, END, STRAY, Row, Stray, crowded, episodes, measure, place, section
from envbench.types import Step

ID = "envbench/ALFWorld-v0"
PINNED = [family for family in sorted(cards()) if (home() / "envs" / family / "text_states.csv").is_file()]


@pytest.fixture(scope="module")
def rows() -> list[Row]:
    return list(measure(ID, tasks=4, trials=3))


def test_merges_and_splits_are_two_things() -> None:
    met = [("s1", "a1", "p"), ("s2", "a1", "p"), ("s3", "a2", "q"), ("s3", "a2", "r")]
    steps = [Step(state, anchor, text, "go", 0.0, True) for state, anchor, text in met]
    assert crowded(steps, "state") == {"p": True, "q": False, "r": False}
    assert crowded(steps, "anchor") == {"p": False, "q": False, "r": False}
    assert crowded(steps, "observation", by="state") == {"s1": False, "s2": False, "s3": True}
    assert crowded(steps, "observation", by="anchor") == {"a1": False, "a2": True}


def test_rows_name_every_case_once(rows: list[Row]) -> None:
    names = [(row.agent, row.key, row.mistake, row.of) for row in rows]
    assert len(set(names)) == len(names) == 4 * 2 * 4
    assert {row.split for row in rows} == {"valid_unseen"}
    assert all(0 <= row.estimate <= 1 for row in rows)


def test_text_of_alfworld_is_not_its_state(rows: list[Row]) -> None:
    share = {(row.agent, row.key, row.mistake, row.of): row.estimate for row in rows}
    assert share[ALL, "anchor", "merge", "steps"] > 0.5
    assert share[ALL, "anchor", "split", "steps"] > 0.2
    assert share["oracle", "state", "split", "keys"] == 0.0


def test_shares_are_those_of_the_episodes(rows: list[Row]) -> None:
    played = episodes(ID, panel(ID, "builtin", "valid_unseen")[:4], [make("random")], 3)["random"]
    flags = [flag for entry in played for flag in crowded(entry.steps, "state").values()]
    (row,) = [row for row in rows if (row.agent, row.key, row.mistake, row.of) == ("random", "state", "merge", "texts")]
    assert (row.estimate, row.n) == (round(sum(flags) / len(flags), 6), len(flags))


def test_stray_wanders_and_then_solves() -> None:
    found = episodes(ID, panel(ID, "builtin", "valid_unseen")[:2], [make("oracle"), Stray()], 3)
    lengths = {len(entry.steps) for entry in found[STRAY]}
    assert max(lengths) > max(len(entry.steps) for entry in found["oracle"])
    assert all(step.observation != NOTHING_HAPPENS for entry in found[STRAY] for step in entry.steps)


def test_table_survives_its_file_and_refuses_another(rows: list[Row]) -> None:
    text = text_states.write_rows(rows)
    assert text_states.read_rows(text) == rows
    with pytest.raises(DataCorrupt, match=r"text_states\.py"):
        text_states.read_rows("a,b\n1,2\n")


def test_a_document_gets_the_section_once(rows: list[Row]) -> None:
    text = section(ID, rows)
    first = place("# Title\n", text)
    assert first.count(BEGIN) == first.count(END) == 1
    assert place(first, text) == first
    assert "--dataset builtin:valid_unseen --pin" in " ".join(text.split())


@pytest.mark.parametrize("family", PINNED)
def test_committed_text_is_that_of_the_rows(family: str) -> None:
    card = home() / "envs" / family
    rows = text_states.read_rows((card / "text_states.csv").read_text(encoding="utf-8"))
    readme = (card / "README.md").read_text(encoding="utf-8")
    assert place(readme, section(cards()[family].env.ids[0], rows)) == readme, "run scripts/text_states.py --pin"


def test_something_is_committed() -> None:
    assert "alfworld" in PINNED
