"""Losses against plain-Python twins, numbers worked out by hand, and the golden files."""

import ast
import json
import math
from dataclasses import replace
from pathlib import Path

import pytest
import torch

import envbench
from envbench import credit
from envbench.credit.kernels import Segments
from envbench.errors import InvalidBatch, InvalidValue
from envbench.train import losses
from envbench.train.losses import AGGREGATIONS, PolicyLossConfig
from envbench.train.losses.policy import sequence_log_ratio
from envbench.train.sequential import turn_logratio, turn_of, update_in_reverse
from envbench.types import Advantages, StepBatch

GOLDEN = Path(__file__).parents[1] / "golden" / "credit"
TRAIN = Path(envbench.__file__).parent / "train"
LOSS_CODE = [
    *sorted((TRAIN / "losses").glob("*.py")),
    *(TRAIN / f"{n}.py" for n in ("packed", "targets", "update", "sequential")),
]


def f64(*values):
    return torch.tensor(values, dtype=torch.float64)


def golden(name):
    return json.loads((GOLDEN / f"{name}.json").read_text(encoding="utf-8"))


def random_tokens(seed, lengths=(3, 1, 4, 2)):
    generator = torch.Generator().manual_seed(seed)

    def draw(scale, shift=0.0):
        return torch.randn(sum(lengths), generator=generator, dtype=torch.float64) * scale + shift

    row = torch.repeat_interleave(torch.arange(len(lengths)), torch.tensor(lengths))
    return {"new": draw(0.5, -2.0), "old": draw(0.5, -2.0), "ref": draw(0.5, -2.0), "advantage": draw(1.0), "row": row}


# Advantages per token.


def batch_of_tokens(**columns):
    return StepBatch.from_columns(
        episode=[0, 0, 1],
        t=[0, 1, 0],
        reward=[0.0, 1.0, 0.0],
        group=[0, 0],
        token_step=[0, 0, 1, 2, 2],
        **columns,
    )


def test_step_advantages_go_to_every_token_of_their_row():
    advantages = Advantages(f64(1.0, 2.0, 3.0), "step", weight=f64(1.0, 0.5, 1.0))
    value, weight = losses.token_advantage(batch_of_tokens(), advantages)
    assert value.tolist() == [1.0, 1.0, 2.0, 3.0, 3.0]
    assert weight.tolist() == [1.0, 1.0, 0.5, 1.0, 1.0]


def test_token_advantages_stay_and_excluded_episodes_have_no_weight():
    advantages = Advantages(f64(1.0, 2.0, 3.0, 4.0, 5.0), "token")
    value, weight = losses.token_advantage(batch_of_tokens(include=[True, False]), advantages)
    assert value.tolist() == [1.0, 2.0, 3.0, 4.0, 5.0]
    assert weight.tolist() == [1.0, 1.0, 1.0, 0.0, 0.0]


# Shares.

# Rows of 2, 1 and 1 tokens; the third row is left out.
HAND_SHARES = {
    "token-mean": [1 / 3, 1 / 3, 1 / 3, 0.0],
    "seq-mean-token-sum": [1 / 2, 1 / 2, 1 / 2, 0.0],
    "seq-mean-token-mean": [1 / 4, 1 / 4, 1 / 2, 0.0],
    "seq-mean-token-sum-norm": [1 / 16, 1 / 16, 1 / 16, 0.0],
}


@pytest.mark.parametrize("aggregation", AGGREGATIONS)
def test_shares_by_hand(aggregation):
    rows = Segments.of(torch.tensor([0, 0, 1, 2]), 3)
    found = losses.shares(f64(1.0, 1.0, 1.0, 0.0), rows, aggregation, norm=8.0)
    assert found.tolist() == pytest.approx(HAND_SHARES[aggregation], abs=1e-15)


@pytest.mark.parametrize("aggregation", AGGREGATIONS)
def test_shares_of_nothing_are_zero(aggregation):
    assert losses.shares(torch.zeros(3), Segments.of(torch.tensor([0, 0, 1]), 2), aggregation).tolist() == [0.0] * 3


def twin_aggregate(each, weight, row, aggregation, norm):
    """The loss in plain Python: sums of lists, row by row."""
    sequences = {}
    for x, w, r in zip(each, weight, row, strict=True):
        sequences.setdefault(r, []).append((x, w))
    if aggregation == "token-mean":
        return math.fsum(x * w for x, w in zip(each, weight, strict=True)) / math.fsum(weight)
    kept = [one for one in sequences.values() if math.fsum(w for _, w in one) > 0.0]
    sums = [math.fsum(x * w for x, w in one) for one in kept]
    if aggregation == "seq-mean-token-mean":
        sums = [one / math.fsum(w for _, w in tokens) for one, tokens in zip(sums, kept, strict=True)]
    if aggregation == "seq-mean-token-sum-norm":
        sums = [one / norm for one in sums]
    return math.fsum(sums) / len(kept)


@pytest.mark.parametrize("aggregation", AGGREGATIONS)
def test_aggregation_equals_its_twin(aggregation):
    tokens = random_tokens(1)
    weight = f64(1.0, 1.0, 0.0, 0.0, 0.5, 0.5, 0.5, 0.5, 1.0, 1.0)
    share = losses.shares(weight, Segments.of(tokens["row"], 4), aggregation, norm=7.0)
    each = tokens["advantage"]
    expected = twin_aggregate(each.tolist(), weight.tolist(), tokens["row"].tolist(), aggregation, 7.0)
    assert float((share * each).sum()) == pytest.approx(expected, abs=1e-12)


def test_bad_weights_and_constants_are_named():
    rows = Segments.of(torch.tensor([0, 0]), 1)
    for weight in ([-1.0, 1.0], [float("nan"), 1.0]):
        with pytest.raises(InvalidBatch, match="negative or not finite"):
            losses.shares(torch.tensor(weight), rows, "token-mean")
    with pytest.raises(InvalidValue, match="above 0"):
        losses.shares(torch.ones(2), rows, "seq-mean-token-sum-norm", norm=0.0)
    with pytest.raises(InvalidValue, match="expected one of token-mean"):
        losses.shares(torch.ones(2), rows, "mean")


# The clipped loss.


def twin_clipped(logratio, advantage, low, high, dual):
    ratio = math.exp(max(-20.0, min(20.0, logratio)))
    loss = max(-advantage * ratio, -advantage * max(1.0 - low, min(1.0 + high, ratio)))
    return min(loss, -advantage * dual) if dual is not None and advantage < 0.0 else loss


@pytest.mark.parametrize(
    ("ratio", "advantage", "loss", "cut"),
    [
        (1.0, 2.0, -2.0, False),
        (1.5, 1.0, -1.28, True),  # above 1 + 0.28 with A > 0
        (1.5, -1.0, 1.5, False),
        (0.5, 1.0, -0.5, False),
        (0.5, -1.0, 0.8, True),  # below 1 - 0.2 with A < 0
        (5.0, -2.0, 6.0, True),  # dual clip: 3 x 2
        (5.0, 0.0, 0.0, False),
    ],
)
def test_clip_by_hand(ratio, advantage, loss, cut):
    found, was_cut = losses.clipped(f64(math.log(ratio)), f64(advantage), PolicyLossConfig(clip_high=0.28))
    assert found.tolist() == pytest.approx([loss], abs=1e-12)
    assert was_cut.tolist() == [cut]


@pytest.mark.parametrize("dual", [None, 1.5, 3.0])
def test_clip_equals_its_twin(dual):
    tokens = random_tokens(2, (50,))
    logratio = losses.log_ratio(tokens["new"] * 4, tokens["old"] * 4)
    found, _ = losses.clipped(logratio, tokens["advantage"], PolicyLossConfig(0.1, 0.3, dual))
    expected = [
        twin_clipped(x, a, 0.1, 0.3, dual) for x, a in zip(logratio.tolist(), tokens["advantage"].tolist(), strict=True)
    ]
    assert found.tolist() == pytest.approx(expected, rel=1e-12)


def test_extreme_log_probs_stay_finite():
    new = torch.tensor([-500.0, 0.0, -500.0, 0.0], requires_grad=True)
    old = torch.tensor([0.0, -500.0, 0.0, -500.0])
    each, _ = losses.clipped(losses.log_ratio(new, old), torch.tensor([1.0, 1.0, -1.0, -1.0]), PolicyLossConfig())
    (each.sum() + losses.kl(new, old, "k3").sum()).backward()
    assert bool(each.isfinite().all())
    assert bool(new.grad.isfinite().all())
    assert each.tolist() == pytest.approx([-math.exp(-20), -1.2, 0.8, 3.0])


def test_sequence_ratio_is_the_rows_mean_with_straight_through_gradient():
    tokens = random_tokens(3)
    new = tokens["new"].clone().requires_grad_()
    rows = Segments.of(tokens["row"], 4)
    found = sequence_log_ratio(new, tokens["old"], rows)
    change = (tokens["new"] - tokens["old"]).tolist()
    for number in range(4):
        own = [x for x, r in zip(change, tokens["row"].tolist(), strict=True) if r == number]
        got = [x for x, r in zip(found.tolist(), tokens["row"].tolist(), strict=True) if r == number]
        assert got == pytest.approx([math.fsum(own) / len(own)] * len(own), abs=1e-12)
    found.sum().backward()
    assert new.grad.tolist() == [1.0] * len(new)


def test_gspo_gradient_is_that_of_the_sequence_objective():
    """With seq-mean-token-mean, one advantage per row and no clip: d/dnew of mean_i -A_i exp(mean_k log-ratio)."""
    tokens = random_tokens(4)
    rows = Segments.of(tokens["row"], 4)
    row_advantage = f64(1.0, -0.5, 2.0, 0.3)
    cfg = PolicyLossConfig(1.0, 1e6, None, "sequence", "seq-mean-token-mean")
    new = tokens["new"].clone().requires_grad_()
    share = losses.shares(torch.ones_like(new), rows, cfg.aggregation)
    loss, _ = losses.policy_loss(new, tokens["old"], rows.spread(row_advantage), share, rows, cfg)
    loss.backward()
    loss = loss.detach()
    again = tokens["new"].clone().requires_grad_()
    ratio = (rows.sum(again - tokens["old"]) / rows.count).exp()
    objective = -(row_advantage * ratio).mean()
    objective.backward()
    objective = objective.detach()
    assert loss.item() == pytest.approx(objective.item(), abs=1e-12)
    torch.testing.assert_close(new.grad, again.grad, atol=1e-12, rtol=0.0)


def test_policy_loss_is_its_terms():
    tokens = random_tokens(5)
    rows = Segments.of(tokens["row"], 4)
    share = losses.shares(torch.ones(10, dtype=torch.float64), rows, "token-mean")
    cfg = PolicyLossConfig(kl="k2", kl_coef=0.1, entropy_coef=0.01)
    entropy = torch.linspace(0.1, 1.0, 10, dtype=torch.float64)
    inputs = (tokens["new"], tokens["old"], tokens["advantage"], share, rows)
    loss, parts = losses.policy_loss(*inputs, cfg, ref=tokens["ref"], entropy=entropy)
    each = [
        twin_clipped(n - o, a, 0.2, 0.2, 3.0)
        for n, o, a in zip(tokens["new"].tolist(), tokens["old"].tolist(), tokens["advantage"].tolist(), strict=True)
    ]
    square = [(n - r) ** 2 / 2 for n, r in zip(tokens["new"].tolist(), tokens["ref"].tolist(), strict=True)]
    policy, divergence, mean_entropy = (math.fsum(one) / 10 for one in (each, square, entropy.tolist()))
    assert float(parts["policy"]) == pytest.approx(policy, abs=1e-12)
    assert float(parts["kl"]) == pytest.approx(divergence, abs=1e-12)
    assert float(parts["entropy"]) == pytest.approx(mean_entropy, abs=1e-12)
    assert float(loss) == pytest.approx(policy + 0.1 * divergence - 0.01 * mean_entropy, abs=1e-12)
    for missing, match in (({"entropy": entropy}, "record ref_logprob"), ({"ref": tokens["ref"]}, "entropy_coef=0")):
        with pytest.raises(InvalidBatch, match=match):
            losses.policy_loss(*inputs, cfg, **missing)


# Divergence and entropy.


def test_kl_by_hand():
    new, ref = f64(-1.0), f64(-1.0 + math.log(2.0))  # the reference finds the token twice as likely
    assert float(losses.kl(new, ref, "k1")) == pytest.approx(-math.log(2.0))
    assert float(losses.kl(new, ref, "k2")) == pytest.approx(math.log(2.0) ** 2 / 2)
    assert float(losses.kl(new, ref, "k3")) == pytest.approx(1.0 - math.log(2.0))
    assert float(losses.kl(f64(-30.0), f64(0.0), "k3")) == 10.0


def test_k1_and_k3_average_to_the_divergence():
    policy, reference = f64(0.5, 0.3, 0.2), f64(0.2, 0.2, 0.6)
    exact = float((policy * (policy / reference).log()).sum())
    for estimator in ("k1", "k3"):
        mean = float((policy * losses.kl(policy.log(), reference.log(), estimator)).sum())
        assert mean == pytest.approx(exact, abs=1e-12)


def test_entropy():
    logits = torch.tensor([[0.0, 0.0, 0.0, 0.0], [0.0, 0.0, -torch.inf, -torch.inf]], requires_grad=True)
    found = losses.entropy(logits)
    assert found.tolist() == pytest.approx([math.log(4.0), math.log(2.0)])
    finite = torch.randn(3, 5, dtype=torch.float64, generator=torch.Generator().manual_seed(0), requires_grad=True)
    assert torch.autograd.gradcheck(losses.entropy, (finite,))


# Critics.


def test_value_loss_by_hand():
    value, old, target = f64(1.0, 2.0, 0.0), f64(0.0, 2.0, 0.0), f64(1.0, 0.0, 9.0)
    # clipped to 0.5: error 0.25 > 0; unclipped 4; left out.
    assert float(losses.value_loss(value, old, target, f64(0.5, 0.5, 0.0))) == pytest.approx(0.5 * (0.125 + 2.0))
    assert float(losses.value_loss(value, old, target, f64(0.5, 0.5, 0.0), clip=None)) == pytest.approx(0.5 * 2.0)


def test_clipped_values_have_no_gradient():
    value = f64(1.0, 0.2).requires_grad_()
    losses.value_loss(value, f64(0.0, 0.0), f64(1.0, 1.0), f64(1.0, 1.0)).backward()
    assert value.grad.tolist() == pytest.approx([0.0, -0.8])


def test_heads_have_a_loss_each():
    heads = {"low": f64(1.0), "high": f64(2.0), "switch": f64(3.0)}
    zeros, ones = ({name: f64(x) for name in heads} for x in (0.0, 1.0))
    found = losses.heads_loss(heads, heads, zeros, ones, clip=None)
    assert {name: float(one) for name, one in found.items()} == {"low": 0.5, "high": 2.0, "switch": 4.5}
    with pytest.raises(InvalidBatch, match="'low' has targets but no values"):
        losses.heads_loss({}, {}, zeros, ones)


# Pairs: the golden files.


@pytest.mark.parametrize("case", golden("p3o_loss")["cases"], ids=range(len(golden("p3o_loss")["cases"])))
@pytest.mark.parametrize("form", ["separate", "joint"])
def test_p3o(case, form):
    shaped = [case[f"r{i}"] - case["beta"] * (case[f"old_logp{i}"] - case[f"ref_logp{i}"]) for i in (1, 2)]
    assert shaped[0] - shaped[1] == pytest.approx(case["delta_shaped_reward"])
    first, second = (f64(case[f"logp{i}"]).requires_grad_() for i in (1, 2))
    old = [f64(case[f"old_logp{i}"]) for i in (1, 2)]
    loss = losses.p3o(first, second, *old, f64((shaped[0] - shaped[1]) / 2), case["eps"], form)
    loss.sum().backward()
    loss = loss.detach()
    assert loss.item() == pytest.approx(case[f"loss_{form}"], abs=1e-10)
    assert [float(first.grad), float(second.grad)] == pytest.approx(case[f"grad_logp_{form}"], abs=1e-10)


def test_step_apo_and_dpo():
    for case in golden("preference_losses")["step_apo"]["cases"]:
        pair = [f64(case[name]) for name in ("logp_w", "logp_l", "ref_w", "ref_l")]
        gap = f64(case["adv_w"] - case["adv_l"])
        assert float(losses.dpo(*pair, case["beta"])) == pytest.approx(case["dpo"], abs=1e-10)
        found = losses.step_apo(*pair, gap, case["beta"], case["alpha"])
        assert float(found) == pytest.approx(case["step_apo"], abs=1e-10)


def test_w_dpo():
    for case in golden("preference_losses")["w_dpo"]["cases"]:
        pair = f64(case["logp_w"]), f64(case["logp_l"])
        found = losses.w_dpo(*pair, f64(case["weight"]), case["beta"])
        assert float(found) == pytest.approx(case["loss_no_reference"], abs=1e-10)
        same = f64(0.0), f64(0.0)
        assert float(losses.w_dpo(*pair, f64(1.0), case["beta"], same)) == float(losses.dpo(*pair, *same, case["beta"]))


def test_simpo():
    for case in golden("simpo_loss")["cases"]:
        chosen, rejected = (
            f64(*(math.fsum(x) / len(x) for x in case[f"{name}_token_logps"])) for name in ("chosen", "rejected")
        )
        found = losses.simpo(
            chosen, rejected, case["beta"], case["gamma_beta_ratio"], case["label_smoothing"], case["loss_type"]
        )
        assert found.tolist() == pytest.approx(case["losses"], abs=1e-10)
        assert float(found.mean()) == pytest.approx(case["mean_loss"], abs=1e-10)


def test_oprl_trains_its_reward_model_with_dpo():
    case = golden("oprl")
    inputs, expected = case["inputs"], case["expected"]
    prm, old = ([math.fsum(turns) for turns in inputs[f"log_pi_{name}"]] for name in ("prm", "old"))
    pairs = expected["prm_dpo_loss_pairs"]
    columns = [f64(*(values[pair[side]] for pair in pairs)) for values in (prm, old) for side in (0, 1)]
    assert float(losses.dpo(*columns, inputs["beta"]).mean()) == pytest.approx(expected["prm_dpo_loss"], abs=1e-10)


# SeeUPO.


def seeupo_batch(inputs):
    n, order = len(inputs["reward"]), [0, 1, 2]
    names = sorted(set(inputs["group"]))
    return StepBatch.from_columns(
        episode=[i for i in range(n) for _ in order],
        t=order * n,
        reward=[x for one in inputs["reward"] for x in (0.0, 0.0, one)],
        group=[names.index(one) for one in inputs["group"]],
        token_step=[row for row in range(3 * n) for _ in range(2)],
    )


def test_seeupo_updates_turns_from_last_to_first():
    case = golden("seeupo")
    inputs, expected = case["inputs"], case["expected"]
    batch = seeupo_batch(inputs)
    current = torch.full((len(batch.token_step),), -2.0, dtype=torch.float64)
    seen = []

    def logprobs(rows):
        return torch.where(rows.index_select(0, batch.token_step), current, torch.nan)

    def update(rows, advantages, old):
        turn = len(inputs["turn_order"]) - 1 - len(seen)
        seen.append(turn)
        assert rows.tolist() == [t == turn for t in batch.t.tolist()]
        assert advantages.value[rows].tolist() == pytest.approx(expected[str(turn)]["advantage"], abs=1e-9)
        change = inputs["mean_logratio_after_update"].get(str(turn), [0.0] * len(inputs["reward"]))
        per_row = torch.zeros(len(rows), dtype=torch.float64)
        per_row[rows] = f64(*change)
        spread = torch.tensor([0.3, -0.3]).double().repeat(len(rows))  # tokens differ, their mean is what counts
        current.add_(per_row.index_select(0, batch.token_step) + spread)

    update_in_reverse(batch, lambda rows: logprobs(rows).clone(), update)
    assert seen == inputs["turn_order"]


def test_ragged_episodes_align_from_the_start():
    batch = StepBatch.from_columns(
        episode=[0, 0, 0, 1], t=[4, 5, 9, 0], reward=[0.0, 0.0, 1.0, 0.0], group=[0, 0], token_step=[0, 1, 2, 3]
    )
    assert turn_of(batch).tolist() == [0, 1, 2, 0]
    seen = []
    change = update_in_reverse(
        batch, lambda rows: rows.double() * len(seen), lambda rows, _advantages, _old: seen.append(rows.tolist())
    )
    assert seen == [[False, False, True, False], [False, True, False, False], [True, False, False, True]]
    assert change.tolist() == [1.0] * 4


def test_turn_logratio_is_a_mean_over_tokens():
    found = turn_logratio(f64(0.0, 0.0, -1.0), f64(1.0, 2.0, -2.0), torch.tensor([0, 0, 2]), 3)
    assert found.tolist() == [1.5, 0.0, -1.0]


# No advanced indexing.


def indexed_by_tensors(tree):
    """Subscripts that may be advanced indexing: those by anything but slices, constants and names of plain lists."""
    annotations = {id(inner) for node in ast.walk(tree) for top in annotation_of(node) for inner in ast.walk(top)}
    for node in ast.walk(tree):
        if isinstance(node, ast.Subscript) and id(node) not in annotations and not is_plain(node):
            yield ast.unparse(node)


def annotation_of(node):
    found = [getattr(node, name, None) for name in ("annotation", "returns")]
    if isinstance(node, ast.Call) and isinstance(node.func, ast.Subscript):
        found.append(node.func)  # list[int]()
    return [one for one in found if isinstance(one, ast.AST)]


# Subscripts of Python's own containers: type aliases, lists and dicts.
OWN = {"Literal", "Annotated", "tuple", "dict", "list", "starts", "rows", "head_values", "old_values", "head_shares"}


def is_plain(node):
    index = node.slice
    parts = index.elts if isinstance(index, ast.Tuple) else [index]
    constant = all(isinstance(part, ast.Slice | ast.Constant | ast.UnaryOp) for part in parts)
    return constant or (isinstance(node.value, ast.Name) and node.value.id in OWN)


@pytest.mark.parametrize("path", LOSS_CODE, ids=lambda path: path.stem)
def test_no_advanced_indexing(path):
    assert list(indexed_by_tensors(ast.parse(path.read_text(encoding="utf-8")))) == []


def test_advanced_indexing_would_be_found():
    assert list(indexed_by_tensors(ast.parse("y = logits[index] + x[mask > 0] + z[:, rows]"))) != []


def test_config_refuses_what_it_cannot_take():
    for bad in ({"dual_clip": 0.5}, {"clip_low": 1.5}, {"aggregation": "mean"}, {"ratio": "row"}):
        with pytest.raises(InvalidValue):
            PolicyLossConfig(**bad)
    assert not PolicyLossConfig().needs_every_row
    assert replace(PolicyLossConfig(), kl_coef=0.1).needs_every_row
    assert credit.methods("loss") == ()  # losses take tokens, not a StepBatch: they are functions of their own
