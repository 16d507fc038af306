"""Workers for the tests of `envbench.runs`: module-level, so that spawned processes find them."""

import json
import os
import signal
import time
from pathlib import Path

from envbench.errors import InvalidValue, NonFiniteLoss
from envbench.runs import Cell, CellResult, Plan, execute
from envbench.seeding import derive_seed


def make_plan(cells=12, **config):
    return Plan("eval", {"seed": 7, **config}, tuple(Cell(f"task-{i:03d}", {"index": i}) for i in range(cells)))


def make_late_plan(cells=12, **config):
    """Every third cell is late: its index is not in its spec."""
    return Plan(
        "eval",
        {"seed": 7, **config},
        tuple(Cell(f"task-{i:03d}", {} if i % 3 == 0 else {"index": i}, i % 3 == 0) for i in range(cells)),
    )


def fill(rows, cells):
    """Complete late cells from the sum of what the others found."""
    total = sum(row["index"] for row in rows)
    return [{"index": 1000 * total + int(cell.key[-3:])} for cell in cells]


def note(folder, text):
    """Append one line to the list of what was run."""
    descriptor = os.open(Path(folder) / "calls", os.O_WRONLY | os.O_CREAT | os.O_APPEND)
    os.write(descriptor, f"{text}\n".encode())
    os.close(descriptor)


def calls(folder):
    path = Path(folder) / "calls"
    return path.read_text().split() if path.exists() else []


def play(config, spec):
    """Return a few rows that depend on the cell alone; `config` may ask for delays and records."""
    index = spec["index"]
    if "notes" in config:
        note(config["notes"], index)
    if "nap" in config:
        time.sleep(config["nap"])
    episodes = [
        {"task": f"family/builtin/test/{index:04d}", "trial": trial, "score": derive_seed(index, trial) % 100 / 100}
        for trial in range(index % 3 + 1)
    ]
    if index % 2:
        episodes[0]["actions"] = ["left", "ünï", "\ud800"]
    return CellResult(episodes, [{"index": index, "ratio": index / 7}])


def late_start(config, spec):
    """Finish cell 0 after many others."""
    if spec["index"] == 0:
        time.sleep(0.3)
    return play(config, spec)


def moody(config, spec):
    """Fail on odd cells until the file `mended` is there."""
    if spec["index"] % 2 and not (Path(config["notes"]) / "mended").exists():
        raise ValueError(f"no luck with\n{spec['index']}")
    return play(config, spec)


def refusing(config, spec):
    """Find from cell 2 on that something is wrong which the user has to mend."""
    if spec["index"] >= 2 and not (Path(config["notes"]) / "mended").exists():
        note(config["notes"], "refused")
        raise InvalidValue("the key is not accepted: set another one")
    return play(config, spec)


def suicidal(config, spec):
    """Die on cell 3: once, or always where the configuration says so."""
    died = Path(config["notes"]) / "died"
    if spec["index"] == 3 and (config["always"] or not died.exists()):
        died.touch()
        os.kill(os.getpid(), signal.SIGKILL)
    return play(config, spec)


def interrupted(config, spec):
    """Press Ctrl-C once, in cell 3."""
    pressed = Path(config["notes"]) / "pressed"
    if spec["index"] == 3 and not pressed.exists():
        pressed.touch()
        raise KeyboardInterrupt
    return play(config, spec)


def nan(config, spec):
    return CellResult([{"score": float("nan")}])


def shared(config, spec):
    return CellResult([{"pid": os.getpid(), "loads": json.dumps(calls(config["notes"]).count(str(os.getpid())))}])


def load_shared(config):
    note(config["notes"], os.getpid())


if __name__ == "__main__":  # the victim of the kill tests: FOLDER CELLS WORKERS NAP [late]
    import sys

    folder, cells, workers, nap, *late = sys.argv[1:]
    plan = (make_late_plan if late else make_plan)(int(cells), notes=folder, nap=float(nap))
    execute(plan, play, Path(folder) / "run", workers=int(workers), complete=fill)


def diverging(config, spec):
    """A training run whose rate is too high, where the spec says so."""
    if spec["index"] % 3 == 0:
        raise NonFiniteLoss("the loss is nan. Lower the learning rate")
    note(config["notes"], spec["index"])
    return CellResult(metrics=[{"index": spec["index"]}])
