"""Whole episodes of a language model as one row of tokens each, for trainers that take one completion per rollout.

A row is the prompt of the first turn and, turn by turn, the reply as it was sampled and the tokens of the next message.
So the model sees the whole conversation, nothing is decoded and encoded again, and a mask tells replies from messages.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import numpy as np
from numpy.typing import NDArray

from envbench import credit
from envbench.agents.prompting import Prompting
from envbench.cards import Card
from envbench.errors import InvalidValue
from envbench.policies.lm.chat import prompt_ids
from envbench.policies.lm.policy import CausalLMPolicy
from envbench.policies.lm.reader import Reader
from envbench.policies.lm.tokenizer import encode
from envbench.registry import card_of, panel
from envbench.rollout.fill import Filler
from envbench.rollout.members import Members
from envbench.rollout.record import RECORDED, Rollout
from envbench.rollout.table import Table, Turn
from envbench.rollout.turn_columns import ALWAYS, TURN_PRODUCERS
from envbench.rollout.turns import TurnCollector
from envbench.train.config import training_split
from envbench.types import StepBatch, Trajectory

# What a second look at the tokens, or the heads of a critic, would tell.
_MODELS = frozenset({"value", "value_low", "value_high", "value_switch", "token_value", "probe_confidence"})
_MODELS |= {"ref_logprob", "entropy", "hidden", "tool_match"}
_CONTINUED = ("value", "token_value")


@dataclass(frozen=True, slots=True)
class Row:
    """One episode.

    Attributes:
        prompt: token ids of the first turn's prompt.
        completion: everything behind it: replies and later messages.
        mask: 1 for each token of `completion` that the policy sampled, 0 for the others.
        logprobs: of each token of `completion` as sampled, 0.0 where the mask is 0.
    """

    prompt: list[int]
    completion: list[int]
    mask: list[int]
    logprobs: list[float]

    @classmethod
    def of(cls, turns: Sequence[Turn]) -> Row:
        """Return the turns of an episode, whose prompts only grow, as one row."""
        row = cls(list(turns[0].prompt), [], [], [])
        for turn in turns:
            message = turn.prompt[len(row.prompt) + len(row.completion) :]
            row.completion.extend((*message, *turn.reply))
            row.mask.extend([0] * len(message) + [1] * len(turn.reply))
            row.logprobs.extend((*(0.0 for _ in message), *turn.logprobs))
        return row


@dataclass(frozen=True, slots=True, eq=False)
class Episodes:
    """The episodes of one call; number k is member k % G of group k // G.

    Attributes:
        rows: E rows of tokens.
        turns: S turns, episode by episode.
        trajectories: E records.
        rollout: as arrays. batch: for credit methods; its L tokens are those that the masks mark, row by row.
    """

    rows: list[Row]
    turns: list[Turn]
    trajectories: list[Trajectory]
    rollout: Rollout
    batch: StepBatch

    @property
    def returns(self) -> list[float]:
        """The undiscounted return of each episode."""
        return [one.episode_return for one in self.trajectories]

    def share(self, outcome: str) -> float:
        """Return the share of episodes that ended so."""
        return sum(one.outcome == outcome for one in self.trajectories) / len(self.trajectories)


class EpisodePlayer:
    """Plays groups of episodes of an environment with a model.

    Args:
        env: gymnasium id.
        dataset, split: of the card; its training split, if any, is the only one to train on.
        style: of the prompts and of the replies' parser. The conversation itself is the history.
        max_tokens: of one reply; one that is cut there has no valid format.
        max_steps: limit of an episode; the card's by default.
        continuations: episodes played on from every step to fill `value` and `success_rate`; 0 for none.
        seed: of the noise and of the sampled tokens.
        knobs: of the environment.

    Attributes:
        tasks: the panel to train on.

    Raises:
        UnknownName, InvalidValue: for names and values that do not exist. SplitRefused: for a split to evaluate on.
    """

    def __init__(
        self,
        env: str,
        *,
        dataset: str = "builtin",
        split: str | None = None,
        style: str = "observation",
        max_tokens: int = 32,
        max_steps: int | None = None,
        continuations: int = 0,
        seed: int = 0,
        **knobs: Any,
    ) -> None:
        if max_tokens < 1 or continuations < 0:
            raise InvalidValue(f"max_tokens={max_tokens}, continuations={continuations}: expected >= 1 and >= 0")
        self.card = card_of(env)
        self.tasks = panel(env, dataset, training_split(env, dataset, split), **knobs)
        self.style, self.max_tokens, self.continuations, self.seed = style, max_tokens, continuations, seed
        Prompting(self.card, style, 0, None)  # refuses a style that is not there
        self._made = (self.card.env.ids[0] if env == self.card.env.family else env, dataset, knobs, max_steps)
        self._by_id = {task.id: task for task in self.tasks}
        self._collector: TurnCollector | None = None
        self._sampler: _Sampler | None = None
        self.read({})

    def read(self, needs: Mapping[str, str]) -> None:
        """Have batches hold further columns.

        Args:
            needs: column to who asks for it.

        Raises:
            MissingColumn: for one that these rollouts cannot fill.
        """
        kept = _CONTINUED if self.continuations else ()
        producers = {name: made for name, made in TURN_PRODUCERS.items() if name in kept or name not in _MODELS}
        wanted = {**dict.fromkeys(ALWAYS, "episodes"), **needs}
        self._filler = Filler(wanted, self, self.continuations, producers)

    def play(
        self, policy: CausalLMPolicy, tasks: Sequence[str], size: int, iteration: int, room: int | None = None
    ) -> Episodes:
        """Play `size` episodes of each task.

        Args:
            policy: samples at temperature 1; the same object in every call of a run.
            tasks: ids of the panel, one per group.
            size: G, members of a group.
            iteration: tells the noise and the draws of one call from those of another.
            room: most tokens of an episode, its first prompt included; one whose next turn does not fit ends there, as
                `agent_error`. No limit but the model's by default.

        Raises:
            InvalidValue: for a first prompt that does not fit, or where every episode was cut.
            GroupMismatch: when members of a group do not start alike.
        """
        collector = self._collector_of(policy, room)
        members = Members([self._by_id[task] for task in tasks], size, self.seed, iteration, collector.table.limit or 0)
        rollout = collector.collect(members)
        trajectories = [one for group in rollout.groups for one in group.members]
        if all(one.outcome == "agent_error" for one in trajectories):
            raise InvalidValue(
                f"no episode fits into {room or policy.forward.max_length} tokens; raise max_completion_length, take a "
                "model that reads more, or lower max_steps or max_tokens"
            )
        turns = self.turns(rollout)
        rollout = self._filler.fill(rollout, collector)
        bounds = [*rollout.first_rows.tolist(), len(turns)]
        rows = [Row.of(turns[start:end]) for start, end in pairwise(bounds)]
        batch = rollout.batch(tuple(dict.fromkeys((*RECORDED, *self._filler.record))))
        return Episodes(rows, turns, trajectories, rollout, batch)

    def learn(self, episodes: Episodes) -> None:
        """Let the table of expected scores, where a column needs it, see an iteration that is over."""
        self._filler.learn(episodes.rollout)

    def turns(self, rollout: Rollout) -> list[Turn]:
        """Return the turn of each row; what the columns' producers ask for."""
        assert self._collector is not None  # it has played the rollout
        return [self._collector.turns[number] for number in rollout.row.tolist()]

    def _collector_of(self, policy: CausalLMPolicy, room: int | None) -> TurnCollector:
        if self._collector is None or self._sampler is None or self._sampler.policy is not policy:
            self._sampler = _Sampler(policy)
            prompting = Conversation(self.card, self.style, policy)
            table = Table(
                *self._made,
                self._sampler,
                prompting,
                max_tokens=self.max_tokens,
                snapshots=self.continuations > 0,
            )
            self._collector = TurnCollector(table, self.max_tokens)
        self._sampler.room = room
        return self._collector


class Conversation(Prompting):
    """Prompts that only grow: the next message is put behind the recorded tokens whatever a chat template would do.

    A template is asked only for what it writes around a message behind a reply; replies are never encoded again.
    """

    def __init__(self, card: Card, style: str, policy: CausalLMPolicy) -> None:
        super().__init__(card, style, 0, policy.tokenizer, dialogue=True)
        self._ids, self._stop = policy.tokenizer, policy.stop

    def rest(self, messages: Sequence[Mapping[str, str]], transcript: tuple[int, ...]) -> tuple[int, ...]:
        """Return the tokens of the last message, behind an end token where the reply has none."""
        if not getattr(self._ids, "chat_template", None):
            return tuple(encode(self._ids, f"{messages[-1]['content']}\n\n"))
        between = () if transcript[-1] in self._stop else (self._ids.eos_token_id,)
        return (*between, *message_ids(self._ids, messages[-1], self._stop))


class _Sampler:
    """The policy, with the room of an episode as a further bound."""

    def __init__(self, policy: CausalLMPolicy) -> None:
        self.policy, self.tokenizer = policy, policy.tokenizer
        self.room: int | None = None

    def fits(self, prompt: Sequence[int], more: int) -> bool:
        return self.policy.fits(prompt, more) and (self.room is None or len(prompt) + more <= self.room)

    def reader(self) -> Reader:
        return self.policy.reader()

    def act(
        self, prompts: Sequence[Sequence[int]], uniforms: NDArray[np.float64] | None, max_tokens: int | None = None
    ) -> Any:
        return self.policy.act(prompts, uniforms, max_tokens)


def message_ids(tokenizer: Any, message: Mapping[str, str], stop: frozenset[int]) -> list[int]:
    """Return what a chat template adds for a later message: from behind a reply's end token to the next reply.

    Raises:
        InvalidValue: for a template that changes what came before.
    """
    past = [{"role": "user", "content": "a"}, {"role": "assistant", "content": "b"}]
    before = tokenizer.apply_chat_template(past, tokenize=True, return_dict=False)
    ids = prompt_ids(tokenizer, [*past, message])
    ends = [place for place, one in enumerate(before) if one in stop]
    kept = ends[-1] + 1 if ends else len(before)
    if ids[:kept] != before[:kept]:
        raise InvalidValue("the chat template changes earlier messages when one is added; use another template")
    return ids[kept:]


def columns_of(asked: Mapping[str, Mapping[str, Any]]) -> dict[str, str]:
    """Return the optional columns that methods read under their options, and which method does."""
    needs: dict[str, str] = {}
    for name, options in asked.items():
        method = credit.method(name)
        for column in getattr(method.configure(options), "needs", method.needs):
            needs.setdefault(column, name)
    return needs
