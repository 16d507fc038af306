"""What a GPU cannot do without: bytes and operations of sampling and of an update, by arithmetic on a model's shape.

Weights that are trained are float32 and cast to bfloat16 by autocast; frozen ones under adapters are bfloat16. Counts
of saved activations are those of `FastForward`; a test holds them to what autograd really saves.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, fields
from typing import Any

from envbench.agents.prompting import Prompting
from envbench.env import Env
from envbench.policies.lm.build import Shape, weights_of
from envbench.policies.lm.tokenizer import encode
from envbench.seeding import choice, derive_seed, generator
from envbench.train.packed import TokenRow, pack
from envbench.types import Task

# The published shapes of Qwen2.5.
MODELS = {
    "0.5B": Shape(896, 24, 14, 2, 4864, 151936),
    "1.5B": Shape(1536, 28, 12, 2, 8960, 151936),
}
# The workload of the account: places of a micro-batch, those with logits, tokens of a packed row; and 8 groups of 8
# conversations of 15 WebShop steps.
PLACES, READS, LENGTH = 16384, 1024, 2048
EPISODES, TOKENS = 64, 6000
_WAYS: Mapping[str, Mapping[str, Any]] = {
    "all weights": {},
    "all weights, checkpointed": {"checkpointing": True},
    "LoRA 16, checkpointed": {"lora_rank": 16, "checkpointing": True},
}
_HALF, _FULL = 2, 4  # bytes of a number
_ADAM = 2 * _FULL  # its two moments
_LOGIT = 5 * _FULL  # of one logit: itself, and the steps of the entropy
_MAPS = 7  # linear maps of a layer


@dataclass(frozen=True, slots=True)
class Card:
    """What the maker of a card states: bytes, bytes/s, and bfloat16 operations/s of matrix products, not sparse."""

    memory: float
    bandwidth: float
    operations: float


CARDS = {"H100": Card(80e9, 3.35e12, 989e12), "H200": Card(141e9, 4.8e12, 989e12)}


@dataclass(frozen=True, slots=True)
class Memory:
    """Bytes of a training run.

    Attributes:
        weights: as they are kept, adapters included. cast: their bfloat16 copies while a forward runs.
        gradients, optimizer: of what is trained.
        activations: kept for the backward pass of one micro-batch. logits: of the places that predict a policy token.
        cache: keys and values while replies are sampled.
    """

    weights: int
    cast: int
    gradients: int
    optimizer: int
    activations: int
    logits: int
    cache: int

    @property
    def peak(self) -> int:
        """The larger of what sampling and the update hold at once."""
        update = self.gradients + self.activations + self.logits
        return self.weights + self.cast + self.optimizer + max(update, self.cache)


def memory(
    shape: Shape,
    *,
    places: int,
    reads: int,
    rows: int,
    tokens: int,
    lora_rank: int = 0,
    checkpointing: bool = False,
) -> Memory:
    """Return the bytes of training a model.

    Args:
        shape: of the model.
        places: of one micro-batch (`token_budget`).
        reads: those of them that predict a policy token.
        rows: episodes whose keys and values are kept at once.
        tokens: of each.
        lora_rank: of adapters on every linear map of the layers; 0 trains every weight.
        checkpointing: activations inside a layer are computed again in the backward pass.
    """
    whole, added = weights_of(shape), adapters(shape, lora_rank)
    trained = added if lora_rank else whole
    layer = layer_bytes(shape, lora_rank)
    between = (_HALF if lora_rank else _FULL) * shape.hidden
    kept = shape.layers * between + layer if checkpointing else shape.layers * layer
    return Memory(
        weights=_HALF * whole + _FULL * added if lora_rank else _FULL * whole,
        cast=_HALF * trained,
        gradients=_FULL * trained,
        optimizer=_ADAM * trained,
        activations=places * kept,
        logits=reads * shape.vocabulary * _LOGIT,
        cache=rows * tokens * cache_bytes(shape),
    )


def adapters(shape: Shape, rank: int) -> int:
    """Return how many weights LoRA adds: rank times the two sides of every linear map of the layers."""
    keys = _key_width(shape)
    sides = 2 * (shape.hidden + shape.hidden) + 2 * (shape.hidden + keys) + 3 * (shape.hidden + shape.inner)
    return shape.layers * rank * sides


def layer_bytes(shape: Shape, lora_rank: int = 0) -> int:
    """Return the bytes that one layer saves for the backward pass at one place, under bfloat16 autocast.

    By parts: the stream, its norms and the casts in front of the linear maps (30 bytes a unit of width where weights
    are trained, 24 where they are frozen bfloat16), keys and values, the gate and its products, two float32 numbers of
    the norms, one of the attention's softmax by head, and what adapters have in between.
    """
    stream = 24 if lora_rank else 30
    small = 2 * _FULL + _FULL * shape.heads + _MAPS * _HALF * lora_rank
    return stream * shape.hidden + 2 * _HALF * _key_width(shape) + 4 * _HALF * shape.inner + small


def cache_bytes(shape: Shape) -> int:
    """Return the bytes of the keys and values of one token in all layers, in bfloat16."""
    return shape.layers * 2 * _key_width(shape) * _HALF


def decode_floor(shape: Shape, rows: int, tokens: int, bandwidth: float) -> float:
    """Return the seconds of one decoded token in every row if memory were the only limit, in bfloat16.

    Args:
        shape: of the model.
        rows: decoded at once.
        tokens: that each row has read.
        bandwidth: bytes/s.
    """
    return (_HALF * weights_of(shape) + rows * tokens * cache_bytes(shape)) / bandwidth


def update_operations(
    shape: Shape,
    *,
    places: int,
    length: int,
    reads: int,
    lora_rank: int = 0,
    checkpointing: bool = False,
) -> float:
    """Return the operations of the matrix products of a forward and a backward pass.

    A product of the forward counts 2 for each weight and place; the backward does two such products, of which frozen
    weights spare one; checkpointing does the forward once more, but for the last map of each layer, whose result the
    backward does not need. Attention is counted as causal rows of `length`.

    Args:
        shape: of the model.
        places: in all.
        length: of a packed row.
        reads: places with logits.
        lora_rank: above 0, weights are frozen.
        checkpointing: as for `memory`.
    """
    keys = _key_width(shape)
    last = shape.hidden * shape.inner
    linear = 2 * shape.hidden**2 + 2 * shape.hidden * keys + 3 * last
    passes, again = (2.0 if lora_rank else 3.0), (1.0 if checkpointing else 0.0)
    inside = 2.0 * (linear * passes + (linear - last) * again) + 2.0 * length * shape.hidden * (3.0 + again)
    small = 2.0 * adapters(shape, lora_rank) * (3.0 + again)
    return places * (shape.layers * inside + small) + reads * 2.0 * shape.hidden * shape.vocabulary * passes


def walks(
    env: Env[Any], tasks: Sequence[Task], prompting: Prompting, tokenizer: Any, *, group: int, steps: int, seed: int = 0
) -> Iterator[TokenRow]:
    """Yield the rows of groups that act at random: the prompt at each step, and the action as the reply.

    Args:
        env: not wrapped.
        tasks: one group each.
        prompting: asks as the trainer will.
        tokenizer: of `transformers`.
        group: episodes of a task.
        steps: of an episode, at most.
        seed: of the actions.
    """
    for task in tasks:
        for member in range(group):
            bits = generator(derive_seed(seed, "gpu walk", task.id, member))
            observation, info = env.reset(seed=member, options={"task": task.id})
            talk = prompting.talk(env.max_steps)
            for _ in range(steps):
                prompt, action = talk.ask(observation, info), choice(bits, info["valid_actions"] or ("",))
                reply = (*encode(tokenizer, action), tokenizer.eos_token_id)
                yield TokenRow(prompt, reply)
                talk.hear(action, True, reply)
                observation, _, _, _, info = env.step(action)
                if "outcome" in info:
                    break


def sharing(rows: Sequence[TokenRow], budget: int = 16384) -> dict[str, float]:
    """Return what is computed in an update on these rows: `repeated` and `shared` places, `ratio`, and `prompt` tokens.

    `prompt` is the mean length of a prompt, `reads` the share of the shared places that predict a policy token.
    """
    everything = [True] * len(rows)
    repeated = sum(len(row.prompt) + len(row.reply) - 1 for row in rows)
    packed = pack(rows, everything, budget)
    shared = sum(int((one.segment >= 0).sum()) for one in packed)
    return {
        "prompt": sum(len(row.prompt) for row in rows) / len(rows),
        "repeated": float(repeated),
        "shared": float(shared),
        "ratio": repeated / shared,
        "reads": sum(len(one.read) for one in packed) / shared,
    }


def account() -> str:
    """Return the account as two Markdown tables: GB of training by part, and floors of time by card."""
    lines = [
        "| model | trained | weights | casts | gradients | optimizer | activations | logits | cache | peak, GB |",
        "|---|---|---|---|---|---|---|---|---|---|",
    ]
    for name, shape in MODELS.items():
        for words, how in _WAYS.items():
            used = memory(shape, places=PLACES, reads=READS, rows=EPISODES, tokens=TOKENS, **how)
            parts = [getattr(used, part) / 1e9 for part in (*(one.name for one in fields(Memory)), "peak")]
            lines.append(f"| {name} | {words} | " + " | ".join(f"{part:.2f}" for part in parts) + " |")
    lines += [
        "",
        "| model | card | a token in 256 rows of 512, ms | of 2,048 | update, all weights, ms | LoRA, checkpointed |",
        "|---|---|---|---|---|---|",
    ]
    for name, shape in MODELS.items():
        for card, made in CARDS.items():
            floors = [decode_floor(shape, 256, tokens, made.bandwidth) for tokens in (512, 2048)]
            for words in ("all weights", "LoRA 16, checkpointed"):
                work = update_operations(shape, places=PLACES, length=LENGTH, reads=READS, **_WAYS[words])
                floors.append(work / made.operations)
            lines.append(f"| {name} | {card} | " + " | ".join(f"{1e3 * one:.2f}" for one in floors) + " |")
    return "\n".join(lines)


def _key_width(shape: Shape) -> int:
    return shape.hidden * shape.key_heads // shape.heads
