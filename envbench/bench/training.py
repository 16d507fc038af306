"""How fast a language model trains: `envbench bench train`, ours and the peers in turn on the same work.

In every round each program runs once, for some iterations behind one to warm up; a ratio is of the medians of one
round, so that a machine that slows down for a while slows both.
"""

from __future__ import annotations

import os
import platform
import tempfile
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from functools import partial
from pathlib import Path
from typing import Any, TypeAlias

import numpy as np
import torch

from envbench.bench import ours, peers
from envbench.bench.packed import time_packed
from envbench.bench.summary import Row, spread
from envbench.bench.training_work import Dialogues, OneStep, Timed, word_tokenizer
from envbench.errors import InvalidValue, MissingExtra
from envbench.hashing import digest
from envbench.policies.lm.build import new_model, random_model, shape_of
from envbench.policies.lm.forward import FastForward
from envbench.policies.lm.policy import CausalLMPolicy
from envbench.runs import Cell, CellResult, Plan
from envbench.runs.session import code_digest
from envbench.train.lm.config import LMConfig
from envbench.train.lm.warmup import WarmupConfig, warm_up

SOKOBAN = "envbench/Sokoban-v0"
# Times as fast as TRL, by tokens of a prompt; as `generate` in rollouts and as TRL in iterations of growing histories.
SINGLE_TARGETS = {64: 4.0, 256: 5.0}
ROLLOUT_TARGET, DIALOGUE_TARGET = 6.0, 2.0
ITERATION_SECONDS, CREDIT_ENV_SHARE = 1.7, 0.02
PACKED_TARGET = 5.0

Program: TypeAlias = Callable[[], Timed]


@dataclass(frozen=True, slots=True)
class TrainingSettings:
    """How much is measured.

    Attributes:
        size: of the model that ours and the peers train, one of `SIZES`.
        model: folder of the model of the Sokoban iteration; "" for a fresh nano that has cloned the oracle a little.
        seed: root of the draws.
        repeats: rounds; of the Sokoban iteration, iterations.
        threads: of torch.
        groups, group, completion: prompts, replies to each, tokens of a reply.
        prompts: tokens of a prompt, one table each.
        dialogues: groups of a growing history. turns: steps of an episode. reply: most tokens of one there.
        cloning: optimizer steps of the fresh nano.
    """

    size: str = "micro"
    model: str = ""
    seed: int = 0
    repeats: int = 3
    threads: int = 2
    groups: int = 16
    group: int = 8
    completion: int = 8
    prompts: tuple[int, ...] = (64, 256)
    dialogues: int = 4
    turns: int = 20
    reply: int = 2
    cloning: int = 50

    def __post_init__(self) -> None:
        shape_of(self.size)
        for name in ("repeats", "threads", "groups", "group", "completion", "dialogues", "turns", "reply", "cloning"):
            if getattr(self, name) < 1:
                raise InvalidValue(f"bench: {name}={getattr(self, name)}: expected a whole number above 0")
        if self.model and not Path(self.model).is_dir():
            raise InvalidValue(f"--model {self.model}: no such folder; `envbench model warmup` makes one")


def make_training_plan(settings: TrainingSettings) -> Plan:
    """Return the plan: one cell per table; other code is another plan."""
    cells = [Cell(f"prompt-{tokens}", {"job": "prompt", "tokens": tokens}) for tokens in settings.prompts]
    cells += [Cell(name, {"job": name}) for name in ("rollout", "dialogue", "packed", "iteration")]
    config = {**asdict(settings), "prompts": list(settings.prompts)}
    return Plan("bench", {**config, "code": code_digest(), "machine": digest(platform.node())}, tuple(cells), "train")


def measure_training(config: Mapping[str, Any], spec: Mapping[str, Any]) -> CellResult:
    """Measure one cell (the worker of `runs.execute`); returns a metric row per program, form or iteration."""
    settings = TrainingSettings(**{name: config[name] for name in TrainingSettings.__slots__})
    before = torch.get_num_threads()
    torch.set_num_threads(settings.threads)
    try:
        with tempfile.TemporaryDirectory() as folder:
            rows = _JOBS[spec["job"]](settings, spec, Path(folder))
    finally:
        torch.set_num_threads(before)
    return CellResult(metrics=[{**spec, "load_average": list(os.getloadavg()), **row} for row in rows])


def _prompt(settings: TrainingSettings, spec: Mapping[str, Any], folder: Path) -> list[Row]:
    model = random_model(*_shape_and_words(settings), settings.seed)
    work = OneStep(settings.groups, settings.group, spec["tokens"], settings.completion, 2, settings.seed)
    programs: dict[str, Program] = {
        "ours": partial(ours.one_step, model, work),
        "repeated": partial(ours.one_step, model, work, share=False),
        "generate": partial(peers.plain_loop, model, work),
        "trl": partial(peers.trl_grpo, model, work),
    }
    return _in_turn(programs, settings.repeats, work.replies)


def _rollout(settings: TrainingSettings, spec: Mapping[str, Any], folder: Path) -> list[Row]:
    policy = _policy(settings, folder)
    work = _dialogue(settings, 2)
    programs: dict[str, Program] = {
        name: partial(ours.rollouts, policy.model, policy.tokenizer, SOKOBAN, name, work) for name in ours.ROLLOUTS
    }
    return _in_turn(programs, settings.repeats, settings.dialogues * settings.group)


def _dialogues(settings: TrainingSettings, spec: Mapping[str, Any], folder: Path) -> list[Row]:
    policy = _policy(settings, folder)
    work = _dialogue(settings, 1)
    programs: dict[str, Program] = {
        "ours": partial(ours.dialogues, folder / "model", SOKOBAN, work, threads=settings.threads),
        "trl": partial(peers.trl_dialogues, policy.model, policy.tokenizer, SOKOBAN, work),
    }
    return _in_turn(programs, settings.repeats, settings.dialogues * settings.group)


def _packed(settings: TrainingSettings, spec: Mapping[str, Any], folder: Path) -> list[Row]:
    model = random_model(*_shape_and_words(settings), settings.seed)
    rows = []
    for tokens in settings.prompts:
        work = OneStep(4, settings.group, tokens, settings.completion, settings.repeats, settings.seed)
        found = time_packed(FastForward(model), model, work)
        rows += [{"tokens_of_prompt": tokens, **row} for row in found]
    return rows


def _iteration(settings: TrainingSettings, spec: Mapping[str, Any], folder: Path) -> list[Row]:
    model = Path(settings.model) if settings.model else _cloned(settings, folder)
    config = LMConfig(
        env=SOKOBAN,
        model=str(model),
        method="gigpo",
        tasks=settings.groups,
        groups=settings.groups,
        group_size=settings.group,
        max_steps=settings.turns,
        max_tokens=4,
        threads=settings.threads,
        seed=settings.seed,
    )
    return ours.iterations(config, settings.repeats)


_JOBS: dict[str, Callable[[TrainingSettings, Mapping[str, Any], Path], list[Row]]] = {
    "prompt": _prompt,
    "rollout": _rollout,
    "dialogue": _dialogues,
    "packed": _packed,
    "iteration": _iteration,
}


def _shape_and_words(settings: TrainingSettings) -> tuple[Any, Any]:
    shape = shape_of(settings.size)
    return shape, word_tokenizer(shape.vocabulary)


def _policy(settings: TrainingSettings, folder: Path) -> CausalLMPolicy:
    new_model(settings.size, folder / "model", [SOKOBAN], settings.seed)
    return CausalLMPolicy.load(folder / "model")


def _dialogue(settings: TrainingSettings, repeats: int) -> Dialogues:
    return Dialogues(settings.dialogues, settings.group, settings.reply, settings.turns, repeats, settings.seed)


def _cloned(settings: TrainingSettings, folder: Path) -> Path:
    """Return the folder of a nano that answers with moves, mostly."""
    new_model("nano", folder / "new", [SOKOBAN], settings.seed)
    warm_up(
        folder / "new",
        folder / "cloned",
        WarmupConfig(
            env=SOKOBAN,
            tasks=200,
            panel=1,
            held_out=1,
            low=0.0,
            max_steps=settings.turns,
            steps=settings.cloning,
            check_every=settings.cloning,
            threads=settings.threads,
            seed=settings.seed,
        ),
    )
    return folder / "cloned"


def _in_turn(programs: Mapping[str, Program], rounds: int, episodes: int) -> list[Row]:
    """Run every program in every round and return a row each: `seconds` [rounds][iterations], or why it is `absent`."""
    rows: dict[str, Row] = {name: {"program": name, "episodes": episodes, "seconds": []} for name in programs}
    for _ in range(rounds):
        for name, program in programs.items():
            if "absent" in rows[name]:
                continue
            try:
                timed = program()
            except MissingExtra as error:
                rows[name]["absent"] = str(error)
                continue
            rows[name]["peer"] = timed.peer
            rows[name]["seconds"].append(timed.seconds)
    return list(rows.values())


def training_summary(metrics: Sequence[Mapping[str, Any]]) -> list[Row]:
    """Return a row per table.

    Those that compare programs have `programs`: of each its name and `peer`, `episodes_per_second` as a spread over
    rounds, `ratio`, how many times as fast ours is, as a spread, and `target` where there is one; or `absent`. `packed`
    has the `forms` of `time_packed`; `iteration` has spreads of its `seconds` and its parts, each part's `share` of
    all seconds, its counts, and the targets.
    """
    jobs: dict[tuple[str, int], list[Row]] = {}
    for row in metrics:
        jobs.setdefault((row["job"], row.get("tokens", 0) if row["job"] == "prompt" else 0), []).append(dict(row))
    found = []
    for (job, tokens), rows in jobs.items():
        table: Row = {"job": job, "load_average": rows[0]["load_average"]}
        if job == "packed":
            table |= {"forms": rows, "target": PACKED_TARGET}
        elif job == "iteration":
            table |= _iteration_row(rows)
        else:
            table |= {"tokens": tokens} if job == "prompt" else {}
            table["programs"] = _programs(rows, _targets(job, tokens))
        found.append(table)
    return found


def _targets(job: str, tokens: int) -> Mapping[str, float | None]:
    """Return what ours should reach, by the program that it is compared with."""
    if job == "rollout":
        return {"generate": ROLLOUT_TARGET}
    return {"trl": DIALOGUE_TARGET if job == "dialogue" else SINGLE_TARGETS.get(tokens)}


def _programs(rows: Sequence[Row], targets: Mapping[str, float | None]) -> list[Row]:
    medians = {row["program"]: [float(np.median(one)) for one in row["seconds"]] for row in rows}
    found = []
    for row in rows:
        name, seconds = row["program"], medians[row["program"]]
        if "absent" in row:
            found.append({"program": name, "absent": row["absent"]})
            continue
        one = {
            "program": name,
            "peer": row["peer"],
            "episodes_per_second": spread([row["episodes"] / taken for taken in seconds]),
            "ratio": spread([taken / base for taken, base in zip(seconds, medians["ours"], strict=True)]),
        }
        found.append(one if targets.get(name) is None else {**one, "target": targets[name]})
    return found


def _iteration_row(rows: Sequence[Row]) -> Row:
    total = sum(row["wall"] for row in rows)
    parts = {
        name: {**spread([row[name] for row in rows]), "share": sum(row[name] for row in rows) / total}
        for name in ours.PARTS
    }
    return {
        "seconds": spread([row["wall"] for row in rows]),
        "parts": parts,
        "credit_env_share": parts["credit"]["share"] + parts["env"]["share"],
        **{name: spread([row[name] for row in rows]) for name in ("turns", "trained_rows", "computed")},
        "target": ITERATION_SECONDS,
        "share_target": CREDIT_ENV_SHARE,
    }
