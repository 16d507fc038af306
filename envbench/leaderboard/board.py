"""What a board asks for: one hashed plan for every agent, read from `leaderboards/<board>/board.toml`.

board = read_board("webshop-builtin")
plan = board_plan(board, "random")
run = evaluate(plan, "runs/first")
assert plan_hash(run.config) == plan_hash(board)
"""

from __future__ import annotations

import hashlib
import tomllib
from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Annotated, Any, Literal, NamedTuple

import msgspec

from envbench.cards import KnobValue, home
from envbench.errors import CardError, UnknownName
from envbench.evaluate import make_plan
from envbench.hashing import encode
from envbench.registry import card_of, panel
from envbench.rollout.play import Budget
from envbench.runs import Plan
from envbench.runs.plan import plain
from envbench.seeding import derive_seed

PLAN_VERSION = 1
_PLANNED = ("env", "dataset", "split", "knobs", "seed", "episodes", "trials", "max_steps", "budget")

Count = Annotated[int, msgspec.Meta(ge=1, le=10**7)]
Metric = Literal["success", "score"]


class BudgetClass(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True, omit_defaults=True):
    """`[budget]`: what an agent may use up in an episode, beside the step limit.

    Attributes:
        name: of the class, as the table shows it.
        tokens: prompt and completion tokens of an episode; None is no bound.
    """

    name: str = "open"
    tokens: Count | None = None


class Board(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True, omit_defaults=True):
    """`board.toml`.

    Attributes:
        name: of the board's folder.
        title: for the reader.
        env: gymnasium id.
        dataset, split: of the card.
        panel: the sha256 of the panel of the tasks below; data that make another panel are refused.
        tasks: the first so many of the split, in its order.
        trials: episodes per task.
        seed: root of the episodes' seeds.
        max_steps: limit of an episode.
        metric: what ranks the rows.
        knobs: of the card; the others keep their defaults.
        budget: class of budget.
        rules: what cannot be checked and is asked for all the same.
    """

    name: str
    title: str
    env: str
    dataset: str
    split: str
    panel: Annotated[str, msgspec.Meta(pattern="^[0-9a-f]{64}$")]
    tasks: Count
    trials: Count
    seed: Annotated[int, msgspec.Meta(ge=0, le=2**62)]
    max_steps: Count
    metric: Metric
    rules: str
    knobs: dict[str, KnobValue] = {}
    budget: BudgetClass = BudgetClass()


class PlannedEpisode(NamedTuple):
    """One episode that the board asks for."""

    task: str
    task_digest: str
    cluster: str
    trial: int
    seed: int


def boards() -> dict[str, Board]:
    """Return every board of the project by name, sorted.

    Raises:
        CardError: for one that cannot be read.
    """
    found = sorted((home() / "leaderboards").glob("*/board.toml"))
    return {path.parent.name: read_board(path) for path in found}


def read_board(name: str | Path) -> Board:
    """Return a board of the project by its name, or any by the path of its folder or its `board.toml`.

    Raises:
        UnknownName: for a name that is neither.
        CardError: for a file that is no board, with what is wrong in it.
    """
    known = home() / "leaderboards" / str(name) / "board.toml"
    path = Path(name) / "board.toml" if Path(name).is_dir() else Path(name)
    if isinstance(name, str) and known.is_file():
        path = known
    elif not path.is_file():
        raise UnknownName("board", str(name), [file.parent.name for file in known.parent.parent.glob("*/board.toml")])
    try:
        board = msgspec.convert(tomllib.loads(path.read_text("utf-8")), Board)
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError, msgspec.ValidationError) as error:
        raise CardError(f"board {path}: {error}") from None
    if board.name != path.resolve().parent.name:
        raise CardError(f"board {path}: name {board.name!r} must be the name of its folder")
    card = card_of(board.env)
    if board.split not in card.dataset(board.dataset).splits:
        raise UnknownName("split", board.split, card.dataset(board.dataset).splits, f"(board {path})")
    card.resolve_knobs(dict(board.knobs))
    return board


def board_config(board: Board) -> dict[str, Any]:
    """Return the plan of a board without an agent: the part of a run's configuration that a submission must share."""
    card = card_of(board.env)
    budget = Budget(tokens=board.budget.tokens)
    config: dict[str, Any] = {
        "env": card.env.ids[0],
        "dataset": board.dataset,
        "split": board.split,
        "knobs": card.resolve_knobs(dict(board.knobs)),
        "seed": board.seed,
        "episodes": board.tasks,
        "trials": board.trials,
        "max_steps": board.max_steps,
        "budget": None if budget == Budget() else asdict(budget),
        "panel": board.panel,
    }
    return plain(config)


def run_config(config: Mapping[str, Any]) -> dict[str, Any]:
    """Return the same part of the configuration of an eval run."""
    shared = {name: config.get(name) for name in _PLANNED}
    return plain(shared | {"panel": dict(config.get("panel") or {}).get("sha256")})


def plan_hash(of: Board | Mapping[str, Any]) -> str:
    """Return the 64 hex digits of a plan: environment, panel, seeds, trials and limits, without the agent.

    The seed of an episode is `derive_seed(seed, "eval", task id, trial)`, so that root and panel fix them all.

    Args:
        of: a board, or the configuration of an eval run.
    """
    config = board_config(of) if isinstance(of, Board) else run_config(of)
    return config_hash(config)


def config_hash(config: Mapping[str, Any]) -> str:
    """Return the hash of what `board_config` or `run_config` returned."""
    return hashlib.sha256(encode(["plan", PLAN_VERSION, dict(config)])).hexdigest()


def board_plan(board: Board, agent: str, agent_options: Mapping[str, Any] | None = None) -> Plan:
    """Return what `envbench eval --board` plays: the board's plan with an agent.

    Raises:
        CardError: when the data of this machine make another panel than the board's.
        EnvbenchError: as `evaluate.make_plan`.
    """
    plan = make_plan(
        board.env,
        agent,
        agent_options=agent_options,
        dataset=board.dataset,
        split=board.split,
        knobs=board.knobs,
        seed=board.seed,
        episodes=board.tasks,
        trials=board.trials,
        max_steps=board.max_steps,
        budget=Budget(tokens=board.budget.tokens) if board.budget.tokens else None,
    )
    board_episodes(board)
    return plan


def board_episodes(board: Board) -> tuple[PlannedEpisode, ...]:
    """Return every episode that a board asks for, in the order of the plan.

    Raises:
        CardError: when the data of this machine make another panel than the board's.
        DataMissing, MissingExtra: when it has none.
    """
    tasks = panel(board.env, board.dataset, board.split, **board.knobs)[: board.tasks]
    if tasks.sha256 != board.panel:
        raise CardError(
            f"board {board.name} pins the panel {board.panel}, here {tasks.id} is {tasks.sha256}: "
            f"install the data and the version of envbench that the board was made with"
        )
    return tuple(
        PlannedEpisode(task.id, task.digest, task.cluster, trial, derive_seed(board.seed, "eval", task.id, trial))
        for task in tasks
        for trial in range(board.trials)
    )
