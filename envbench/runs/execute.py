"""The one executor of eval, sweep, fidelity, verify and bench."""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterable, Mapping, Sequence
from contextlib import closing
from pathlib import Path
from typing import Any, TypeAlias

from envbench.errors import InvalidValue, RunIncomplete
from envbench.runs.plan import Cell, Plan
from envbench.runs.pool import Job, Outcome, Pool, Setup, Worker
from envbench.runs.reader import Run, open_run
from envbench.runs.store import Store, open_store
from envbench.runs.tables import Row

Spec: TypeAlias = Mapping[str, Any]
Complete: TypeAlias = Callable[[Sequence[Row], Sequence[Cell]], Sequence[Spec]]


def execute(
    plan: Plan,
    worker: Worker,
    out: str | Path,
    *,
    workers: int = 1,
    setup: Setup | None = None,
    complete: Complete | None = None,
    on_progress: Callable[[int, int, str], None] | None = None,
) -> Run:
    """Run the cells of `plan` that are not stored in `out` yet, and finish the run.

    Whatever happens (an exception, Ctrl-C, `kill -9`, a full disk), calling it again goes on: a cell that was finished
    is neither lost nor run twice, and the tables do not depend on interruptions, on `workers` or on the order of
    finishing. A finished run is returned as it is.

    Args:
        plan: what to do.
        worker: module-level function `(config, spec) -> CellResult`. What it raises makes the cell fail, but for
            `DiskFull`, `InvalidValue`, `DataMissing` and `DataCorrupt`, which end the run, since no other cell would
            fare better; a failure of an environment that belongs into the statistics is a row with the outcome
            `env_error` instead. `NonFiniteLoss` ends a run of one cell too.
        out: the run directory, made if absent.
        workers: processes; 1 runs the cells in this one. A cell whose process dies is tried once more.
        setup: module-level function `(config) -> None`, called once in each process before its first cell, to load
            what the cells share.
        complete: called in this process with the metric rows of the cells that are not late, once all of these are
            stored, and with the late cells still to run; returns what the worker is given for each. It must depend on
            its arguments alone, so that a resumed run completes as the first one did.
        on_progress: called with (settled, total, cell key) after each cell, failed ones included.

    Returns:
        The finished run.

    Raises:
        RunIncomplete: when cells failed; their tracebacks are in `failures/`, and calling again retries them.
        RunConflict: when `out` belongs to another plan or another process.
        RunUnreadable: when `out` is damaged.
        DiskFull: when the disk has no room left.
        InvalidValue: for `workers < 1`, a worker that is not a module-level function, or late cells without
            `complete`; as the worker raises it.
        DataMissing, DataCorrupt: as the worker raises them; NonFiniteLoss: so in a run of one cell.
    """
    if workers < 1:
        raise InvalidValue(f"workers={workers}: at least one process is needed, e.g. --workers 1")
    job = Job(worker, plan.config, setup)
    folder = Path(out)
    if complete is None and any(cell.late for cell in plan.cells):
        raise InvalidValue(f"the plan of this {plan.kind} has late cells: give `complete`, which fills their specs")
    with open_store(folder, plan) as store:
        if store is not None:
            _run_plan(plan, store, job, workers, complete, on_progress)
            store.complete()
    return open_run(folder)


def _run_plan(
    plan: Plan,
    store: Store,
    job: Job,
    workers: int,
    complete: Complete | None,
    on_progress: Callable[[int, int, str], None] | None,
) -> None:
    """Run every unfinished cell, the late ones last."""
    todo = store.unfinished()
    early = [index for index in todo if not plan.cells[index].late]
    late = [index for index in todo if plan.cells[index].late]
    _run_cells(plan, store, job, workers, [(index, plan.cells[index].spec) for index in early], on_progress)
    if late and complete is not None:
        specs = complete(store.early_metrics(), [plan.cells[index] for index in late])
        _run_cells(plan, store, job, workers, list(zip(late, specs, strict=True)), on_progress)


def _run_cells(
    plan: Plan,
    store: Store,
    job: Job,
    workers: int,
    todo: Sequence[tuple[int, Spec]],
    on_progress: Callable[[int, int, str], None] | None,
) -> None:
    """Run the cells given by index and spec; raise at the end if some failed."""
    total = len(plan.cells)
    before = total - len(store.unfinished())
    failures: list[str] = []
    lasting = 0
    outcomes = _in_process(job, todo) if workers == 1 else Pool(job, workers).run(todo)
    with closing(outcomes):
        for settled, (index, outcome) in enumerate(outcomes, start=before + 1):
            key = plan.cells[index].key
            if outcome.stop is not None:
                raise outcome.stop
            if outcome.payload:
                store.append(index, outcome.payload)
            else:
                failures.append(f"{key}: {outcome.message} ({store.fail(index, outcome.traceback)})")
                if outcome.lasting is not None:
                    lasting += 1
                    if total == 1:
                        raise outcome.lasting
            if on_progress is not None:
                on_progress(settled, total, key)
    if failures:
        again = "run the same command again to retry"
        if lasting == len(failures):
            again = "the same command would fail again"
        raise RunIncomplete(
            f"{len(failures)} of {total} cells failed, the others are stored; {again}. First: {failures[0]}"
        )


def _in_process(job: Job, todo: Iterable[tuple[int, Spec]]) -> Generator[tuple[int, Outcome], None, None]:
    for index, spec in todo:
        yield index, job(spec)
