"""The rules of the twin: admissible commands, what they do, quests; pure, without randomness.

Grammar, effects, scores and ends are those of the package `textworld` 1.7.0 (its logic files for coin collector and
treasure hunter, and the variant for cooking), so the twin can play the package's worlds command by command.
"""

from __future__ import annotations

from typing import Any, NamedTuple

from envbench.envs.textworld import text
from envbench.envs.textworld.world import (
    BURNED,
    CARRIED,
    CLOSED,
    CONSUMED,
    CUTS,
    FIXED,
    LIQUID,
    LOCKED,
    NEEDS_COOKING,
    NOWHERE,
    OPEN,
    RAW,
    UNCUT,
    Event,
    World,
)


class Reply(NamedTuple):
    """What a command did: the text, the points that it earned, and whether the game is over."""

    text: str
    points: int
    over: bool


class Game:
    """One play of a world.

    Attributes:
        room: where the player is.
        places: the place of each item.
        status: `open`, `closed` or `locked` of each door, then of each piece of furniture ("" for supporters).
        food: how each item is cooked and cut, None for what is no food.
        done: 1 for each quest that is completed.
        lost: a quest has failed.
    """

    __slots__ = ("_commands", "_here", "_open_quests", "done", "food", "lost", "places", "room", "status", "world")

    def __init__(self, world: World) -> None:
        self.world = world
        self._here = _furniture_by_room(world)
        self.load(
            [
                world.start,
                [item.place for item in world.items],
                [door.status for door in world.doors] + [piece.status for piece in world.furniture],
                [item.food for item in world.items],
                [0] * len(world.quests),
            ]
        )

    def state(self) -> tuple[Any, ...]:
        """Return room, places, status, food and completed quests: all that decides the future."""
        return self.room, tuple(self.places), tuple(self.status), tuple(self.food), tuple(self.done)

    def load(self, state: Any) -> None:
        """Take over what `state` returned, as tuples or lists."""
        self.room, places, status, food, done = state
        self.places: list[int] = list(places)
        self.status: list[str] = list(status)
        self.done: list[int] = list(done)
        self.food: list[tuple[str, str] | None] = [None if pair is None else (pair[0], pair[1]) for pair in food]
        self.lost = any(
            self.holds(event)
            for quest, finished in zip(self.world.quests, done, strict=True)
            if not finished
            for event in quest.fails
        )
        self._commands: dict[str, tuple[Any, ...]] | None = None

    @property
    def won(self) -> bool:
        """Every quest that can be completed is."""
        return all(finished or not quest.wins for quest, finished in zip(self.world.quests, self.done, strict=True))

    def holds(self, event: Event) -> bool:
        """Tell whether an event has come true."""
        what, item = event
        if what == "carried":
            return self.places[item] == CARRIED
        food = self.food[item]
        return food is not None and what in food

    def commands(self) -> dict[str, tuple[Any, ...]]:
        """Return the admissible commands in alphabetical order, each with the effect that `step` carries out."""
        if self._commands is None:
            found: dict[str, tuple[Any, ...]] = {"inventory": ("inventory",), "look": ("look",)}
            self._offer_ways(found)
            self._offer_furniture(found)
            self._offer_items(found)
            if self.world.kitchen >= 0:
                self._offer_cooking(found)
            self._commands = dict(sorted(found.items()))
        return self._commands

    def _offer_ways(self, found: dict[str, tuple[Any, ...]]) -> None:
        world = self.world
        for direction, to, door in world.exits[self.room]:
            if door < 0 or self.status[door] == OPEN:
                found[f"go {direction}"] = ("go", to)
            if door >= 0:
                name, key, _ = world.doors[door]
                self._offer_opening(found, name, door, key)
                if world.kitchen < 0:
                    found[f"examine {name}"] = ("examine door", door)

    def _offer_opening(self, found: dict[str, tuple[Any, ...]], name: str, index: int, key: int) -> None:
        status = self.status[index]
        if status == OPEN:
            found[f"close {name}"] = ("set", index, "close", CLOSED)
            return
        if status == CLOSED:
            found[f"open {name}"] = ("set", index, "open", OPEN)
        if key >= 0 and self.places[key] == CARRIED:
            verb, after = ("lock", LOCKED) if status == CLOSED else ("unlock", CLOSED)
            found[f"{verb} {name} with {self.world.items[key].name}"] = ("set", index, verb, after)

    def _offer_furniture(self, found: dict[str, tuple[Any, ...]]) -> None:
        world, doors = self.world, len(self.world.doors)
        for index in self._here[self.room]:
            piece = world.furniture[index]
            found[f"examine {piece.name}"] = ("examine furniture", index)
            if piece.status not in ("", FIXED):
                self._offer_opening(found, piece.name, doors + index, piece.key)

    def _offer_items(self, found: dict[str, tuple[Any, ...]]) -> None:
        world, first = self.world, len(self.world.rooms)
        within = {first + index: world.furniture[index].name for index in self._here[self.room] if self._is_open(index)}
        for item, place in enumerate(self.places):
            name = world.items[item].name
            if place == CARRIED:
                found[f"drop {name}"] = ("move", item, self.room)
                for into, holder in within.items():
                    verb = f"insert {name} into" if world.furniture[into - first].status else f"put {name} on"
                    found[f"{verb} {holder}"] = ("move", item, into)
                if world.kitchen < 0:
                    found[f"examine {name}"] = ("examine item", item)
                food = self.food[item]
                if food is not None and food[0] not in (NEEDS_COOKING, BURNED):
                    verb = "drink" if food[0] == LIQUID else "eat"
                    found[f"{verb} {name}"] = ("consume", item, verb)
            elif place == self.room:
                found[f"take {name}"] = ("move", item, CARRIED)
                found[f"examine {name}"] = ("examine item", item)
            elif place in within:
                found[f"take {name} from {within[place]}"] = ("move", item, CARRIED)
                found[f"examine {name}"] = ("examine item", item)

    def _offer_cooking(self, found: dict[str, tuple[Any, ...]]) -> None:
        world = self.world
        carried = [item for item, place in enumerate(self.places) if place == CARRIED]
        heats = [(world.furniture[i].name, world.furniture[i].heat) for i in self._here[self.room]]
        knives = [world.items[item].name for item in carried if world.items[item].sharp]
        for item in carried:
            food, name = self.food[item], world.items[item].name
            if food is None:
                continue
            if food[0] not in (BURNED, LIQUID):
                for source, heat in heats:
                    if heat:
                        found[f"cook {name} with {source}"] = ("cook", item, heat)
            if food[1] == UNCUT:
                for knife in knives:
                    for verb, cut in CUTS.items():
                        found[f"{verb} {name} with {knife}"] = ("cut", item, verb, cut)
        # As in the package: the first ingredient brings the command, and all of them its success.
        if self.room == world.kitchen and world.recipe[0].item in carried and self.food[world.meal] == ("", ""):
            found["prepare meal"] = ("prepare",)

    def _is_open(self, furniture: int) -> bool:
        return self.status[len(self.world.doors) + furniture] in (OPEN, "")

    def contents(self, furniture: int) -> list[str]:
        """Return what lies on or in a piece of furniture, as it is shown."""
        return self.shown_at(self.world.at(furniture))

    def shown_at(self, place: int) -> list[str]:
        """Return the items at a place, as they are shown, in the order of `World.items`."""
        if place not in self.places:
            return []
        items = self.world.items
        return [text.shown(items[i].name, self.food[i]) for i, at in enumerate(self.places) if at == place]

    def look(self) -> str:
        """Return the description of the room."""
        world, status, doors = self.world, self.status, len(self.world.doors)
        pieces = [
            text.piece(world.furniture[i].name, status[doors + i], self.contents(i) if self._is_open(i) else [])
            for i in self._here[self.room]
        ]
        ways = [
            text.way(direction, world.doors[door].name if door >= 0 else "", status[door] if door >= 0 else "")
            for direction, _, door in world.exits[self.room]
        ]
        return text.room(world.rooms[self.room], pieces, ways, self.shown_at(self.room))

    def step(self, command: str) -> Reply | None:
        """Carry out an admissible command; None for any other, and then nothing has changed."""
        effect = self.commands().get(command)
        if effect is None:
            return None
        kind = effect[0]
        if kind == "inventory":
            return Reply(text.inventory(self.shown_at(CARRIED)), 0, False)
        if kind == "look":
            return Reply(self.look(), 0, False)
        if kind.startswith("examine"):
            return Reply(self._examine(kind, effect[1]), 0, False)
        self._commands = None
        if kind == "go":
            self.room = effect[1]
            return Reply(self.look(), 0, False)
        if kind == "set":
            return Reply(self._set(*effect[1:]), 0, False)
        told = getattr(self, "_" + kind)(*effect[1:])
        points = self._update_quests()
        won = self.won
        return Reply(text.after(told, points, won, self.lost), points, won or self.lost)

    def _examine(self, kind: str, index: int) -> str:
        world = self.world
        if kind == "examine door":
            return text.about_door(world.doors[index].name, self.status[index])
        if kind == "examine furniture":
            status = self.status[len(world.doors) + index]
            return text.about_furniture(world.furniture[index].name, status, self.contents(index))
        item = world.items[index]
        return item.text or text.about_item(text.shown(item.name, self.food[index]))

    def _set(self, index: int, verb: str, after: str) -> str:
        world, doors = self.world, len(self.world.doors)
        self.status[index] = after
        if index < doors:
            return f"You {verb} {world.doors[index].name}."
        within = self.contents(index - doors) if verb == "open" else []
        return text.set_status(verb, world.furniture[index - doors].name, within)

    def _move(self, item: int, to: int) -> str:
        world, before = self.world, self.places[item]
        self.places[item] = to
        holder = to if to != CARRIED else before
        piece = world.furniture[holder - len(world.rooms)] if holder >= len(world.rooms) else None
        return text.moved(
            world.items[item].name, to == CARRIED, piece.name if piece else "", bool(piece and piece.status)
        )

    def _consume(self, item: int, verb: str) -> str:
        self.places[item] = NOWHERE
        self.food[item] = (CONSUMED, "")
        return f"You {verb} the {self.world.items[item].name}. Not bad."

    def _cook(self, item: int, heat: str) -> str:
        before, cut = self.food[item] or (RAW, UNCUT)
        after = heat if before in (RAW, NEEDS_COOKING) else BURNED
        self.food[item] = (after, cut)
        return f"You {after} the {self.world.items[item].name}" + ("!" if after == BURNED else ".")

    def _cut(self, item: int, verb: str, cut: str) -> str:
        cooked, _ = self.food[item] or (RAW, UNCUT)
        self.food[item] = (cooked, cut)
        return f"You {verb} the {self.world.items[item].name}."

    def _prepare(self) -> str:
        for item, cooked, cut in self.world.recipe:
            is_cooked, is_cut = self.food[item] or (RAW, UNCUT)
            if self.places[item] != CARRIED:
                return text.unready("here")
            if cooked != (RAW if is_cooked == NEEDS_COOKING else is_cooked):
                return text.unready("cooked")
            if cut != (is_cut or UNCUT):
                return text.unready("cut")
        for item, _, _ in self.world.recipe:
            self.places[item] = NOWHERE
        self.places[self.world.meal] = CARRIED
        self.food[self.world.meal] = (RAW, "")
        return "Adding the meal to your inventory."

    def _update_quests(self) -> int:
        """Complete and fail quests by what is true now; return the points."""
        points = 0
        for index, quest in enumerate(self.world.quests):
            if not self.done[index]:
                if any(self.holds(event) for event in quest.wins):
                    self.done[index] = 1
                    points += 1
                if any(self.holds(event) for event in quest.fails):
                    self.lost = True
        return points


def _furniture_by_room(world: World) -> tuple[tuple[int, ...], ...]:
    """Return the indices of the furniture in each room."""
    return tuple(
        tuple(index for index, piece in enumerate(world.furniture) if piece.room == room)
        for room in range(len(world.rooms))
    )
