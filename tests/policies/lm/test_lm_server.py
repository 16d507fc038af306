import json
import threading
import time

import numpy as np
import pytest
from fake_endpoint import serving
from tiny_models import policy_on

from envbench.agents.policy import draws
from envbench.agents.prompting import Prompting
from envbench.errors import AgentFailed, InvalidValue
from envbench.policies.lm.build import new_model
from envbench.policies.lm.server import ServerPolicy
from envbench.policies.lm.tokenizer import encode
from envbench.registry import card_of, panel
from envbench.rollout.members import Members
from envbench.rollout.table import Table
from envbench.rollout.turns import TurnCollector

pytestmark = pytest.mark.usefixtures("socket_enabled")
LAKE = "envbench/FrozenLake-v0"
LIMIT = 6


@pytest.fixture(scope="module")
def local():
    return policy_on(LAKE)


@pytest.fixture(scope="module")
def prompts(local):
    return [encode(local.tokenizer, text) for text in ("You stand", "PFFH", "You stand", "on the ice")]


@pytest.fixture
def uniforms():
    return np.stack([draws(seed, 0, LIMIT) for seed in range(4)])


def served(local, body):
    """What a server with the local model says: the choice of an answer."""
    drawn = None if "seed" not in body else draws(body["seed"], 0, body["max_tokens"])[None]
    [reply] = local.act([body["prompt"]], drawn, body["max_tokens"])
    return {
        "index": 0,
        "text": local.tokenizer.decode(reply.token_ids[:-1] if reply.ended else reply.token_ids),
        "finish_reason": "stop" if reply.ended else "length",
        "token_ids": reply.token_ids,
        "prompt_token_ids": body["prompt"],
        "logprobs": {"token_logprobs": reply.logprobs, "tokens": [f"token_id:{id}" for id in reply.token_ids]},
    }


def answer(choice):
    return 200, {}, json.dumps({"object": "text_completion", "choices": [choice]}).encode()


def model_server(local, change=lambda n, choice: choice):
    lock = threading.Lock()

    def script(n, body):
        with lock:
            return answer(change(n, served(local, body)))

    return serving(script)


def policy_of(server, local, **options):
    return ServerPolicy(server.url, "m", local.tokenizer, **{"retries": 0, "sleep": lambda _: None, **options})


def test_replies_are_those_of_the_model_behind_the_server(local, prompts, uniforms):
    with model_server(local) as server:
        replies = policy_of(server, local).act(prompts, uniforms)
        again = policy_of(server, local, concurrency=1).act(prompts, uniforms, LIMIT)
    seeds = [int(row[0] * 2**31) for row in uniforms]
    expected = [
        local.act([prompt], draws(seed, 0, LIMIT)[None])[0] for prompt, seed in zip(prompts, seeds, strict=True)
    ]
    assert replies == again == expected
    sent = {(tuple(one["prompt"]), one["seed"]): one for one in server.requests}
    assert set(sent) == {(tuple(prompt), seed) for prompt, seed in zip(prompts, seeds, strict=True)}
    one = server.requests[0]
    assert (one["path"], one["model"], one["max_tokens"]) == ("/v1/completions", "m", LIMIT)
    assert (one["temperature"], one["top_p"], one["top_k"], one["logprobs"]) == (1.0, 1.0, -1, 0)
    assert one["return_token_ids"] is True
    assert one["stop_token_ids"] == [local.tokenizer.eos_token_id]


def test_it_plays_at_a_table_of_the_trainer(local):
    """As the sampler of a run: the episodes are those that the model would play with the same seeds."""
    prompting = Prompting(card_of(LAKE), "observation", 0, local.tokenizer)
    with model_server(local) as server:
        policy = policy_of(server, local)
        table = Table(LAKE, "builtin", {}, 3, policy, prompting, max_tokens=LIMIT)
        members = Members(panel(LAKE)[:1], 4, 0, 0, 3)
        collector = TurnCollector(table, LIMIT)
        collector.collect(members)
        assert len(server.requests) == len(collector.turns) >= 4
    for turn in collector.turns:
        assert len(turn.logprobs) == len(turn.reply) > 0


def test_what_fits():
    policy = ServerPolicy("http://127.0.0.1:9/v1", "m", policy_on(LAKE).tokenizer, max_length=5)
    assert policy.fits([1, 2], 3)
    assert not policy.fits([1, 2], 4)
    assert not policy.fits([], 1)
    assert ServerPolicy("http://127.0.0.1:9/v1", "m", policy.tokenizer).fits([1] * 9999, 9)


def test_greedy_replies_have_no_seed(local, prompts):
    with model_server(local) as server:
        replies = policy_of(server, local).act(prompts, None, 3)
    assert replies == [local.act([prompt], None, 3)[0] for prompt in prompts]
    assert all("seed" not in one and one["temperature"] == 0.0 for one in server.requests)


def test_an_older_server_names_the_ids_in_its_logprobs(local, prompts, uniforms):
    with model_server(local, lambda n, choice: choice | {"token_ids": None}) as server:
        replies = policy_of(server, local).act(prompts, uniforms)
    with model_server(local) as server:
        assert replies == policy_of(server, local).act(prompts, uniforms)


def test_requests_are_under_way_at_the_same_time(local, prompts, uniforms):
    together = threading.Barrier(len(prompts), timeout=5)  # breaks unless all four are there at once
    lock = threading.Lock()

    def script(n, body):
        together.wait()
        with lock:
            return answer(served(local, body))

    with serving(script) as server:
        assert len(policy_of(server, local).act(prompts, uniforms)) == 4


def without(*names):
    return lambda n, choice: {name: value for name, value in choice.items() if name not in names}


def logprobs(**values):
    return lambda n, choice: choice | {"logprobs": choice["logprobs"] | values}


PLAIN_TOKENS = {"token_ids": None, "logprobs": {"token_logprobs": [-1.0], "tokens": ["a"]}}


@pytest.mark.parametrize(
    ("change", "says"),
    [
        (lambda n, choice: choice | PLAIN_TOKENS, "returned no token ids, .* start `vllm serve MODEL`"),
        (without("token_ids", "logprobs"), "returned no token ids"),
        (without("logprobs"), "returned no log-probs"),
        (logprobs(token_logprobs=None), "returned no log-probs"),
        (lambda n, choice: choice | {"token_ids": [5, 6, 7], "finish_reason": "length"}, "3 token ids and"),
        (lambda n, choice: choice | {"token_ids": [999999]}, "the token 999999"),
        (lambda n, choice: choice | {"token_ids": [True]}, "the token True"),
        (lambda n, choice: choice | {"token_ids": []}, "returned 0 tokens"),
        (lambda n, choice: choice | {"token_ids": [5] * 9}, "returned 9 tokens where 1 to 6"),
        (lambda n, choice: choice | {"token_ids": [5], "finish_reason": "stop"}, "ends replies elsewhere"),
        (lambda n, choice: choice | {"token_ids": [2, 5], "finish_reason": "length"}, "ends replies elsewhere"),
        (lambda n, choice: choice | {"prompt_token_ids": [1]}, "a prompt of 1 tokens"),
        (logprobs(token_logprobs=[None] * LIMIT), "log-prob that is no finite number"),
        (logprobs(token_logprobs=[0.5] * LIMIT), "log-prob that is no finite number"),
        (logprobs(token_logprobs=[-np.inf] * LIMIT), "log-prob that is no finite number"),
        (lambda n, choice: choice | {"text": choice["text"] + "x"}, "do not decode to its text in 1 of 1"),
    ],
)
def test_an_answer_that_training_cannot_use_is_refused(local, change, says):
    prompt = encode(local.tokenizer, "You stand")
    uniform = draws(1, 0, LIMIT)[None]
    with model_server(local, change) as server:
        policy = policy_of(server, local)
        [reply] = local.act([prompt], draws(int(uniform[0, 0] * 2**31), 0, LIMIT)[None])
        assert len(reply.token_ids) == LIMIT  # so that the cases above are what they say
        with pytest.raises(InvalidValue, match=says) as error:
            policy.act([prompt], uniform)
    assert "\n" not in str(error.value)
    assert policy.mismatches == ("decode" in says)
    assert len(server.requests) == 1  # no retry mends it


def test_mismatched_texts_are_counted_over_calls(local, prompts, uniforms):
    with model_server(local, lambda n, choice: choice | ({"text": "other"} if n % 2 else {})) as server:
        policy = policy_of(server, local)
        for times in (1, 2):
            with pytest.raises(InvalidValue, match="in 2 of 4 replies"):
                policy.act(prompts, uniforms)
            assert policy.mismatches == 2 * times


def test_the_edges_of_a_text_may_differ(local, prompts, uniforms):
    with model_server(local, lambda n, choice: choice | {"text": f" {choice['text']}\ufffd"}) as server:
        assert len(policy_of(server, local).act(prompts, uniforms)) == 4


def test_passing_failures_are_tried_again(local, prompts, uniforms):
    failures = [(429, {"Retry-After": "0"}, b""), (503, {}, b"loading"), (200, {}, b"<html>"), (200, {}, b"{}")]
    with serving(lambda n, body: failures[n] if n < 4 else answer(served(local, body))) as server:
        replies = policy_of(server, local, retries=4, concurrency=1).act(prompts, uniforms)
    assert len(replies) == 4
    assert len(server.requests) == 8


def test_a_server_that_goes_on_failing_ends_the_call_and_the_other_requests(local, prompts, uniforms):
    with serving(lambda n, _: (500, {}, b"out of memory")) as server, pytest.raises(AgentFailed, match="out of memory"):
        policy_of(server, local, retries=1, concurrency=1).act(prompts, uniforms)
    assert len(server.requests) < 8


def test_a_finish_that_is_none_is_a_failure(local, prompts, uniforms):
    with (
        model_server(local, lambda n, choice: choice | {"finish_reason": "abort"}) as server,
        pytest.raises(AgentFailed, match="no finished completion"),
    ):
        policy_of(server, local).act(prompts, uniforms)


def test_the_deadline_ends_a_call(local, prompts, uniforms):
    began = time.monotonic()
    with (
        serving(lambda n, _: (503, {"Retry-After": "20"}, b"busy")) as server,
        pytest.raises(AgentFailed, match=r"busy.*after 1 attempts \(the deadline is near\)"),
    ):
        policy_of(server, local, retries=9, deadline=5.0).act(prompts, uniforms)
    with serving(lambda n, _: None) as server, pytest.raises(InvalidValue, match="no answer"):
        policy_of(server, local, retries=9, deadline=0.2).act(prompts[:1], uniforms[:1])
    assert time.monotonic() - began < 5


def test_bad_calls_are_refused_before_anything_is_sent(local, prompts, uniforms):
    policy = ServerPolicy("http://127.0.0.1:9/v1", "m", local.tokenizer)
    for given in ((prompts, None), (prompts[:2], uniforms), (prompts, uniforms, 0)):
        with pytest.raises(InvalidValue, match="act needs max_tokens"):
            policy.act(*given)
    with pytest.raises(InvalidValue, match="an empty prompt"):
        policy.act([[]], None, 3)
    assert policy.act([], None, 3) == []
    with pytest.raises(InvalidValue, match="expected a URL"):
        ServerPolicy("nowhere", "m", local.tokenizer)
    with pytest.raises(InvalidValue, match="concurrency=0"):
        ServerPolicy("http://127.0.0.1:9/v1", "m", local.tokenizer, concurrency=0)


def test_loading_reads_tokenizer_and_end_tokens_but_no_weights(local, tmp_path):
    folder = tmp_path / "nano"
    new_model("nano", folder, [LAKE], seed=5)
    (folder / "model.safetensors").unlink()
    (folder / "generation_config.json").write_text('{"eos_token_id": [2, 7]}')
    policy = ServerPolicy.load(folder, "http://127.0.0.1:9/v1")
    assert policy.stop == {2, 7}
    assert policy.model == str(folder)
    (folder / "generation_config.json").unlink()
    assert ServerPolicy.load(folder, "http://127.0.0.1:9/v1", "m").stop == {2}


def test_new_weights_are_asked_for_where_an_address_is_configured(local, tmp_path):
    says = [b'{"success": true, "message": "ok"}', b"", b'{"success": false, "message": "no such folder"}']
    with serving(lambda n, _: (200, {}, says[n])) as server:
        policy = policy_of(server, local, update_url=server.url.replace("/v1", "/update_weights_from_disk"))
        policy.reload(tmp_path)
        policy.reload(str(tmp_path))
        with pytest.raises(InvalidValue, match="did not take the weights .no such folder."):
            policy.reload(tmp_path)
    assert server.requests[0] == {"path": "/update_weights_from_disk", "model_path": str(tmp_path.resolve())}


def test_without_an_address_weights_cannot_be_changed(local):
    with pytest.raises(InvalidValue, match="give update_url=URL"):
        ServerPolicy("http://127.0.0.1:9/v1", "m", local.tokenizer).reload("runs/model")
