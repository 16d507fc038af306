"""What the tabular trainer climbs is the exact gradient of the expected return, for methods that are unbiased."""

import gymnasium
import numpy as np
import pytest

from envbench import credit
from envbench.fidelity.enumeration import enumerate_tasks
from envbench.fidelity.mdp import policy_gradient
from envbench.rollout.members import Members
from envbench.train import TrainConfig, Trainer
from envbench.train.tabular import policy_signal

CORRIDOR, KNOBS, LIMIT = "envbench/Bifurcation-v0", {"decisions": 2, "distance": 1}, 6


@pytest.fixture(scope="module")
def setting():
    """A trainer on one corridor whose table is not uniform, the enumerated task, and its exact gradient."""
    one_group = {"max_steps": LIMIT, "tasks": 1, "groups": 1, "group_size": 8}
    trainer = Trainer(TrainConfig(env=CORRIDOR, knobs=KNOBS, method="reinforce", **one_group))
    env = gymnasium.make(CORRIDOR, max_steps=None, **KNOBS).unwrapped
    mdp = enumerate_tasks(env, list(trainer.panel), LIMIT)
    bits = np.random.Generator(np.random.PCG64(3))
    policy = np.concatenate(
        [bits.dirichlet(np.full(len(actions), 2.0)) if actions else np.zeros(0) for actions in mdp.actions]
    )
    logits = {
        mdp.anchors[node]: {
            action: float(np.log(policy[mdp.first[node] + place])) for place, action in enumerate(mdp.actions[node])
        }
        for node in range(mdp.num_nodes)
    }
    trainer.policy.load({"key": "anchor", "logits": logits})
    return trainer, mdp, policy_gradient(mdp, policy, LIMIT)


def estimate(trainer, mdp, method, iteration):
    """The gradient of one group, by edge."""
    rollout = trainer.learner.collector.collect(Members(list(trainer.panel), 8, 11, iteration, LIMIT))
    batch = rollout.batch(())
    signal, _ = policy_signal(batch, credit.advantages(method, batch), "raw", "episodes")
    node_of = {anchor: node for node, anchor in enumerate(mdp.anchors)}
    nodes = np.array([node_of[rollout.ids.texts[one]] for one in rollout.anchor.tolist()])
    probabilities = trainer.policy.probabilities(rollout.row)
    found = np.zeros(mdp.num_edges)
    for row, node in enumerate(nodes.tolist()):
        count = len(mdp.actions[node])
        found[mdp.first[node] : mdp.first[node] + count] -= signal[row] * probabilities[row, :count]
        found[mdp.first[node] + rollout.choice[row]] += signal[row]
    return found


@pytest.mark.parametrize("method", ["reinforce", "rloo"])
def test_the_mean_of_estimates_is_the_exact_gradient(setting, method):
    trainer, mdp, exact = setting
    found = np.array([estimate(trainer, mdp, method, iteration) for iteration in range(800)])
    error = found.std(axis=0, ddof=1) / np.sqrt(len(found))
    met = error > 0.0
    assert met.sum() >= 8
    z = (found.mean(axis=0) - exact)[met] / error[met]
    assert np.abs(z).max() < 4.5
    assert np.abs(z).mean() < 1.1
    cosine = found.mean(axis=0) @ exact / np.linalg.norm(found.mean(axis=0)) / np.linalg.norm(exact)
    assert cosine > 0.95


def test_a_method_that_normalises_is_not_held_to_it(setting):
    """GRPO divides by the group's deviation: its mean points the same way and is another vector."""
    trainer, mdp, exact = setting
    found = np.mean([estimate(trainer, mdp, "grpo", iteration) for iteration in range(300)], axis=0)
    assert np.linalg.norm(found) > 1.5 * np.linalg.norm(exact)
