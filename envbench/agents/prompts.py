"""Prompts as data: `envs/<family>/prompts/<style>.toml`, filled in per step, and the strict reading of replies.

A file holds `version`, `system`, `turn` (the user's message), `past` (one remembered step), `history` (the block around
the remembered steps), `action` (one line per valid action) and perhaps `longest`. Fields in braces:

    turn      {instruction} {history} {observation} {actions} {step} {limit}
    history   {instruction} {steps} {shown} {past}
    past      {number} {observation} {action}
    action    {number} {action}
"""

from __future__ import annotations

import re
import string
import tomllib
from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple

import msgspec

from envbench.cards import Card, home
from envbench.errors import CardError, UnknownName
from envbench.hashing import digest

_FIELDS = {
    "system": frozenset[str](),
    "turn": frozenset({"instruction", "history", "observation", "actions", "step", "limit"}),
    "history": frozenset({"instruction", "steps", "shown", "past"}),
    "past": frozenset({"number", "observation", "action"}),
    "action": frozenset({"number", "action"}),
}


_TAIL = 20  # as on WebShop


class Prompt(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """One prompt file.

    Attributes:
        version: to be raised with every change of the words.
        system, turn, history, past, action: templates.
        longest: characters of a turn; a longer one is told without its history. 0 for no limit.
        tail: characters at the end of a reply that are its action when it marks none, in the style `verl-agent`.
    """

    version: int
    system: str
    turn: str
    history: str
    past: str
    action: str = "{action}"
    longest: int = 0
    tail: int = _TAIL

    @property
    def digest(self) -> str:
        content = msgspec.to_builtins(self)
        if not self.longest:
            del content["longest"]  # it came later, and what others tell is as it was
        if self.tail == _TAIL:
            del content["tail"]  # so did this
        return digest(content)

    def messages(self, situation: Situation) -> list[dict[str, str]]:
        """Return the chat messages for one step."""
        messages = [{"role": "system", "content": self.system}] if self.system else []
        past = situation.past
        history = ""
        if past:
            first = situation.step - len(past)
            lines = [
                self.past.format(number=number, observation=observation, action=action)
                for number, (observation, action) in enumerate(past, start=first + 1)
            ]
            told = {"instruction": situation.instruction, "steps": situation.step, "shown": len(past)}
            history = self.history.format(**told, past="\n".join(lines))
        turn = self._turn(situation, history)
        if self.longest and len(turn) > self.longest:
            turn = self._turn(situation, "")
        return [*messages, {"role": "user", "content": turn}]

    def _turn(self, situation: Situation, history: str) -> str:
        turn = self.turn.format(
            instruction=situation.instruction,
            history=history,
            observation=situation.observation,
            actions="\n".join(
                self.action.format(number=number, action=action) for number, action in enumerate(situation.actions, 1)
            ),
            step=situation.step + 1,
            limit="unlimited" if situation.limit is None else situation.limit,
        )
        return turn.strip()


def offered_by(info: Mapping[str, Any], style: str) -> tuple[str, ...]:
    """Return the actions that a prompt tells at a step; a menu holds none that must be filled in first."""
    shown = () if style == "menu" else info.get("shown_actions")
    return tuple(shown or info["valid_actions"] or ())


class Situation(NamedTuple):
    """What a prompt tells.

    Attributes:
        step: steps taken so far.
        past: the last (observation, action) pairs, oldest first.
    """

    instruction: str
    observation: str
    actions: tuple[str, ...]
    step: int
    limit: int | None
    past: Sequence[tuple[str, str]]


class Parsed(NamedTuple):
    """The action in a reply ("" when none could be read) and whether the reply had exactly the shape asked for."""

    action: str
    format_valid: bool


_THINK_ACTION = re.compile(r"\s*<think>(?:(?!</?think>|</?action>).)*</think>\s*<action>(.*?)</action>\s*", re.S)
_ACTION = re.compile(r"<action>(.*?)</action>", re.S)


def parse_plain(reply: str) -> Parsed:
    """Read a reply that is the action and nothing else, on one line; anything longer gives no action."""
    action = reply.strip()
    valid = bool(action) and len(action.splitlines()) == 1
    return Parsed(action if valid else "", valid)


def parse_think_action(reply: str) -> Parsed:
    """Read `<think>...</think><action>...</action>`.

    The only pair of action tags is used wherever it stands, but the format is valid only when the reply is one thought,
    one action, and nothing else. No pair or several give no action.
    """
    found = _ACTION.findall(reply)
    single = len(found) == 1 and reply.count("<action>") == 1 == reply.count("</action>")
    action = found[0].strip() if single else ""
    return Parsed(action, bool(action) and _THINK_ACTION.fullmatch(reply) is not None)


def parse_verl_agent(reply: str, tail: int = _TAIL) -> Parsed:
    """Read a reply in lower case, as verl-agent does.

    The action lies between the first `<action>` and the first `</action>`; without them it is the last `tail`
    characters, and the format is not valid. Nor is it without `<think>` and `</think>`, wherever they stand, or with a
    Chinese character, though the action counts then.
    """
    lower = reply.lower()
    start, end = lower.find("<action>"), lower.find("</action>")
    if start < 0 or end < 0:
        return Parsed(lower[-tail:], False)
    valid = "<think>" in reply and "</think>" in reply and _CHINESE.search(reply) is None
    return Parsed(lower[start + len("<action>") : end].strip(), valid)


_CHINESE = re.compile("[\u4e00-\u9fff]")


def parse_menu(reply: str, offered: Sequence[str]) -> Parsed:
    """Read the number of an offered action, from 1 on, in ASCII digits; anything else gives no action."""
    number = int(reply) if _NUMBER.fullmatch(reply) else 0
    valid = 1 <= number <= len(offered)
    return Parsed(offered[number - 1] if valid else "", valid)


_NUMBER = re.compile(r"[0-9]{1,6}")

STYLES: Mapping[str, Callable[[Prompt, str, Sequence[str]], Parsed]] = {
    "plain": lambda prompt, reply, offered: parse_plain(reply),
    "observation": lambda prompt, reply, offered: parse_plain(reply),
    "menu": lambda prompt, reply, offered: parse_menu(reply, offered),
    "think-action": lambda prompt, reply, offered: parse_think_action(reply),
    "verl-agent": lambda prompt, reply, offered: parse_verl_agent(reply, prompt.tail),
}


def read_reply(prompt: Prompt, style: str, reply: str, offered: Sequence[str] = ()) -> Parsed:
    """Return the action in a reply, as its style reads it; `offered` are the actions that a menu told."""
    return STYLES[style](prompt, reply, offered)


def write_reply(style: str, action: str, offered: Sequence[str]) -> str:
    """Return the reply that means an action in a style, a thought left empty.

    Raises:
        ValueError: for an action that a menu does not hold.
    """
    if style == "menu":
        return str(list(offered).index(action) + 1)
    if style in ("think-action", "verl-agent"):
        return f"<think></think><action>{action}</action>"
    return action


def load_prompt(card: Card, style: str) -> Prompt:
    """Return the prompt of a family in one of `STYLES`.

    Raises:
        UnknownName: for another style, or one that the family has no file for.
        CardError: for a malformed file.
    """
    folder = home() / "envs" / card.env.family / "prompts"
    written = [name for name in STYLES if (folder / f"{name}.toml").is_file()]
    if style not in written:
        raise UnknownName("style", style, written, f"(prompts of {card.env.family})")
    path = folder / f"{style}.toml"
    try:
        prompt = msgspec.convert(tomllib.loads(path.read_text(encoding="utf-8")), Prompt)
        for name, allowed in _FIELDS.items():
            used = {field for _, field, _, _ in string.Formatter().parse(getattr(prompt, name)) if field is not None}
            for field in sorted(used - allowed):
                raise ValueError(f"{name} has the field {{{field}}}; it may use {', '.join(sorted(allowed)) or 'none'}")
    except (OSError, ValueError, msgspec.ValidationError) as error:
        raise CardError(f"prompt {path}: {error}") from None
    return prompt
