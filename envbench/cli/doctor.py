"""`envbench doctor`: is everything there?"""

from __future__ import annotations

import re
import sys
from importlib import metadata
from typing import Any

import typer

from envbench.cards import home, read_card
from envbench.cli import common
from envbench.cli.data import data_rows
from envbench.envs._browser.chromium import find_chromium, why_missing
from envbench.errors import CardError, EnvbenchError

_REQUIREMENT = re.compile(r"(?P<package>[A-Za-z0-9._-]+)[^;]*(?:;.*extra\s*==\s*['\"](?P<extra>[\w-]+)['\"].*)?")


def doctor(as_json: common.Json = False) -> None:
    """Check Python, packages, cards, data and the browser; exit 1 when a package is missing or a card is malformed."""
    common.say("doctor: reads cards and looks for packages and data files; changes nothing")
    packages, problems = _packages()
    card_problems = _cards()
    data = _data(card_problems)
    browser = find_chromium()
    healthy = not problems and not card_problems
    if as_json:
        common.emit_json(
            {
                "python": sys.version.split()[0],
                "packages": packages,
                "cards": card_problems,
                "data": data,
                "browser": browser.path if browser else "",
                "healthy": healthy,
            }
        )
    else:
        typer.echo(f"Python {sys.version.split()[0]}, cards in {home()}")
        rows = [(it["package"], it["extra"], it["version"] or "missing", it["remedy"]) for it in packages]
        common.table("Packages", ("package", "extra", "version", "to install"), rows)
        common.table(
            "Data files",
            ("family", "file", "path"),
            [(it["family"], it["file"], it["path"] or "missing") for it in data],
        )
        typer.echo(f"Browser: {browser.path}" if browser else f"Browser: {why_missing()}")
        for line in card_problems:
            typer.echo(f"problem: {line}")
        typer.echo("all is well" if healthy else "something is missing, see above")
    common.next_command("envbench list" if healthy else "envbench doctor")
    if not healthy:
        raise typer.Exit(1)


def _packages() -> tuple[list[dict[str, str]], list[str]]:
    """Return every declared package with its version ("" where missing), and the names of needed ones that are missing.

    Without installed metadata (a plain checkout on the path) nothing is declared.
    """
    try:
        declared = metadata.requires("envbench") or []
    except metadata.PackageNotFoundError:
        return [], []
    found: dict[str, dict[str, str]] = {}
    for text in declared:
        match = _REQUIREMENT.match(text)
        if match is None or match["package"] == "envbench":
            continue
        package, extra = match["package"], match["extra"] or ""
        try:
            version = metadata.version(package)
        except metadata.PackageNotFoundError:
            version = ""
        install = f'pip install "envbench[{extra}]"' if extra else "pip install envbench"
        row = {"package": package, "extra": extra, "version": version, "remedy": "" if version else install}
        if package not in found or found[package]["extra"] == "all":  # the narrowest extra that brings it
            found[package] = row
    return list(found.values()), [row["package"] for row in found.values() if not (row["version"] or row["extra"])]


def _cards() -> list[str]:
    """Return what is wrong with the cards, one line each."""
    problems = []
    for path in sorted((home() / "envs").glob("*/env.toml")):
        try:
            read_card(path)
        except EnvbenchError as error:
            problems.append(str(error))
    return problems


def _data(problems: list[str]) -> list[dict[str, Any]]:
    try:
        return data_rows()
    except CardError as error:
        problems.append(str(error))
        return []
