"""A study of credit against the truth, as its TOML file says it, checked before anything is played."""

from __future__ import annotations

import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Literal

import msgspec

from envbench import credit
from envbench.cards import KnobValue
from envbench.credit.registry import Method
from envbench.errors import EnvbenchError, InvalidValue
from envbench.registry import card_of, panel
from envbench.rollout.fill import PRODUCERS, REFUSED
from envbench.rollout.tree import BRANCHED
from envbench.seeding import derive_seed
from envbench.types import Panel

REFERENCES = ("random", "truth")

# Columns that only a learned model can fill: a study compares what needs none.
LEARNED = {
    "value_low", "value_high", "value_switch", "progress", "step_score", "probe_accuracy", "prior", "token_value",
    "last_value_low", "last_value_high",
}  # fmt: skip
CONTINUED = {"value", "success_rate"}  # filled here by Monte-Carlo continuations


class Setting(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """`[[settings]]`: one environment with its knobs.

    Attributes:
        name: of the setting in tables. env, dataset, knobs: as for `gymnasium.make`.
        tasks: the first N tasks of the training split.
        max_steps: horizon of the truth and limit of the episodes; the card's when left out.
        truth: `exact` by enumeration, or `monte-carlo` by continuing from a sample of rows.
        skills: share of the best reachable success that the policy has (`exact`), one cell for each.
        epsilons: rates of random actions beside the oracle's (`monte-carlo`), one cell for each.
        groups: of the pool; the study's when left out. group_sizes: as the study's.
        axes: place of the setting on curves, such as `{ aliasing = 40 }`.
    """

    name: str
    env: str
    dataset: str = "builtin"
    knobs: dict[str, KnobValue] = {}
    tasks: int = 8
    max_steps: int | None = None
    truth: Literal["exact", "monte-carlo"] = "exact"
    skills: tuple[float, ...] = ()
    epsilons: tuple[float, ...] = ()
    groups: int | None = None
    group_sizes: tuple[int, ...] = ()
    axes: dict[str, float] = {}

    def panel(self) -> Panel:
        """Return the tasks.

        Raises:
            InvalidValue: where the split has fewer.
        """
        split = card_of(self.env).dataset(self.dataset).train_split
        whole = panel(self.env, self.dataset, split, **self.knobs)
        if not 1 <= self.tasks <= len(whole):
            raise InvalidValue(f"setting {self.name!r}: tasks={self.tasks}: expected 1 to {len(whole)} ({whole.id})")
        return whole[: self.tasks]

    @property
    def horizon(self) -> int:
        """Steps of an episode."""
        steps = self.max_steps or card_of(self.env).env.max_steps
        if steps is None:
            raise InvalidValue(f"setting {self.name!r}: {self.env} has no limit of its own: give max_steps")
        return steps


class MethodEntry(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """`[[methods]]`: a credit method with options, and the name that tables show for it."""

    name: str
    label: str = ""
    options: dict[str, Any] = {}


class StudyConfig(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """One study file.

    Attributes:
        title: words for the reader of `run_id`. settings: where. methods: what is judged; every advantage method that
            needs no learned model when left out.
        skills: as in `Setting`, for settings that give none.
        group_sizes: sizes that are taken, nested, from the pool's groups; the largest is the pool's.
        branching_sizes: of these, the ones at which methods that play episodes of their own are judged.
        groups: groups of the pool.
        seeds: number of pools; intervals are over them.
        continuations: K, for methods that continue from every step.
        truth_rows: rows of a setting and skill whose Monte-Carlo truth is found, shared out among the pools.
        tolerance: greatest standard error of it, as a share of the reward range.
        seed: root of them all.
        discount: None holds credit against the finite-horizon truth; a number below 1 against the discounted one, which
            does not depend on the clock (exact settings only; the exact gradient stays that of the return).
    """

    settings: tuple[Setting, ...]
    methods: tuple[MethodEntry, ...] = ()
    title: str = ""
    skills: tuple[float, ...] = (0.1, 0.3, 0.55, 0.8)
    group_sizes: tuple[int, ...] = (2, 4, 8, 16, 32)
    branching_sizes: tuple[int, ...] = (4, 8)
    groups: int = 200
    seeds: int = 3
    continuations: int = 8
    truth_rows: int = 500
    tolerance: float = 0.05
    seed: int = 0
    discount: float | None = None

    def check(self) -> None:
        """Check what no type says.

        Raises:
            InvalidValue, UnknownName: for what cannot be run.
        """
        names = [setting.name for setting in self.settings]
        if not names or len(set(names)) < len(names):
            raise InvalidValue(f"settings {names}: expected at least one, each with a name of its own")
        for name in ("groups", "seeds", "continuations", "truth_rows"):
            if getattr(self, name) < 1:
                raise InvalidValue(f"{name}={getattr(self, name)}: expected a whole number above 0")
        if self.discount is not None and not 0.0 < self.discount < 1.0:
            raise InvalidValue(f"discount={self.discount}: expected a number between 0 and 1")
        for setting in self.settings:
            setting.panel()
            if self.discount is not None and setting.truth != "exact":
                raise InvalidValue(
                    f"setting {setting.name!r}: continuations end at the limit, so a truth without horizon needs "
                    "truth='exact'"
                )
            for skill in self.skills_of(setting):
                if not 0.0 < skill < 1.0:
                    raise InvalidValue(f"setting {setting.name!r}: {skill} is no skill between 0 and 1")
            if not self.sizes_of(setting) or min(self.sizes_of(setting)) < 2:
                raise InvalidValue(f"setting {setting.name!r}: group sizes are whole numbers from 2")
            if setting.truth == "monte-carlo" and not setting.epsilons:
                raise InvalidValue(
                    f"setting {setting.name!r}: a Monte-Carlo truth is of an oracle policy: give epsilons"
                )
        entries = self.entries()
        labels = [entry.label for entry in entries]
        if len(set(labels)) < len(labels) or set(labels) & set(REFERENCES):
            raise InvalidValue(f"methods {labels}: expected different labels, none of them {' or '.join(REFERENCES)}")
        for entry in entries:
            method = credit.method(entry.name)
            needs = needs_of(method, entry.options)
            if reason := left_out(needs):
                raise InvalidValue(f"method {entry.name!r} cannot be judged here: {reason}")

    def entries(self) -> tuple[MethodEntry, ...]:
        """Return what is judged, each with a label."""
        given = self.methods or tuple(
            MethodEntry(name=method.name)
            for method in credit.methods("advantage")
            if not left_out(needs_of(method, {}))
        )
        return tuple(MethodEntry(name=one.name, label=one.label or one.name, options=one.options) for one in given)

    def skills_of(self, setting: Setting) -> tuple[float, ...]:
        """Return the skills or epsilons at which the setting is played."""
        return setting.epsilons if setting.truth == "monte-carlo" else setting.skills or self.skills

    def sizes_of(self, setting: Setting) -> tuple[int, ...]:
        """Return the group sizes, ascending."""
        return tuple(sorted(setting.group_sizes or self.group_sizes))

    def pool_seeds(self) -> list[int]:
        """Return the seed of each pool."""
        return [derive_seed(self.seed, "pool", number) for number in range(self.seeds)]


def needs_of(method: Method, options: dict[str, Any]) -> tuple[str, ...]:
    """Return the columns that a method needs under these options."""
    needs: tuple[str, ...] = getattr(method.configure(options), "needs", method.needs)
    return needs


def left_out(needs: tuple[str, ...]) -> str:
    """Return why a method with these needs cannot be judged without a learned model, or ""."""
    for name in needs:
        if name in LEARNED:
            return f"its column {name!r} comes from a learned model"
        if name in REFUSED:
            return f"no tabular rollout fills its column {name!r}. {REFUSED[name]}"
        if name not in PRODUCERS and name not in CONTINUED and name not in _OF_ROLLOUTS:
            return f"no tabular rollout fills its column {name!r}."
    return ""


_OF_ROLLOUTS = {
    "state", "anchor", "observation", "next_anchor", "action", "valid", "parent", "branch_t", "tree",
}  # fmt: skip


def shape_of(name: str, needs: tuple[str, ...]) -> Literal["chains", "tree", "continued"]:
    """Return which episodes a method needs: the pool's, trees, or the pool's with continuations of every step."""
    if name in BRANCHED:
        return "tree"
    return "continued" if CONTINUED & set(needs) else "chains"


def read_study(path: Path) -> StudyConfig:
    """Read a study file.

    Raises:
        InvalidValue: for a file that cannot be read, a key that there is not, a missing one or a wrong value.
    """
    try:
        config = msgspec.convert(tomllib.loads(path.read_text("utf-8")), StudyConfig)
    except OSError as error:
        raise InvalidValue(f"{path} cannot be read ({error.strerror}); give a study such as {_EXAMPLE}") from None
    except (UnicodeDecodeError, tomllib.TOMLDecodeError, msgspec.ValidationError) as error:
        raise InvalidValue(f"{path}: {error}") from None
    try:
        config.check()
    except EnvbenchError as error:
        raise type(error)(f"{path}: {error}") if isinstance(error, InvalidValue) else error from None
    return config


_EXAMPLE = "leaderboards/credit-fidelity/study.toml"


def settings_and_seeds(config: StudyConfig) -> Iterator[tuple[Setting, float, int]]:
    """Yield (setting, skill or epsilon, seed of the pool) of every cell, in the order of the plan."""
    for setting in config.settings:
        for skill in config.skills_of(setting):
            for seed in config.pool_seeds():
                yield setting, skill, seed
