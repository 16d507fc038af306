"""The group-advantage methods of the optimisation sheet against their plain twins, by identity and at the edges."""

import dataclasses
import itertools
import math
import random

import pytest
import torch
import twins_optimisation as twins
from twins_optimisation import columns, random_plays

from envbench import credit
from envbench.errors import InvalidBatch, InvalidValue, MissingColumn
from envbench.types import StepBatch

MEANS = {"mean_rank": 2.0, "mean_velocity": 0.1, "mean_acceleration": -0.05}
CHOICES = {
    "mc_grpo": [{}, {"rescale": False, "mad_floor": 0.5}, {"single": "zero"}],
    "ngrpo": [{}, {"virtual": 3, "r_max": 2.0}, {"virtual": 0}, {"single": "zero"}],
    "a_grae": [{"mode": mode} for mode in ("full", "hard", "easy", "positive", "negative")]
    + [{"form": "released", "alpha": 0.5}, {"scale": "none"}],
    "copo": [{}, {"coefficient": "entropy"}, {"sharpness": 20.0, "threshold": 0.5}],
    "hdpo": [{}, {"tool_mean": "all", "single": "zero"}, {"tool_weight": 0.0, "solved": 0.4}, {"solved": 0.1}],
    "v05": [{}, {"variance": "sample"}, {"scale": "std"}, {"variance": "sample", "scale": "std"}],
    "unlikeliness": [{}, {"ties": "order", "beta": 1.0}, {"beta": 0.0, "single": "zero"}],
    "arenarl": [{"byes": b, "topology": t} for b in ("top", "released") for t in ("elimination", "anchor")]
    + [{"topology": "round_robin"}, {"ties": "order"}, {"ties": "order", "byes": "released"}],
    "ma_rlhf": [
        {"termination": t, "pool": p, "reward": r}
        for t, p, r in itertools.product(
            ("fixed", "turn", "perplexity"), ("equal", "unit", "position"), ("pooled", "sum")
        )
    ]
    + [{"length": 1}, {"length": 2, "gamma": 0.9, "lam": 0.5, "bootstrap": "truncated"}],
    "verl_shaping": [
        {},
        {"stride": 2, **MEANS},
        {"stride": 3, "kappa": 0.5, "gain": 1.0, **MEANS},
        {"stride": 1, **MEANS},
    ],
}
VARIANTS = [(name, options) for name, many in sorted(CHOICES.items()) for options in many]
SEEDS = range(12)


def batch_of(plays, without=(), **more):
    given = {name: value for name, value in columns(plays).items() if name not in without}
    return StepBatch.from_columns(**{**given, **more})


def close(actual, expected, tolerance=1e-9):
    expected = expected if isinstance(expected, torch.Tensor) else torch.tensor(expected, dtype=actual.dtype)
    torch.testing.assert_close(actual, expected, rtol=tolerance, atol=tolerance)


@pytest.mark.parametrize(("name", "options"), VARIANTS, ids=str)
def test_equals_its_twin(name, options):
    for seed in SEEDS:
        plays = random_plays(random.Random(seed))
        result = credit.advantages(name, batch_of(plays), **options)
        close(result.value, getattr(twins, name)(plays, **options))
        assert result.level == credit.method(name).level


def single_precision(plays):
    """The plays with every number as float32 holds it."""

    def rounded(value):
        return torch.tensor(value, dtype=torch.float32).double().tolist()

    floats = ("rewards", "offsets", "prior", "last_value")
    return [
        dataclasses.replace(
            play,
            tokens=[[{name: rounded(x) for name, x in token.items()} for token in step] for step in play.tokens],
            **{name: rounded(getattr(play, name)) for name in floats},
        )
        for play in plays
    ]


@pytest.mark.parametrize("name", sorted(CHOICES))
def test_equals_its_twin_in_single_precision(name):
    options = {"mad_floor": 0.5} if name == "mc_grpo" else {}
    for seed in SEEDS:
        plays = single_precision(random_plays(random.Random(seed)))
        given = columns(plays)
        for column, value in given.items():
            flat = value[0] if isinstance(value[0], list) else value
            if isinstance(flat[0], float):
                given[column] = torch.tensor(value, dtype=torch.float32)
        result = credit.advantages(name, StepBatch.from_columns(**given), **options)
        assert result.value.dtype == result.weight.dtype == torch.float32
        close(result.value.double(), getattr(twins, name)(plays, **options), 1e-5)


def test_mc_grpo_drops_one_pivot_per_group():
    for seed in SEEDS:
        plays = random_plays(random.Random(seed))
        result = credit.advantages("mc_grpo", batch_of(plays))
        assert result.weight.tolist() == twins.mc_grpo_weight(plays)
        assert not result.value[result.weight == 0].any()


@pytest.mark.parametrize("topology", ["elimination", "anchor", "round_robin"])
@pytest.mark.parametrize("byes", ["top", "released"])
def test_arenarl_with_recorded_duels(topology, byes):
    for seed in SEEDS:
        rng = random.Random(seed)
        plays = random_plays(rng, most=24, groups=3)
        duels = [[rng.choice((0.2, 0.5, rng.random())) for _ in plays] for _ in plays]
        result = credit.advantages("arenarl", batch_of(plays, duel=duels), judge="duel", topology=topology, byes=byes)
        close(result.value, twins.arenarl(plays, byes, topology, duels))


def test_arenarl_needs_the_comparisons_that_it_asks_for():
    plays = random_plays(random.Random(1), groups=1) + random_plays(random.Random(3), groups=1)
    plays = [dataclasses.replace(play, include=True) for play in plays]
    with pytest.raises(MissingColumn, match="arenarl needs the column 'duel'"):
        credit.advantages("arenarl", batch_of(plays), judge="duel")
    empty = torch.full((len(plays), len(plays)), math.nan, dtype=torch.float64)
    with pytest.raises(InvalidBatch, match="lacks the comparison of episodes 1 and 0"):
        credit.advantages("arenarl", batch_of(plays, duel=empty), judge="duel")
    opening = empty.clone()
    opening[:, 0], opening[0] = 0.5, 0.5
    with pytest.raises(InvalidBatch, match="topology='round_robin' needs every pair"):
        credit.advantages("arenarl", batch_of(plays, duel=opening), judge="duel", topology="round_robin")
    with pytest.raises(InvalidBatch, match="has 1 columns, expected one per member"):
        credit.advantages("arenarl", batch_of(plays, duel=opening[:, :1]), judge="duel")


# Identities


def some(seed, **changes):
    plays = random_plays(random.Random(seed), **changes)
    return plays, batch_of(plays)


def test_methods_that_contain_grpo():
    for seed in SEEDS:
        _, batch = some(seed)
        grpo = credit.advantages("grpo", batch).value
        close(credit.advantages("ngrpo", batch, virtual=0).value, grpo)
        close(credit.advantages("unlikeliness", batch, beta=0.0).value, grpo)
        close(credit.advantages("copo", batch).parts["local"], grpo)
        close(credit.advantages("verl_shaping", batch).value, grpo[batch.token_step])  # no moving average yet
        mixed = credit.advantages("copo", batch, threshold=0.0, sharpness=1e6)  # weight 1 where answers differ at all
        sure = mixed.parts["weight"] == 1.0
        close(mixed.value[sure], grpo[sure])


def test_ngrpo_of_failures_and_of_successes():
    for n in (2, 4, 8, 16):
        rewards = [0.0] * n + [1.0] * n
        batch = StepBatch.from_columns(
            episode=list(range(2 * n)), t=[0] * 2 * n, reward=rewards, group=[0] * n + [1] * n
        )
        value = credit.advantages("ngrpo", batch, epsilon=0.0).value
        close(value[:n], [-1 / math.sqrt(n + 1)] * n)
        assert not value[n:].any()


def test_a_grae_weighs_a_group_by_its_success_rate():
    """With the population deviation the sum of |A| over n members is n sqrt(1 - p) for hard, n sqrt(p) for easy."""
    n = 8
    for wins in range(1, n):
        batch = StepBatch.from_columns(
            episode=list(range(n)), t=[0] * n, reward=[1.0] * wins + [0.0] * (n - wins), group=[0] * n
        )
        p, population = wins / n, math.sqrt(n / (n - 1))
        for mode, root in (("hard", math.sqrt(1 - p)), ("easy", math.sqrt(p))):
            value = credit.advantages("a_grae", batch, mode=mode, epsilon=0.0, guard=0.0).value
            close(value.abs().sum() * population, torch.tensor(n * root, dtype=torch.float64))


def test_ma_rlhf_of_single_tokens_is_token_gae():
    for seed in SEEDS:
        plays, batch = some(seed)
        value = credit.advantages("ma_rlhf", batch, length=1, gamma=0.9, lam=0.8).value
        expected = []
        for play in plays:
            tokens, advantage, found = play.flat, 0.0, []
            ends = set(itertools.accumulate(len(step) for step in play.tokens))
            rewards, later = list(play.rewards), 0.0
            for k in reversed(range(len(tokens))):
                reward = rewards.pop() if k + 1 in ends else 0.0
                advantage = reward + 0.9 * later - tokens[k]["value"] + 0.72 * advantage
                later = tokens[k]["value"]
                found.append(advantage if play.include else 0.0)
            expected += found[::-1]
        close(value, expected)


def test_ma_rlhf_returns_are_the_critics_targets():
    _, batch = some(3)
    result = credit.advantages("ma_rlhf", batch, length=1)
    included = batch.include[batch.episode][batch.token_step]
    close(result.returns[included], (result.value + batch.token_value)[included])
    assert not result.returns[~included].any()


def test_shift_and_scale():
    """A constant added to every return leaves comparisons inside the group alone; a factor leaves ranks alone."""
    for seed in SEEDS:
        plays, batch = some(seed, binary=False)
        moved = [dataclasses.replace(play, rewards=[*play.rewards[:-1], play.rewards[-1] + 0.5]) for play in plays]
        sizes = {g: len(members) for g, members in twins.by_group(plays).items()}
        several = torch.tensor([sizes.get(play.group, 0) > 1 for play in plays])[batch.episode]
        for name, options in (
            ("mc_grpo", {"mad_floor": 0.5}),
            ("arenarl", {}),
            ("v05", {"variance": "sample"}),
        ):
            priors = [play.prior + 0.5 for play in plays]
            before = credit.advantages(name, batch, **options).value[several]
            close(credit.advantages(name, batch_of(moved, prior=priors), **options).value[several], before, 1e-7)
        scaled = [dataclasses.replace(play, rewards=[3.0 * r for r in play.rewards]) for play in plays]
        ranks = credit.advantages("arenarl", batch).value
        close(credit.advantages("arenarl", batch_of(scaled)).value, ranks)


# Edges


@pytest.mark.parametrize("name", sorted(CHOICES))
def test_excluded_episodes_touch_nothing(name):
    for seed in SEEDS:
        plays = random_plays(random.Random(seed))
        changed = [
            play
            if play.include
            else dataclasses.replace(play, rewards=[9.0 for _ in play.rewards], tool_calls=0, answer=2)
            for play in plays
        ]
        options = MEANS if name == "verl_shaping" else {}
        result = credit.advantages(name, batch_of(changed), **options)
        assert torch.equal(result.value, credit.advantages(name, batch_of(plays), **options).value)
        rows = batch_of(plays).include[batch_of(plays).episode]
        kept = rows if result.level == "step" else rows[batch_of(plays).token_step]
        for tensor in (result.value, result.weight, *result.parts.values()):
            assert not tensor[~kept].any()
        if name != "mc_grpo":
            assert bool((result.weight[kept] == 1).all())


@pytest.mark.parametrize("name", sorted(CHOICES))
def test_nobody_included(name):
    plays = [dataclasses.replace(play, include=False) for play in random_plays(random.Random(2))]
    options = MEANS if name == "verl_shaping" else {}
    result = credit.advantages(name, batch_of(plays), **options)
    assert not result.value.any()
    assert not result.weight.any()


@pytest.mark.parametrize("name", ["mc_grpo", "ngrpo", "hdpo", "unlikeliness", "copo"])
def test_group_of_one(name):
    plays = [
        dataclasses.replace(random_plays(random.Random(5))[0], include=True, offsets=[0.0] * 4, rewards=[0.0, 1.0])
    ]
    plays = [dataclasses.replace(play, tokens=play.tokens[:1] * 2, format_valid=[True, True]) for play in plays]
    raw = credit.advantages(name, batch_of(plays)).value
    zero = credit.advantages(name, batch_of(plays), single="zero").value
    share = 1 / (1 + math.exp(5)) if name == "copo" else 1.0  # the local weight of a group that agrees
    close(raw, [share, share], 2e-6)
    assert not zero.any()


def test_groups_of_one_without_that_choice():
    play = random_plays(random.Random(5))[0]
    play = dataclasses.replace(play, include=True, offsets=[0.0] * 4)
    assert not credit.advantages("arenarl", batch_of([play])).value.any()
    prior = credit.advantages("v05", batch_of([play]), variance="sample")
    close(prior.value[:1], [play.total - play.prior])  # the variance is unknown, so the prior is the baseline
    solved = dataclasses.replace(play, rewards=[*[0.0] * (len(play.rewards) - 1), 1.0])
    assert not credit.advantages("a_grae", batch_of([solved])).value.any()  # p = 1


@pytest.mark.parametrize("name", ["mc_grpo", "ngrpo", "a_grae"])
def test_zero_spread_is_exactly_zero(name):
    """Ten times 0.1 adds up to less than 1: the rounding must not become credit."""
    batch = StepBatch.from_columns(
        episode=[0] * 10 + [1, 2], t=[*range(10), 0, 0], reward=[0.1] * 10 + [1.0, 1.0], group=[0, 0, 0]
    )
    assert not credit.advantages(name, batch).value.any()


def test_equal_answers_are_paid_equally_unless_asked():
    batch = StepBatch.from_columns(
        episode=[0, 1, 2], t=[0] * 3, reward=[1.0] * 3, group=[0] * 3, token_step=[0, 1, 2], logprob=[-0.5] * 3
    )
    assert not credit.advantages("unlikeliness", batch).value.any()
    assert credit.advantages("unlikeliness", batch, ties="order").value.tolist() == sorted(
        credit.advantages("unlikeliness", batch, ties="order").value.tolist(), reverse=True
    )
    assert credit.advantages("unlikeliness", batch, ties="order").value[0] > 0.5


def test_equal_returns_win_nothing_in_the_arena_unless_asked():
    batch = StepBatch.from_columns(
        episode=[0] * 10 + [1, 2], t=[*range(10), 0, 0], reward=[0.1] * 10 + [1.0, 1.0], group=[0, 0, 0]
    )
    assert not credit.advantages("arenarl", batch).value.any()
    close(credit.advantages("arenarl", batch, ties="order", epsilon=0.0).value[9:], [1.0, 0.0, -1.0])


def test_branches_use_their_own_rows_and_the_whole_return():
    batch = StepBatch.from_columns(
        episode=[0, 0, 0, 1],
        t=[0, 1, 2, 2],
        reward=[0.5, 0.0, 0.5, 0.0],
        group=[0, 0],
        parent=[-1, 0],
        branch_t=[0, 2],
        token_step=[0, 1, 2, 3],
        token_value=[0.0] * 4,
    )
    close(credit.advantages("ngrpo", batch, virtual=0, epsilon=0.0).value, [math.sqrt(0.5)] * 3 + [-math.sqrt(0.5)])
    close(credit.advantages("ma_rlhf", batch, length=1, lam=1.0).value, [1.0, 0.5, 0.5, 0.0])


def test_missing_columns_and_bad_options():
    plays = random_plays(random.Random(4))
    for name, column in (
        ("copo", "answer"),
        ("hdpo", "tool_calls"),
        ("hdpo", "format_valid"),
        ("v05", "prior"),
        ("unlikeliness", "logprob"),
        ("verl_shaping", "hidden"),
        ("ma_rlhf", "token_value"),
    ):
        with pytest.raises(MissingColumn, match=f"{name} needs the column '{column}'"):
            credit.advantages(name, batch_of(plays, without=(column,)))
    with pytest.raises(MissingColumn, match="ma_rlhf needs the column 'ref_logprob'"):
        credit.advantages("ma_rlhf", batch_of(plays, without=("ref_logprob",)), termination="perplexity")
    with pytest.raises(MissingColumn, match="ma_rlhf needs the column 'last_value'"):
        credit.advantages("ma_rlhf", batch_of(plays, without=("last_value",)), bootstrap="truncated")
    with pytest.raises(InvalidValue, match="mean_rank, mean_velocity and mean_acceleration together"):
        credit.advantages("verl_shaping", batch_of(plays), mean_rank=1.0)
    with pytest.raises(InvalidValue, match="virtual=-1"):
        credit.advantages("ngrpo", batch_of(plays), virtual=-1)


def test_rows_without_tokens():
    """An episode without a policy token gets nothing on the token axis and a log-probability of 0."""
    batch = StepBatch.from_columns(
        episode=[0, 1, 2],
        t=[0, 0, 0],
        reward=[1.0, 1.0, 0.0],
        group=[0, 0, 0],
        token_step=[0, 0, 2],
        token_value=[0.1, 0.2, 0.3],
        logprob=[-1.0, -1.0, -0.5],
        hidden=[[1.0], [2.0], [3.0]],
    )
    close(credit.advantages("ma_rlhf", batch, lam=1.0).value, [0.9, 0.8, -0.3])
    assert credit.advantages("verl_shaping", batch, **MEANS).parts["rank"].tolist() == pytest.approx([1.0, 1.0, 0.0])
    value = credit.advantages("unlikeliness", batch).value
    assert value[0] > value[1] > value[2]  # the second success is the likelier one
