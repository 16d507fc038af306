"""The original programs: speeds recorded of them, each with where it comes from, and those that can be run."""

from __future__ import annotations

from importlib.util import find_spec
from typing import NamedTuple


class Original(NamedTuple):
    """One recorded figure.

    Attributes:
        name: the program.
        steps_per_second: of one process.
        what: under which conditions.
        source: version and machine.
    """

    name: str
    steps_per_second: float
    what: str
    source: str


class Runnable(NamedTuple):
    """An original that runs here where a package is installed.

    Attributes:
        package: as it is imported.
        name: of the program.
        entry_point: class with `load(payload of a task)`, `reset()` and `step(action)`.
    """

    package: str
    name: str
    entry_point: str

    @property
    def here(self) -> bool:
        return find_spec(self.package) is not None


RUNNABLE = {"alfworld": Runnable("alfworld", "ALFWorld", "envbench.envs.alfworld.original:Original")}

_HERE = "recorded: measured for this project by running it, Python 3.11, two shared cores, other work running (+-30 %)"

# family -> figures, the one that compares like with like first.
ORIGINALS: dict[str, tuple[Original, ...]] = {
    "webshop": (
        Original("WebShop", 60.0, "with the action list each step", f"princeton-nlp/WebShop at 64fa2a5; {_HERE}"),
        Original("WebShop", 78.0, "bare", f"princeton-nlp/WebShop at 64fa2a5; {_HERE}"),
    ),
    "alfworld": (
        Original("ALFWorld", 13.0, "in kitchens, with the commands each step", f"alfworld 0.4.2; {_HERE}"),
        Original("ALFWorld", 27.0, "elsewhere, with the commands each step", f"alfworld 0.4.2; {_HERE}"),
    ),
    "textworld": (
        Original("TextWorld", 364.0, "full information, small games", f"textworld 1.7.0; {_HERE}"),
        Original("TextWorld", 171.0, "full information, large games", f"textworld 1.7.0; {_HERE}"),
    ),
    "sokoban": (
        Original("gym_sokoban", 16_700.0, "tiny pixels", f"gym_sokoban 0.0.6; {_HERE}"),
        Original("gym_sokoban", 680.0, "160-pixel frames", f"gym_sokoban 0.0.6; {_HERE}"),
    ),
}
