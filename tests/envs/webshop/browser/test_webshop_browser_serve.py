"""The shop for a person, over HTTP: one episode, its result explained, and nothing for other pages' forms."""

import http.client
from collections.abc import Iterator
from urllib.parse import urlencode

import pytest
from page_reader import PageReader

import envbench
from envbench.envs.webshop_browser.serve import Visit
from envbench.errors import InvalidValue

pytestmark = pytest.mark.usefixtures("socket_enabled")

TASK = envbench.panel("envbench/WebShopBrowser-v0", split="test").task("webshop/builtin/test/0042")


@pytest.fixture
def visit() -> Iterator[Visit]:
    with Visit(TASK, "builtin", {"screenshot": False, "show_attrs": False}) as opened:
        yield opened


class Visitor:
    """Follows links and sends forms as a browser without scripts."""

    def __init__(self, visit: Visit) -> None:
        self._host = visit.url.removeprefix("http://").rstrip("/")
        self.path, self.html = "", ""

    def ask(self, path: str, form: dict[str, str] | None = None, **headers: str) -> int:
        connection = http.client.HTTPConnection(self._host, timeout=10)
        method, body = ("GET", None) if form is None else ("POST", urlencode(form))
        connection.request(method, path, body, headers)
        response = connection.getresponse()
        text, location = response.read().decode(), response.headers["Location"]
        connection.close()
        if response.status == 303:
            return self.ask(location.partition("#")[0])
        self.path, self.html = path, text
        return response.status

    @property
    def text(self) -> str:
        return PageReader(self.html).text


def test_a_person_shops_and_is_told_what_the_reward_is_made_of(visit: Visit) -> None:
    person = Visitor(visit)
    assert person.ask("/") == 200
    assert "step 0 of 15" in person.text
    while (action := visit.env.oracle()) is not None:
        name, _, words = action.partition("[")
        page = PageReader(person.html)
        if name == "search":
            person.ask("/search", {"q": words[:-1]})
        else:
            asked = next(asked for asked in page.requests() if _action(visit, asked) == action)
            person.ask(asked.path, None if asked.form is None else dict(asked.form))
        assert TASK.content["instruction_text"] in person.text
    assert visit.wait(5.0)
    assert person.path == "/receipt"
    for words in ("How the reward came about", "reward = type 1.0 x", "= 1.000", "over: success", "asked for"):
        assert words in person.text
    assert visit.env.t == len(visit.actions)
    person.ask("/")
    assert person.path == "/receipt"  # there is no more to do


def _action(visit: Visit, asked: object) -> str | None:
    from envbench.envs.webshop_browser import site

    return site.action(visit.env._engine, asked)  # type: ignore[arg-type]


def test_an_unfinished_episode_is_explained_too() -> None:
    with Visit(TASK, "builtin", {}, max_steps=2) as visit:
        person = Visitor(visit)
        person.ask("/search", {"q": "lamp"})
        assert not visit.wait(0.0)
        person.ask("/search", {"q": "dress"})
        assert visit.wait(5.0)
        assert "Nothing was bought within 2 steps: the reward is 0." in person.text
        assert "over: timeout" in person.text
        assert not PageReader(person.html).forms


def test_what_is_not_on_the_page_costs_no_step(visit: Visit) -> None:
    person = Visitor(visit)
    for path, form in (("/nowhere", None), ("/buy", {}), ("/search", {"q": ""}), ("/results/2", None)):
        assert person.ask(path, form) == 200
        assert (person.path, visit.env.t) == ("/", 0)
        assert "Nothing was done" in person.text
    person.ask("/")
    assert "Nothing was done" not in person.text


def test_forms_of_other_sites_are_refused(visit: Visit) -> None:
    person = Visitor(visit)
    assert person.ask("/search", {"q": "lamp"}, Origin="http://elsewhere.example") == 403
    assert person.ask("/search", {"q": "lamp"}, Origin="null") == 403
    assert person.ask("/search", {"q": "lamp"}, Host="elsewhere.example") == 403
    assert visit.env.t == 0
    assert person.ask("/search", {"q": "lamp"}, Origin=visit.url.rstrip("/")) == 200
    assert visit.actions == ["search[lamp]"]


def test_hostile_searches_and_long_bodies_are_survived(visit: Visit) -> None:
    person = Visitor(visit)
    assert person.ask("/search", {"q": "<script>" * 12_500}) == 200
    assert person.html.count("<script>") == 1
    for length in ("99999999", "-1", "many"):
        assert person.ask("/search", {}, **{"Content-Length": length}) == 413
    assert person.ask("/search", {"q": "ünïcödé 漢字 \ud83d"[:-1]}) == 200
    assert "漢字" in person.text


def test_a_taken_port_is_refused_in_one_line(visit: Visit) -> None:
    port = int(visit.url.rstrip("/").rpartition(":")[2])
    with pytest.raises(InvalidValue, match="leave it out"):
        Visit(TASK, "builtin", {}, port=port)
