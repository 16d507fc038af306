"""A warm start: a model clones the oracle until it succeeds sometimes, which is where learning by reward can begin."""

from __future__ import annotations

import json
import shutil
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from envbench.agents.prompting import Prompting
from envbench.errors import InvalidValue
from envbench.policies.lm.build import RECORD
from envbench.registry import card_of, panel
from envbench.rollout.panel import play_panel
from envbench.rollout.table import Table
from envbench.runs.files import plain_errors
from envbench.seeding import derive_seed, generator, sample
from envbench.stats import wilson
from envbench.train.config import training_split
from envbench.train.lm.config import Dtype, LMConfig
from envbench.train.lm.demonstrations import demonstrations
from envbench.train.lm.network import Network
from envbench.train.packed import TokenRow
from envbench.train.update import UpdateConfig, clone


@dataclass(frozen=True, slots=True, kw_only=True)
class WarmupConfig:
    """How a model is warmed up.

    Attributes:
        env, dataset: as for `gymnasium.make`. style, history, dialogue, max_tokens: of prompts, as in `LMConfig`.
        tasks: demonstrations are of the first N tasks of the training split; all when None.
        panel: success is measured on the first N of them. held_out: and on the first N of the validation split.
        noise: share of random steps in the walks. walks: of each task.
        low, high: success on the panel that is aimed at; training stops at `low`, and the record says where that was
            already above `high`.
        keep: write the model also where the steps did not bring it to `low`.
        steps: optimiser steps at most. check_every: steps between two measurements. batch: rows of a step.
        learning_rate, device, dtype, threads, token_budget: as in `LMConfig`. seed: of walks, order and measurements.

    Raises:
        InvalidValue: for `low` above `high`.
    """

    env: str
    dataset: str = "builtin"
    style: str = "observation"
    history: int = 0
    dialogue: bool = False
    max_tokens: int = 16
    max_steps: int | None = None
    tasks: int | None = None
    panel: int = 64
    held_out: int = 64
    noise: float = 0.1
    walks: int = 4
    low: float = 0.25
    high: float = 0.6
    steps: int = 2000
    check_every: int = 50
    batch: int = 128
    learning_rate: float = 2e-3
    device: str = "cpu"
    dtype: Dtype = "float32"
    threads: int = 2
    token_budget: int = 16384
    keep: bool = False
    seed: int = 0

    def __post_init__(self) -> None:
        if self.low > self.high:
            raise InvalidValue(
                f"low={self.low}, high={self.high}: give a high that is no lower, e.g. --high {self.low}"
            )


def warm_up(
    model: Path, out: Path, config: WarmupConfig, on_check: Callable[[dict[str, Any]], None] | None = None
) -> dict[str, Any]:
    """Clone the oracle's behaviour into a new model folder, and return its record.

    Args:
        model: folder to begin with; it is not changed.
        out: folder to make.
        config: how.
        on_check: called with `step`, `success`, `held_out`, `loss` and `seconds` at each measurement.

    Returns:
        The record, which is also `envbench.json` in the folder; `aim` of its `warmup` is `met`, `above` or `below`.

    Raises:
        InvalidValue: for a folder that exists, or where the steps did not suffice and nothing is to be kept.
    """
    if out.exists():
        raise InvalidValue(f"--out {out} is there already; name another folder, or remove it first")
    began = time.perf_counter()
    card = card_of(config.env)
    network = Network(
        LMConfig(
            env=config.env,
            dataset=config.dataset,
            model=str(model),
            tasks=1,
            learning_rate=config.learning_rate,
            device=config.device,
            dtype=config.dtype,
            threads=config.threads,
        )
    )
    policy = network.policy
    prompting = Prompting(card, config.style, config.history, policy.tokenizer, config.dialogue)
    table = _table(config, policy, prompting)
    whole = panel(config.env, config.dataset, training_split(config.env, config.dataset, None))
    shown = whole if config.tasks is None else whole[: config.tasks]
    env = table.make()
    rows = demonstrations(
        env, shown, prompting, policy.tokenizer, noise=config.noise, walks=config.walks, seed=config.seed
    )
    _check_replies(rows, config)
    section = card.dataset(config.dataset)
    other = panel(config.env, config.dataset, "val" if "val" in section.splits else section.eval_split)
    cfg = UpdateConfig(token_budget=config.token_budget)
    checked: dict[str, Any] = {}
    for step in range(1, config.steps + 1):
        bits = generator(derive_seed(config.seed, "warmup", step))
        stats = clone(network.forward, network.optimizer, sample(bits, rows, config.batch), cfg, name=f"step {step}")
        if step % config.check_every and step < config.steps:
            continue
        success = _success(table, whole[: config.panel], config)
        checked = {"step": step, "success": success, "loss": stats.loss, "seconds": time.perf_counter() - began}
        reached = success >= config.low
        if reached or (config.keep and step == config.steps):
            checked["held_out"] = _success(table, other[: config.held_out], config)
        if on_check is not None:
            on_check(checked)
        if reached:
            break
    if "held_out" not in checked:
        raise InvalidValue(
            f"{config.steps} steps brought success on the panel to {checked['success']:.3f}, below {config.low}: "
            "give more --steps, fewer --tasks, or a larger model; with --keep such a model is written all the same"
        )
    success = checked["success"]
    checked["aim"] = "below" if success < config.low else "above" if success > config.high else "met"
    record = _record(model, config, checked, len(rows), len(whole[: config.panel]), len(other[: config.held_out]))
    _write(network, out, record)
    return record


def _table(config: WarmupConfig, policy: Any, prompting: Prompting) -> Table:
    limit = card_of(config.env).env.max_steps if config.max_steps is None else config.max_steps
    return Table(config.env, config.dataset, {}, limit, policy, prompting, max_tokens=config.max_tokens)


def _check_replies(rows: list[TokenRow], config: WarmupConfig) -> None:
    longest = max(len(row.reply) for row in rows)
    if longest > config.max_tokens:
        raise InvalidValue(
            f"max_tokens={config.max_tokens}: the oracle's longest action takes {longest} tokens; give as many"
        )


def _success(table: Table, tasks: Any, config: WarmupConfig) -> float:
    rows = play_panel(table, list(tasks), max_tokens=config.max_tokens, seed=config.seed)
    return float(sum(row["success"] for row in rows)) / len(rows)


def _record(
    model: Path, config: WarmupConfig, checked: dict[str, Any], rows: int, panel_tasks: int, other_tasks: int
) -> dict[str, Any]:
    try:
        before = json.loads((model / RECORD).read_text(encoding="utf-8"))
    except (OSError, ValueError):
        before = {}
    success, held_out = checked["success"], checked["held_out"]
    ends = {
        name: [round(one.low, 4), round(one.high, 4)]
        for name, one in (
            ("success_interval", wilson(round(success * panel_tasks), panel_tasks)),
            ("held_out_interval", wilson(round(held_out * other_tasks), other_tasks)),
        )
    }
    return {**before, "warmup": {**asdict(config), **checked, **ends, "demonstrated_rows": rows}}


def _write(network: Network, out: Path, record: dict[str, Any]) -> None:
    network.save(out)
    try:
        with plain_errors(out):
            (out / RECORD).write_text(json.dumps(record, indent=2) + "\n", encoding="utf-8")
    except BaseException:
        shutil.rmtree(out, ignore_errors=True)
        raise
