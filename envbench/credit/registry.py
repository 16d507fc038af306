"""The registry of credit methods, and the calls that run them: `advantages`, `shape` and `select`, one per kind."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, is_dataclass
from typing import Any, Literal, TypeAlias, TypeVar, get_args, get_type_hints

from torch import Tensor

from envbench.credit.options import Options, configure
from envbench.credit.selection import Selection
from envbench.errors import InvalidValue, UnknownName
from envbench.types import Advantages, StepBatch
from envbench.types.columns import declare_columns

Kind: TypeAlias = Literal["advantage", "shaping", "sampler", "loss"]
Level: TypeAlias = Literal["step", "token"]
Evidence: TypeAlias = Literal["code", "paper", "abstract", "ours"]
EVIDENCE: Mapping[Evidence, str] = {
    "code": "the official code and the paper were read; the paper's form is the default",
    "paper": "the formula is the paper's; no official code was compared",
    "abstract": "only the paper's abstract was at hand; the formula is ours",
    "ours": "defined by envbench, by no paper",
}
F = TypeVar("F", bound=Callable[..., Any])


@dataclass(frozen=True, slots=True)
class Method:
    """One registered method.

    Attributes:
        name: the registry's name. kind: advantage, shaping, sampler or loss. version: raised when results change.
        level: of the advantages it returns, step or token.
        needs: columns beyond episode, t, reward and group that the batch must hold, under default options.
        cost: what it costs beyond the rollouts of a group; "none" for a few tensor operations.
        evidence: what the implementation rests on: official code, paper, abstract, or ours.
        paper: where it was published. module: the Python module.
        config: its options, a frozen dataclass. function: `(batch, config) -> Advantages` for an advantage,
            `-> StepBatch` for shaping, `(batch, config, draws) -> Selection` for a sampler.
    """

    name: str
    kind: Kind
    level: Level
    needs: tuple[str, ...]
    cost: str
    evidence: Evidence
    paper: str
    module: str
    version: int
    config: type[Options]
    function: Callable[..., Any]

    @property
    def summary(self) -> str:
        """The first line of the function's docstring."""
        return (inspect.getdoc(self.function) or "").partition("\n")[0]

    def configure(self, options: Mapping[str, Any]) -> Options:
        """Return the method's config.

        Raises:
            UnknownName: for an option that it does not have. InvalidValue: for a value that an option cannot take.
        """
        return configure(self.config, options, self.name)


_METHODS: dict[str, Method] = {}


def register(
    name: str,
    *,
    kind: Kind,
    version: int = 1,
    paper: str = "",
    evidence: Evidence = "ours",
    needs: Sequence[str] = (),
    level: Level = "step",
    cost: str = "none",
    columns: Mapping[str, tuple[str, ...]] | None = None,
) -> Callable[[F], F]:
    """Return a decorator that registers a pure function `f(batch, cfg: SomeConfig)` as a credit method.

    A sampler is `f(batch, cfg, draws)`. The class of the options is read from the hint of the second parameter. A
    config with a property `needs` says itself which columns its options call for. `columns` declares further columns
    by name and axes (`StepBatch.extra`).

    Raises:
        InvalidValue: for a name that another function has, a value outside of the closed lists, or a second parameter
            that is not hinted with a dataclass of `Options`.
    """
    for option, value, known in (("kind", kind, Kind), ("level", level, Level), ("evidence", evidence, Evidence)):
        if value not in get_args(known):
            raise InvalidValue(f"{option}={value!r} of method {name!r}: expected one of {', '.join(get_args(known))}")

    def add(function: F) -> F:
        place = (function.__module__, function.__qualname__)
        held = _METHODS.get(name)
        if held is not None and (held.module, held.function.__qualname__) != place:  # a notebook runs its cell again
            raise InvalidValue(f"method {name!r} is already registered by {held.module}; choose another name")
        declare_columns(columns or {})
        config = _config_class(name, function)
        _METHODS[name] = Method(
            name, kind, level, tuple(needs), cost, evidence, paper, function.__module__, version, config, function
        )
        return function

    return add


def _config_class(name: str, function: Callable[..., Any]) -> type[Options]:
    parameters = list(inspect.signature(function).parameters)
    config = get_type_hints(function).get(parameters[1]) if len(parameters) > 1 else None
    if not (isinstance(config, type) and issubclass(config, Options) and is_dataclass(config)):
        raise InvalidValue(f"method {name!r}: hint its second parameter with a frozen dataclass derived from Options")
    return config


def methods(kind: Kind | None = None) -> tuple[Method, ...]:
    """Return the registered methods sorted by name, all or those of one kind."""
    return tuple(one for _, one in sorted(_METHODS.items()) if kind in (None, one.kind))


def method(name: str) -> Method:
    """Return one method.

    Raises:
        UnknownName: where there is none of that name.
    """
    if name not in _METHODS:
        raise UnknownName("credit method", name, _METHODS)
    return _METHODS[name]


def advantages(name: str, batch: StepBatch, **options: Any) -> Advantages:
    """Run the advantage method `name` on a batch.

    Args:
        name: a name of `methods("advantage")`.
        batch: what happened; it is not changed.
        options: options of the method; its paper's form is the default.

    Returns:
        The advantages, on the axis that their `level` names, in the dtype and on the device of `batch.reward`.

    Raises:
        UnknownName: for a method or option that does not exist. InvalidValue: for a value that an option cannot take.
        MissingColumn: where the method needs a column that the batch does not hold.
    """
    function, config = _ready("advantage", name, batch, options)
    result: Advantages = function(batch, config)
    return result


def shape(name: str, batch: StepBatch, **options: Any) -> StepBatch:
    """Run the shaping method `name`: the same episodes with other rewards, for any advantage method to read.

    Args:
        name: a name of `methods("shaping")`.
        batch: what happened; it is not changed.
        options: options of the method.

    Returns:
        A new batch, its rewards in the dtype of `batch.reward`; excluded episodes keep theirs.

    Raises:
        UnknownName, InvalidValue, MissingColumn: as `advantages`.
    """
    function, config = _ready("shaping", name, batch, options)
    result: StepBatch = function(batch, config)
    return result


def select(name: str, batch: StepBatch, draws: Tensor | None = None, **options: Any) -> Selection:
    """Run the sampler `name`: which of the episodes so far are used, and which are to be rolled out next.

    Args:
        name: a name of `methods("sampler")`.
        batch: what was rolled out so far; it is not changed.
        draws: uniform draws in [0, 1) of the shape that the sampler's docstring names; None for those that draw
            nothing. Equal batches and draws give equal selections.
        options: options of the sampler.

    Raises:
        UnknownName, InvalidValue, MissingColumn: as `advantages`; InvalidValue also for draws of another shape.
    """
    function, config = _ready("sampler", name, batch, options)
    result: Selection = function(batch, config, draws)
    return result


def _ready(kind: Kind, name: str, batch: StepBatch, options: Mapping[str, Any]) -> tuple[Callable[..., Any], Options]:
    """Return the function of a method of this kind and its config, once the batch holds what it needs."""
    chosen = method(name)
    if chosen.kind != kind:
        known = [one.name for one in methods(kind)]
        article = "an" if chosen.kind == "advantage" else "a"
        raise UnknownName(f"{kind} method", name, known, f"It is {article} {chosen.kind} method.")
    config = chosen.configure(options)
    for column in getattr(config, "needs", chosen.needs):
        batch.require(column, name)
    return chosen.function, config
