"""The cards: `envs/<family>/env.toml`, found in a wheel, an editable install or a plain checkout, and checked."""

from __future__ import annotations

import re
import tomllib
from functools import lru_cache
from pathlib import Path
from typing import Any, Literal

import msgspec

from envbench.errors import CardError, InvalidValue, UnknownName

KnobValue = bool | int | float | str

_CONTENT_NAME = re.compile(r"-[0-9a-f]{8}\Z")


class EnvSection(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """`[env]`: one family.

    Attributes:
        family: folder name; first part of task ids.
        ids: gymnasium ids.
        entry_point: `module:class`.
        tasks: `module:function`, called as `load(dataset, split, knobs) -> TaskSet`; "" with `[tasks_of]`.
        max_steps: default limit of an episode.
        max_length: characters of the longest observation.
        determinism: D0 to D4 (design, section 5).
        snapshot: value, native or replay.
        open_actions: commands beyond `valid_actions` may be accepted.
        actions: the grammar in one paragraph.
        extra: pip extra that the family needs.
    """

    family: str
    title: str
    ids: tuple[str, ...]
    entry_point: str
    max_steps: int
    max_length: int
    determinism: Literal["D0", "D1", "D2", "D3", "D4"]
    snapshot: Literal["value", "native", "replay"]
    actions: str
    tasks: str = ""
    open_actions: bool = False
    extra: str = ""
    licence: str = "MIT"


class TasksOfSection(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """`[tasks_of]`: another family whose tasks, ids, digests and keys these are, played through another interface.

    Its data sets and oracle exceptions are taken from that family's card, and of its knobs those that are named.
    """

    family: str
    knobs: tuple[str, ...] = ()


class SplitSection(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """`[datasets.<name>.splits.<split>]`: how many tasks, and the panel's sha256 under default knobs.

    0 and "" stand for unknown: no copy was at hand.
    """

    tasks: int
    sha256: str


class DatasetSection(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """`[datasets.<name>]`.

    Attributes:
        splits: by name.
        eval_split: default of `eval`.
        train_split: default of `make` and `train`; "" when nothing may be trained on.
        leaking: its splits share content, as those of the setup that they reproduce.
        seen_splits: splits whose clusters are also those of another, by design.
        named_by_content: its full name is this one, a hyphen, and 8 hexadecimal digits that tell what it holds.
        shipped: False when the user must bring the data.
        pinned: False when no copy was at hand, so that what its panels hold is not known here.
        extra: pip extra that it needs, named as the package that it brings; "" for none.
    """

    about: str
    splits: dict[str, SplitSection]
    eval_split: str
    train_split: str = ""
    shipped: bool = True
    pinned: bool = True
    leaking: bool = False
    seen_splits: tuple[str, ...] = ()
    named_by_content: bool = False
    extra: str = ""

    @property
    def default_split(self) -> str:
        return self.train_split or self.eval_split


class KnobSection(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """`[knobs.<name>]`: its default gives the type; `dynamics` knobs enter task digests; numbers have a range.

    One that was `added` to a published family enters them only with another value than its default, so that the tasks
    of before keep their digests.
    """

    default: KnobValue
    about: str
    dynamics: bool = True
    added: bool = False
    choices: tuple[KnobValue, ...] = ()
    low: int = -(10**18)
    high: int = 10**18


class OracleSection(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """`[oracle]`: task id -> best proven score and reason, for tasks where score 1 is out of reach."""

    about: str
    partial: bool = False
    exceptions: dict[str, OracleException] = {}


class OracleException(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """Best proven score of a task that cannot reach 1, and why."""

    score: float
    reason: str


class ConformanceCase(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """`[[conformance]]`: one configuration that the inherited suite runs."""

    name: str
    dataset: str = "builtin"
    split: str = ""
    knobs: dict[str, KnobValue] = {}
    stochastic: bool = False
    marks: tuple[str, ...] = ()


class Card(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """All that is declared about a family. The only source of ids, splits, limits and claims."""

    env: EnvSection
    oracle: OracleSection
    datasets: dict[str, DatasetSection] = {}
    knobs: dict[str, KnobSection] = {}
    conformance: tuple[ConformanceCase, ...] = ()
    tasks_of: TasksOfSection | None = None

    @property
    def tasks_family(self) -> str:
        """The family that task ids, digests and keys name: this one, but for a card with `[tasks_of]`."""
        return self.env.family if self.tasks_of is None else self.tasks_of.family

    def dataset(self, name: str) -> DatasetSection:
        """Return a data set or raise `UnknownName`."""
        stem = _CONTENT_NAME.sub("", name)
        if stem != name and stem in self.datasets and self.datasets[stem].named_by_content:
            return self.datasets[stem]
        if name not in self.datasets:
            raise UnknownName("dataset", name, self.datasets, f"(family {self.env.family})")
        return self.datasets[name]

    def resolve_knobs(self, given: dict[str, Any]) -> dict[str, KnobValue]:
        """Return every knob with its value.

        Raises:
            UnknownName: for a knob that the card does not list.
            InvalidValue: for a value of another type, outside the choices or the range.
        """
        for name in given:
            if name not in self.knobs:
                raise UnknownName("knob", name, self.knobs, f"(family {self.env.family})")
        return {name: _knob_value(name, knob, given.get(name, knob.default)) for name, knob in self.knobs.items()}

    def parse_knob(self, name: str, text: str) -> KnobValue:
        """Return the value of `name=text` as typed on a command line."""
        if name not in self.knobs:
            raise UnknownName("knob", name, self.knobs, f"(family {self.env.family})")
        default = self.knobs[name].default
        try:
            if isinstance(default, bool):
                return {"true": True, "false": False}[text.lower()]
            return type(default)(text)
        except (KeyError, ValueError):
            raise InvalidValue(f"knob {name}={text!r}: expected {_type_name(default)}, e.g. {name}={default}") from None


def _type_name(value: KnobValue) -> str:
    return {bool: "true or false", int: "a whole number", float: "a number", str: "a word"}[type(value)]


def _knob_value(name: str, knob: KnobSection, value: KnobValue) -> KnobValue:
    if type(value) is int and type(knob.default) is float:
        value = float(value)
    if type(value) is not type(knob.default):
        raise InvalidValue(f"knob {name}={value!r}: expected {_type_name(knob.default)}, e.g. {name}={knob.default!r}")
    if knob.choices and value not in knob.choices:
        raise InvalidValue(f"knob {name}={value!r}: choose one of {', '.join(map(repr, knob.choices))}")
    if isinstance(value, int) and not knob.low <= value <= knob.high:
        raise InvalidValue(f"knob {name}={value!r}: expected {knob.low} to {knob.high}")
    return value


@lru_cache(maxsize=1)
def home() -> Path:
    """Return the folder that holds `envs/`, `baselines/` and `leaderboards/`.

    A wheel carries them as `envbench/_cards`; an editable install and a checkout have them beside the package.
    """
    package = Path(__file__).resolve().parent
    for candidate in (package / "_cards", package.parent):
        if (candidate / "envs").is_dir():
            return candidate
    raise CardError(f"no cards found in {package / '_cards'} or {package.parent}; reinstall envbench")


def read_card(path: Path) -> Card:
    """Read one `env.toml`.

    Raises:
        CardError: one line with the file and what is wrong in it.
    """
    try:
        document = tomllib.loads(path.read_text(encoding="utf-8"))
        card = msgspec.convert(document, Card)
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError, msgspec.ValidationError) as error:
        raise CardError(f"card {path}: {error}") from None
    if card.env.family != path.parent.name:
        raise CardError(f"card {path}: family {card.env.family!r} must be the name of its folder")
    if card.tasks_of is not None:
        card = _with_tasks(card, card.tasks_of, path)
    elif not (card.env.tasks and card.datasets):
        raise CardError(f"card {path}: wants `tasks` and data sets, or [tasks_of] another family")
    for name, dataset in card.datasets.items():
        for split in (dataset.eval_split, dataset.train_split):
            if split and split not in dataset.splits:
                raise CardError(f"card {path}: data set {name!r} has no split {split!r}")
    for case in card.conformance:
        if case.split and case.split not in card.dataset(case.dataset).splits:
            raise CardError(f"card {path}: conformance case {case.name!r} names no split of {case.dataset!r}")
        card.resolve_knobs(dict(case.knobs))
    return card


def _with_tasks(card: Card, of: TasksOfSection, path: Path) -> Card:
    """Return the card with what it takes from the family whose tasks it plays."""
    if card.env.tasks or card.datasets or card.oracle.exceptions:
        raise CardError(
            f"card {path}: tasks, data sets and oracle exceptions are those of {of.family!r}; leave them out"
        )
    source = read_card(path.parent.parent / of.family / "env.toml")
    for name in of.knobs:
        if name not in source.knobs:
            raise CardError(f"card {path}: {of.family!r} has no knob {name!r}")
    if own := [name for name, knob in card.knobs.items() if knob.dynamics]:
        raise CardError(f"card {path}: knob {own[0]!r} must say `dynamics = false`: task digests are {of.family!r}'s")
    for name, knob in source.knobs.items():
        if knob.dynamics and not knob.added and name not in of.knobs:
            raise CardError(f"card {path}: [tasks_of] leaves out the knob {name!r}, which is part of task digests")
    return msgspec.structs.replace(
        card,
        datasets=source.datasets,
        knobs={name: source.knobs[name] for name in of.knobs} | card.knobs,
        oracle=msgspec.structs.replace(card.oracle, exceptions=source.oracle.exceptions),
    )


@lru_cache(maxsize=1)
def cards() -> dict[str, Card]:
    """Return every family's card by family name, sorted."""
    return {path.parent.name: read_card(path) for path in sorted((home() / "envs").glob("*/env.toml"))}
