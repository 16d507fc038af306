import math

import gymnasium
import numpy as np
import pytest
import torch
from tiny_models import model_of, policy_on

from envbench import agents
from envbench.agents.policy import draws
from envbench.errors import InvalidValue, UnknownName
from envbench.fidelity import policies as edge_policies
from envbench.fidelity.enumeration import enumerate_tasks
from envbench.fidelity.mdp import evaluate
from envbench.policies.lm.build import SIZES, new_model, parameters
from envbench.policies.lm.policy import CausalLMPolicy
from envbench.policies.lm.tokenizer import encode, train_tokenizer
from envbench.registry import card_of, panel
from envbench.rollout.transitions import arrivals

LAKE = "envbench/FrozenLake-v0"


@pytest.fixture(scope="module")
def policy():
    return policy_on(LAKE)


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    out = tmp_path_factory.mktemp("models") / "nano"
    new_model("nano", out, [LAKE, "envbench/Sokoban-v0"], seed=5)
    return out


def test_acting(policy):
    prompts = [encode(policy.tokenizer, text) for text in ("You stand", "PFFH", "You stand")]
    uniforms = np.stack([draws(seed, 0, 9) for seed in (1, 2, 3)])
    replies = policy.act(prompts, uniforms)
    assert replies == policy.act(prompts, uniforms)
    for prompt, row, reply in zip(prompts, uniforms, replies, strict=True):
        assert policy.act([prompt], row[None])[0].token_ids == reply.token_ids
        assert len(reply.token_ids) == len(reply.logprobs) <= 9
        assert reply.ended == (reply.token_ids[-1] == policy.tokenizer.eos_token_id)
    assert replies[0].token_ids != replies[2].token_ids  # other draws
    greedy = policy.act(prompts, None, 9)
    assert greedy[0] == greedy[2]
    assert policy.act([], None, 3) == []


def test_scores_are_the_probability_of_the_whole_reply(policy):
    """Summed up token by token through the library, the end token among them."""
    prompt = encode(policy.tokenizer, "PFFHFF\nYou stand on the start.")
    actions = ("left", "down", "go up and then right")
    for action, score in zip(actions, policy.score_actions(prompt, actions), strict=True):
        ids = [*encode(policy.tokenizer, action), policy.tokenizer.eos_token_id]
        with torch.no_grad():
            logprobs = policy.model(torch.tensor([prompt + ids])).logits[0].log_softmax(-1)
        assert score == pytest.approx(
            sum(float(logprobs[len(prompt) - 1 + place, id]) for place, id in enumerate(ids)), abs=1e-4
        )
    chances = policy.action_probabilities(prompt, actions)
    assert math.fsum(chances) == pytest.approx(1.0, abs=1e-12)
    assert chances[2] < chances[0]
    assert policy.score_actions(prompt, ()).tolist() == []


def observations(env, task):
    """Return what is seen in each situation of a task that is not its end, by anchor."""
    text, info = env.reset(seed=0, options={"task": task.id})
    seen, waiting = {info["anchor_hash"]: text}, [env.snapshot()]
    while waiting:
        snapshot = waiting.pop()
        env.restore(snapshot)
        for action in env.valid_actions():
            for _, _, _, terminated, info in arrivals(env, snapshot, action):
                if not terminated and info["anchor_hash"] not in seen:
                    waiting.append(env.snapshot())
                    seen[info["anchor_hash"]] = env.restore(waiting[-1])[0]
    return seen


def test_exact_values_of_a_language_model(policy):
    """`per_node` and `mdp.evaluate` take a model that is scored on the valid actions."""
    env = gymnasium.make(LAKE, max_steps=None).unwrapped
    task = panel(LAKE)[0]
    mdp, seen = enumerate_tasks(env, [task], None), observations(env, task)
    prompts = {anchor: encode(policy.tokenizer, text) for anchor, text in seen.items()}
    chosen = edge_policies.per_node(mdp, lambda anchor, actions: policy.action_probabilities(prompts[anchor], actions))
    assert mdp.over_edges(chosen).tolist() == pytest.approx([1.0 * bool(actions) for actions in mdp.actions])
    assert len({round(float(chance), 6) for chance in chosen}) > 20  # it looks at where it stands
    value = mdp.at_start(evaluate(mdp, chosen, 20, signal="success"))
    assert 0.0 < value < 1.0
    assert value != pytest.approx(edge_policies.success_rate(mdp, edge_policies.uniform(mdp), 20), abs=1e-9)


def test_refusals(policy, tmp_path):
    with pytest.raises(InvalidValue, match="no such folder"):
        CausalLMPolicy.load(tmp_path / "nothing")
    with pytest.raises(InvalidValue, match="no tokenizer can be read"):
        CausalLMPolicy.load(tmp_path)
    with pytest.raises(InvalidValue, match="dtype 'int8'"):
        CausalLMPolicy.load(tmp_path, dtype="int8")
    policy.tokenizer.save_pretrained(tmp_path)
    with pytest.raises(InvalidValue, match="no causal language model"):
        CausalLMPolicy.load(tmp_path)
    with pytest.raises(InvalidValue, match="do not belong together"):
        CausalLMPolicy(model_of("qwen2"), train_tokenizer(["a"], 300))
    with pytest.raises(InvalidValue, match="does not fit: the model reads at most 4096"):
        policy.act([[5] * 4095], None, 2)
    with pytest.raises(InvalidValue, match="empty prompt"):
        policy.act([[]], None, 2)
    with pytest.raises(InvalidValue, match="one draw per prompt"):
        policy.act([[5], [6]], draws(0, 0, 4)[None])


def test_a_device_that_is_not_there(folder):
    if torch.cuda.is_available():
        pytest.skip("it is there")
    with pytest.raises(InvalidValue, match="does not fit on cuda") as caught:
        CausalLMPolicy.load(folder, "cuda")
    assert "\n" not in str(caught.value)


def test_new_model_is_the_same_twice(folder, tmp_path):
    again = new_model("nano", tmp_path / "nano", ["envbench/Sokoban-v0", LAKE], seed=5)
    for path in sorted(folder.iterdir()):
        assert path.read_bytes() == (tmp_path / "nano" / path.name).read_bytes(), path.name
    assert again["parameters"] == parameters("nano", again["vocabulary"])
    state = torch.random.get_rng_state()
    new_model("nano", tmp_path / "other", [LAKE], seed=6)
    assert torch.equal(state, torch.random.get_rng_state())
    weights = "model.safetensors"
    assert (tmp_path / "other" / weights).read_bytes() != (folder / weights).read_bytes()
    assert sorted(path.name for path in tmp_path.iterdir()) == ["nano", "other"]


def test_new_model_refuses(folder, tmp_path):
    with pytest.raises(InvalidValue, match="there already"):
        new_model("nano", folder)
    with pytest.raises(UnknownName):
        new_model("nan", tmp_path / "x")
    with pytest.raises(UnknownName):
        new_model("nano", tmp_path / "x", ["envbench/Nothing-v0"])
    assert not (tmp_path / "x").exists()


def test_sizes_are_those_of_the_contract():
    assert parameters("nano", 15) == 306_816
    assert [round(parameters(size, 512) / 1e6, 2) for size in SIZES] == [0.35, 1.13, 20.73]


def play(agent, id, seed):
    env = gymnasium.make(id).unwrapped
    observation, info = env.reset(seed=seed)
    agent.start(env, observation, info)
    replies = []
    for _ in range(4):
        replies.append(agent.act(observation, info))
        observation, *_, info = env.step(replies[-1].action)
    return replies


@pytest.mark.parametrize("style", ["observation", "plain", "think-action"])
@pytest.mark.parametrize("id", [LAKE, "envbench/Sokoban-v0"])
def test_agent(folder, id, style):
    options = agents.resolve_options("policy", {"model": str(folder), "max_tokens": 4, "history": 1, "style": style})
    described = agents.describe("policy", options, card_of(id))
    assert described == agents.describe("policy", options, card_of(id))
    agent = agents.make("policy", options)
    replies = play(agent, id, 3)
    assert replies == play(agents.make("policy", options), id, 3) == play(agent, id, 3)
    assert all(1 <= reply.completion_tokens <= 4 and reply.model_calls == 1 for reply in replies)
    assert replies[1].prompt_tokens > replies[0].prompt_tokens  # the history
    assert not any(reply.format_valid for reply in replies)  # a model that learned nothing does not end in time


def test_agent_refuses():
    with pytest.raises(InvalidValue, match="--model DIR"):
        agents.describe("policy", agents.resolve_options("policy", {}), card_of(LAKE))
    missing = agents.resolve_options("policy", {"model": "./nowhere"})
    with pytest.raises(InvalidValue, match="no such folder"):
        agents.describe("policy", missing, card_of(LAKE))
