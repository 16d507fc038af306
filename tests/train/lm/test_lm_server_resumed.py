"""A run whose replies a server writes: taken up again, its first episodes are played by the weights it stopped with."""

import dataclasses
import json
import threading

import numpy as np
import pytest
from fake_endpoint import serving

from envbench.agents.policy import draws
from envbench.policies.lm.policy import CausalLMPolicy
from envbench.train.loop import Trainer

pytestmark = pytest.mark.usefixtures("socket_enabled")


class Served:
    """A server of one model, which takes the weights of another folder when it is told to."""

    def __init__(self, folder):
        self.policy, self.taken, self._lock = CausalLMPolicy.load(folder), 0, threading.Lock()

    def __call__(self, _n, body):
        with self._lock:
            if "model_path" in body:
                self.policy, self.taken = CausalLMPolicy.load(body["model_path"]), self.taken + 1
                return 200, {}, b'{"success": true}'
            [reply] = self.policy.act([body["prompt"]], draws(body["seed"], 0, body["max_tokens"])[None])
        choice = {
            "index": 0,
            "text": self.policy.tokenizer.decode(reply.token_ids[:-1] if reply.ended else reply.token_ids),
            "finish_reason": "stop" if reply.ended else "length",
            "token_ids": reply.token_ids,
            "prompt_token_ids": body["prompt"],
            "logprobs": {"token_logprobs": reply.logprobs, "tokens": [f"token_id:{id}" for id in reply.token_ids]},
        }
        return 200, {}, json.dumps({"object": "text_completion", "choices": [choice]}).encode()


def off_policy(trainer):
    """Return how far the recorded log-probs of the next episodes are from those of the weights as they stand."""
    rollout = trainer.learner.fill(trainer.collect())
    rows = trainer.learner._pen.rows(rollout)
    return np.abs(trainer.learner.network.scores(rows).logprob - rollout.filled["logprob"]).max()


def test_the_server_is_given_the_weights_of_the_checkpoint(lake, raw_model, tmp_path):
    model = Served(raw_model)
    with serving(model) as server:
        config = dataclasses.replace(
            lake,
            model=str(raw_model),
            method="reinforce",
            groups=2,
            learning_rate=1e-2,
            server=server.url,
            server_update_url=server.url.replace("/v1", "/update"),
            server_folder=str(tmp_path / "weights"),
        )
        trainer, file = Trainer(config), tmp_path / "checkpoint.safetensors"
        assert trainer.step()["optimizer_steps"] > 0
        assert model.taken == 1
        trainer.write(file, trainer.config.plain())
        model.policy = CausalLMPolicy.load(raw_model)  # the server was started anew
        assert off_policy(trainer) > 0.1
        rest = Trainer(config)
        rest.read(file, rest.config.plain())
        assert model.taken == 2
        assert off_policy(rest) < 1e-4
