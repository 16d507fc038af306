"""How long a reader waits: what `envbench bench board` prints of the viewer."""

from __future__ import annotations

import time
from pathlib import Path
from urllib.request import urlopen

from envbench.report.view.server import Viewer
from envbench.report.view.source import source_of_run
from envbench.runs import open_run

_LIMIT = 120  # seconds for one answer


def time_viewer(path: str | Path) -> dict[str, float]:
    """Open a run as `envbench view` does and return how long it took, on the loopback interface of this machine.

    Returns:
        `steps` and `episodes` of the run; `open_seconds` from the path to the list of episodes at the reader, of which
        `read_seconds` are for the table; `step_seconds` for the first steps of the first episode, played again;
        `last_seconds` for the last steps of the longest one.

    Raises:
        RunUnreadable, InvalidValue: as `source_of_run` does.
    """
    started = time.perf_counter()
    source = source_of_run(open_run(path))
    read = time.perf_counter()
    lengths = [len(row["actions"]) for row in source.rows]
    longest = max(range(len(lengths)), key=lengths.__getitem__)
    with Viewer(source, ()) as viewer:
        for place in ("", "api/index"):
            _get(viewer.url + place)
        opened = time.perf_counter()
        _get(f"{viewer.url}api/episodes/0/moments?from=0&count=20")
        stepped = time.perf_counter()
        _get(f"{viewer.url}api/episodes/{longest}/moments?from={max(lengths[longest] - 20, 0)}&count=20")
        ended = time.perf_counter()
    return {
        "episodes": len(lengths),
        "steps": sum(lengths),
        "read_seconds": read - started,
        "open_seconds": opened - started,
        "step_seconds": stepped - opened,
        "last_seconds": ended - stepped,
    }


def _get(url: str) -> bytes:
    with urlopen(url, timeout=_LIMIT) as answer:
        data: bytes = answer.read()
    return data
