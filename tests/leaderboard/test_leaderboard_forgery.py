"""What is flipped in a true bundle is caught: by the seal, and by replay where the forger seals it anew."""

import json
from pathlib import Path
from typing import Any

import gymnasium
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from submissions import contents, forged, lines, packed

from envbench.leaderboard.board import Board
from envbench.leaderboard.verdict import Report
from envbench.leaderboard.verify import verify

Row = dict[str, Any]
QUICK = settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
MOVES = ["left", "down", "right", "up"]


def judged(bundle: bytes, board: Board, file: Path) -> Report:
    file.write_bytes(bundle)
    return verify(file, board=board)


def failed(report: Report) -> list[str]:
    return [check.name for check in report.checks if not check.ok]


def test_what_nobody_touched_is_accepted(lake: Board, lake_bundle: bytes, bundle_file: Path) -> None:
    report = judged(lake_bundle, lake, bundle_file)
    assert (report.verdict, report.level, failed(report)) == ("accepted", "replayed", [])
    assert report.row is not None
    assert (report.row.planned, report.row.missing) == (6, 0)
    again = judged(forged(lake_bundle, lambda *_: None), lake, bundle_file)
    assert (again.verdict, again.row) == ("accepted", report.row)


def flip_reward(row: Row, step: int) -> None:
    row["rewards"][step] += 0.5


def flip_reward_by_a_hair(row: Row, step: int) -> None:
    row["rewards"][step] += 1e-12


def flip_hash(row: Row, step: int) -> None:
    old = row["state_hashes"][step]
    row["state_hashes"][step] = old[:-1] + ("0" if old[-1] != "0" else "1")


def flip_action(row: Row, step: int) -> None:
    row["actions"][step] = MOVES[(MOVES.index(row["actions"][step]) + 1) % 4]


def drop_step(row: Row, step: int) -> None:
    for name in ("actions", "rewards", "state_hashes"):
        del row[name][step]


def go_on_after_the_end(row: Row, step: int) -> None:
    row["actions"].append("left")
    row["rewards"].append(0.0)
    row["state_hashes"].append(row["state_hashes"][-1])


def flip_outcome(row: Row, step: int) -> None:
    row["outcome"] = "success" if row["outcome"] != "success" else "failure"


def hide_the_outcome(row: Row, step: int) -> None:
    row["outcome"] = ["env_error", "agent_error"][step % 2]


def flip_score(row: Row, step: int) -> None:
    row["score"] = 1.0 - row["score"]


def flip_digest(row: Row, step: int) -> None:
    row["task_digest"] = "v1:" + "0" * 32


def flip_seed(row: Row, step: int) -> None:
    row["seed"] ^= 1


FLIPS = [
    flip_reward, flip_reward_by_a_hair, flip_hash, drop_step, go_on_after_the_end, flip_outcome,
    hide_the_outcome, flip_score, flip_digest, flip_seed,
]  # fmt: skip


@pytest.mark.parametrize("flip", FLIPS, ids=lambda flip: flip.__name__)
@QUICK
@given(data=st.data())
def test_a_flip_is_caught_wherever_it_is(
    lake: Board, lake_bundle: bytes, bundle_file: Path, flip: Any, data: st.DataObject
) -> None:
    _, rows = contents(lake_bundle)
    number = data.draw(st.integers(0, len(rows) - 1), label="episode")
    step = data.draw(st.integers(0, len(rows[number]["actions"]) - 1), label="step")
    report = judged(forged(lake_bundle, lambda _, rows: flip(rows[number], step)), lake, bundle_file)
    assert report.verdict == "refused"
    assert report.row is None
    assert set(failed(report)) & {"replay", "episodes", "shapes"}


@pytest.mark.parametrize("flip", [*FLIPS, flip_action], ids=lambda flip: flip.__name__)
def test_a_flip_without_a_new_seal_is_unreadable(lake: Board, lake_bundle: bytes, bundle_file: Path, flip: Any) -> None:
    manifest, rows = contents(lake_bundle)
    flip(rows[0], 0)
    report = judged(packed(json.dumps(manifest).encode(), lines(rows)), lake, bundle_file)
    assert report.verdict == "unreadable"


def other_futures(board: Board, row: Row) -> bool:
    """Tell whether the actions of a row lead elsewhere than the row says."""
    env = gymnasium.make(board.env, split=board.split, max_steps=board.max_steps)
    _, info = env.reset(seed=row["seed"], options={"task": row["task"]})
    rewards, states = [], [info["state_hash"]]
    for action in row["actions"]:
        _, reward, _, _, info = env.step(action)
        rewards.append(reward)
        states.append(info["state_hash"])
    return (rewards, states) != (row["rewards"], row["state_hashes"])


@QUICK
@given(data=st.data())
def test_a_flipped_action_is_caught_unless_it_does_the_same(
    lake: Board, lake_bundle: bytes, bundle_file: Path, data: st.DataObject
) -> None:
    """On ice, or at a wall, another command can do the same: that is as true an episode, and no other result."""
    _, rows = contents(lake_bundle)
    number = data.draw(st.integers(0, len(rows) - 1), label="episode")
    step = data.draw(st.integers(0, len(rows[number]["actions"]) - 1), label="step")
    flip_action(rows[number], step)
    report = judged(forged(lake_bundle, lambda _, given: given.__setitem__(number, rows[number])), lake, bundle_file)
    assert report.verdict == ("refused" if other_futures(lake, rows[number]) else "accepted")


def test_every_flipped_action_of_a_solution_is_caught(rooms: Board, rooms_bundle: bytes, bundle_file: Path) -> None:
    """A shortest solution has no step that another action does as well."""
    _, rows = contents(rooms_bundle)
    for number, row in enumerate(rows):
        for step in range(len(row["actions"])):

            def flip(_: Row, given: list[Row], number: int = number, step: int = step) -> None:
                flip_action(given[number], step)

            assert judged(forged(rooms_bundle, flip), rooms, bundle_file).verdict == "refused"


@pytest.mark.parametrize("position", range(6))
def test_a_missing_episode_is_caught(lake: Board, lake_bundle: bytes, bundle_file: Path, position: int) -> None:
    report = judged(forged(lake_bundle, lambda _, rows: rows.pop(position)), lake, bundle_file)
    assert report.verdict == "refused"
    assert failed(report) == ["claim"]
    assert "5 of 6 planned" in next(check.text for check in report.checks if check.name == "episodes")


def cut_short(row: Row, outcome: str) -> None:
    row.update(outcome=outcome, actions=row["actions"][:1], rewards=row["rewards"][:1])
    row["state_hashes"] = row["state_hashes"][:2]


SHAPES = {
    "early-timeout": (lambda row: cut_short(row, "timeout"), "a timeout after 1 steps"),
    "budget-of-none": (lambda row: cut_short(row, "budget"), "the board has none"),
    "nothing-done": (lambda row: row.update(outcome="success", actions=[], rewards=[], state_hashes=["v1:" + "0" * 32]),
                     "a success without a step"),
    "unreadable-replies": (lambda row: row.update(format_invalid=99), "99 unreadable replies"),
    "a-reward-more": (lambda row: row["rewards"].append(0.0), "rewards"),
    "no-hashes": (lambda row: row.update(state_hashes=[]), "0 state hashes"),
    "no-hashes-in-an-error": (lambda row: row.update(outcome="env_error", state_hashes=[]), "0 state hashes"),
}  # fmt: skip


@pytest.mark.parametrize("name", SHAPES)
def test_impossible_trajectories(lake: Board, lake_bundle: bytes, bundle_file: Path, name: str) -> None:
    change, says = SHAPES[name]
    report = judged(forged(lake_bundle, lambda _, rows: change(rows[0])), lake, bundle_file)
    assert (report.verdict, failed(report)) == ("refused", ["shapes"])
    assert says in report.reason


def test_a_broken_environment_is_looked_at(lake: Board, lake_bundle: bytes, bundle_file: Path) -> None:
    """It counts as failed, so nobody gains by it; replay shows only what came before."""
    _, true = contents(lake_bundle)
    number = next(place for place, row in enumerate(true) if row["outcome"] == "failure" and len(row["actions"]) > 1)
    report = judged(forged(lake_bundle, lambda _, rows: cut_short(rows[number], "env_error")), lake, bundle_file)
    assert report.verdict == "accepted"
    assert [check.name for check in report.checks if check.flagged] == ["replay"]
    assert report.row is not None
    assert report.row.outcomes["env_error"] == 1


def copy_over(manifest: Row, rows: list[Row]) -> None:
    rows[1] = rows[0]


def play_once_more(manifest: Row, rows: list[Row]) -> None:
    rows.append(rows[0])


def swap_trials(manifest: Row, rows: list[Row]) -> None:
    rows[0]["trial"], rows[1]["trial"] = rows[1]["trial"], rows[0]["trial"]


def invent_a_trial(manifest: Row, rows: list[Row]) -> None:
    rows[0]["trial"] = 2


def move_to_another_split(manifest: Row, rows: list[Row]) -> None:
    rows[0]["task"] = rows[0]["task"].replace("/test/", "/train/")


@pytest.mark.parametrize(
    ("forge", "check"),
    [
        (copy_over, "episodes"),
        (play_once_more, "size"),
        (swap_trials, "episodes"),
        (invent_a_trial, "episodes"),
        (move_to_another_split, "episodes"),
    ],
    ids=lambda one: getattr(one, "__name__", one),
)
def test_episodes_that_the_plan_does_not_hold(
    lake: Board, lake_bundle: bytes, bundle_file: Path, forge: Any, check: str
) -> None:
    report = judged(forged(lake_bundle, forge), lake, bundle_file)
    assert (report.verdict, failed(report)) == ("refused", [check])


@pytest.mark.parametrize("measure", ["success", "score"])
def test_an_inflated_claim_is_caught(lake: Board, lake_bundle: bytes, bundle_file: Path, measure: str) -> None:
    def inflate(manifest: Row, rows: list[Row]) -> None:
        manifest["claim"][measure]["estimate"] += 1e-6

    report = judged(forged(lake_bundle, inflate), lake, bundle_file)
    assert (report.verdict, failed(report)) == ("refused", ["claim"])
    assert "claimed as" in report.reason


@pytest.mark.parametrize("bound", ["low", "high"])
@pytest.mark.parametrize("value", [0.123, None])
def test_the_interval_is_the_computed_one(
    lake: Board, lake_bundle: bytes, bundle_file: Path, bound: str, value: float | None
) -> None:
    """Another version may compute it otherwise; a person looks, and the row shows ours."""

    def narrow(manifest: Row, rows: list[Row]) -> None:
        manifest["claim"]["score"][bound] = value

    true, report = judged(lake_bundle, lake, bundle_file), judged(forged(lake_bundle, narrow), lake, bundle_file)
    assert [check.name for check in report.checks if check.flagged] == ["claim"]
    assert (report.verdict, report.row) == ("accepted", true.row)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("seed", 1),
        ("trials", 1),
        ("episodes", 2),
        ("max_steps", 100),
        ("panel", "0" * 64),
        ("knobs", {"slippery": False}),
        ("budget", {"tokens": 5}),
        ("split", "train"),
    ],
    ids=lambda one: one if isinstance(one, str) else "",
)
def test_another_plan_is_caught(lake: Board, lake_bundle: bytes, bundle_file: Path, name: str, value: Any) -> None:
    report = judged(forged(lake_bundle, lambda manifest, _: manifest["plan"].update({name: value})), lake, bundle_file)
    assert (report.verdict, failed(report)) == ("refused", ["plan"])
    assert name in report.reason


def test_another_hash_of_the_plan_is_caught(lake: Board, lake_bundle: bytes, bundle_file: Path) -> None:
    report = judged(forged(lake_bundle, lambda m, _: m.update(plan_sha256="0" * 64)), lake, bundle_file)
    assert (report.verdict, failed(report)) == ("refused", ["plan"])


def test_another_board_is_caught(lake_bundle: bytes, bundle_file: Path) -> None:
    bundle_file.write_bytes(lake_bundle)
    report = verify(bundle_file)
    assert (report.verdict, failed(report)) == ("refused", ["board"])
    assert "sokoban" in report.reason
