"""What the server answers, to whom, and what a file holds."""

import json
import re
import urllib.error
import urllib.request
from base64 import b64encode
from dataclasses import replace
from hashlib import sha256
from pathlib import Path
from typing import Any

import pytest

from envbench.errors import InvalidValue
from envbench.report.view import METHODS, Source, Viewer, export
from envbench.report.view.credit import group_view
from envbench.report.view.page import page
from envbench.report.view.source import index_of

loopback = pytest.mark.usefixtures("socket_enabled")


def get(url: str, host: str | None = None) -> tuple[int, dict[str, str], bytes]:
    request = urllib.request.Request(url, headers={} if host is None else {"Host": host})
    try:
        with urllib.request.urlopen(request, timeout=30) as answer:
            return answer.status, dict(answer.headers), answer.read()
    except urllib.error.HTTPError as error:
        return error.code, dict(error.headers), error.read()


def ask(viewer: Viewer, path: str) -> tuple[int, Any]:
    status, headers, data = get(viewer.url + path)
    assert headers["Content-Type"] == "application/json; charset=utf-8"
    return status, json.loads(data)


@loopback
def test_the_page_runs_nothing_but_its_own_script(rooms: Source):
    with Viewer(rooms, METHODS) as viewer:
        assert viewer.url.startswith("http://127.0.0.1:")
        status, headers, data = get(viewer.url)
    text = data.decode()
    [style] = re.findall(r"<style>(.*?)</style>", text, re.DOTALL)
    [script] = re.findall(r"<script>(.*?)</script>", text, re.DOTALL)
    policy = headers["Content-Security-Policy"]
    assert status == 200
    assert policy.startswith("default-src 'none';")
    for body, directive in ((script, "script-src"), (style, "style-src")):
        assert f"{directive} 'sha256-{b64encode(sha256(body.encode()).digest()).decode()}'" in policy
    assert "unsafe" not in policy
    assert headers["X-Content-Type-Options"] == "nosniff"
    assert not re.search(r"innerHTML|outerHTML|insertAdjacentHTML|document\.write|\beval\(", script)
    assert not re.search(r"(?:src|href)=[\"']?(?:https?:)?//", text)
    assert "{{" not in re.sub(r"\$\{\{?", "", text).replace("${", "")


@loopback
def test_the_interface_answers_numbers_that_are_there_and_refuses_others(rooms: Source):
    with Viewer(rooms, METHODS) as viewer:
        assert ask(viewer, "api/index")[1]["name"] == rooms.name
        assert ask(viewer, "api/episodes/3/steps?from=2&count=3") == (
            200,
            {"first": 2, "actions": rooms.rows[3]["actions"][2:5], "rewards": rooms.rows[3]["rewards"][2:5]},
        )
        assert [one["t"] for one in ask(viewer, "api/episodes/3/moments?from=2&count=3")[1]["moments"]] == [2, 3, 4]
        assert ask(viewer, "api/groups/1")[1]["episodes"] == [4, 5, 6, 7]
        texts = ask(viewer, "api/instructions?of=0,5")[1]
        assert texts.keys() == {"0", "5"}
        for path, words in {
            "api/episodes/12/steps?from=0&count=1": "there are 12",
            "api/episodes/3/moments?from=99&count=1": "has",
            "api/episodes/3/moments?from=x&count=1": "whole number",
            "api/episodes/3/moments?count=1": "whole number",
            "api/groups/9": "no group",
            "api/instructions?of=99": "there are 12",
            f"api/index?{'&'.join('a=1' for _ in range(99))}": "Max number of fields",
        }.items():
            status, answer = ask(viewer, path)
            assert (status, words in answer["error"]) == (422, True), (path, answer)
        for path in (
            "api/nothing",
            "api/episodes/-1/steps",
            "api/episodes/3/../../x",
            "static/core.js",
            "../etc/passwd",
        ):
            assert ask(viewer, path)[0] == 404, path


@loopback
def test_a_page_of_another_name_gets_nothing(rooms: Source):
    with Viewer(rooms, METHODS) as viewer:
        port = viewer.url.rstrip("/").rpartition(":")[2]
        assert get(viewer.url + "api/index", host=f"localhost:{port}")[0] == 200
        for host in ("evil.example", f"evil.example:{port}", "localhost", "127.0.0.1:1", f"localhost:127.0.0.1:{port}"):
            status, _, data = get(viewer.url + "api/index", host=host)
            assert (status, data) == (403, b"not from here"), host


@loopback
def test_an_episode_that_cannot_be_played_says_so_and_the_rest_is_there(rooms: Source):
    lost = replace(rooms, rows=[dict(rooms.rows[0]) | {"task": "sokoban/builtin/test/9999"}, *rooms.rows[1:]])
    with Viewer(lost, METHODS) as viewer:
        status, answer = ask(viewer, "api/episodes/0/moments?from=0&count=5")
        assert status == 422
        assert "9999" in answer["error"]
        assert ask(viewer, "api/episodes/0/steps?from=0&count=1")[0] == 200
        assert ask(viewer, "api/episodes/1/moments?from=0&count=5")[0] == 200


@loopback
def test_a_taken_port_is_one_line(rooms: Source):
    with Viewer(rooms, METHODS) as viewer:
        port = int(viewer.url.rstrip("/").rpartition(":")[2])
        with pytest.raises(InvalidValue, match=f"--port {port}: .*leave it out"):
            Viewer(rooms, METHODS, port)


def test_a_group_has_every_step_once_with_its_credit(rooms: Source):
    view = group_view(rooms, 0, METHODS)
    cells = [cell for line in view["lines"] for cell in line if cell]
    assert sorted((view["episodes"][cell["lane"]], cell["t"]) for cell in cells) == [
        (number, t) for number in range(4) for t in range(rooms.rows[number]["steps"])
    ]
    assert [one["name"] for one in view["methods"]] == list(METHODS)
    assert all(len(cell["chips"]) == len(METHODS) for cell in cells)
    first = [cell for cell in cells if cell["t"] == 0]
    assert len({cell["mark"] for cell in first}) == 1
    assert first[0]["mark"]


def test_one_episode_is_no_group(rooms: Source):
    with pytest.raises(InvalidValue, match="--trials"):
        group_view(replace(rooms, rows=rooms.rows[:1]), 0, METHODS)


def test_a_group_that_is_too_long_is_not_begun(rooms: Source):
    long = [dict(row) | {"actions": ["up"] * 2_000} for row in rooms.rows[:2]]
    with pytest.raises(InvalidValue, match="4000 steps, too many"):
        group_view(replace(rooms, rows=long), 0, METHODS)


def data_of(file: Path) -> Any:
    [text] = re.findall(r'<script type="application/json" id="data">(.*?)</script>', file.read_text("utf-8"))
    return json.loads(text)


def test_a_file_holds_the_chosen_episodes_and_their_groups(rooms: Source, tmp_path: Path):
    file = tmp_path / "new" / "episodes.html"
    assert export(rooms, METHODS, [5, 1, 5], file) == [1, 5]
    data = data_of(file)
    assert [one["number"] for one in data["index"]["episodes"]] == [1, 5]
    assert sorted(data["index"]["order"]) == [1, 5]
    assert data["index"]["of"] == 12
    assert data["groups"].keys() == {"0", "1"}
    assert len(data["moments"]["5"]["moments"]) == rooms.rows[5]["steps"] + 1
    assert data["steps"]["1"]["actions"] == rooms.rows[1]["actions"]
    again = tmp_path / "again.html"
    export(rooms, METHODS, [1, 5], again)
    assert again.read_bytes() == file.read_bytes()


def test_a_file_takes_those_worth_reading_by_default_and_no_more_than_a_page_holds(rooms: Source, tmp_path: Path):
    many = replace(rooms, rows=[*rooms.rows, *rooms.rows])
    assert export(many, (), None, tmp_path / "some.html") == sorted(index_of(many)["order"][:20])
    with pytest.raises(InvalidValue, match="--episode 12"):
        export(rooms, (), [12], tmp_path / "none.html")
    long = dict(rooms.rows[0]) | {"actions": ["up"] * 20_001}
    with pytest.raises(InvalidValue, match="20001 steps are too many"):
        export(replace(rooms, rows=[long]), (), [0], tmp_path / "none.html")
    assert not (tmp_path / "none.html").exists()


def test_text_of_an_episode_cannot_end_the_data(rooms: Source, tmp_path: Path):
    evil = "</script><script>alert(1)</script><!-- \ud800 \u2028"
    row = dict(rooms.rows[0]) | {"actions": [evil, *rooms.rows[0]["actions"]], "outcome": evil, "agent": evil}
    row |= {"rewards": [0.0, *row["rewards"]], "state_hashes": [row["state_hashes"][0], *row["state_hashes"]]}
    file = tmp_path / "evil.html"
    export(replace(rooms, rows=[row], name=evil), (), [0], file)
    assert data_of(file)["steps"]["0"]["actions"][0] == evil
    assert "alert(1)</script>" not in file.read_text("utf-8")
    assert page().count("<script") == page({"index": evil}).count("<script") == 2
