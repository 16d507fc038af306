"""A model behind an OpenAI-compatible server that returns token ids and log-probs (vLLM, SGLang), as a policy.

Asked is `POST <base url>/completions` with token ids as the prompt, one request per prompt: a request has one seed, and
the server batches what comes at the same time. `return_token_ids` and `logprobs` are parameters of both servers
(`CompletionRequest` in vLLM's `vllm/entrypoints/openai/completion/protocol.py` and in SGLang's
`python/sglang/srt/entrypoints/openai/protocol.py`); the answer holds `token_ids` and `logprobs.token_logprobs`. A vLLM
that is too old for the first knows `return_tokens_as_token_ids`: `logprobs.tokens` are then `token_id:<id>`.
"""

from __future__ import annotations

import json
import math
import time
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray
from transformers import GenerationConfig

from envbench.endpoint import Endpoint, Malformed
from envbench.errors import InvalidValue
from envbench.policies.lm import tokenizer as text
from envbench.policies.lm.policy import Reply

_ID = "token_id:"
_START = "`vllm serve MODEL` or `python -m sglang.launch_server --model-path MODEL`, in a current version"
# What a model's own generation settings would change in a server; -1 is "all tokens" for both.
_PLAIN = {"top_p": 1.0, "top_k": -1, "min_p": 0.0, "repetition_penalty": 1.0}


class _Read(NamedTuple):
    """A reply as the server gave it."""

    token_ids: list[int]
    logprobs: list[float]
    text: str


class ServerPolicy:
    """The sampling side of `CausalLMPolicy`, with the model elsewhere.

    Args:
        base_url: of the server, e.g. `http://localhost:8000/v1`.
        model: as the server names it.
        tokenizer: of `transformers`, the one that the server uses.
        stop: tokens that end a reply, beside the tokenizer's end token.
        max_length: tokens of a prompt and its reply that the server reads (`--max-model-len` of vLLM); None leaves it
            to the server to refuse longer ones.
        update_url: where `reload` posts to, e.g. `http://localhost:30000/update_weights_from_disk` of SGLang.
        concurrency: requests under way at once.
        timeout: seconds without an answer before a request is tried again.
        deadline: seconds for all requests of one call; no attempt begins after that.
        retries: of one request, as `envbench.endpoint.Endpoint` counts them.
        sleep: called with the seconds before a further attempt.

    Attributes:
        mismatches: replies refused so far because their ids do not decode to the text that came with them.

    Raises:
        InvalidValue: for a URL that is none, or a tokenizer without an end token.
    """

    def __init__(
        self,
        base_url: str,
        model: str,
        tokenizer: Any,
        *,
        stop: Iterable[int] = (),
        max_length: int | None = None,
        update_url: str | None = None,
        concurrency: int = 64,
        timeout: float = 120.0,
        deadline: float = 600.0,
        retries: int = 5,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        if tokenizer.eos_token_id is None:
            raise InvalidValue("the tokenizer has no eos token, so no reply could end; set one")
        if concurrency < 1:
            raise InvalidValue(f"concurrency={concurrency}: expected at least 1")
        self.model = model
        self.tokenizer = tokenizer
        self.stop = frozenset({tokenizer.eos_token_id, *stop})
        self.mismatches = 0
        self._endpoint = Endpoint(base_url, timeout=timeout, retries=retries, sleep=sleep)
        self._update = Endpoint(update_url, timeout=deadline, retries=retries, sleep=sleep) if update_url else None
        self._concurrency, self._deadline = concurrency, deadline
        self._max_length = max_length

    @classmethod
    def load(cls, source: str | Path, base_url: str, model: str | None = None, **options: Any) -> ServerPolicy:
        """Return the policy of a server that serves a local folder or a hub id.

        Args:
            source: where the tokenizer and the model's generation settings (its end tokens) are read; no weights are.
            base_url: of the server.
            model: as the server names it; `source`, which is the name by default, when left out.
            options: further ones of the constructor.

        Raises:
            InvalidValue: where no tokenizer can be read.
        """
        tokenizer = text.load_tokenizer(source)
        try:
            named = GenerationConfig.from_pretrained(str(source)).eos_token_id
        except (OSError, ValueError):  # a model need not have such settings
            named = None
        stop = named if isinstance(named, list) else [] if named is None else [named]
        return cls(base_url, model or str(source), tokenizer, stop=stop, **options)

    def act(
        self, prompts: Sequence[Sequence[int]], uniforms: NDArray[np.float64] | None, max_tokens: int | None = None
    ) -> list[Reply]:
        """Reply to many prompts at once, at temperature 1.

        Args:
            prompts: token ids, none empty.
            uniforms: float64 [len(prompts), tokens] in [0, 1); the first draw of a row becomes the seed of its request.
                None for the likeliest tokens. Equal draws ask for equal replies; whether the server keeps to that under
                another load is up to its own settings for determinism.
            max_tokens: of a reply; as many as there are draws when left out.

        Raises:
            InvalidValue: when the server leaves out token ids or log-probs, returns what does not fit this tokenizer,
                or refuses every request (wrong URL, key or model).
            AgentFailed: when the last attempt of a request failed, or the server refuses this one (a prompt that is too
                long).
        """
        limit = max_tokens if max_tokens is not None else 0 if uniforms is None else uniforms.shape[1]
        if limit < 1 or (uniforms is not None and len(uniforms) != len(prompts)):
            raise InvalidValue("act needs max_tokens >= 1 and, to sample, one row of draws per prompt")
        if not all(prompts):
            raise InvalidValue("an empty prompt: it needs at least one token")
        if not prompts:
            return []
        seeds: list[int | None] = [None] * len(prompts)
        if uniforms is not None:
            seeds = [int(row[0] * (1 << 31)) for row in uniforms]
        end = time.monotonic() + self._deadline
        pool = ThreadPoolExecutor(min(self._concurrency, len(prompts)), "server-policy")
        try:
            read = list(pool.map(lambda prompt, seed: self._ask(prompt, seed, limit, end), prompts, seeds))
        finally:
            pool.shutdown(cancel_futures=True)
        self._check_texts(read)
        return [self._reply(one) for one in read]

    def fits(self, prompt: Sequence[int], more: int) -> bool:
        """Return whether the server can read the prompt and a reply of `more` tokens, as far as `max_length` tells."""
        return len(prompt) > 0 and (self._max_length is None or len(prompt) + more <= self._max_length)

    def reload(self, path: str | Path) -> None:
        """Have the server take the weights of a folder that it can read: `POST update_url {"model_path": ...}`.

        That is SGLang's `/update_weights_from_disk`, which also empties its cache of prefixes. vLLM's own server has no
        such address; one with a worker extension that loads weights from a folder does.

        Raises:
            InvalidValue: where no `update_url` is configured, or the server says that it did not take them.
            AgentFailed: when the server fails or refuses the request.
        """
        if self._update is None:
            raise InvalidValue(
                f"this server's weights cannot be changed: give update_url=URL of its weight update (SGLang: "
                f"http://HOST:PORT/update_weights_from_disk), or start the server again on {path}"
            )

        def read(body: bytes) -> None:
            try:
                answer = json.loads(body)
            except ValueError:
                return
            if isinstance(answer, dict) and answer.get("success") is False:
                raise InvalidValue(
                    f"{path}: the server did not take the weights ({answer.get('message', 'no reason')})"
                )

        self._update.post("", {"model_path": str(Path(path).resolve())}, read)

    def _ask(self, prompt: Sequence[int], seed: int | None, limit: int, end: float) -> _Read:
        request: dict[str, Any] = {
            "model": self.model,
            "prompt": list(prompt),
            "max_tokens": limit,
            "temperature": 0.0 if seed is None else 1.0,
            "logprobs": 0,  # of the sampled token alone
            "return_token_ids": True,
            "return_tokens_as_token_ids": True,
            "stop_token_ids": sorted(self.stop),
            "skip_special_tokens": False,
            **_PLAIN,
        }
        if seed is not None:
            request["seed"] = seed
        return self._endpoint.post("/completions", request, lambda body: self._read(body, prompt, limit), deadline=end)

    def _read(self, body: bytes, prompt: Sequence[int], limit: int) -> _Read:
        """Return the reply of an answer, checked."""
        try:
            choice = json.loads(body)["choices"][0]
            written, reason = choice["text"], choice["finish_reason"]
            logprobs = (choice.get("logprobs") or {}).get("token_logprobs")
            ids = choice.get("token_ids")
            if ids is None:
                ids = _named_ids((choice.get("logprobs") or {}).get("tokens"))
        except (ValueError, LookupError, TypeError, AttributeError):
            raise Malformed(f"the answer is no completion ({body[:200]!r})") from None
        if reason not in ("stop", "length") or not isinstance(written, str):
            raise Malformed(f"the answer is no finished completion ({body[:200]!r})")
        if not isinstance(ids, list) or not isinstance(logprobs, list):
            missing = "log-probs" if isinstance(ids, list) else "token ids"
            raise InvalidValue(
                f"{self._endpoint.url} returned no {missing}, which training needs as sampled; start {_START}"
            )
        self._check_ids(ids, reason, limit)
        seen = choice.get("prompt_token_ids")
        if seen is not None and seen != list(prompt):
            raise self._refused(f"read a prompt of {len(seen)} tokens that is not the one sent ({len(prompt)} tokens)")
        if len(logprobs) != len(ids):
            raise self._refused(f"returned {len(ids)} token ids and {len(logprobs)} log-probs")
        if not all(isinstance(one, float | int) and math.isfinite(one) and one <= 1e-3 for one in logprobs):
            raise self._refused("returned a log-prob that is no finite number of at most 0")
        return _Read(ids, [float(one) for one in logprobs], written)

    def _check_ids(self, ids: list[Any], reason: str, limit: int) -> None:
        known = len(self.tokenizer)
        strange = [one for one in ids if type(one) is not int or not 0 <= one < known]
        if strange:
            raise self._refused(f"returned the token {strange[0]!r}, and the tokenizer knows 0 to {known - 1}")
        if not 1 <= len(ids) <= limit:
            raise self._refused(f"returned {len(ids)} tokens where 1 to {limit} were asked for")
        if any(one in self.stop for one in ids[:-1]) or (reason == "stop" and ids[-1] not in self.stop):
            raise self._refused(f"ends replies elsewhere than at the tokens {sorted(self.stop)}")

    def _refused(self, what: str) -> InvalidValue:
        return InvalidValue(f"{self._endpoint.url} {what}; start the server on the model of this tokenizer")

    def _check_texts(self, read: list[_Read]) -> None:
        """Refuse replies whose ids are not those of their text: then the server has another tokenizer."""
        differ = [one for one in read if not self._same(one)]
        self.mismatches += len(differ)
        if differ:
            raise self._refused(
                f"returned token ids that do not decode to its text in {len(differ)} of {len(read)} replies "
                f"(first: {differ[0].text[:60]!r})"
            )

    def _same(self, one: _Read) -> bool:
        """Compare texts but for what servers do at the edges: a first blank, and halves of characters."""
        ours = self.tokenizer.decode(
            self._body(one.token_ids), skip_special_tokens=False, clean_up_tokenization_spaces=False
        )
        return _whole(ours) == _whole(one.text)

    def _body(self, ids: list[int]) -> list[int]:
        return ids[:-1] if ids[-1] in self.stop else ids

    def _reply(self, one: _Read) -> Reply:
        body = self._body(one.token_ids)
        return Reply(one.token_ids, one.logprobs, text.decode(self.tokenizer, body), len(body) < len(one.token_ids))


def _named_ids(tokens: Any) -> list[int] | None:
    """Return the ids of `token_id:<id>` names, None where they are no such names."""
    if not isinstance(tokens, list) or not all(isinstance(one, str) and one.startswith(_ID) for one in tokens):
        return None
    return [int(one.removeprefix(_ID)) for one in tokens]


def _whole(written: str) -> str:
    return written.removeprefix(" ").replace("\ufffd", "")
