"""The folder that a browser process writes into: removed with it, or else by the next one that starts."""

from __future__ import annotations

import fcntl
import os
import shutil
import tempfile
from contextlib import suppress
from pathlib import Path

_PREFIX = "envbench-chromium-"


class Profile:
    """A new folder in the system's folder for temporary files, with a lock beside it that ends with this process.

    Attributes:
        path: of the folder.
    """

    def __init__(self) -> None:
        _sweep()
        self._lock, name = tempfile.mkstemp(prefix=_PREFIX, suffix=".lock")
        fcntl.flock(self._lock, fcntl.LOCK_EX)  # before there is a folder, which without a locked lock is nobody's
        self.path = name.removesuffix(".lock")
        os.mkdir(self.path, 0o700)

    def remove(self) -> None:
        """Remove it; again does nothing."""
        if self._lock < 0:
            return
        _remove(Path(self.path))
        os.close(self._lock)
        self._lock = -1

    def forget(self) -> None:
        """Let a forked child leave the lock to its parent."""
        with suppress(OSError):
            os.close(self._lock)
        self._lock = -1


def _sweep() -> None:
    """Remove the folders of processes that were killed."""
    for path in sorted(Path(tempfile.gettempdir()).glob(_PREFIX + "*")):
        if path.is_dir() and not _locked(path):
            _remove(path)


def _locked(path: Path) -> bool:
    try:
        lock = os.open(path.with_name(path.name + ".lock"), os.O_RDWR)
    except FileNotFoundError:
        return False
    except OSError:  # another user's
        return True
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        return True
    finally:
        os.close(lock)
    return False


def _remove(path: Path) -> None:
    shutil.rmtree(path, ignore_errors=True)
    with suppress(OSError):
        os.unlink(path.with_name(path.name + ".lock"))


__all__ = ["Profile"]
