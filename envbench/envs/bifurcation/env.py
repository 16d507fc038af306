"""`envbench/Bifurcation-v0`: the interface over the rules in `engine.py`."""

from __future__ import annotations

from typing import Any, ClassVar

from envbench.env import Env, Outcome, Transition
from envbench.envs.bifurcation.engine import COLOURS, FORK, KEY, START, Walk
from envbench.envs.bifurcation.tasks import Site
from envbench.hashing import JsonValue
from envbench.seeding import weighted
from envbench.types.task import Task

_BARE = "A bare stretch of wall."


class Bifurcation(Env[str]):
    """Actions `open the <colour> door`, `follow path <numbers>`, and with `history` `take the <colour> key`.

    Reward 1 at the end of a walk without mistakes, or in equal parts at each right door (knob `reward`).
    `info["decisive"]` says whether the next action decides a reward.
    """

    family: ClassVar[str] = "bifurcation"

    def _reset(self, task: Task) -> str:
        self._enter(task.payload)
        self._walk = START
        return self._text()

    def _enter(self, site: Site) -> None:
        self._site, self._dull = site, site.dull(int(self.knobs["aliasing"]))

    def _step(self, action: str) -> Transition[str] | None:
        corridor, before = self._site.corridor, self._walk
        actions = corridor.actions(before)
        if action not in actions:
            return None
        ends = corridor.turns_out(before, actions.index(action))
        number = weighted(self.noise, [probability for probability, _ in ends]) if len(ends) > 1 else 0
        after = self._walk = corridor.after(before, ends[number][1])
        over, flawless = corridor.over(after), not corridor.mistakes(after)
        return Transition(
            self._text(), corridor.reward(before, after), over, corridor.score(after), success=over and flawless
        )

    def _state(self) -> JsonValue:
        return tuple(self._walk)

    def _load_state(self, state: Any) -> None:
        self._enter(self.task.payload)
        place, key, doors, paths = state
        self._walk = Walk(place, key, tuple(doors), tuple(paths))

    def _valid_actions(self) -> tuple[str, ...]:
        return self._site.corridor.actions(self._walk)

    def _instruction(self) -> str:
        rules = self._site.corridor.rules
        keyed = " Which door is right depends on the key that you took." if rules.history else ""
        return f"Walk through the {self._site.name}. At each fork one door is right.{keyed} Paths all lead on."

    def _info(self) -> dict[str, Any]:
        return {"decisive": self._site.corridor.decisive(self._walk)}

    def _stochastic(self) -> bool:
        return int(self.knobs["chance"]) > 0

    def _forks(self, action: str) -> int | None:
        corridor, walk = self._site.corridor, self._walk
        slips = self._has_noise and action in corridor.actions(walk) and corridor.places[walk.place] == FORK
        return None if slips else 1

    def _outcomes(self, action: str) -> tuple[Outcome, ...]:
        corridor, before = self._site.corridor, self._walk
        found = []
        for probability, choice in corridor.turns_out(before, corridor.actions(before).index(action)):
            after = corridor.after(before, choice)
            found.append(Outcome(probability, tuple(after), corridor.reward(before, after), corridor.over(after)))
        return tuple(found)

    def oracle(self) -> str | None:
        """Return the right door, or the first of ways and keys that are all as good."""
        corridor, walk = self._site.corridor, self._walk
        if corridor.over(walk):
            return None
        fork = corridor.places[walk.place] == FORK
        return corridor.actions(walk)[corridor.right(walk, len(walk.doors)) if fork else 0]

    def _text(self) -> str:
        """Return what is seen: the place, the doors behind and the paths, unless the place is dull; never the key."""
        site, walk = self._site, self._walk
        places = site.corridor.places
        if site.corridor.over(walk):
            return f"{site.name}: the way out."
        kind = places[walk.place]
        offer = {KEY: "Keys hang on the wall.", FORK: "Doors, all closed."}.get(kind, "Paths lead on.")
        if self._dull[walk.place]:
            return f"{_BARE} {offer}"
        doors = ", ".join(COLOURS[door] for door in walk.doors) or "none"
        paths = "-".join(str(way + 1) for way in walk.paths) or "none"
        return f"{site.name}, place {walk.place + 1} of {len(places)}. Doors so far: {doors}. Path: {paths}. {offer}"
