"""Whole episodes of a language model as one row of tokens each, for trainers that take one completion per rollout.

A row is the prompt of the first turn and, turn by turn, the reply as it was sampled and the tokens of the next message.
So the model sees the whole conversation, nothing is decoded and encoded again, and a mask tells replies from messages.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from math import fsum
from typing import Any

import gymnasium
import numpy as np
import torch

from envbench.agents.base import text_of
from envbench.agents.prompts import Parsed, Situation, load_prompt, read_reply
from envbench.env import Env
from envbench.errors import GroupMismatch, InvalidValue
from envbench.policies.lm.chat import prompt_ids
from envbench.policies.lm.decoding import Drawn, generate
from envbench.policies.lm.forward import pad, read_prompts
from envbench.policies.lm.policy import CausalLMPolicy
from envbench.policies.lm.tokenizer import decode, encode
from envbench.registry import card_of, panel
from envbench.rollout.members import Members, uniforms
from envbench.rollout.record import Ids
from envbench.seeding import derive_seed
from envbench.train.config import training_split
from envbench.types import StepBatch


@dataclass(slots=True)
class Row:
    """One episode.

    Attributes:
        prompt: token ids of the first turn's prompt.
        completion: everything behind it: replies and later messages.
        mask: 1 for each token of `completion` that the policy sampled, 0 for the others.
        logprobs: of each token of `completion` as sampled, 0.0 where the mask is 0.
        steps: one dict per turn, columns of the batch.
        outcome: of the episode, "" while it goes on; `budget` where the next turn had no room.
    """

    env: Env[Any]
    seed: int
    prompt: list[int]
    info: Any
    seen: str
    completion: list[int] = field(default_factory=list)
    mask: list[int] = field(default_factory=list)
    logprobs: list[float] = field(default_factory=list)
    steps: list[dict[str, Any]] = field(default_factory=list)
    terminated: bool = False
    truncated: bool = False
    outcome: str = ""

    def write(self, ids: Sequence[int], logprobs: Sequence[float] | None = None) -> None:
        """Append a reply, or, without log-probs, what the policy did not write."""
        self.completion += ids
        self.mask += [int(logprobs is not None)] * len(ids)
        self.logprobs += [0.0] * len(ids) if logprobs is None else logprobs


@dataclass(frozen=True, slots=True, eq=False)
class Played:
    """The episodes of one call; row k is member k % G of group k // G.

    Attributes:
        rows: E episodes.
        batch: the same as flat columns for credit methods; its L tokens are the masked ones, row by row.
    """

    rows: list[Row]
    batch: StepBatch

    @property
    def returns(self) -> list[float]:
        """The undiscounted return of each episode."""
        return [fsum(step["reward"] for step in row.steps) for row in self.rows]

    def share(self, outcome: str) -> float:
        """Return the share of episodes that ended so."""
        return sum(row.outcome == outcome for row in self.rows) / len(self.rows)


class EpisodePlayer:
    """Plays groups of episodes of an environment with a model.

    Args:
        env: gymnasium id.
        dataset, split: of the card; a training split, the card's own by default.
        style: of the prompts and of the replies' parser. The conversation itself is the history.
        max_tokens: of one reply; one that is cut there has no valid format.
        max_steps: limit of an episode; the card's by default.
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
        seed: int = 0,
        **knobs: Any,
    ) -> None:
        if max_tokens < 1:
            raise InvalidValue(f"max_tokens={max_tokens}: expected at least 1")
        card = card_of(env)
        self.split = training_split(env, dataset, split)
        self.tasks = panel(env, dataset, self.split, **knobs)
        self.style, self.max_tokens, self.seed = style, max_tokens, seed
        self._prompt = load_prompt(card, style)
        self._arguments = {"dataset": dataset, "split": self.split, **knobs}
        if max_steps is not None:
            self._arguments["max_steps"] = max_steps
        self._env = env.removeprefix("envbench:")
        self._pool: list[Env[Any]] = []
        self._by_id = {task.id: task for task in self.tasks}

    def play(
        self, policy: CausalLMPolicy, tasks: Sequence[str], size: int, iteration: int, room: int | None = None
    ) -> Played:
        """Play `size` episodes of each task, all at once.

        Args:
            policy: samples at temperature 1.
            tasks: ids of the panel, one per group.
            size: G, members of a group.
            iteration: tells the noise and the draws of one call from those of another.
            room: tokens of a completion; an episode whose next turn does not fit ends as `budget` and is left out of
                the credit. No limit but the model's by default.

        Raises:
            InvalidValue: for a first prompt that does not fit, or where no episode fits.
            GroupMismatch: when members of a group do not start alike.
        """
        known = [self._by_id[task] for task in tasks]
        env_limit = self._envs(len(tasks) * size)[0].max_steps
        members = Members(known, size, self.seed, iteration, env_limit or 0)
        rows = [self._start(policy, members, episode) for episode in range(members.count)]
        for first in range(0, len(rows), size):
            if len({row.info["anchor_hash"] for row in rows[first : first + size]}) > 1:
                raise GroupMismatch(f"the members of {tasks[first // size]} do not start in one state")
        longest = max(len(row.prompt) for row in rows)
        limit = min(policy.forward.max_length - longest, room if room is not None else 1 << 30)
        if self.max_tokens > limit:
            raise InvalidValue(
                f"a reply of up to {self.max_tokens} tokens does not fit behind a prompt of {longest} ({limit} are "
                "left); use a shorter style, fewer max_tokens, or more room"
            )
        self._run(policy, rows, limit)
        if all(row.outcome == "budget" for row in rows):
            raise InvalidValue(
                f"no episode ended within {limit} tokens; raise max_completion_length, take a model that reads more, "
                "or lower max_steps or max_tokens"
            )
        return Played(rows, _batch(rows, size))

    @torch.no_grad()
    def _run(self, policy: CausalLMPolicy, rows: list[Row], limit: int) -> None:
        """Play all turns; the cache grows with the conversations, and finished episodes leave it."""
        forward = policy.forward
        cache, logits = read_prompts(forward, [row.prompt for row in rows], self.max_tokens)
        going = list(rows)
        while True:
            names = [derive_seed(row.seed, "agent", "policy", len(row.steps)) for row in going]
            points = np.stack([uniforms(name, self.max_tokens, 1)[:, 0] for name in names])
            drawn, cache = generate(forward, cache, logits, points, self.max_tokens, policy.stop, keep=True)
            unread = [self._turn(policy, row, reply, limit) for row, reply in zip(going, drawn, strict=True)]
            left = [place for place, row in enumerate(going) if not row.outcome]
            if not left:
                return
            if len(left) < len(going):
                cache = cache.select(torch.tensor(left, device=logits.device))
            going = [going[place] for place in left]
            logits = forward.extend(cache, *pad([unread[place] for place in left], logits.device))

    def _turn(self, policy: CausalLMPolicy, row: Row, reply: Drawn, limit: int) -> list[int]:
        """Take a reply and its step; return what the model has not read of the row, the next message included."""
        row.write(reply.token_ids, reply.logprobs)
        ended = reply.token_ids[-1] in policy.stop
        body = reply.token_ids[:-1] if ended else reply.token_ids
        written = decode(policy.tokenizer, body)
        parsed = read_reply(self._prompt, self.style, written) if ended else Parsed("", False)
        self._step(row, parsed, len(reply.token_ids))
        if row.outcome:
            return []
        between = [] if ended else [policy.tokenizer.eos_token_id]
        between += message_ids(policy.tokenizer, self._messages(row)[-1], policy.stop)
        if len(row.completion) + len(between) + self.max_tokens > limit:
            row.outcome, row.truncated = "budget", True
            return []
        row.write(between)
        return [reply.token_ids[-1], *between]

    def _step(self, row: Row, parsed: Parsed, tokens: int) -> None:
        before, seen = row.info, row.seen
        reward, valid, after = 0.0, False, before["anchor_hash"]
        try:
            observation, reward, row.terminated, row.truncated, row.info = row.env.step(parsed.action)
            row.seen, row.outcome = text_of(observation), row.info.get("outcome", "")
            valid, after = row.info["valid"], row.info["anchor_hash"]
        except Exception:  # whatever the engine raises, the other episodes go on
            row.outcome, row.truncated = "env_error", True
            self._pool.remove(row.env)
        row.steps.append(
            {
                "state": before["state_hash"],
                "anchor": before["anchor_hash"],
                "observation": before["observation_hash"],
                "observation_text": seen,
                "next_anchor": after,
                "action": parsed.action,
                "reward": float(reward),
                "valid": bool(valid),
                "format_valid": parsed.format_valid,
                "tokens": tokens,
            }
        )

    def _start(self, policy: CausalLMPolicy, members: Members, episode: int) -> Row:
        env, seed = self._pool[episode], members.noise_seed(episode)
        observation, info = env.reset(seed=seed, options={"task": members.tasks[episode // members.size].id})
        row = Row(env, seed, [], info, text_of(observation))
        row.prompt = prompt_ids(policy.tokenizer, self._messages(row))
        return row

    def _messages(self, row: Row) -> list[dict[str, str]]:
        info = row.info
        offered = info.get("shown_actions") or info["valid_actions"] or ()
        return self._prompt.messages(
            Situation(info["instruction"], row.seen, offered, len(row.steps), row.env.max_steps, ())
        )

    def _envs(self, count: int) -> list[Env[Any]]:
        while len(self._pool) < count:
            made: Any = gymnasium.make(self._env, **self._arguments).unwrapped
            self._pool.append(made)
        return self._pool


def message_ids(tokenizer: Any, message: dict[str, str], stop: frozenset[int]) -> list[int]:
    """Return the tokens of a later message: from behind a reply's end token up to where the next reply begins.

    With a chat template they are what it adds to a conversation of one reply, so replies are never encoded again.

    Raises:
        InvalidValue: for a template that changes what came before.
    """
    if not getattr(tokenizer, "chat_template", None):
        return encode(tokenizer, f"{message['content']}\n\n")
    past = [{"role": "user", "content": "a"}, {"role": "assistant", "content": "b"}]
    before = tokenizer.apply_chat_template(past, tokenize=True, return_dict=False)
    ids: list[int] = prompt_ids(tokenizer, [*past, message])
    ends = [place for place, one in enumerate(before) if one in stop]
    kept = ends[-1] + 1 if ends else len(before)
    if ids[:kept] != before[:kept]:
        raise InvalidValue("the chat template changes earlier messages when one is added; use another template")
    return ids[kept:]


def _batch(rows: Sequence[Row], size: int) -> StepBatch:
    """Return the episodes as columns; ids are numbers for equal texts."""
    ids = {name: Ids() for name in ("state", "anchor", "observation", "action")}
    ids["next_anchor"] = ids["anchor"]
    steps = [step for row in rows for step in row.steps]
    written = [
        (token, logprob)
        for row in rows
        for token, logprob, ours in zip(row.completion, row.logprobs, row.mask, strict=True)
        if ours
    ]
    return StepBatch.from_columns(
        episode=[episode for episode, row in enumerate(rows) for _ in row.steps],
        t=[t for row in rows for t in range(len(row.steps))],
        group=[episode // size for episode in range(len(rows))],
        terminated=[row.terminated for row in rows],
        truncated=[row.truncated for row in rows],
        include=[row.outcome not in ("budget", "env_error") for row in rows],
        token_step=[number for number, step in enumerate(steps) for _ in range(step["tokens"])],
        token=[token for token, _ in written],
        logprob=[logprob for _, logprob in written],
        observation_text=[step["observation_text"] for step in steps],
        **{name: [step[name] for step in steps] for name in ("reward", "valid", "format_valid")},
        **{name: [one.of(step[name]) for step in steps] for name, one in ids.items()},
    )
