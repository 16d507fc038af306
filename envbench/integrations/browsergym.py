"""Browser environments in the dress of BrowserGym, so that its agents run unchanged.

    env = BrowserGymEnv("envbench/MiniWoB-v0", split="test")
    observation, info = env.reset(options={"task": "miniwob/builtin/test/0000"})
    observation, reward, terminated, truncated, info = env.step('click("5")')

Observations have BrowserGym's keys, `axtree_object` and `dom_object` in the form that its `flatten_axtree_to_str` and
`flatten_dom_to_str` read, and beside them what those make of it: `axtree_txt` and `pruned_html`. References are bids.
BrowserGym itself is not needed.
"""

from __future__ import annotations

import ast
import re
import textwrap
from collections.abc import Sequence
from html.parser import HTMLParser
from typing import Any

import gymnasium
import numpy as np

from envbench.envs._browser.env import BrowserEnv
from envbench.envs._browser.grammar import parse
from envbench.envs._browser.seen import Row, Seen
from envbench.errors import InvalidValue
from envbench.registry import card_of
from envbench.spaces import Text

_CODE = re.compile(r"```(?:\w*\n)?(.*?)```", re.DOTALL)
_TALK = re.compile(r"\s*(send_msg_to_user|report_infeasible)\s*\(.*\)\s*\Z", re.DOTALL)  # one call of Python
_GREETING = "Hi! I am your UI assistant, I can perform web tasks for you. What can I help you with?"
_VOID = frozenset(
    ("area", "base", "br", "col", "embed", "hr", "img", "input", "link", "meta", "source", "track", "wbr")
)


class BrowserGymEnv(gymnasium.Env[dict[str, Any], str]):
    """A browser environment with BrowserGym's observations and actions.

    Args:
        id: of a browser environment.
        arguments: as `gymnasium.make` takes them for it; HTML and screenshots are always read.

    Raises:
        InvalidValue: it is not one that runs in a browser.
        EnvbenchError: as its constructor.
    """

    metadata = {"render_modes": []}  # noqa: RUF012  # declared by gymnasium as it is

    def __init__(self, id: str, **arguments: Any) -> None:
        if not {"html", "screenshot"} <= card_of(id).knobs.keys():
            raise InvalidValue(f"{id} runs in no browser; name a browser environment, e.g. envbench/MiniWoB-v0")
        inner = gymnasium.make(id, disable_env_checker=True, **arguments | {"html": True, "screenshot": True}).unwrapped
        assert isinstance(inner, BrowserEnv)
        self.env = inner
        self.action_space = Text(inner.card.env.max_length)
        self.observation_space = gymnasium.spaces.Dict({})  # agents of BrowserGym do not ask for it
        self._action = self._error = ""
        self._messages: list[dict[str, Any]] = []

    def reset(
        self, *, seed: int | None = None, options: dict[str, Any] | None = None
    ) -> tuple[dict[str, Any], dict[str, Any]]:
        """Start an episode, as `Env.reset`; the goal is the instruction."""
        shown, info = self.env.reset(seed=seed, options=options)
        self._action = self._error = ""
        self._messages = [
            {"role": "assistant", "timestamp": 0.0, "message": _GREETING},
            {"role": "user", "timestamp": 0.0, "message": info["instruction"]},
        ]
        return self._dressed(shown, info), self._info(info)

    def step(self, action: str) -> tuple[dict[str, Any], float, bool, bool, dict[str, Any]]:
        """Do one or more calls, as Python or one on a line, in a code block or bare; talk becomes a message.

        A call that is refused ends the step and is what `last_action_error` tells; rewards of the calls add up. Not
        supported, so refused: `keyboard_down`, `keyboard_up`, `upload_file` and what is about tabs.
        """
        self._action, self._error = action, ""
        total = 0.0
        calls = _calls(action)
        for call in calls:
            if _TALK.match(call):
                self._messages.append({"role": "assistant", "timestamp": 0.0, "message": call.strip()})
                call = "noop()"  # talking takes a step, and does nothing to the page
            shown, reward, terminated, truncated, info = self.env.step(call)
            total += reward
            if not info["valid"]:
                self._error = f"ValueError: {call.strip()[:200]!r} is not possible here" + (
                    "" if parse(call) else " (not an action of the grammar)"
                )
            if terminated or truncated or not info["valid"]:
                break
        return self._dressed(shown, info), total, terminated, truncated, self._info(info)

    def close(self) -> None:
        self.env.close()

    def _info(self, info: dict[str, Any]) -> dict[str, Any]:
        return info | {"action_exec_error": self._error}

    def _dressed(self, shown: dict[str, Any], info: dict[str, Any]) -> dict[str, Any]:
        seen = self.env.seen
        goal = info["instruction"]
        return {
            "chat_messages": tuple(dict(one) for one in self._messages),
            "goal": goal,
            "goal_object": ({"type": "text", "text": goal},),
            "open_pages_urls": (seen.url,),
            "open_pages_titles": (seen.title,),
            "active_page_index": np.asarray([0]),
            "url": seen.url,
            "screenshot": shown["screenshot"],
            "dom_object": dom_object(shown["html"]),
            "axtree_object": axtree_object(seen),
            "extra_element_properties": properties(seen.rows),
            "focused_element_bid": next((str(row.ref) for row in seen.rows if "focused" in row.states), ""),
            "last_action": self._action,
            "last_action_error": self._error,
            "elapsed_time": np.asarray([seen.now / 1000.0]),
            "axtree_txt": seen.axtree,
            "pruned_html": shown["html"],
        }


def _calls(action: Any) -> list[str]:
    """Return the calls in what an agent says; what holds none is one call, to be refused."""
    if not isinstance(action, str):
        return [""]
    block = _CODE.search(action)
    text = textwrap.dedent(block[1] if block else action).strip()
    try:
        calls = [ast.get_source_segment(text, one) or "" for one in ast.parse(text).body]
    except (SyntaxError, ValueError, RecursionError, MemoryError):  # not Python: one call on a line
        calls = [line for line in text.splitlines() if not line.lstrip().startswith("#")]
    return [call for call in calls if call.strip()] or [""]


def axtree_object(seen: Seen) -> dict[str, Any]:
    """Return the accessibility tree as the browser's own protocol lists it, with `browsergym_id`."""
    nodes = [_node("0", "RootWebArea", seen.title)]
    stack = [(-1, nodes[0])]  # (depth, node) from the root to where we are
    for number, row in enumerate(seen.rows, start=1):
        node = _node(str(number), row.role or ("generic" if row.ref >= 0 else "StaticText"), row.name or row.look)
        if row.ref >= 0:
            node["browsergym_id"] = str(row.ref)
        if row.value:
            node["value"] = {"type": "string", "value": row.value}
        node["properties"] = [_property(*(state.partition("=")[::2])) for state in row.states]
        if row.clickable and not row.role:
            node["properties"].append(_property("clickable", ""))
        while stack[-1][0] >= row.depth:
            stack.pop()
        parent = stack[-1][1]
        node["parentId"] = parent["nodeId"]
        parent["childIds"].append(node["nodeId"])
        nodes.append(node)
        stack.append((row.depth, node))
    return {"nodes": nodes}


def _node(id: str, role: str, name: str) -> dict[str, Any]:
    return {
        "nodeId": id,
        "ignored": False,
        "role": {"type": "role", "value": role},
        "name": {"type": "computedString", "value": name},
        "properties": [],
        "childIds": [],
    }


def _property(name: str, value: str) -> dict[str, Any]:
    return {"name": name, "value": {"type": "token", "value": value or True}}


def properties(rows: Sequence[Row]) -> dict[str, dict[str, Any]]:
    """Return `extra_element_properties`: visibility, box and whether it can be clicked, by bid."""
    return {
        str(row.ref): {
            "visibility": 1.0,
            "bbox": [float(number) for number in row.box],
            "clickable": row.clickable,
            "set_of_marks": row.clickable,
        }
        for row in rows
        if row.ref >= 0
    }


class _Snapshot(HTMLParser):
    """Reads HTML into the columns of `DOMSnapshot.captureSnapshot`."""

    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self.strings: list[str] = []
        self._places: dict[str, int] = {}
        self._open: list[tuple[int, str]] = []
        self.nodes: dict[str, Any] = {
            name: [] for name in ("parentIndex", "nodeType", "nodeName", "nodeValue", "backendNodeId", "attributes")
        }
        self._open.append((self._add(9, "#document"), ""))

    def _string(self, text: str | None) -> int:
        if text is None:
            return -1
        if text not in self._places:
            self._places[text] = len(self.strings)
            self.strings.append(text)
        return self._places[text]

    def _add(self, kind: int, name: str, value: str | None = None, attributes: Sequence[int] = ()) -> int:
        place = len(self.nodes["nodeName"])
        row = (
            self._open[-1][0] if self._open else -1,
            kind,
            self._string(name),
            self._string(value),
            place + 1,
            list(attributes),
        )
        for column, entry in zip(self.nodes.values(), row, strict=True):
            column.append(entry)
        return place

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        places = [self._string(text) for pair in attrs for text in pair]
        place = self._add(1, tag.upper(), None, places)
        if tag not in _VOID:
            self._open.append((place, tag))

    def handle_endtag(self, tag: str) -> None:
        for index in range(len(self._open) - 1, 0, -1):
            if self._open[index][1] == tag:
                del self._open[index:]
                return

    def handle_data(self, data: str) -> None:
        self._add(3, "#text", data)


def dom_object(html: str) -> dict[str, Any]:
    """Return HTML in the form of the browser's DOM snapshot; `bid` attributes stay."""
    reader = _Snapshot()
    reader.feed(html)
    reader.close()
    nodes = reader.nodes | {"contentDocumentIndex": {"index": [], "value": []}}
    return {"documents": [{"nodes": nodes}], "strings": reader.strings}


__all__ = ["BrowserGymEnv", "axtree_object", "dom_object", "properties"]
