"""A training run as a plan of one cell, on the executor that everything else runs on."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path
from typing import Any

from envbench.runs import Cell, CellResult, Plan, Run, execute
from envbench.train.checkpoint import TENSORS
from envbench.train.config import RunConfig, TrainConfig
from envbench.train.loop import Row, train
from envbench.train.read import config_from


def train_plan(config: RunConfig) -> Plan:
    """Return the plan of one training run."""
    config = config.resolved()
    panel = config.panel()
    values = {**config.plain(), "kind": "train", "panel": {"id": panel.id, "sha256": panel.sha256}, **facts(config)}
    label = f"{config.method}-{config.env.rpartition('/')[2]}"
    return Plan("train", values, (Cell(f"{config.method}/{config.seed}", {"seed": config.seed}),), label)


def facts(config: RunConfig) -> dict[str, Any]:
    """Return the digests of what else decides a run of a language model."""
    if isinstance(config, TrainConfig):
        return {}
    from envbench.agents.policy import model_facts

    values = config.plain()
    held_out = config.validation_panel()  # type: ignore[attr-defined]  # of an `LMConfig`
    facts = model_facts(values["model"], values["style"], config.env)
    return {**facts, "validation_panel": {"id": held_out.id, "sha256": held_out.sha256}}


def checkpoint_of(config: RunConfig, out: Path) -> Path:
    """Return the file of a run that holds its state: of a finished one, the trained policy."""
    return out / ("checkpoint.json" if isinstance(config, TrainConfig) else f"checkpoint{TENSORS}")


def execute_training(config: RunConfig, out: Path, on_row: Callable[[Row], None] | None = None) -> Run:
    """Train into the run directory `out`, or go on there.

    The checkpoint in it (`checkpoint_of`) holds the state of a killed run, to continue from; a language model is also
    kept as the folders `last` and `best`, which `--model` takes.

    Args:
        config: what to train.
        out: the run directory.
        on_row: module-level function, called with each logged row.
    """
    config = config.resolved()
    worker = partial(
        _train_cell, values=config.plain(), checkpoint=checkpoint_of(config, out), on_row=on_row, folder=out
    )
    return execute(train_plan(config), worker, out)


def _train_cell(
    _config: Mapping[str, Any],
    _spec: Mapping[str, Any],
    *,
    values: Mapping[str, Any],
    checkpoint: Path,
    on_row: Callable[[Row], None] | None,
    folder: Path,
) -> CellResult:
    rows = train(config_from(values), checkpoint=checkpoint, on_row=on_row, folder=folder)
    return CellResult(metrics=rows)
