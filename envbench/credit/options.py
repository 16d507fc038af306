"""Options of a method: a frozen dataclass whose type hints are checked when it is made."""

from __future__ import annotations

from collections.abc import Mapping
from math import inf, isfinite
from types import NoneType
from typing import Annotated, Any, Literal, NamedTuple, TypeAlias, TypeVar, get_args, get_origin, get_type_hints

from envbench.errors import InvalidValue, UnknownName


class Interval(NamedTuple):
    """Closed range of a number, as the annotation of an option's type."""

    low: float
    high: float


Discount: TypeAlias = Annotated[float, Interval(0.0, 1.0)]
NonNegative: TypeAlias = Annotated[float, Interval(0.0, inf)]


class Options:
    """Base of the config classes. Subclass it as `@dataclass(frozen=True, slots=True)`.

    Hints may be bool, int, float, str, `Literal[...]`, `Annotated[<number>, Interval(low, high)]` and these with None.
    """

    __slots__ = ()
    __match_args__: tuple[str, ...] = ()  # `dataclass` fills in the names

    @classmethod
    def names(cls) -> tuple[str, ...]:
        """Return the names of the options."""
        return tuple(_hints(cls))

    def __post_init__(self) -> None:
        """Check every value.

        Raises:
            InvalidValue: for a value that its hint does not allow.
        """
        for name, hint in _hints(type(self)).items():
            expected = _fault(getattr(self, name), hint)
            if expected:
                raise InvalidValue(f"{name}={getattr(self, name)!r}: expected {expected}")


OptionsT = TypeVar("OptionsT", bound=Options)


def configure(kind: type[OptionsT], options: Mapping[str, Any], of: str) -> OptionsT:
    """Return a config of a class of `Options`; `of` names it in errors.

    Raises:
        UnknownName: for an option that it does not have. InvalidValue: for a value that an option cannot take.
    """
    for option in options:
        if option not in kind.names():
            raise UnknownName(f"option of {of}", option, kind.names())
    return kind(**options)


_HINTS: dict[type[Options], dict[str, Any]] = {}


def _hints(config: type[Options]) -> dict[str, Any]:
    """Return the type of each option by name, read once per class."""
    if config not in _HINTS:
        hints = get_type_hints(config, include_extras=True)
        _HINTS[config] = {name: hints[name] for name in config.__match_args__}
    return _HINTS[config]


def _fault(value: object, hint: Any) -> str:
    """Return what was expected of `value`, or "" where it is allowed."""
    origin, args = get_origin(hint), get_args(hint)
    if origin is Literal:
        return "" if any(value == one and type(value) is type(one) for one in args) else " or ".join(map(repr, args))
    if origin is Annotated:
        return _fault(value, args[0]) or _outside(value, args[1])
    if args:  # a union: X | None
        faults = [_fault(value, one) for one in args]
        return "" if "" in faults else " or ".join(faults)
    if hint is NoneType:
        return "" if value is None else "None"
    if hint is float:
        fine = isinstance(value, int | float) and not isinstance(value, bool) and isfinite(value)
        return "" if fine else "a finite number"
    fine = isinstance(value, hint) and (hint is bool or not isinstance(value, bool))
    return "" if fine else f"a value of type {hint.__name__}"


def _outside(value: Any, interval: Interval) -> str:
    """Return the range as text where `value` lies outside of it."""
    low, high = interval
    if low <= value <= high:
        return ""
    return f"a number >= {low:g}" if high == inf else f"a number from {low:g} to {high:g}"
