"""Traces of results that are true and yet not what a board asks for: overlap, copies, and oracles.

The oracle canary: where many shortest ways lead to the goal, the oracle's choice among equals is a fingerprint (which
door first, which of two boxes). An agent that finds its own way shares it now and then; one that was fed by
`env.oracle()`, or trained on its plays of these tasks, shares it always. Where a task has one best way only, a good
agent looks the same: so this flags a bundle for a person, and never refuses it.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence

from envbench.errors import EnvbenchError
from envbench.leaderboard.board import Board, PlannedEpisode
from envbench.leaderboard.checks import place
from envbench.leaderboard.replay import Replayed
from envbench.leaderboard.schema import Episode, Manifest
from envbench.leaderboard.verdict import Check, listed
from envbench.registry import card_of, panel, split_of

_ORACLE_EPISODES = 20  # successes of some length below which nothing is said
_ORACLE_STEPS = 3  # length below which equal ways say nothing
_ORACLE_SHARE = 0.95
_COPIED_STEPS = 5  # length from which blind repetition is worth a flag


def overlap(board: Board, manifest: Manifest, planned: Sequence[PlannedEpisode]) -> Check:
    """No task of the panel is, by digest, one of the training split, nor of a panel that was trained on."""
    card = card_of(board.env)
    own = {one.task_digest for one in planned}
    training = card.dataset(board.dataset).train_split
    named = [f"{card.tasks_family}/{board.dataset}/{training}"] if training else []
    shared, unknown = [], []
    for name in dict.fromkeys((*named, *manifest.metadata.trained_on)):
        try:
            family, dataset, split = split_of(f"{name}/0000")
            of_board = family == card.tasks_family
            tasks = panel(board.env if of_board else family, dataset, split, **(board.knobs if of_board else {}))
            common = own & {task.digest for task in tasks}
        except EnvbenchError:
            unknown.append(name)
            continue
        if common:
            shared.append(f"{len(common)} tasks are also in {name}")
    told = ", ".join(manifest.metadata.trained_on) or "nothing"
    text = f"no task is in a training panel (trained on, as told: {told})"
    if unknown:
        text += f"; not compared, since they are not here: {', '.join(unknown)}"
    return Check(name="overlap", ok=not shared, flagged=bool(unknown), text=listed(shared) or text)


def copies(episodes: Sequence[Episode], stochastic: bool) -> Check:
    """Episodes of different noise do not pass through equal states, and a player who looks does not repeat himself.

    The state hash of a stochastic environment holds its generator: equal ones under other seeds cannot be.
    """
    if not stochastic:
        return Check(name="copies", ok=True, text="this board has no noise: equal trials are no copies")
    states: dict[tuple[str, ...], Episode] = {}
    actions: dict[tuple[str, tuple[str, ...]], list[Episode]] = defaultdict(list)
    impossible = []
    for one in episodes:
        first = states.setdefault(tuple(one.state_hashes), one)
        if first is not one and first.seed != one.seed and one.state_hashes:
            impossible.append(f"{place(one)} has the states of {place(first)}")
        if len(one.actions) >= _COPIED_STEPS:
            actions[one.task, tuple(one.actions)].append(one)
    blind = sum(len(same) for same in actions.values() if len(same) > 1)
    text = f"{blind} episodes repeat the actions of another of their task under other noise" if blind else "none"
    return Check(name="copies", ok=not impossible, flagged=blind > 0, text=listed(impossible) or text)


def oracle_canary(manifest: Manifest, episodes: Sequence[Episode], replayed: Sequence[Replayed] | None) -> Check:
    """Tell whether successes go the oracle's way more often than a player of their own does."""
    if manifest.agent.name == "oracle":
        return Check(name="oracle", ok=True, text="this is the oracle, and says so")
    if replayed is None:
        return Check(name="oracle", ok=True, text="not compared, since nothing was replayed")
    alike = [
        bool(again.oracle)
        for one, again in zip(episodes, replayed, strict=True)
        if one.outcome == "success" and len(one.actions) >= _ORACLE_STEPS and again.oracle is not None
    ]
    text = f"{sum(alike)} of {len(alike)} successes of {_ORACLE_STEPS} steps or more go the oracle's way"
    enough = len(alike) >= _ORACLE_EPISODES
    flagged = enough and sum(alike) >= _ORACLE_SHARE * len(alike)
    if not enough:
        text += f"; too few to judge (below {_ORACLE_EPISODES})"
    return Check(name="oracle", ok=True, flagged=flagged, text=text)
