"""The sentences of the twin.

Short answers to commands ("You open the fridge.") are the interface of the package's games and the same here;
descriptions of rooms and things are our own.
"""

from __future__ import annotations

from collections.abc import Sequence

SCORE_LINES = {1: "Your score has just gone up by one point.", 2: "Your score has just gone up by two points."}
WON, LOST = "*** The End ***", "*** You lost! ***"


def an(name: str) -> str:
    """Return a name with its indefinite article."""
    return f"an {name}" if name[0] in "aeiou" else f"a {name}"


def listing(names: Sequence[str]) -> str:
    """Return "a lamp, an apple and a coin"."""
    told = [an(name) for name in names]
    return told[0] if len(told) == 1 else ", ".join(told[:-1]) + " and " + told[-1]


def shown(name: str, food: tuple[str, str] | None) -> str:
    """Return the name of an item with how it is cut and cooked."""
    if food is None:
        return name
    cooked, cut = food
    words = [
        cut if cut not in ("", "uncut") else "",
        {"needs cooking": "raw", "raw": "", "liquid": ""}.get(cooked, cooked),
        name,
    ]
    return " ".join(word for word in words if word)


def room(name: str, pieces: Sequence[str], ways: Sequence[str], floor: Sequence[str]) -> str:
    """Return the description of a room: its name, furniture, exits, and what lies on the floor."""
    parts = [f"-= {name.title()} =-\nYou are in the {name}."]
    if pieces:
        parts.append(" ".join(pieces))
    parts.append(" ".join(ways))
    if floor:
        parts.append(f"There is {listing(floor)} on the floor.")
    return "\n\n".join(parts)


def piece(name: str, status: str, contents: Sequence[str]) -> str:
    """Return a sentence on a piece of furniture; what is in a closed container is not told."""
    if status == "fixed":
        return f"{an(name).capitalize()} is here."
    if status in ("closed", "locked"):
        return f"A {status} {name} is here."
    where = "inside it" if status else "on it"
    told = f"{listing(contents)} {where}" if contents else f"nothing {where}"
    return f"{an('open ' + name).capitalize() if status else an(name).capitalize()} is here, with {told}."


def way(direction: str, door: str, status: str) -> str:
    """Return a sentence on a way out."""
    return (
        f"Behind {an(f'{status} {door}')} the way goes {direction}."
        if door
        else f"There is an exit to the {direction}."
    )


def inventory(carried: Sequence[str]) -> str:
    return f"You are carrying: {listing(carried)}." if carried else "You are carrying nothing."


def about_door(name: str, status: str) -> str:
    return f"A door called {name}. It is {status}."


def about_item(name: str) -> str:
    return f"Nothing more to learn about the {name}."


def about_furniture(name: str, status: str, contents: Sequence[str]) -> str:
    if not status:
        return f"A plain {name}. " + (f"On the {name} is {listing(contents)}." if contents else "It is bare.")
    if status == "fixed":
        return f"A plain {name}, made for cooking."
    if status != "open":
        return f"A plain {name}. It is {status}."
    return f"A plain {name}. It is open. " + (f"In the {name} is {listing(contents)}." if contents else "It is empty.")


def set_status(verb: str, name: str, within: Sequence[str]) -> str:
    """Return the answer to opening, closing, locking and unlocking."""
    return f"You {verb} the {name}" + (f", revealing {listing(within)}." if within else ".")


def moved(name: str, taken: bool, holder: str, container: bool) -> str:
    """Return the answer to taking and leaving a thing."""
    if taken:
        return f"You take the {name} from the {holder}." if holder else f"You pick up the {name} from the ground."
    if not holder:
        return f"You drop the {name} on the ground."
    return f"You put the {name} {'into' if container else 'on'} the {holder}."


def unready(lack: str) -> str:
    """Return why the meal cannot be prepared: something must be `here`, `cooked` or `cut`."""
    return f"Not yet: something in the recipe must still be {lack}."


def after(told: str, points: int, won: bool, lost: bool) -> str:
    """Return an answer with what it did to the score and the game."""
    parts = [told]
    if points:
        parts.append(SCORE_LINES.get(points, f"Your score has just gone up by {points} points."))
    if won or lost:
        parts.append(WON if won else LOST)
    return "\n\n".join(parts)
