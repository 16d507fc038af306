"""The static site of the boards: HTML files that need no server and nothing from elsewhere.

Every text comes through Jinja's escaping or, as data for a script, as JSON without `<`, `>` and `&`; scripts write it
with `textContent`. A page's content policy names the digests of its own style and script, so that nothing else runs.
"""

from __future__ import annotations

import base64
import hashlib
import shutil
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any, Literal

import msgspec
import regex
from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup

from envbench import __version__
from envbench.cards import home
from envbench.errors import BundleUnreadable, InvalidValue
from envbench.leaderboard.board import plan_hash
from envbench.leaderboard.bundle import BUNDLE_NAME, open_bundle
from envbench.leaderboard.rows import (
    COMPARED,
    REFERENCES,
    SUBMISSIONS,
    Home,
    Standing,
    Standings,
    index,
    per_episode,
)
from envbench.runs.files import plain_errors

MARKER = ".envbench-boards"  # in a folder that this module made
_TEMPLATES = Path(__file__).parent / "templates"
_LINK = regex.compile(r"https://[A-Za-z0-9.-]+(?:/[^\s\"'<>\\]*)?")
_ARXIV = regex.compile(r"arXiv:(\d{4}\.\d{4,5}(?:v\d+)?)")
_UNSAFE = ((b"<", b"\\u003c"), (b">", b"\\u003e"), (b"&", b"\\u0026"))

_SIZES = ((10**9, "up to 1B"), (4 * 10**9, "1B to 4B"), (10 * 10**9, "4B to 10B"), (40 * 10**9, "10B to 40B"))


class _Played(msgspec.Struct):
    """The part of an episode that its page shows; the actions stay JSON, which halves the time of a large board."""

    task: str
    trial: int
    outcome: Literal["success", "failure", "timeout", "budget", "env_error", "agent_error"]
    score: float
    actions: msgspec.Raw


@dataclass(frozen=True, slots=True)
class Shown:
    """A board as the site shows it."""

    place: Home
    standings: Standings


def write_site(boards: Sequence[Shown], out: Path) -> list[Path]:
    """Write the site of the boards and return its first pages: the list of boards, then each board.

    An earlier site in `out` is replaced.

    Raises:
        InvalidValue: for a folder that holds something else.
        BundleUnreadable: for a bundle that is not the one which was verified.
    """
    with plain_errors(out):
        if out.exists() and any(out.iterdir()) and not (out / MARKER).exists():
            raise InvalidValue(f"{out} holds something else than a site of boards; give another --out, or empty it")
        shutil.rmtree(out, ignore_errors=True)
        out.mkdir(parents=True)
        (out / MARKER).write_bytes(b"made by envbench board build\n")
        pages = [out / "index.html"]
        for one in boards:
            folder = out / one.place.board.name
            for path, data in _board_files(one):
                file = folder / path
                file.parent.mkdir(parents=True, exist_ok=True)
                file.write_bytes(data)
            pages.append(folder / "index.html")
        studies = list(_studies(out))
        pages[0].write_bytes(_render("boards.html.j2", boards=[_summary(one) for one in boards], studies=studies))
    return pages


def _board_files(one: Shown) -> Iterator[tuple[str, bytes]]:
    """Yield (path, content) of every file of a board's folder."""
    standings = one.standings
    rows = [_view(row) for row in standings.rows]
    board = standings.board
    shared: dict[str, Any] = {"board": board, "plan": plan_hash(board)}
    yield (
        "index.html",
        _render(
            "board.html.j2",
            "board.js",
            **shared,
            rows=rows,
            tables=_tables(board.name, rows),
            refused=standings.refused,
            data=_data({"rows": rows, "metric": board.metric}),
            compared=COMPARED,
            sizes=[label for _, label in _SIZES],
        ),
    )
    yield "index.json", msgspec.json.format(msgspec.json.encode(index(standings)), indent=1)
    for row, view in zip(standings.rows, rows, strict=True):
        told: dict[str, Any] = {"report": row.report, "row": row.row, "view": view, "id": row.id}
        yield f"reports/{row.id}.html", _render("evidence.html.j2", **shared, **told)
        episodes = _episodes(one.place, row)
        data = _data(episodes)
        yield f"episodes/{row.id}.html", _render("episodes.html.j2", "episodes.js", **shared, **told, data=data)
    for refused in standings.refused:
        page = _render("evidence.html.j2", **shared, report=refused.report, row=None, view=None, id=refused.id)
        yield f"reports/{refused.id}.html", page


def _tables(name: str, rows: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """Return the tables of a board's page: what was replayed, and apart from it what was not."""
    replayed = [row for row in rows if row["place"] != "self-reported"]
    told = [row for row in rows if row["place"] == "self-reported"]
    first = {"id": "replayed", "title": "Replayed", "rows": replayed, "note": "Every episode was played again."}
    note = "Not replayed here: data or a deterministic environment were missing. Ranked apart, for that reason alone."
    return [first, *([{"id": "told", "title": "Self-reported", "rows": told, "note": note}] if told else [])]


def _view(one: Standing) -> dict[str, Any]:
    """Return what the table and the script know of a row."""
    row, told = one.row, one.row.metadata
    measures = {
        name: {"at": measure.estimate, "low": measure.low, "high": measure.high}
        for name, measure in (("success", row.success), ("score", row.score))
    }
    return {
        "id": one.id,
        "place": one.place,
        "role": REFERENCES.get(row.agent, "") if one.place == "reference" else "",
        "rank": one.rank,
        "group": one.group,
        "method": told.method,
        "model": told.model,
        "paper": told.paper,
        "paper_link": link(told.paper),
        "parameters": told.parameters,
        "size": size_of(told.parameters),
        "env_steps": told.env_steps,
        "tokens": told.tokens,
        "hours": told.hours,
        "cost_usd": told.cost_usd,
        "episode_steps": per_episode(row, "steps"),
        "episode_tokens": per_episode(row, "tokens"),
        "missing": row.missing,
        "planned": row.planned,
        "flagged": [check.name for check in one.report.checks if check.flagged],
        **measures,
    }


def _summary(one: Shown) -> dict[str, Any]:
    rows = [row for row in one.standings.rows if row.place == "ranked"]
    return {"board": one.place.board, "best": _view(rows[0]) if rows else None, "rows": len(one.standings.rows)}


def _studies(out: Path) -> Iterator[dict[str, Any]]:
    """Copy the tables of boards of another kind (a study, no submissions) and yield what the list says of them."""
    for study in sorted((home() / "leaderboards").glob("*/study.toml")):
        folder = out / study.parent.name
        files = [path for path in (study.parent / "table.md", *sorted(study.parent.glob("*.png"))) if path.is_file()]
        folder.mkdir(exist_ok=True)
        for path in files:
            shutil.copyfile(path, folder / path.name)
        text = (study.parent / "table.md").read_text("utf-8") if (study.parent / "table.md").is_file() else ""
        name, figures = study.parent.name, [path.name for path in files if path.suffix == ".png"]
        page = _render("study.html.j2", name=name, text=text, figures=figures)
        (folder / "index.html").write_bytes(page)
        yield {"name": name, "ready": bool(text)}


def _episodes(place: Home, one: Standing) -> list[tuple[str, int, str, float, msgspec.Raw]]:
    """Return (task, trial, outcome, score, actions) of every episode of a verified bundle."""
    bundle = open_bundle(place.folder / SUBMISSIONS / one.id / BUNDLE_NAME)
    if bundle.sha256 != one.report.bundle_sha256:
        raise BundleUnreadable(f"{bundle.path} changed while it was read: type the same command again")
    decode = msgspec.json.Decoder(_Played).decode
    played = map(decode, bundle.lines())
    return [(each.task, each.trial, each.outcome, each.score, each.actions) for each in played]


def link(text: str) -> str:
    """Return the address that a reference names, "" for any that is not plainly https or an arXiv number."""
    if found := _ARXIV.search(text):
        return f"https://arxiv.org/abs/{found[1]}"
    return text if _LINK.fullmatch(text) else ""


def size_of(parameters: int | None) -> str:
    """Return the class of a model's size, as the filter names it."""
    if parameters is None:
        return "not said"
    if not parameters:
        return "no model"
    return next((label for limit, label in _SIZES if parameters <= limit), "above 40B")


def short(value: float | None) -> str:
    """Return an amount in at most five characters: 950, 1.2k, 34M; a dash where it is not said."""
    if value is None:
        return "–"
    for limit, unit in ((1e15, "P"), (1e12, "T"), (1e9, "B"), (1e6, "M"), (1e3, "k")):
        if value >= limit * 0.9995:
            scaled = value / limit
            return f"{scaled:.3g}{unit}" if scaled < 1000 else f"{scaled:.0f}{unit}"
    return f"{value:.3g}"


def _data(value: Any) -> Markup:
    """Return JSON that can stand in a script element."""
    encoded = msgspec.json.encode(value)
    for char, escape in _UNSAFE:
        encoded = encoded.replace(char, escape)
    return Markup(encoded.decode().replace("\u2028", "\\u2028").replace("\u2029", "\\u2029"))


def _render(template: str, script: str = "", **values: Any) -> bytes:
    style, code = _source("site.css"), _source(script) if script else ""
    policy = (
        f"default-src 'none'; img-src 'self' data:; base-uri 'none'; form-action 'none'; style-src {_digest(style)}"
    )
    policy += f"; script-src {_digest(code)}" if code else ""
    given = {"style": Markup(style), "script": Markup(code), "policy": policy, "version": __version__}
    return _environment().get_template(template).render(given | values).encode("utf-8", "replace")


def _digest(text: str) -> str:
    return f"'sha256-{base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()}'"


@cache
def _source(name: str) -> str:
    return (_TEMPLATES / name).read_text("utf-8")


@cache
def _environment() -> Environment:
    made = Environment(
        loader=FileSystemLoader(_TEMPLATES),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    made.filters["short"] = short
    return made
