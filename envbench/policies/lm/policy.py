"""A causal language model as a policy: token ids in, replies out, and the log-probs of given actions."""

from __future__ import annotations

import logging
import math
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from safetensors import SafetensorError
from transformers import AutoModelForCausalLM
from transformers.utils import logging as reports

from envbench.errors import InvalidValue
from envbench.policies.lm import tokenizer as text
from envbench.policies.lm.decoding import Drawn, generate
from envbench.policies.lm.forward import forward_of, pad, read_prompts
from envbench.policies.lm.memo import LARGEST_VOCABULARY, Memo
from envbench.policies.lm.quiet import quiet

if TYPE_CHECKING:
    from envbench.policies.lm.reader import Reader

DTYPES = {"float32": torch.float32, "bfloat16": torch.bfloat16, "float16": torch.float16}


_REMEMBERED = 10_000  # replies whose text is kept: of small models, most are one of a few


class Reply(NamedTuple):
    """What a model wrote.

    Attributes:
        token_ids: the reply, with the token that ended it.
        logprobs: of each, at temperature 1, as computed when it was drawn (float32 values).
        text: of the reply, without the end token.
        ended: it ended itself; False where the limit cut it.
    """

    token_ids: list[int]
    logprobs: list[float]
    text: str
    ended: bool


class CausalLMPolicy:
    """A model with its tokenizer.

    Args:
        model: a causal language model of `transformers`, in evaluation mode, adapters of `peft` in it or not.
        tokenizer: of `transformers`, with an end token.

    Attributes:
        memo: of distributions, where `remember` was called.
        autocast: computes replies in this dtype, with weights of a wider one; None for the weights' own.

    Raises:
        InvalidValue: for a tokenizer that the model does not know all tokens of, or adapters outside of its weights.
    """

    def __init__(self, model: Any, tokenizer: Any) -> None:
        model = base_of(model)
        known = model.get_input_embeddings().weight.shape[0]
        if len(tokenizer) > known:
            raise InvalidValue(
                f"the tokenizer has {len(tokenizer)} tokens and the model knows {known}: they do not belong together"
            )
        if tokenizer.eos_token_id is None:
            raise InvalidValue("the tokenizer has no eos token, so no reply could end; set one")
        self.model = model
        self.tokenizer = tokenizer
        self.forward = forward_of(model)
        self.memo: Memo | None = None
        self.autocast: torch.dtype | None = None
        self._texts: dict[tuple[int, ...], str] = {}
        self.stop = frozenset({tokenizer.eos_token_id}) | _stops(model)

    @classmethod
    def load(cls, source: str | Path, device: str = "cpu", dtype: str = "float32") -> CausalLMPolicy:
        """Return the policy of a local folder or a hub id.

        Raises:
            InvalidValue: where no causal language model with all its weights and a tokenizer can be read, or the device
                has no room for it.
        """
        if dtype not in DTYPES:
            raise InvalidValue(f"dtype {dtype!r}: expected one of {', '.join(DTYPES)}")
        if _is_path(source) and not Path(source).is_dir():
            raise InvalidValue(f"{source}: no such folder; `envbench model new --size nano --out {source}` makes one")
        tokenizer = text.load_tokenizer(source)
        try:
            with quiet(), _without_report():
                read: Any = AutoModelForCausalLM.from_pretrained(
                    str(source), dtype=DTYPES[dtype], output_loading_info=True, ignore_mismatched_sizes=True
                )
            model, found = read
            _check_whole(source, model, found)
            model.to(device).eval()
        except SafetensorError as error:
            raise InvalidValue(
                f"{source}: its weights are damaged or cut off ({_line(error)}); copy or make the model again"
            ) from None
        except (OSError, ValueError, KeyError) as error:
            raise InvalidValue(f"{source}: no causal language model can be read there ({_line(error)})") from None
        except (RuntimeError, MemoryError, AssertionError) as error:  # no such device, no room, weights that do not fit
            raise InvalidValue(
                f"{source} does not fit on {device} in {dtype} ({_line(error)}); use another device, dtype or model"
            ) from None
        return cls(model, tokenizer)

    def act(
        self, prompts: Sequence[Sequence[int]], uniforms: NDArray[np.float64] | None, max_tokens: int | None = None
    ) -> list[Reply]:
        """Reply to many prompts at once.

        Args:
            prompts: token ids, none empty.
            uniforms: float64 [len(prompts), tokens] in [0, 1), one draw per token; None for the likeliest tokens.
            max_tokens: of a reply; as many as there are draws when left out.

        Raises:
            InvalidValue: for prompts that are too long for the model, or draws that do not suffice.
        """
        limit = max_tokens if max_tokens is not None else 0 if uniforms is None else uniforms.shape[1]
        if limit < 1 or (uniforms is not None and (len(uniforms) != len(prompts) or uniforms.shape[1] < limit)):
            raise InvalidValue("act needs max_tokens >= 1 and, to sample, one draw per prompt and token")
        if not prompts:
            return []
        self._check_length(prompts, limit)
        with self.computing():
            if self.memo is not None:
                drawn = self.memo.generate(prompts, uniforms, limit, self.stop)
            else:
                cache, logits = read_prompts(self.forward, prompts, limit)
                drawn, _ = generate(self.forward, cache, logits, uniforms, limit, self.stop)
        return self.replies(drawn)

    @contextmanager
    def computing(self) -> Iterator[None]:
        """Compute in `autocast`; no optimizer step may fall inside, since weights are cast once."""
        if self.autocast is None:
            yield
            return
        with torch.autocast(self.model.device.type, dtype=self.autocast):
            yield

    def replies(self, drawn: Sequence[Drawn]) -> list[Reply]:
        """Return sampled tokens with their text."""
        return [
            Reply(one.token_ids, one.logprobs, self._text(tuple(self._body(one.token_ids))), self._ended(one))
            for one in drawn
        ]

    def _text(self, body: tuple[int, ...]) -> str:
        known = self._texts.get(body)
        if known is None:
            if len(self._texts) >= _REMEMBERED:
                self._texts.clear()
            known = self._texts[body] = text.decode(self.tokenizer, list(body))
        return known

    def reader(self) -> Reader:
        """Return what replies turn after turn to prompts that grow."""
        from envbench.policies.lm.reader import Reader

        return Reader(self)

    def remember(self) -> None:
        """From here on, compute equal rows once while the weights stay as they are: exact, for small vocabularies."""
        if self.model.config.vocab_size <= LARGEST_VOCABULARY:
            self.memo = Memo(self.forward)

    def fits(self, prompt: Sequence[int], more: int) -> bool:
        """Return whether the model can read the prompt and a reply of `more` tokens."""
        return 0 < len(prompt) <= self.forward.max_length - more

    def score_actions(self, prompt: list[int], actions: Sequence[str]) -> NDArray[np.float64]:
        """Return float64 [len(actions)], the log-prob of each action as the whole reply, end token included."""
        if not actions:
            return np.zeros(0)
        written = [[*text.encode(self.tokenizer, action), self.tokenizer.eos_token_id] for action in actions]
        longest = max(len(ids) for ids in written)
        self._check_length([prompt], longest)
        with self.computing():
            cache, logits = read_prompts(self.forward, [prompt] * len(actions), longest)
            tokens, counts = pad(written, logits.device)
            scored = self.forward.score(cache, logits, tokens, counts).double().cpu().numpy()
        return np.array([math.fsum(row) for row in scored.tolist()])

    def action_probabilities(self, prompt: list[int], actions: Sequence[str]) -> NDArray[np.float64]:
        """Return float64 [len(actions)]: what the model would do if it could only answer with one of these actions."""
        scores = self.score_actions(prompt, actions)
        weights: NDArray[np.float64] = np.exp(scores - scores.max())
        return weights / math.fsum(weights.tolist())

    def _body(self, token_ids: list[int]) -> list[int]:
        return token_ids[:-1] if token_ids[-1] in self.stop else token_ids

    def _ended(self, drawn: Drawn) -> bool:
        return drawn.token_ids[-1] in self.stop

    def _check_length(self, prompts: Sequence[Sequence[int]], more: int) -> None:
        shortest, longest = min(len(prompt) for prompt in prompts), max(len(prompt) for prompt in prompts)
        if shortest == 0:
            raise InvalidValue("an empty prompt: it needs at least one token")
        if longest + more > self.forward.max_length:
            raise InvalidValue(
                f"a prompt of {longest} tokens with a reply of up to {more} does not fit: the model reads at most "
                f"{self.forward.max_length}; use less history, shorter replies or another model"
            )


def base_of(model: Any) -> Any:
    """Return the causal language model under adapters of `peft`, which are in its layers; any other as it is.

    Raises:
        InvalidValue: for learnt prompts, which stand in front of what the model reads.
    """
    if not hasattr(model, "get_base_model"):
        return model
    if model.active_peft_config.is_prompt_learning:
        raise InvalidValue(f"{model.active_peft_config.peft_type}: a learnt prompt is not read here; use LoRA")
    return model.get_base_model()


@contextmanager
def _without_report() -> Iterator[None]:
    """Keep `transformers` from printing a table of the weights that it did not find: one line says so."""
    before = reports.get_verbosity()
    reports.set_verbosity(logging.ERROR)
    try:
        yield
    finally:
        reports.set_verbosity(before)


def _check_whole(source: str | Path, model: Any, found: Mapping[str, Any]) -> None:
    """Raise `InvalidValue` where weights would be random: not in the folder, or of another shape there."""
    named = dict(model.named_parameters(remove_duplicate=False))
    missing = set(found["missing_keys"])
    read = {id(one) for name, one in named.items() if name not in missing}
    missing = {name for name in missing if id(named.get(name)) not in read}  # what is tied to another is there
    for names, problem in ((missing, "are missing"), (found["mismatched_keys"], "have another shape than config.json")):
        if names:
            shown = sorted(one if isinstance(one, str) else one[0] for one in names)
            raise InvalidValue(
                f"{source}: {len(shown)} of its weights {problem} ({shown[0]}{', ...' * (len(shown) > 1)}); "
                "copy or make the model again"
            )


def _is_path(source: str | Path) -> bool:
    """Return whether a name is a path: a hub id has one slash at most and names nothing here."""
    name = str(source)
    return isinstance(source, Path) or Path(name).exists() or name.startswith((".", "/", "~")) or name.count("/") != 1


def _stops(model: Any) -> frozenset[int]:
    """Return the tokens that end a reply as the model's own generation settings have them."""
    settings = getattr(model, "generation_config", None)
    named = getattr(settings, "eos_token_id", None)
    return frozenset(named if isinstance(named, list) else [] if named is None else [named])


def _line(error: BaseException) -> str:
    return " ".join(str(error).split())[:160]
