"""From runs to tables, plots and pages: `envbench report` and `envbench figures`.

    written = write_report([open_run(path) for path in paths], Path("report"))

`load` reads runs into frames, `agents` and `curves` turn frames into tables of estimates with n and interval, `plots`
draws those tables, `page` renders tables and plots. Nothing here measures, and nothing but `load` reads a run. The
packages of the extra `report` are imported when asked for.
"""

from __future__ import annotations

import importlib
import importlib.util
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from envbench.errors import MissingExtra
from envbench.runs import Run

if TYPE_CHECKING:
    from envbench.fidelity.config import StudyConfig
    from envbench.fidelity.example import Example

PACKAGES = ("pandas", "matplotlib", "jinja2")


def require_extra(what: str) -> None:
    """Check that the packages of the extra are here.

    Raises:
        MissingExtra: naming the first that is not.
    """
    for package in PACKAGES:
        if importlib.util.find_spec(package) is None:
            raise MissingExtra(what, "report", package)


def write_report(runs: Sequence[Run], out: Path) -> list[Path]:
    """Write `report.md`, `report.html`, `figures/` and `tables/` for finished runs of any kinds.

    The same runs give the same bytes. An earlier report in `out` is replaced.

    Raises:
        InvalidValue: for no runs, runs without rows, or a folder that holds something else.
        RunUnreadable: for a run that is unfinished or damaged.
        MissingExtra: without pandas, matplotlib or jinja2.
    """
    require_extra("envbench report")
    files: list[Path] = importlib.import_module("envbench.report.page").write(runs, out)
    return files


class Explained(NamedTuple):
    """The page of a group that was written, what it shows, and what it says first."""

    path: Path
    group: int
    groups: int
    task: str
    methods: tuple[str, ...]
    sentences: list[str]


def write_explanation(
    run: Run,
    out: Path,
    methods: Sequence[str] | None = None,
    group: int | None = None,
    iteration: int | None = None,
) -> Explained:
    """Write `out/explain.html`: the steps of one group side by side, each with the advantage by every method.

    The same run and methods give the same bytes. An earlier page is replaced.

    Args:
        run: a finished eval, or a training run.
        out: folder of the page.
        methods: advantage methods; grpo, gigpo and hgpo when None, after the method that a training run used.
        group: number of the group; the one whose returns differ most when None.
        iteration: of a training run, 0 when None.

    Raises:
        UnknownName: for a method that does not exist or computes no advantages.
        InvalidValue: for a run of another kind, a number that is not there, or a run without a group of two.
        RunUnreadable: for a run that is unfinished or does not happen again.
        MissingColumn: for a method that asks for what the run cannot give.
        MissingExtra: without the packages of the extra.
    """
    require_extra("envbench credit explain")
    page: Explained = importlib.import_module("envbench.report.explain").explain(run, out, methods, group, iteration)
    return page


def write_board(folder: Path, study: Path) -> list[Path]:
    """Write `table.md` and the figures of a board of credit against the truth beside its committed rows.

    Args:
        folder: with `results.parquet` or `results.jsonl`.
        study: file of the study that they are of.

    Raises:
        InvalidValue: for a folder without results.
        DataCorrupt: for files that cannot be read.
        MissingExtra: without pandas, matplotlib or jinja2.
    """
    require_extra("envbench fidelity --results")
    files: list[Path] = importlib.import_module("envbench.report.fidelity_board").write_board(folder, study)
    return files


def write_group(config: StudyConfig, example: Example, out: Path) -> Path:
    """Write `out/group.html`: every step of a group of a study, the true advantage beside each method's credit.

    Raises:
        MissingExtra: without pandas, matplotlib or jinja2.
    """
    require_extra("envbench fidelity --group")
    file: Path = importlib.import_module("envbench.report.fidelity_group").write_group(config, example, out)
    return file


def write_figure(name: str, out: Path) -> list[Path]:
    """Draw one figure of the committed results as PNG and SVG, with the table behind it.

    Raises:
        UnknownName: for a name that `figure_names` does not list.
        InvalidValue: when the results are not here (a wheel leaves them out).
        MissingExtra: without pandas or matplotlib.
    """
    require_extra("envbench figures")
    files: list[Path] = importlib.import_module("envbench.report.figures").draw(name, out)
    return files


def figure_names() -> dict[str, str]:
    """Return every known figure with one line about it."""
    require_extra("envbench figures")
    known: dict[str, str] = importlib.import_module("envbench.report.figures").known()
    return known


__all__ = [
    "Explained",
    "figure_names",
    "require_extra",
    "write_board",
    "write_explanation",
    "write_figure",
    "write_group",
    "write_report",
]
