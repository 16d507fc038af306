"""Identities between the agentic methods that hold exactly on any batch, and exact values in a small world."""

import gymnasium
import numpy as np
import pytest
import torch
from full_batch import cast, full_columns
from hypothesis import given, settings
from hypothesis import strategies as st

import envbench
from envbench import credit
from envbench.credit.kernels import rows_of
from envbench.fidelity.enumeration import enumerate_tasks
from envbench.fidelity.mdp import evaluate
from envbench.types import StepBatch

any_seed = given(seed=st.integers(0, 2**32 - 1))
few = settings(max_examples=20, deadline=None)


def close(found, expected, tolerance=1e-9):
    torch.testing.assert_close(found, expected, rtol=tolerance, atol=tolerance)


def batch_of(seed, changed=(), tree=False, **options):
    columns = full_columns(seed, tree=tree, **options) | dict(changed)
    return StepBatch.from_columns(**cast({k: v for k, v in columns.items() if v is not None}, torch.float64))


def values(name, batch, **options):
    return credit.advantages(name, batch, **options).value


def counts(batch, *keys):
    """How many included rows (or, with whole episodes as keys, episodes) share the keys of each one."""
    count = {}
    for key in zip(*(one.tolist() for one in keys), strict=True):
        count[key] = count.get(key, 0) + 1
    return torch.tensor([count[key] for key in zip(*(one.tolist() for one in keys), strict=True)], dtype=torch.float64)


# Outcome methods.


@any_seed
@few
def test_rloo_is_dr_grpo_rescaled(seed):
    """RLOO = n / (n - 1) (R - mean); the mean of a group is 0 over episodes."""
    batch = batch_of(seed, include=False)
    centred = values("dr_grpo", batch, single="zero")
    n = counts(batch, batch.group)[batch.episode]
    close(values("rloo", batch, single="zero"), centred * n / (n - 1).clamp(min=1))
    plain = batch_of(seed, {"score_offset": None}, include=False)
    for name in ("dr_grpo", "rloo"):
        first = values(name, plain, single="zero")[plain.first_rows()]
        for group in range(plain.num_groups):
            assert abs(float(first[plain.group == group].sum())) < 1e-9


@any_seed
@few
def test_statistics_over_rows_do_not_centre_episodes(seed):
    """They centre rows: then the sum over the rows of a group is 0, whatever the lengths."""
    batch = batch_of(seed, {"score_offset": None}, include=False)
    found = values("dr_grpo", batch, statistics="row", single="zero")
    for group in range(batch.num_groups):
        assert abs(float(found[rows_of(batch, batch.group == group)].sum())) < 1e-9


@any_seed
@few
def test_seeupo_without_a_change_of_the_policy_is_the_same_on_every_turn(seed):
    batch = batch_of(seed, {"turn_logratio": None}, include=False)
    found = credit.advantages("seeupo", batch)
    assert bool((found.parts["ratio"] == 1.0).all())
    assert torch.equal(found.value, rows_of(batch, found.value[batch.first_rows()]))
    zero = batch_of(seed, {"turn_logratio": np.zeros(batch.num_steps)}, include=False)
    assert torch.equal(values("seeupo", zero), found.value)


# Steps that meet the same state.


@any_seed
@few
def test_hgpo_without_history_is_the_step_term_of_gigpo(seed):
    """Up to sqrt(n / (n - 1)), the deviations being those of the population and of the sample; without epsilon."""
    batch = batch_of(seed, tree=seed % 2 == 1, include=False)
    n = counts(batch, batch.group[batch.episode], batch.anchor)
    guard = 1.0 + 1e-6  # HGPO's guard of the sum of weights
    step = credit.advantages("gigpo", batch, epsilon=0.0).parts["step"]
    close(values("hgpo", batch, history=0, epsilon=0.0) * guard, step * (n / (n - 1).clamp(min=1)).sqrt())
    step = credit.advantages("gigpo", batch, scale="none").parts["step"]
    close(values("hgpo", batch, history=0, scale="none") * guard, step)


@any_seed
@few
def test_hgpo_among_states_that_nobody_shares_is_zero_or_grpo(seed):
    batch = batch_of(seed)
    lonely = batch_of(seed, {"anchor": np.arange(batch.num_steps), "next_anchor": None})
    assert not bool(values("hgpo", lonely).any())
    close(values("hgpo", lonely, base_group=True) * (1.0 + 1e-6), values("grpo", lonely))


# Prefixes.


def ended(seed, **options):
    """Columns in which the last token of every episode is its own, so that no response is a prefix of another."""
    columns = full_columns(seed, **options)
    owner = columns["episode"][columns["token_step"]]
    last = np.append(owner[1:] != owner[:-1], True)
    return {**columns, "token": np.where(last, 10_000 + owner, columns["token"])}


def token_lists(batch, sequence, row):
    """Each episode's tokens, as tuples."""
    owner = batch.episode[row].tolist()
    return [
        tuple(x for x, e in zip(sequence.tolist(), owner, strict=True) if e == one) for one in range(len(batch.group))
    ]


@any_seed
@few
def test_tempo_telescopes_and_is_grpo_off_the_branch_points(seed):
    batch = batch_of(seed, {**ended(seed), "score_offset": None})
    found = credit.advantages("tempo", batch, single="zero")
    outcome = values("grpo", batch, single="zero")[batch.token_step]
    calm = found.parts["td"] == 0.0
    assert torch.equal(found.value[calm & (found.weight > 0)], outcome[calm & (found.weight > 0)])
    centred = values("dr_grpo", batch, single="zero")[batch.first_rows()]
    owner = batch.episode[batch.token_step]
    total = torch.zeros(batch.num_episodes, dtype=torch.float64).index_add(0, owner, found.parts["td"])
    close(total, centred)
    texts = token_lists(batch, batch.token, batch.token_step)
    for token in range(batch.num_tokens):  # a difference appears exactly where the set of members gets smaller
        e = int(owner[token])
        place = token - int((owner < e).sum())
        group = [j for j in range(batch.num_episodes) if bool(batch.include[j]) and batch.group[j] == batch.group[e]]
        before, after = ([j for j in group if texts[j][:end] == texts[e][:end]] for end in (place, place + 1))
        if bool(batch.include[e]) and before == after:
            assert found.parts["td"][token] == 0.0


@any_seed
@few
def test_salt_with_its_full_history_merges_the_shared_prefixes_alone(seed):
    """Two rows of a group get one advantage, the mean of their outcomes', if everything up to them is the same."""
    batch = batch_of(seed, tree=seed % 2 == 1)
    base = credit.advantages("salt", batch, history="all").parts["base"]
    previous = batch.previous_rows().tolist()

    def path(row):
        before = path(previous[row]) if previous[row] >= 0 else ()
        return (*before, (int(batch.anchor[row]), int(batch.action[row])))

    include, group = rows_of(batch, batch.include), rows_of(batch, batch.group)
    keys = [(int(group[r]), path(r), int(batch.next_anchor[r])) for r in range(batch.num_steps)]
    found = values("salt", batch, history="all")
    for row in range(batch.num_steps):
        alike = [r for r in range(batch.num_steps) if keys[r] == keys[row] and bool(include[r])]
        if bool(include[row]):
            close(found[row], base[alike].mean())


@any_seed
@few
def test_salt_keeps_the_sum_of_its_base(seed):
    """A mean over occurrences moves credit between rows of a group and makes none; without shared edges, nothing."""
    batch = batch_of(seed)
    for history in (0, 2, "all"):
        found = credit.advantages("salt", batch, history=history)
        close(found.value.sum(), found.parts["base"].sum())
    lonely = batch_of(seed, {"action": np.arange(batch.num_steps)})
    assert torch.equal(values("salt", lonely), values("grpo", lonely))


@any_seed
@few
def test_turns_as_tokens_are_turns(seed):
    """TEMPO on turns is TEMPO on tokens where each row has one token, named by its anchor and action."""
    columns = full_columns(seed, tokens=False)
    rows = np.arange(len(columns["t"]))
    one = {"token_step": rows, "token": columns["anchor"] * 10 + columns["action"]}
    batch = batch_of(seed, one, tokens=False)
    assert torch.equal(values("tempo", batch), values("tempo", batch, unit="turn"))
    for name, options in (("reinforce_pp", {"gamma": 0.9}), ("reinforce_pp_baseline", {})):
        plain = batch_of(seed, {**one, "score_offset": None}, tokens=False)
        close(values(name, plain, level="token", **options), values(name, plain, **options))


# Critics.


@any_seed
@few
def test_gae_between_one_step_and_the_whole_return(seed):
    batch = batch_of(seed)
    for bootstrap in ("terminal", "truncated"):
        options = {"gamma": 0.9, "bootstrap": bootstrap}
        close(values("gae", batch, lam=0.0, **options), values("vineppo", batch, **options))
    whole = credit.advantages("gae", batch, gamma=0.9)
    plain = batch_of(seed, {"score_offset": None})
    close(whole.returns, values("reinforce", plain, gamma=0.9))


@any_seed
@few
def test_hae_of_one_subgoal_is_gae_over_turns(seed):
    """With the high values unused inside it: A_low of an episode that never switches, at lambda_turn = lambda."""
    columns = full_columns(seed)
    changed = {"switch": np.zeros_like(columns["switch"]), "value": columns["value_low"]}
    changed["last_value"] = columns["last_value_low"]
    batch = batch_of(seed, changed)
    for bootstrap in ("terminal", "truncated"):
        options = {"gamma": 0.95, "bootstrap": bootstrap}
        flat = credit.advantages("gae", batch, lam=0.8, **options)
        found = credit.advantages("hae", batch, lam_turn=0.8, **options)
        close(found.value, flat.value)
        close(found.returns["low"], flat.returns)


@any_seed
@few
def test_hae_of_a_subgoal_per_turn_is_gae_over_subgoals(seed):
    """A switch at every turn: the high level is GAE with lambda_seg, each of its decisions one turn long."""
    columns = full_columns(seed)
    changed = {"switch": np.ones_like(columns["switch"]), "value": columns["value_high"]}
    batch = batch_of(seed, {**changed, "last_value": columns["last_value_high"]})
    options = {"gamma": 0.95, "bootstrap": "truncated"}
    found = credit.advantages("hae", batch, lam_seg=0.7, **options)
    close(found.parts["high"], values("gae", batch, lam=0.7, **options))


@any_seed
@few
def test_whitening_the_rewards_of_mars_is_a_common_factor(seed):
    """Which the second whitening takes away again, the guards under the roots apart."""
    batch = batch_of(seed)
    plain, scaled = values("mars", batch), values("mars", batch, whiten_rewards=True)
    factor = float(scaled @ plain / (plain @ plain))
    close(scaled, plain * factor)
    close(values("mars", batch, whiten=True), values("mars", batch, whiten=True, whiten_rewards=True), 1e-6)


@pytest.fixture(scope="module")
def lake():
    """A slippery lake, its policy and exact discounted values: all that can happen, none of it sampled."""
    env = gymnasium.make("envbench/FrozenLake-v0", max_steps=None).unwrapped
    mdp = enumerate_tasks(env, envbench.panel("envbench/FrozenLake-v0", split="train")[:2], 40)
    weight = np.random.Generator(np.random.PCG64(0)).random(mdp.num_edges) + 0.1
    policy = weight / mdp.over_edges(weight)[mdp.edge_node]
    return mdp, policy


@pytest.mark.parametrize("name", ["gae", "vineppo"])
def test_one_step_targets_at_convergence_are_q_minus_v(lake, name):
    """ArCHer: with the values of the policy, the mean over an action's outcomes of its one-step advantage is Q - V.

    Each outcome of each action is an episode of one step, cut after it where the task goes on.
    """
    mdp, policy = lake
    gamma = 0.9
    exact = evaluate(mdp, policy, None, gamma)
    edge = np.repeat(np.arange(mdp.num_edges), np.diff(mdp.opens))
    batch = StepBatch.from_columns(
        episode=np.arange(len(edge)),
        t=np.zeros(len(edge), np.int64),
        reward=mdp.reward,
        group=np.zeros(len(edge), np.int64),
        truncated=~mdp.terminated,
        value=exact.v[0, mdp.edge_node[edge]],
        last_value=exact.v[0, mdp.target],
    )
    options = {"lam": 0.0} if name == "gae" else {}
    found = values(name, batch, gamma=gamma, bootstrap="truncated", **options).numpy()
    mean = np.bincount(edge, mdp.probability * found)
    advantage = exact.q[0] - exact.v[0, mdp.edge_node]
    assert np.abs(advantage).max() > 0.01
    np.testing.assert_allclose(mean, advantage, rtol=0.0, atol=1e-10)
    np.testing.assert_allclose(mdp.over_edges(policy * mean), 0.0, atol=1e-10)
