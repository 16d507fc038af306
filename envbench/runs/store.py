"""The run directory while it is being written."""

from __future__ import annotations

import shutil
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

from envbench.errors import RunConflict
from envbench.hashing import digest_bytes
from envbench.runs.files import Journal, only_writer, plain_errors, write_atomic
from envbench.runs.plan import Plan
from envbench.runs.reader import FORMAT, Run, open_run
from envbench.runs.session import session
from envbench.runs.tables import Row, decode_result, episode_table, to_lines
from envbench.toml import dumps

_SYNC_SECONDS = 1.0


@contextmanager
def open_store(path: Path, plan: Plan) -> Iterator[Store | None]:
    """Create or resume the directory of `plan` and hold its lock; yields None when the run is finished already.

    Raises:
        RunConflict: for a directory of something else, or one that another process is writing.
        RunUnreadable: for a damaged run.
        DiskFull: here and in every method of the store.
        InvalidValue: where writing is not allowed.
    """
    with plain_errors(path):
        try:
            path.mkdir(parents=True, exist_ok=True)
            foreign = not (path / "run.toml").exists() and _foreign_files(path)
        except (FileExistsError, NotADirectoryError):
            raise RunConflict(f"{path} is a file, not a directory: choose another --out") from None
        if foreign:
            raise RunConflict(f"{path} holds other files and no run: choose another --out, or empty it")
        with only_writer(path):
            _claim(path, plan)
            if (path / "DONE").exists():
                _clear(path)
                yield None
                return
            shutil.rmtree(path / "failures", ignore_errors=True)
            journal = Journal(path / "journal")
            try:
                yield Store(path, plan, journal)
            finally:
                journal.close()


def _foreign_files(path: Path) -> bool:
    return any(not entry.name.startswith(".") for entry in path.iterdir())


def _claim(path: Path, plan: Plan) -> None:
    """Write `run.toml`, or check that the one there is of this plan; add this session if it is a new one."""
    here = session()
    file = path / "run.toml"
    if not file.exists():
        run = Run(path, plan.kind, plan.run_id, dict(plan.config), plan.sha256, len(plan.cells), (here,))
    else:
        run = open_run(path)
        if run.plan_sha256 != plan.sha256:
            raise RunConflict(
                f"{path} holds another run ({_difference(run, plan)}): choose another --out, or delete that directory"
            )
        if here in run.sessions or run.done:
            return
        run = replace(run, sessions=(*run.sessions, here))
    table = {
        "format": FORMAT,
        "kind": run.kind,
        "run_id": run.run_id,
        "plan_sha256": run.plan_sha256,
        "cells": run.cells,
        "config": run.config,
        "session": run.sessions,
    }
    write_atomic(file, dumps(table).encode())


def _difference(run: Run, plan: Plan) -> str:
    """Name the first thing in which a stored run and a plan differ."""
    if run.kind != plan.kind:
        return f"kind {run.kind}, not {plan.kind}"
    for key in sorted(run.config.keys() | plan.config.keys()):
        old, new = run.config.get(key), plan.config.get(key)
        if old != new:
            return f"its {key} is {_short(old)}, not {_short(new)}"
    return "same configuration, other cells"


def _short(value: Any) -> str:
    text = repr(value)
    return text if len(text) <= 60 else text[:57] + "..."


def _clear(path: Path) -> None:
    """Remove what a finished run no longer needs."""
    (path / "journal").unlink(missing_ok=True)
    shutil.rmtree(path / "failures", ignore_errors=True)


class Store:
    """The open directory of an unfinished run: only `open_store` makes one."""

    def __init__(self, path: Path, plan: Plan, journal: Journal) -> None:
        self._path, self._plan, self._journal = path, plan, journal
        self._synced = time.monotonic()

    def unfinished(self) -> list[int]:
        """Return the indices of the cells that are not stored yet, in plan order."""
        return [index for index in range(len(self._plan.cells)) if index not in self._journal]

    def early_metrics(self) -> list[Row]:
        """Return the metric rows of the cells that are not late, in plan order; all of these must be stored."""
        early = [(index, cell.key) for index, cell in enumerate(self._plan.cells) if not cell.late]
        return [row for index, key in early for row in decode_result(self._journal[index], key)[1]]

    def append(self, index: int, payload: bytes) -> None:
        """Store the encoded result of one cell."""
        self._journal.append(index, payload)
        now = time.monotonic()  # decides only how much a power cut may cost
        if now - self._synced > _SYNC_SECONDS:
            self._journal.sync()
            self._synced = now

    def fail(self, index: int, traceback: str) -> Path:
        """Store the traceback of a cell that failed and return its file."""
        file = self._path / "failures" / f"{index:06d}.txt"
        file.parent.mkdir(exist_ok=True)
        write_atomic(file, f"cell {self._plan.cells[index].key}\n\n{traceback}".encode("utf-8", "backslashreplace"))
        return file

    def complete(self) -> None:
        """Write the tables in plan order, then DONE; every cell must be stored."""
        self._journal.sync()
        episodes: list[Row] = []
        metrics: list[Row] = []
        for index, cell in enumerate(self._plan.cells):
            more_episodes, more_metrics = decode_result(self._journal[index], cell.key)
            episodes += more_episodes
            metrics += more_metrics
        shutil.rmtree(self._path / "episodes", ignore_errors=True)  # a part of an interrupted attempt
        files = {"metrics.jsonl": to_lines(metrics)}
        if episodes:
            suffix, data = episode_table(episodes)
            files[f"episodes/part-0000{suffix}"] = data
        for name, data in files.items():
            (self._path / name).parent.mkdir(exist_ok=True)
            write_atomic(self._path / name, data)
        done = {
            "cells": len(self._plan.cells),
            "episodes": len(episodes),
            "metrics": len(metrics),
            "files": {name: digest_bytes(data) for name, data in files.items()},
        }
        write_atomic(self._path / "DONE", dumps(done).encode())
        _clear(self._path)
