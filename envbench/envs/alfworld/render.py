"""The house as a person sees it: what happened, what is here, and what can be done, sorted for reading."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from envbench.types.page import Block, Choice, Choices, Page, Paragraph

_REMEMBERED = 3
_GO = "go to "
_ALWAYS = ("look", "inventory", "help")


def page(observation: str, info: Mapping[str, Any], actions: tuple[str, ...]) -> Page:
    """Return the answer, without banner and task, which stand on top; then what can be done here, and where to go."""
    offered = info["valid_actions"]
    going = sorted((command.removeprefix(_GO) for command in offered if command.startswith(_GO)), key=_natural)
    here = sorted(
        (command for command in offered if not command.startswith(_GO) and command not in _ALWAYS), key=_natural
    )
    blocks: list[Block] = [Paragraph(_answer(observation))]
    blocks += [Choices("Here", tuple(Choice(command, command) for command in here))] if here else []
    blocks += [Choices("Go to", tuple(Choice(place, _GO + place) for place in going))] if going else []
    always = tuple(Choice(command, command) for command in _ALWAYS if command in offered)
    return Page((*blocks, *([Choices("Always", always)] if always else [])))


def past(turns: Sequence[tuple[str, str]]) -> tuple[Block, ...]:
    """Return the last commands with their answers; of the very last, whose answer the page shows, the command."""
    if not turns:
        return ()
    kept = turns[-1 - _REMEMBERED : -1]
    told = tuple(Paragraph(f"> {command}\n{_answer(answer).strip()}", "quiet") for command, answer in kept)
    return (*told, Paragraph(f"> {turns[-1][0]}", "accent"))


def _answer(observation: str) -> str:
    """Return an observation; of the welcome, only what is seen."""
    if observation.startswith("-= Welcome") and observation.count("\n\n") == 2:
        return observation.split("\n\n")[1]
    return observation.strip("\n")


def _natural(words: str) -> tuple[tuple[int, int, str], ...]:
    """Return a key that sorts `cabinet 2` before `cabinet 10`."""
    return tuple((0, int(word), "") if word.isdecimal() else (1, 0, word) for word in words.split())
