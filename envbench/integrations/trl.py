"""The environments, and any advantage method of `envbench.credit`, inside TRL's `GRPOTrainer` (extra `trl`).

    from trl import GRPOConfig
    from envbench.integrations.trl import CreditGRPOTrainer

    args = GRPOConfig("out", num_generations=8, per_device_train_batch_size=16, max_completion_length=1024)
    CreditGRPOTrainer(model, "envbench/Sokoban-v0", method="gigpo", args=args, processing_class=tokenizer).train()

`EpisodeRollouts` alone is a `rollout_func` for TRL's own trainer, with `episode_return` as its reward function.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping
from importlib import import_module
from typing import Any, ClassVar

import torch
from torch import Tensor

from envbench import credit
from envbench.errors import InvalidValue, MissingExtra
from envbench.integrations.episodes import EpisodePlayer, Episodes, columns_of
from envbench.policies.lm.policy import CausalLMPolicy, base_of
from envbench.seeding import derive_seed

try:  # by name: type checkers would take this very file for `trl`
    trl: Any = import_module("trl")
    GRPOTrainer: Any = trl.GRPOTrainer
    Dataset: Any = import_module("datasets").Dataset
except ModuleNotFoundError as error:
    raise MissingExtra("envbench.integrations.trl", "trl", str(error.name)) from None

_HOOK = "_generate_and_score_completions"


class EpisodeRollouts(EpisodePlayer):
    """A `rollout_func` of TRL: plays whole episodes with the model that is being trained, in this process.

    The prompts of the data set are task ids; the true prompts are in `prompt_ids`. Arguments are those of
    `EpisodePlayer`.

    Attributes:
        last: what was played last.
        sampler: makes of a model and a tokenizer what plays.
    """

    sampler: ClassVar[Callable[[Any, Any], CausalLMPolicy]] = CausalLMPolicy
    last: Episodes | None = None
    _policy: CausalLMPolicy | None = None
    _at, _calls = -1, 0  # step of training, calls in it so far

    def dataset(self) -> Any:
        """Return the panel as a data set of TRL."""
        return Dataset.from_dict({"prompt": [task.id for task in self.tasks]})

    def __call__(self, prompts: list[str], trainer: Any) -> dict[str, Any]:
        """Play one episode per prompt; equal neighbours are a group.

        The noise and the draws come from the step of training and the number of the call in it, so a resumed run plays
        as the uninterrupted one would.
        """
        training = trainer.model.training
        size = trainer.num_generations if training else trainer.num_generations_eval
        if len(prompts) % size or any(len(set(prompts[at : at + size])) > 1 for at in range(0, len(prompts), size)):
            raise InvalidValue(f"{len(prompts)} prompts are no whole groups of {size}; train in one process")
        step = trainer.state.global_step
        self._calls = self._calls + 1 if step == self._at else 0
        self._at = step
        iteration = derive_seed(step, "train" if training else "eval", self._calls)
        model = base_of(trainer.accelerator.unwrap_model(trainer.model))
        if self._policy is None or self._policy.model is not model:
            self._policy = type(self).sampler(model, trainer.processing_class)
        model.eval()  # no dropout while sampling
        try:
            played = self.play(self._policy, prompts[::size], size, iteration, trainer.args.max_completion_length)
        finally:
            model.train(training)
        self.last = played
        return {
            "prompt_ids": [row.prompt for row in played.rows],
            "completion_ids": [row.completion for row in played.rows],
            "logprobs": [row.logprobs for row in played.rows],
            "env_mask": [row.mask for row in played.rows],
            "env_return": played.returns,
        }


def episode_return(prompts: list[Any], completions: list[Any], env_return: list[float], **_: Any) -> list[float]:
    """Return the undiscounted return of each episode: the reward function to go with `EpisodeRollouts`."""
    return env_return


class CreditGRPOTrainer(GRPOTrainer):  # type: ignore[misc]  # TRL has no types
    """TRL's trainer on an environment, with the advantages of a credit method in place of its own.

    Whole episodes are one completion each, with one advantage per token. Tokens that the method drops (weight 0, as in
    episodes that the environment did not survive) leave the loss and its normaliser.

    TRL's own advantages, which divide by the group's sample deviation plus 1e-4, are method `grpo` with
    `options={"epsilon": 1e-4}`; its `scale_rewards="none"` is `{"scale": "none"}`, and its `"batch"` has no
    counterpart. `scale_rewards` itself has no effect here.

    Args:
        model: a causal model, or its name, as for TRL.
        env: gymnasium id, or `EpisodeRollouts` for other than its defaults.
        method: an advantage method of `envbench.credit`.
        options: of the method.
        shaping: shaping methods that run before it, by name, with their options.
        args: `GRPOConfig`; its `num_generations` is the group size and its `max_completion_length` bounds the tokens of
            an episode, the first prompt included. It has to sample at temperature 1, without vLLM, in one process.
        more: further arguments of `GRPOTrainer`, `processing_class` among them.

    Raises:
        InvalidValue: for an installed TRL without the hook, or arguments that do not go with it.
        UnknownName: for a method or option that does not exist. MissingColumn: for a method that reads what these
            rollouts do not record, such as a critic's values.
    """

    def __init__(
        self,
        model: Any,
        env: str | EpisodeRollouts,
        method: str = "grpo",
        options: Mapping[str, Any] | None = None,
        *,
        shaping: Mapping[str, Mapping[str, Any]] | None = None,
        args: Any = None,
        **more: Any,
    ) -> None:
        check_hook()
        taken = sorted({"reward_funcs", "train_dataset", "rollout_func", "tools", "environment_factory"} & set(more))
        if taken:
            raise InvalidValue(f"{', '.join(taken)}: the environment gives these; leave them out")
        self.rollouts = EpisodeRollouts(env) if isinstance(env, str) else env
        self.method, self.options, self.shaping = method, dict(options or {}), dict(shaping or {})
        if method == "seeupo":
            raise InvalidValue("seeupo updates turn by turn, last first, which TRL does not; use `envbench train`")
        self.rollouts.read(columns_of({**self.shaping, method: self.options}))
        super().__init__(
            model=model,
            reward_funcs=episode_return,
            args=args,
            train_dataset=self.rollouts.dataset(),
            rollout_func=self.rollouts,
            **more,
        )
        _check_args(self)

    def _generate_and_score_completions(self, inputs: list[dict[str, Any]]) -> dict[str, Any]:
        output: dict[str, Any] = super()._generate_and_score_completions(inputs)
        played = self.rollouts.last
        assert played is not None  # the call above has played
        value, keep = self._credit(played, output["completion_ids"].shape[1])
        mask = keep.to(output["completion_ids"])
        output["advantages"] = value.to(output["advantages"])
        output["tool_mask"] = mask
        kept = (output["completion_mask"] * mask).sum()
        output["num_items_in_batch"] = self.accelerator.gather(kept).sum()
        self._report(played, value, keep)
        if self.model.training:
            self.rollouts.learn(played)
        return output

    def _credit(self, played: Episodes, width: int) -> tuple[Tensor, Tensor]:
        """Return the advantages float64 [E, width], 0 elsewhere, and bool [E, width], the tokens to train on."""
        batch = played.batch
        for name, given in self.shaping.items():
            batch = credit.shape(name, batch, **given)
        found = credit.advantages(self.method, batch, **self.options)
        value = found.value.double()
        weight = torch.ones_like(value) if found.weight is None else found.weight.double()
        if found.level == "step":
            assert batch.token_step is not None  # the player fills it
            value, weight = (one.index_select(0, batch.token_step) for one in (value, weight))
        if not bool(torch.isfinite(value).all()):
            raise InvalidValue(f"{self.method}: the advantages are not finite; look at its options")
        ours = torch.zeros(len(played.rows), width, dtype=torch.bool)
        for number, row in enumerate(played.rows):
            ours[number, : len(row.mask)] = torch.tensor(row.mask, dtype=torch.bool)
        full = torch.zeros(ours.shape, dtype=torch.float64)
        return full.masked_scatter(ours, value * weight), ours.masked_scatter(ours, weight > 0.0)

    def _report(self, played: Episodes, value: Tensor, keep: Tensor) -> None:
        mode = "train" if self.model.training else "eval"
        turns = played.turns
        figures = {
            "rollout/success": played.share("success"),
            "rollout/cut": played.share("agent_error"),
            "rollout/env_error": played.share("env_error"),
            "rollout/turns": len(turns) / len(played.rows),
            "rollout/format_valid": sum(turn.format_valid for turn in turns) / len(turns),
            "credit/advantage_rms": float(value[keep].square().mean().sqrt()) if bool(keep.any()) else 0.0,
        }
        for name, figure in figures.items():
            self._metrics[mode][name].append(figure)


def check_hook(trainer: Any = GRPOTrainer) -> None:
    """Raise `InvalidValue` where the installed TRL has not what `CreditGRPOTrainer` builds on.

    That is the method it extends, `rollout_func`, and a loss that takes advantages of shape (rows, tokens) as they are.
    """
    hook: Callable[..., Any] | None = getattr(trainer, _HOOK, None)
    loss: Callable[..., Any] | None = getattr(trainer, "_compute_loss", None)
    fits = (
        hook is not None
        and loss is not None
        and "rollout_func" in inspect.signature(trainer.__init__).parameters
        and "advantages.dim() == 1" in inspect.getsource(loss)
    )
    if not fits:
        raise InvalidValue(
            f'trl {trl.__version__} cannot take advantages per token from outside; run: pip install "envbench[trl]"'
        )


def _check_args(trainer: Any) -> None:
    """Refuse what would make the rollouts other than what the loss assumes."""
    args = trainer.args
    if args.use_vllm:
        raise InvalidValue("use_vllm=True: the model plays in this process; leave it out")
    if trainer.accelerator.num_processes > 1:
        raise InvalidValue("credit needs whole groups at one place: train in one process")
    plain = {"temperature": (1.0,), "top_p": (1.0,), "top_k": (0, -1, None), "min_p": (None, 0.0)}
    for name, values in (plain | {"repetition_penalty": (1.0,)}).items():
        if getattr(args, name) not in values:
            raise InvalidValue(f"{name}={getattr(args, name)!r}: replies are sampled with {values[0]!r}; leave it out")
