"""The twin against what the package did on games that it made for us."""

import json
from pathlib import Path

import pytest
from compare_games import assert_twin_agrees
from package_world import world_of

from envbench.envs.textworld.engine import Game

TRANSCRIPTS = sorted((Path(__file__).parent / "transcripts").glob("*.json"))


@pytest.mark.parametrize("path", TRANSCRIPTS, ids=lambda path: path.stem)
def test_the_twin_does_what_the_package_did(path: Path) -> None:
    recorded = json.loads(path.read_text(encoding="utf-8"))
    for rows in recorded["walks"]:
        assert_twin_agrees(recorded["game"], rows)


def test_transcripts_hold_wins_losses_and_every_kind() -> None:
    assert {path.stem.split("-")[0] for path in TRANSCRIPTS} == {"coin", "treasure", "cooking"}
    ends, verbs = set(), set()
    for path in TRANSCRIPTS:
        for rows in json.loads(path.read_text(encoding="utf-8"))["walks"]:
            ends.add((rows[-1][2], rows[-1][3]))
            verbs |= {row[0].split()[0] for row in rows}
    assert {(True, True), (True, False)} <= ends
    assert {"go", "take", "drop", "open", "close", "cook", "eat", "examine", "put", "insert"} <= verbs


def test_a_changed_rule_is_noticed() -> None:
    recorded = json.loads(next(path for path in TRANSCRIPTS if path.stem == "cooking-2").read_text(encoding="utf-8"))
    world = world_of(recorded["game"])
    game = Game(world)
    rows = next(rows for rows in recorded["walks"] if any(row[1] for row in rows))
    recorded["game"]["quests"] = recorded["game"]["quests"][:1]
    assert game.world.quests != world_of(recorded["game"]).quests
    with pytest.raises(AssertionError):
        assert_twin_agrees(recorded["game"], rows)
