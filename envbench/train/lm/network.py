"""The model that is trained: its weights, the critic's heads, the optimiser, and all of them as tensors by name."""

from __future__ import annotations

import copy
import math
import warnings
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from envbench.errors import InvalidValue, MissingExtra, RunUnreadable
from envbench.policies.lm.build import new_folder
from envbench.policies.lm.forward import FastForward, forward_of, pad, read_prompts
from envbench.policies.lm.library import FAILURES, pick_logprobs, tolerance, window_of
from envbench.policies.lm.policy import CausalLMPolicy
from envbench.policies.lm.quiet import quiet
from envbench.rollout.turn_columns import Scores
from envbench.runs.files import plain_errors
from envbench.seeding import derive_seed
from envbench.train.lm.config import LMConfig
from envbench.train.packed import Forward, HFForward, TokenRow, pack, token_outputs
from envbench.train.targets import Heads

_SAMPLE, _REPLY = 12, 5  # tokens of the rows that a model is checked with
_SENSIBLE = 2e11  # weights times tokens: seconds on a CPU


class Network:
    """A policy whose weights are trained.

    Args:
        config: resolved. heads: names of the critic's heads, none for no critic.

    Attributes:
        policy: plays with the weights as they are. forward: runs packs. heads: of the critic, or None.
        optimizer: AdamW over what is trained.

    Raises:
        InvalidValue: for a model that cannot be read, does not fit, or is not trained as it plays (`check_scores`).
        MissingExtra: for adapters without peft.
    """

    def __init__(self, config: LMConfig, heads: Sequence[str] = ()) -> None:
        self._config = config
        torch.set_num_threads(config.threads)
        half = config.dtype == "bfloat16" and config.lora_rank > 0  # frozen weights need no precision
        self.policy = CausalLMPolicy.load(config.model, config.device, config.dtype if half else "float32")
        self._adapted: Any = None
        if config.lora_rank:
            self._adapted = _adapters(self.policy.model, config)
            self.policy.forward = forward_of(self.policy.model)
        self.policy.autocast = torch.bfloat16 if config.dtype == "bfloat16" else None
        self.policy.remember()
        packs = _packs_of(self.policy, config.gradient_checkpointing)
        check_scores(self.policy, packs, config.share_prefix)
        self.forward = _in_dtype(packs, self.policy)
        self._width = self.policy.model.get_output_embeddings().weight.shape[1]
        self.heads = Heads(self._width, heads).to(config.device) if heads else None
        self._named = self._trained()
        self.optimizer = torch.optim.AdamW(
            [one for _, one in self._named],
            lr=config.learning_rate,
            betas=config.betas,
            weight_decay=config.weight_decay,
        )
        self._reference: CausalLMPolicy | None = None

    def _trained(self) -> list[tuple[str, torch.nn.Parameter]]:
        named = [(f"model.{name}", one) for name, one in self.policy.model.named_parameters() if one.requires_grad]
        if self.heads is not None:
            named += [(f"heads.{name}", one) for name, one in self.heads.named_parameters()]
        return named

    @contextmanager
    def training(self, iteration: int) -> Iterator[None]:
        """Let dropout of adapters draw, from the seed of the iteration; the global generator is left as it was.

        The model's own dropout stays off: replies were drawn without it.
        """
        if not (self._config.lora_rank and self._config.lora_dropout):
            yield
            return
        devices = [] if self._config.device == "cpu" else [torch.device(self._config.device)]
        with torch.random.fork_rng(devices):
            torch.manual_seed(derive_seed(self._config.seed, iteration, "dropout"))
            adapters = [one for name, one in self.policy.model.named_modules() if name.endswith(".lora_dropout")]
            for one in adapters:
                one.train()
            try:
                yield
            finally:
                for one in adapters:
                    one.eval()

    def scores(self, rows: Sequence[TokenRow]) -> Scores:
        """Return what the model says of recorded rows."""
        logprob, entropy, hidden = self._read(self.forward, rows)
        values = {} if self.heads is None else self.heads(hidden)
        return Scores(
            logprob.double().cpu().numpy(),
            entropy.double().cpu().numpy(),
            {name: one.detach().double().cpu().numpy() for name, one in values.items()},
            hidden.float().cpu(),
        )

    def logprobs(self, rows: Sequence[TokenRow], keep: Sequence[bool]) -> Tensor:
        """Return float32 [L], log-probs of the tokens of the kept rows; 0 for those of others."""
        return self._read(self.forward, rows, keep)[0]

    def reference(self, rows: Sequence[TokenRow]) -> Tensor:
        """Return float32 [L], log-probs under the weights that training began with."""
        if self._adapted is not None:
            with self._adapted.disable_adapter():
                return self._read(self.forward, rows)[0]
        if self._reference is None:
            self._reference = CausalLMPolicy.load(self._config.model, self._config.device, "float32")
            self._reference.autocast = self.policy.autocast
        return self._read(_in_dtype(_packs_of(self._reference), self._reference), rows)[0]

    @torch.no_grad()
    def _read(
        self, forward: Forward, rows: Sequence[TokenRow], keep: Sequence[bool] | None = None
    ) -> tuple[Tensor, Tensor, Tensor]:
        config, count = self._config, sum(len(row.reply) for row in rows)
        logprob, entropy = (torch.zeros(count, device=config.device) for _ in range(2))
        hidden = torch.zeros(count, self._width, device=config.device)
        for micro in pack(rows, keep or [True] * len(rows), config.token_budget, share=config.share_prefix):
            here = micro.to(torch.device(config.device))
            outputs = token_outputs(forward, here)
            logprob.index_copy_(0, here.index, outputs.logprob)
            entropy.index_copy_(0, here.index, outputs.entropy)
            hidden.index_copy_(0, here.index, outputs.hidden.float())
        return logprob, entropy, hidden

    def tensors(self) -> dict[str, Tensor]:
        """Return the trained weights and the optimiser's state, by name."""
        found: dict[str, Tensor] = {name: one.detach() for name, one in self._named}
        for name, one in self._named:
            for key, value in sorted(self.optimizer.state[one].items()):
                found[f"optimizer.{name}.{key}"] = value
        return found

    def load(self, tensors: Mapping[str, Tensor]) -> None:
        """Go on from `tensors()`.

        Raises:
            RunUnreadable: for tensors of another model.
        """
        if {name for name in tensors if not name.startswith("optimizer.")} != {name for name, _ in self._named}:
            raise RunUnreadable("the checkpoint holds other weights than this model has: delete it to train anew")
        for name, one in self._named:
            with torch.no_grad():
                one.copy_(tensors[name])
            prefix = f"optimizer.{name}."
            state = {key.removeprefix(prefix): value for key, value in tensors.items() if key.startswith(prefix)}
            if state:
                self.optimizer.state[one] = {
                    key: value.clone() if key == "step" else value.to(one.device, copy=True)
                    for key, value in state.items()
                }

    def save(self, folder: Path) -> None:
        """Write the model and its tokenizer as a folder that `--model` takes; adapters are merged into the weights.

        Raises:
            DiskFull: when there is no room; what was there stays.
        """
        with plain_errors(folder), new_folder(folder) as unfinished:
            model = self.policy.model if self._adapted is None else copy.deepcopy(self._adapted).merge_and_unload()
            with quiet():
                model.save_pretrained(unfinished)
            self.policy.tokenizer.save_pretrained(unfinished)


class Autocast:
    """A forward pass under autocast. Weights are cast anew in every call: the next may follow an optimizer step."""

    def __init__(self, forward: Forward, kind: str, dtype: torch.dtype) -> None:
        self._forward, self._kind, self._dtype = forward, kind, dtype

    def outputs(self, tokens: Tensor, positions: Tensor, mask: Tensor | None, places: Tensor) -> tuple[Tensor, Tensor]:
        """As `Forward.outputs`."""
        with torch.autocast(self._kind, dtype=self._dtype):
            return self._forward.outputs(tokens, positions, mask, places)


def _packs_of(policy: CausalLMPolicy, checkpointing: bool = False) -> Forward:
    """Return what runs packs with the weights of a policy."""
    plain: Any = policy.forward
    if not isinstance(plain, FastForward):
        return HFForward(policy.model, checkpointing)
    plain.checkpointing = checkpointing
    return plain


def _in_dtype(forward: Forward, policy: CausalLMPolicy) -> Forward:
    """Return a forward that computes in the dtype that replies are computed in."""
    return forward if policy.autocast is None else Autocast(forward, policy.model.device.type, policy.autocast)


@torch.no_grad()
def check_scores(policy: CausalLMPolicy, forward: Forward, share: bool) -> None:
    """Refuse a model whose replies would be scored otherwise in training than when they were drawn.

    A few made-up rows with one prompt are scored in three ways, in the weights' own dtype: as they are sampled, as they
    are trained on, and, one of them, by the model's plain call. The mean difference of their log-probs may be no more
    than `tolerance`. The prompt is longer than a sliding window where that takes no more than seconds.

    Args:
        policy: plays.
        forward: runs packs.
        share: whether rows of one prompt are packed together.

    Raises:
        InvalidValue: naming the model's kind.
    """
    rows = _made_up(policy)
    device = policy.model.device
    replies = pad([row.reply for row in rows], device)
    cache, logits = read_prompts(policy.forward, [row.prompt for row in rows], len(rows[0].reply))
    drawn = policy.forward.score(cache, logits, *replies)
    if not bool(drawn.isfinite().all()):
        return  # said of the first replies, with what to do
    whole = policy.model(input_ids=torch.tensor([rows[0].prompt + rows[0].reply], device=device), use_cache=False)
    own = pick_logprobs(whole.logits[:, len(rows[0].prompt) - 1 : -1], replies[0][:1], replies[1][:1])
    limit = tolerance(policy.model.dtype)

    failed = list[str]()

    def difference(share: bool) -> float:
        """Return how far the rows are from what they should be, infinite where the model cannot run them."""
        try:
            packs = [one.to(device) for one in pack(rows, [True] * len(rows), 1 << 20, share=share)]
            found = torch.cat([token_outputs(forward, one).logprob for one in packs])
        except (*FAILURES, InvalidValue) as error:
            failed.append(" ".join(str(error).split())[:160])
            return math.inf
        found = found.index_select(0, torch.cat([one.index for one in packs]).argsort()).view_as(drawn)
        return max(float((found - drawn).abs().mean()), float((found[:1] - own).abs().mean()))

    apart = difference(share)
    if apart <= limit:
        return
    alone = share and difference(False) <= limit
    remedy = "put share_prefix = false into --config FILE" if alone else "train another model"
    reason = failed[0] if failed else f"log-probs {apart:.2g} apart, at most {limit:g} allowed"
    raise InvalidValue(
        f"model_type {policy.model.config.model_type!r}: replies are scored otherwise in training than when they are "
        f"drawn ({reason}): {remedy}"
    )


def _made_up(policy: CausalLMPolicy) -> list[TokenRow]:
    """Return three rows with one prompt."""
    model, window = policy.model, window_of(policy.model) or 0
    vocabulary = len(policy.tokenizer)
    length = window + _SAMPLE if (window + _SAMPLE) * model.num_parameters() <= _SENSIBLE else _SAMPLE
    length = max(1, min(length, policy.forward.max_length - _REPLY))
    prompt = tuple((7 + k * k + k // 5) % vocabulary for k in range(length))
    return [TokenRow(prompt, tuple((11 + (k + 3) * (row + 5)) % vocabulary for k in range(_REPLY))) for row in range(3)]


def _adapters(model: Any, config: LMConfig) -> Any:
    try:
        from peft import LoraConfig, get_peft_model
    except ModuleNotFoundError:
        raise MissingExtra("lora_rank", "train", "peft") from None
    with torch.random.fork_rng([]), warnings.catch_warnings():
        warnings.simplefilter("ignore", FutureWarning)  # peft asks transformers by a name that is going away
        warnings.filterwarnings("ignore", "fan_in_fan_out")  # GPT-2's layers, of which peft says what it does
        torch.manual_seed(derive_seed(config.seed, "adapters"))
        try:
            return get_peft_model(
                model,
                LoraConfig(
                    r=config.lora_rank,
                    lora_alpha=config.lora_alpha,
                    lora_dropout=config.lora_dropout,
                    target_modules="all-linear",
                    task_type="CAUSAL_LM",
                ),
            )
        except ValueError as error:
            raise InvalidValue(f"lora_rank={config.lora_rank}: {' '.join(str(error).split())[:160]}") from None
