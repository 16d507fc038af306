"""The table of contents, and the moments of recorded episodes."""

import zlib
from collections import Counter
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from envbench.errors import InvalidValue
from envbench.evaluate import environment, evaluate, make_plan
from envbench.report.triage import triage
from envbench.report.view import moments as showing
from envbench.report.view.moments import Replays, png
from envbench.report.view.source import STRIP, Source, index_of, members, source_of_run, strip
from envbench.runs import Cell, CellResult, Plan, execute


def test_the_index_has_every_episode_once_and_ranks_them_all(rooms: Source):
    index = index_of(rooms)
    assert [one["number"] for one in index["episodes"]] == list(range(12))
    assert sorted(index["order"]) == list(range(12))
    worth = [index["episodes"][number]["worth"] for number in index["order"]]
    assert worth == sorted(worth, reverse=True)
    assert worth[0] > worth[-1]
    for one, row in zip(index["episodes"], rooms.rows, strict=True):
        assert (one["outcome"], one["steps"], len(one["strip"])) == (row["outcome"], row["steps"], row["steps"])
        assert one["return"] == row["episode_return"]
        assert index["groups"][one["group"]]["task"] == row["task"]
    assert [members(rooms, group) for group in range(4)] == [[0, 1, 2, 3], [4, 5, 6, 7], [8, 9, 10, 11], []]


def test_a_strip_tells_what_matters_most_of_each_step():
    row = {"state_hashes": list("AABBBBC"), "actions": list("xyxxxz"), "rewards": [0, 0, 0, 0, 0, 1.0], "outcome": "x"}
    assert strip(row, triage(row)) == "=.lll+"
    back = {"state_hashes": list("ABAB"), "actions": list("xyx"), "rewards": [0.0, 0.0, 0.0], "outcome": "x"}
    assert strip(back, triage(back)) == "..r"


def test_a_long_episode_has_a_short_strip_that_loses_no_reward():
    steps = 10 * STRIP - 5
    rewards = [0.0] * steps
    rewards[777] = 1.0
    row = {
        "state_hashes": list(map(str, range(steps + 1))),
        "actions": ["x"] * steps,
        "rewards": rewards,
        "outcome": "x",
    }
    found = strip(row, triage(row))
    assert Counter(found) == {".": STRIP - 1, "+": 1}
    assert found.index("+") == 77


def trained(config: Mapping[str, Any], spec: Mapping[str, Any]) -> CellResult:
    return CellResult(metrics=[{"iteration": 0}])


def test_only_an_eval_has_episodes_to_read(tmp_path):
    run = execute(Plan("train", {}, (Cell("a", {}),)), trained, tmp_path / "run")
    with pytest.raises(InvalidValue, match="envbench credit explain"):
        source_of_run(run)


def test_moments_are_what_the_environment_showed(rooms: Source):
    row = rooms.rows[0]
    found = Replays(rooms).moments(0, 0, 1000)
    env = environment(rooms.config)
    observation, info = env.reset(seed=row["seed"], options={"task": row["task"]})
    assert [one["t"] for one in found] == list(range(row["steps"] + 1))
    for t, one in enumerate(found):
        assert one["text"] == observation
        assert one["hashes"]["anchor"] == info["anchor_hash"]
        assert one["frame"].startswith("data:image/png;base64,")
        assert not one["differs"]
        if t < row["steps"]:
            observation, reward, _, _, info = env.step(row["actions"][t])
            assert (one["action"], one["reward"], one["valid"]) == (row["actions"][t], reward, info["valid"])
            assert one["recorded_reward"] == reward
    assert "action" not in found[-1]
    assert found[-1]["outcome"] == row["outcome"]
    assert any("fewest possible" in block.get("text", "") for block in found[-1]["blocks"])  # the ending, explained


def test_any_window_in_any_order_is_the_same(rooms: Source, monkeypatch: pytest.MonkeyPatch):
    whole = {number: Replays(rooms).moments(number, 0, 1000) for number in (0, 5)}
    monkeypatch.setattr(showing, "CHECKPOINT", 4)
    monkeypatch.setattr(showing, "_KEPT", 1)
    replays = Replays(rooms)
    for number, first in [(0, 9), (0, 2), (5, 0), (0, 9), (0, 31), (5, 13), (5, 12), (0, 0), (0, 36)]:
        assert replays.moments(number, first, 5) == whole[number][first : first + 5], (number, first)


def test_a_walk_goes_on_from_its_snapshots(rooms: Source, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(showing, "CHECKPOINT", 10)
    env = environment(rooms.config)
    taken: list[Any] = []
    original = type(env).step
    monkeypatch.setattr(type(env), "step", lambda self, action: taken.append(action) or original(self, action))
    [number] = [number for number, row in enumerate(rooms.rows) if row["steps"] == 36][:1]
    replays = Replays(rooms)
    replays.moments(number, 34, 2)
    assert len(taken) == 36
    taken.clear()
    replays.moments(number, 22, 3)
    assert len(taken) == 5  # from step 20


def test_what_does_not_happen_again_is_marked(rooms: Source):
    row = dict(rooms.rows[0])
    row["state_hashes"] = [*row["state_hashes"][:3], "v1:other", *row["state_hashes"][4:]]
    row["rewards"] = [5.0, *row["rewards"][1:]]
    found = Replays(replace(rooms, rows=[row])).moments(0, 0, 6)
    assert [one["differs"] for one in found] == [False, False, False, True, False, False]
    assert (found[0]["reward"], found[0]["recorded_reward"]) == (-0.1, 5.0)


def test_an_environment_that_fails_ends_the_moments_with_the_reason(rooms: Source, monkeypatch: pytest.MonkeyPatch):
    env = environment(rooms.config)
    original = type(env).step

    def step(self, action):
        if self.t == 3:
            raise RuntimeError("out of <order>")
        return original(self, action)

    monkeypatch.setattr(type(env), "step", step)
    found = Replays(rooms).moments(0, 0, 20)
    assert len(found) == 4
    assert found[-1]["failed"] == "RuntimeError: out of <order>"
    assert Replays(rooms).moments(0, 3, 20) == found[-1:]


def test_a_shop_page_is_laid_out_and_keeps_its_text(shop: Source):
    found = Replays(shop).moments(0, 0, 3)
    kinds = {block["kind"] for one in found for block in one["blocks"]}
    assert kinds >= {"paragraph", "table", "choices"}
    assert found[1]["text"].startswith("Instruction:")
    assert Replays(shop).instruction(0) in found[0]["text"]


def test_a_family_without_pages_shows_its_text_once(tmp_path):
    source = source_of_run(evaluate(make_plan("envbench/Bifurcation-v0", "random", episodes=1), tmp_path / "run"))
    found = Replays(source).moments(0, 0, 2)
    assert found[0]["blocks"] == []
    assert found[0]["text"]
    assert found[0]["frame"] == ""


def test_a_picture_is_a_png_with_its_pixels():
    pixels = np.arange(2 * 3 * 3, dtype=np.uint8).reshape(2, 3, 3)
    data = png(pixels)
    assert data.startswith(b"\x89PNG\r\n\x1a\n")
    start = data.index(b"IDAT")
    size = int.from_bytes(data[start - 4 : start], "big")
    body = data[start + 4 : start + 4 + size]
    assert int.from_bytes(data[start + 4 + size : start + 8 + size], "big") == zlib.crc32(b"IDAT" + body)
    assert zlib.decompress(body) == b"".join(b"\0" + row.tobytes() for row in pixels)
    assert data[16:24] == (3).to_bytes(4, "big") + (2).to_bytes(4, "big")
