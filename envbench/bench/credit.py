"""How long the credit methods take: `envbench bench credit`.

Batches of S rows are made up: episodes of ten steps in groups of eight, a score at the end, twenty states to meet.
Time is that of one call on one thread (of the processor, so that neighbours do not count); CUDA, where there is one,
is measured beside it.
"""

from __future__ import annotations

import os
import platform
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass, fields
from math import log
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
from numpy.typing import NDArray

from envbench.bench.loops import LOOPS
from envbench.bench.summary import Row, spread
from envbench.errors import InvalidValue, UnknownName
from envbench.hashing import digest
from envbench.rollout.members import uniforms
from envbench.rollout.tree import BRANCHED
from envbench.runs import Cell, CellResult, Plan
from envbench.runs.session import code_digest
from envbench.seeding import derive_seed
from envbench.types import StepBatch
from envbench.types.columns import FURTHER, need_torch

if TYPE_CHECKING:
    from collections.abc import Iterator

STEPS, GROUP, STATES, TOKENS = 10, 8, 20, 2
TIMED: tuple[Literal["advantage", "shaping"], ...] = ("advantage", "shaping")
FURTHER_SIZE = 8  # of the axes that only further columns have
ENOUGH_SECONDS = 5.0  # repetitions of one size end when they have taken this long


@dataclass(frozen=True, slots=True)
class CreditSettings:
    """How much is measured.

    Attributes:
        seed: of the batches.
        repeats: calls that are timed for each size, after one that is not; fewer where they take `ENOUGH_SECONDS`.
        sizes: S of each batch, ascending.
    """

    seed: int = 0
    repeats: int = 5
    sizes: tuple[int, ...] = (1_000, 10_000, 100_000, 1_000_000)

    def __post_init__(self) -> None:
        if self.repeats < 1:
            raise InvalidValue(f"bench: repeats={self.repeats}: expected a whole number above 0")
        least = STEPS * GROUP
        if list(self.sizes) != sorted(set(self.sizes)) or not self.sizes or self.sizes[0] < least:
            raise InvalidValue(f"bench: sizes={list(self.sizes)}: expected rising numbers of rows, at least {least}")


def make_credit_plan(settings: CreditSettings, methods: Sequence[str] = ()) -> Plan:
    """Return the plan: one cell per advantage or shaping method and device. Other code is another plan.

    Args:
        settings: how much is measured.
        methods: all of both kinds when empty.

    Raises:
        UnknownName: for a method that does not exist, or a sampler: those decide what is played, not what it is worth.
    """
    need_torch()
    import torch

    from envbench import credit

    known = [method.name for kind in TIMED for method in credit.methods(kind)]
    for name in methods:
        if name not in known:
            raise UnknownName("advantage or shaping method", name, known)
    devices = ["cpu", *(["cuda"] if torch.cuda.is_available() else [])]
    cells = tuple(
        Cell(f"credit:{name}:{device}", {"job": "credit", "method": name, "device": device})
        for name in methods or known
        for device in devices
    )
    config = {**asdict(settings), "sizes": list(settings.sizes)}
    return Plan("bench", {**config, "code": code_digest(), "machine": digest(platform.node())}, cells, label="credit")


def measure_credit(config: Mapping[str, Any], spec: Mapping[str, Any]) -> CellResult:
    """Measure one method on one device (the worker of `runs.execute`); returns one metric row per size."""
    name, device = spec["method"], spec["device"]
    rows: list[dict[str, Any]] = []
    for size in config["sizes"]:
        columns = credit_columns(size, name, config["seed"])
        batch = StepBatch.from_columns(**columns).to(device)
        row = {**spec, "rows": size, "load_average": list(os.getloadavg())}
        with one_thread():
            row |= time_method(name, batch, config["repeats"])
        if name in LOOPS and device == "cpu":
            lists = {key: values.tolist() for key, values in columns.items()}
            loop = _timed(lambda lists=lists: LOOPS[name](lists), config["repeats"])  # type: ignore[misc]
            row |= {f"loop_{key}": seconds for key, seconds in loop.items()}
        rows.append(row)
    return CellResult(metrics=rows)


@contextmanager
def one_thread() -> Iterator[None]:
    """Let torch compute on one thread."""
    import torch

    before = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(before)


def time_method(name: str, batch: StepBatch, repeats: int) -> dict[str, list[float]]:
    """Return the `seconds` and `cpu_seconds` (of the processor) of calls of a method under its default options."""
    import torch

    from envbench import credit

    run = credit.shape if credit.method(name).kind == "shaping" else credit.advantages

    def call() -> None:
        run(name, batch)
        if batch.reward.is_cuda:
            torch.cuda.synchronize()

    call()
    return _timed(call, repeats)


def _timed(call: Callable[[], Any], repeats: int) -> dict[str, list[float]]:
    seconds: list[float] = []
    processor: list[float] = []
    while len(seconds) < repeats and sum(seconds) < ENOUGH_SECONDS:
        start, busy = time.perf_counter(), time.process_time()
        call()
        processor.append(time.process_time() - busy)
        seconds.append(time.perf_counter() - start)
    return {"seconds": seconds, "cpu_seconds": processor}


def credit_columns(rows: int, method: str, seed: int) -> dict[str, NDArray[Any]]:
    """Return the columns of a batch of about `rows` rows (whole groups): the basic ones and those that a method needs.

    Methods that compare branches get groups of which the second half branches off the first, half way.
    """
    from envbench import credit

    groups = max(1, rows // (STEPS * GROUP))
    episodes = groups * GROUP
    count = episodes * STEPS
    episode, step = np.divmod(np.arange(count), STEPS)
    last = step == STEPS - 1

    def draw(name: str, size: int) -> NDArray[np.float64]:
        drawn: NDArray[np.float64] = uniforms(derive_seed(seed, "bench credit", name), 1, size)[0]
        return drawn

    columns: dict[str, NDArray[Any]] = {
        "episode": episode,
        "t": step,
        "reward": np.where(last & (draw("reward", count) < 0.5), 1.0, 0.0),
        "group": np.arange(episodes) // GROUP,
    }
    anchor = np.where(step == 0, 0, (draw("anchor", count) * STATES).astype(np.int64))
    if method in BRANCHED:
        branch = np.arange(episodes) % GROUP >= GROUP // 2
        columns["parent"] = np.where(branch, np.arange(episodes) - GROUP // 2, -1)
        columns["branch_t"] = np.where(branch, STEPS // 2, 0)
        columns["t"] = step + columns["branch_t"][episode]
        first = np.flatnonzero(step == 0)[branch]
        anchor[first] = anchor[first - (GROUP // 2) * STEPS + STEPS // 2]
    made = {
        "anchor": anchor,
        "next_anchor": np.where(last, STATES, np.roll(anchor, -1)),
        "tree": np.arange(episodes) // GROUP * GROUP + np.arange(episodes) % (GROUP // 2),
        "token_step": np.repeat(np.arange(count), TOKENS),
        "call_step": np.arange(count),
    }
    specs = {one.name: one.metadata["spec"] for one in fields(StepBatch) if one.metadata} | FURTHER
    lengths = {"S": count, "E": episodes, "L": count * TOKENS, "C": count}
    needs = list(credit.method(method).needs)
    if any("L" in specs[name].axes for name in needs):
        needs.append("token_step")
    for name in needs:
        shape = [lengths.get(axis, FURTHER_SIZE) for axis in specs[name].axes]
        drawn = draw(name, int(np.prod(shape))).reshape(shape)
        columns[name] = made.get(name, _values(name, specs[name].kind, drawn))
    return columns


def _values(name: str, kind: str, drawn: NDArray[np.float64]) -> NDArray[Any]:
    """Return plausible values of a column from uniform draws."""
    if kind == "flag":
        return drawn < 0.8
    if kind in ("id", "count", "role"):
        return (drawn * 4).astype(np.int64)
    return np.log(1.0 - drawn) if name.endswith("logprob") else drawn


def credit_summary(rows: Iterable[Mapping[str, Any]]) -> list[Row]:
    """Return one row per method and device, the slowest last.

    Keys: `method`, `device`, `cost`; by number of rows `seconds`, each `{median, low, high, n}` over repetitions, of
    processor time (of wall time on CUDA; `wall_seconds` are beside them); `exponent` p of time ~ S^p between the two
    largest sizes (1 is linear; None for one size); and `loop_ratio`, by number of rows, where there is a
    dictionary-and-loop version: its median time over ours.
    """
    from envbench import credit

    found: dict[tuple[str, str], Row] = {}
    for row in rows:
        method, device = row["method"], row["device"]
        cost = credit.method(method).cost
        empty: Row = {"method": method, "device": device, "cost": cost, "seconds": {}, "wall_seconds": {}}
        entry, size = found.setdefault((method, device), empty), str(row["rows"])
        entry["wall_seconds"][size] = spread(row["seconds"])
        entry["seconds"][size] = ours = spread(row["cpu_seconds"] if device == "cpu" else row["seconds"])
        if "loop_cpu_seconds" in row:
            ratio = spread(row["loop_cpu_seconds"])["median"] / ours["median"]
            entry.setdefault("loop_ratio", {})[size] = ratio
    for entry in found.values():
        entry["exponent"] = _exponent([(int(size), one["median"]) for size, one in entry["seconds"].items()])
    return sorted(found.values(), key=lambda entry: list(entry["seconds"].values())[-1]["median"])


def _exponent(times: Sequence[tuple[int, float]]) -> float | None:
    """Return p of time ~ S^p between the last two of (S, seconds); None for one."""
    if len(times) < 2:
        return None
    (before, short), (after, long) = times[-2:]
    return log(long / short) / log(after / before)
