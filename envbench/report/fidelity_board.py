"""The board `leaderboards/credit-fidelity`: its table and figures, made from the rows that are committed there."""

from __future__ import annotations

import io
import tomllib
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from PIL import Image  # comes with matplotlib

from envbench.cards import home
from envbench.errors import DataCorrupt, InvalidValue
from envbench.report.fidelity import Study, plots_of, sentences, study_of
from envbench.report.fidelity_columns import KEYS_NOTE, keys_spec, standings_spec
from envbench.report.layout import Cell, Column, table
from envbench.report.page import plain, write_file
from envbench.report.plots import LIGHT, render
from envbench.runs.tables import read_episodes

BOARD = "credit-fidelity"
_SUFFIXES = (".parquet", ".jsonl")
_LEFT_OUT = ("bias", "variance")  # of the board's tables; the committed rows hold them
_COLOURS = 160  # of a committed PNG


def folder() -> Path:
    """Return the folder of the board."""
    return home() / "leaderboards" / BOARD


def read_board(where: Path, study: Path) -> Study:
    """Return the committed study.

    Args:
        where: folder with `results.parquet` (or `.jsonl`).
        study: file that they are of.

    Raises:
        InvalidValue: where there are none.
        DataCorrupt: for files that cannot be read.
    """
    found = [where / f"results{suffix}" for suffix in _SUFFIXES if (where / f"results{suffix}").is_file()]
    if not found:
        raise InvalidValue(f"no results in {where}: run envbench fidelity {study} --results {where}")
    try:
        rows = read_episodes(found[0].suffix, found[0].read_bytes())
        settings = tomllib.loads(study.read_text("utf-8"))["settings"]
    except (OSError, ValueError, KeyError) as error:
        raise DataCorrupt(f"{where} cannot be read ({error}); bring it back from the repository") from None
    return study_of([{name: value for name, value in row.items() if value is not None} for row in rows], settings)


def committed() -> Study:
    """Return the study of the board."""
    return read_board(folder(), folder() / "study.toml")


def write_board(where: Path, study: Path) -> list[Path]:
    """Write `table.md` and the figures of a board into its folder; see `envbench.report.write_board`."""
    board = read_board(where, study)
    written = [write_file(where / "table.md", board_table(board).encode())]
    for plot in plots_of(board, BOARD):
        data = _small(render(plot.draw(LIGHT), "png"))
        written.append(write_file(where / f"{plot.name.removeprefix(f'{BOARD}-')}.png", data))
    return written


def board_table(study: Study) -> str:
    """Return `table.md`: what the intervals carry, all methods, each environment, and the keys."""
    where = f"groups of {study.size}"
    parts = [
        "# Credit against the truth: tables",
        "Made from `results.parquet` by `envbench fidelity` and `scripts/credit_fidelity.py`; not edited by hand. "
        "`README.md` says how to read it.",
        "\n".join(f"- {plain(sentence)}" for sentence in sentences(study)),
    ]
    if len(study.overall):
        parts += [f"## All methods, {where}, over {study.overall['cells'].iloc[0]} cells", _note(study)]
        parts.append(_markdown(study.overall, _shown(study.overall)))
    for family, rows in study.families.items():
        cells, pools = rows["cells"].iloc[0], rows["pools"].iloc[0]
        parts += [f"## {family}, {where}, over {cells} cells", f"n = {pools} pools in each cell."]
        parts.append(_markdown(rows, _shown(rows)))
    parts += ["## Keys", KEYS_NOTE, _markdown(study.keys, keys_spec())]
    return "\n\n".join(parts) + "\n"


def _note(study: Study) -> str:
    pools = study.overall["pools"].iloc[0]
    families = list(dict.fromkeys(study.at_size["family"]))
    return (
        f"n = {pools} pools in each cell. An average over settings weighs each of them alike, and says as much as the "
        f"choice of the settings does: of {study.at_size['setting'].nunique()} settings in {len(families)} "
        "environments, those in which every method was judged. Intervals are over pools: they hold for these cells."
    )


def _shown(rows: Any) -> list[Column]:
    return [(name, cell) for name, cell in standings_spec(rows) if name not in _LEFT_OUT]


def _markdown(rows: Any, spec: list[Column]) -> str:
    made = table("", rows, spec, "")
    lines = [
        _line(plain(name) for name in made.columns),
        _line("---:" if numeric else "---" for numeric in made.numeric),
        *(_line(map(_cell, row)) for row in made.rows),
    ]
    return "\n".join(lines)


def _line(cells: Iterable[str]) -> str:
    return f"| {' | '.join(cells)} |"


def _cell(cell: Cell) -> str:
    aside = cell.aside if not cell.aside or cell.aside.startswith("[") else f"({cell.aside})"
    return " ".join(plain(part) for part in (cell.text, aside) if part)


def _small(png: bytes) -> bytes:
    """Return a PNG with a palette: a third of the bytes, alike to the eye."""
    buffer = io.BytesIO()
    Image.open(io.BytesIO(png)).convert("RGB").quantize(_COLOURS).save(buffer, "png", optimize=True)
    return buffer.getvalue()
