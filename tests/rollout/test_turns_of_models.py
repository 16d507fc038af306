"""A language model at the table: the episodes of an evaluation, groups that start alike, forks that go on exactly."""

import numpy as np
import pytest

from envbench.agents.prompting import Prompting
from envbench.errors import InvalidValue
from envbench.evaluate import evaluate, make_plan
from envbench.policies.lm.build import new_model
from envbench.policies.lm.policy import CausalLMPolicy
from envbench.registry import card_of, panel
from envbench.rollout.forks import Forks
from envbench.rollout.members import Members
from envbench.rollout.panel import play_panel
from envbench.rollout.table import Table
from envbench.rollout.turns import TurnCollector

LAKE, TOKENS = "envbench/FrozenLake-v0", 3


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    made = tmp_path_factory.mktemp("model") / "nano"
    new_model("nano", made, [LAKE])
    return made


@pytest.fixture(scope="module")
def policy(folder):
    loaded = CausalLMPolicy.load(folder)
    with_bias = loaded.model.lm_head  # replies of a random model are noise: make the four moves likely
    moves = [loaded.tokenizer.encode(move, add_special_tokens=False)[0] for move in ("left", "right", "up", "down")]
    with_bias.weight.data[[*moves, loaded.tokenizer.eos_token_id]] *= 4.0
    return loaded


def table_of(policy, *, dialogue=False, limit=6, snapshots=False, slots=5, **changes):
    prompting = Prompting(card_of(LAKE), "observation", 0, policy.tokenizer, dialogue)
    arguments = {"max_tokens": TOKENS, "snapshots": snapshots, "slots": slots, **changes}
    return Table(LAKE, "builtin", {}, limit, policy, prompting, **arguments)


@pytest.mark.parametrize("dialogue", [False, True])
def test_a_panel_is_played_as_by_the_agent(policy, folder, tmp_path, dialogue):
    policy.model.save_pretrained(tmp_path / "m")
    policy.tokenizer.save_pretrained(tmp_path / "m")
    options = {"model": str(tmp_path / "m"), "max_tokens": TOKENS, "dialogue": dialogue}
    plan = make_plan(LAKE, "policy", agent_options=options, split="val", episodes=6, trials=2, max_steps=6)
    rows = evaluate(plan, tmp_path / "run").episodes()
    mine = play_panel(
        table_of(policy, dialogue=dialogue), panel(LAKE, split="val")[:6], max_tokens=TOKENS, trials=2, agent="x"
    )
    left_out = {"cell", "agent", "wall_seconds"}
    for one, other in zip(mine, rows, strict=True):
        assert {k: v for k, v in one.items() if k not in left_out} == {
            k: (list(v) if isinstance(v, tuple) else v) for k, v in other.items() if k not in left_out
        }


@pytest.mark.parametrize("dialogue", [False, True])
def test_members_do_not_depend_on_who_sits_beside_them(policy, dialogue):
    members = Members(panel(LAKE)[:3], 4, 7, 0, 6)
    found = []
    for slots in (2, 12):
        collector = TurnCollector(table_of(policy, slots=slots, dialogue=dialogue), TOKENS)
        rollout = collector.collect(members)
        found.append(([turn.reply for turn in collector.turns], rollout.reward.tolist(), rollout.episode.tolist()))
    assert found[0] == found[1]


def test_turns_are_recorded_as_they_were(policy):
    collector = TurnCollector(table_of(policy), TOKENS)
    rollout = collector.collect(Members(panel(LAKE)[:2], 3, 1, 0, 6))
    assert len(collector.turns) == len(rollout.t)
    for turn in collector.turns:
        assert len(turn.reply) == len(turn.logprobs) <= TOKENS
        assert policy.act([turn.prompt], None, 1)
        assert turn.format_valid or not turn.action
    assert rollout.spent.policy_tokens == sum(len(turn.reply) for turn in collector.turns)
    assert (rollout.lengths <= 6).all()


@pytest.mark.parametrize("dialogue", [False, True])
def test_a_fork_goes_on_from_the_moment(policy, dialogue):
    collector = TurnCollector(table_of(policy, snapshots=True, dialogue=dialogue), TOKENS)
    rollout = collector.collect(Members(panel(LAKE)[:2], 3, 1, 0, 6))
    rows = np.flatnonzero(rollout.t == 2)
    branches = collector.fork(Forks(rollout, rows, "test"))
    assert branches.branch_t.tolist() == [2] * len(rows)
    for fork, row in enumerate(rows.tolist()):
        first = int(branches.first_rows[fork])
        assert branches.anchor[first] == rollout.anchor[row]
        assert collector.turns[int(branches.row[first])].prompt == collector.turns[int(rollout.row[row])].prompt
    assert (branches.t < 6).all()


def test_a_dialogue_only_grows(policy):
    collector = TurnCollector(table_of(policy, dialogue=True), TOKENS)
    rollout = collector.collect(Members(panel(LAKE)[:2], 2, 1, 0, 6))
    assert collector.splits == 0
    for row in np.flatnonzero(rollout.t > 0).tolist():
        before, here = (collector.turns[int(rollout.row[one])] for one in (row - 1, row))
        assert here.prompt[: len(before.prompt) + len(before.reply)] == before.prompt + before.reply


def test_an_environment_that_fails_ends_its_episode_alone(policy, monkeypatch):
    from envbench.envs.frozenlake.env import FrozenLake

    plain = FrozenLake._step

    def failing(self, action):
        if self.task.id.endswith("0001") and self.t == 1:
            raise OSError("the ice broke")
        return plain(self, action)

    monkeypatch.setattr(FrozenLake, "_step", failing)
    collector = TurnCollector(table_of(policy), TOKENS)
    rollout = collector.collect(Members(panel(LAKE)[:2], 2, 1, 0, 6))
    failed = {int(rollout.episode[row]) for row, turn in enumerate(collector.turns) if turn.failed}
    assert failed <= {2, 3}


def test_another_limit_is_refused(policy):
    with pytest.raises(InvalidValue, match="make it with max_steps=9"):
        TurnCollector(table_of(policy), TOKENS).collect(Members(panel(LAKE)[:1], 2, 1, 0, 9))
