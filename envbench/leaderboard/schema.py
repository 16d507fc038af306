"""What a bundle holds, as strict types with limits: what does not fit them is not read.

Text that is shown (names, options) is one line without control characters or marks that turn the direction of writing.
Numbers are finite, and bounded where a bound makes sense.
"""

from __future__ import annotations

import json
from typing import Annotated, Any, Final, Literal, TypeVar

import msgspec

from envbench.cards import KnobValue
from envbench.errors import BundleUnreadable

SCHEMA_VERSION: Final = 1

MAX_STEPS = 100_000  # of an episode
MAX_ACTION = 4_096  # characters

_ONE_LINE = "^[^\x00-\x1f\x7f-\x9f\u2028-\u202e\u2066-\u2069]*\\Z"
Line = Annotated[str, msgspec.Meta(max_length=300, pattern=_ONE_LINE)]
Name = Annotated[str, msgspec.Meta(min_length=1, max_length=120, pattern=_ONE_LINE)]
Whole = Annotated[int, msgspec.Meta(ge=0, le=2**53)]
Amount = Annotated[float, msgspec.Meta(ge=0, le=1e15)]
Share = Annotated[float, msgspec.Meta(ge=0, le=1)]
Seed = Annotated[int, msgspec.Meta(ge=0, le=2**63 - 1)]
Sha256 = Annotated[str, msgspec.Meta(pattern="^[0-9a-f]{64}\\Z")]
Key = Annotated[str, msgspec.Meta(pattern="^v1:[0-9a-f]{32}\\Z")]
Action = Annotated[str, msgspec.Meta(max_length=MAX_ACTION)]
Reward = Annotated[float, msgspec.Meta(ge=-1e9, le=1e9)]
Option = Annotated[str, msgspec.Meta(max_length=2_000)] | bool | int | float | None


class Metadata(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True, omit_defaults=True):
    """What the submitter says about a method; nothing here can be checked by replay.

    Attributes:
        method: name of the row.
        model: that decides, "" for none.
        parameters: of the model.
        tokens, env_steps, hours, cost_usd: that training took in all; None is not said, 0 is no training.
        paper, code, contact: a reference, the revision of the code, who answers questions.
        trained_on: panels that were trained on, as `<family>/<dataset>/<split>`.
    """

    method: Name
    model: Line = ""
    parameters: Whole | None = None
    tokens: Whole | None = None
    env_steps: Whole | None = None
    hours: Amount | None = None
    cost_usd: Amount | None = None
    paper: Line = ""
    code: Line = ""
    contact: Line = ""
    trained_on: Annotated[tuple[Line, ...], msgspec.Meta(max_length=50)] = ()


class AgentInfo(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """The agent of the run as `envbench eval` recorded it, without addresses and paths."""

    name: Name
    options: Annotated[dict[Name, Option], msgspec.Meta(max_length=100)] = {}


class Software(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """What played: version and code digest of envbench, version of Python."""

    envbench: Line
    code: Line
    python: Line


class PlanInfo(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True, omit_defaults=True):
    """The plan that was played, as `board.board_config` returns it."""

    env: Name
    dataset: Name
    split: Name
    knobs: Annotated[dict[Name, KnobValue], msgspec.Meta(max_length=100)]
    seed: Seed
    episodes: Whole
    trials: Whole
    panel: Sha256
    max_steps: Whole | None = None
    budget: dict[Name, Whole] | None = None


class Measure(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """A mean over the planned episodes with its interval at 95 %; None where one unit gives none."""

    estimate: float
    low: float | None
    high: float | None
    n: Whole
    units: Whole
    unit: Name
    method: Name


class Claim(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """What the submission says came out; a missing episode is a failure with score 0."""

    success: Measure
    score: Measure
    missing: Whole


class Seal(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """What `episodes.jsonl` must be."""

    rows: Whole
    bytes: Whole
    sha256: Sha256


class Manifest(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """`manifest.json`."""

    format: Literal["envbench-bundle"]
    version: Literal[1]
    board: Name
    plan: PlanInfo
    plan_sha256: Sha256
    metadata: Metadata
    agent: AgentInfo
    software: Software
    claim: Claim
    episodes: Seal


class Episode(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """One line of `episodes.jsonl`. What follows from the rest (success, return, steps) is not stored.

    Attributes:
        task, task_digest, trial, seed: which episode of the plan.
        outcome, score: how it ended.
        actions: [T]. rewards: [T]. state_hashes: [T + 1], the first before the first action; none of them where the
            environment failed at the reset.
        format_invalid: replies that could not be read.
        prompt_tokens, completion_tokens, model_calls, cost_usd: as the agent counted them.
    """

    task: Name
    task_digest: Key
    trial: Whole
    seed: Seed
    outcome: Literal["success", "failure", "timeout", "budget", "env_error", "agent_error"]
    score: Share
    actions: Annotated[list[Action], msgspec.Meta(max_length=MAX_STEPS)]
    rewards: Annotated[list[Reward], msgspec.Meta(max_length=MAX_STEPS)]
    state_hashes: Annotated[list[Key], msgspec.Meta(max_length=MAX_STEPS + 1)]
    format_invalid: Whole
    prompt_tokens: Whole
    completion_tokens: Whole
    model_calls: Whole
    cost_usd: Amount

    def row(self) -> dict[str, Any]:
        """Return it as `rollout.play.differences` reads a row."""
        return msgspec.structs.asdict(self)


KindT = TypeVar("KindT")


def parse(data: bytes, kind: type[KindT], what: str) -> KindT:
    """Return strict JSON as `kind`: no unknown or repeated keys, no NaN, no type but the declared one.

    Raises:
        BundleUnreadable: naming `what` and the place in it.
    """
    try:
        value = msgspec.json.decode(data, type=kind)
        json.loads(data, object_pairs_hook=_once)  # the schema has bounded its depth and its numbers
    except (msgspec.DecodeError, ValueError, RecursionError) as error:
        raise BundleUnreadable(f"{what}: {ascii(str(error)[:200])[1:-1]}") from None
    return value


class _Repeated(ValueError):
    """A key that an object has twice."""


def _once(pairs: list[tuple[str, Any]]) -> None:
    seen = set()
    for key, _ in pairs:
        if key in seen:
            raise _Repeated(f"the key {key[:60]!r} stands there twice")
        seen.add(key)
