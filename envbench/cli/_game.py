"""What happens while a person plays: episodes, undo, hints, and what a typed line means. Draws nothing."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any, NamedTuple

from envbench.agents import Reply, text_of
from envbench.agents.human import numbered
from envbench.env import Env
from envbench.errors import AgentFailed, EnvbenchError
from envbench.registry import find_task, panel, render_module, split_of
from envbench.rollout.play import play
from envbench.types.page import Block, Choice, Choices, Page, Paragraph, choices_of
from envbench.types.task import Task

COMMANDS: Mapping[str, str] = {
    "help": "this list",
    "hint": "what the oracle would do here",
    "undo": "take the last action back",
    "restart": "the same task from its start",
    "task": ":task ID (or its number in the split) plays another task",
    "next": "the task after this one",
    "quit": "leave; Ctrl-D does too",
}


_ACTION = re.compile(r"\w+\[(.*)\]", re.DOTALL)
_OPEN_ACTION = re.compile(r"\w+\[")


class View(NamedTuple):
    """All that is in sight at one moment.

    Attributes:
        task: its id.
        step: where the episode stands, in a few words.
        practice: the episode is no result of a person.
        instruction: what the task asks for.
        page: what the environment shows, or the ending; every accepted command is among its choices.
        notices: what the last line typed has led to.
        footer: what can be typed.
        ended: the episode is over.
    """

    task: str
    step: str
    practice: bool
    instruction: str
    page: Page
    notices: tuple[str, ...]
    footer: str
    ended: bool

    @property
    def status(self) -> str:
        return self.step + (" (practice)" if self.practice else "")


class Game:
    """Episodes of one person on one environment.

    Args:
        env: not wrapped.
        values: its knobs, resolved.
        task: of the first episode.
        seed: of every episode: a restarted one has the same noise.
        before: actions that someone else sent; the first episode goes on from there.
    """

    def __init__(
        self, env: Env[Any], values: Mapping[str, Any], task: Task, seed: int, before: Sequence[str] = ()
    ) -> None:
        self._env, self._values, self._seed = env, dict(values), seed
        self._render = render_module(env.card)
        self._rows: list[dict[str, Any]] = []
        self._played: set[str] = set()
        self.notices: list[str] = []
        self.over = False  # the person has left
        self._start(task)
        self._inherited = bool(before)
        for action in before:
            self._take(action)

    # Episodes.

    def _start(self, task: Task) -> None:
        observation, info = self._env.reset(seed=self._seed, options={"task": task.id})
        self._observation, self._info = observation, info
        self._task = task
        self._actions: list[tuple[str, bool]] = []  # as sent, and whether accepted
        self._before: list[tuple[bytes, Any, dict[str, Any]]] = []
        self._undos = self._hints = 0
        self._inherited = False
        self._forget()
        self._again = task.id in self._played
        self._played.add(task.id)

    def _forget(self) -> None:
        """Drop what was worked out for the moment before."""
        self._hint = ""
        self._explained: tuple[Block, ...] | None = None

    @property
    def ended(self) -> bool:
        """The episode is over."""
        return "outcome" in self._info

    @property
    def practice(self) -> bool:
        """The episode is no result of a person: undone, hinted at, known from an earlier one, or begun by another."""
        return bool(self._undos or self._hints or self._again or self._inherited)

    def _leave_episode(self) -> None:
        """Keep the episode's row, if there was an action."""
        if self._actions:
            self._rows.append(self._row())

    def _row(self) -> dict[str, Any]:
        """Return the row of the episode."""
        row = recorded_row(self._env, [action for action, _ in self._actions], self._task, self._seed)
        return row | {"practice": self.practice, "undos": self._undos, "hints": self._hints}

    def rows(self) -> list[dict[str, Any]]:
        """End the sitting and return the episode rows, oldest first; those without a single action are left out.

        A row is as of any agent, with `practice`, `undos` and `hints`. If nothing at all was done, there is one, empty.
        """
        self._leave_episode()
        return self._rows or [self._row()]

    # What is shown.

    def view(self) -> View:
        """Return what to show now."""
        page = self.page()
        limit = "" if self._env.max_steps is None else f" of {self._env.max_steps}"
        return View(
            task=self._task.id,
            step=f"over: {self._info['outcome']}" if self.ended else f"step {self._env.t}{limit}",
            practice=self.practice,
            instruction=self._info["instruction"],
            page=page,
            notices=tuple(self.notices),
            footer=self._footer(page),
            ended=self.ended,
        )

    def _footer(self, page: Page) -> str:
        if self.ended:
            return ":next  :restart  :task ID  :undo  :quit"
        keys = "w a s d, " if page.keys else ""
        advice = f"{page.advice}; " if page.advice else ""
        return f"{keys}a number or a name; {advice}:help  :hint  :undo  :quit"

    def page(self) -> Page:
        """Return the page of this moment with every listed action on it; at the end, with the result explained."""
        accepted = tuple(action for action, valid in self._actions if valid)
        if hasattr(self._render, "page"):
            page: Page = self._render.page(self._observation, self._info, accepted)  # type: ignore[union-attr]
        else:
            page = Page((Paragraph(text_of(self._observation)),))
        if hasattr(self._render, "past"):
            page = replace(page, blocks=(*self._render.past(self._turns()), *page.blocks))  # type: ignore[union-attr]
        if self.ended:
            return Page((*page.blocks, *self._ending()))
        shown = {choice.action for choice in choices_of(page.blocks)}
        rest = tuple(Choice(action, action) for action in self._info["valid_actions"] or () if action not in shown)
        return Page((*page.blocks, Choices("", rest)), page.keys, page.advice) if rest else page

    def _turns(self) -> list[tuple[str, str]]:
        """Return what was sent and what was answered, oldest first."""
        answers = [observation for _, observation, _ in self._before[1:]] + [self._observation]
        return [(action, text_of(answer)) for (action, _), answer in zip(self._actions, answers, strict=False)]

    def _ending(self) -> tuple[Block, ...]:
        """Return the result explained; worked out once, because it may take a search."""
        if self._explained is None:
            explain = getattr(self._render, "ending", None)
            plain = (Paragraph(f"score {self._info['score']:.4f} after {self._env.t} steps"),)
            explained: tuple[Block, ...] = explain(self._env, self._info) if explain else plain
            self._explained = explained
        return self._explained

    def completions(self, begun: str) -> tuple[str, ...]:
        """Return what a line can become: names, actions and commands; for an empty one, the hint if there is one."""
        if self._hint and not begun:
            return (self._hint,)
        choices = choices_of(self.page().blocks)
        names = [choice.label for choice in choices] + [choice.action for choice in choices]
        known = filter(None, (self._hint, *names, *(f":{name}" for name in COMMANDS)))
        return tuple(dict.fromkeys(word for word in known if word.casefold().startswith(begun.casefold())))

    # What is typed.

    def type(self, line: str) -> None:
        """Do what a line asks for, and leave in `notices` what there is to say about it."""
        self.notices = []
        typed = line.strip()
        if typed.startswith(":"):
            self._command(*typed[1:].partition(" ")[::2])
        elif self.ended:
            self.notices.append("the episode is over; type :next, :restart, :task ID, :undo or :quit")
        elif typed:
            self._send(typed)

    def _send(self, typed: str) -> None:
        action = self._meant(typed)
        if action is None:
            return
        if action != typed:
            self.notices.append(f"sent: {action}")
        reward = self._take(action)
        if not self._info["valid"]:
            self.notices.append(f"refused: {action!r} is no action here; it cost a step")
        elif reward:
            self.notices.append(f"reward {reward:+.3f}")

    def _take(self, action: str) -> float:
        """Send an action, so that it can be undone, and return its reward."""
        self._before.append((self._env.snapshot(), self._observation, self._info))
        self._observation, reward, _, _, self._info = self._env.step(action)
        self._actions.append((action, self._info["valid"]))
        self._forget()
        return float(reward)

    def _meant(self, typed: str) -> str | None:
        """Return the action that a line stands for, or None with a notice."""
        page = self.page()
        choices = choices_of(page.blocks)
        number = numbered(typed, [choice.action for choice in choices])
        if number is not None:
            return number
        if typed in page.keys:
            return page.keys[typed]
        found = _named(typed, choices)
        if len(found) == 1:
            return found[0]
        if found:
            self.notices.append(f"{typed!r} may be {' or '.join(found)}: type more of it, or the number")
            return None
        if self._env.card.env.open_actions and _OPEN_ACTION.match(typed):
            if "]" in typed:
                return typed
            self.notices.append(f"{typed!r} lacks its closing bracket; not sent, no step used")
            return None
        command = getattr(self._render, "command", None)
        action: str | None = command(typed, self._info) if command and not typed.isdecimal() else None
        if action is None:
            self.notices.append(f"nothing here is called {typed!r}; not sent, no step used. Actions: {self._grammar}")
        return action

    @property
    def _grammar(self) -> str:
        return self._env.card.env.actions

    def _command(self, name: str, argument: str) -> None:
        found = [known for known in COMMANDS if name and known.startswith(name.lower())]
        if len(found) != 1:
            known = " ".join(f":{command}" for command in found or COMMANDS)
            self.notices.append(f":{name} is {'not clear' if found else 'no command'}; there is {known}")
            return
        getattr(self, f"_do_{found[0]}")(argument.strip())

    def _do_help(self, _: str) -> None:
        self.notices += [f":{name:8} {about}" for name, about in COMMANDS.items()]
        self.notices += [f"actions: {self._grammar}", "A command may be cut short while it is clear, as :q."]
        self.notices.append(
            "Tab completes a line, an empty one to the hint; an empty line turns to more of a long page."
        )

    def _do_hint(self, _: str) -> None:
        action = None if self.ended else self._env.oracle()
        if action is None:
            self.notices.append("the oracle knows no action here")
            return
        self._hints += 1
        self._hint = action
        offered = [choice.action for choice in choices_of(self.page().blocks)]
        number = f" (number {offered.index(action) + 1})" if action in offered else ""
        self.notices.append(f"hint: {action}{number}; an episode with a hint is practice, not a result")

    def _do_undo(self, _: str) -> None:
        if not self._before:
            self.notices.append("nothing to undo: this is the start")
            return
        snapshot, self._observation, self._info = self._before.pop()
        self._env.restore(snapshot)
        undone, _valid = self._actions.pop()
        self._undos += 1
        self._forget()
        self.notices.append(f"undone: {undone}; an episode with undo is practice, not a result")

    def _do_restart(self, _: str) -> None:
        self._leave_episode()
        self._start(self._task)
        self.notices.append("from the start; a task that you know already is practice, not a result")

    def _do_next(self, _: str) -> None:
        tasks = self._panel()
        ids = [task.id for task in tasks]
        self._leave_episode()
        self._start(tasks[(ids.index(self._task.id) + 1) % len(tasks)])

    def _do_task(self, argument: str) -> None:
        try:
            id = argument
            if argument.isascii() and argument.isdecimal():
                id = f"{self._task.id.rpartition('/')[0]}/{argument.zfill(4)}"
            task = find_task(id, self._env.family, self._env.dataset, self._values)
        except EnvbenchError as error:
            self.notices.append(str(error))
            return
        self._leave_episode()
        self._start(task)

    def _do_quit(self, _: str) -> None:
        self.over = True

    def _panel(self) -> Any:
        _, dataset, split = split_of(self._task.id)
        return panel(self._env.family, dataset, split, **self._values)


def recorded_row(env: Env[Any], actions: Sequence[str], task: Task, seed: int) -> dict[str, Any]:
    """Return the row of what a person did: the actions are played again by the code that plays every agent's."""
    row: dict[str, Any] = play(env, _Recorded(actions), task, seed).row
    return row


class _Recorded:
    """Sends what a person has sent."""

    name = "human"

    def __init__(self, actions: Sequence[str]) -> None:
        self._actions = actions

    def start(self, env: Env[Any], observation: Any, info: Mapping[str, Any], trial: int = 0) -> None:
        self._left = iter(self._actions)

    def act(self, observation: Any, info: Mapping[str, Any]) -> Reply:
        for action in self._left:
            return Reply(action)
        raise AgentFailed(f"left after {len(self._actions)} steps")


def _named(typed: str, choices: tuple[Choice, ...]) -> list[str]:
    """Return the actions that a line names: exactly, else by the first words of what they are called."""
    wanted = typed.casefold()
    exact = {
        choice.action
        for choice in choices
        if wanted in (choice.action.casefold(), _name(choice.label), choice.label.casefold())
    }
    if exact:
        return sorted(exact)
    return sorted({choice.action for choice in choices if _name(choice.label).startswith(wanted + " ")})


def _name(label: str) -> str:
    """Return what a label is called in speech: in lower case, without arrows and without the name of an action."""
    inner = _ACTION.fullmatch(label)
    return (inner[1] if inner else label).casefold().strip("<> ")
