"""What a tabular rollout fills its columns with, against plain loops."""

import json
import math

import numpy as np
import pytest
from rollout_cases import DRY, WET, chains, collectors, members

from envbench import credit
from envbench.errors import MissingColumn
from envbench.rollout.critic import Critic
from envbench.rollout.fill import CONTINUED, PRODUCERS, REFUSED, Filler
from envbench.rollout.record import RECORDED, Spent
from envbench.rollout.tree import grow, random_nodes
from envbench.types.columns import FURTHER

ALL = tuple(PRODUCERS)


def filled(case=DRY, seen=2, record=ALL, tree=False):
    """Return a rollout with every column, by a filler that has seen some iterations, and the filler."""
    (collector, policy), _ = collectors(case)
    filler = Filler(dict.fromkeys(record, "test"), policy)
    for iteration in range(seen + 1):
        who = members(case, size=8, iteration=iteration)
        rollout = grow(collector, who, random_nodes(2), 1) if tree else collector.collect(who)
        rollout = filler.fill(rollout, collector)
        policy.update(rollout.row, rollout.choice, np.cos(np.arange(len(rollout.t))), 1.0)
        if iteration < seen:
            filler.learn(rollout)
    return rollout, filler, policy


@pytest.mark.parametrize("tree", [False, True], ids=["chains", "tree"])
def test_every_column_makes_a_batch(tree):
    rollout, filler, _ = filled(tree=tree)
    batch = rollout.batch((*filler.record, *RECORDED))
    for name in ALL:
        assert batch.require(name, "test") is not None, name
    assert batch.num_tokens == batch.num_steps


def test_switch_and_subgoal_follow_the_episode():
    rollout, _, _ = filled()
    seen, current = {}, None
    for row, episode in enumerate(rollout.episode.tolist()):
        met = seen.setdefault(episode, set())
        new = int(rollout.anchor[row]) not in met
        met.add(int(rollout.anchor[row]))
        current = int(rollout.anchor[row]) if new else current
        assert rollout.filled["switch"][row] == new
        assert rollout.filled["subgoal"][row] == current
    assert 0 < rollout.filled["switch"].mean() < 1


def test_executed_is_an_effect():
    rollout, _, _ = filled()
    bump = (rollout.anchor == rollout.next_anchor) & (rollout.reward == 0.0)
    last = np.zeros(len(bump), np.bool_)
    last[rollout.last_rows] = rollout.terminated
    assert np.array_equal(rollout.filled["executed"], ~bump | last)
    assert bump.any()


def test_the_critic_is_a_running_mean_of_earlier_iterations():
    (collector, _), _ = collectors(DRY)
    critic, expected = Critic(rate=0.3), {}
    for iteration in range(4):
        rollout = collector.collect(members(DRY, size=40, iteration=iteration))
        anchors = [rollout.ids.texts[one] for one in rollout.anchor.tolist()]
        found = critic("return", rollout.anchor, rollout.ids)
        assert found.tolist() == pytest.approx([expected.get(anchor, 0.0) for anchor in anchors])
        visits = {}
        for row, anchor in enumerate(anchors):
            own = np.flatnonzero((rollout.episode == rollout.episode[row]) & (rollout.t >= rollout.t[row]))
            visits.setdefault(anchor, []).append(rollout.reward[own].sum())
        for anchor, gains in visits.items():
            mean = sum(gains) / len(gains)
            expected[anchor] = expected.get(anchor, mean) + 0.3 * (mean - expected.get(anchor, mean))
        critic.learn(rollout, np.ones(len(rollout.t), np.bool_))
        assert critic.to_plain()["boundary"] == critic.to_plain()["return"]
    assert max(expected.values()) > 0.0


def test_the_critic_knows_nothing_of_the_iteration_that_it_fills():
    rollout, _, _ = filled(seen=0)
    assert not rollout.filled["value"].any()
    assert (rollout.filled["step_score"] != 0.5).sum() == rollout.success.sum()  # only the end is known


def test_scores_and_last_values():
    rollout, filler, _ = filled(case=WET, seen=8)
    values, last = rollout.filled["value"], rollout.filled["last_value"]
    assert not last[rollout.terminated].any()
    known = {rollout.ids.texts[one]: value for one, value in zip(rollout.anchor, values, strict=True)}
    for episode in np.flatnonzero(~rollout.terminated).tolist():
        anchor = rollout.ids.texts[rollout.next_anchor[rollout.last_rows[episode]]]
        assert last[episode] == filler.state()["return"].get(anchor, 0.0)
        assert last[episode] == known.get(anchor, last[episode])
    over = rollout.terminated
    assert rollout.filled["progress"][rollout.last_rows[over]].tolist() == rollout.score[over].tolist()
    expected = [rollout.ids.texts[one] for one in rollout.next_anchor[rollout.last_rows[~over]]]
    assert rollout.filled["progress"][rollout.last_rows[~over]].tolist() == [
        filler.state()["score"].get(anchor, 0.0) for anchor in expected
    ]
    assert (rollout.filled["step_score"] >= 0).all()
    assert (rollout.filled["step_score"] <= 1).all()
    assert rollout.filled["prior"].tolist() == values[rollout.first_rows].tolist()
    assert max(values) > 0.0


def test_probes_look_at_where_the_step_leads():
    rollout, _, _ = filled(case=WET, seen=8)
    sure, entropy = rollout.filled["probe_confidence"], rollout.filled["entropy"]
    for row in range(len(rollout.t)):
        episode, last = rollout.episode[row], row == rollout.last_rows[rollout.episode[row]]
        if last and rollout.terminated[episode]:
            assert sure[row] == 1.0
        else:
            assert sure[row] == pytest.approx(math.exp(-entropy[row if last else row + 1]))
    assert rollout.filled["probe_accuracy"].tolist() == rollout.filled["progress"].tolist()
    assert "probe_accuracy" in credit.method("spae").needs


def test_tokens_are_the_choices():
    rollout, _, policy = filled(seen=0)  # before the first update the policy is uniform
    counts = [len(policy.situation(row)[1]) for row in rollout.row.tolist()]
    assert rollout.filled["ref_logprob"].tolist() == pytest.approx([-math.log(count) for count in counts])
    assert rollout.filled["logprob"].tolist() == pytest.approx(rollout.filled["ref_logprob"].tolist())
    assert rollout.filled["entropy"].tolist() == pytest.approx([math.log(count) for count in counts])
    rollout, _, _ = filled(seen=2)
    assert (rollout.filled["entropy"] < rollout.filled["ref_logprob"].max() * -1 + 1e-9).all()
    assert not np.allclose(rollout.filled["logprob"], rollout.filled["ref_logprob"])
    assert np.array_equal(rollout.filled["token"], rollout.action)
    assert np.array_equal(rollout.filled["token_reward"], rollout.reward)


def test_episode_columns_count_the_prefix():
    rollout, _, _ = filled(tree=True)
    assert rollout.filled["tool_calls"].tolist() == (rollout.branch_t + rollout.lengths).tolist()
    assert (rollout.branch_t > 0).any()
    roots = rollout.filled["prior"][rollout.parent < 0]
    assert rollout.filled["prior"].tolist() == roots[np.searchsorted(np.arange(24), rollout.member)].tolist()
    assert np.array_equal(rollout.filled["answer"], rollout.next_anchor[rollout.last_rows])


def test_a_filler_goes_on_from_its_state():
    (collector, policy), _ = collectors(DRY)
    first, second = (Filler({"value": "gae", "last_value": "gae"}, policy) for _ in range(2))
    for iteration in range(3):
        first.learn(collector.collect(members(DRY, iteration=iteration)))
    second.load(json.loads(json.dumps(first.state())))
    rollout = collector.collect(members(DRY, size=20, iteration=9))
    one, other = first.fill(rollout, collector), second.fill(rollout, collector)
    assert one.filled["value"].tolist() == other.filled["value"].tolist()
    idle = Filler({"anchor": "gigpo"}, policy)
    idle.learn(rollout)
    assert idle.state() == {}


def test_continuations_fill_what_only_they_can():
    rollout, collector, policy = chains()
    record = dict.fromkeys((*CONTINUED, "value", "last_value", "token_value"), "vineppo")
    filler = Filler(record, policy, continuations=3)
    found = filler.fill(rollout, collector)
    assert found.filled["value"].tolist() == found.filled["token_value"].tolist()
    assert set((found.filled["value"] * 3).round(9).tolist()) <= {0.0, 1.0, 2.0, 3.0}
    assert not found.filled["last_value"].any()
    assert found.spent.episodes == rollout.spent.episodes + 3 * len(rollout.t)
    found.batch(filler.record)
    with pytest.raises(MissingColumn, match="vsrm needs the column 'success_rate'. Only continuations"):
        Filler({"success_rate": "vsrm"}, policy)


@pytest.mark.parametrize("name", sorted(REFUSED))
def test_what_means_nothing_in_a_table_is_refused(name):
    _, _, policy = chains()
    with pytest.raises(MissingColumn, match=f"some needs the column '{name}'") as caught:
        Filler({name: "some"}, policy)
    assert "\n" not in str(caught.value)
    assert not {name} & {*RECORDED, *PRODUCERS}
    assert name not in FURTHER or FURTHER[name]


def test_costs_add_up():
    assert Spent(1, 2, 3, 0.5) + Spent(10, 20, 30, 0.25) == Spent(11, 22, 33, 0.75)
    rollout, collector, _ = chains()
    assert rollout.spent.env_steps == rollout.spent.policy_tokens == len(rollout.t)
    assert rollout.spent.episodes == len(rollout.group)
    assert rollout.spent.seconds > 0.0
    assert collector.collect(rollout.members).spent.env_steps == rollout.spent.env_steps
