"""Recorded episodes by path: of a run directory, or of a bundle."""

from __future__ import annotations

from math import fsum
from pathlib import Path

from envbench.errors import RunUnreadable
from envbench.report.view.source import Source, source_of_run
from envbench.runs import open_run

_NOTE = (
    "From a bundle, which names {agent}. What is shown is played again from its actions; who chose them is the "
    "submitter's word."
)


def source_of(path: Path) -> Source:
    """Return the episodes of a run or a bundle.

    Raises:
        RunUnreadable: for what is neither, is unfinished or damaged.
        BundleUnreadable: for a file that is no bundle, or a damaged one.
        InvalidValue: for a run that is no eval.
    """
    if path.is_file():
        return _of_bundle(path)
    if not path.exists():
        raise RunUnreadable(f"{path} is not there: give the directory of a finished eval, or a bundle")
    return source_of_run(open_run(path))


def _of_bundle(path: Path) -> Source:
    from envbench.leaderboard.bundle import open_bundle

    bundle = open_bundle(path)
    manifest = bundle.manifest
    plan, method = manifest.plan, manifest.metadata.method
    config = {
        "env": plan.env,
        "dataset": plan.dataset,
        "split": plan.split,
        "knobs": dict(plan.knobs),
        "max_steps": plan.max_steps,
        "agent": {"name": method},
    }
    rows = [one.row() | {"agent": method, "episode_return": fsum(one.rewards)} for one in bundle.episodes()]
    return Source(f"{method} on {manifest.board}", str(path), config, rows, _NOTE.format(agent=method))
