"""A language model on this machine, from a folder or the hub."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from hashlib import sha256
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, ClassVar, Literal

import numpy as np
from msgspec import Meta

from envbench.agents.base import ConfiguredAgent, Reply, register
from envbench.agents.prompts import load_prompt
from envbench.cards import Card
from envbench.env import Env
from envbench.errors import AgentFailed, InvalidValue, MissingExtra
from envbench.hashing import JsonValue
from envbench.registry import card_of
from envbench.seeding import derive_seed, generator, uniform

if TYPE_CHECKING:
    from envbench.policies.lm.policy import CausalLMPolicy

_WEIGHTS = (".safetensors", ".bin", ".json", ".jinja", ".txt", ".model")  # files that decide what a model writes


@dataclass(frozen=True, slots=True)
class PolicyOptions:
    """Options of the policy agent; all of them identify a run.

    Attributes:
        model: folder or hub id.
        style: of the prompt and its parser: `observation`, `plain` or `think-action`; for some `menu` or `verl-agent`.
        history: how many past steps the prompt repeats.
        dialogue: the prompts of an episode are one growing transcript instead; `history` is then not read.
        greedy: the likeliest tokens; otherwise they are drawn at temperature 1.
        max_tokens: of one reply; a reply that is cut there has no valid format.
        device: as torch names it.
        dtype: that the model computes in.
        threads: of torch on the CPU; another number may round a log-prob the other way, so it identifies a run too.
    """

    model: str = ""
    style: str = "observation"
    history: Annotated[int, Meta(ge=0)] = 0
    dialogue: bool = False
    greedy: bool = False
    max_tokens: Annotated[int, Meta(ge=1)] = 32
    device: str = "cpu"
    dtype: Literal["float32", "bfloat16", "float16"] = "float32"
    threads: Annotated[int, Meta(ge=1)] = 1


@register("policy", "a language model on this machine (--model DIR or hub id; extra train)")
class PolicyAgent(ConfiguredAgent[PolicyOptions]):
    """Asks the model for one action a step; the draws come from the episode's seed, so an episode can be repeated."""

    Options: ClassVar[type[Any]] = PolicyOptions
    _policy: CausalLMPolicy | None = None

    def __init__(self, name: str, options: PolicyOptions, cache: Path | None = None) -> None:
        super().__init__(f"{name}/{Path(options.model).name}/{options.style}", options, cache)

    @classmethod
    def check(cls, options: PolicyOptions, card: Card) -> dict[str, JsonValue]:
        """Refuse a missing model or extra; return the digests of the prompt and of a local model's files."""
        if not options.model:
            raise InvalidValue(
                "the policy agent needs --model DIR; `envbench model new --size nano --out DIR` makes one"
            )
        for package in ("torch", "transformers"):
            if find_spec(package) is None:
                raise MissingExtra("the policy agent", "train", package)
        facts = model_facts(options.model, options.style, card.env.family)
        _load(options)  # what cannot be read is refused now, not in the first episode
        return facts

    def start(self, env: Env[Any], observation: Any, info: Mapping[str, Any], trial: int = 0) -> None:
        from envbench.agents.prompting import Prompting

        options = self.options
        if self._policy is None:
            self._policy = _load(options)
        prompting = Prompting(env.card, options.style, options.history, self._policy.tokenizer, options.dialogue)
        self._talk = prompting.talk(env.max_steps)
        self._seed: int = info["seed"]
        self._step = 0

    def act(self, observation: Any, info: Mapping[str, Any]) -> Reply:
        options, policy = self.options, self._policy
        assert policy is not None  # start came first
        prompt = self._talk.ask(observation, info)
        uniforms = None if options.greedy else draws(self._seed, self._step, options.max_tokens)[None]
        try:
            [reply] = policy.act([prompt], uniforms, options.max_tokens)
        except InvalidValue as error:  # this prompt is too long; the others may not be
            raise AgentFailed(str(error)) from None
        parsed = self._talk.hear(reply.text, reply.ended, reply.token_ids)
        self._step += 1
        return Reply(parsed.action, parsed.format_valid, len(prompt), len(reply.token_ids), model_calls=1)


def draws(seed: int, step: int, count: int) -> np.ndarray[tuple[int], np.dtype[np.float64]]:
    """Return float64 [count] in [0, 1), the draws for one reply of the episode with this seed."""
    bits = generator(derive_seed(seed, "agent", "policy", step))
    return np.array([uniform(bits) for _ in range(count)])


def model_facts(model: str, style: str, env: str) -> dict[str, JsonValue]:
    """Return the digests of a prompt and of a local model's files, which decide what is asked and replied.

    Args:
        model: folder or hub id.
        style: of the prompt.
        env: gymnasium id or family.

    Raises:
        UnknownName: for a style that the family has no prompt in.
    """
    prompt, folder = load_prompt(card_of(env), style), Path(model)
    facts: dict[str, JsonValue] = {"prompt": {"version": prompt.version, "digest": prompt.digest}}
    return facts | ({"model_sha256": _digest(folder)} if folder.is_dir() else {})


def _load(options: PolicyOptions) -> CausalLMPolicy:
    import torch

    from envbench.policies.lm.policy import CausalLMPolicy

    torch.set_num_threads(options.threads)
    return CausalLMPolicy.load(options.model, options.device, options.dtype)


def _digest(folder: Path) -> str:
    """Return the digest over names and bytes of what decides a model's replies."""
    total = sha256()
    for path in sorted(folder.iterdir()):
        if path.suffix in _WEIGHTS and path.name != "envbench.json":
            with path.open("rb") as file:
                content = sha256()
                while block := file.read(1 << 20):
                    content.update(block)
            total.update(f"{path.name} {content.hexdigest()}\n".encode())
    return total.hexdigest()
