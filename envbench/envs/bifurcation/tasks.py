"""The tasks: a name, and which doors are right."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, fields

from envbench.cards import KnobValue
from envbench.envs.bifurcation.engine import Corridor, Rules
from envbench.hashing import JsonValue
from envbench.seeding import below, derive_seed, generator
from envbench.types.task import TaskSet, TaskSpec

SIZES = {"train": 128, "val": 32, "test": 64}
_ROOT = 20260202
_MANNERS = (
    "Amber", "Bleak", "Cold", "Dim", "Empty", "Faded", "Grand", "Hollow", "Idle", "Jagged", "Kindly", "Long", "Murky",
    "Narrow", "Old", "Pale",
)  # fmt: skip
_HOUSES = (
    "Abbey", "Barn", "Castle", "Dairy", "Estate", "Farm", "Granary", "Hall", "Inn", "Jail", "Keep", "Lodge", "Mill",
    "Norman Tower",
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Site:
    """A corridor with a name.

    Attributes:
        number: of the corridor among all. name: of the house that it is in. corridor: its rules.
    """

    number: int
    name: str
    corridor: Corridor

    def dull(self, aliasing: int) -> tuple[bool, ...]:
        """Return, for each place, whether it is shown by the text that all dull places share.

        Each place draws once, so that what is dull at 20 % stays so at 60 %.
        """
        bits = generator(derive_seed(_ROOT, "dull", self.number))
        return tuple(below(bits, 100) < aliasing for _ in self.corridor.places)


def load(dataset: str, split: str, knobs: Mapping[str, KnobValue]) -> TaskSet:
    """Return the tasks of `builtin`: `payload` is a `Site`, `cluster` its name."""
    rules = Rules(**{one.name: knobs[one.name] for one in fields(Rules)})  # type: ignore[arg-type]  # the card types them
    names = [f"{manner} {house}" for manner in _MANNERS for house in _HOUSES]
    first = sum(size for name, size in SIZES.items() if list(SIZES).index(name) < list(SIZES).index(split))
    return TaskSet([_spec(number, names[number], rules) for number in range(first, first + SIZES[split])])


def _spec(number: int, name: str, rules: Rules) -> TaskSpec:
    bits = generator(derive_seed(_ROOT, "secret", number))
    secret = tuple(below(bits, rules.doors) for _ in range(rules.decisions))
    content: JsonValue = {"name": name, "right": list(secret)}
    return TaskSpec(content, str(number), name, Site(number, name, Corridor(rules, secret)))
