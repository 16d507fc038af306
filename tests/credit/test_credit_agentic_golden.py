"""Golden numbers of the agentic sheet's methods reproduced."""

import json
from pathlib import Path

import pytest
import torch

from envbench import credit
from envbench.credit import hae
from envbench.types import StepBatch

GOLDEN = Path(__file__).resolve().parents[1] / "golden" / "credit"


def load(name):
    return json.loads((GOLDEN / f"{name}.json").read_text(encoding="utf-8"))


def close(actual, expected, tolerance=1e-9):
    torch.testing.assert_close(actual, torch.tensor(expected, dtype=torch.float64), rtol=0.0, atol=tolerance)


def flat(nested):
    return [x for one in nested for x in one]


def numbered(names):
    known = sorted(set(names))
    return [known.index(name) for name in names]


def trajectories(inputs):
    rows, given = inputs["rows"], inputs["trajectories"]
    names = [one["traj"] for one in given]
    return StepBatch.from_columns(
        episode=[names.index(row["traj"]) for row in rows],
        t=[row["t"] for row in rows],
        reward=[row["reward"] for row in rows],
        observation=numbered([row["obs"] for row in rows]),
        group=numbered([one["group"] for one in given]),
        score_offset=[-inputs["invalid_action_penalty_coef"] * (1 - row["valid"]) for row in rows],
    )


def tokens(golden, **columns):
    mask = golden["mask"]
    kept = [
        [x for x, m in zip(one, keep, strict=True) if m]
        for one, keep in zip(golden["token_rewards"], mask, strict=True)
    ]
    rows = flat([[i] * len(one) for i, one in enumerate(kept)])
    n = len(kept)
    return StepBatch.from_columns(
        episode=list(range(n)),
        t=[0] * n,
        reward=[0.0] * n,
        group=[0] * n,
        token_step=rows,
        token_reward=flat(kept),
        **columns,
    )


def masked(values, mask):
    return [x for x, m in zip(flat(values), flat(mask), strict=True) if m]


def test_dr_grpo():
    golden = load("grpo")
    batch = trajectories({**golden["inputs"], "invalid_action_penalty_coef": 0.0})
    close(credit.advantages("dr_grpo", batch).value, golden["expected"]["trajectory_level_mean_only"])


@pytest.mark.parametrize(("gamma", "key"), [(1.0, "expected"), (0.9, "gamma_0_9")])
def test_reinforce_pp(gamma, key):
    golden = load("grpo")["expected"]["reinforce_pp"]
    result = credit.advantages("reinforce_pp", tokens(golden), level="token", gamma=gamma)
    close(result.value, masked(golden[key], golden["mask"]), 1e-7)  # masked_mean of the code adds 1e-8 to counts


def test_gae():
    golden = load("grpo")["expected"]["gae"]
    batch = tokens(golden, token_value=masked(golden["values"], golden["mask"]))
    options = {"level": "token", "gamma": golden["gamma"], "lam": golden["lam"]}
    raw = credit.advantages("gae", batch, **options)
    close(raw.value, masked(golden["raw_advantage"], golden["mask"]))
    close(raw.returns, masked(golden["returns"], golden["mask"]))
    whitened = credit.advantages("gae", batch, whiten=True, **options)
    close(whitened.value, masked(golden["whitened_advantage"], golden["mask"]), 1e-7)


HGPO = {
    "K2_alpha1.0_std_baseFalse": {},
    "K2_alpha1.0_mean_baseFalse": {"scale": "none"},
    "K2_alpha1.0_std_baseTrue": {"base_group": True},
    "K2_alpha0.0_std_baseFalse": {"alpha": 0.0},
    "K4_alpha1.0_std_baseFalse": {"history": 4},
    "K0_alpha1.0_std_baseFalse": {"history": 0},
}


@pytest.mark.parametrize("case", sorted(HGPO))
def test_hgpo(case):
    golden = load("hgpo")
    options = {"weights": "code", "statistics": "row", "key": "observation", **HGPO[case]}
    result = credit.advantages("hgpo", trajectories(golden["inputs"]), **options)
    close(result.value, golden["expected"][case]["advantage"])


def hiper():
    turns = load("hiper_hae")["inputs"]["turns"]
    return StepBatch.from_columns(
        episode=numbered([one["traj"] for one in turns]),
        t=[one["t"] for one in turns],
        reward=[one["reward"] for one in turns],
        group=[0, 0],
        terminated=[True, False],
        truncated=[False, True],
        switch=[one["switch"] for one in turns],
        **{
            f"value_{new}": [one[f"v_{old}"] for one in turns]
            for new, old in (("low", "low"), ("high", "high"), ("switch", "term"))
        },
    )


@pytest.mark.parametrize("case", ["gamma0_95_lam0_9_seg0_95_bootstrap", "gamma1_lam1_seg0_95_nobootstrap"])
def test_hae(case):
    golden = load("hiper_hae")["expected"][case]
    options = {"gamma": golden["gamma"], "lam_turn": golden["lam_turn"], "lam_seg": golden["lam_seg"]}
    options["bootstrap"] = "own" if golden["bootstrap_truncated"] else "terminal"
    result = credit.advantages("hae", hiper(), **options)
    for head in ("low", "high", "switch"):
        close(result.parts[head], [x or 0.0 for x in golden[f"adv_{head}"]])
        close(result.returns[head], [x or 0.0 for x in golden[f"ret_{head}"]])
    close(result.value, golden["adv_low"])


def test_hae_normalised():
    golden = load("hiper_hae")["expected"]["gamma0_95_lam0_9_seg0_95_bootstrap_normalised"]
    result = credit.advantages("hae", hiper(), gamma=0.95, lam_turn=0.9, bootstrap="own", normalise=True)
    for head in ("low", "high", "switch"):
        close(result.parts[head], [x or 0.0 for x in golden[f"adv_{head}"]])


@pytest.mark.parametrize("mode", ["fixed", "normalized"])
def test_keep_penalty(mode):
    golden = load("hiper_hae")["expected"]["keep_penalty_shaped_rewards"]
    cfg = hae.HAEConfig(keep_penalty=-0.3, keep_mode=mode)
    close(hae.shaped_rewards(hiper(), cfg), golden[f"{mode}_m0_3"])


@pytest.mark.parametrize("base", ["grpo", "rloo"])
@pytest.mark.parametrize("history", [0, 1, "all"])
def test_salt(base, history):
    golden = load("salt")
    given = golden["inputs"]["trajectories"]
    lengths = [len(one["act"]) for one in given]
    names = sorted({name for one in given for name in one["obs"]})
    actions = sorted({name for one in given for name in one["act"]})
    batch = StepBatch.from_columns(
        episode=flat([[i] * n for i, n in enumerate(lengths)]),
        t=flat([range(n) for n in lengths]),
        reward=flat([[0.0] * (n - 1) + [one["outcome"]] for n, one in zip(lengths, given, strict=True)]),
        group=[0] * len(given),
        anchor=[names.index(x) for one in given for x in one["obs"][:-1]],
        next_anchor=[names.index(x) for one in given for x in one["obs"][1:]],
        action=[actions.index(x) for one in given for x in one["act"]],
    )
    key = "full_history" if history == "all" else f"history{history}"
    result = credit.advantages("salt", batch, base=base, history=history)
    close(result.value, flat(golden["expected"][f"{base}_base_{key}"]["advantage"]))


@pytest.mark.parametrize(
    ("case", "options"), [("sample_std_eps1e-6", {}), ("population_std_eps0", {"ddof": 0, "epsilon": 0.0})]
)
def test_tempo(case, options):
    golden = load("tempo")
    given = golden["inputs"]["group"]
    n = len(given)
    batch = StepBatch.from_columns(
        episode=list(range(n)),
        t=[0] * n,
        reward=[one["reward"] for one in given],
        group=[0] * n,
        token_step=flat([[i] * len(one["tokens"]) for i, one in enumerate(given)]),
        token=flat([one["tokens"] for one in given]),
    )
    result = credit.advantages("tempo", batch, **options)
    expected = golden["expected"][case]
    close(result.value, flat(expected["advantage"]))
    close(result.parts["td"], flat(expected["td"]))
    close(result.parts["prefix"], flat([one[1:] for one in expected["prefix_values"]]))


def test_seeupo():
    golden = load("seeupo")
    inputs = golden["inputs"]
    n, order = len(inputs["reward"]), [0, 1, 2]
    change = {**inputs["mean_logratio_after_update"], "0": [0.0] * n}
    batch = StepBatch.from_columns(
        episode=[i for i in range(n) for _ in order],
        t=order * n,
        reward=[x for one in inputs["reward"] for x in (0.0, 0.0, one)],
        group=numbered(inputs["group"]),
        turn_logratio=[change[str(t)][i] for i in range(n) for t in order],
    )
    result = credit.advantages("seeupo", batch)
    for t in order:
        close(result.value[t::3], golden["expected"][str(t)]["advantage"])
        close(result.parts["ratio"][t::3], golden["expected"][str(t)]["ratio"])


@pytest.mark.parametrize(
    ("center", "key", "tolerance"),
    [
        ("turns", "paper_form_sum_then_normalise_per_player", 1e-9),
        ("distinct", "code_form_mean_over_unique_values_per_player", 1e-9),
    ],
)
def test_mars(center, key, tolerance):
    golden = load("mars")
    turns = golden["inputs"]["turns"]
    batch = StepBatch.from_columns(
        episode=flat([[i] * len(one["rewards"]) for i, one in enumerate(turns)]),
        t=flat([range(len(one["rewards"])) for one in turns]),
        reward=flat([one["rewards"] for one in turns]),
        group=[0] * len(turns),
        player=flat([[one["player"]] * len(one["rewards"]) for one in turns]),
    )
    result = credit.advantages("mars", batch, center=center)
    close(result.value, flat(golden["expected"][key]), tolerance)
    close(result.parts["return_to_go"], flat(golden["expected"]["return_to_go_of_player_centred_rewards"]))
