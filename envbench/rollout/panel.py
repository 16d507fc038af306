"""A language model on a panel: the episodes of `envbench eval --agent policy`, played side by side."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from envbench.agents.base import Reply
from envbench.agents.policy import draws
from envbench.rollout.play import episode_row
from envbench.rollout.record import Floats
from envbench.rollout.table import Table
from envbench.rollout.turns import from_reset
from envbench.seeding import derive_seed
from envbench.types import Task


def play_panel(
    table: Table, tasks: Sequence[Task], *, max_tokens: int, trials: int = 1, seed: int = 0, agent: str = "policy"
) -> list[dict[str, Any]]:
    """Return one episode row per (task, trial), with the tasks, seeds and draws of an evaluation plan.

    The rows are those of `envbench eval --agent policy`, but for `wall_seconds`, as long as the model's log-probs are
    the same to the bit in a batch as alone; a draw that falls between two roundings is the only thing that can differ.

    Args:
        table: plays; its sampler is the model.
        tasks: of the panel.
        max_tokens: of one reply.
        trials: episodes per task.
        seed: of the plan.
        agent: name in the rows.
    """
    cells = [(task, trial) for task in tasks for trial in range(trials)]
    seeds = [derive_seed(seed, "eval", task.id, trial) for task, trial in cells]

    def at(t: int) -> Floats:
        return np.stack([draws(one, t, max_tokens) for one in seeds])

    played = table.play([from_reset(task, one) for (task, _), one in zip(cells, seeds, strict=True)], at)
    return [
        episode_row(
            table.env,
            agent,
            task,
            trial,
            one.trajectory,
            [Reply(turn.action, turn.format_valid, len(turn.prompt), len(turn.reply), 1) for turn in one.turns],
            one.error,
        )
        for (task, trial), one in zip(cells, played, strict=True)
    ]
