"""Golden numbers of the methods on trees and tool calls reproduced."""

import json
from pathlib import Path

import pytest
import torch

from envbench import credit
from envbench.credit.kernels import Segments
from envbench.credit.matchtir import MatchTIRConfig, call_rewards, turn_rewards
from envbench.credit.spae import potential
from envbench.types import StepBatch

GOLDEN = Path(__file__).resolve().parents[1] / "golden" / "credit"


def load(name):
    return json.loads((GOLDEN / f"{name}.json").read_text(encoding="utf-8"))


def close(actual, expected, tolerance=1e-9):
    torch.testing.assert_close(actual, torch.tensor(expected, dtype=torch.float64), rtol=0.0, atol=tolerance)


def test_tree_grpo():
    golden = load("tree_grpo")
    leaves = golden["inputs"]["leaves"]
    n = len(leaves)
    batch = StepBatch.from_columns(
        episode=range(n),
        t=[0] * n,
        reward=[one["reward"] for one in leaves],
        group=[int(one["prompt"][1]) for one in leaves],
        tree=[ord(one["tree"]) for one in leaves],
    )
    expected = golden["expected"]
    found = credit.advantages("tree_grpo", batch)
    close(found.parts["inter"], expected["inter_tree"])
    close(found.parts["intra"], expected["intra_tree"])
    close(found.value, expected["tree"])
    close(credit.advantages("tree_grpo", batch, form="intra").value, expected["intra_tree"])
    close(credit.advantages("tree_grpo", batch, form="twice").value, expected["tree_2norm"])


def test_matchtir_advantages():
    golden = load("matchtir")
    turns = [one["turn_rewards"] for one in golden["inputs"]["samples"]]
    batch = StepBatch.from_columns(
        episode=[e for e, one in enumerate(turns) for _ in one],
        t=[t for one in turns for t in range(len(one))],
        reward=[r for one in turns for r in one],
        group=[0] * len(turns),
        tool_match=torch.zeros(0, 1),
        call_step=torch.zeros(0, dtype=torch.int64),
    )
    expected = golden["expected"]
    found = credit.advantages("matchtir", batch, gamma=golden["inputs"]["lam"])
    close(found.parts["trajectory"][batch.first_rows()], expected["trajectory_advantage"])
    close(found.parts["turn"], [x for one in expected["turn_advantage"] for x in one])
    close(found.value, [x for one in expected["fused_advantage"] for x in one])


def test_matchtir_matching():
    example = load("matchtir")["matching_example"]
    expected = example["expected"]
    turns = example["inputs"]["turn_of_call"]
    batch = StepBatch.from_columns(
        episode=[0] * 3, t=range(3), reward=[0.0] * 3, group=[0], tool_match=expected["similarity"], call_step=turns
    )
    close(turn_rewards(batch, MatchTIRConfig()), expected["greedy_turn_reward"])
    similarity, one = torch.tensor(expected["similarity"], dtype=torch.float64), Segments.of(torch.zeros(5).long(), 1)
    close(call_rewards(similarity, one, MatchTIRConfig()), expected["greedy_call_reward"])
    optimal = call_rewards(similarity, one, MatchTIRConfig(matching="optimal"))
    close(optimal.sum(), expected["optimal_assignment_sum"])
    close(call_rewards(similarity, one, MatchTIRConfig(matching="transport")), expected["ot_call_reward"])


def test_matchtir_greedy_is_not_optimal():
    case = load("matchtir")["matching_example"]["adversarial"]
    similarity, one = torch.tensor(case["similarity"], dtype=torch.float64), Segments.of(torch.zeros(2).long(), 1)
    close(call_rewards(similarity, one, MatchTIRConfig()), [0.9, 0.0])
    close(call_rewards(similarity, one, MatchTIRConfig(matching="optimal")), [0.8, 0.85])
    close(call_rewards(similarity, one, MatchTIRConfig(matching="optimal")).sum(), case["optimal_sum"])
    dominant = torch.tensor([[0.1, 0.9], [0.8, 0.2]], dtype=torch.float64)
    for matching in ("greedy", "optimal"):
        close(call_rewards(dominant, one, MatchTIRConfig(matching=matching)), [0.9, 0.8])


def spans(scores, mask):
    """Runs of policy tokens with one score: their score and length."""
    found = []
    before = None
    for score, policy in zip(scores, mask, strict=True):
        if policy and before == score:
            found[-1][1] += 1
        elif policy:
            found.append([score, 1])
        before = score if policy else None
    return found


def test_prorag():
    golden = load("prorag")
    inputs, expected = golden["inputs"], golden["expected"]
    rows = [spans(s, m) for s, m in zip(inputs["token_process_scores"], inputs["mask"], strict=True)]
    flat = [one for episode in rows for one in episode]
    batch = StepBatch.from_columns(
        episode=[e for e, one in enumerate(rows) for _ in one],
        t=[t for one in rows for t in range(len(one))],
        reward=[
            r if t == 0 else 0.0
            for r, one in zip(inputs["outcome_rewards"], rows, strict=True)
            for t in range(len(one))
        ],
        group=[0] * len(rows),
        step_score=[score for score, _ in flat],
        token_step=[row for row, (_, length) in enumerate(flat) for _ in range(length)],
    )
    found = credit.advantages("prorag", batch, beta=inputs["beta"])
    close(found.parts["outcome"][batch.first_rows()], expected["outcome_advantage"])
    kept = [m == 1 for mask in inputs["mask"] for m in mask]
    for part, name in ((found.parts["process"], "step_advantage"), (found.value, "advantage")):
        numbers = [x for one in expected[name] for x in one]
        close(part[batch.token_step], [x for x, policy in zip(numbers, kept, strict=True) if policy])


@pytest.mark.parametrize("case", range(5))
def test_spo_chain(case):
    golden = load("spo_chain")
    one = golden["chain"][case]
    probability = torch.tensor(one["token_prob"], dtype=torch.float64)
    value = torch.zeros(len(probability), dtype=torch.float64)
    for cut, mean in zip(one["cutpoints"], one["mc_values"], strict=True):
        value[cut + 1] = mean
    batch = StepBatch.from_columns(
        episode=[0],
        t=[0],
        reward=[one["score"]],
        group=[0],
        token_step=[0] * len(probability),
        logprob=probability.log(),
        token_value=value,
    )
    options = {"interval": one["interval"], "threshold": golden["prob_threshold"]}
    found = credit.advantages("spo_chain", batch, **options)
    close(found.parts["segment"], one["advantage_before_prob_mask"])
    close(found.value, one["advantage"])
    assert found.weight.tolist() == one["loss_mask"]
    close(credit.advantages("spo_chain", batch, mask=False, **options).value, one["advantage_before_prob_mask"])


def test_spo_tree():
    golden = load("spo_chain")["tree"]
    rows = ["a", "a1", "a2", "a3", "b", "b1", "b2", "b3", "c"]
    reward = [float(golden["leaf_rewards"].get(row, 0.0)) for row in rows]
    batch = StepBatch.from_columns(
        episode=[0, 0, 1, 2, 3, 3, 4, 5, 6],
        t=[0, 1, 1, 1, 0, 1, 1, 1, 0],
        reward=reward,
        group=[0] * 7,
        parent=[-1, 0, 0, -1, 3, 3, -1],
        branch_t=[0, 1, 1, 0, 1, 1, 0],
    )
    found = credit.advantages("spo_tree", batch)
    close(found.value, [golden["advantage_rloo"][row] for row in rows])
    assert [row for row, weight in zip(rows, found.weight.tolist(), strict=True) if weight] == golden["edges_kept"]
    values = {**golden["leaf_rewards"], **golden["node_value"]}
    close(found.parts["node"], [float(values[row]) for row in rows])
    close(credit.advantages("spo_tree", batch, scale="std").value, [golden["advantage_grpo"][row] for row in rows])


def test_spae():
    golden = load("spae_potential")
    n = len(golden["acc"])
    batch = StepBatch.from_columns(
        episode=[0] * n,
        t=range(n),
        reward=[0.0] * n,
        group=[0],
        probe_accuracy=golden["acc"],
        probe_confidence=golden["conf"],
    )
    found = credit.advantages("spae", batch)
    close(found.parts["potential"], golden["potential"])
    close(found.parts["delta"], golden["delta"])
    assert (found.parts["potential"] > 0.9).tolist() == golden["saturated"]
    corners = potential(torch.tensor([0.0, 0.0, 1.0, 1.0]).double(), torch.tensor([0.0, 1.0, 0.0, 1.0]).double())
    names = ("wrong_unsure", "wrong_confident", "right_unsure", "right_confident")
    close(corners, [golden["corners"][name] for name in names])
