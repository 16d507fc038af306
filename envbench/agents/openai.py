"""A language model behind any OpenAI-compatible endpoint."""

from __future__ import annotations

from collections import deque
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, ClassVar, Literal

from msgspec import Meta

from envbench.agents.base import ConfiguredAgent, Reply, register, text_of
from envbench.agents.endpoint import Answer, ChatEndpoint
from envbench.agents.prompts import Situation, load_prompt, offered_by, read_reply
from envbench.agents.transcript import Transcript
from envbench.cards import Card
from envbench.endpoint import check_url
from envbench.env import Env
from envbench.errors import InvalidValue
from envbench.hashing import JsonValue, digest


@dataclass(frozen=True, slots=True)
class OpenAIOptions:
    """Options of the openai agent; all of them identify a run.

    Attributes:
        base_url: of the endpoint, e.g. `http://localhost:8000/v1`.
        model: as the endpoint names it.
        style: of the prompt and its parser: `plain`, `think-action` or, where there is one, `menu` or `verl-agent`.
        history: how many past steps the prompt repeats.
        temperature: 0 for the likeliest reply; none sends no temperature.
        top_p: likewise.
        max_tokens: of one reply; it is sent under the name `limit_name`.
        send_seed: send a seed derived from the episode's (some endpoints refuse the field).
        timeout: seconds without an answer before a call is tried again.
        retries: attempts after the first one.
        price_prompt, price_completion: dollars per million tokens, for the cost column.
    """

    base_url: str = ""
    model: str = ""
    style: str = "think-action"
    history: Annotated[int, Meta(ge=0)] = 2
    temperature: Annotated[float, Meta(ge=0)] | None = 0.0
    top_p: Annotated[float, Meta(gt=0, le=1)] | None = None
    max_tokens: Annotated[int, Meta(ge=1)] = 512
    limit_name: Literal["max_tokens", "max_completion_tokens"] = "max_tokens"
    send_seed: bool = True
    timeout: Annotated[float, Meta(gt=0)] = 120.0
    retries: Annotated[int, Meta(ge=0)] = 5
    price_prompt: Annotated[float, Meta(ge=0)] = 0.0
    price_completion: Annotated[float, Meta(ge=0)] = 0.0


@register("openai", "a model behind an OpenAI-compatible endpoint (--base-url URL --model NAME)")
class OpenAIAgent(ConfiguredAgent[OpenAIOptions]):
    """Asks for one action a step with the prompt of the card; each answer is kept in the transcript of `cache`.

    An answer's key is the digest of the request body, the episode's seed and the step: so a repeated run costs nothing
    and plays the same episodes, while equal situations of different episodes are sampled anew.
    """

    Options: ClassVar[type[Any]] = OpenAIOptions

    def __init__(
        self, name: str, options: OpenAIOptions, cache: Path | None = None, *, endpoint: ChatEndpoint | None = None
    ) -> None:
        super().__init__(f"{name}/{options.model}/{options.style}", options, cache)
        self._endpoint = endpoint or ChatEndpoint(options.base_url, timeout=options.timeout, retries=options.retries)
        self._transcript = None if cache is None else Transcript(cache)

    @classmethod
    def check(cls, options: OpenAIOptions, card: Card) -> dict[str, JsonValue]:
        """Refuse missing or malformed options; return version and digest of the prompt."""
        if not options.base_url or not options.model:
            raise InvalidValue("the openai agent needs --base-url URL and --model NAME")
        check_url(options.base_url)
        prompt = load_prompt(card, options.style)
        return {"prompt": {"version": prompt.version, "digest": prompt.digest}}

    def start(self, env: Env[Any], observation: Any, info: Mapping[str, Any], trial: int = 0) -> None:
        self._prompt = load_prompt(env.card, self.options.style)
        self._seed: int = info["seed"]
        self._limit = env.max_steps
        self._step = 0
        self._past: deque[tuple[str, str]] = deque(maxlen=self.options.history)

    def act(self, observation: Any, info: Mapping[str, Any]) -> Reply:
        seen = text_of(observation)
        offered = offered_by(info, self.options.style)
        situation = Situation(info["instruction"], seen, offered, self._step, self._limit, tuple(self._past))
        answer = self._ask(self._prompt.messages(situation))
        parsed = read_reply(self._prompt, self.options.style, answer.text, offered)
        self._past.append((seen, parsed.action))
        self._step += 1
        cost = (
            answer.prompt_tokens * self.options.price_prompt + answer.completion_tokens * self.options.price_completion
        )
        return Reply(
            action=parsed.action,
            format_valid=parsed.format_valid,
            prompt_tokens=answer.prompt_tokens,
            completion_tokens=answer.completion_tokens,
            model_calls=1,
            cost_usd=cost / 1e6,
        )

    def _ask(self, messages: list[dict[str, str]]) -> Answer:
        options = self.options
        request: dict[str, Any] = {"model": options.model, "messages": messages, options.limit_name: options.max_tokens}
        if options.temperature is not None:
            request["temperature"] = options.temperature
        if options.top_p is not None:
            request["top_p"] = options.top_p
        if options.send_seed:
            request["seed"] = self._seed % (1 << 31)  # what 32-bit servers take
        if self._transcript is None:
            return self._endpoint.complete(request)
        key = digest(["chat", request, self._seed, self._step])
        known = self._transcript.get(key)
        if known is not None:
            return Answer(**known)
        answer = self._endpoint.complete(request)
        self._transcript.put(key, request, answer._asdict())
        return answer
