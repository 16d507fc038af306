"""`envbench credit explain`: one group of a run, with the credit that methods give to every step, as an HTML page."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from envbench import credit
from envbench.errors import UnknownName
from envbench.report import Explained
from envbench.report.explain.group import group_of
from envbench.report.explain.view import View, view_of
from envbench.report.page import templates, write_file
from envbench.runs import Run

DEFAULT_METHODS = ("grpo", "gigpo", "hgpo")


def explain(
    run: Run,
    out: Path,
    methods: Sequence[str] | None = None,
    group: int | None = None,
    iteration: int | None = None,
) -> Explained:
    """Write the page of a group of `run` into `out`; see `envbench.report.write_explanation`."""
    names = tuple(dict.fromkeys(methods or _default(run)))
    known = [method.name for method in credit.methods("advantage")]
    for name in names:
        if name not in known:
            raise UnknownName("advantage method", name, known)
    found = group_of(run, names, group, iteration)
    view = view_of(found, names)
    path = write_file(out / "explain.html", html(view).encode("utf-8", "replace"))
    return Explained(path, found.number, found.count, found.task, names, view.sentences)


def _default(run: Run) -> tuple[str, ...]:
    return (str(run.config["method"]), *DEFAULT_METHODS) if run.kind == "train" else DEFAULT_METHODS


def html(view: View) -> str:
    """Return the page; every value is escaped."""
    return templates(escape=True).get_template("explain.html.j2").render(view=view)


__all__ = ["DEFAULT_METHODS", "explain"]
