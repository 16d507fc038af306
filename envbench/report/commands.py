"""The command that makes a run again, from its resolved configuration."""

from __future__ import annotations

import json
import shlex
from collections.abc import Mapping
from typing import Any, NamedTuple

from envbench import agents, toml
from envbench.registry import card_of
from envbench.runs import Run


class Recipe(NamedTuple):
    """What to type in the folder of the report, and the file that it names ("" for none)."""

    command: str
    file: str = ""
    content: str = ""


def recipe(run: Run) -> Recipe:
    """Return how to make a run again; `run.toml` holds the same as data."""
    if run.kind == "eval":
        return Recipe(shlex.join(_eval(run.config)))
    if run.kind == "train":
        return Recipe(shlex.join(_train(run.config)))
    if run.kind == "sweep":
        file = f"sweeps/{run.run_id}.toml"
        return Recipe(shlex.join(["envbench", "sweep", file]), file, _sweep(run.config))
    if run.kind == "fidelity":
        file = f"studies/{run.run_id}.toml"
        return Recipe(shlex.join(["envbench", "fidelity", file]), file, _study(run.config))
    return Recipe(f"envbench {run.kind}  # resolved configuration: run.toml of {run.run_id}")


def _eval(config: Mapping[str, Any]) -> list[str]:
    agent = config["agent"]
    words = ["envbench", "eval", "--agent", agent["name"], *_panel(config)]
    for name, value in _agent_options(agent).items():
        words += ["--option", f"{name}={'none' if value is None else _text(value)}"]
    words += ["--seed", str(config["seed"]), "--episodes", str(config["episodes"]), "--trials", str(config["trials"])]
    for name, value in config.get("budget", {}).items():
        words += [f"--budget-{name}", str(value)]
    return words


def _train(config: Mapping[str, Any]) -> list[str]:
    words = ["envbench", "train", "--method", config["method"], *_panel(config), "--episodes", str(config["tasks"])]
    for name, value in config.get("options", {}).items():
        words += ["--option", f"{name}={json.dumps(value)}"]
    names = ("iterations", "groups", "group_size", "learning_rate", "advantage_scale", "average", "key", "log_every")
    for name in (*names, "collector", "seed"):
        words += [f"--{name.replace('_', '-')}", str(config[name])]
    return words


def _sweep(config: Mapping[str, Any]) -> str:
    """Return a sweep file of the same plan: seeds are counted there, and derived from the root."""
    values = {name: value for name, value in config.items() if name not in ("kind", "panel")}
    return toml.dumps(values | {f"{use}_seeds": len(config[f"{use}_seeds"]) for use in ("selection", "report")})


def _study(config: Mapping[str, Any]) -> str:
    """Return a study file of the same plan."""
    return toml.dumps({name: value for name, value in config.items() if name not in ("kind", "panels", "versions")})


def _panel(config: Mapping[str, Any]) -> list[str]:
    card = card_of(config["env"])
    words = ["--env", config["env"], "--dataset", config["dataset"], "--split", config["split"]]
    for name, value in config.get("knobs", {}).items():
        if value != card.knobs[name].default:
            words += ["--set", f"{name}={_text(value)}"]
    limit = config.get("max_steps")
    return words if limit in (None, card.env.max_steps) else [*words, "--max-steps", str(limit)]


def _agent_options(agent: Mapping[str, Any]) -> dict[str, Any]:
    """Return the options that differ from their defaults; all that are recorded for an agent that is not here."""
    recorded = agent.get("options", {})
    defaults = {entry.name: entry.options for entry in agents.entries()}.get(agent["name"])
    if defaults is None:
        return dict(recorded)
    return {name: recorded.get(name) for name, default in defaults.items() if recorded.get(name) != default}


def _text(value: Any) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)
