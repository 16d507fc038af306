"""What a run will do, fixed and hashed before it starts."""

from __future__ import annotations

import hashlib
import json
import string
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from envbench.errors import InvalidValue
from envbench.hashing import JsonValue, encode

_SLUG = frozenset(string.ascii_lowercase + string.digits + "._-")


@dataclass(frozen=True, slots=True)
class Cell:
    """The unit that is run once, stored once and retried alone.

    Attributes:
        key: name of the cell, unique in its plan; it becomes the column `cell` of the cell's rows.
        spec: plain data handed to the worker.
        late: the spec lacks what only the rows of the cells that are not late can tell; see `execute`.
    """

    key: str
    spec: Mapping[str, JsonValue]
    late: bool = False


@dataclass(frozen=True)
class Plan:
    """A hashed list of cells under one resolved configuration.

    `config` and the specs are normalised to JSON types (tuples become lists); a key whose value is None is left out,
    since TOML has no null: absent means None. Put the digests of the data (a panel's `sha256`) into `config`.

    Attributes:
        kind: what the run is: `eval`, `sweep`, `fidelity`, `verify`, `bench`.
        config: the resolved configuration, every default filled in.
        cells: in the order in which their rows will stand in the tables.
        label: words for the reader of `run_id`; not hashed.
        sha256: 64 hex digits over the canonical encoding of `[kind, config, [[key, spec], ...]]`.
    """

    kind: str
    config: Mapping[str, JsonValue]
    cells: tuple[Cell, ...]
    label: str = ""
    sha256: str = field(init=False)

    def __post_init__(self) -> None:
        """Normalise and hash.

        Raises:
            InvalidValue: for a plan without cells, two cells with one key, or a None inside a list.
            HashingError: for values that are not plain data.
        """
        cells = tuple(Cell(cell.key, plain(cell.spec), cell.late) for cell in self.cells)
        if not cells:
            raise InvalidValue(f"the plan of this {self.kind} has no cells: choose at least one task, seed or method")
        key, count = Counter(cell.key for cell in cells).most_common(1)[0]
        if count > 1:
            raise InvalidValue(f"{count} cells of the plan have the key {key!r}: give every cell a key of its own")
        object.__setattr__(self, "cells", cells)
        object.__setattr__(self, "config", plain(self.config))
        content = [self.kind, self.config, [[cell.key, cell.spec] for cell in cells]]
        object.__setattr__(self, "sha256", hashlib.sha256(encode(content)).hexdigest())

    @property
    def run_id(self) -> str:
        """`<kind>[-<label>]-<12 hex digits of sha256>`: the default name of the run's directory."""
        words = "".join(char if char in _SLUG else "-" for char in self.label.lower()).strip("-.")
        return "-".join(part for part in (self.kind, words, self.sha256[:12]) if part)


def plain(value: Mapping[str, JsonValue]) -> dict[str, Any]:
    """Return a copy of `value` in JSON types, keys sorted, without the keys whose value is None."""
    copy: dict[str, Any] = _without_none(json.loads(encode(dict(value))))
    return copy


def _without_none(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _without_none(item) for key, item in value.items() if item is not None}
    if isinstance(value, list):
        if None in value:
            raise InvalidValue(f"the list {value!r} in a plan holds None, which run.toml cannot hold: leave it out")
        return [_without_none(item) for item in value]
    return value
