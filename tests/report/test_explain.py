"""The page of `credit explain`: what is aligned, what is shown, and that it is what the methods say."""

import itertools
import re

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from envbench import credit
from envbench.errors import GroupMismatch, RunUnreadable
from envbench.evaluate import evaluate, make_plan
from envbench.report import write_explanation
from envbench.report.explain import html
from envbench.report.explain.align import align
from envbench.report.explain.group import group_of, group_of_rows
from envbench.report.explain.view import credit_of, view_of
from envbench.train import TrainConfig
from envbench.train.run import execute_training

LAKE = "envbench/FrozenLake-v0"
DRY = {"slippery": False}


@pytest.fixture(scope="module")
def eval_run(tmp_path_factory):
    plan = make_plan(LAKE, "random", knobs=DRY, episodes=3, trials=4, seed=1)
    return evaluate(plan, tmp_path_factory.mktemp("explain") / "eval")


@pytest.fixture(scope="module")
def tree_run(tmp_path_factory):
    config = TrainConfig(env=LAKE, knobs=DRY, tasks=2, groups=2, group_size=2, iterations=3, shape="tree", rounds=2)
    return execute_training(config, tmp_path_factory.mktemp("explain") / "train")


sequences = st.lists(st.lists(st.sampled_from([*"ABCD", None]), min_size=1, max_size=8), min_size=1, max_size=4)


@given(sequences)
def test_lines_rise_and_hold_each_step_once(episodes):
    placed = align(episodes)
    assert [len(lines) for lines in placed] == [len(keys) for keys in episodes]
    for lines in placed:
        assert all(before < after for before, after in itertools.pairwise(lines))
    assert {line for lines in placed for line in lines} == set(range(1 + max(max(lines) for lines in placed)))


def test_equal_steps_stand_on_one_line_around_a_detour():
    long, short = align(["SabcEF", "SEF"])
    assert long == [0, 1, 2, 3, 4, 5]
    assert short == [0, 4, 5]


def test_episodes_begin_on_the_first_line_even_where_a_later_match_is_longer():
    assert align(["AxAyBCD", "AyBCD"])[1][0] == 0


def test_a_branch_stands_beside_what_it_branched_from():
    assert align(["SabcE", "bxE"])[1] == [2, 3, 4]


def test_other_steps_share_a_line_and_none_matches_nothing():
    assert align([["S", None, "E"], ["S", None, "E"]]) == [[0, 1, 2], [0, 1, 2]]
    assert align(["ab", "cd"]) == [[0, 1], [0, 1]]


def test_an_eval_group_is_the_batch_of_its_episodes(eval_run):
    group = group_of(eval_run, ["gigpo"], None, None)
    rows = [row for row in eval_run.episodes() if row["task"] == group.task]
    assert [lane.episode_return for lane in group.lanes] == [row["episode_return"] for row in rows]
    assert [moment.action for moment in group.moments] == [action for row in rows for action in row["actions"]]
    assert len({moment.anchor for moment in group.moments if moment.t == 0}) == 1
    assert all("P" in moment.seen for moment in group.moments)
    values, counts = credit_of("gigpo", group)
    assert values.tolist() == credit.advantages("gigpo", group.batch).value.tolist()
    assert counts.all()


def test_the_group_with_the_most_spread_is_chosen(eval_run):
    spreads = []
    for number in range(3):
        group = group_of(eval_run, [], number, None)
        spreads.append(np.std([lane.episode_return for lane in group.lanes]))
    assert max(spreads) > 0.0
    assert group_of(eval_run, [], None, None).number == int(np.argmax(spreads))


def test_an_episode_that_happens_otherwise_is_refused(eval_run):
    rows = [dict(row) for row in eval_run.episodes() if row["trial"] < 2][:2]
    rows[1]["state_hashes"] = [*rows[1]["state_hashes"][:-1], "v1:0"]
    with pytest.raises(RunUnreadable, match="does not happen again"):
        group_of_rows(eval_run.config, rows, 0, 1, "a test")


def test_episodes_of_two_tasks_are_no_group(eval_run):
    rows = eval_run.episodes()
    with pytest.raises(GroupMismatch, match="start in 2 different states"):
        group_of_rows(eval_run.config, [rows[0], rows[-1]], 0, 1, "a test")


def test_a_training_group_is_computed_over_its_iteration(tree_run):
    group = group_of(tree_run, ["tree_grpo", "vineppo"], 1, 2)
    assert group.batch.num_groups == 2
    episodes = np.unique(group.batch.episode[list(group.rows)].numpy())
    assert set(group.batch.group[episodes].tolist()) == {1}
    assert [moment.t for moment in group.moments] == group.batch.t[list(group.rows)].tolist()
    assert any(lane.parent >= 0 for lane in group.lanes)
    assert all(moment.seen for moment in group.moments)  # the lake is dry: the environment does the same again
    everything = credit.advantages("tree_grpo", group.batch).value
    assert credit_of("tree_grpo", group)[0].tolist() == everything[list(group.rows)].tolist()


def test_a_group_of_a_training_run_is_what_training_saw(tree_run):
    returns = []
    for number in range(2):
        group = group_of(tree_run, [], number, 0)
        returns += [lane.episode_return for lane in group.lanes if lane.parent < 0]
    assert np.mean(returns) == pytest.approx(tree_run.metrics()[0]["episode_return"])


def test_the_view_marks_shared_states_alone(eval_run):
    group = group_of(eval_run, ["grpo"], None, None)
    view = view_of(group, ["grpo"])
    cells = [cell for line in view.lines for cell in line if cell]
    assert len(cells) == len(group.moments)
    anchors = {}
    for cell in cells:
        (moment,) = [one for one in group.moments if (one.lane, one.t) == (cell.lane, cell.t)]
        anchors.setdefault(cell.mark, set()).add(moment.anchor)
    alone = anchors.pop("", set())
    assert all(len(found) == 1 for found in anchors.values())
    met = [moment.anchor for moment in group.moments]
    assert {next(iter(found)) for found in anchors.values()} == {anchor for anchor in met if met.count(anchor) > 1}
    assert all(met.count(anchor) == 1 for anchor in alone)
    assert view.lines[0][0].mark == "A"
    shares = [chip.share for cell in cells for chip in cell.chips]
    assert max(map(abs, shares)) == 1.0


def test_the_page_needs_nothing_else_and_escapes(eval_run):
    group = group_of(eval_run, ["grpo"], None, None)
    moments = [one._replace(seen="<script>x</script>", action="<b>&") for one in group.moments]
    view = view_of(type(group)(**{**fields_of(group), "moments": moments}), ["grpo", "gigpo"])
    page = html(view)
    assert "<script>x" not in page
    assert "&lt;script&gt;x" in page
    assert "<b>&" not in page
    assert not re.findall(r"(?:src|href)=", page)
    assert page.count('class="step"') == len(moments)
    assert "prefers-color-scheme: dark" in page


def fields_of(group):
    return {name: getattr(group, name) for name in group.__slots__}


def test_numbers_are_read_without_colour(eval_run, tmp_path):
    page = write_explanation(eval_run, tmp_path, ["grpo"], 0)
    text = page.path.read_text("utf-8")
    values, _ = credit_of("grpo", group_of(eval_run, ["grpo"], 0, None))
    largest = float(np.abs(values).max())
    for value in values.tolist():
        assert f'title="grpo: {value:.6g}"' in text
    assert f"{largest:.2f}" in text


def test_the_run_s_own_options_are_taken(tmp_path):
    config = TrainConfig(env=LAKE, knobs=DRY, tasks=2, groups=2, iterations=1, method="gigpo", options={"omega": 0.0})
    run = execute_training(config, tmp_path / "run")
    page = write_explanation(run, tmp_path)
    assert page.methods == ("gigpo", "grpo", "hgpo")
    group = group_of(run, page.methods, page.group, None)
    assert credit_of("gigpo", group)[0].tolist() == credit_of("grpo", group)[0].tolist()
    assert "options of the run: omega=0.0" in page.path.read_text("utf-8")
