"""Runs as frames: every episode or metric row with what identifies its panel."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import pandas as pd

from envbench.compare import labeller
from envbench.errors import InvalidValue, RunUnreadable
from envbench.report.triage import triage_columns
from envbench.runs import Run

EPISODE_COLUMNS = (
    "agent", "env", "dataset", "split", "task", "cluster", "trial", "outcome", "success", "score", "episode_return",
    "steps", "invalid_actions", "format_invalid", "prompt_tokens", "completion_tokens", "model_calls", "cost_usd",
    "error",
)  # fmt: skip
METRIC_COLUMNS = (
    "env", "dataset", "split", "panel_sha256", "method", "options", "advantage_scale", "learning_rate", "seed",
    "iteration", "success", "score", "episode_return", "episode_length",
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Loaded:
    """What a report is made from.

    Attributes:
        runs: in the order given, each once.
        episodes: one row per episode of the evaluation runs: `EPISODE_COLUMNS`, `run`, `run_seed`, `panel`,
            `panel_sha256`, `label`, `kind` of its task ("" where tasks have none), and what `triage_columns` says.
        metrics: one row per logged iteration of the training runs: `METRIC_COLUMNS`, `run`, `panel`, `label`,
            `use` (`selection`, `report`, or `both` where the run does not say).

    `panel` names environment, data set, split, changed knobs and limit: rows of one panel can be compared. `label` is
    the agent or method in words that tell it from the others of its panel.
    """

    runs: tuple[Run, ...]
    episodes: pd.DataFrame
    metrics: pd.DataFrame


def load(runs: Sequence[Run]) -> Loaded:
    """Read runs into frames.

    Raises:
        InvalidValue: for no runs, or runs of which none holds episodes or training metrics.
        RunUnreadable: for an unfinished or damaged run, or rows without a column of the schema.
    """
    unique = tuple({run.run_id: run for run in runs}.values())
    if not unique:
        raise InvalidValue("report: name at least one run directory, e.g. envbench report runs/eval-...")
    episodes = [row for run in unique for row in _episodes(run)]
    metrics = [row for run in unique for row in _metrics(run)]
    if not episodes and not metrics and all(run.kind != "fidelity" for run in unique):
        raise InvalidValue("report: these runs hold neither episodes nor training metrics; give runs of eval or sweep")
    return Loaded(unique, labelled_agents(episodes), labelled_methods(metrics))


def _episodes(run: Run) -> list[dict[str, Any]]:
    rows = run.episodes()
    return [{**_episode(run, row), **signs} for row, signs in zip(rows, triage_columns(rows), strict=True)]


def _episode(run: Run, row: Mapping[str, Any]) -> dict[str, Any]:
    picked = _picked(run.run_id, row, EPISODE_COLUMNS)
    panel = run.config.get("panel", {})
    limit = run.config.get("max_steps", "none")
    knobs = json.dumps(run.config.get("knobs", {}), sort_keys=True)
    added = {"run": run.run_id, "run_seed": run.config.get("seed", 0), "panel": panel_name(run.config)}
    added["panel_sha256"] = panel.get("sha256", "")
    added["kind"] = row.get("kind", "")  # a column that came later
    return {**picked, **added, "setting": f"{knobs} limit {limit}"}


def _metrics(run: Run) -> list[dict[str, Any]]:
    label = labeller(run.config) if run.kind == "sweep" else lambda row: str(row["method"])
    use = {seed: name for name in ("selection", "report") for seed in run.config.get(f"{name}_seeds", ())}
    rows = (row for row in run.metrics() if "iteration" in row)
    return [metric_row(run.run_id, row, label(row), use, run.config) for row in rows]


def metric_row(
    source: str, row: Mapping[str, Any], label: str, use: Mapping[int, str], config: Mapping[str, Any]
) -> dict[str, Any]:
    """Return a metric row for `labelled_methods`.

    Args:
        source: run or file that it comes from.
        row: as `train` logged it.
        label: of its method.
        use: seed -> `selection` or `report`; a seed that is not there serves for `both`.
        config: of the run; names the panel, and what else must be equal for rows to be compared.
    """
    setting = ", ".join(f"{name}={config[name]}" for name in _BUDGET if name in config)
    named = {"run": source, "label": label, "use": use.get(row["seed"], "both"), "setting": setting}
    return {**_picked(source, row, METRIC_COLUMNS), **named, "panel": panel_name(config)}


_BUDGET = ("iterations", "groups", "group_size", "max_steps", "key", "average")


def _picked(run_id: str, row: Mapping[str, Any], columns: Iterable[str]) -> dict[str, Any]:
    try:
        return {column: row[column] for column in columns}
    except KeyError as error:
        raise RunUnreadable(f"run {run_id}: a row has no column {error}; it was written by another version") from None


def panel_name(config: Mapping[str, Any]) -> str:
    """Return the panel of a run in one word: its id, or what stands in its place."""
    stand_in = "/".join(str(config.get(name, "?")) for name in ("env", "dataset", "split"))
    return str(config.get("panel", {}).get("id", stand_in))


def labelled_agents(rows: list[dict[str, Any]]) -> pd.DataFrame:
    """Return the episode frame with `label`, and with panels that differ in knobs, limit or tasks told apart."""
    if not rows:
        return pd.DataFrame(columns=[*EPISODE_COLUMNS, "kind", "run", "run_seed", "panel", "panel_sha256", "label"])
    frame = pd.DataFrame(rows)
    frame["panel"] = _told_apart(frame, "panel", ("setting", "panel_sha256"))
    frame["label"] = frame["agent"]
    several = frame.groupby(["panel", "label"])["run"].transform("nunique") > 1
    tails = "#" + frame["run"].str.rsplit("-", n=1).str[-1]
    frame["label"] = frame["label"].where(~several, frame["label"] + " " + tails)
    return frame


def _told_apart(frame: pd.DataFrame, name: str, by: Sequence[str]) -> pd.Series[str]:
    """Return column `name` with what differs in `by` added where one name stands for several things."""
    result = frame[name]
    for column in by:
        several = frame.assign(name=result).groupby("name")[column].transform("nunique") > 1
        words = frame[column].str.slice(0, 60) if column != "panel_sha256" else frame[column].str.slice(0, 8)
        result = result.where(~several, result + " (" + words + ")")
    return result


def labelled_methods(rows: list[dict[str, Any]]) -> pd.DataFrame:
    """Return the metric frame: what two sources hold alike is kept once, and unlike is told apart by its source."""
    if not rows:
        return pd.DataFrame(columns=[*METRIC_COLUMNS, "run", "panel", "label", "use"])
    frame = pd.DataFrame(rows)
    frame["panel"] = _told_apart(frame, "panel", ("panel_sha256", "setting"))
    key = ["panel", "label", "advantage_scale", "learning_rate", "seed", "iteration"]
    frame = frame.drop_duplicates([*key, "success", "score", "episode_return"]).reset_index(drop=True)
    clash = frame.assign(clash=frame.duplicated(key, keep=False)).groupby(["panel", "label"])["clash"].transform("any")
    frame["label"] = frame["label"].where(~clash, frame["label"] + " #" + frame["run"].str.rsplit("-", n=1).str[-1])
    return frame
