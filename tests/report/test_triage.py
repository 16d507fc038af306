"""What counts as a loop, on trajectories small enough to check by eye."""

from collections import Counter
from typing import Any

import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from envbench.report.triage import Reading, Signal, groups_of, ranked, reading, triage, triage_columns
from envbench.report.triage_section import triage_section


def episode(states: str, actions: str, outcome: str = "failure", **more: Any) -> dict[str, Any]:
    return {"state_hashes": list(states), "actions": list(actions), "outcome": outcome, "task": "t", **more}


@pytest.mark.parametrize(
    ("states", "actions", "expected"),
    [
        ("AAAA", "xxx", [Signal("retry", 0, 2)]),
        ("AAAB", "xxx", [Signal("retry", 0, 2)]),
        ("AAB", "xx", []),
        ("ABCD", "xxx", []),  # one action that moves on is no retry
        ("AAAA", "xyx", [Signal("drift", 0, 2)]),
        ("AAAB", "xyx", []),  # the third led out
        ("AAAAB", "xxxy", [Signal("retry", 0, 2)]),
        ("BAAAAC", "zxxxx", [Signal("retry", 1, 4)]),
        ("ABABABA", "lrlrlr", [Signal("oscillation", 0, 5, 2)]),
        ("ABABAB", "lrlrl", []),
        ("XABCABCABCD", "slrulrulru", [Signal("oscillation", 1, 9, 3)]),
        ("ABABABAAAA", "lrlrlrxxx", [Signal("oscillation", 0, 5, 2), Signal("retry", 6, 8)]),
        ("", "", []),
    ],
    ids=str,
)
def test_loops_are_found_where_they_are(states: str, actions: str, expected: list[Signal]):
    assert list(triage(episode(states, actions)).signals) == expected


def test_an_oscillation_must_repeat_state_and_action():
    assert not triage(episode("ABCDEFG", "lrlrlr")).signals  # the same keys, on the way to somewhere
    assert triage(episode("ABABABA", "lrlrlr")).repeated == 4


class Counted(str):
    """A state that counts how often one is compared."""

    asked = 0
    __hash__ = str.__hash__

    def __eq__(self, other: object) -> bool:
        Counted.asked += 1
        return str.__eq__(self, other)


def test_a_long_stay_is_read_in_time_that_grows_with_its_steps():
    row = episode("", "x" * 2000) | {"state_hashes": [Counted("A") for _ in range(2001)]}
    assert list(triage(row).signals) == [Signal("retry", 0, 1999)]
    assert 2000 < Counted.asked < 20 * 2000


def test_quality_takes_the_points_of_the_paper():
    plain = triage(episode("ABC", "xy"))
    assert plain.quality == 50
    bad = triage(episode("AAAAB", "xxxy", "agent_error", invalid_actions=2, format_invalid=1))
    assert bad.quality == 50 - 8 * 3 - 5 * 1 - 3
    assert triage(episode("AB", "x", invalid_actions=90)).quality == 0


@pytest.mark.parametrize(
    ("row", "kind"),
    [
        (episode("AB", "x", "success"), ""),
        (episode("AB", "x", "failure", score=0.4), "failure with score"),
        (episode("AB", "x", "timeout"), "timeout"),
        (episode("AAAA", "xxx", "timeout"), "timeout in a loop"),
        (episode("AAAAB", "xxxy", "timeout"), "timeout"),
        (episode("", "", "agent_error", error="HTTP 429: slow down"), "agent_error: rate limit"),
        (episode("", "", "agent_error", error="request timed out"), "agent_error: timeout"),
        (episode("", "", "env_error", error="ValueError: x"), "env_error: other"),
        (episode("AB", "x", "budget"), "budget"),
    ],
    ids=str,
)
def test_failures_have_a_kind(row: dict[str, Any], kind: str):
    assert triage(row).failure == kind


def test_the_odd_one_of_a_group_is_read_before_its_fellows():
    rows = [episode("AB", "x", outcome) for outcome in ("failure", "failure", "success", "failure")]
    [group] = groups_of(rows).values()
    readings = [reading(row, triage(row), group) for row in rows]
    assert readings[2].reasons == ("success in 1 of 4",)
    assert ranked(readings) == [2, 0, 1, 3]


def test_a_reading_says_why():
    row = episode("AAAAAAAAAB", "xxxxxxxxxy", score=0.5, invalid_actions=4)
    found = reading(row, triage(row), Counter(failure=2))
    assert found == Reading(5 + 32 + 10, ("retry", "4 refused actions", "failed with score 0.50"))


@given(st.lists(st.tuples(st.sampled_from("AB"), st.sampled_from("xy")), max_size=40))
def test_signals_lie_within_the_episode_and_are_true(steps: list[tuple[str, str]]):
    states = [state for state, _ in steps] + (["A"] if steps else [])
    judged = triage(episode("".join(states), "".join(action for _, action in steps)))
    assert 0 <= judged.quality <= 50
    assert judged.repeated <= len(steps)
    for signal in judged.signals:
        part = steps[signal.first : signal.last + 1]
        if signal.kind == "oscillation":
            assert len(part) >= 3 * signal.period
            assert part[signal.period :] == part[: -signal.period]
            assert len(set(part)) > 1
        else:
            assert len(part) >= 3
            assert len({state for state, _ in part}) == 1
            assert (len(set(part)) == 1) == (signal.kind == "retry")


def test_a_report_counts_episodes_and_says_which_to_read_first():
    rows = [
        episode("AAAA", "xxx", "timeout", agent="a", score=0.0),
        episode("AAAAB", "xyzx", "failure", agent="a", score=0.5),
        episode("AB", "x", "success", agent="a", score=1.0),
        episode("AB", "x", "success", agent="a", score=1.0),
    ]
    frame = pd.DataFrame(
        {**row, "panel": "p", "label": "a", "run": "r", "trial": number, **signs}
        for number, (row, signs) in enumerate(zip(rows, triage_columns(rows), strict=True))
    )
    section, frames = triage_section(frame)
    [signs] = frames["triage"].to_dict("records")
    expected = {"n": 4, "loop": 2, "retry": 1, "drift": 1, "oscillation": 0, "repeated": 2, "refused": 0}
    assert signs == {"panel": "p", "agent": "a", **expected}
    assert frames["failures"]["failure"].tolist() == ["failure with score", "timeout in a loop"]
    assert frames["failures"]["n"].tolist() == [4, 4]
    assert frames["read-first"]["number"].tolist() == [1, 0]
    assert frames["read-first"]["reasons"][0] == "drift, failure in 1 of 4, failed with score 0.50"
    assert [one.title for one in section.tables] == [
        "Signs of trouble, in episodes: p", "How episodes failed", "Read first",
    ]  # fmt: skip


def test_episodes_without_trouble_leave_nothing_to_read():
    rows = [episode("AB", "x", "success", agent="a", score=1.0)]
    frame = pd.DataFrame([{**rows[0], "panel": "p", "label": "a", "run": "r", "trial": 0, **triage_columns(rows)[0]}])
    section, frames = triage_section(frame)
    assert [len(frames[name]) for name in ("triage", "failures", "read-first")] == [1, 0, 0]
    assert len(section.tables) == 1
