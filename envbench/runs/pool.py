"""Cells on worker processes: spawned, one cell at a time each, replaced when they die, gone when the parent is."""

from __future__ import annotations

import pickle
import traceback
from collections import Counter, deque
from collections.abc import Callable, Generator, Iterable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from multiprocessing.connection import Connection, wait
from multiprocessing.context import SpawnProcess
from typing import Any, NamedTuple, TypeAlias

from envbench.errors import (
    DataCorrupt,
    DataMissing,
    DiskFull,
    EnvbenchError,
    InvalidValue,
    NonFiniteLoss,
    RunIncomplete,
)
from envbench.processes import enter_worker, spawn
from envbench.runs.tables import CellResult, encode_result

Worker: TypeAlias = Callable[[Mapping[str, Any], Mapping[str, Any]], CellResult]
Setup: TypeAlias = Callable[[Mapping[str, Any]], None]

_ATTEMPTS = 2  # a cell whose process dies (out of memory, killed) gets one more
_START_ATTEMPTS = 3


# What the worker raises of these is no matter of one cell: the user has to do something first. (Each travels between
# processes: its constructor takes the message alone.)
_STOPPING = (DiskFull, InvalidValue, DataMissing, DataCorrupt)


class Outcome(NamedTuple):
    """What became of one cell: its encoded result, or a message and a traceback, or the error that ends the run.

    `lasting` is the error, of one that failed, that another try would meet again.
    """

    payload: bytes = b""
    message: str = ""
    traceback: str = ""
    stop: EnvbenchError | None = None
    lasting: EnvbenchError | None = None


class Job:
    """The worker with its configuration; `setup` runs before the first cell of each process."""

    def __init__(self, worker: Worker, config: Mapping[str, Any], setup: Setup | None) -> None:
        """Check that the job can travel.

        Raises:
            InvalidValue: for a worker or set-up that is not a module-level function.
        """
        for function in (worker, setup):
            try:
                pickle.dumps(function)
            except (pickle.PicklingError, AttributeError, TypeError):
                raise InvalidValue(f"{function!r} cannot be sent to a process: use a module-level function") from None
        self._worker, self._config, self._setup = worker, config, setup

    def __call__(self, spec: Mapping[str, Any]) -> Outcome:
        """Run one cell; whatever it raises becomes an outcome."""
        try:
            if self._setup is not None:
                self._setup(self._config)
                self._setup = None
            try:
                result = self._worker(self._config, spec)
            except _STOPPING as error:
                return Outcome(stop=error)
            return Outcome(payload=encode_result(result))
        except Exception as error:
            message = " ".join(f"{type(error).__name__}: {error}".split())
            lasting = error if isinstance(error, NonFiniteLoss) else None
            return Outcome(message=message, traceback=traceback.format_exc(), lasting=lasting)


def _serve(connection: Connection, job: Job) -> None:
    """Answer cells until the parent hangs up or dies: the body of a worker process."""
    enter_worker()
    with suppress(EOFError, OSError):
        connection.send(None)
        while True:
            connection.send(job(connection.recv()))


@dataclass(slots=True)
class _Slot:
    process: SpawnProcess
    cell: int | None = None  # what it works on
    ready: bool = False


class Pool:
    """Up to `workers` processes that turn cells into outcomes."""

    def __init__(self, job: Job, workers: int) -> None:
        self._job, self._workers = job, workers
        self._slots: dict[Connection, _Slot] = {}
        self._deaths: Counter[int] = Counter()
        self._failed_starts = 0

    def run(self, cells: Iterable[tuple[int, Mapping[str, Any]]]) -> Generator[tuple[int, Outcome], None, None]:
        """Yield (index, outcome) in the order of finishing; closing the iterator kills the processes.

        Raises:
            RunIncomplete: when processes die before they are ready.
        """
        specs = dict(cells)
        pending = deque(specs)
        try:
            for _ in range(min(self._workers, len(pending))):
                self._start()
            while pending or any(slot.cell is not None for slot in self._slots.values()):
                for connection in wait(list(self._slots)):
                    assert isinstance(connection, Connection)
                    slot = self._slots[connection]
                    try:
                        outcome = connection.recv()
                    except (EOFError, OSError):
                        index, outcome = slot.cell, self._bury(connection)
                        if index is not None and outcome is None:
                            pending.appendleft(index)
                        if pending:
                            self._start()
                    else:
                        index, slot.cell, slot.ready = slot.cell, None, True
                        self._failed_starts = 0
                        if pending:
                            self._assign(connection, pending.popleft(), specs)
                    if index is not None and outcome is not None:
                        yield index, outcome
        finally:
            self._stop()

    def _start(self) -> None:
        process, connection = spawn(_serve, self._job)
        self._slots[connection] = _Slot(process)

    def _assign(self, connection: Connection, index: int, specs: Mapping[int, Mapping[str, Any]]) -> None:
        self._slots[connection].cell = index
        with suppress(OSError):  # it died while idle: the next recv says so
            connection.send(specs[index])

    def _bury(self, connection: Connection) -> Outcome | None:
        """Remove a dead process; return the outcome of its cell if that will not be tried again."""
        slot = self._slots.pop(connection)
        connection.close()
        slot.process.join(timeout=5)
        slot.process.kill()  # one that hung up and yet hangs on
        slot.process.join()
        how = f"exit code {slot.process.exitcode}"
        if not slot.ready:
            self._failed_starts += 1
            if self._failed_starts >= _START_ATTEMPTS:
                raise RunIncomplete(
                    f"the worker processes end while they start ({how}); a script must call execute below "
                    f'`if __name__ == "__main__":`, or take workers=1'
                )
        if slot.cell is None:
            return None
        self._deaths[slot.cell] += 1
        if self._deaths[slot.cell] < _ATTEMPTS:
            return None
        message = f"its worker process died {_ATTEMPTS} times ({how}; -9 means killed, often for want of memory)"
        return Outcome(message=message, traceback=message + "\n")

    def _stop(self) -> None:
        for connection, slot in self._slots.items():
            slot.process.kill()
            connection.close()
        for slot in self._slots.values():
            slot.process.join()
        self._slots.clear()
