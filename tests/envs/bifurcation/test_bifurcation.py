"""The walk, its knobs, and that the steps called decisive are those where the true advantage is not 0."""

import gymnasium
import numpy as np
import pytest

import envbench
from envbench.envs.bifurcation.engine import START, Corridor, Rules
from envbench.fidelity import policies
from envbench.fidelity.enumeration import enumerate_tasks
from envbench.fidelity.mdp import evaluate

ID = "envbench/Bifurcation-v0"
PLAIN = {
    "decisions": 2, "doors": 2, "distance": 1, "delay": 1, "ways": 2, "spread": 0, "history": False, "reward": "end",
    "chance": 0,
}  # fmt: skip


def corridor(secret=(1, 0), **knobs):
    return Corridor(Rules(**{**PLAIN, **knobs}), secret)


def walked(site, choices):
    """The walks of an episode and their rewards."""
    walk, rewards = START, []
    for choice in choices:
        after = site.after(walk, choice)
        rewards.append(site.reward(walk, after))
        walk = after
    return walk, rewards


def test_a_flawless_walk_is_paid_at_the_end():
    site = corridor()
    assert site.places == ("fork", "passage", "fork", "passage")
    end, rewards = walked(site, [1, 0, 0, 1])
    assert (site.over(end), rewards, site.score(end)) == (True, [0.0, 0.0, 0.0, 1.0], 1.0)
    end, rewards = walked(site, [0, 0, 0, 1])
    assert (site.over(end), rewards, site.score(end)) == (True, [0.0] * 4, 0.0)


def test_parts_are_paid_at_each_right_door():
    site = corridor(reward="partial")
    end, rewards = walked(site, [0, 0, 0, 1])
    assert (rewards, site.score(end)) == ([0.0, 0.0, 0.5, 0.0], 0.5)


def test_the_key_shifts_the_right_door():
    site = corridor(history=True, doors=3, secret=(1, 2))
    for key, (first, second) in enumerate([(1, 2), (2, 0), (0, 1)]):
        end, rewards = walked(site, [key, first, 0, second, 0])
        assert rewards[-1] == 1.0
        assert not site.mistakes(end)


def test_spread_tells_paths_apart():
    site = corridor(distance=3, spread=2)
    walk, _ = walked(site, [1, 0, 1])
    assert walk.paths == (0, 1)
    assert site.actions(walk) == ("follow path 1-2-1", "follow path 1-2-2")
    assert walked(site, [1, 0, 1, 1, 0])[0].paths == ()  # a door ends the path


def test_chance_leads_through_another_door():
    site = corridor(doors=3, chance=20)
    assert site.turns_out(START, 1) == ((0.8, 1), (0.1, 0), (0.1, 2))
    passage = site.after(START, 0)
    assert site.turns_out(passage, 1) == ((1.0, 1),)


def test_the_length_of_a_walk():
    for decisions in (1, 6):
        for distance in (0, 10):
            site = corridor(decisions=decisions, distance=distance, delay=10, history=True)
            assert len(site.places) == decisions + (decisions - 1) * distance + 11


def test_texts():
    env = gymnasium.make(ID, distance=1, spread=1).unwrapped
    observation, info = env.reset(options={"task": "bifurcation/builtin/train/0000"})
    assert observation == "Amber Abbey, place 1 of 5. Doors so far: none. Path: none. Doors, all closed."
    assert info["decisive"] is True
    observation, _, _, _, info = env.step("open the blue door")
    assert observation == "Amber Abbey, place 2 of 5. Doors so far: blue. Path: none. Paths lead on."
    assert info["decisive"] is False
    assert env.step("follow path 2")[0].endswith("Doors so far: blue. Path: 2. Doors, all closed.")


def test_aliasing_changes_texts_and_nothing_else():
    seen = {}
    for aliasing in (0, 40, 80, 100):
        env = gymnasium.make(ID, distance=10, aliasing=aliasing).unwrapped
        observation, info = env.reset(options={"task": "bifurcation/builtin/train/0003"})
        texts, states = [observation], [info["state_hash"]]
        while "outcome" not in info:
            observation, _, _, _, info = env.step(info["valid_actions"][0])
            texts.append(observation)
            states.append(info["state_hash"])
        seen[aliasing] = texts, states
    plain = seen[0][1]
    assert all(states == plain for _, states in seen.values())
    dull = [{place for place, text in enumerate(texts) if text.startswith("A bare")} for texts, _ in seen.values()]
    assert [len(places) for places in dull] == sorted(len(places) for places in dull)
    assert dull[0] < dull[1] < dull[2] < dull[3]
    assert len(dull[3]) == len(plain) - 1  # all but the way out


@pytest.mark.parametrize(
    "knobs",
    [
        {},
        {"reward": "partial", "decisions": 3},
        {"chance": 20, "doors": 3},
        {"spread": 2, "ways": 3},
        {"aliasing": 50, "delay": 0},
    ],
    ids=str,
)
def test_decisive_steps_are_those_with_a_true_advantage(knobs):
    env = gymnasium.make(ID, max_steps=None, **knobs).unwrapped
    tasks = envbench.panel(ID, split="train", **knobs)[:2]
    mdp = enumerate_tasks(env, tasks, 100)
    policy, _ = policies.of_skill(mdp, 0.4, 100)
    values = evaluate(mdp, policy, 100)
    advantage = values.q[0] - values.v[0, mdp.edge_node]
    large = np.zeros(mdp.num_nodes, bool)
    np.logical_or.at(large, mdp.edge_node, np.abs(advantage) > 1e-9)
    decisive = {}
    for task in tasks:
        _, info = env.reset(options={"task": task.id})
        waiting = [(env.snapshot(), info)]
        while waiting:
            snapshot, info = waiting.pop()
            if info["anchor_hash"] in decisive or not info["valid_actions"]:
                continue
            decisive[info["anchor_hash"]] = info["decisive"]
            for action in info["valid_actions"]:
                for reseed in range(12 if env.stochastic else 1):
                    env.restore(snapshot, reseed=reseed)
                    _, _, _, _, after = env.step(action)
                    waiting.append((env.snapshot(), after))
    assert len(decisive) == int((np.diff(mdp.first) > 0).sum())
    for anchor, flag in decisive.items():
        assert large[mdp.node_of[anchor]] == flag, anchor
