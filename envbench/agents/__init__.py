"""Agents: from observations to actions. Named ones are made with `make(name, options)`."""

from envbench.agents import human, openai, policy, replay, searcher, simple  # noqa: F401  # they register themselves
from envbench.agents.base import (
    Agent,
    ConfiguredAgent,
    Entry,
    Reply,
    describe,
    entries,
    make,
    register,
    resolve_options,
    restore_options,
    text_of,
)

__all__ = [
    "Agent",
    "ConfiguredAgent",
    "Entry",
    "Reply",
    "describe",
    "entries",
    "make",
    "register",
    "resolve_options",
    "restore_options",
    "text_of",
]
