"""Studies of credit against the truth: every method at every group size, on one pool of episodes per cell."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import msgspec
import numpy as np

from envbench import credit
from envbench.fidelity import metrics
from envbench.fidelity.config import MethodEntry, Setting, StudyConfig, needs_of, settings_and_seeds, shape_of
from envbench.fidelity.mdp import Flags, Floats
from envbench.fidelity.pool import edges, nested
from envbench.fidelity.scene import Scene, stage
from envbench.fidelity.truth import Truth, exact
from envbench.rollout.fill import Filler
from envbench.rollout.members import Members
from envbench.rollout.record import Rollout
from envbench.rollout.tree import grow, random_nodes
from envbench.rollout.values import with_values
from envbench.runs import Cell, CellResult, Plan, Run, execute
from envbench.seeding import derive_seed

Row = dict[str, Any]


def study_plan(config: StudyConfig) -> Plan:
    """Return the plan: one cell for each setting, skill and pool."""
    cells = [
        Cell(
            f"{setting.name}/{skill:g}/{number}",
            {"setting": msgspec.to_builtins(setting), "skill": skill, "seed": seed},
        )
        for number, (setting, skill, seed) in enumerate(settings_and_seeds(config))
    ]
    resolved = msgspec.to_builtins(config) | {
        "kind": "fidelity",
        "methods": [msgspec.to_builtins(entry) for entry in config.entries()],
        "panels": {setting.name: setting.panel().sha256 for setting in config.settings},
        "versions": {entry.name: credit.method(entry.name).version for entry in config.entries()},
    }
    return Plan("fidelity", resolved, tuple(cells), config.title)


def cost(config: StudyConfig) -> str:
    """Say what a study will take, in words."""
    pools = [(setting, skill) for setting, skill, _ in settings_and_seeds(config)]
    episodes = sum((setting.groups or config.groups) * config.sizes_of(setting)[-1] for setting, _ in pools)
    return (
        f"{len(pools)} pools ({len(config.settings)} settings x skills x {config.seeds} seeds), {episodes:,} episodes; "
        f"{len(config.entries())} methods at up to {len(config.group_sizes)} group sizes on each"
    )


def execute_study(
    config: StudyConfig, out: Path, *, workers: int = 1, on_progress: Callable[[int, int, str], None] | None = None
) -> Run:
    """Run a study into `out`, or go on there."""
    return execute(study_plan(config), run_cell, out, workers=workers, setup=_one_thread, on_progress=on_progress)


def _one_thread(_config: Mapping[str, Any]) -> None:
    import torch

    torch.set_num_threads(1)


def run_cell(resolved: Mapping[str, Any], spec: Mapping[str, Any]) -> CellResult:
    """Judge every method on one pool."""
    known = {name: resolved[name] for name in StudyConfig.__struct_fields__ if name in resolved}
    config = msgspec.convert(known, StudyConfig)
    setting = msgspec.convert(dict(spec["setting"]), Setting)
    scene = stage(config, setting, spec["skill"], spec["seed"])
    about = {
        "setting": setting.name, "env": setting.env, "truth": setting.truth, "skill": float(spec["skill"]),
        "seed": int(spec["seed"]), "success": scene.success,
    }  # fmt: skip
    judge = Judge(config, scene, derive_seed(spec["seed"], "random"))
    rows = [row for size in config.sizes_of(setting) for row in judge.rows(size)]
    return CellResult(metrics=[_finite({**about, **row}) for row in (*rows, judge.keys())])


def _finite(row: Row) -> Row:
    """Return the row without measures that have no value there; a missing `sample_cost` beside a cosine is infinite."""
    return {name: value for name, value in row.items() if not isinstance(value, float) or math.isfinite(value)}


@dataclass(frozen=True, slots=True, eq=False)
class _Part:
    """Episodes that a method is judged on, with the truth of their rows.

    Attributes:
        rollout: with what its methods need of it. truth: of its rows.
        decisive: bool [S] or None.
        continuations: episodes played for it beyond those of the groups. env_steps: all that it took.
    """

    rollout: Rollout
    truth: Truth
    decisive: Flags | None
    continuations: int
    env_steps: int


class Judge:
    """Judges methods on a scene."""

    def __init__(self, config: StudyConfig, scene: Scene, seed: int) -> None:
        self._config, self._scene, self._seed = config, scene, seed

    def rows(self, size: int) -> Iterator[Row]:
        """Yield one row of measures for each method and reference at a group size."""
        chains = self._chains(size)
        parts = {"chains": chains}
        for reference in ("truth", "random"):
            found = self._measures(chains, self._reference(reference, chains), size)
            if reference == "truth":  # found twice, so its own noise shrinks the correlation a second time
                found["pearson_corrected"] /= metrics.attenuation(chains.truth.advantage, chains.truth.error)
            yield {**found, "method": reference, "group_size": size, "seconds": 0.0}
        for entry in self._config.entries():
            shape = shape_of(entry.name, needs_of(credit.method(entry.name), entry.options))
            if shape != "chains" and (self._scene.exact is None or size not in self._config.branching_sizes):
                continue
            if shape not in parts:
                parts[shape] = self._tree(size) if shape == "tree" else self._continued(chains)
            started = time.perf_counter()
            assigned, weight = self._credit(entry, parts[shape].rollout)
            seconds = time.perf_counter() - started
            found = self._measures(parts[shape], assigned, size, weight)
            yield {**found, "method": entry.label, "group_size": size, "seconds": seconds}

    def credits(self, size: int, entries: Sequence[MethodEntry]) -> tuple[Rollout, Truth, dict[str, Floats]]:
        """Return the groups of a size, the truth of their rows, and the credit (float64 [S]) by each method's label.

        Methods that play trees of their own are left out: their steps are others.
        """
        chains = self._chains(size)
        parts = {"chains": chains}
        found = {}
        for entry in entries:
            shape = shape_of(entry.name, needs_of(credit.method(entry.name), entry.options))
            if shape == "tree":
                continue
            if shape not in parts:
                parts[shape] = self._continued(chains)
            found[entry.label], _ = self._credit(entry, parts[shape].rollout)
        return chains.rollout, chains.truth, found

    def keys(self) -> Row:
        """Return how well keys tell states apart on the pool, and how much the clock matters within one."""
        pool, exact = self._scene.pool, self._scene.exact
        batch = pool.batch(("anchor", "state", "observation"))
        group = pool.group[pool.episode]
        found: Row = {"method": "keys", "group_size": pool.members.size}
        for name, key, history in (
            ("text", "observation", 0),
            ("text_history", "observation", 2),
            ("state", "state", 0),
        ):
            ids = batch.with_anchor(key, history=history).anchor
            assert ids is not None  # with_anchor fills it
            merged = metrics.merging(ids.numpy(), pool.anchor, group)
            found |= {f"{name}_false_merges": merged.false_merges, f"{name}_false_splits": merged.false_splits}
        return found | {"clock_spread": float("nan") if exact is None else exact.clock_spread}

    def _chains(self, size: int) -> _Part:
        scene = self._scene
        pool = scene.pool
        kept = (pool.member % pool.members.size < size)[pool.episode]
        rows, inside = scene.truth.within(kept, np.cumsum(kept) - 1)
        truth = replace(
            scene.truth,
            rows=rows,
            **{name: getattr(scene.truth, name)[inside] for name in ("advantage", "error", "pair", "again")},
        )
        part = nested(pool, size)
        return _Part(part, truth, None if scene.decisive is None else scene.decisive[kept], 0, len(part.t))

    def _continued(self, chains: _Part) -> _Part:
        whole = with_values(chains.rollout, self._scene.collector, self._config.continuations)
        more = whole.spent.env_steps - chains.rollout.spent.env_steps
        return replace(
            chains,
            rollout=whole,
            continuations=len(chains.rollout.t) * self._config.continuations,
            env_steps=chains.env_steps + more,
        )

    def _tree(self, size: int) -> _Part:
        """Return two trees in each group, `size` leaves in all: two chains, and branches from random nodes of them."""
        scene = self._scene
        assert scene.exact is not None  # asked for by `rows`
        pool = scene.pool.members
        members = Members(pool.tasks, 2, derive_seed(pool.seed, "trees", size), 0, pool.max_steps)
        grown = grow(scene.collector, members, random_nodes((size - 2) // 2), rounds=1)
        return _Part(grown, exact(grown, scene.exact.mdp, scene.exact.values), None, 0, len(grown.t))

    def _reference(self, name: str, part: _Part) -> Floats:
        """Return float64 [S], the truth itself (0 where it is not known) or noise."""
        assigned = np.zeros(len(part.rollout.t))
        if name == "truth":
            assigned[part.truth.rows] = part.truth.again
            return assigned
        draws = np.random.PCG64(self._seed).random_raw(len(assigned))
        return (draws >> np.uint64(11)).astype(np.float64) * 2.0**-52 - 1.0

    def _credit(self, entry: MethodEntry, rollout: Rollout) -> tuple[Floats, Floats]:
        """Return the credit of each row (0 where the method drops it) and its weight in the loss, both float64 [S]."""
        needs = needs_of(credit.method(entry.name), entry.options)
        wanted = {name: entry.name for name in needs if name not in rollout.filled}
        filler = Filler(wanted, self._scene.table)
        filled = filler.fill(rollout, self._scene.collector)
        branches = ("parent", "branch_t", "tree") if (rollout.parent >= 0).any() else ()
        batch = filled.batch(tuple(dict.fromkeys((*filler.record, *rollout.filled, *branches))))
        result = credit.advantages(entry.name, batch, **entry.options)
        value = result.value.double()
        weight = value.new_ones(len(value)) if result.weight is None else result.weight.double()
        value = value.masked_fill(weight == 0.0, 0.0)
        if result.level == "token":  # a tabular policy takes one token for each step
            step = batch.require("token_step", entry.name)
            value, weight = (one.new_zeros(batch.num_steps).index_copy(0, step, one) for one in (value, weight))
        return value.numpy(), weight.numpy()

    def _measures(self, part: _Part, assigned: Floats, size: int, weight: Floats | None = None) -> Row:
        """Return what the credit of a part comes to; `weight` is that of its rows in the loss, 1 by default.

        A row of a tree that several leaves share has their number as weight: its credit counts once, its gradient
        that often.
        """
        truth, scene = part.truth, self._scene
        known, advantage = assigned[truth.rows], truth.advantage
        error = metrics.error(known, advantage, truth.pair)
        raw = metrics.pearson(known, advantage), metrics.spearman(known, advantage)
        factor = metrics.attenuation(advantage, truth.error)
        found: Row = {
            "pearson": raw[0], "spearman": raw[1], "pearson_corrected": raw[0] / factor,
            "sign_accuracy": metrics.sign_accuracy(known, advantage, scene.reward_range),
            "scale": error.scale, "bias": error.bias, "variance": error.variance, "error": error.total,
            "visited_share": error.share, "rows": len(known), "truth_error": float(truth.error.mean()),
            "env_steps": part.env_steps, "continuations": part.continuations,
            "cosine": float("nan"), "sample_cost": float("nan"), "decisive_share": float("nan"),
            "decisive_steps": float("nan"),
        }  # fmt: skip
        if part.decisive is not None:
            found["decisive_share"] = metrics.decisive_share(assigned, part.decisive)
            found["decisive_steps"] = float(part.decisive.mean())
        if scene.exact is not None:
            signal = assigned if weight is None else assigned * weight
            found |= self._gradient(part.rollout, signal, size)
        return found

    def _gradient(self, rollout: Rollout, assigned: Floats, size: int) -> Row:
        exact = self._scene.exact
        assert exact is not None  # asked by `_measures`
        group = rollout.group[rollout.episode]
        estimates = metrics.gradient_estimates(
            assigned, edges(rollout, exact.mdp), exact.policy, exact.mdp.edge_node, group, len(rollout.members.tasks)
        )
        return metrics.gradient(estimates, exact.gradient, size)._asdict()
