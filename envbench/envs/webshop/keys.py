"""What keys are made of, and snapshots: a session as plain data, whichever interface it is played through."""

from __future__ import annotations

from typing import Any

from envbench.envs.webshop.engine import Engine, Session
from envbench.hashing import JsonValue

STATE_LENGTH = 7
"""Entries of what `state_of` returns."""


def state_of(engine: Engine) -> list[JsonValue]:
    """Return page, query, page number, product, sub-page, options, visited products; the goal is the task's.

    Options are pairs in the order of choice: addresses show it.
    """
    session = engine.session
    visited = tuple(sorted(session.visited))
    options = tuple(session.options.items())
    return [session.page, session.query, session.number, session.asin, session.sub, options, visited]


def session_of(state: Any) -> Session:
    """Return the session of what `state_of` returned, after a round trip through JSON."""
    page, query, number, asin, sub, options, visited = state
    return Session(page, query, number, asin, sub, dict(options), set(visited))


def anchor_of(engine: Engine) -> list[JsonValue]:
    """Return what decides rewards and valid actions from here on.

    Of the query, the list that it found counts, not its wording: two queries with one result list have one future.
    The list and the page number stay part of the key on the pages below, because `< Prev` leads back to them. Which
    sub-page is open decides nothing, nor do the visited products (they only mark links in some observations). After the
    purchase: what was bought.
    """
    session, results = engine.session, engine.results
    if results is None:
        return [session.page]
    if session.page == "done":
        return [session.page, session.asin, {**session.options}]
    return [session.page, results.key, session.number, session.asin, {**session.options}]
