"""Golden numbers of the group-advantage methods (reference sheet on optimisation) reproduced."""

import json
from pathlib import Path

import pytest
import torch
from torch.testing import assert_close as torch_close

from envbench import credit
from envbench.credit import arenarl, verl_shaping
from envbench.types import StepBatch

GOLDEN = Path(__file__).resolve().parents[1] / "golden" / "credit"


def load(name):
    return json.loads((GOLDEN / f"{name}.json").read_text(encoding="utf-8"))


def close(actual, expected, tolerance=1e-9):
    torch_close(actual, torch.tensor(expected, dtype=torch.float64), rtol=tolerance, atol=tolerance)


def one_step(rewards, groups=None, **columns):
    """A batch of one-step episodes."""
    n = len(rewards)
    return StepBatch.from_columns(
        episode=list(range(n)),
        t=[0] * n,
        reward=[float(r) for r in rewards],
        group=[0] * n if groups is None else groups,
        **columns,
    )


def nested(groups):
    """Flat values of a list of groups, and the group of each."""
    return [x for group in groups for x in group], [g for g, group in enumerate(groups) for _ in group]


@pytest.mark.parametrize("case", load("mc_grpo")["cases"], ids=lambda case: str(case["rewards"]))
def test_mc_grpo(case):
    result = credit.advantages("mc_grpo", one_step(case["rewards"]))
    close(result.value, case["advantages"])
    dropped = (result.weight == 0).nonzero()[:, 0].tolist()
    assert [case["rewards"][i] for i in dropped] == [case["dropped_reward"]]
    assert int(result.weight.sum()) == case["n_kept"]
    close(credit.advantages("grpo", one_step(case["rewards"]), epsilon=1e-4).value, case["mean_baseline_grpo"])


def test_mc_grpo_groups_do_not_mix():
    cases = load("mc_grpo")["cases"]
    rewards, groups = nested([case["rewards"] for case in cases])
    result = credit.advantages("mc_grpo", one_step(rewards, groups))
    close(result.value, nested([case["advantages"] for case in cases])[0])
    assert int((result.weight == 0).sum()) == len(cases)


def test_ngrpo():
    cases = load("ngrpo")["cases"]
    rewards, groups = nested([case["rewards"] for case in cases])
    result = credit.advantages("ngrpo", one_step(rewards, groups))
    close(result.value, nested([case["advantages"] for case in cases])[0])


@pytest.mark.parametrize(
    ("form", "key"), [("paper", "advantages_paper_eq12_13"), ("released", "advantages_as_released")]
)
def test_a_grae(form, key):
    golden = load("a_grae")
    rewards, groups = nested(golden["groups"])
    assert sum(rewards) / len(rewards) == golden["batch_mean_reward"]
    result = credit.advantages("a_grae", one_step(rewards, groups), form=form, alpha=golden["alpha"])
    close(result.value, nested(golden[key])[0])


@pytest.mark.parametrize(("coefficient", "key"), [("none", "without_coef"), ("entropy", "with_coef")])
def test_copo(coefficient, key):
    golden = load("copo")
    prompts = golden[key]["prompts"]
    rewards, groups = nested([one["rewards"] for one in prompts])
    answers, _ = nested([[int(a) for a in group] for group in golden["answers"]])
    result = credit.advantages("copo", one_step(rewards, groups, answer=answers), coefficient=coefficient)
    local = nested([one["local_adv"] for one in prompts])[0]
    cross = [prompts[g]["global_adv"] for g in groups]
    weight = nested([one["weight_on_local_loss"] for one in prompts])[0]
    close(result.parts["local"], local)
    close(result.parts["cross"], cross)
    close(result.parts["weight"], weight)
    close(result.value, [w * a + (1 - w) * b for w, a, b in zip(weight, local, cross, strict=True)])


def test_hdpo():
    golden = load("hdpo")
    cases = golden["cases"]
    correct, groups = nested([case["correct"] for case in cases])
    format_valid = nested([case["format_ok"] for case in cases])[0]
    tool_calls = nested([case["tool_calls"] for case in cases])[0]
    batch = one_step(correct, groups, tool_calls=tool_calls, format_valid=format_valid)
    result = credit.advantages("hdpo", batch)
    accuracy = nested([case["adv_acc"] for case in cases])[0]
    tool = nested([case["adv_tool"] for case in cases])[0]
    close(result.parts["accuracy"], accuracy)
    close(result.parts["tool"], tool)
    # 8 of 16 episodes have a tool signal: 4 correct ones of the first group, 4 of the third (equal, so worth 0).
    for tool_mean, factor in (("signal", 16 / 8), ("all", 1.0)):
        value = credit.advantages("hdpo", batch, tool_mean=tool_mean).value
        close(value, [a + golden["w_tool"] * factor * b for a, b in zip(accuracy, tool, strict=True)])


def test_v05():
    cases = load("v05_fusion")["cases"]
    rewards, groups = nested([case["rewards"] for case in cases])
    prior = [cases[g]["prior"] for g in groups]
    result = credit.advantages("v05", one_step(rewards, groups, prior=prior))
    close(result.value, nested([case["advantages"] for case in cases])[0])
    close(result.parts["baseline"], [cases[g]["baseline"] for g in groups])
    close(result.parts["prior_weight"], [cases[g]["w_prior"] for g in groups])


@pytest.mark.parametrize("ties", ["mean", "order"])
def test_unlikeliness(ties):
    cases = load("grpo_unlikeliness")["cases"]
    for case in cases:
        n = len(case["rewards"])
        batch = one_step(case["rewards"], token_step=list(range(n)), logprob=case["mean_token_logprob"])
        result = credit.advantages("unlikeliness", batch, beta=case["beta_rank"], ties=ties)
        close(result.value, case["advantages"])


@pytest.mark.parametrize("byes", ["top", "released"])
def test_arenarl(byes):
    cases = load("arenarl")["cases"]
    quality, groups = nested([case["latent_quality"] for case in cases])
    result = credit.advantages("arenarl", one_step(quality, groups), byes=byes)
    close(result.value, nested([case["advantage"] for case in cases])[0])
    close(result.parts["reward"], nested([case["rank_reward"] for case in cases])[0])


@pytest.mark.parametrize("case", load("arenarl")["cases"], ids=lambda case: str(len(case["latent_quality"])))
def test_arenarl_asks_the_judge_no_more_than_that(case, monkeypatch):
    asked = []
    original = arenarl._by_quality

    def counting(quality):
        judge = original(quality)
        return lambda left, right: (asked.append(len(left)), judge(left, right))[1]

    monkeypatch.setattr(arenarl, "_by_quality", counting)
    credit.advantages("arenarl", one_step(case["latent_quality"]))
    assert sum(asked) == case["comparisons"]


@pytest.mark.parametrize("case", load("ma_rlhf_gae")["cases"], ids=lambda case: case["name"])
def test_ma_rlhf(case):
    golden = load("ma_rlhf_gae")
    kept = [i for i, m in enumerate(case["mask"]) if m and i >= case["start"]]
    batch = StepBatch.from_columns(
        episode=[0],
        t=[0],
        reward=[0.0],
        group=[0],
        token_step=[0] * len(kept),
        token_value=[case["token_values"][i] for i in kept],
        token_reward=[case["token_rewards"][i] for i in kept],
    )
    result = credit.advantages("ma_rlhf", batch, length=case["ngram"], gamma=golden["gamma"], lam=golden["lam"])
    close(result.value, [case["token_advantages"][i] for i in kept])
    macro = [max(k for k, b in enumerate(case["boundaries"]) if b <= i) for i in kept]
    close(result.returns, [case["returns"][k] for k in macro])
    assert result.level == "token"


def tokens_of(hidden, reward=1.0):
    return StepBatch.from_columns(
        episode=[0], t=[0], reward=[reward], group=[0], token_step=[0] * len(hidden), hidden=hidden
    )


def test_effective_rank():
    golden = load("verl_shaping")["effective_rank"]
    close(verl_shaping.rank_growth(tokens_of(golden["hidden"]), 40).rank, [golden["value"]])


def test_velocity_and_acceleration():
    golden = load("verl_shaping")["velocity_acceleration"]
    growth = verl_shaping.rank_growth(tokens_of(golden["hidden"]), golden["stride"])
    close(growth.velocity, [golden["ERV"]])
    close(growth.acceleration, [golden["ERA"]])
    for number, expected in enumerate(golden["prefix_effective_ranks"], 1):
        prefix = tokens_of(golden["hidden"][: number * golden["stride"] + 1])
        close(verl_shaping.rank_growth(prefix, 2).rank, [expected])


def test_auxiliary_reward():
    golden = load("verl_shaping")["aux_reward"]
    value, ema = (dict(zip(golden["indicator_order"], golden[key], strict=True)) for key in ("values", "ema"))
    growth = verl_shaping.Growth(*(torch.tensor([value[name]], dtype=torch.float64) for name in ("ER", "ERV", "ERA")))
    found = verl_shaping.auxiliary(growth, tuple(ema[name] for name in ("ER", "ERV", "ERA")), golden["gain"])
    close(found, [golden["aux"]])


def test_shaping(monkeypatch):
    golden = load("verl_shaping")
    case = golden["cases"][0]
    aux = torch.tensor(case["aux"], dtype=torch.float64)
    monkeypatch.setattr(verl_shaping, "auxiliary", lambda growth, means, gain: aux)
    n = len(case["adv0"])
    batch = one_step(  # groups of one: the raw score, with epsilon 0, is A0
        case["adv0"], list(range(n)), token_step=list(range(n)), hidden=[[0.0]] * n
    )
    means = {"mean_rank": 1.0, "mean_velocity": 1.0, "mean_acceleration": 1.0}
    result = credit.advantages("verl_shaping", batch, kappa=golden["kappa"], epsilon=0.0, **means)
    close(result.value, case["shaped"])
