"""`envbench play` through a pipe: line by line, without control codes."""

import io
import json
import subprocess
import sys

import gymnasium
import pytest
from eval_verbs import command

import envbench
from envbench.registry import card_of
from envbench.rollout.play import differences

SHOP, SOKOBAN, LAKE = "envbench/WebShop-v0", "envbench/Sokoban-v0", "envbench/FrozenLake-v0"
CLASSIC = ("--dataset", "classic", "--task", "frozenlake/classic/all/0000", "--set", "slippery=false")
TASK = ("--task", "webshop/builtin/test/0690")  # green tea, two options


@pytest.fixture
def play(monkeypatch, capsys, tmp_path):
    monkeypatch.chdir(tmp_path)

    def run(typed, *arguments):
        monkeypatch.setattr(sys, "stdin", io.StringIO("".join(f"{line}\n" for line in typed)))
        return command(monkeypatch, capsys, "play", *arguments)

    return run


def row_of(result):
    assert result.code == 0, result
    assert result.out.count("\n") == 1
    return json.loads(result.out)


def flat(text):
    return " ".join(text.split())


@pytest.mark.parametrize("where", [(LAKE,), ("--env", LAKE), (LAKE, "--env", LAKE)])
def test_the_id_is_taken_in_its_place_or_as_a_flag(play, where):
    assert play([":quit"], *where).code == 0


@pytest.mark.parametrize(("where", "says"), [((), "no environment"), ((LAKE, "--env", SOKOBAN), "two environments")])
def test_no_id_or_two_are_refused(play, where, says):
    result = play([":quit"], *where)
    assert (result.code, result.out) == (2, "")
    assert says in result.err
    assert "envbench play envbench/WebShop-v0" in result.err


def test_an_episode_of_the_shop_to_its_explained_reward(play):
    typed = ["green tea", "homestyle green tea by barlberry's", "lemon ginger", "features", "prev", "buy"]
    result = play(typed, SHOP, *TASK, "--json")
    row = row_of(result)
    assert [action.partition("[")[0] for action in row["actions"]] == ["search"] + ["click"] * 5
    assert row["actions"][-2:] == ["click[< prev]", "click[buy now]"]
    assert row["practice"] is False
    told = flat(result.err)
    assert "> green tea sent: search[green tea]" in told
    assert told.count("I need kosher, no preservatives green teas") == 7  # with every page
    assert "✓ lemon ginger" in told
    assert "option flavor name lemon ginger lemon ginger yes 0.167 of 0.167" in told
    assert "option number of items 1 pack not chosen no 0.000 of 0.167" in told
    assert "attribute kosher has it yes 0.167 of 0.167" in told
    assert "price at most $50.00 $12.70 yes 0.167 of 0.167" in told
    assert "reward = type 1.0 x (attributes 0.500 + options 0.167 + price 0.167) = 0.833" in told
    assert row["score"] == pytest.approx(5 / 6)


def test_the_row_is_that_of_any_agent_and_replays(play):
    row = row_of(play(["tea", "1", "buy"], SHOP, *TASK, "--json"))
    assert row["outcome"] == "failure"
    assert 0 < row["score"] < 1
    assert differences(gymnasium.make(SHOP, split="test").unwrapped, row) == []


def test_a_pipe_gets_no_control_codes(play):
    result = play(["tea", ":hint", "1", ":undo", "zzz", "buy"], SHOP, *TASK)
    assert "\x1b" not in result.err + result.out
    assert "\r" not in result.err


def test_undo_takes_back_and_makes_practice(play):
    result = play(["tea", "1", ":undo", ":undo", ":undo", "coffee"], SHOP, *TASK, "--json")
    row = row_of(result)
    assert row["actions"] == ["search[coffee]"]
    assert (row["practice"], row["undos"], row["hints"]) == (True, 2, 0)
    assert "an episode with undo is practice, not a result" in flat(result.err)
    assert "nothing to undo" in result.err
    assert "step 1 of 15 (practice)" in result.err


def test_undo_takes_back_the_end_too(play):
    row = row_of(play(["tea", "1", "buy", ":undo", "prev", "2", "buy"], SHOP, *TASK, "--json"))
    assert row["actions"][-3:] == ["click[< prev]", row["actions"][-2], "click[buy now]"]
    assert row["outcome"] in ("success", "failure")
    assert len(row["actions"]) == 5


def test_undo_of_noise_brings_the_same_noise_back(play):
    typed = ["down", ":u", "right", ":u", "down", "down"]
    row = row_of(play(typed, LAKE, "--json"))
    assert row["state_hashes"] == row_of(play(["down", "down"], LAKE, "--json"))["state_hashes"]


def test_a_hint_is_the_oracle_and_makes_practice(play):
    told = play([":hint", ":hint", "right"], LAKE, *CLASSIC, "--json")
    assert "hint: down (number 2)" in told.err or "hint: right (number 3)" in told.err
    assert (row_of(told)["practice"], row_of(told)["hints"]) == (True, 2)


def test_playing_by_the_hints_alone_succeeds(play):
    """Each hint is typed as it was told."""
    typed = []
    for _ in range(10):
        result = play([*typed, ":hint"], SHOP, *TASK)
        hints = [line for line in result.err.splitlines() if line.startswith("hint: ")]
        if not hints:
            break
        typed.append(hints[-1].removeprefix("hint: ").partition(" (number")[0].partition("; an episode")[0])
    result = play(typed, SHOP, *TASK)
    assert result.out.startswith("success: score 1.0000")
    assert flat(result.err).count(" yes 0.167 of 0.167") == 6


@pytest.mark.parametrize("command", [":restart", ":task 690", ":task webshop/builtin/test/0690"])
def test_a_task_played_again_is_practice(play, command):
    result = play(["tea", command, "coffee"], SHOP, *TASK)
    first, second = result.out.splitlines()
    assert not first.endswith("practice")
    assert second.endswith("practice")


def test_next_and_task_go_elsewhere(play):
    result = play([":next", ":task 3", ":task webshop/builtin/train/0001", ":next", ":q"], SHOP, *TASK, "--json")
    titles = [line.split()[1].rstrip(",") for line in result.err.splitlines() if line.startswith("=== ")]
    assert titles == [
        f"webshop/builtin/{rest}" for rest in ("test/0690", "test/0691", "test/0003", "train/0001", "train/0002")
    ]
    row = row_of(result)
    assert (row["task"], row["steps"]) == ("webshop/builtin/train/0002", 0)


def test_next_after_the_last_task_is_the_first(play):
    result = play([":next", ":quit"], LAKE, "--dataset", "classic", "--task", "frozenlake/classic/all/0001")
    assert "=== frozenlake/classic/all/0000, step 0" in result.err


@pytest.mark.parametrize(
    ("typed", "says"),
    [
        (":task 99999", "unknown task"),
        (":task " + "9" * 5000, "unknown task"),
        (":task sokoban/builtin/test/0001", "family 'sokoban'"),
        (":task", "expected <family>/<dataset>/<split>"),
        (":fly", ":fly is no command"),
        (":", ": is no command"),
        (":h", ":h is not clear; there is :help :hint"),
        ("99", "nothing here is called '99'"),
        ("9" * 5000, "nothing here is called"),
        ("search[tea", "lacks its closing bracket"),
        ("", ""),
        ("   ", ""),
    ],
)
def test_what_means_nothing_costs_nothing(play, typed, says):
    result = play([typed, ":help"], SHOP, *TASK, "--json")
    assert row_of(result)["steps"] == 0
    assert says in result.err
    assert ":restart" in result.err


def test_words_off_the_search_page_are_not_sent_but_actions_are(play):
    result = play(["tea", "coffee", "search[coffee]", "click[nothing]"], SHOP, *TASK, "--json")
    row = row_of(result)
    assert row["actions"] == ["search[tea]", "search[coffee]", "click[nothing]"]
    assert row["invalid_actions"] == 1
    assert "nothing here is called 'coffee'; not sent" in result.err
    assert "refused: 'click[nothing]' is no action here; it cost a step" in flat(result.err)


def test_names_that_fit_twice_are_asked_again():
    from envbench.cli._game import _named
    from envbench.types.page import Choice

    choices = (Choice("Red Shoe", "a"), Choice("red hat", "b"), Choice("< Prev", "c"), Choice("Reddish", "d"))
    assert _named("red", choices) == ["a", "b"]
    assert _named("RED SHOE", choices) == ["a"]
    assert _named("prev", choices) == _named("< prev", choices) == _named("c", choices) == ["c"]
    assert _named("pre", choices) == []


def test_after_the_end_only_commands_do_anything(play):
    result = play(["tea", "1", "buy", "1", "tea"], SHOP, *TASK, "--json")
    assert row_of(result)["steps"] == 3
    assert result.err.count("the episode is over; type :next") == 2


def test_the_limit_ends_an_episode(play):
    result = play(["tea", "coffee"], SHOP, *TASK, "--max-steps", 1)
    assert result.out.startswith("timeout: score 0.0000")
    assert "Nothing was bought within 1 steps: the reward is 0." in result.err


@pytest.mark.parametrize("typed", [["tea", ":quit"], ["tea"]])
def test_leaving_is_polite(play, typed):
    result = play(typed, SHOP, *TASK)
    assert result.code == 0
    assert result.out == "not finished: score 0.0000, return 0.0000, 1 step, 0 invalid\n"


def test_control_c_ends_with_130(play, monkeypatch):
    from envbench.cli._terminal import Lines

    def interrupted(self, view, completions):
        raise KeyboardInterrupt

    monkeypatch.setattr(Lines, "ask", interrupted)
    result = play([], SHOP, *TASK, "--json")
    assert (result.code, result.out) == (130, "")
    assert "nothing was recorded" in result.err


def test_maps_take_words_and_keys(play):
    row = row_of(play(["d", "down", "S", "s", "3"], LAKE, *CLASSIC, "--json"))
    assert row["actions"] == ["right", "down"]  # a hole
    row = row_of(play(["s", "s", "right", "3", "s"], LAKE, *CLASSIC, "--json"))
    assert row["actions"] == ["down", "down", "right", "right", "down"]
    assert row["invalid_actions"] == 0


def test_the_end_of_a_lake_names_the_shortest_way(play):
    result = play(["s", "s", "d", "s", "d", "d"], LAKE, *CLASSIC)
    assert result.out.startswith("success: score 1.0000")
    assert "You reached the goal in 6 steps" in result.err
    assert "The shortest way has 6 steps." in result.err


def test_the_end_of_a_slippery_lake_names_the_best_chance(play):
    result = play(["a"], LAKE, "--dataset", "classic", "--task", "frozenlake/classic/all/0000", "--max-steps", 1)
    assert "The best play reaches the goal in 0.0% of the episodes of 1 steps." in flat(result.err)


def test_the_end_of_a_room_names_the_fewest_steps(play):
    typed = []
    for _ in range(30):
        result = play([*typed, ":hint"], SOKOBAN, "--task", "sokoban/builtin/test/0003")
        hints = [line for line in result.err.splitlines() if line.startswith("hint: ")]
        if not hints:
            break
        typed.append(hints[-1].split()[1])
    result = play(typed, SOKOBAN, "--task", "sokoban/builtin/test/0003")
    assert result.out.startswith("success: score 1.0000")
    assert f"Solved in {len(typed)} steps; the fewest possible: {len(typed)}. Score 1." in flat(result.err)
    lost = play(["a"], SOKOBAN, "--task", "sokoban/builtin/test/0003", "--max-steps", 1)
    assert f"Not solved within 1 steps; the fewest possible: {len(typed)}." in flat(lost.err)


def test_bytes_that_are_no_text_do_no_harm(tmp_path):
    done = subprocess.run(
        [sys.executable, "-m", "envbench", "play", SHOP, *TASK, "--json"],
        input=b"\xff\xfe tea\n:quit\n",
        capture_output=True,
        cwd=tmp_path,
        check=True,
    )
    assert json.loads(done.stdout)["steps"] == 1


def test_a_family_without_a_render_module_is_shown_as_it_is(play, monkeypatch):
    from envbench.cli import _game

    monkeypatch.setattr(_game, "render_module", lambda card: None)
    result = play(["right", "1", "fly", "2"], LAKE, *CLASSIC, "--max-steps", 3)
    assert "PFFF\nFHFH\nFFFH\nHFFG\nYou stand on the start." in result.err
    assert "nothing here is called 'fly'" in result.err
    assert "score 0.0000 after 3 steps" in result.err


@pytest.mark.parametrize(
    "env",
    [
        pytest.param(id, marks=[pytest.mark.browser] * (card_of(id).env.extra == "browser"))
        for id in envbench.registry.ids()
    ],
)
def test_every_environment_offers_its_actions_by_number(play, env):
    card = card_of(env)
    made = gymnasium.make(env, split=card.datasets["builtin"].eval_split).unwrapped
    _, info = made.reset(seed=0)
    taken = []
    for number in range(1, len(info["valid_actions"]) + 1):
        row = row_of(play([str(number)], env, "--json"))
        assert (row["task"], row["invalid_actions"]) == (info["task"], 0)
        taken += row["actions"]
    assert sorted(taken) == sorted(info["valid_actions"])


def test_text_after_an_action_is_left_to_the_environment(play):
    row = row_of(play(["search[tea] please"], SHOP, *TASK, "--json"))
    assert (row["actions"], row["invalid_actions"]) == (["search[tea] please"], 0)
