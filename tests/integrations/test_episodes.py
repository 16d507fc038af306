import gymnasium
import pytest
import torch
from transformers import PreTrainedTokenizerFast

from envbench import credit
from envbench.envs.frozenlake.env import FrozenLake
from envbench.errors import InvalidValue, MissingColumn, SplitRefused, UnknownName
from envbench.integrations.episodes import Conversation, EpisodePlayer, columns_of, message_ids
from envbench.policies.lm.build import Shape, random_model
from envbench.policies.lm.corpus import corpus
from envbench.policies.lm.policy import CausalLMPolicy
from envbench.policies.lm.tokenizer import encode, train_tokenizer
from envbench.registry import card_of

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


def by_episode(played):
    turns = iter(played.turns)
    return [[next(turns) for _ in one.steps] for one in played.trajectories]


def test_a_row_is_the_conversation_and_its_mask_tells_who_wrote_what(mover):
    made = player()
    tasks = [task.id for task in made.tasks[:2]]
    played = made.play(mover, tasks, 4, 0)
    tokenizer = mover.tokenizer
    env = gymnasium.make(LAKE, slippery=False, max_steps=6).unwrapped
    assert len(played.rows) == 8
    assert any(len(one.steps) > 2 for one in played.trajectories)
    for number, (row, turns) in enumerate(zip(played.rows, by_episode(played), strict=True)):
        trajectory = played.trajectories[number]
        seen, _ = env.reset(seed=trajectory.seed, options={"task": tasks[number // 4]})
        assert row.prompt == [tokenizer.bos_token_id, *encode(tokenizer, f"{seen}\n\n")]
        place = 0
        for turn, step in zip(turns, trajectory.steps, strict=True):
            if place:
                message = encode(tokenizer, f"{seen}\n\n")
                assert row.completion[place : place + len(message)] == message
                assert row.mask[place : place + len(message)] == [0] * len(message)
                place += len(message)
            reply = row.completion[place : place + len(turn.reply)]
            assert reply == list(turn.reply)
            assert row.mask[place : place + len(reply)] == [1] * len(reply)
            place += len(reply)
            seen, reward, *_ = env.step(step.action)
            assert step.reward == reward
        assert place == len(row.completion) == len(row.mask) == len(row.logprobs)
        assert trajectory.outcome in ("success", "failure", "timeout")


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


def test_the_batch(mover):
    made = EpisodePlayer(SOKOBAN, max_tokens=2, max_steps=4)
    batch = made.play(mover, [task.id for task in made.tasks[:2]], 3, 0).batch
    steps = batch.num_steps
    assert batch.group.tolist() == [0, 0, 0, 1, 1, 1]
    assert len(batch.token_step) == len(batch.token) == len(batch.logprob)
    assert batch.token_step.unique().tolist() == list(range(steps))
    for group in (0, 1):  # members start alike
        first = (batch.t == 0) & (batch.group[batch.episode] == group)
        assert len(batch.anchor[first].unique()) == 1


def test_an_episode_without_room_is_cut(mover):
    made = player(max_steps=12)
    tasks = [made.tasks[0].id]
    free = made.play(mover, tasks, 8, 0)
    longest = max(len(row.prompt + row.completion) for row in free.rows)
    played = made.play(mover, tasks, 8, 0, room=longest - 1)
    cut = [one.outcome == "agent_error" for one in played.trajectories]
    assert any(cut)
    assert not all(cut)
    assert played.batch.truncated[torch.tensor(cut)].all()
    assert played.share("agent_error") == sum(cut) / 8
    for row, whole in zip(played.rows, free.rows, strict=True):
        assert len(row.prompt + row.completion) < longest
        assert row.completion == whole.completion[: len(row.completion)]
        assert row.mask[-1] == 1


def test_where_nothing_fits_one_line_says_so(mover):
    made = player(max_steps=12)
    prompt = len(made.play(mover, [made.tasks[0].id], 1, 0).rows[0].prompt)
    with pytest.raises(InvalidValue, match="no episode fits into .* tokens; raise max_completion_length"):
        made.play(mover, [made.tasks[0].id], 2, 0, room=prompt + 2)
    with pytest.raises(InvalidValue, match="does not fit"):
        made.play(mover, [made.tasks[0].id], 1, 0, room=prompt)


def test_an_environment_that_breaks_leaves_its_episode_out(mover, monkeypatch):
    made = player()
    calls = []
    original = FrozenLake._step

    def breaks(self, action):
        calls.append(action)
        if len(calls) == 2:
            raise ZeroDivisionError
        return original(self, action)

    monkeypatch.setattr(FrozenLake, "_step", breaks)
    played = made.play(mover, [made.tasks[0].id], 4, 0)
    assert [one.outcome for one in played.trajectories].count("env_error") == 1
    assert played.batch.include.tolist() == [one.outcome != "env_error" for one in played.trajectories]


def test_continuations_fill_the_values_of_vineppo(mover):
    made = player(continuations=2, max_steps=3)
    made.read(columns_of({"vineppo": {}}))
    played = made.play(mover, [made.tasks[0].id], 2, 0)
    assert len(played.rows) == 2
    assert len(played.turns) == played.batch.num_steps == sum(len(one.steps) for one in played.trajectories)
    assert len(credit.advantages("vineppo", played.batch).value) == played.batch.num_steps


def test_columns_that_nobody_can_fill_are_refused_at_once():
    with pytest.raises(MissingColumn, match="value"):
        player().read(columns_of({"gae": {}}))


def test_every_method_that_needs_no_critic_runs(mover):
    made = EpisodePlayer(SOKOBAN, max_tokens=2, max_steps=4)
    ran = []
    for method in credit.methods("advantage"):
        try:
            made.read(columns_of({method.name: {}}))
        except MissingColumn:
            continue
        batch = made.play(mover, [task.id for task in made.tasks[:2]], 3, 0).batch
        found = credit.advantages(method.name, batch)
        assert len(found.value) == (batch.num_steps if found.level == "step" else len(batch.token))
        ran.append(method.name)
    assert {"grpo", "gigpo", "hgpo", "rloo", "salt", "tempo", "hi_agent", "step_grpo", "unlikeliness"} <= set(ran)


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
    stop = tokenizer.eos_token_id
    chat = Conversation(card_of(LAKE), "observation", CausalLMPolicy(policy.model, tokenizer))
    message = [{"role": "user", "content": "PFFH"}]
    assert chat.rest(message, (5, stop)) == tuple(ids)
    assert chat.rest(message, (5, 6)) == (stop, *ids)  # a reply that was cut gets its end, which nobody sampled
    tokenizer.chat_template = "{{ messages | length }}" + TEMPLATE
    with pytest.raises(InvalidValue, match="changes earlier messages"):
        message_ids(tokenizer, {"role": "user", "content": "x"}, frozenset({tokenizer.eos_token_id}))
