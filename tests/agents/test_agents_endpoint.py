import json

import pytest
from fake_endpoint import completion, serving

from envbench.agents.endpoint import Answer, ChatEndpoint
from envbench.endpoint import LONGEST_WAIT
from envbench.errors import AgentFailed, InvalidValue

pytestmark = pytest.mark.usefixtures("socket_enabled")
REQUEST = {"model": "m", "messages": []}


class Waits(list):
    __call__ = list.append


def test_an_answer_comes_with_its_token_counts_and_the_key_is_sent(monkeypatch):
    monkeypatch.setenv("OPENAI_API_KEY", "k-123")
    monkeypatch.setenv("HTTP_PROXY", "http://127.0.0.1:1")
    monkeypatch.setenv("http_proxy", "http://127.0.0.1:1")  # no proxy stands before the loopback interface
    with serving(lambda n, body: completion("left", 20, 4)) as server:
        assert ChatEndpoint(server.url + "/").complete(REQUEST) == Answer("left", 20, 4)
    assert server.requests == [REQUEST | {"path": "/v1/chat/completions"}]
    assert server.keys == ["Bearer k-123"]


def test_without_a_key_no_key_is_sent(monkeypatch):
    monkeypatch.delenv("OPENAI_API_KEY", raising=False)
    with serving(lambda n, body: completion("left")) as server:
        ChatEndpoint(server.url).complete(REQUEST)
    assert server.keys == [None]


def test_missing_usage_counts_as_zero_and_missing_content_as_empty():
    body = json.dumps({"choices": [{"message": {"content": None}}]}).encode()
    with serving(lambda n, _: (200, {}, body)) as server:
        assert ChatEndpoint(server.url).complete(REQUEST) == Answer("", 0, 0)


@pytest.mark.parametrize("status", [429, 408, 500, 503])
def test_passing_refusals_are_tried_again_after_growing_waits(status):
    waits = Waits()
    with serving(lambda n, _: completion("up") if n == 3 else (status, {}, b"busy")) as server:
        assert ChatEndpoint(server.url, sleep=waits).complete(REQUEST).text == "up"
    assert waits == [1.0, 2.0, 4.0]


def test_retry_after_is_honoured_within_bounds():
    waits = Waits()
    asked = ["0.5", "9999", "-1", "Wed, 21 Oct 2026 07:28:00 GMT"]
    with serving(lambda n, _: (429, {"Retry-After": asked[n]}, b"") if n < 4 else completion("up")) as server:
        ChatEndpoint(server.url, sleep=waits).complete(REQUEST)
    assert waits == [0.5, LONGEST_WAIT, 0.0, 8.0]


def test_waits_are_bounded_and_the_last_failure_is_the_agents():
    waits = Waits()
    with (
        serving(lambda n, _: (500, {}, b"out of\norder")) as server,
        pytest.raises(AgentFailed, match=r"status 500 \(out of order\), after 8 attempts"),
    ):
        ChatEndpoint(server.url, retries=7, sleep=waits).complete(REQUEST)
    assert waits == [1.0, 2.0, 4.0, 8.0, 16.0, 30.0, 30.0]
    assert len(server.requests) == 8


@pytest.mark.parametrize(
    "body", [b"<html>", b"[]", b"{}", b'{"choices": []}', b'{"choices": [{"message": {"content": 3}}]}', b"\xff"]
)
def test_a_malformed_answer_is_tried_again(body):
    with serving(lambda n, _: completion("up") if n else (200, {}, body)) as server:
        assert ChatEndpoint(server.url, sleep=Waits()).complete(REQUEST).text == "up"
    assert len(server.requests) == 2


def test_negative_or_wrong_counts_are_malformed():
    with (
        serving(lambda n, _: completion("up", prompt=-1)) as server,
        pytest.raises(AgentFailed, match="no chat completion"),
    ):
        ChatEndpoint(server.url, retries=0).complete(REQUEST)


def test_a_timeout_is_tried_again():
    with serving(lambda n, _: completion("up") if n else None) as server:
        assert ChatEndpoint(server.url, timeout=0.2, sleep=Waits()).complete(REQUEST).text == "up"
    assert len(server.requests) == 2


def test_nobody_there_from_the_start_is_the_users_error():
    with serving(lambda n, _: None) as server:
        url = server.url
    with pytest.raises(InvalidValue, match="no answer .* after 3 attempts; start the endpoint or check --base-url"):
        ChatEndpoint(url, retries=2, sleep=Waits()).complete(REQUEST)


def test_nobody_there_any_more_is_an_agent_failure():
    with serving(lambda n, _: completion("up")) as server:
        endpoint = ChatEndpoint(server.url, retries=2, sleep=Waits())
        endpoint.complete(REQUEST)
    with pytest.raises(AgentFailed, match="no answer .* after 3 attempts"):
        endpoint.complete(REQUEST)


@pytest.mark.parametrize(("status", "says"), [(401, "OPENAI_API_KEY"), (403, "OPENAI_API_KEY"), (404, "--model")])
def test_what_no_retry_can_mend_is_the_users_error(status, says):
    with serving(lambda n, _: (status, {}, b"no")) as server, pytest.raises(InvalidValue, match=says):
        ChatEndpoint(server.url, sleep=Waits()).complete(REQUEST)
    assert len(server.requests) == 1


def test_a_refused_request_is_an_agent_failure_at_once():
    with serving(lambda n, _: (400, {}, b"too long")) as server, pytest.raises(AgentFailed, match="400"):
        ChatEndpoint(server.url, sleep=Waits()).complete(REQUEST)
    assert len(server.requests) == 1


@pytest.mark.parametrize(
    "url", ["", "localhost:8000", "ftp://host/v1", "http://", "http://h:99999/v1", "http://[::1/v1"]
)
def test_a_url_that_is_none_is_refused(url):
    with pytest.raises(InvalidValue, match="expected a URL"):
        ChatEndpoint(url)


@pytest.mark.parametrize("url", ["https://user:hunter2@host/v1", "https://host/v1?key=abc"])
def test_credentials_in_the_url_are_refused_and_not_repeated(url):
    with pytest.raises(InvalidValue) as error:
        ChatEndpoint(url)
    assert "hunter2" not in str(error.value)
    assert "abc" not in str(error.value)
