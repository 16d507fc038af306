"""The house as design fixes it: which room may import which, and how big a file may grow."""

import ast
import re
import subprocess
import sys
from pathlib import Path

import pytest

import envbench
from envbench.cards import cards

PACKAGE = Path(envbench.__file__).parent
HEAVY = ("torch", "transformers", "pandas", "playwright", "textworld", "matplotlib", "typer", "rich")

# What a room may import from ours. A room that is not listed is a mistake here, not a freedom there.
BASE = {"errors", "hashing", "processes", "toml", "stats"}
CORE = BASE | {"types", "seeding", "spaces", "cards", "registry", "data", "env"}
ALLOWED = {
    "errors": set(),
    "toml": {"errors"},
    "processes": set(),
    "stats": {"errors"},
    "hashing": {"errors"},
    "types": {"errors", "hashing"},
    "seeding": {"hashing"},
    "spaces": {"errors"},
    "endpoint": {"errors"},
    "cards": {"errors"},
    "data": {"errors", "cards"},
    "registry": {"errors", "hashing", "cards", "types"},
    "env": CORE - {"stats", "toml", "data"},
    "envs": CORE - {"stats"},
    "testing": CORE,
    "vector": CORE - {"stats", "toml", "data"},
    "credit": {"errors", "types"},
    "policies": CORE | {"endpoint"},
    "agents": CORE | {"endpoint", "policies", "runs"},
    "runs": BASE | {"types"},
    "rollout": CORE | {"policies", "agents", "vector"},
    "train": CORE | {"policies", "rollout", "credit", "runs", "agents", "evaluate"},
    "fidelity": CORE | {"policies", "rollout", "credit", "runs"},
    "evaluate": CORE | {"agents", "rollout", "runs"},
    "compare": CORE | {"runs"},
    "sweep_results": BASE | {"runs", "compare"},
    "sweep": CORE | {"train", "runs", "credit", "policies", "compare"},
    "report": BASE
    | {"types", "seeding", "cards", "registry", "runs", "agents", "evaluate", "compare", "sweep", "studies"}
    | {"env", "credit", "rollout", "train", "fidelity"},  # `credit explain` plays a group again
    "bench": CORE
    | {"runs", "rollout", "agents", "vector", "credit", "train", "evaluate", "leaderboard", "policies"}
    | {"integrations", "envs"},  # trainers that are peers; the browser's driver, timed by itself
    "leaderboard": CORE | {"agents", "rollout", "runs", "evaluate", "report"},
    "integrations": CORE | {"policies", "agents", "rollout", "credit", "train", "envs"},
    "studies": CORE | {"envs", "policies", "rollout", "agents", "credit", "fidelity"},
}


def modules() -> list[Path]:
    return sorted(path for path in PACKAGE.rglob("*.py") if "_cards" not in path.parts)


def room(path: Path) -> str:
    return path.relative_to(PACKAGE).parts[0].removesuffix(".py")


def imported_rooms(path: Path) -> set[str]:
    rooms = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        names = []
        if isinstance(node, ast.ImportFrom) and node.module:
            names = [node.module, *(f"{node.module}.{alias.name}" for alias in node.names if node.module == "envbench")]
        elif isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        rooms |= {name.split(".")[1] for name in names if name.startswith("envbench.") and "__" not in name}
    return rooms


@pytest.mark.parametrize("path", modules(), ids=lambda path: str(path.relative_to(PACKAGE)))
def test_arrows_point_one_way(path: Path) -> None:
    here = room(path)
    if here in ("__init__", "__main__", "cli"):
        return
    rooms = imported_rooms(path)
    assert "cli" not in rooms
    assert rooms <= ALLOWED[here] | {here}, f"{here} may not import {sorted(rooms - ALLOWED[here] - {here})}"


def test_families_do_not_import_each_other() -> None:
    """But for the one whose tasks they play."""
    for path in modules():
        if room(path) == "envs" and len(path.relative_to(PACKAGE).parts) > 2:
            family = path.relative_to(PACKAGE).parts[1]
            named = set(re.findall(r"envbench\.envs\.([a-z0-9]\w*)", path.read_text(encoding="utf-8")))
            own = {family, cards()[family].tasks_family} if family in cards() else {family}
            assert named <= own, path


def test_no_file_above_600_lines() -> None:
    root = PACKAGE.parent
    files = [*modules(), *sorted((root / "tests").rglob("*.py")), *sorted((root / "scripts").glob("*.py"))]
    long = {str(path): lines for path in files if (lines := len(path.read_text(encoding="utf-8").splitlines())) > 600}
    assert not long


def test_scripts_are_thin() -> None:
    for path in sorted((PACKAGE.parent / "scripts").glob("*.py")):
        assert len(path.read_text(encoding="utf-8").splitlines()) <= 80, path


@pytest.mark.parametrize("module", ["envbench", "envbench.bench", "envbench.evaluate", "envbench.agents"])
def test_import_is_light(module: str) -> None:
    """What a core install uses needs no extra: measuring environments among it."""
    code = f"import sys, {module}, envbench; print(*sorted(sys.modules))"
    loaded = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout.split()
    assert "envbench.registry" in loaded
    assert not [name for name in HEAVY if name in loaded]
