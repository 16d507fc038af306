"""The state as plain data and as canonical bytes: what differs from the start of the game, entry by entry.

    {"agent": place, "holds": object or None,
     "objects": {name: [places, flags]}, "receptacles": {name: [opened, content, taken out]}}

Only entries that differ from the start are there, so equal states have equal data. The anchor leaves out what was
taken out, and with it the entries that differ in nothing else. Entries are encoded when they change, those of objects
once for both; the bytes are those of `hashing.encode`.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from envbench.envs.alfworld.world import FLAGS
from envbench.hashing import JsonValue, encode

if TYPE_CHECKING:
    from envbench.envs.alfworld.engine import State


class Keys:
    """Encoded entries of a session, kept up to date by its engine, which names what it changed."""

    __slots__ = ("_anchor", "_objects", "_receptacles")

    def __init__(self) -> None:
        self._objects: dict[str, bytes] = {}
        self._receptacles: dict[str, bytes] = {}
        self._anchor: dict[str, bytes] = {}  # receptacles without what was taken out

    def object(self, state: State, number: int) -> None:
        """Take in a change of an object."""
        _put(self._objects, state.world.objects[number], _object(state, number))

    def receptacle(self, state: State, number: int) -> None:
        """Take in a change of a receptacle."""
        name = state.world.receptacles[number]
        full, anchor = _receptacle(state, number)
        _put(self._receptacles, name, full)
        _put(self._anchor, name, anchor)

    def encoded(self, state: State) -> tuple[bytes, bytes]:
        """Return the canonical bytes of the state and of the anchor."""
        held = b"null" if state.held < 0 else encode(state.world.objects[state.held])
        place = encode(state.world.places[state.agent])
        head = b'{"agent":%b,"holds":%b,"objects":{%b},"receptacles":{' % (place, held, _joined(self._objects))
        return head + _joined(self._receptacles) + b"}}", head + _joined(self._anchor) + b"}}"


def _put(entries: dict[str, bytes], name: str, entry: JsonValue) -> None:
    if entry is None:
        entries.pop(name, None)
    else:
        entries[name] = encode(name) + b":" + encode(entry)


def _joined(entries: dict[str, bytes]) -> bytes:
    return b",".join([entries[name] for name in sorted(entries)])


def _object(state: State, number: int) -> JsonValue:
    """Return the entry of an object, None where it does not differ from the start."""
    world, start = state.world, state.world.start
    places, flags = state.places[number], state.flags[number]
    if places == start.places[number] and flags == start.flags[number]:
        return None
    entry: list[JsonValue] = [[world.places[place] for place in places]]
    entry.append([name for bit, name in enumerate(FLAGS) if flags >> bit & 1])
    return entry


def _receptacle(state: State, number: int) -> tuple[JsonValue, JsonValue]:
    """Return the entry of a receptacle in the state and in the anchor, None where it does not differ."""
    world, start = state.world, state.world.start
    opened, inside, taken = state.opened[number], state.inside[number], state.taken.get(number, ())
    changed = opened != start.opened[number] or inside != start.inside[number]
    if not changed and not taken:
        return None, None
    content: list[JsonValue] = [world.objects[object] for object in inside]
    full: JsonValue = [opened, content, [world.objects[object] for object in taken]]
    return full, [opened, content] if changed else None


def state_data(state: State, anchor: bool = False) -> dict[str, JsonValue]:
    """Return the state, or its anchor, as plain data."""
    world = state.world
    objects = {name: _object(state, number) for number, name in enumerate(world.objects)}
    receptacles = {name: _receptacle(state, number)[anchor] for number, name in enumerate(world.receptacles)}
    return {
        "agent": world.places[state.agent],
        "holds": None if state.held < 0 else world.objects[state.held],
        "objects": {name: entry for name, entry in objects.items() if entry is not None},
        "receptacles": {name: entry for name, entry in receptacles.items() if entry is not None},
    }


def load_data(state: State, data: Mapping[str, Any]) -> None:
    """Take over what `state_data` returned; the session is at its start."""
    world = state.world
    object_of = world.object_of
    state.agent = world.place_of_name[data["agent"]]
    state.held = -1 if data["holds"] is None else object_of[data["holds"]]
    for name, (places, flags) in data["objects"].items():
        number = object_of[name]
        state.places[number] = tuple(world.place_of_name[place] for place in places)
        state.flags[number] = sum(1 << FLAGS.index(flag) for flag in flags)
        state.keys.object(state, number)
    for name, (opened, content, taken) in data["receptacles"].items():
        number = world.receptacle_of[name]
        state.opened[number] = opened
        state.inside[number] = tuple(object_of[object] for object in content)
        if taken:
            state.taken[number] = tuple(object_of[object] for object in taken)
        state.keys.receptacle(state, number)
