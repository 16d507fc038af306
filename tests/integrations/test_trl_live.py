"""TRL itself, where the extra `trl` is installed (`make test-trl`)."""

from dataclasses import replace

import gymnasium
import pytest
import torch

from envbench import credit
from envbench.errors import EnvbenchError, InvalidValue, MissingColumn, UnknownName
from envbench.policies.lm.build import new_model
from envbench.policies.lm.forward import pad
from envbench.policies.lm.policy import CausalLMPolicy
from envbench.registry import panel
from envbench.testing.require import missing

LAKE, SOKOBAN = "envbench/FrozenLake-v0", "envbench/Sokoban-v0"
TASKS = 8

try:
    from trl import GRPOConfig, GRPOTrainer

    from envbench.integrations import trl as bridge

    ABSENT = ""
except (EnvbenchError, ModuleNotFoundError) as error:
    ABSENT = str(error)

pytestmark = pytest.mark.filterwarnings("ignore")  # of TRL and what it brings


@pytest.fixture(autouse=True, scope="module")
def _installed():
    if ABSENT:
        missing(ABSENT, "trl")
    torch.set_num_threads(1)
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("TRL_EXPERIMENTAL_SILENCE", "1")
        yield


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """A model of the size nano that has seen the oracle play a few tasks, so that some of its episodes succeed."""
    out = tmp_path_factory.mktemp("models") / "nano"
    new_model("nano", out, [LAKE, SOKOBAN], seed=5)
    made = CausalLMPolicy.load(out)
    rows, marks = zip(*demonstrations(made.tokenizer), strict=True)
    tokens, counts = pad(rows)
    marked, _ = pad(marks)
    labels = tokens.masked_fill(marked == 0, -100)
    optimizer = torch.optim.AdamW(made.model.parameters(), lr=3e-3)
    for step in range(40):
        at = torch.arange(step * 8, step * 8 + 8) % len(rows)
        long = int(counts[at].max())
        made.model(input_ids=tokens[at, :long], labels=labels[at, :long]).loss.backward()
        optimizer.step()
        optimizer.zero_grad()
    made.model.save_pretrained(out)
    return out


def demonstrations(tokenizer):
    """Rows of dialogues in which the oracle plays, and every fourth move is another; 1 marks the moves."""
    env = gymnasium.make(LAKE, slippery=False, max_steps=14).unwrapped
    for number in range(16):
        seen, info = env.reset(seed=0, options={"task": panel(LAKE, slippery=False)[number % TASKS].id})
        row, marks = [tokenizer.bos_token_id], [0]
        while "outcome" not in info:
            off = (env.t + number) % 4 == 3
            move = ("right", "down")[number % 2] if off else env.oracle()
            message = tokenizer.encode(f"{seen}\n\n", add_special_tokens=False)
            reply = [*tokenizer.encode(move, add_special_tokens=False), tokenizer.eos_token_id]
            row, marks = row + message + reply, marks + [0] * len(message) + [1] * len(reply)
            seen, *_, info = env.step(move)
        yield row, marks


@pytest.fixture
def policy(folder):
    return CausalLMPolicy.load(folder)


def config(tmp_path, **given):
    plain = {
        "output_dir": str(tmp_path),
        "use_cpu": True,
        "bf16": False,
        "gradient_checkpointing": False,
        "report_to": [],
        "save_strategy": "no",
        "logging_steps": 1,
        "disable_tqdm": True,
        "learning_rate": 1e-3,
        "max_steps": 2,
        "num_generations": 4,
        "per_device_train_batch_size": 32,
        "max_completion_length": 1024,
    }
    return GRPOConfig(**(plain | given))


def rollouts(env=LAKE, **given):
    knobs = {"slippery": False, "max_steps": 14} if env == LAKE else {"max_steps": 6}
    made = bridge.EpisodeRollouts(env, **({"max_tokens": 2, "seed": 1} | knobs | given))
    made.tasks = made.tasks[:TASKS]
    return made


def trainer_of(policy, tmp_path, method="grpo", env=LAKE, options=None, more=None, **given):
    return bridge.CreditGRPOTrainer(
        policy.model,
        rollouts(env),
        method,
        options,
        args=config(tmp_path, **given),
        processing_class=policy.tokenizer,
        **(more or {}),
    )


def scored(trainer):
    """What one generation batch of the trainer becomes before it is shuffled."""
    trainer.model.train()
    return trainer._generate_and_score_completions(next(iter(trainer.get_train_dataloader())))


@pytest.mark.parametrize("env", [LAKE, SOKOBAN])
@pytest.mark.parametrize("method", ["grpo", "gigpo"])
def test_two_steps_of_training(policy, tmp_path, method, env):
    before = {name: weight.detach().clone() for name, weight in policy.model.named_parameters()}
    options = {"omega": 0.5} if method == "gigpo" else {}
    trainer = trainer_of(policy, tmp_path, method, env, options)
    trainer.train()
    rows = [row for row in trainer.state.log_history if "loss" in row]
    assert trainer.state.global_step == 2
    assert all(torch.isfinite(torch.tensor(row["loss"])) for row in rows)
    assert rows[0]["rollout/format_valid"] > 0.1
    assert {"rollout/success", "rollout/turns", "credit/advantage_rms", "reward"} <= set(rows[0])
    if env == LAKE:  # somebody reached the goal, somebody did not
        assert rows[0]["credit/advantage_rms"] > 0.1
        assert any(not torch.equal(weight, before[name]) for name, weight in policy.model.named_parameters())


def test_adapters_of_a_peft_config_are_trained(policy, tmp_path):
    peft = pytest.importorskip("peft")
    adapters = peft.LoraConfig(r=2, task_type="CAUSAL_LM", target_modules="all-linear")
    trainer = trainer_of(policy, tmp_path, "gigpo", more={"peft_config": adapters})
    trainer.train()
    rows = [row for row in trainer.state.log_history if "loss" in row]
    assert trainer.state.global_step == 2
    assert rows[0]["credit/advantage_rms"] > 0.1
    trained = {name for name, one in trainer.model.named_parameters() if "lora_B" in name and bool(one.any())}
    assert trained  # they start at 0


def test_grpo_is_trls_own(policy, tmp_path, monkeypatch):
    theirs = []
    original = GRPOTrainer._generate_and_score_completions

    def watched(self, inputs):
        output = original(self, inputs)
        theirs.append(output["advantages"].clone())
        return output

    monkeypatch.setattr(GRPOTrainer, "_generate_and_score_completions", watched)
    for given, options in (({}, {"epsilon": 1e-4}), ({"scale_rewards": "none"}, {"scale": "none"})):
        trainer = trainer_of(policy, tmp_path, "grpo", options=options, **given)
        output = scored(trainer)
        own = theirs.pop()
        assert own.abs().max() > 0.1  # some group's returns differ
        mask = output["tool_mask"].bool()
        expected = own[:, None].expand_as(mask)
        torch.testing.assert_close(output["advantages"][mask], expected[mask], rtol=0, atol=1e-5)
        assert not output["advantages"][~mask].any()


def test_each_token_gets_the_advantage_of_its_turn(policy, tmp_path):
    trainer = trainer_of(policy, tmp_path, "gigpo")
    output = scored(trainer)
    played = trainer.rollouts.last
    value = credit.advantages("gigpo", played.batch).value.float()
    assert len(value.unique()) > 3
    number = 0
    for line, row in enumerate(played.rows):
        ids = output["completion_ids"][line, : len(row.completion)]
        assert ids.tolist() == row.completion
        assert output["prompt_ids"][line][output["prompt_mask"][line].bool()].tolist() == row.prompt
        mask = output["tool_mask"][line].bool()
        assert mask[: len(row.mask)].tolist() == [bool(one) for one in row.mask]
        assert not mask[len(row.mask) :].any()
        found = output["advantages"][line][mask]
        steps = played.trajectories[line].steps
        expected = [float(value[at]) for at in range(number, number + len(steps)) for _ in played.turns[at].reply]
        assert found.tolist() == expected
        number += len(steps)
    assert int(output["num_items_in_batch"]) == sum(sum(row.mask) for row in played.rows)


def test_tokens_that_the_policy_did_not_write_get_no_gradient(policy, tmp_path, monkeypatch):
    trainer = trainer_of(policy, tmp_path, "gigpo")
    output = scored(trainer)
    leaf = []
    original = GRPOTrainer._get_per_token_logps_and_entropies

    def watched(self, *arguments, **options):
        logps, *rest = original(self, *arguments, **options)
        leaf.append(logps.detach().requires_grad_())
        return leaf[0], *rest

    monkeypatch.setattr(GRPOTrainer, "_get_per_token_logps_and_entropies", watched)
    trainer.current_gradient_accumulation_steps = 1
    trainer._compute_loss(trainer.model, output).backward()
    gradient = leaf[0].grad
    mask = output["tool_mask"].bool() & output["completion_mask"].bool()
    assert (~mask & output["completion_mask"].bool()).any()  # later messages are in the rows
    assert not gradient[~mask].any()
    assert torch.equal(gradient[mask] != 0, output["advantages"][mask] != 0)
    expected = -output["advantages"][mask] / output["num_items_in_batch"]
    torch.testing.assert_close(gradient[mask], expected, rtol=1e-5, atol=1e-8)


def test_sampled_logprobs_reach_trl(policy, tmp_path):
    trainer = trainer_of(policy, tmp_path)
    output = scored(trainer)
    ids = torch.cat([output["prompt_ids"], output["completion_ids"]], 1)
    seen = torch.cat([output["prompt_mask"], output["completion_mask"]], 1)
    width = output["completion_ids"].shape[1]
    with torch.no_grad():
        again, *_ = trainer._get_per_token_logps_and_entropies(trainer.model, ids, seen, width)
    mask = output["tool_mask"].bool()
    torch.testing.assert_close(output["sampling_per_token_logps"][mask], again[mask], rtol=0, atol=1e-4)


def test_cut_episodes_are_counted(policy, tmp_path):
    free = trainer_of(policy, tmp_path)
    scored(free)
    longest = max(len(row.prompt + row.completion) for row in free.rollouts.last.rows)
    trainer = trainer_of(policy, tmp_path, max_completion_length=longest - 1)
    scored(trainer)
    cut = trainer.rollouts.last.share("agent_error")
    assert 0.0 < cut < 1.0
    assert trainer._metrics["train"]["rollout/cut"] == [cut]


def test_what_the_method_drops_leaves_the_loss(policy, tmp_path, monkeypatch):
    trainer = trainer_of(policy, tmp_path)
    original = trainer.rollouts.play

    def played(*arguments):
        found = original(*arguments)
        include = torch.ones(len(found.rows), dtype=torch.bool)
        include[2] = False
        return replace(found, batch=replace(found.batch, include=include))

    monkeypatch.setattr(trainer.rollouts, "play", played)
    output = scored(trainer)
    assert output["tool_mask"].any(1).tolist() == [number != 2 for number in range(32)]
    assert int(output["num_items_in_batch"]) == int(output["tool_mask"].sum())
    assert not output["advantages"][2].any()


def test_equal_seeds_train_equal_models(folder, tmp_path):
    found = []
    for _ in range(2):
        policy = CausalLMPolicy.load(folder)
        trainer_of(policy, tmp_path, "gigpo", max_steps=1).train()
        found.append([weight.detach().clone() for weight in policy.model.parameters()])
    assert all(torch.equal(one, other) for one, other in zip(*found, strict=True))


def test_the_rollouts_serve_trls_own_trainer(policy, tmp_path):
    made = rollouts()
    trainer = GRPOTrainer(
        policy.model,
        bridge.episode_return,
        config(tmp_path, max_steps=1),
        train_dataset=made.dataset(),
        processing_class=policy.tokenizer,
        rollout_func=made,
    )
    trainer.train()
    assert trainer.state.global_step == 1
    assert {prompt.split("/")[0] for prompt in trainer._logs["prompt"]} == {"frozenlake"}


def test_shaping_runs_before_the_method(policy, tmp_path):
    plain = scored(trainer_of(policy, tmp_path))
    more = {"shaping": {"invalid_action_penalty": {}}}
    shaped = scored(trainer_of(policy, tmp_path, more=more))
    assert torch.equal(plain["completion_ids"], shaped["completion_ids"])
    assert not torch.equal(plain["advantages"], shaped["advantages"])


def test_another_trl_is_refused_in_one_line():
    class Older(GRPOTrainer):
        def _compute_loss(self, model, inputs):
            return inputs["advantages"].unsqueeze(1).sum()

    class Bare:
        pass

    bridge.check_hook()
    for trainer in (Older, Bare):
        with pytest.raises(InvalidValue, match=r'cannot take advantages per token .* pip install "envbench\[trl\]"'):
            bridge.check_hook(trainer)


@pytest.mark.parametrize(
    ("given", "says"),
    [({"temperature": 0.7}, "temperature=0.7"), ({"top_p": 0.9}, "top_p=0.9"), ({"top_k": 5}, "top_k")],
)
def test_arguments_that_sample_otherwise_are_refused(policy, tmp_path, given, says):
    with pytest.raises(InvalidValue, match=says):
        trainer_of(policy, tmp_path, **given)


def test_what_does_not_go_together_is_refused_before_training(policy, tmp_path):
    with pytest.raises(UnknownName, match="gigpo"):
        trainer_of(policy, tmp_path, "gigpoo")
    with pytest.raises(UnknownName, match="omega"):
        trainer_of(policy, tmp_path, "gigpo", options={"omga": 1.0})
    with pytest.raises(InvalidValue, match="reward_funcs: the environment gives these"):
        trainer_of(policy, tmp_path, more={"reward_funcs": bridge.episode_return})


def test_methods_that_do_not_go_are_refused_before_training(policy, tmp_path):
    with pytest.raises(MissingColumn, match="value"):
        trainer_of(policy, tmp_path, "gae")
    with pytest.raises(InvalidValue, match="seeupo updates turn by turn"):
        trainer_of(policy, tmp_path, "seeupo")
