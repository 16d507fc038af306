"""Other ways to write a command: what Inform's parser takes as the same."""

from __future__ import annotations

_ALONE = {
    "l": "look", "i": "inventory", "inv": "inventory", "n": "go north", "s": "go south", "e": "go east", "w": "go west",
    "north": "go north", "south": "go south", "east": "go east", "west": "go west",
}  # fmt: skip
_VERBS = {"x": "examine", "get": "take", "walk": "go", "shut": "close"}
_ARTICLES = ("the", "a", "an")


def canonical(command: str) -> str:
    """Return a command in the words of the admissible ones: lower case, one space, no articles, no abbreviations."""
    words = [word for word in command.lower().split(" ") if word and word not in _ARTICLES]
    if words[:2] == ["pick", "up"]:
        words[:2] = ["take"]
    if words:
        words[0] = _VERBS.get(words[0], words[0])
    told = " ".join(words)
    return _ALONE.get(told, told)
