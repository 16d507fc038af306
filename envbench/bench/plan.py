"""What is measured, and the worker that measures it in processes of its own."""

from __future__ import annotations

import importlib.util
import json
import os
import platform
import subprocess
import sys
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from envbench.bench.originals import RUNNABLE
from envbench.bench.vector import SESSIONS
from envbench.bench.workload import panel_here
from envbench.cards import Card, cards
from envbench.errors import DataMissing, InvalidValue, MissingExtra
from envbench.hashing import digest
from envbench.registry import card_of, split_of
from envbench.runs import Cell, CellResult, Plan
from envbench.runs.session import code_digest
from envbench.seeding import derive_seed

ORIGINAL_STEPS = 50  # per repetition
PEERS = {"frozenlake": "FrozenLake-v1"}  # family -> the id of gymnasium's own that is measured beside it
_IMPORT = (
    "import json, time; a = time.perf_counter(); import gymnasium; b = time.perf_counter(); import envbench; "
    "print(json.dumps([b - a, time.perf_counter() - b]))"
)


@dataclass(frozen=True, slots=True)
class Settings:
    """How much is measured.

    Attributes:
        seed: root of the recorded workloads.
        steps: per repetition.
        repeats: repetitions, each on a workload of its own; medians and spreads are over these.
        resets: timed per repetition.
        sessions: alive at once when memory is taken.
        imports: processes that time `import envbench`.
    """

    seed: int = 0
    steps: int = 4000
    repeats: int = 5
    resets: int = 500
    sessions: int = 1000
    imports: int = 5

    def __post_init__(self) -> None:
        for name, value in asdict(self).items():
            if value < (0 if name == "seed" else 1):
                raise InvalidValue(f"bench: {name}={value}: expected a whole number above 0")


@dataclass(frozen=True, slots=True)
class Subject:
    """One row of the table: an environment with a data set that is on this machine."""

    env: str
    dataset: str
    split: str
    panel_sha256: str


def subjects(ids: Sequence[str] = (), dataset: str | None = None) -> list[Subject]:
    """Return what can be measured: of each environment `builtin` and every data set that the user brought.

    Args:
        ids: gymnasium ids; all when empty.
        dataset: this one only.

    Raises:
        UnknownName: for an id, or for a data set that none of the environments has.
        DataMissing, MissingExtra: for a data set asked for by name that is not here, or whose package is not.
    """
    found = []
    for card, name in _candidates(ids, dataset):
        extra = card.dataset(name).extra
        if extra and importlib.util.find_spec(extra) is None:
            if dataset is not None:
                raise MissingExtra(f"{card.env.family}/{name}", extra, extra)
            continue
        try:
            tasks = panel_here(card.env.ids[0], name)
        except DataMissing:
            if dataset is not None:
                raise
            continue
        found.append(Subject(card.env.ids[0], name, split_of(tasks[0].id)[2], tasks.sha256))
    return found


def absent(ids: Sequence[str], found: Sequence[Subject]) -> list[str]:
    """Return `family/dataset` of what a full table would hold beside `found`: data that are not on this machine."""
    present = {(subject.env, subject.dataset) for subject in found}
    return [
        f"{card.env.family}/{name}" for card, name in _candidates(ids, None) if (card.env.ids[0], name) not in present
    ]


def _candidates(ids: Sequence[str], dataset: str | None) -> list[tuple[Card, str]]:
    chosen = [card_of(id) for id in ids] or list(cards().values())
    if dataset is not None:
        having = [card for card in chosen if dataset in card.datasets]
        return [(card, dataset) for card in having or chosen if card.dataset(dataset)]
    return [
        (card, name)
        for card in chosen
        for name, section in card.datasets.items()
        if name == "builtin" or not section.shipped
    ]


def make_vector_plan(found: Sequence[Subject], settings: Settings) -> Plan:
    """Return the plan of the vectors' table: one cell per subject."""
    cells = [Cell(f"vector:{item.env}:{item.dataset}", {"job": "vector", **asdict(item)}) for item in found]
    return Plan("bench", _config(settings), tuple(cells))


def _config(settings: Settings) -> dict[str, Any]:
    return {**asdict(settings), "code": code_digest(), "machine": digest(platform.node())}


def make_plan(found: Sequence[Subject], settings: Settings) -> Plan:
    """Return the plan: one cell per subject, one per peer, one for the import; other code is another plan.

    A subject whose original program is installed has a cell more, in which both play the same games.
    """
    peers = sorted({PEERS[family] for subject in found if (family := card_of(subject.env).env.family) in PEERS})
    cells = [Cell("import", {"job": "import"})]
    cells += [Cell(f"peer:{id}", {"job": "peer", "env": id}) for id in peers]
    cells += [Cell(f"{subject.env}:{subject.dataset}", {"job": "environment", **asdict(subject)}) for subject in found]
    cells += [
        Cell(f"original:{subject.env}:{subject.dataset}", {"job": "original", **asdict(subject)})
        for subject in found
        if (original := RUNNABLE.get(card_of(subject.env).env.family)) and original.here
    ]
    return Plan("bench", _config(settings), tuple(cells))


def measure(config: Mapping[str, Any], spec: Mapping[str, Any]) -> CellResult:
    """Measure one cell (the worker of `runs.execute`); returns one metric row."""
    settings = Settings(**{name: config[name] for name in Settings.__slots__})
    row = {**spec, "load_average": list(os.getloadavg())}
    if spec["job"] == "import":
        pairs = [json.loads(_child(["-c", _IMPORT])) for _ in range(settings.imports + 1)][1:]
        row["gymnasium_import_seconds"], row["envbench_import_seconds"] = (
            list(side) for side in zip(*pairs, strict=True)
        )
    elif spec["job"] == "peer":
        row |= _job("peer", id=spec["env"], steps=settings.steps, repeats=settings.repeats)
        row["steps"] = settings.steps
    elif spec["job"] == "original":
        row |= _original(settings, spec["env"], spec["dataset"])
    elif spec["job"] == "vector":
        steps = -(-settings.steps // SESSIONS)
        row["steps"] = steps * SESSIONS
        given = {"steps": steps, "repeats": settings.repeats, "seed": settings.seed}
        row |= _job("vector", id=spec["env"], dataset=spec["dataset"], **given)
    else:
        row |= _environment(settings, spec["env"], spec["dataset"])
    return CellResult(metrics=[row])


def _environment(settings: Settings, env: str, dataset: str) -> dict[str, Any]:
    count = 1 + 2 * settings.repeats
    sizes = [min(settings.steps, 500)] + [settings.steps] * (count - 1)
    seeds = [derive_seed(settings.seed, "workload", index) for index in range(count)]
    workloads = _job("record", id=env, dataset=dataset, sizes=sizes, seeds=seeds)
    timed = _job("time", id=env, dataset=dataset, workloads=workloads, resets=settings.resets)
    memory = _job("memory", id=env, dataset=dataset, episodes=workloads[0], sessions=settings.sessions)
    return {"steps": settings.steps, "workload": digest(workloads), "sessions": settings.sessions, **timed, **memory}


def _original(settings: Settings, env: str, dataset: str) -> dict[str, Any]:
    """Measure the original on short workloads of its own: it takes a second to start an episode."""
    sizes = [min(settings.steps, ORIGINAL_STEPS)] * settings.repeats
    seeds = [derive_seed(settings.seed, "original", index) for index in range(settings.repeats)]
    workloads = _job("record", id=env, dataset=dataset, sizes=sizes, seeds=seeds)
    return {"workload": digest(workloads), **_job("original", id=env, dataset=dataset, workloads=workloads)}


def _job(name: str, **arguments: Any) -> Any:
    return json.loads(_child(["-m", "envbench.bench"], json.dumps({"job": name, **arguments})))


def _child(arguments: list[str], text: str = "") -> str:
    """Run a fresh interpreter that finds this envbench, and return its stdout."""
    paths = [str(Path(__file__).parents[2]), os.environ.get("PYTHONPATH", "")]
    environment = os.environ | {"PYTHONPATH": os.pathsep.join(path for path in paths if path)}
    done = subprocess.run(
        [sys.executable, *arguments], input=text, env=environment, capture_output=True, text=True, check=False
    )
    if done.returncode != 0:
        raise RuntimeError(f"bench child {' '.join(arguments)[:40]} failed: {done.stderr.strip()[-500:]}")
    return done.stdout
