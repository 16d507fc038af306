"""Rendering: one Markdown page, one self-contained HTML page, figures and tables in a folder."""

from __future__ import annotations

import base64
from collections.abc import Sequence
from pathlib import Path

import pandas as pd
from jinja2 import Environment, FileSystemLoader, StrictUndefined

from envbench.errors import InvalidValue
from envbench.report.layout import Page, Plot
from envbench.report.load import load
from envbench.report.plots import DARK, LIGHT, render
from envbench.report.sections import build
from envbench.runs import Run
from envbench.runs.files import plain_errors, write_atomic

_SPECIAL = str.maketrans({char: f"\\{char}" for char in "\\`*_[]#|$~"} | {"<": "&lt;", ">": "&gt;", "&": "&amp;"})


def write(runs: Sequence[Run], out: Path) -> list[Path]:
    """Write the report of `runs` into `out`; see `envbench.report.write_report`."""
    _check(out)
    page = build(load(runs))
    files: dict[str, bytes] = {}
    pictures: dict[str, dict[str, str]] = {}
    for plot in (plot for section in page.sections for plot in section.plots):
        light, dark = draw(plot)
        files |= {f"figures/{plot.name}.{kind}": data for kind, data in light.items()}
        pictures[plot.name] = {"light": data_uri(light["svg"]), "dark": data_uri(dark)}
    files |= {f"tables/{name}.csv": csv(frame) for name, frame in page.frames.items()}
    files |= {recipe.file: recipe.content.encode() for recipe in page.recipes if recipe.file}
    files["report.md"] = markdown(page).encode("utf-8", "replace")
    files["report.html"] = html(page, pictures).encode("utf-8", "replace")
    _clear(out)
    return [write_file(out / name, data) for name, data in files.items()]


def draw(plot: Plot) -> tuple[dict[str, bytes], bytes]:
    """Return the light rendition as PNG and SVG, and the dark one as SVG."""
    figure = plot.draw(LIGHT)
    return {"png": render(figure, "png"), "svg": render(figure, "svg")}, render(plot.draw(DARK), "svg")


def data_uri(svg: bytes) -> str:
    """Return an SVG file as a data URI."""
    return "data:image/svg+xml;base64," + base64.b64encode(svg).decode("ascii")


def csv(frame: pd.DataFrame) -> bytes:
    """Return a frame as CSV, floats in full."""
    return frame.to_csv(index=False, lineterminator="\n").encode("utf-8", "replace")


def html(page: Page, pictures: dict[str, dict[str, str]]) -> str:
    """Return the HTML page; every value is escaped."""
    return templates(escape=True).get_template("report.html.j2").render(page=page, pictures=pictures)


def markdown(page: Page) -> str:
    """Return the Markdown page; every value goes through the filter `plain`."""
    return templates(escape=False).get_template("report.md.j2").render(page=page)


def templates(escape: bool) -> Environment:
    """Return the templates of the pages; `escape` for HTML."""
    found = FileSystemLoader(Path(__file__).parent / "templates")
    # Markdown escapes by the filter `plain`, HTML by itself.
    made = Environment(loader=found, autoescape=escape, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True)
    made.filters["plain"] = plain
    return made


def plain(value: object) -> str:
    """Return text for Markdown, on one line and without markup."""
    return " ".join(str(value).split()).translate(_SPECIAL)


def write_file(path: Path, data: bytes) -> Path:
    """Write a file whole or not at all."""
    with plain_errors(path.parent):
        path.parent.mkdir(parents=True, exist_ok=True)
        write_atomic(path, data)
    return path


def _check(out: Path) -> None:
    """Refuse a folder that holds something else than a report, whole or begun."""
    with plain_errors(out):
        names = {path.name for path in out.iterdir()} if out.exists() else set()
    if "report.html" not in names and not names <= _BEGUN:
        raise InvalidValue(f"{out} holds something else than a report; give another --out, or empty it first")


_BEGUN = {"figures", "tables", "sweeps", "studies", "report.md"}  # report.html comes last


def _clear(out: Path) -> None:
    """Remove what an earlier report left in its folders."""
    for pattern in ("figures/*.png", "figures/*.svg", "tables/*.csv", "sweeps/*.toml", "studies/*.toml"):
        for path in sorted(out.glob(pattern)):
            path.unlink()
