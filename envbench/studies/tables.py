"""What studies share: rows as CSV, shares in words, and the part of a document that a script renews."""

from __future__ import annotations

import csv
import io
import textwrap
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import asdict, fields
from typing import TYPE_CHECKING, Any, Protocol, TypeVar

from envbench.errors import DataCorrupt, InvalidValue

if TYPE_CHECKING:
    from _typeshed import DataclassInstance

RowT = TypeVar("RowT", bound="DataclassInstance")


class Share(Protocol):
    """A share in 0..1 with its interval; NaN bounds where there is none."""

    @property
    def estimate(self) -> float: ...
    @property
    def low(self) -> float: ...
    @property
    def high(self) -> float: ...


def write_rows(rows: Iterable[RowT], kind: type[RowT]) -> str:
    """Return rows, dataclasses of this kind, as CSV; NaN is empty."""
    out = io.StringIO()
    writer = csv.DictWriter(out, [field.name for field in fields(kind)], lineterminator="\n")
    writer.writeheader()
    for row in rows:
        writer.writerow({key: "" if value != value else value for key, value in asdict(row).items()})
    return out.getvalue()


def read_rows(text: str, kind: type[RowT], script: str) -> list[RowT]:
    """Return the rows of `write_rows`.

    Raises:
        DataCorrupt: for another table; `script` makes it anew.
    """
    try:
        return [_row(entry, kind) for entry in csv.DictReader(io.StringIO(text))]
    except (KeyError, TypeError, ValueError) as error:
        raise DataCorrupt(f"no table of this study ({error}); run {script} again") from None


def _row(entry: Mapping[str, str], kind: type[RowT]) -> RowT:
    kinds: dict[str, Callable[[str], Any]] = {"float": lambda text: float(text or "nan"), "int": int, "str": str}
    return kind(**{field.name: kinds[str(field.type)](entry[field.name]) for field in fields(kind)})


def shown(row: Share) -> str:
    """Return a row's share in percent, with its interval where it has one; more digits near 0 and 100."""
    near = 100 * min(row.estimate, 1 - row.estimate)
    digits = 1 if near == 0 or near >= 1 else 2 if near >= 0.1 else 3
    text = f"{100 * row.estimate:.{digits}f}"
    if row.low != row.low or row.low == row.high:
        return f"{text} %"
    return f"{text} % ({100 * row.low:.{digits}f} to {100 * row.high:.{digits}f})"


def replace(document: str, text: str, first: str, last: str) -> str:
    """Return the document with the text between a study's markers exchanged.

    Raises:
        InvalidValue: for a document without them.
    """
    before, begin, rest = document.partition(first)
    _, end, after = rest.partition(last)
    if not begin or not end:
        raise InvalidValue(f"the document lacks the lines {first} and {last}; put them where the text belongs")
    return f"{before}{first}\n\n{text}\n{last}{after}"


def wrapped(text: str) -> str:
    """Return text as a paragraph of lines of at most 120 characters."""
    return textwrap.fill(" ".join(text.split()), 120, break_long_words=False, break_on_hyphens=False)


def table(head: Sequence[str], lines: Iterable[Sequence[str]]) -> str:
    """Return a table in Markdown."""
    return "\n".join(f"| {' | '.join(cells)} |" for cells in (head, ["---"] * len(head), *lines))
