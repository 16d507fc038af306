"""What a language model is asked at each step of an episode, as token ids, and what its reply meant."""

from __future__ import annotations

from collections import deque
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from envbench.agents.base import text_of
from envbench.agents.prompts import Parsed, Prompt, Situation, load_prompt, offered_by, read_reply
from envbench.cards import Card
from envbench.policies.lm.chat import prompt_ids, rest_ids

_REMEMBERED = 50_000  # prompts whose ids are kept, since groups meet the same ones again and again


class Memory(NamedTuple):
    """What an episode's prompts tell of its past: enough to go on asking from there.

    Attributes:
        step: steps taken.
        past: the last (observation, action) pairs, oldest first.
        transcript: token ids of the dialogue so far, its last reply included; () outside dialogues.
        messages: the dialogue as messages, for tokenizers with a chat template.
        splits: times that the template did not repeat what was recorded, so that a new transcript was begun.
    """

    step: int = 0
    past: tuple[tuple[str, str], ...] = ()
    transcript: tuple[int, ...] = ()
    messages: tuple[Mapping[str, str], ...] = ()
    splits: int = 0


class Prompting:
    """Asks for actions in one style.

    Args:
        card: of the family, which has the prompt files.
        style: of the prompt and its parser.
        history: how many past steps a prompt repeats.
        tokenizer: of `transformers`.
        dialogue: the prompts of an episode are one growing transcript: each begins with the one before and the reply
            to it, as recorded, so that nothing is tokenised twice. `history` is then not read.
    """

    def __init__(self, card: Card, style: str, history: int, tokenizer: Any, dialogue: bool = False) -> None:
        self.prompt: Prompt = load_prompt(card, style)
        self.style, self.history, self.dialogue = style, history, dialogue
        self._tokenizer = tokenizer
        self._known: dict[str, tuple[int, ...]] = {}

    def talk(self, limit: int | None, memory: Memory | None = None) -> Talk:
        """Return a new episode's talk, or one that goes on from what another remembered.

        Args:
            limit: steps of the episode, None for none.
            memory: of `Talk.memory`.
        """
        return Talk(self, limit, memory or Memory())

    def ids(self, messages: Sequence[Mapping[str, str]]) -> tuple[int, ...]:
        """Return the token ids of a prompt."""
        key = "\x00".join(message["content"] for message in messages)
        known = self._known.get(key)
        if known is None:
            if len(self._known) >= _REMEMBERED:
                self._known.clear()
            known = self._known[key] = tuple(prompt_ids(self._tokenizer, messages))
        return known

    def rest(self, messages: Sequence[Mapping[str, str]], transcript: tuple[int, ...]) -> tuple[int, ...] | None:
        """Return the ids of the last message behind a transcript, None where a chat template rewrites what was said."""
        found = rest_ids(self._tokenizer, messages, transcript)
        return None if found is None else tuple(found)


class Talk:
    """One episode: `ask` and `hear`, in turn."""

    def __init__(self, prompting: Prompting, limit: int | None, memory: Memory) -> None:
        self._prompting, self._limit = prompting, limit
        self._past: deque[tuple[str, str]] = deque(memory.past, maxlen=prompting.history)
        self._step, self._transcript, self.splits = memory.step, memory.transcript, memory.splits
        self._messages: tuple[Mapping[str, str], ...] = memory.messages
        self._seen = ""
        self._offered: tuple[str, ...] = ()
        self._asked: tuple[int, ...] = ()

    def memory(self) -> Memory:
        """Return what `Prompting.talk` needs to go on from here, before the next `ask`."""
        return Memory(self._step, tuple(self._past), self._transcript, self._messages, self.splits)

    def ask(self, observation: Any, info: Mapping[str, Any]) -> tuple[int, ...]:
        """Return the token ids of the prompt at this step."""
        prompting = self._prompting
        self._seen = text_of(observation)
        self._offered = offered_by(info, prompting.style)
        told = (self._step, self._limit, tuple(self._past))
        situation = Situation(info["instruction"], self._seen, self._offered, *told)
        messages = prompting.prompt.messages(situation)
        self._asked = self._grown(messages) if prompting.dialogue else prompting.ids(messages)
        return self._asked

    def _grown(self, messages: Sequence[Mapping[str, str]]) -> tuple[int, ...]:
        if not self._transcript:
            self._messages = tuple(messages)
            return self._prompting.ids(messages)
        self._messages = (*self._messages, messages[-1])
        rest = self._prompting.rest(self._messages, self._transcript)
        if rest is not None:
            return self._transcript + rest
        self.splits += 1
        return self._prompting.ids(self._messages)

    def hear(self, text: str, ended: bool, token_ids: Sequence[int]) -> Parsed:
        """Take a reply and return what it says; one that was cut off says nothing."""
        prompting = self._prompting
        parsed = read_reply(prompting.prompt, prompting.style, text, self._offered) if ended else Parsed("", False)
        self._past.append((self._seen, parsed.action))
        self._step += 1
        if prompting.dialogue:
            self._transcript = (*self._asked, *token_ids)
            self._messages = (*self._messages, {"role": "assistant", "content": text})
        return parsed
