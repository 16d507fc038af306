"""From a TOML file or a mapping to the configuration of a training run."""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from dataclasses import fields
from pathlib import Path
from typing import Any

from envbench.errors import InvalidValue, UnknownName
from envbench.train.config import RunConfig, TrainConfig

POLICIES = ("tabular", "lm")


def read_config(path: Path) -> dict[str, Any]:
    """Return the values of a configuration file, as `config_from` takes them.

    Raises:
        InvalidValue: for a file that cannot be read.
    """
    try:
        return tomllib.loads(path.read_text("utf-8"))
    except OSError as error:
        raise InvalidValue(f"{path} cannot be read ({error.strerror}); give a TOML file of training options") from None
    except (UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise InvalidValue(f"{path} is no TOML: {error}") from None


def config_kind(policy: str) -> type[RunConfig]:
    """Return the class of configurations of a kind of policy.

    Raises:
        UnknownName: for another kind than those of `POLICIES`.
    """
    if policy not in POLICIES:
        raise UnknownName("policy", policy, POLICIES)
    if policy == "tabular":
        return TrainConfig
    from envbench.train.lm.config import LMConfig

    return LMConfig


def config_from(values: Mapping[str, Any], source: str = "options") -> RunConfig:
    """Return the configuration that plain values describe.

    Args:
        values: attributes of `TrainConfig` or `LMConfig`, and `policy`, `tabular` or `lm`; with a `model` it is `lm`
            where nothing else is said.
        source: where they come from, for errors.

    Raises:
        UnknownName: for a key that there is not, with the nearest.
        InvalidValue: for a value of another type or one that cannot be taken, or without `env`.
    """
    given = dict(values)
    kind = config_kind(given.pop("policy", "lm" if "model" in given else "tabular"))
    known = {one.name: one for one in fields(kind)}
    for name, value in given.items():
        if name not in known:
            raise UnknownName("key", name, known, f"({source})")
        check_type(name, value, str(known[name].type), source)
    for name in ("env", "model"):
        if name in known and name not in given:
            raise InvalidValue(f"{source}: the key {name!r} is missing")
    if "betas" in given:
        given["betas"] = tuple(given["betas"])
    return kind(**given)


def check_type(name: str, value: object, hint: str, source: str) -> None:
    """Raise `InvalidValue` where a value is not of the plain type that its hint names."""
    expected = {"str": str, "int": int, "bool": bool}.get(hint.removesuffix(" | None"))
    if expected is not None and type(value) is not expected and not (value is None and hint.endswith("None")):
        raise InvalidValue(f"{source}: {name}={value!r}: expected {hint}")
    if hint.removesuffix(" | None") == "float" and (isinstance(value, bool) or not isinstance(value, int | float)):
        if value is None and hint.endswith("None"):
            return
        raise InvalidValue(f"{source}: {name}={value!r}: expected a number")
    if hint.startswith("Mapping") and not isinstance(value, Mapping):
        raise InvalidValue(f"{source}: {name}={value!r}: expected a table")
    if hint.startswith(("Sequence", "tuple")) and not isinstance(value, list | tuple):
        raise InvalidValue(f"{source}: {name}={value!r}: expected a list")
