"""Episodes played side by side by a language model, every reply kept as the tokens that were drawn."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from math import isfinite
from typing import Any, NamedTuple, Protocol

import numpy as np
from numpy.typing import NDArray

from envbench.agents.prompting import Memory, Prompting, Talk
from envbench.env import Env
from envbench.errors import InvalidValue
from envbench.registry import card_of, load_object
from envbench.rollout.record import Floats
from envbench.types import Step, Task, Trajectory
from envbench.vector.memory import Memory as Transitions
from envbench.vector.session import Plain, Shared, open_session

MEMORY_BYTES = 256 * 10**6  # of transitions that sessions share
SLOTS = 256  # episodes side by side


class Replied(Protocol):
    """A reply of a model: `envbench.policies.lm.policy.Reply`."""

    @property
    def token_ids(self) -> list[int]: ...
    @property
    def logprobs(self) -> list[float]: ...
    @property
    def text(self) -> str: ...
    @property
    def ended(self) -> bool: ...


class Sampler(Protocol):
    """What writes replies: `CausalLMPolicy`, or a server behind `ServerPolicy`."""

    tokenizer: Any

    def act(
        self, prompts: Sequence[Sequence[int]], uniforms: NDArray[np.float64] | None, max_tokens: int | None = None
    ) -> Sequence[Replied]:
        """Reply to many prompts at once."""
        ...

    def fits(self, prompt: Sequence[int], more: int) -> bool:
        """Return whether a prompt and a reply of `more` tokens can be read."""
        ...


class Turn(NamedTuple):
    """One turn as it was: what a trainer may learn from.

    Attributes:
        prompt, reply: token ids; the reply with the token that ended it.
        logprobs: of each token of the reply, at temperature 1, under the policy that drew it.
        text: of the reply. ended: it ended itself.
        action: what was sent to the environment. format_valid: the reply had the shape that was asked for.
        valid: the environment took the command. failed: the environment did not survive it.
        memory: what the prompts told of the past, kept where the turn may be forked.
    """

    prompt: tuple[int, ...]
    reply: tuple[int, ...]
    logprobs: tuple[float, ...]
    text: str
    ended: bool
    action: str
    format_valid: bool
    valid: bool
    failed: bool
    memory: Memory | None


class Start(NamedTuple):
    """An episode to play: how its session is brought to the start, and what the model remembers of before."""

    task: Task
    seed: int
    begin: Callable[[Plain | Shared], tuple[Any, Mapping[str, Any]]]
    memory: Memory | None = None
    t: int = 0


class Played(NamedTuple):
    """An episode that is over: its trajectory, its turns, a snapshot before each where asked for, and an error."""

    trajectory: Trajectory
    turns: list[Turn]
    places: list[bytes]
    error: str
    splits: int


class Table:
    """Plays episodes side by side in sessions that share transitions.

    Args:
        env: gymnasium id. dataset, knobs, max_steps: as for `gymnasium.make`.
        sampler: writes the replies.
        prompting: asks for them.
        max_tokens: of one reply.
        slots: episodes side by side.
        snapshots: keep a snapshot before every step.
        greedy: take the likeliest tokens.

    Attributes:
        make: makes one more environment.
        limit: steps of an episode.
        env_seconds, policy_seconds: time spent so far in environments, and for replies.
    """

    def __init__(
        self,
        env: str,
        dataset: str,
        knobs: Mapping[str, Any],
        max_steps: int | None,
        sampler: Sampler,
        prompting: Prompting,
        *,
        max_tokens: int,
        slots: int = SLOTS,
        snapshots: bool = False,
        greedy: bool = False,
    ) -> None:
        self.make: Callable[[], Env[Any]] = lambda: load_object(card_of(env).env.entry_point)(
            dataset=dataset, max_steps=max_steps, **knobs
        )
        probe = self.make()
        self.limit = probe.max_steps
        self._transitions = Transitions(probe, MEMORY_BYTES) if probe.card.env.snapshot == "value" else None
        self._free: list[Plain | Shared] = [open_session(probe, self._transitions)]
        self._sampler, self._prompting, self._max_tokens = sampler, prompting, max_tokens
        self._slots, self._snapshots, self._greedy = slots, snapshots, greedy
        self.env_seconds = self.policy_seconds = 0.0

    @property
    def env(self) -> Env[Any]:
        """An environment of the table; for reading its card, not for stepping."""
        return self._free[0].settled()

    def play(self, starts: Sequence[Start], draws: Callable[[int], Floats]) -> list[Played]:
        """Play every episode to its end.

        Args:
            starts: the episodes.
            draws: step t to float64 [len(starts), at least max_tokens], the draws of each episode's reply at its step
                t (counted from the start of the task).

        Raises:
            InvalidValue: for an episode whose first prompt does not fit.
        """
        draws = _remembered(draws)
        done: dict[int, Played] = {}
        if self._prompting.dialogue:  # rows of one cache start together
            for first in range(0, len(starts), self._slots):
                wave = range(first, min(first + self._slots, len(starts)))
                self._run(iter([(number, starts[number]) for number in wave]), draws, done)
        else:
            self._run(iter(enumerate(starts)), draws, done)
        return [done[number] for number in range(len(starts))]

    def _run(
        self, waiting: Iterator[tuple[int, Start]], draws: Callable[[int], Floats], done: dict[int, Played]
    ) -> None:
        reader = self._reader()
        live = list(self._seated(waiting, self._slots))
        rows = [-1] * len(live)
        while live:
            prompts = [seat.ask() for seat in live]
            fitting = [place for place, prompt in enumerate(prompts) if self._sampler.fits(prompt, self._max_tokens)]
            for place in sorted(set(range(len(live))) - set(fitting)):
                live[place].give_up(len(prompts[place]))
            asked = [prompts[place] for place in fitting]
            started = time.perf_counter()
            replies = reader(asked, self._uniforms([live[p] for p in fitting], draws), [rows[p] for p in fitting])
            self.policy_seconds += time.perf_counter() - started
            for place, reply in zip(fitting, replies, strict=True):
                live[place].take(prompts[place], reply)
            order = {place: row for row, place in enumerate(fitting)}
            for seat in live:
                if seat.over:
                    done[seat.number] = seat.played()
                    self.env_seconds += seat.env_seconds
                    self._free.append(seat.session)
            going = [place for place, seat in enumerate(live) if not seat.over]
            rows, live = [order[place] for place in going], [live[place] for place in going]
            if not self._prompting.dialogue:
                new = list(self._seated(waiting, self._slots - len(live)))
                live, rows = live + new, rows + [-1] * len(new)

    def _reader(self) -> Callable[[Sequence[tuple[int, ...]], Floats | None, Sequence[int]], Sequence[Replied]]:
        """Return what replies to prompts: with what it has read kept, where the sampler can and the prompts grow."""
        keep = getattr(self._sampler, "reader", None) if self._prompting.dialogue else None
        reader = keep() if keep else None

        def reply(
            prompts: Sequence[tuple[int, ...]], uniforms: Floats | None, rows: Sequence[int]
        ) -> Sequence[Replied]:
            if not prompts:
                return []
            if reader is None:
                return self._sampler.act(prompts, uniforms, self._max_tokens)
            found: Sequence[Replied] = reader.act(prompts, uniforms, self._max_tokens, rows)
            return found

        return reply

    def _uniforms(self, seats: Sequence[Seat], draws: Callable[[int], Floats]) -> Floats | None:
        if self._greedy or not seats:
            return None
        return np.stack([draws(seat.t)[seat.number, : self._max_tokens] for seat in seats])

    def _seated(self, waiting: Iterator[tuple[int, Start]], count: int) -> Iterable[Seat]:
        for _ in range(count):
            following = next(waiting, None)
            if following is None:
                return
            number, start = following
            session = self._free.pop() if self._free else open_session(self.make(), self._transitions)
            talk = self._prompting.talk(self.limit, start.memory)
            yield Seat(number, start, session, talk, self._snapshots, self._max_tokens)


class Seat:
    """One live episode at a table; `env_seconds` is the time that its environment has taken."""

    def __init__(
        self, number: int, start: Start, session: Plain | Shared, talk: Talk, snapshots: bool, max_tokens: int
    ) -> None:
        self.number, self.session, self.t, self.over = number, session, start.t, False
        self._start, self._talk, self._snapshots, self._max_tokens = start, talk, snapshots, max_tokens
        started = time.perf_counter()
        self._observation, self._info = start.begin(session)
        self.env_seconds = time.perf_counter() - started
        self._turns: list[Turn] = []
        self._steps: list[Step] = []
        self._places: list[bytes] = []
        self._memory: Memory | None = None
        self._flags = (False, False)
        self._outcome = self._error = ""

    def ask(self) -> tuple[int, ...]:
        """Return the next prompt."""
        if self._snapshots:
            self._memory = self._talk.memory()
        return self._talk.ask(self._observation, self._info)

    def give_up(self, length: int) -> None:
        """End the episode since its prompt has become too long."""
        words = f"a prompt of {length} tokens with a reply of up to {self._max_tokens} does not fit into the model"
        if not self._steps:
            raise InvalidValue(f"{self._start.task.id}: {words}; use less history, shorter replies or another model")
        self.over, self._outcome, self._error, self._flags = True, "agent_error", words, (False, True)

    def take(self, prompt: tuple[int, ...], reply: Replied) -> None:
        """Do what a reply says."""
        parsed = self._talk.hear(reply.text, reply.ended, reply.token_ids)
        before, session = self._info, self.session
        if self._snapshots:
            self._places.append(session.settled().snapshot())
        reward, valid, failed = 0.0, False, False
        started = time.perf_counter()
        try:
            self._observation, reward, *flags, self._info = session.step(parsed.action)
            self._flags, valid = (bool(flags[0]), bool(flags[1])), self._info["valid"]
            self._outcome = self._info.get("outcome", "")
            if not isfinite(reward):
                raise ValueError(f"the reward of {parsed.action!r} is {reward!r}")
        except Exception as error:
            self._outcome, self._flags, reward, failed = "env_error", (False, True), 0.0, True
            self._error = " ".join(f"{type(error).__name__}: {error}".split())[:500]
        self.env_seconds += time.perf_counter() - started
        self.over = bool(self._outcome)
        keys = (before["state_hash"], before["anchor_hash"], before["observation_hash"])
        self._steps.append(Step(*keys, parsed.action, float(reward), valid, parsed.format_valid))
        self._turns.append(
            Turn(
                prompt,
                tuple(reply.token_ids),
                tuple(reply.logprobs),
                reply.text,
                reply.ended,
                parsed.action,
                parsed.format_valid,
                valid,
                failed,
                self._memory,
            )
        )
        self.t += 1

    def played(self) -> Played:
        """Return the episode, which is over."""
        task, info = self._start.task, self._info
        trajectory = Trajectory(
            task=task.id,
            task_digest=task.digest,
            seed=self._start.seed,
            steps=tuple(self._steps),
            terminated=self._flags[0],
            truncated=self._flags[1],
            outcome=self._outcome,
            score=float(info.get("score", 0.0)),
            final_state=info["state_hash"],
            final_anchor=info["anchor_hash"],
        )
        return Played(trajectory, self._turns, self._places, self._error, self._talk.splits)


def _remembered(draws: Callable[[int], Floats]) -> Callable[[int], Floats]:
    known: dict[int, Floats] = {}

    def drawn(t: int) -> Floats:
        if t not in known:
            known[t] = draws(t)
        return known[t]

    return drawn
