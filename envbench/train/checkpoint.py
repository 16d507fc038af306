"""The state of a training run in one file, so that a killed run goes on to equal results.

`*.json` holds plain data alone, `*.safetensors` tensors too, with the plain data in its header.
"""

from __future__ import annotations

import errno
import json
import os
import re
import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from envbench.errors import RunConflict, RunUnreadable
from envbench.hashing import digest
from envbench.runs.files import plain_errors, write_atomic

if TYPE_CHECKING:
    from torch import Tensor

TENSORS = ".safetensors"
_HEADER = "envbench"
_FORMAT = 2  # of the state; another one is another version's


def write(
    path: Path, config: Mapping[str, Any], state: Mapping[str, Any], tensors: Mapping[str, Tensor] | None = None
) -> None:
    """Replace the checkpoint; a kill leaves the old or the new one, never a part.

    Args:
        path: of the file.
        config: whose checkpoint it is.
        state: plain data.
        tensors: what is not plain data, by name.

    Raises:
        DiskFull: when there is no room; the old one stays. InvalidValue: for a folder that cannot be written to.
    """
    document = {"format": _FORMAT, "config": digest(dict(config)), "state": state}
    text = json.dumps(document, separators=(",", ":"), allow_nan=False)
    with plain_errors(path):
        if path.suffix == TENSORS:
            _write_tensors(path, text, tensors or {})
        else:
            write_atomic(path, text.encode("ascii"))


def _write_tensors(path: Path, text: str, tensors: Mapping[str, Tensor]) -> None:
    """Write from where the tensors are into a folder beside the file, without a copy of them all in memory."""
    from safetensors import SafetensorError
    from safetensors.torch import save_file

    unfinished = path.with_name(f".{path.name}.unfinished")
    shutil.rmtree(unfinished, ignore_errors=True)
    unfinished.mkdir()
    try:
        whole = {name: one.detach().cpu().contiguous() for name, one in tensors.items()}
        save_file(whole, unfinished / path.name, {_HEADER: text})
        with (unfinished / path.name).open("rb") as stored:
            os.fsync(stored.fileno())
        os.replace(unfinished / path.name, path)
    except SafetensorError as error:
        number = re.search(r"(?:os error|code:) (\d+)", str(error))
        raise OSError(int(number[1]) if number else errno.EIO, " ".join(str(error).split())) from None
    finally:
        shutil.rmtree(unfinished, ignore_errors=True)


def read(path: Path, config: Mapping[str, Any]) -> tuple[dict[str, Any], dict[str, Tensor]] | None:
    """Return the stored state and tensors, None when there is no checkpoint.

    Raises:
        RunUnreadable: for a damaged file, or one of another version. RunConflict: for one of another configuration.
    """
    try:
        text, tensors = _contents(path)
        document = json.loads(text)
        of, state, version = document["config"], document["state"], document.get("format")
    except FileNotFoundError:
        return None
    except (OSError, ValueError, TypeError, KeyError):
        raise RunUnreadable(f"{path} is damaged: delete it to train from the start") from None
    if version != _FORMAT:
        raise RunUnreadable(f"{path} was written by another version of envbench: go on with that, or delete the file")
    if of != digest(dict(config)):
        raise RunConflict(f"{path} is the checkpoint of another configuration: choose another --out, or delete it")
    return state, tensors


def _contents(path: Path) -> tuple[bytes | str, dict[str, Tensor]]:
    if path.suffix != TENSORS:
        return path.read_bytes(), {}
    from safetensors import SafetensorError, safe_open

    try:
        with safe_open(path, framework="pt") as stored:
            return stored.metadata()[_HEADER], {name: stored.get_tensor(name) for name in stored.keys()}  # noqa: SIM118
    except SafetensorError as error:
        raise ValueError(str(error)) from None
