"""Recorded episodes shown again: their actions are played in the environment, only as far as someone looks."""

from __future__ import annotations

from base64 import b64encode
from collections import OrderedDict
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from struct import pack
from typing import Any
from zlib import compress, crc32

import numpy as np
from numpy.typing import NDArray

from envbench.agents import text_of
from envbench.env import Env
from envbench.evaluate import environment
from envbench.registry import render_module
from envbench.report.view.source import Source
from envbench.types.page import Block, Page, Paragraph

CHECKPOINT = 200
"""Steps between two snapshots of an episode: looking anywhere plays at most so many again."""

_KEPT = 16  # episodes with snapshots
_KNOWN = {
    "task", "instruction", "state_hash", "anchor_hash", "observation_hash", "valid_actions", "seed", "valid", "score",
    "success", "outcome",
}  # fmt: skip
_LONGEST_FACT = 300


class Replays:
    """The moments of recorded episodes. Not for several threads at once.

    Args:
        source: of the episodes.
    """

    def __init__(self, source: Source) -> None:
        self._source = source
        self._walks: OrderedDict[int, _Walk] = OrderedDict()
        self._instructions: dict[str, str] = {}

    def moments(self, number: int, first: int, count: int) -> list[dict[str, Any]]:
        """Return moments `first` to `first + count - 1` of an episode as plain data; step t acts in moment t.

        An episode of T steps has T + 1 moments. Where the environment fails, the last one returned says so.

        Raises:
            EnvbenchError: when the episode cannot be reset.
        """
        walk = self._walks.pop(number, None) or _Walk(environment(self._source.config), self._source.rows[number])
        self._walks[number] = walk
        while len(self._walks) > _KEPT:
            self._walks.popitem(last=False)
        return walk.moments(first, count)

    def instruction(self, number: int) -> str:
        """Return what the task of an episode asks for.

        Raises:
            EnvbenchError: when the episode cannot be reset.
        """
        row = self._source.rows[number]
        if row["task"] not in self._instructions:
            _, info = environment(self._source.config).reset(seed=row["seed"], options={"task": row["task"]})
            self._instructions[row["task"]] = str(info["instruction"])
        return self._instructions[row["task"]]


class _Walk:
    """One episode, with a snapshot every `CHECKPOINT` steps of the way that was played."""

    def __init__(self, env: Env[Any], row: Mapping[str, Any]) -> None:
        self._env, self._row = env, row
        self._render = render_module(env.card)
        self._snapshots: list[bytes] = []
        self._valid: list[bool] = []

    def moments(self, first: int, count: int) -> list[dict[str, Any]]:
        actions = self._row["actions"]
        last = min(first + count, len(actions) + 1)
        t = min(first // CHECKPOINT, max(len(self._snapshots) - 1, 0)) * CHECKPOINT
        observation, info = self._go(t)
        found: list[dict[str, Any]] = []
        while t < last:
            if t % CHECKPOINT == 0 and t // CHECKPOINT == len(self._snapshots):
                self._snapshots.append(self._env.snapshot())
            here = self._moment(t, observation, info) if t >= first else {}
            if t < len(actions):
                try:
                    observation, reward, _, _, info = self._env.step(actions[t])
                except Exception as error:  # what an environment may raise is unknown; the reader is told
                    here = here or self._moment(t, observation, info)
                    return [*found, here | {"failed": f"{type(error).__name__}: {error}"}]
                if t == len(self._valid):
                    self._valid.append(info["valid"])
                here |= self._step(t, float(reward), info)
            if t >= first:
                found.append(here)
            t += 1
        return found

    def _go(self, t: int) -> tuple[Any, Mapping[str, Any]]:
        """Bring the environment to a moment that has a snapshot, or to the start."""
        if self._snapshots:
            return self._env.restore(self._snapshots[t // CHECKPOINT])
        return self._env.reset(seed=self._row["seed"], options={"task": self._row["task"]})

    def _moment(self, t: int, observation: Any, info: Mapping[str, Any]) -> dict[str, Any]:
        recorded = self._row["state_hashes"]
        text = text_of(observation)
        blocks = self._blocks(t, observation, info)
        valid_actions = info["valid_actions"]
        return {
            "t": t,
            "text": text,
            "blocks": [] if [*blocks] == [Paragraph(text)] else [_plain(block) for block in blocks],
            "frame": _frame(self._env),
            "valid_actions": None if valid_actions is None else list(valid_actions),
            "hashes": {name: info[f"{name}_hash"] for name in ("state", "anchor", "observation")},
            "differs": bool(recorded) and (t >= len(recorded) or recorded[t] != info["state_hash"]),
            "outcome": info.get("outcome", ""),
            "facts": _facts(info),
        }

    def _step(self, t: int, reward: float, info: Mapping[str, Any]) -> dict[str, Any]:
        recorded = self._row["rewards"]
        return {
            "action": self._row["actions"][t],
            "reward": reward,
            "recorded_reward": recorded[t] if t < len(recorded) else None,
            "valid": info["valid"],
            "score": float(info.get("score", 0.0)),
        }

    def _blocks(self, t: int, observation: Any, info: Mapping[str, Any]) -> Sequence[Block]:
        """Return the page as the family lays it out, or the text; with the result explained at the end."""
        page = Page((Paragraph(text_of(observation)),))
        if self._render is not None and hasattr(self._render, "page"):
            sent = zip(self._row["actions"][:t], self._valid, strict=False)
            page = self._render.page(observation, info, tuple(action for action, valid in sent if valid))
        explain = getattr(self._render, "ending", None) if "outcome" in info else None
        return (*page.blocks, *explain(self._env, info)) if explain else page.blocks


def _plain(block: Block) -> dict[str, Any]:
    return {"kind": type(block).__name__.lower(), **asdict(block)}


def _facts(info: Mapping[str, Any]) -> dict[str, str]:
    """Return what else `info` says, as short texts."""
    texts = {name: str(value) for name, value in info.items() if name not in _KNOWN}
    return {name: text for name, text in texts.items() if len(text) <= _LONGEST_FACT}


def _frame(env: Env[Any]) -> str:
    """Return the picture of an environment that draws one, as a data URI, else ""."""
    if "rgb_array" not in env.metadata["render_modes"]:
        return ""
    before, env.render_mode = env.render_mode, "rgb_array"
    try:
        return "data:image/png;base64," + b64encode(png(np.asarray(env.render(), np.uint8))).decode("ascii")
    finally:
        env.render_mode = before


def png(pixels: NDArray[np.uint8]) -> bytes:
    """Return a picture, uint8 [height, width, 3], RGB, as a PNG file (ISO/IEC 15948)."""
    height, width, _ = pixels.shape
    rows = np.hstack([np.zeros((height, 1), np.uint8), pixels.reshape(height, 3 * width)])  # filter 0 on each row

    def chunk(kind: bytes, data: bytes) -> bytes:
        return pack(">I", len(data)) + kind + data + pack(">I", crc32(kind + data))

    header = pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    return (
        b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", compress(rows.tobytes())) + chunk(b"IEND", b"")
    )
