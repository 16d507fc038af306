"""What can be wrong with a bundle before anything is played: each function returns problems, a line each."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from hashlib import sha256
from typing import Any

from envbench.hashing import encode
from envbench.leaderboard.board import Board, PlannedEpisode, board_config, config_hash
from envbench.leaderboard.schema import Claim, Episode, Measure
from envbench.registry import card_of
from envbench.seeding import derive_seed

MEASURES = ("success", "score")
_TOLERANCE = 1e-9


def place(episode: Episode) -> str:
    """Name an episode for the reader."""
    return f"trial {episode.trial} of {episode.task}"


def plan_problems(board: Board, told: Mapping[str, Any], told_hash: str) -> list[str]:
    """Compare the plan of a manifest with the board's."""
    wanted = board_config(board)
    problems = [
        f"{name} is {told.get(name)!r}, the board has {wanted.get(name)!r}"
        for name in sorted(wanted.keys() | told.keys())
        if wanted.get(name) != told.get(name)
    ]
    if not problems and told_hash != config_hash(wanted):
        problems = [f"its hash is {told_hash}, that of the board is {config_hash(wanted)}"]
    return problems


def told_plan(board: Board, episodes: Sequence[Episode]) -> tuple[PlannedEpisode, ...]:
    """Return the plan as far as a bundle lets it know where the tasks are not here; every task is its own cluster.

    What the bundle does not hold is filled up to the planned number with nameless episodes.
    """
    held = dict.fromkeys((one.task, one.task_digest, one.trial) for one in episodes)
    known = [
        PlannedEpisode(task, digest, task, trial, derive_seed(board.seed, "eval", task, trial))
        for task, digest, trial in held
    ]
    blank = range(board.tasks * board.trials - len(known))
    return (*known, *(PlannedEpisode("", "", f"missing {index // board.trials}", index, 0) for index in blank))


def episode_problems(board: Board, planned: Sequence[PlannedEpisode], episodes: Sequence[Episode]) -> list[str]:
    """Check that every episode is one of the plan, and none is there twice."""
    plan = {(one.task, one.trial): one for one in planned}
    head = f"{card_of(board.env).tasks_family}/{board.dataset}/{board.split}/"
    times = Counter((one.task, one.trial) for one in episodes)
    problems = [
        f"trial {trial} of {task} is there {count} times" for (task, trial), count in times.items() if count > 1
    ]
    for one in episodes:
        expected = plan.get((one.task, one.trial))
        if expected is None or not one.task.startswith(head) or one.trial >= board.trials:
            problems.append(f"{place(one)} is not of the plan")
        elif one.seed != expected.seed:
            problems.append(f"{place(one)} has the seed {one.seed}, planned is {expected.seed}")
        elif one.task_digest != expected.task_digest:
            problems.append(f"{one.task} has the digest {one.task_digest}, here it has {expected.task_digest}")
    return problems


def panel_problems(board: Board, episodes: Sequence[Episode]) -> list[str]:
    """Check the tasks of a complete bundle against the board's panel, without the data."""
    tasks = dict.fromkeys((one.task, one.task_digest) for one in episodes)
    found = sha256(encode([list(task) for task in tasks])).hexdigest()
    return [] if found == board.panel else [f"their tasks are the panel {found}, the board has {board.panel}"]


def shape_problems(board: Board, episodes: Sequence[Episode]) -> list[str]:
    """Find episodes of a shape that none can have."""
    return [f"{place(one)}: {wrong}" for one in episodes if (wrong := _misshapen(board, one))]


def _misshapen(board: Board, one: Episode) -> str:
    steps = len(one.actions)
    never_began = one.outcome == "env_error" and not steps and not one.state_hashes
    if (len(one.rewards), len(one.state_hashes)) != (steps, 0 if never_began else steps + 1):
        return f"{steps} actions, {len(one.rewards)} rewards and {len(one.state_hashes)} state hashes"
    if steps > board.max_steps:
        return f"{steps} steps, the limit is {board.max_steps}"
    if one.outcome == "timeout" and steps < board.max_steps:
        return f"a timeout after {steps} steps, the limit is {board.max_steps}"
    if one.outcome in ("success", "failure") and not steps:
        return f"a {one.outcome} without a step"
    if one.outcome == "budget" and board.budget.tokens is None:
        return "cut by a budget, and the board has none"
    if one.format_invalid > steps:
        return f"{one.format_invalid} unreadable replies in {steps} steps"
    return ""


def claim_problems(told: Claim, found: Claim) -> list[str]:
    """Compare a claim with what the episodes amount to."""
    problems = [
        f"{name} is claimed as {shown(getattr(told, name))}, the episodes give {shown(getattr(found, name))}"
        for name in MEASURES
        if abs(getattr(told, name).estimate - getattr(found, name).estimate) > _TOLERANCE
    ]
    if told.missing != found.missing:
        problems.append(f"{told.missing} episodes are claimed to be missing, {found.missing} are")
    return problems


def equal_intervals(told: Claim, found: Claim) -> bool:
    """Tell whether the claimed intervals are the ones found; another version may compute them otherwise."""
    return all(
        _near(getattr(getattr(told, name), bound), getattr(getattr(found, name), bound))
        for name in MEASURES
        for bound in ("low", "high")
    )


def _near(one: float | None, other: float | None) -> bool:
    return one is other if one is None or other is None else abs(one - other) <= _TOLERANCE


def shown(measure: Measure) -> str:
    """Return a measure as words."""
    if measure.low is None or measure.high is None:
        return f"{measure.estimate:.4f} (interval unknown)"
    return f"{measure.estimate:.4f} ({measure.low:.4f} to {measure.high:.4f})"
