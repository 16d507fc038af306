import dataclasses

import gymnasium
import pytest
import torch
from transformers import PreTrainedTokenizerFast

from envbench import agents, credit
from envbench.errors import GroupMismatch, InvalidValue, SplitRefused, UnknownName
from envbench.integrations.episodes import EpisodePlayer, message_ids
from envbench.policies.lm.build import Shape, random_model
from envbench.policies.lm.corpus import corpus
from envbench.policies.lm.policy import CausalLMPolicy
from envbench.policies.lm.tokenizer import encode, train_tokenizer
from envbench.registry import panel
from envbench.rollout.members import Members
from envbench.rollout.play import play

LAKE, SOKOBAN = "envbench/FrozenLake-v0", "envbench/Sokoban-v0"


@pytest.fixture(scope="module")
def policy():
    """A model that writes some word of the corpus, so that episodes differ."""
    torch.set_num_threads(1)
    tokenizer = train_tokenizer(corpus([LAKE, SOKOBAN], tasks=4, steps=4), 400)
    return CausalLMPolicy(random_model(Shape(32, 2, 4, 2, 64, 400), tokenizer, 3), tokenizer)


@pytest.fixture(scope="module")
def mover(policy):
    """The same with its head turned to moves and the end token."""
    tokenizer = policy.tokenizer
    model = random_model(Shape(32, 2, 4, 2, 64, 400), tokenizer, 3)
    moves = [encode(tokenizer, move) for move in ("left", "down", "right", "up")]
    assert all(len(ids) == 1 for ids in moves)
    bias = torch.full((model.lm_head.weight.shape[0],), -30.0)
    bias[[*(ids[0] for ids in moves), tokenizer.eos_token_id]] = torch.tensor([0.0, 0.5, 0.5, 0.0, 1.0])
    model.lm_head.bias = torch.nn.Parameter(bias)
    return CausalLMPolicy(model, tokenizer)


def player(env=LAKE, **options):
    return EpisodePlayer(env, **{"max_tokens": 2, "max_steps": 6, "seed": 3, "slippery": False, **options})


def test_a_row_is_the_conversation_and_its_mask_tells_who_wrote_what(mover):
    made = player()
    tasks = [task.id for task in made.tasks[:2]]
    played = made.play(mover, tasks, 4, 0)
    tokenizer = mover.tokenizer
    env = gymnasium.make(LAKE, slippery=False, max_steps=6).unwrapped
    assert len(played.rows) == 8
    assert any(len(row.steps) > 2 for row in played.rows)
    for number, row in enumerate(played.rows):
        seen, _ = env.reset(seed=row.seed, options={"task": tasks[number // 4]})
        assert row.prompt == [tokenizer.bos_token_id, *encode(tokenizer, f"{seen}\n\n")]
        place = 0
        for turn, step in enumerate(row.steps):
            reply = row.completion[place : place + step["tokens"]]
            assert row.mask[place : place + len(reply)] == [1] * len(reply)
            ended = reply[-1] == tokenizer.eos_token_id
            written = tokenizer.decode(reply[:-1] if ended else reply)
            assert step["action"] == (written.strip() if ended else "")
            place += len(reply)
            seen, reward, *_ = env.step(step["action"])
            assert step["reward"] == reward
            if turn + 1 < len(row.steps):
                between = [] if ended else [tokenizer.eos_token_id]
                between += encode(tokenizer, f"{seen}\n\n")
                assert row.completion[place : place + len(between)] == between
                assert row.mask[place : place + len(between)] == [0] * len(between)
                place += len(between)
        assert place == len(row.completion) == len(row.mask) == len(row.logprobs)
        assert row.outcome in ("success", "failure", "timeout")


def test_logprobs_are_those_of_the_model_on_the_row(mover):
    for row in player().play(mover, [player().tasks[0].id], 4, 0).rows:
        ids = torch.tensor([row.prompt + row.completion])
        with torch.no_grad():
            found = mover.model(ids).logits[0].log_softmax(-1)
        for place, (token, ours, logprob) in enumerate(zip(row.completion, row.mask, row.logprobs, strict=True)):
            expected = float(found[len(row.prompt) + place - 1, token]) if ours else 0.0
            assert logprob == pytest.approx(expected, abs=1e-4)


def test_equal_calls_play_equal_episodes_and_other_iterations_others(mover):
    made = player()
    tasks = [task.id for task in made.tasks[:2]]
    first, again, later = (made.play(mover, tasks, 4, iteration) for iteration in (0, 0, 1))
    assert [row.completion for row in first.rows] == [row.completion for row in again.rows]
    assert [row.completion for row in first.rows] != [row.completion for row in later.rows]
    assert len({tuple(row.completion) for row in first.rows[:4]}) > 1


def test_the_first_reply_is_that_of_the_policy_agent(mover, tmp_path):
    made = player(max_steps=1)
    task = made.tasks[0]
    mover.model.save_pretrained(tmp_path)
    mover.tokenizer.save_pretrained(tmp_path)
    options = {"model": str(tmp_path), "style": "observation", "max_tokens": 2}
    agent = agents.make("policy", agents.resolve_options("policy", options), None)
    agent._policy = mover
    seed = Members([task], 1, made.seed, 0, 1).noise_seed(0)
    env = gymnasium.make(LAKE, slippery=False, max_steps=1).unwrapped
    [row] = made.play(mover, [task.id], 1, 0).rows
    assert [step["action"] for step in row.steps] == play(env, agent, task, seed).row["actions"]


def test_the_batch_feeds_credit_methods(mover):
    made = EpisodePlayer(SOKOBAN, max_tokens=2, max_steps=4)
    batch = made.play(mover, [task.id for task in made.tasks[:2]], 3, 0).batch
    steps = batch.num_steps
    assert batch.group.tolist() == [0, 0, 0, 1, 1, 1]
    assert len(batch.token_step) == len(batch.token) == len(batch.logprob)
    assert batch.token_step.unique().tolist() == list(range(steps))
    for group in (0, 1):  # members start alike
        first = (batch.t == 0) & (batch.group[batch.episode] == group)
        assert len(batch.anchor[first].unique()) == 1
    for name in ("grpo", "gigpo", "hgpo", "rloo", "salt", "tempo", "reinforce_pp"):
        found = credit.advantages(name, batch)
        assert len(found.value) == (steps if found.level == "step" else len(batch.token))


def test_an_episode_without_room_is_cut_and_left_out(mover):
    made = player(max_steps=12)
    tasks = [made.tasks[0].id]
    free = made.play(mover, tasks, 8, 0)
    longest = max(len(row.completion) for row in free.rows)
    played = made.play(mover, tasks, 8, 0, room=longest - 1)
    cut = [row.outcome == "budget" for row in played.rows]
    assert any(cut)
    assert not all(cut)
    assert played.batch.include.tolist() == [not one for one in cut]
    assert played.share("budget") == sum(cut) / 8
    for row, whole in zip(played.rows, free.rows, strict=True):
        assert len(row.completion) < longest
        assert row.completion == whole.completion[: len(row.completion)]
        assert row.mask[-1] == 1


def test_where_nothing_fits_one_line_says_so(mover):
    made = player(max_steps=12)
    with pytest.raises(InvalidValue, match="no episode ended within 8 tokens; raise max_completion_length"):
        made.play(mover, [made.tasks[0].id], 2, 0, room=8)
    with pytest.raises(InvalidValue, match="a reply of up to 2 tokens does not fit"):
        made.play(mover, [made.tasks[0].id], 2, 0, room=1)


def test_an_environment_that_breaks_leaves_its_episode_out(mover, monkeypatch):
    made = player()
    first = made.play(mover, [made.tasks[0].id], 4, 0)
    monkeypatch.setattr(made._pool[1], "_step", lambda action: 1 / 0)
    played = made.play(mover, [made.tasks[0].id], 4, 0)
    assert [row.outcome for row in played.rows].count("env_error") == 1
    assert played.batch.include.tolist() == [True, False, True, True]
    for number in (0, 2, 3):
        assert played.rows[number].completion == first.rows[number].completion
    again = made.play(mover, [made.tasks[0].id], 4, 0)  # with a new environment in its place
    assert [row.completion for row in again.rows] == [row.completion for row in first.rows]


def test_members_that_start_differently_are_no_group(mover, monkeypatch):
    made = player()
    made._envs(2)
    reset = made._pool[1].reset

    def elsewhere(**given):
        observation, info = reset(**given)
        return observation, dict(info) | {"anchor_hash": "v1:other"}

    monkeypatch.setattr(made._pool[1], "reset", elsewhere)
    with pytest.raises(GroupMismatch, match="do not start in one state"):
        made.play(mover, [made.tasks[0].id], 2, 0)


def test_bad_arguments_are_refused():
    with pytest.raises(UnknownName, match="style"):
        EpisodePlayer(LAKE, style="plian")
    with pytest.raises(SplitRefused):
        EpisodePlayer(LAKE, split="test")
    with pytest.raises(InvalidValue, match="max_tokens=0"):
        EpisodePlayer(LAKE, max_tokens=0)


TEMPLATE = (
    "{% for m in messages %}<{{ m.role }}>{{ m.content }}<eos>\n{% endfor %}"
    "{% if add_generation_prompt %}<assistant>{% endif %}"
)


def test_with_a_chat_template_a_message_is_what_the_template_adds(policy):
    tokenizer = PreTrainedTokenizerFast(
        tokenizer_object=policy.tokenizer.backend_tokenizer, eos_token="<eos>", bos_token="<bos>", pad_token="<pad>"
    )
    tokenizer.chat_template = TEMPLATE
    ids = message_ids(tokenizer, {"role": "user", "content": "PFFH"}, frozenset({tokenizer.eos_token_id}))
    assert tokenizer.decode(ids) == "\n<user>PFFH<eos>\n<assistant>"
    tokenizer.chat_template = "{{ messages | length }}" + TEMPLATE
    with pytest.raises(InvalidValue, match="changes earlier messages"):
        message_ids(tokenizer, {"role": "user", "content": "x"}, frozenset({tokenizer.eos_token_id}))


def test_rows_are_plain_data(mover):
    [row] = player().play(mover, [panel(LAKE, slippery=False)[0].id], 1, 0).rows
    assert all(type(one) is int for one in row.prompt + row.completion + row.mask)
    assert {one.name for one in dataclasses.fields(row)} >= {"prompt", "completion", "mask", "logprobs"}
