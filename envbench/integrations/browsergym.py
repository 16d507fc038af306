"""Browser environments in the dress of BrowserGym, so that its agents run unchanged.

    env = BrowserGymEnv("envbench/MiniWoB-v0", split="test")
    observation, info = env.reset(options={"task": "miniwob/builtin/test/0000"})
    observation, reward, terminated, truncated, info = env.step('click("5")')

Observations have BrowserGym's keys, `axtree_object` and `dom_object` in the form that its `flatten_axtree_to_str` and
`flatten_dom_to_str` read, and beside them what its agents make of those by default: `axtree_txt` and `pruned_html`.
References are bids. BrowserGym itself is not needed.
"""

from __future__ import annotations

import ast
import re
import textwrap
from collections.abc import Sequence
from html import escape
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
_UNSAID = ("editable", "readonly", "level", "settable", "multiline", "invalid", "focusable")  # in flat_axtree
_BARE = ("required", "focused", "atomic")  # properties that are named, without their value
_WRAPPERS = ("div", "span", "i", "p")  # not worth a tag when they have nothing but a bid


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

        A call that is refused ends the step and is what `last_action_error` tells; rewards of the calls add up. Talking
        costs what `noop()` costs: a step of the budget, and the page's clock moves on. Not supported, so refused:
        `keyboard_down`, `keyboard_up`, `upload_file` and what is about tabs.
        """
        self._action, self._error = action, ""
        total = 0.0
        calls = _calls(action)
        for call in calls:
            if _TALK.match(call):
                self._messages.append({"role": "assistant", "timestamp": 0.0, "message": call.strip()})
                call = "noop()"
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
        tree, document = axtree_object(seen), dom_object(shown["html"])
        return {
            "chat_messages": tuple(dict(one) for one in self._messages),
            "goal": goal,
            "goal_object": ({"type": "text", "text": goal},),
            "open_pages_urls": (seen.url,),
            "open_pages_titles": (seen.title,),
            "active_page_index": np.asarray([0]),
            "url": seen.url,
            "screenshot": shown["screenshot"],
            "dom_object": document,
            "axtree_object": tree,
            "extra_element_properties": properties(seen.rows),
            "focused_element_bid": next((str(row.ref) for row in seen.rows if "focused" in row.states), ""),
            "last_action": self._action,
            "last_action_error": self._error,
            "elapsed_time": np.asarray([seen.now / 1000.0]),
            "axtree_txt": flat_axtree(tree),
            "pruned_html": pruned_html(document),
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
    """Return the accessibility tree as the browser's own protocol lists it, parents first, with `browsergym_id`.

    As in the browser's own, the text of a `generic` node that is nothing to click is a node below it: readers leave out
    such nodes, names and all, and leave out text that the name of its parent holds.
    """
    nodes = [_node("0", "RootWebArea", seen.title)]
    stack = [(-2, nodes[0])]  # (depth, node) from the root to where we are

    def add(depth: int, role: str, name: str) -> dict[str, Any]:
        while stack[-1][0] >= depth:
            stack.pop()
        parent, node = stack[-1][1], _node(str(len(nodes)), role, name)
        node["parentId"] = parent["nodeId"]
        parent["childIds"].append(node["nodeId"])
        nodes.append(node)
        stack.append((depth, node))
        return node

    add(-1, "generic", "")  # the body
    for row in seen.rows:
        if row.ref < 0:
            add(row.depth, "StaticText", row.name)
            continue
        role = row.role or "generic"
        passed_over = role == "generic" and not row.clickable
        node = add(row.depth, role, "" if passed_over else row.name or row.look)
        node["browsergym_id"] = str(row.ref)
        if row.value:
            node["value"] = {"type": "string", "value": row.value}
        node["properties"] = [_property(*(state.partition("=")[::2])) for state in row.states]
        if role == "generic" and row.clickable:
            node["properties"].append(_property("clickable", ""))
        if passed_over and row.name:
            add(row.depth + 1, "StaticText", row.name)
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


def flat_axtree(tree: dict[str, Any]) -> str:
    """Return what BrowserGym's `flatten_axtree_to_str` makes of an `axtree_object` of ours, its options left alone."""
    lines = []
    below = {"": (0, "")}  # by node: the depth of its children, and its name
    for node in tree["nodes"]:
        depth, above = below[node.get("parentId", "")]
        line = _line(node, above)
        if line:
            lines.append("\t" * depth + line)
        below[node["nodeId"]] = (depth + bool(line), node["name"]["value"])
    return "\n".join(lines)


def _line(node: dict[str, Any], above: str) -> str:
    """Return the line of a node below one named `above`; "" where it gets none."""
    role, name = node["role"]["value"], node["name"]["value"]
    states = [
        one["name"] if one["name"] in _BARE else f"{one['name']}={one['value']['value']!r}"
        for one in node["properties"]
        if one["name"] not in _UNSAID
    ]
    if (role == "generic" and not states) or (role == "StaticText" and name in above):
        return ""
    words = [f"[{node['browsergym_id']}]"] if "browsergym_id" in node else []
    words.append(role)
    if name or role != "generic":
        words.append(repr(name.strip()))
    if "value" in node:
        words.append(f"value={node['value']['value']!r}")
    return ", ".join([" ".join(words), *states])


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


def pruned_html(document: dict[str, Any]) -> str:
    """Return what BrowserGym's `flatten_dom_to_str` and `prune_html` make of a `dom_object` of ours, blanks aside.

    One tag or text on a line, without `html`, `body`, `br` and the tags of wrappers that say nothing but their bid.
    """
    nodes, strings = document["documents"][0]["nodes"], document["strings"]
    lines: list[str] = []
    around: list[tuple[int, str]] = []  # (place, end tag) of the elements that we are in; "" for one without tags

    def write(text: str) -> None:
        lines.append(" " * sum(bool(end) for _, end in around) + text)

    def leave(parent: int) -> None:
        while around and around[-1][0] != parent:
            _, end = around.pop()
            if end:
                write(end)

    columns = (nodes[column] for column in ("parentIndex", "nodeName", "nodeValue", "attributes"))
    for place, (parent, name, value, pairs) in enumerate(zip(*columns, strict=True)):
        leave(parent)
        if value >= 0:
            if text := strings[value].strip():
                write(escape(text, quote=False))
            continue
        texts = [strings[one] if one >= 0 else "" for one in pairs]
        start, end = _tags(strings[name].lower(), dict(zip(texts[::2], texts[1::2], strict=True)))
        if start:
            write(start)
        around.append((place, end))
    leave(-1)
    return "\n".join(lines)


def _tags(tag: str, attributes: dict[str, str]) -> tuple[str, str]:
    """Return the start tag and the end tag of an element; "" for what is left out."""
    if tag in ("#document", "html", "body", "br") or (tag in _WRAPPERS and attributes.keys() == {"bid"}):
        return "", ""
    inside = " ".join([tag, *(f'{name}="{escape(value)}"' for name, value in sorted(attributes.items()))])
    return (f"<{inside}/>", "") if tag in _VOID else (f"<{inside}>", f"</{tag}>")


__all__ = ["BrowserGymEnv", "axtree_object", "dom_object", "flat_axtree", "properties", "pruned_html"]
