"""What a training run is told, checked before anything starts."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, fields, replace
from typing import Any, Literal, Self, TypeAlias, get_args

from envbench import credit
from envbench.cards import KnobValue
from envbench.errors import InvalidValue, SplitRefused, UnknownName
from envbench.policies.tabular import KEYS, Key
from envbench.registry import card_of, panel
from envbench.rollout.fill import check_columns
from envbench.rollout.tree import BRANCHED
from envbench.train.replay import REPLAYS
from envbench.types import Panel

Scale: TypeAlias = Literal["raw", "unit_rms"]
Average: TypeAlias = Literal["episodes", "rows"]
Collector: TypeAlias = Literal["graph", "steps"]
Shape: TypeAlias = Literal["chains", "tree"]

# Methods whose `value` is, in their papers, the mean of continuations and not a critic's.
MONTE_CARLO = ("spo_chain", "vineppo")


@dataclass(frozen=True, slots=True, kw_only=True)
class RunConfig:
    """What every training run is told, whatever learns.

    Attributes:
        env: gymnasium id. dataset, split, knobs: as for `gymnasium.make`; the split must be a training split, and is
            the data set's own when None.
        max_steps: limit of an episode; the card's when None.
        tasks: the first N tasks of the panel are trained on.
        groups: groups collected in an iteration, on the next tasks of a shuffled pass through the panel; with `groups`
            equal to `tasks` every iteration is one pass, and every logged value is over the whole panel.
        group_size: G, episodes of a group.
        iterations: updates of the policy.
        method, options: credit method and its options.
        advantage_scale: `raw` takes the advantages as they are; `unit_rms` divides those of an iteration by their root
            mean square over the rows that count, so that no method wins by a larger step alone.
        learning_rate: of the optimiser.
        seed: the run's; every draw is derived from it.
        log_every: iterations between two logged ones; the first and the last are always logged.
        shaping: shaping methods, with their default options, applied in order before the advantages.
        shape: of the episodes of a group: `chains`, or a `tree` from each of the `group_size` chains; by default what
            the method needs.
        branches, rounds: of a tree: N nodes, drawn at random, are branched from in each of L rounds, so that it ends
            in 1 + N L leaves.
        continuations: K, episodes played on from every step to fill its `value` and `success_rate`; 0 leaves values
            to a critic. By default 8 for methods that live on them, else 0.
        attempts: collections of `groups` groups until as many have episodes that differ in return (DAPO's dynamic
            sampling); 1 takes the groups as they come.

    Raises:
        UnknownName: for an id, data set, split, knob, method or option that does not exist.
        InvalidValue: for a value that an attribute cannot take.
        SplitRefused: for a split that is not for training.
    """

    env: str
    dataset: str = "builtin"
    split: str | None = None
    knobs: Mapping[str, KnobValue] = field(default_factory=dict)
    max_steps: int | None = None
    tasks: int = 16
    groups: int = 16
    group_size: int = 8
    iterations: int = 100
    method: str = "grpo"
    options: Mapping[str, Any] = field(default_factory=dict)
    advantage_scale: Scale = "raw"
    learning_rate: float
    seed: int = 0
    log_every: int = 1
    shaping: Sequence[str] = ()
    shape: Shape | None = None
    branches: int = 2
    rounds: int = 1
    continuations: int | None = None
    attempts: int = 1

    def __post_init__(self) -> None:
        for name in ("tasks", "groups", "group_size", "iterations", "log_every", "branches", "rounds", "attempts"):
            check_count(name, getattr(self, name))
        if self.max_steps is not None:
            check_count("max_steps", self.max_steps)
        if self.continuations is not None:
            check_count("continuations", self.continuations, least=0)
        check_count("seed", self.seed, least=0)
        check_rate(self.learning_rate)
        check_choices(self, advantage_scale=get_args(Scale))
        if self.shape is not None:
            check_choices(self, shape=get_args(Shape))
        if isinstance(self.shaping, str):
            raise InvalidValue(f"shaping={self.shaping!r}: expected a list of shaping methods")
        credit.method(self.method).configure(self.options)
        for name in self.shaping:
            if credit.method(name).kind != "shaping":
                raise UnknownName("shaping method", name, [one.name for one in credit.methods("shaping")])
        training_split(self.env, self.dataset, self.split)

    def resolved(self) -> Self:
        """Return the configuration with every default filled in.

        Raises:
            InvalidValue: when the panel has fewer tasks than asked for.
        """
        card, needs = card_of(self.env), self.needs()
        continued = "success_rate" in needs or self.method in MONTE_CARLO
        filled = replace(
            self,
            env=self.env.removeprefix("envbench:"),
            split=training_split(self.env, self.dataset, self.split),
            knobs=card.resolve_knobs(dict(self.knobs)),
            max_steps=card.env.max_steps if self.max_steps is None else self.max_steps,
            shaping=tuple(self.shaping),
            shape=("tree" if self.method in BRANCHED else "chains") if self.shape is None else self.shape,
            continuations=(8 if continued else 0) if self.continuations is None else self.continuations,
        )
        filled.panel()
        return filled

    def panel(self) -> Panel:
        """Return the tasks that are trained on: the first `tasks` of the split."""
        whole = panel(self.env, self.dataset, training_split(self.env, self.dataset, self.split), **self.knobs)
        if self.tasks > len(whole):
            raise InvalidValue(f"tasks={self.tasks}: {whole.id} has {len(whole)} tasks; ask for at most that many")
        return whole[: self.tasks]

    def needs(self) -> dict[str, str]:
        """Return the optional columns that the method and the shaping read under the options given, and who does."""
        asked: list[tuple[str, Mapping[str, Any]]] = [(self.method, self.options)]
        asked += [(name, {}) for name in self.shaping]
        needs: dict[str, str] = {}
        for name, options in asked:
            method = credit.method(name)
            for column in getattr(method.configure(options), "needs", method.needs):
                needs.setdefault(column, name)
        return needs

    def plain(self) -> dict[str, Any]:
        """Return the configuration as plain data."""
        values = {one.name: getattr(self, one.name) for one in fields(self)}
        return {**values, "knobs": dict(self.knobs), "options": dict(self.options), "shaping": list(self.shaping)}


@dataclass(frozen=True, slots=True, kw_only=True)
class TrainConfig(RunConfig):
    """One training run of a tabular policy.

    Attributes:
        learning_rate: step size of plain gradient ascent.
        average: a row's gradient is divided by the number of included `episodes` of its group, or by the number of
            `rows` of its group. Groups are added up, not averaged: tables of different tasks share no entries, so a
            rate means the same for any number of groups.
        key: what the policy tells situations apart by.
        collector: `graph` walks memoised transitions, `steps` steps the environment; equal results where transitions
            are deterministic.
        replay: sampler that lets stored episodes of a task join its groups; None for none. Chains only.

    Raises:
        MissingColumn (of `resolved`): for a method that reads what no tabular rollout can fill.
    """

    learning_rate: float = 4.0
    average: Average = "episodes"
    key: Key = "anchor"
    collector: Collector = "graph"
    replay: str | None = None

    def __post_init__(self) -> None:
        RunConfig.__post_init__(self)
        check_choices(self, average=get_args(Average), collector=get_args(Collector), key=KEYS)
        if self.replay is not None:
            check_choices(self, replay=REPLAYS)

    def resolved(self) -> Self:
        """As `RunConfig.resolved`; what cannot be filled or replayed is refused."""
        filled = super(TrainConfig, self).resolved()
        if filled.replay and (filled.shape == "tree" or filled.continuations):
            raise InvalidValue(
                f"replay={filled.replay!r}: stored episodes can be neither branched from nor continued; "
                "use shape='chains' and continuations=0"
            )
        check_columns(filled.needs(), filled.continuations or 0)
        return filled


def wanted_columns(config: RunConfig) -> dict[str, str]:
    """Return the columns that a rollout must fill, and who asks: the methods, or the branches of trees."""
    branches = dict.fromkeys(("parent", "branch_t", "tree") if config.shape == "tree" else (), "tree")
    return {**branches, **config.needs()}


def training_split(env: str, dataset: str, split: str | None) -> str:
    """Return the split to train on.

    Raises:
        UnknownName: for a data set or split that does not exist.
        SplitRefused: for one that is not for training.
    """
    card = card_of(env)
    section = card.dataset(dataset)
    if split is not None and split not in section.splits:
        raise UnknownName("split", split, section.splits, f"({card.env.family}/{dataset})")
    if not section.train_split:
        others = [name for name, other in card.datasets.items() if other.train_split]
        raise SplitRefused(
            f"{card.env.family}/{dataset} has no split to train on; "
            + (f"use --dataset {others[0]}" if others else "no data set of this family has one")
        )
    if split not in (None, section.train_split):
        raise SplitRefused(f"the split {split!r} is for evaluation; train on --split {section.train_split}")
    return section.train_split


def check_choices(config: object, **known: Iterable[str]) -> None:
    """Raise `UnknownName` for an attribute of `config` that is none of those known for it."""
    for name, choices in known.items():
        if getattr(config, name) not in choices:
            raise UnknownName(name, getattr(config, name), choices)


def check_count(name: str, value: object, least: int = 1) -> None:
    """Raise `InvalidValue` unless `value` is a whole number >= `least`."""
    if type(value) is not int or value < least:
        raise InvalidValue(f"{name}={value!r}: expected a whole number >= {least}")


def check_rate(value: object) -> None:
    """Raise `InvalidValue` unless `value` is a learning rate."""
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0.0 < value < float("inf"):
        raise InvalidValue(f"learning_rate={value!r}: expected a number above 0")
