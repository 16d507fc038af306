"""What a training run of a language model is told, checked before anything is loaded."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from math import inf
from typing import Any, Literal, Self, TypeAlias, get_args

import torch

from envbench.agents.prompts import load_prompt
from envbench.credit.options import configure
from envbench.errors import InvalidValue, UnknownName
from envbench.registry import card_of, panel
from envbench.rollout.fill import check_columns
from envbench.rollout.turn_columns import TURN_PRODUCERS, TURN_REFUSED
from envbench.train.config import RunConfig, check_choices, check_count
from envbench.train.losses import PolicyLossConfig
from envbench.train.update import UpdateConfig
from envbench.types import Panel

Dtype: TypeAlias = Literal["float32", "bfloat16"]
Unit: TypeAlias = Literal["row", "episode"]


@dataclass(frozen=True, slots=True, kw_only=True)
class LMConfig(RunConfig):
    """One training run of a language model.

    Attributes:
        model: folder (`envbench model new`, `envbench model warmup`) or hub id.
        style, history, dialogue, max_tokens: of prompts and replies, as for the agent `policy`.
        invalid_penalty: taken from the reward of a step whose action the environment refused, before any method sees
            it. Without it, where steps cost something, a refused action is the cheapest one, and that is what is
            learnt. verl-agent's penalty on the row's score alone is the shaping method `invalid_action_penalty`.
        learning_rate: of AdamW, constant. betas, weight_decay: of AdamW.
        epochs: passes over the rows of an iteration. minibatches: optimizer steps in a pass, each on whole groups.
        loss: options of `PolicyLossConfig` that differ from its defaults.
        unit: over what sequence aggregations go: `row` (a turn) or `episode`.
        max_grad_norm, token_budget, share_prefix, value_coef, value_clip: as in `UpdateConfig`.
        slots: episodes played side by side.
        device: as torch names it. dtype: `bfloat16` computes in it under autocast; weights that are trained stay
            float32. threads: of torch on the CPU; another number gives other last bits, so it identifies a run.
        gradient_checkpointing: compute activations again in the backward pass instead of keeping them.
        lora_rank: 0 trains every weight; above it, adapters of this rank on every linear map of the layers (peft).
            lora_alpha, lora_dropout: of the adapters.
        server: base URL of an OpenAI-compatible server (vLLM, SGLang) that writes the replies of training episodes;
            None for the model itself. server_update_url: address at which it takes the weights of a folder
            (`ServerPolicy.reload`); needed for more than one iteration. server_folder: where they are written for it,
            after every iteration and when a run is taken up again.
        validate_every: iterations between two validations; 0 for none. The last iteration is validated too.
        validate_split: for validation; `val` where the data set has one. validate_tasks: the first N of it.
            validate_trials: episodes per task.
        test_tasks: after the last iteration the policy is tested on the first N tasks of the evaluation split; 0 for no
            test. test_trials: episodes per task.
    """

    model: str
    style: str = "observation"
    history: int = 0
    dialogue: bool = False
    max_tokens: int = 16
    invalid_penalty: float = 0.1
    learning_rate: float = 3e-4
    betas: tuple[float, float] = (0.9, 0.95)
    weight_decay: float = 0.0
    epochs: int = 1
    minibatches: int = 4
    loss: Mapping[str, Any] = field(default_factory=dict)
    unit: Unit = "row"
    max_grad_norm: float = 1.0
    token_budget: int = 16384
    share_prefix: bool = True
    value_coef: float = 0.5
    value_clip: float | None = None
    slots: int = 256
    device: str = "cpu"
    dtype: Dtype = "float32"
    threads: int = 1
    gradient_checkpointing: bool = False
    lora_rank: int = 0
    lora_alpha: int = 16
    lora_dropout: float = 0.0
    server: str | None = None
    server_update_url: str | None = None
    server_folder: str | None = None
    validate_every: int = 0
    validate_split: str | None = None
    validate_tasks: int = 64
    validate_trials: int = 1
    test_tasks: int = 0
    test_trials: int = 1

    def __post_init__(self) -> None:
        RunConfig.__post_init__(self)
        counts = ("max_tokens", "epochs", "minibatches", "token_budget", "slots", "threads", "lora_alpha")
        for name in (*counts, "validate_tasks", "validate_trials", "test_trials"):
            check_count(name, getattr(self, name))
        for name in ("history", "lora_rank", "validate_every", "test_tasks"):
            check_count(name, getattr(self, name), least=0)
        check_choices(self, dtype=get_args(Dtype), unit=get_args(Unit))
        if len(self.betas) != 2 or not all(_is_number(one, 1.0) for one in self.betas):
            raise InvalidValue(f"betas={list(self.betas)}: expected two numbers from 0 up to 1, e.g. [0.9, 0.95]")
        for name, bound in (("invalid_penalty", inf), ("weight_decay", inf), ("lora_dropout", 1.0)):
            if not _is_number(getattr(self, name), bound):
                raise InvalidValue(
                    f"{name}={getattr(self, name)}: expected a number from 0 up" + " to 1" * (bound == 1.0)
                )
        check_device(self.device)
        self.loss_config()
        self.update_config()
        if not self.max_grad_norm:
            raise InvalidValue("max_grad_norm=0: nothing would be learnt; expected a number above 0, e.g. 1.0")
        if self.server is None:
            for name in ("server_update_url", "server_folder"):
                if getattr(self, name) is not None:
                    raise InvalidValue(
                        f"{name}: there is no server to give weights to; give server=URL, or leave it out"
                    )
        if self.server is not None and self.iterations > 1 and not (self.server_update_url and self.server_folder):
            raise InvalidValue(
                "a server that writes the replies must take new weights after every iteration: give server_update_url "
                "and server_folder (a folder that it can read), or iterations=1"
            )
        if not self.model:
            raise InvalidValue(
                "a language model needs --model DIR; `envbench model new --size nano --out DIR` makes one"
            )

    def loss_config(self) -> PolicyLossConfig:
        """Return the options of the policy loss."""
        return configure(PolicyLossConfig, self.loss, "loss")

    def update_config(self) -> UpdateConfig:
        """Return the options of an optimiser step."""
        return UpdateConfig(self.max_grad_norm, self.token_budget, self.share_prefix, self.value_coef, self.value_clip)

    def resolved(self) -> Self:
        """As `RunConfig.resolved`; a column that cannot be filled, or a style without a prompt, is refused."""
        filled = super(LMConfig, self).resolved()
        load_prompt(card_of(self.env), self.style)
        check_columns(filled.needs(), filled.continuations or 0, TURN_PRODUCERS, TURN_REFUSED)
        filled.validation_panel()
        tested = len(filled.test_panel()) if self.test_tasks else 0
        if tested < self.test_tasks:
            raise InvalidValue(
                f"test_tasks={self.test_tasks}: the evaluation split has {tested} tasks; ask for at most that many"
            )
        return filled

    def validation_panel(self) -> Panel:
        """Return the tasks that are validated on."""
        section = card_of(self.env).dataset(self.dataset)
        default = "val" if "val" in section.splits else section.eval_split
        chosen = default if self.validate_split is None else self.validate_split
        if chosen not in section.splits:
            raise UnknownName("split", chosen, section.splits, f"({self.dataset})")
        return self._first(chosen, self.validate_tasks)

    def test_panel(self) -> Panel:
        """Return the tasks that the policy is tested on."""
        return self._first(card_of(self.env).dataset(self.dataset).eval_split, self.test_tasks)

    def _first(self, split: str, count: int) -> Panel:
        whole = panel(self.env, self.dataset, split, **self.knobs)
        return whole[: min(count, len(whole))]

    def plain(self) -> dict[str, Any]:
        """Return the configuration as plain data."""
        return {**RunConfig.plain(self), "loss": dict(self.loss), "betas": list(self.betas)}


def check_device(device: str) -> None:
    """Raise `InvalidValue` for what is no device that can compute; whether this machine has it shows at loading."""
    try:
        kind = torch.device(device).type
    except RuntimeError:
        kind = "meta"
    if kind == "meta":
        raise InvalidValue(f"device={device!r}: expected a device of torch that computes, e.g. cpu, cuda or cuda:1")


def _is_number(value: object, bound: float) -> bool:
    """Return whether a value is a number from 0 up to `bound`, which is excluded."""
    return isinstance(value, int | float) and not isinstance(value, bool) and 0.0 <= value < bound
