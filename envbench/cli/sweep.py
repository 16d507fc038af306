"""`envbench sweep FILE`: every method at every rate and seed, on one panel."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from envbench.cli import common


def sweep(
    file: Annotated[Path, typer.Argument(help="Sweep file, e.g. baselines/gigpo/sweeps/sokoban.toml.")],
    workers: common.Workers = 1,
    out: common.Out = None,
    results: Annotated[
        Path | None, typer.Option(help="Also write the curves there, small enough to commit.", metavar="DIR")
    ] = None,
    as_json: common.Json = False,
) -> None:
    """Run a sweep file and compare its methods, each at its own best learning rate."""
    from envbench.cli.compare import show_sweeps, sweep_document
    from envbench.sweep import cost, execute_sweep, read_sweep, sweep_plan
    from envbench.sweep_results import write_results

    config = read_sweep(file)
    plan = sweep_plan(config)
    folder = Path("runs") / plan.run_id if out is None else out
    common.say(f"{cost(config, workers)}; into {folder}, where the same sweep goes on if it is stopped")
    with common.progress("sweep") as on_progress:
        run = execute_sweep(config, folder, workers=workers, on_progress=on_progress)
    if results is not None:
        common.say(f"curves written to {write_results(run, results)}")
    if as_json:
        common.emit_json({"run": str(folder), "run_id": run.run_id, **sweep_document([run])})
    else:
        show_sweeps([run])
    common.next_command(f"envbench report {folder}")
