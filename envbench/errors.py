"""Every error that envbench raises on purpose. Each message says what is wrong and what to type."""

from __future__ import annotations

import difflib
from collections.abc import Iterable


class EnvbenchError(Exception):
    """Root of the hierarchy. The command line prints it on one line and exits with `exit_code`."""

    exit_code = 2


class UnknownName(EnvbenchError):
    """A name that is not in a closed list: an id, data set, split, knob, method, agent or option."""

    def __init__(self, kind: str, name: object, known: Iterable[str], hint: str = "") -> None:
        names = sorted(known)
        close = difflib.get_close_matches(str(name), names, n=1, cutoff=0.5)
        if close:
            remedy = f"Did you mean {close[0]!r}?"
        elif names:
            shown = ", ".join(names[:12]) + (", ..." if len(names) > 12 else "")
            remedy = f"Known: {shown}."
        else:
            remedy = "There are none."
        super().__init__(" ".join(part for part in (f"unknown {kind} {name!r}. {remedy}", hint) if part))
        self.kind, self.name, self.known = kind, name, tuple(names)


class InvalidValue(EnvbenchError):
    """A known option with a value that it cannot take."""


class CardError(EnvbenchError):
    """A card (`env.toml`, `method.toml`, `board.toml`) that cannot be read."""


class MissingExtra(EnvbenchError):
    """An optional package is needed and absent."""

    def __init__(self, what: str, extra: str, package: str) -> None:
        super().__init__(
            f'{what} needs the extra {extra!r} ({package} not found). Run: pip install "envbench[{extra}]"'
        )
        self.extra, self.package = extra, package


class BrowserMissing(EnvbenchError):
    """No Chromium on this machine."""


class BrowserFailed(EnvbenchError):
    """A browser or page that ended, hangs or answers with an error (its episode ends as `env_error`)."""


class DataMissing(EnvbenchError):
    """A data set that is not on this machine."""


class DataCorrupt(EnvbenchError):
    """A data file that is there but is not what its lock says."""


class HashingError(EnvbenchError):
    """A value that the canonical encoding refuses."""


class SnapshotMismatch(EnvbenchError):
    """A snapshot of another task, other dynamics or another format."""


class GroupMismatch(EnvbenchError):
    """Members of one group that do not start in one state."""


class InvalidBatch(EnvbenchError):
    """Columns that do not make a `StepBatch`."""


class InvalidReward(InvalidBatch):
    """A reward that is NaN or infinite."""


class MissingColumn(EnvbenchError):
    """A credit method needs a column that the batch does not hold."""

    def __init__(self, method: str, column: str, remedy: str) -> None:
        super().__init__(f"{method} needs the column {column!r}. {remedy}")
        self.column = column


class RunConflict(EnvbenchError):
    """A run directory that belongs to another configuration or to a running process."""


class RunUnreadable(EnvbenchError):
    """A run directory that is missing, unfinished where it must be finished, or damaged."""


class RunIncomplete(EnvbenchError):
    """A run that ended with failed cells: the others are stored, and running it again retries these."""


class DiskFull(EnvbenchError):
    """No room left while a run was writing; what was complete stays."""


class BundleUnreadable(EnvbenchError):
    """A file that is no bundle, or one that is damaged, too large or of another format."""


class NonFiniteLoss(EnvbenchError):
    """A loss, gradient or weight that is NaN or infinite; nothing of it was written."""


class SplitRefused(EnvbenchError):
    """Training on a split that is not a training split."""


class AgentFailed(EnvbenchError):
    """An agent that could not produce an action (its episode ends as `agent_error`)."""
