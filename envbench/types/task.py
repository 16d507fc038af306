"""Tasks, the hashed lists of tasks that are panels, and what a family's `tasks.py` returns."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from hashlib import sha256
from typing import Any, NamedTuple, overload

from envbench.errors import DataMissing, UnknownName
from envbench.hashing import JsonValue, digest, encode


class TaskSpec(NamedTuple):
    """One task as its family describes it.

    Attributes:
        content: plain data that fixes the dynamics and rewards of the task, with the data set's digest and the knobs.
        source: the original's own name of the task.
        cluster: tasks that are nearly one share it; the default resampling unit of intervals.
        payload: what `_reset` needs; shared and read-only.
        kind: which sort of task it is, where a family has several; reports tell success by it.
    """

    content: JsonValue
    source: str
    cluster: str
    payload: Any = None
    kind: str = ""


class TaskSet(NamedTuple):
    """The tasks of one split.

    Attributes:
        tasks: in order.
        data: digest of the data set that they stand on, "" for none.
        places: index of each task, ascending; those that are left out are `holes`. None: 0, 1, 2 and so on.
        holes: index -> why the task that belongs there is not here, in words that say what to do.
    """

    tasks: Sequence[TaskSpec]
    data: str = ""
    places: Sequence[int] | None = None
    holes: Mapping[int, str] | None = None


@dataclass(frozen=True, slots=True)
class Task:
    """A fixed problem with a stable id.

    Attributes:
        id: `<family>/<dataset>/<split>/<index>`, index of at least four digits.
        digest: over the content, the data and the dynamics knobs; leaves out id, split and limits.
        source: the original's own name.
        cluster: the resampling unit.
        kind: which sort of task it is; "" where the family has one.
    """

    id: str
    digest: str
    source: str
    cluster: str
    content: JsonValue = field(repr=False, compare=False)
    payload: Any = field(repr=False, compare=False)
    kind: str = ""

    def __reduce__(self) -> tuple[Any, ...]:
        """Travel to other processes without the payload: `reset` finds it there by the id."""
        return Task, (self.id, self.digest, self.source, self.cluster, self.content, None, self.kind)


class Panel(Sequence[Task]):
    """A hashed list of tasks: `panel[i]`, `panel.id`, `panel.sha256`, `panel.task(id)`."""

    def __init__(self, id: str, tasks: Sequence[Task], holes: Mapping[str, str] | None = None) -> None:
        self.id = id
        self._tasks = tuple(tasks)
        self.holes = dict(holes or {})  # task id -> why it is not here

    @overload
    def __getitem__(self, index: int) -> Task: ...
    @overload
    def __getitem__(self, index: slice) -> Panel: ...
    def __getitem__(self, index: int | slice) -> Task | Panel:
        """Return a task; a slice is a panel of its own, named after the slice."""
        if isinstance(index, slice):
            start, stop, step = index.indices(len(self))
            return Panel(f"{self.id}[{start}:{stop}:{step}]", self._tasks[index])
        return self._tasks[index]

    def __len__(self) -> int:
        return len(self._tasks)

    def __iter__(self) -> Iterator[Task]:
        return iter(self._tasks)

    def __repr__(self) -> str:
        return f"Panel({self.id!r}, tasks={len(self)}, sha256={self.sha256!r})"

    @cached_property
    def sha256(self) -> str:
        """64 hex digits over the list of (id, digest)."""
        return sha256(encode([[task.id, task.digest] for task in self._tasks])).hexdigest()

    @cached_property
    def _by_id(self) -> dict[str, Task]:
        return {task.id: task for task in self._tasks}

    def task(self, id: str) -> Task:
        """Return the task of that id.

        Raises:
            UnknownName: when the panel does not hold it.
            DataMissing: when it belongs here, but its data are not on this machine.
        """
        if id in self.holes:
            raise DataMissing(f"task {id} is not here: {self.holes[id]}")
        try:
            return self._by_id[id]
        except KeyError:
            raise UnknownName("task", id, self._by_id, f"(panel {self.id})") from None


def task_digest(family: str, content: JsonValue, data: str, knobs: dict[str, JsonValue]) -> str:
    """Return the digest of a task: everything fixed that decides dynamics or reward, and nothing else."""
    return digest(["task", family, content, data, knobs])
