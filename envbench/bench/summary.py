"""From the measured rows to the table: medians and spreads over the repetitions."""

from __future__ import annotations

import json
import math
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any, TypeAlias

import numpy as np

from envbench.bench.originals import ORIGINALS, RUNNABLE
from envbench.bench.plan import PEERS
from envbench.registry import card_of
from envbench.runs.files import plain_errors, write_atomic

Row: TypeAlias = dict[str, Any]

# name in the table, column of the measured row, factor
_DURATIONS = (
    ("reset_p50_ms", "reset_p50_seconds", 1e3),
    ("reset_p99_ms", "reset_p99_seconds", 1e3),
    ("snapshot_us", "snapshot_seconds", 1e6),
    ("restore_us", "restore_seconds", 1e6),
    ("state_hash_us", "state_hash_seconds", 1e6),
    ("anchor_hash_us", "anchor_hash_seconds", 1e6),
    ("observation_hash_us", "observation_hash_seconds", 1e6),
)
_MB = 1e6


def summary(rows: Iterable[Mapping[str, Any]]) -> list[Row]:
    """Return one row per subject. Every figure from repetitions is `{median, low, high, n}`, low and high the extremes.

    Keys: `job`, `env`, `dataset`; steps per second of wall time `steps_per_second`, `wrapped_steps_per_second`, and of
    processor time `steps_per_cpu_second`; `*_ms`, `*_us`; `rss_*_mb` (10^6 bytes); `ratios` to the original where it
    is installed, else to what is recorded for it (or measured of the peer), each with its source. A vector's row has
    `forms` instead: of each form of stepping `steps_per_second` (processor seconds; wall seconds of processes), its
    `ratio` to `scalar`, and the share of the steps that were `missed` by the memory of a batch. The import's row has
    `envbench_import_ms` (beyond gymnasium's own) and `gymnasium_import_ms`.
    """
    measured = [dict(row) for row in rows]
    peers = {row["env"]: _speeds(row) for row in measured if row["job"] == "peer"}
    originals = {(row["env"], row["dataset"]): row for row in measured if row["job"] == "original"}
    return [_summarised(row, peers, originals) for row in measured if row["job"] != "original"]


def _summarised(row: Row, peers: Mapping[str, Row], originals: Mapping[tuple[str, str], Row]) -> Row:
    if row["job"] == "import":
        names = ("envbench_import", "gymnasium_import")
        return {"job": "import", **{f"{name}_ms": spread([s * 1e3 for s in row[f"{name}_seconds"]]) for name in names}}
    if row["job"] == "vector":
        return _vector_row(row)
    identity = ("job", "env", "dataset", "split", "panel_sha256", "workload")
    result: Row = {key: row[key] for key in identity if key in row}
    result |= {"steps": row["steps"], "load_average": row["load_average"][0]} | _speeds(row)
    for name, column, factor in _DURATIONS:
        if column in row:
            result[name] = spread([seconds * factor for seconds in row[column]])
    if row["job"] == "peer":
        return result
    result["load_ms"] = row["load_seconds"] * 1e3
    result["sessions"] = row["sessions"]
    for name in ("import", "one", "all"):
        result[f"rss_{name}_mb"] = row[f"rss_{name}_bytes"] / _MB
    return result | {"ratios": _ratios(result, peers, originals.get((row["env"], row["dataset"])))}


def _vector_row(row: Row) -> Row:
    """Return steps per second of each form (resets included) and its ratio to scalar stepping, by repetition."""
    result: Row = {key: row[key] for key in ("job", "env", "dataset", "split", "panel_sha256", "steps")}
    result |= {"load_average": row["load_average"][0], "forms": {}}
    names = [name for name in row if name == "scalar" or name.startswith(("sync", "batched_", "processes_"))]
    for name in names:
        missed = row.get(name.removeprefix("batched_") + "_missed")
        result["forms"][name] = {
            "steps_per_second": spread([row["steps"] / seconds for seconds in row[name]]),
            "ratio": spread([base / seconds for base, seconds in zip(row["scalar"], row[name], strict=True)]),
        } | ({} if missed is None else {"missed": spread(missed)})
    return result


def _speeds(row: Mapping[str, Any]) -> Row:
    return {
        name: spread([row["steps"] / seconds for seconds in row[column]])
        for name, column in (
            ("steps_per_second", "bare_seconds"),
            ("steps_per_cpu_second", "bare_cpu_seconds"),
            ("wrapped_steps_per_second", "wrapped_seconds"),
        )
    }


def _ratios(result: Row, peers: Mapping[str, Row], original: Row | None) -> list[Row]:
    family = card_of(result["env"]).env.family
    ours = result["steps_per_second"]["median"]
    if original is not None:
        return [_live(RUNNABLE[family].name, original)]
    found = [
        {"name": item.name, "what": item.what, "steps_per_second": item.steps_per_second, "source": item.source}
        for item in ORIGINALS.get(family, ())
    ]
    peer = PEERS.get(family, "")
    if peer in peers:
        speed = peers[peer]["steps_per_second"]["median"]
        found.append({"name": peer, "what": "bare", "steps_per_second": speed, "source": "measured in this run"})
    return [{**item, "ratio": ours / item["steps_per_second"]} for item in found]


def _live(name: str, row: Row) -> Row:
    """Return the ratio to an original that ran on this machine: by repetition, on the same actions."""
    both = zip(row["original_seconds"], row["ours_seconds"], strict=True)
    speeds = [steps / seconds for steps, seconds in zip(row["steps"], row["original_seconds"], strict=True)]
    reset = float(np.median(row["original_reset_seconds"]))
    return {
        "name": name,
        "what": f"the same {math.fsum(row['steps']):.0f} steps in both, its resets of {reset:.2g} s left out",
        "steps_per_second": float(np.median(speeds)),
        "source": "measured in this run",
        "ratio": float(np.median([theirs / ours for theirs, ours in both])),
    }


def spread(values: Sequence[float]) -> Row:
    """Return `{median, low, high, n}` of repetitions."""
    return {"median": float(np.median(values)), "low": min(values), "high": max(values), "n": len(values)}


def write_table(path: Path, rows: Sequence[Row]) -> None:
    """Write the summary as JSON, whole or not at all."""
    with plain_errors(path.parent):
        write_atomic(path, (json.dumps(rows, indent=1, ensure_ascii=False) + "\n").encode())
