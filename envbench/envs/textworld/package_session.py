"""A game of the package as a session: native in its own process, replayed in another.

What is not in the package's list of admissible commands is not sent: the interpreter also knows `quit`, `undo` and
debugging commands. The list, the facts and the texts are the package's.
"""

from __future__ import annotations

from collections import OrderedDict
from contextlib import suppress
from hashlib import blake2b
from pathlib import Path
from typing import Any

from envbench.envs.textworld import package
from envbench.envs.textworld.engine import Reply
from envbench.envs.textworld.grammar import canonical
from envbench.errors import SnapshotMismatch
from envbench.hashing import JsonValue

_KEPT, _PARKED = 64, 8
_parked: OrderedDict[Path, Any] = OrderedDict()
"""Interpreters with a story loaded that no session uses."""

_natives: OrderedDict[tuple[str, tuple[str, ...]], tuple[Any, ...]] = OrderedDict()
"""The last snapshots of this process, by story and commands: what `load_memory` finds here it need not replay."""


class PackageSession:
    """One play of a story file.

    Args:
        path: the story; its JSON file lies beside it.
        former: a session that is over; its interpreter waits for the next session with its story.

    Raises:
        MissingExtra, InvalidValue: as `package.require`.
        DataCorrupt: the files do not load.
    """

    def __init__(self, path: Path, former: PackageSession | None = None) -> None:
        self.path = path
        if former is not None:
            former.close()
        parked = _parked.pop(path, None)
        self._running = parked is not None
        self.env: Any = package.start(path) if parked is None else parked
        self._tracker = self.env._wrapped_env
        self._game = self._tracker._game
        self.max_points = int(self._game.max_score)
        self.objective = str(self._game.objective).strip()

    def begin(self) -> str:
        self._state = self.env.reset()
        self._history: list[str] = []
        self._actions: list[Any] = []
        self._policy: tuple[Any, int] | None = None
        self._done = [0] * len(self._game.quests)
        self._points = 0
        self._won = False
        self._take_in()
        return package.clean(self._state.feedback, self.objective)

    def _take_in(self) -> None:
        """Read facts, commands and objects of the state reached."""
        self._offered = tuple(self._state["admissible_commands"])
        self._known = frozenset(self._offered)
        self._facts = "; ".join(sorted([_fact(proposition) for proposition in self._state["_facts"]]))
        self._objects = _objects(self.env.unwrapped._jericho)

    def step(self, command: str) -> Reply | None:
        if command not in self._known:
            told = canonical(command)
            command = next((offered for offered in self._offered if offered.lower() == told), "")
            if not command:
                return None
        self._tracker._last_action = None
        self._state, score, over = self.env.step(command)
        self._history.append(command)
        if self._tracker._last_action is not None:
            self._actions.append(self._tracker._last_action)
        points = int(score or 0) - self._points
        self._points += points
        self._won = bool(self._state["won"])
        if points:
            self._complete_quests()
        self._take_in()
        return Reply(package.clean(self._state.feedback), points, bool(over))

    def _complete_quests(self) -> None:
        """Note which quests the facts of now complete; the package pays each once."""
        state = self._tracker._game_progression.state
        for index, quest in enumerate(self._game.quests):
            wins = (event.condition.preconditions for event in quest.win_events)
            if not self._done[index] and any(all(state.is_fact(fact) for fact in facts) for facts in wins):
                self._done[index] = 1

    def commands(self) -> tuple[str, ...]:
        return self._offered

    def points(self) -> int:
        return self._points

    def won(self) -> bool:
        return self._won

    def state(self) -> JsonValue:
        """Return facts, points, completed quests, and the digest of the object tree, which orders the listings."""
        return [*self.anchor(), self._objects]

    def anchor(self) -> list[JsonValue]:
        """Return facts, points and completed quests; no count of moves."""
        return [self._facts, self._points, list(self._done)]

    def load(self, state: Any) -> None:
        """Remember the state that `load_memory` must lead to."""
        self._expected = state

    def memory(self) -> JsonValue:
        """Return the commands so far; the state itself stays in this process, for a quick way back."""
        key = (str(self.path), tuple(self._history))
        progression = self._tracker._game_progression
        _natives[key] = (
            self.env.unwrapped._jericho.get_state(),
            progression.state.copy(),
            progression._valid_actions,
            self._state,
            list(self._actions),
            list(self._done),
            self._points,
            self._won,
        )
        _natives.move_to_end(key)
        while len(_natives) > _KEPT:
            _natives.popitem(last=False)
        return list(self._history)

    def load_memory(self, memory: Any) -> None:
        """Go to where the commands lead.

        Raises:
            SnapshotMismatch: they lead to another state than the snapshot's.
        """
        commands = [str(command) for command in memory]
        native = _natives.get((str(self.path), tuple(commands)))
        if native is not None and self._running:
            self._restore(native, commands)
        else:
            self.begin()
            for command in commands:
                self.step(command)
        if self.state() != self._expected:
            raise SnapshotMismatch(
                f"{self.path.name}: replaying {len(commands)} commands led to another state; "
                f"take the snapshot with textworld {package.VERSION} and the same game file"
            )

    def _restore(self, native: tuple[Any, ...], commands: list[str]) -> None:
        machine, state, valid, shown, actions, self._done, self._points, self._won = native
        self.env.unwrapped._jericho.set_state(machine)
        progression = self._tracker._game_progression
        progression.state, progression._valid_actions = state.copy(), valid
        layer = self.env
        while layer is not None:
            layer.state = shown
            layer = layer.__dict__.get("_wrapped_env")
        self._state, self._history, self._actions, self._done = shown, commands, list(actions), list(self._done)
        self._policy = None
        self._take_in()

    def oracle(self) -> str | None:
        """Return the first of the package's policy commands, else the walkthrough's next; None without either."""
        module = package.load()
        if self._policy is None:
            self._policy = (module.generator.game.GameProgression(self._game, track_quests=True), 0)
        progression, seen = self._policy
        for action in self._actions[seen:]:
            progression.update(action)
        self._policy = (progression, len(self._actions))
        policy = progression.winning_policy
        told = self._tracker._inform7.gen_commands_from_actions(policy) if policy else ()
        if told and told[0] in self._known:
            return str(told[0])
        walkthrough = list(self._game.metadata.get("walkthrough") or ())
        at = len(self._history)
        return str(walkthrough[at]) if walkthrough[:at] == self._history and at < len(walkthrough) else None

    def close(self) -> None:
        """Leave the interpreter to the next session with this story; loading takes much longer than restarting."""
        if self.env is not None:
            if self.path in _parked:
                self.env.close()
            else:
                _parked[self.path] = self.env
            self.env = None
            while len(_parked) > _PARKED:
                _parked.popitem(last=False)[1].close()


def _objects(machine: Any) -> str:
    """Return the digest of the interpreter's object tree: what is where, in which order, with which attributes."""
    ram = machine._get_ram()
    table = int(ram[10]) * 256 + int(ram[11]) + 126  # after the default properties
    with suppress(IndexError):
        end = int(ram[table + 12]) * 256 + int(ram[table + 13])  # the first object's properties follow the last object
        return blake2b(ram[table:end].tobytes(), digest_size=16).hexdigest()
    return ""


_texts: dict[Any, str] = {}


def _fact(proposition: Any) -> str:
    """Return a fact as `name(arguments)`."""
    told = _texts.get(proposition)
    if told is None:
        if len(_texts) > 100_000:
            _texts.clear()
        told = _texts[proposition] = f"{proposition.name}({', '.join(proposition.names)})"
    return told
