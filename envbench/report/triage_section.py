"""The part of a report that says which trajectories to read, and what is in them."""

from __future__ import annotations

import pandas as pd

from envbench.report.layout import Cell, Column, Section, number, table, text
from envbench.report.triage import KINDS

READ_FIRST = 10

_SIGNS = (*KINDS, "repeated", "refused")
_TEXT = (
    "Retry: one action in one state at least 3 times in a row. Drift: at least 3 steps in a row that do not lead out "
    "of a state, with different actions. Oscillation: a pattern of 2 to 5 (state, action) pairs at least 3 times in a "
    "row. Repeated: a (state, action) that was met before in the episode. States are compared by their hash, so that "
    "all this is exact; where an environment draws noise, hardly any state comes twice. The rules are those of Signals "
    "(arXiv:2604.00356) that need no user.",
    "Read first: an episode is worth the more, the more it loses of that paper's quality score; an outcome that at "
    "most a third of its group shares, and a failure with some score, count on top. To read one, type envbench view "
    "and the directory of its run.",
)


def triage_section(episodes: pd.DataFrame) -> tuple[Section, dict[str, pd.DataFrame]]:
    """Return the section and the frames behind its tables, from episodes with the columns of `triage_columns`."""
    signs, failures, first = signs_table(episodes), failures_table(episodes), first_table(episodes)
    section = Section("triage", "Trajectories to read", list(_TEXT))
    for panel, rows in signs.groupby("panel", sort=False):
        spec: list[Column] = [("agent", text("agent")), ("n", number("n")), ("any loop", number("loop"))]
        spec += [(name, number(name)) for name in _SIGNS]
        section.tables.append(table(f"Signs of trouble, in episodes: {panel}", rows, spec, "triage"))
    if len(failures):
        spec = [("panel", text("panel")), ("agent", text("agent")), ("failure", text("failure"))]
        spec += [("episodes", number("episodes")), ("of", number("n"))]
        section.tables.append(table("How episodes failed", failures, spec, "failures"))
    if len(first):
        spec = [("run", text("run")), ("episode", number("number")), ("agent", text("agent")), ("task", text("task"))]
        spec += [("outcome", text("outcome")), ("score", lambda row: Cell(f"{row['score']:.3f}", sort=row["score"]))]
        spec.append(("why", text("reasons")))
        section.tables.append(table("Read first", first, spec, "read-first"))
    return section, {"triage": signs, "failures": failures, "read-first": first}


def signs_table(episodes: pd.DataFrame) -> pd.DataFrame:
    """Return in how many episodes of each agent there is each sign at least once."""
    rows = []
    for (panel, label), part in episodes.groupby(["panel", "label"], sort=True):
        met = part[list(_SIGNS)] > 0
        counts = {name: int(met[name].sum()) for name in _SIGNS}
        rows.append(
            {"panel": panel, "agent": label, "n": len(part), "loop": int(met[list(KINDS)].any(axis=1).sum()), **counts}
        )
    return pd.DataFrame(rows)


def failures_table(episodes: pd.DataFrame) -> pd.DataFrame:
    """Return how often each agent failed in each way, the most frequent first."""
    keys = ["panel", "label", "failure"]
    counts = episodes[episodes["failure"] != ""].groupby(keys).size().reset_index(name="episodes")
    counts = counts.merge(episodes.groupby(keys[:2]).size().reset_index(name="n"), on=keys[:2], how="left")
    order = ["panel", "episodes", "label", "failure"]
    counts = counts.sort_values(order, ascending=[True, False, True, True], ignore_index=True)
    return counts.rename(columns={"label": "agent"})


def first_table(episodes: pd.DataFrame) -> pd.DataFrame:
    """Return the episodes to read first, at most `READ_FIRST`, only such as there is a reason to read."""
    reasoned = episodes[episodes["worth"] > 0]
    ranked = reasoned.sort_values("worth", ascending=False, kind="stable", ignore_index=True).head(READ_FIRST)
    columns = ["run", "number", "label", "task", "trial", "outcome", "score", "worth", "reasons"]
    return ranked[columns].rename(columns={"label": "agent"})
