"""What is seen of a training run while it goes on: a table that stays in place, or a line per iteration."""

from __future__ import annotations

from pathlib import Path
from types import TracebackType
from typing import Any, Self

from rich.live import Live
from rich.table import Table

from envbench.cli import common
from envbench.errors import InvalidValue, MissingExtra

# Words for a reader and the column that they show, as far as a run has it.
_SHOWN = {
    "success": "success",
    "score": "score",
    "return": "episode_return",
    "steps": "episode_length",
    "groups that differ": "group_signal",
    "steps at a shared state": "anchor_shared",
    "size of step groups": "anchor_group_size",
    "advantage RMS": "advantage_rms",
    "entropy": "entropy",
    "moved": "moved",
    "KL to the start": "kl",
    "clipped": "clip_share",
    "gradient norm": "grad_norm",
    "validation success": "val_success",
    "best validation": "best_val_success",
}


class Watch:
    """Shows rows as they are logged.

    Args:
        iterations: of the run.
        tensorboard: folder for TensorBoard's event files; None writes none.

    Raises:
        MissingExtra: for TensorBoard without its writer. InvalidValue: for a folder that it cannot write to.
    """

    def __init__(self, iterations: int, tensorboard: Path | None = None) -> None:
        self._iterations, self._writer = iterations, None
        if tensorboard is not None:
            try:
                from tensorboardX import SummaryWriter  # type: ignore[import-untyped]  # it has no types
            except ModuleNotFoundError:
                raise MissingExtra("--tensorboard", "train", "tensorboardX") from None
            try:
                self._writer = SummaryWriter(str(tensorboard))
            except OSError as error:
                raise InvalidValue(
                    f"--tensorboard {tensorboard}: cannot be written to ({error.strerror}); choose another folder"
                ) from None
        self._live = Live(console=common.stderr, refresh_per_second=4, transient=True) if _terminal() else None
        self._before: dict[str, Any] = {}

    def __enter__(self) -> Self:
        _open.append(self)
        if self._live is not None:
            self._live.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        _open.remove(self)
        if self._live is not None:
            self._live.stop()
        if self._writer is not None:
            self._writer.close()

    def show(self, row: dict[str, Any]) -> None:
        """Show one logged row."""
        if self._writer is not None:
            for name, value in row.items():
                if isinstance(value, float) and name != "learning_rate":
                    self._writer.add_scalar(name, value, row["iteration"])
        if self._live is not None:
            self._live.update(self._table(row))
        else:
            validated = f", validation {row['val_success']:.3f}" if "val_success" in row else ""
            common.say(
                f"iteration {row['iteration']}: success {row['success']:.3f}, return {row['episode_return']:.3f}"
                f"{validated}"
            )
        self._before = row

    def _table(self, row: dict[str, Any]) -> Table:
        table = Table(title=f"{row['method']} on {row['env']}: iteration {row['iteration'] + 1} of {self._iterations}")
        table.add_column("measure")
        table.add_column("now", justify="right")
        for words, name in _SHOWN.items():
            if name in row:
                table.add_row(words, f"{row[name]:.4f}")
        for words, rate in rates(row, self._before).items():
            table.add_row(words, f"{rate:,.0f}")
        return table


_open: list[Watch] = []


def show(row: dict[str, Any]) -> None:
    """Show a row in the watch that is open: workers take module-level functions alone."""
    _open[-1].show(row)


def rates(row: dict[str, Any], before: dict[str, Any]) -> dict[str, float]:
    """Return environment steps and policy tokens per second since the row before (since the start without one)."""
    seconds = row["wall_seconds"] - before.get("wall_seconds", 0.0)
    if seconds <= 0.0:
        return {}
    named = {"environment steps/s": "env_steps", "policy tokens/s": "policy_tokens"}
    return {words: (row[name] - before.get(name, 0)) / seconds for words, name in named.items()}


def _terminal() -> bool:
    return common.stderr.is_terminal and not common.stderr.is_dumb_terminal
