"""The state of a training run in one file, so that a killed run goes on to equal results.

`*.json` holds plain data alone, `*.safetensors` tensors too, with the plain data in its header.
"""

from __future__ import annotations

import json
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
        DiskFull: when there is no room; the old one stays.
    """
    document = {"config": digest(dict(config)), "state": state}
    text = json.dumps(document, separators=(",", ":"), allow_nan=False)
    data = text.encode("ascii")
    if path.suffix == TENSORS:
        from safetensors.torch import save

        whole = {name: one.detach().cpu().contiguous() for name, one in (tensors or {}).items()}
        data = save(whole, {_HEADER: text})
    with plain_errors(path):
        write_atomic(path, data)


def read(path: Path, config: Mapping[str, Any]) -> tuple[dict[str, Any], dict[str, Tensor]] | None:
    """Return the stored state and tensors, None when there is no checkpoint.

    Raises:
        RunUnreadable: for a damaged file. RunConflict: for the checkpoint of another configuration.
    """
    try:
        text, tensors = _contents(path)
        document = json.loads(text)
        of, state = document["config"], document["state"]
    except FileNotFoundError:
        return None
    except (OSError, ValueError, TypeError, KeyError):
        raise RunUnreadable(f"{path} is damaged: delete it to train from the start") from None
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
