"""`envbench/WebShop-v0`: the interface over the rules in `engine.py`."""

from __future__ import annotations

from functools import lru_cache
from typing import Any, ClassVar

from envbench.env import Env, Transition
from envbench.envs.webshop import protocol
from envbench.envs.webshop.engine import Engine, Session
from envbench.envs.webshop.grammar import search
from envbench.envs.webshop.keys import anchor_of, session_of, state_of
from envbench.envs.webshop.modes import MODES
from envbench.envs.webshop.oracle import Oracle
from envbench.envs.webshop.pages import SEPARATOR, instruction_head
from envbench.envs.webshop.tasks import Payload, shop_for
from envbench.errors import InvalidValue
from envbench.hashing import JsonValue
from envbench.spaces import Text
from envbench.types.task import Task


@lru_cache(maxsize=4096)
def queries(request: str) -> tuple[str, ...]:
    """Return the searches that `valid_actions` offers, made from the instruction without its price."""
    words = request.lower()
    return tuple(dict.fromkeys((search(words), search(words.partition(" with ")[0]))))


class WebShop(Env[str]):
    """Search a shop, open a product, choose options, buy. Actions `search[words]` and `click[text of the page]`.

    The reward comes with the purchase, in 0..1, and is the score; 1.0 is success. A purchase ends the episode. What has
    no effect (an unknown command, an empty search, `click[search]`, a click on what is not there) is invalid.
    Searching is accepted on every page. `valid_actions` lists every accepted click, and on the search page two queries:
    the instruction without its price, and its part before the first ` with `, both in lower case; others are accepted.

    `info` adds `clickables` (in page order), `has_search_bar`, `nouns` (the rule of the type reward, as the knob says)
    and, from the purchase on, `reward_parts`. The card describes the knobs. `protocol="verl-agent"` pays 10 for a
    success and else nothing, shows a page without its instruction, and adds `shown_actions`, which its prompt lists.
    With `num_prev_obs` or `num_prev_actions` an observation begins with the pages and actions before it, oldest first;
    they are no part of the state, and refused actions leave no trace in them.
    """

    family: ClassVar[str] = "webshop"

    def __init__(self, **arguments: Any) -> None:
        super().__init__(**arguments)
        # Absent files and packages are errors of making, not of the first reset.
        shop_for(self.dataset, self.knobs)
        mode = str(self.knobs["observation_mode"])
        self._render_page = MODES[mode]
        self._verl_agent = self.knobs["protocol"] == "verl-agent"
        self._pages_kept, self._actions_kept = int(self.knobs["num_prev_obs"]), int(self.knobs["num_prev_actions"])
        self._kept = max(self._pages_kept, self._actions_kept)
        self._past: list[tuple[str, str]] = []  # the last pages, each with the action that was taken on it
        self._plain = mode == "text" and not self._verl_agent and not self._kept
        if self._verl_agent and (self._kept or mode != "text"):
            raise InvalidValue("protocol='verl-agent' shows plain text; leave observation_mode and num_prev_* out")

    def _observation_space(self) -> Text:
        """Return room for the longest page; an address holds a query, which may be as long as an action is."""
        longest = self.card.env.max_length
        page = 2 * longest if self.knobs["observation_mode"] == "url" else longest
        memory = (int(self.knobs["num_prev_obs"]), int(self.knobs["num_prev_actions"]))
        return Text(page + memory[0] * (page + len(SEPARATOR)) + memory[1] * (longest + len(SEPARATOR)))

    def _start(self, payload: Payload, session: Session) -> None:
        self._engine = Engine(payload.shop, payload.goal, session)
        told = payload.goal.instruction
        self._told = instruction_head(told).split(SEPARATOR)[1] if self._verl_agent else told
        self._oracle: Oracle | None = None

    def _reset(self, task: Task) -> str:
        self._start(task.payload, Session())
        self._past = []
        return self._page()

    def _page(self) -> str:
        """Return the page alone, as mode and protocol show it."""
        engine = self._engine
        if self._verl_agent:
            return protocol.shown(engine.observation, self._instruction())
        return self._render_page(engine, self.task.source.rpartition("/")[2])

    def _remember(self, page: str, action: str) -> str:
        """Take the step from `page` into the memory, and return the page that it led to with what is remembered."""
        self._past = [*self._past, (page, action)][-self._kept :]
        told = [self._page()]
        for back, (page, action) in enumerate(reversed(self._past), start=1):
            told += [action] * (back <= self._actions_kept) + [page] * (back <= self._pages_kept)
        return SEPARATOR.join(reversed(told))

    def _memory(self) -> JsonValue:
        return tuple(self._past) if self._kept else None

    def _load_memory(self, memory: Any) -> None:
        self._past = [(page, action) for page, action in (memory or ())][-self._kept :] if self._kept else []

    def _forks(self, action: str) -> int | None:
        """Return None where what is shown depends on more than `state_hash` tells: with a memory of the past."""
        return None if self._kept else super()._forks(action)

    def _step(self, action: str) -> Transition[str] | None:
        before = "" if self._plain or not self._kept else self._page()
        reply = self._engine.step(action)
        if reply is None:
            return None
        success = reply.reward == 1.0
        if self._plain:
            return Transition(self._engine.observation, reply.reward, reply.done, reply.reward, success)
        observation = self._remember(before, action) if self._kept else self._page()
        reward = protocol.SUCCESS_REWARD * success if self._verl_agent else reply.reward
        return Transition(observation, reward, reply.done, reply.reward, success)

    def _state(self) -> JsonValue:
        return state_of(self._engine)

    def _load_state(self, state: Any) -> None:
        self._start(self.task.payload, session_of(state))

    def _anchor(self) -> JsonValue:
        return anchor_of(self._engine)

    def _valid_actions(self) -> tuple[str, ...]:
        engine = self._engine
        return queries(engine.goal.request) if engine.has_search_bar else engine.view.clicks

    def _instruction(self) -> str:
        return self._told

    def _info(self) -> dict[str, Any]:
        engine = self._engine
        info: dict[str, Any] = {
            "clickables": engine.view.clickables,
            "has_search_bar": engine.has_search_bar,
            "nouns": engine.shop.nouns_name,
        }
        if self._verl_agent:
            info["shown_actions"] = protocol.shown_actions(engine.view, engine.has_search_bar)
        if engine.purchase is not None:
            info["reward_parts"] = dict(engine.purchase.parts)
        return info

    def oracle(self) -> str | None:
        """Return the next action of a policy that knows the goal; None after the purchase."""
        if self._oracle is None:
            self._oracle = Oracle(self._engine.shop, self._engine.goal)
        return self._oracle.action(self._engine)
