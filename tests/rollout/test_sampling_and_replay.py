"""Dynamic sampling and the replay buffer."""

import dataclasses
import json

import numpy as np
import pytest
from rollout_cases import DRY, WET, chains, collectors, members, path

from envbench.errors import InvalidValue
from envbench.rollout.forks import Forks
from envbench.rollout.parts import kept, stacked
from envbench.rollout.replay import ReplayBuffer, replayed
from envbench.rollout.sampling import differing_returns, fill_groups
from envbench.rollout.tree import grow, random_nodes


def attempts_of(case, size=6):
    """Return `draw` for `fill_groups`: three groups an attempt, numbered on."""
    return lambda attempt: members(case, tasks=3, size=size, first=3 * attempt)


def test_groups_differ_in_their_seeds_across_attempts():
    draw = attempts_of(WET)
    seeds = {draw(attempt).noise_seed(episode) for attempt in range(3) for episode in range(18)}
    assert len(seeds) == 54
    (collector, _), (stepping, _) = collectors(WET)
    actions = [collector.collect(draw(attempt)).choice.tolist() for attempt in range(2)]
    assert actions[0] != actions[1]
    records = stacked([stepping.collect(draw(attempt)) for attempt in range(2)])
    assert [group.id[3] for group in records.groups] == [0, 1, 2, 3, 4, 5]
    assert [record.seed for group in records.groups for record in group.members] == [
        records.members.noise_seed(episode) for episode in range(36)
    ]


@pytest.mark.parametrize("tree", [False, True], ids=["chains", "tree"])
def test_sampling_goes_on_until_the_batch_is_full(tree):
    (collector, _), _ = collectors(DRY)

    def play(who):
        return grow(collector, who, random_nodes(2), 1) if tree else collector.collect(who)

    draw = attempts_of(DRY)
    found = fill_groups(play, draw, 40)
    assert found.used == 3
    assert 3 < found.sampled == 3 * found.attempts < 120
    assert len(np.unique(found.rollout.group)) == 3
    for group in np.unique(found.rollout.group):
        returns = found.rollout.returns()[found.rollout.group == group]
        assert returns.min() < returns.max()
    parts = [play(draw(attempt)) for attempt in range(found.attempts)]
    assert found.rollout.spent.env_steps == sum(len(part.t) for part in parts) > len(found.rollout.t)
    wanted = np.concatenate([differing_returns(part) for part in parts])
    assert np.unique(found.rollout.group).tolist() == np.flatnonzero(wanted)[:3].tolist()
    assert wanted[: -len(parts[-1].members.tasks)].sum() < 3  # not one attempt too many
    found.rollout.batch()
    for leaf in range(len(found.rollout.group)):
        rows = path(found.rollout, leaf)
        assert found.rollout.t[rows].tolist() == list(range(len(rows)))


def test_the_cap_fills_up_with_groups_that_say_nothing():
    (collector, _), _ = collectors(DRY)
    found = fill_groups(collector.collect, attempts_of(DRY), 2, wanted=lambda rollout: np.array([False, True, False]))
    assert (found.sampled, found.used, found.attempts) == (6, 2, 2)
    assert np.unique(found.rollout.group).tolist() == [0, 1, 4]
    assert found.rollout.tasks()[-1] == members(DRY).tasks[1].id
    with pytest.raises(InvalidValue, match="attempts=0"):
        fill_groups(collector.collect, attempts_of(DRY), 0)


def test_what_is_kept_is_what_was_there():
    (_, _), (collector, _) = collectors(DRY)
    rollout = collector.collect(members(DRY))
    part = kept(rollout, rollout.group == 1)
    assert part.groups == rollout.groups[1:2]
    rows = rollout.group[rollout.episode] == 1
    assert np.array_equal(part.anchor, rollout.anchor[rows])
    assert part.place == [place for place, taken in zip(rollout.place, rows, strict=True) if taken]
    assert part.episode.tolist() == (rollout.episode[rows] - 4).tolist()
    assert part.spent == rollout.spent
    assert np.array_equal(collector.fork(Forks(part, np.array([0]), "x")).parent, [0])


def test_buffer_keeps_the_latest_of_each_task():
    buffer = ReplayBuffer(capacity=3)
    for iteration in range(3):
        rollout, _, policy = chains(iteration=iteration)
        buffer.add(rollout, range(8), policy)
    assert len(buffer) == 6  # two tasks, three each
    task = rollout.members.tasks[0].id
    assert [one.iteration for one in buffer.of(task)] == [2, 2, 2]
    assert [list(one.choices) for one in buffer.of(task)] == [
        rollout.choice[rollout.episode == episode].tolist() for episode in (1, 2, 3)
    ]
    buffer.retain(task, [True, False, True])
    assert [list(one.choices) for one in buffer.of(task)] == [
        rollout.choice[rollout.episode == episode].tolist() for episode in (1, 3)
    ]
    assert buffer.of("frozenlake/builtin/train/9999") == ()
    with pytest.raises(InvalidValue, match="capacity=0"):
        ReplayBuffer(0)


@pytest.mark.parametrize("where", [0, 1], ids=["graph", "steps"])
def test_a_stored_success_joins_another_process(where):
    """The buffer goes through JSON into a fresh policy and collector, and the episode comes back as it was."""
    collector, policy = collectors(DRY)[where]
    rollout = collector.collect(members(DRY, size=60))
    win = int(np.flatnonzero(rollout.success)[0])
    group, rows = int(rollout.group[win]), np.flatnonzero(rollout.episode == win)
    buffer = ReplayBuffer()
    buffer.add(rollout, [win], policy)
    fresh, (collector, policy) = ReplayBuffer(), collectors(DRY)[where]
    fresh.load(json.loads(json.dumps(buffer.state())))
    later = collector.collect(members(DRY, size=4, iteration=3))
    stored = fresh.of(rollout.members.tasks[group].id)
    assert dataclasses.asdict(stored[0]) == fresh.state()[stored[0].task][0]
    both = replayed(later, [(group, stored[0])], policy)
    assert both.filled["stored"].tolist() == [False] * 12 + [True]
    assert both.filled["age"].tolist() == [0] * 12 + [3]
    mixed = kept(both, np.arange(13) != 4 * group)
    assert np.bincount(mixed.group).tolist() == [4, 4, 4]
    new = np.flatnonzero(mixed.episode == 11)
    for name in ("anchor", "next_anchor", "action", "observation"):
        assert [mixed.ids.texts[one] for one in getattr(mixed, name)[new]] == [
            rollout.ids.texts[one] for one in getattr(rollout, name)[rows]
        ]
    assert mixed.choice[new].tolist() == rollout.choice[rows].tolist()
    assert mixed.returns()[11] == rollout.returns()[win] > 0
    assert mixed.spent.env_steps == later.spent.env_steps
    batch = mixed.batch()
    assert batch.num_groups == 3
    policy.update(mixed.row, mixed.choice, mixed.reward, 50.0)
    keys = [policy.situation(row)[0] for row in mixed.row[new].tolist()]
    assert keys == [rollout.ids.texts[one] for one in rollout.anchor[rows]]
    greedy = [policy.greedy(np.array([row]))[0] for row in mixed.row[new[-1:]]]
    assert greedy == [mixed.choice[new[-1]]]
    with pytest.raises(InvalidValue, match="cannot be continued|snapshots"):
        collector.fork(Forks(mixed, new[:1], "branch"))


def test_what_does_not_fit_is_refused():
    rollout, collector, policy = chains()
    buffer = ReplayBuffer()
    buffer.add(rollout, [0], policy)
    stored = buffer.of(rollout.members.tasks[0].id)[0]
    with pytest.raises(InvalidValue, match="cannot join"):
        replayed(rollout, [(1, stored)], policy)
    tree = grow(collector, members(DRY, size=2), random_nodes(1), 1)
    with pytest.raises(InvalidValue, match="is a branch"):
        buffer.add(tree, [len(tree.group) - 1], policy)
