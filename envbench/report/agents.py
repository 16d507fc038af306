"""Evaluations as tables: what each agent reached, with n and interval, and which agents can be told apart."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from itertools import combinations
from typing import Any

import pandas as pd

from envbench.evaluate import summarise
from envbench.seeding import derive_seed
from envbench.stats import Comparison, Interval, aligned, holm, paired

MEASURES = ("success", "score", "score_iqm", "episode_return", "steps", "invalid_rate", "format_invalid_rate")
COMPARED = ("success", "score")
COSTS = ("model_calls", "prompt_tokens", "completion_tokens", "cost_usd")


def agents_table(episodes: pd.DataFrame) -> pd.DataFrame:
    """Return one row per panel and agent, the highest success first: the numbers that `envbench eval` prints.

    Columns: `panel`, `panel_sha256`, `agent`, `run`, `n` (episodes), `tasks`, `clusters`; per measure `<m>`, `<m>_low`,
    `<m>_high` (95 %, NaN when unknown), `<m>_method`; one count per outcome; totals of `COSTS`.

    Args:
        episodes: as `load` returns.
    """
    rows = []
    for (panel, label), group in episodes.groupby(["panel", "label"], sort=True):
        (summary,) = summarise(_records(group), seed=int(group["run_seed"].iloc[0]))
        row: dict[str, Any] = {
            "panel": panel,
            "panel_sha256": group["panel_sha256"].iloc[0],
            "agent": label,
            "run": group["run"].iloc[0],
            "n": summary.episodes,
            "tasks": summary.tasks,
            "clusters": summary.clusters,
        }
        for measure in MEASURES:
            row |= interval_columns(measure, summary.measures[measure])
        row |= {f"outcome_{name}": count for name, count in summary.outcomes.items()}
        rows.append(row | {cost: getattr(summary, cost) for cost in COSTS})
    frame = pd.DataFrame(rows)
    order = ["panel", "success", "score", "agent"]
    return frame.sort_values(order, ascending=[True, False, False, True], ignore_index=True)


def kinds_table(episodes: pd.DataFrame) -> pd.DataFrame:
    """Return one row per panel, kind of task and agent; panels whose tasks are of one kind have none.

    Columns: `panel`, `kind`, `agent`, `n` (episodes), `clusters`, and `success` as in `agents_table`.

    Args:
        episodes: as `load` returns.
    """
    several = episodes[episodes.groupby("panel")["kind"].transform("nunique") > 1]
    rows: list[dict[str, Any]] = []
    for (panel, kind, label), group in several.groupby(["panel", "kind", "label"], sort=True):
        (summary,) = summarise(_records(group), seed=int(group["run_seed"].iloc[0]))
        identity = {"panel": panel, "kind": kind, "agent": label}
        counts = {"n": summary.episodes, "clusters": summary.clusters}
        rows.append(identity | counts | interval_columns("success", summary.measures["success"]))
    return pd.DataFrame(rows)


def _records(group: pd.DataFrame) -> list[dict[str, Any]]:
    return [{str(name): value for name, value in row.items()} for row in group.to_dict("records")]


def interval_columns(name: str, interval: Interval) -> dict[str, Any]:
    """Return an interval as columns of a table."""
    method = f"{interval.method} over {interval.units} {interval.unit}s"
    return {
        name: interval.estimate,
        f"{name}_low": interval.low,
        f"{name}_high": interval.high,
        f"{name}_method": method,
    }


def agent_pairs(episodes: pd.DataFrame, seed: int = 0) -> pd.DataFrame:
    """Return every pair of agents of a panel, compared task by task (means over trials), clusters resampled.

    Columns: `panel`, `measure`, `a`, `b`, `difference` (a - b), `difference_low`, `difference_high`, `n` (tasks),
    `units` (clusters), `p_holm` (adjusted over the pairs of a panel and measure), `verdict` (of the adjusted one).
    """
    rows: list[dict[str, Any]] = []
    for panel, group in episodes.groupby("panel", sort=True):
        cluster = dict(zip(group["task"], group["cluster"], strict=True))
        for measure in COMPARED:
            means = group.groupby(["label", "task"])[measure].mean()
            sides = {str(label): means[label].to_dict() for label in sorted(group["label"].unique())}
            found = []
            for a, b in combinations(sides, 2):
                tasks, left, right = aligned(sides[a], sides[b])
                labels = [cluster[task] for task in tasks]
                found.append((a, b, paired(left, right, labels, rng=derive_seed(seed, "report", "pair", measure))))
            if not found:
                continue
            for (a, b, comparison), p in zip(found, holm([item[2].p_value for item in found]), strict=True):
                judged = replace(comparison, p_value=float(p))
                words = {"a better": f"{a} better", "b better": f"{b} better"}.get(judged.verdict) or judged.verdict
                rows.append({"panel": panel, "measure": measure, **pair_row(a, b, judged, words)})
    return pd.DataFrame(rows, columns=["panel", "measure", *PAIR_COLUMNS])


PAIR_COLUMNS = ("a", "b", "difference", "difference_low", "difference_high", "n", "units", "p_holm", "verdict")


def pair_row(a: str, b: str, judged: Comparison, verdict: str) -> dict[str, Any]:
    """Return a comparison whose p-value is adjusted already as columns of a table."""
    gap = judged.difference
    bounds = {"difference": gap.estimate, "difference_low": gap.low, "difference_high": gap.high}
    return {"a": a, "b": b, **bounds, "n": gap.n, "units": gap.units, "p_holm": judged.p_value, "verdict": verdict}


def groups(ordered: Sequence[str], pairs: pd.DataFrame) -> dict[str, str]:
    """Return letters: two that share one are not distinguishable, two that share none are.

    Args:
        ordered: names, best first; the best one's group is A.
        pairs: rows with `a`, `b`, `verdict` that cover every pair of them.
    """
    alike: dict[str, set[str]] = {name: set() for name in ordered}
    for a, b, verdict in zip(pairs["a"], pairs["b"], pairs["verdict"], strict=True):
        if verdict == "not distinguishable":
            alike[a].add(b)
            alike[b].add(a)
    cliques = _cliques(list(ordered), alike)
    cliques.sort(key=lambda clique: [ordered.index(name) for name in clique])
    letters = [chr(ord("A") + index) if index < 26 else f"({index + 1})" for index in range(len(cliques))]
    return {
        name: "".join(letter for letter, clique in zip(letters, cliques, strict=True) if name in clique)
        for name in ordered
    }


def _cliques(ordered: list[str], alike: Mapping[str, set[str]]) -> list[list[str]]:
    """Return the largest sets in which all are pairwise alike (each not inside another), members in the given order."""
    found: list[list[str]] = []

    def grow(clique: list[str], candidates: list[str], excluded: list[str]) -> None:
        if not candidates and not excluded:
            found.append(sorted(clique, key=ordered.index))
        while candidates:
            name = candidates.pop(0)
            near = alike[name]
            grow([*clique, name], [x for x in candidates if x in near], [x for x in excluded if x in near])
            excluded.append(name)

    grow([], list(ordered), [])
    return found
