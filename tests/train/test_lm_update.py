"""One optimizer step: equal to the plain form, whatever the packing; deterministic; nothing changed by a failure."""

import copy

import lm_tiny
import pytest
import torch

from envbench import credit
from envbench.errors import InvalidBatch, NonFiniteLoss
from envbench.train.losses import AGGREGATIONS, PolicyLossConfig
from envbench.train.packed import HFForward, TokenRow
from envbench.train.targets import Targets
from envbench.train.update import UpdateConfig, update
from envbench.types import StepBatch


@pytest.fixture(autouse=True)
def one_thread():
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


def draw(seed=0, episodes=4, steps=3):
    """Rows of 2 prompts and their targets; the last row has advantage 0, and row 1 repeats row 0."""
    generator = torch.Generator().manual_seed(seed)
    prompts = [tuple(torch.randint(29, (n,), generator=generator).tolist()) for n in (6, 9)]
    rows = [
        TokenRow(prompts[k % 2], tuple(torch.randint(29, (1 + k % 3,), generator=generator).tolist()))
        for k in range(episodes * steps)
    ]
    rows[2] = rows[0]
    row = torch.tensor([k for k, one in enumerate(rows) for _ in one.reply])
    advantage = torch.randn(len(rows), generator=generator)
    advantage[-1] = 0.0
    return rows, Targets(
        old=-3.4 + 0.3 * torch.randn(len(row), generator=generator),
        advantage=advantage[row],
        weight=torch.ones(len(row)),
        row=row,
        episode=torch.arange(episodes).repeat_interleave(steps),
        ref=-3.4 + 0.3 * torch.randn(len(row), generator=generator),
    )


def adam(model, lr=1e-2):
    return torch.optim.AdamW(model.parameters(), lr=lr)


def step(loss=None, cfg=None, seed=0, drawn=None, **options):
    """Return the weights after one step from the same start, and what the step says."""
    model = lm_tiny.tiny_model(seed)
    rows, targets = drawn or draw()
    optimizer = torch.optim.SGD(model.parameters(), lr=1.0)  # the change of the weights is the clipped gradient
    stats = update(
        HFForward(model), optimizer, rows, targets, loss or PolicyLossConfig(), cfg or UpdateConfig(), **options
    )
    return torch.cat([one.detach().flatten() for one in model.parameters()]), stats


def plain_loss(model, rows, targets, aggregation, unit):
    """The token losses one by one, added up row by row: PPO with clip 0.2 and dual clip 3."""
    sequences, k = {}, 0
    for number, row in enumerate(rows):
        logits = model(input_ids=torch.tensor([row.prompt + row.reply])).logits[0, len(row.prompt) - 1 : -1]
        for place, token in enumerate(row.reply):
            a = targets.advantage[k]
            ratio = (torch.log_softmax(logits[place], -1)[token] - targets.old[k]).exp()
            one = torch.maximum(-a * ratio, -a * ratio.clamp(0.8, 1.2))
            one = torch.minimum(one, -a * 3.0) if a < 0 else one
            sequences.setdefault(number if unit == "row" else int(targets.episode[number]), []).append(one)
            k += 1
    if aggregation == "token-mean":
        return torch.stack([one for tokens in sequences.values() for one in tokens]).mean()
    sums = [torch.stack(tokens).sum() for tokens in sequences.values()]
    if aggregation == "seq-mean-token-mean":
        sums = [one / len(tokens) for one, tokens in zip(sums, sequences.values(), strict=True)]
    if aggregation == "seq-mean-token-sum-norm":
        sums = [one / 4.0 for one in sums]
    return torch.stack(sums).mean()


@pytest.mark.parametrize("unit", ["row", "episode"])
@pytest.mark.parametrize("aggregation", AGGREGATIONS)
def test_a_step_equals_the_plain_one(aggregation, unit):
    rows, targets = draw()
    model = lm_tiny.tiny_model()
    loss = plain_loss(model, rows, targets, aggregation, unit)
    loss.backward()
    norm = torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
    expected = torch.cat([(one - one.grad).detach().flatten() for one in model.parameters()])
    cfg = PolicyLossConfig(aggregation=aggregation, norm=4.0)
    weights, stats = step(cfg, UpdateConfig(token_budget=30), unit=unit)
    torch.testing.assert_close(weights, expected, atol=2e-6, rtol=0.0)
    assert stats.loss == pytest.approx(loss.item(), abs=1e-6)
    assert stats.grad_norm == pytest.approx(float(norm), rel=1e-5)
    assert stats.stepped


@pytest.mark.parametrize(
    "loss",
    [
        PolicyLossConfig(),
        PolicyLossConfig(ratio="sequence", aggregation="seq-mean-token-mean"),
        PolicyLossConfig(kl_coef=0.1, entropy_coef=0.01),
    ],
    ids=["token", "sequence", "regularised"],
)
def test_the_packing_changes_nothing(loss):
    whole, stats = step(loss)
    for cfg in (UpdateConfig(token_budget=12), UpdateConfig(token_budget=50, share_prefix=False)):
        weights, other = step(loss, cfg)
        torch.testing.assert_close(weights, whole, atol=2e-6, rtol=0.0)
        assert other.loss == pytest.approx(stats.loss, abs=1e-6)
        assert other.parts == pytest.approx(stats.parts, abs=1e-5)
        assert (other.rows, other.tokens) == (stats.rows, stats.tokens)
        assert other.computed > stats.computed


def test_rows_without_advantage_are_left_out_but_counted_in_the_mean():
    rows, _ = draw()
    _, stats = step()
    assert stats.rows == len(rows) - 1
    assert stats.tokens == sum(len(row.prompt) + len(row.reply) for row in rows[:-1])
    _, regularised = step(PolicyLossConfig(entropy_coef=0.01))
    assert regularised.rows == len(rows)
    assert regularised.parts["policy"] == pytest.approx(stats.parts["policy"], abs=1e-6)


def test_statistics():
    _, stats = step()
    assert set(stats.parts) == {"policy", "clip_share", "moved", "kl", "entropy"}
    assert 0.0 < stats.parts["clip_share"] < 1.0
    assert 0.0 < stats.parts["entropy"] < 3.4  # at most log 29
    assert stats.parts["moved"] > 0.0
    assert stats.tokens_per_second > 0.0


def test_gradients_are_the_same_to_the_bit_at_two_threads():
    torch.set_num_threads(2)
    drawn = draw(episodes=30, steps=20)
    loss = PolicyLossConfig(kl_coef=0.1, entropy_coef=0.01, ratio="sequence", aggregation="seq-mean-token-mean")
    first, _ = step(loss, UpdateConfig(token_budget=4096), drawn=drawn)
    for _ in range(4):
        weights, _ = step(loss, UpdateConfig(token_budget=4096), drawn=drawn)
        assert torch.equal(weights, first)


@pytest.mark.parametrize("column", ["old", "advantage"])
def test_a_loss_that_is_not_finite_changes_nothing(column):
    rows, targets = draw()
    model = lm_tiny.tiny_model()
    optimizer = adam(model)
    update(HFForward(model), optimizer, rows, targets, PolicyLossConfig(), UpdateConfig())
    weights, state = copy.deepcopy(model.state_dict()), copy.deepcopy(optimizer.state_dict())
    getattr(targets, column)[3] = torch.nan
    with pytest.raises(NonFiniteLoss, match=r"the loss is nan in iteration 7, micro-batch 1 of 1 .*no step was taken"):
        update(HFForward(model), optimizer, rows, targets, PolicyLossConfig(), UpdateConfig(), name="iteration 7")
    assert all(torch.equal(one, weights[name]) for name, one in model.state_dict().items())
    after = optimizer.state_dict()["state"]
    assert all(torch.equal(value, state["state"][k][name]) for k, one in after.items() for name, value in one.items())
    assert all(one.grad is None for one in model.parameters())


def test_a_gradient_that_is_not_finite_is_named():
    rows, targets = draw()
    model = lm_tiny.tiny_model()
    before = copy.deepcopy(model.state_dict())
    next(model.parameters()).register_hook(lambda gradient: gradient * torch.inf)
    with pytest.raises(NonFiniteLoss, match="the gradient norm is (nan|inf) in batch; no step was taken"):
        update(HFForward(model), adam(model), rows, targets, PolicyLossConfig(), UpdateConfig())
    assert all(torch.equal(one, before[name]) for name, one in model.state_dict().items())


class Ruinous(torch.optim.SGD):
    def step(self):
        super().step()
        with torch.no_grad():
            self.param_groups[0]["params"][-1].fill_(torch.inf)


def test_weights_that_a_step_has_ruined_are_named():
    rows, targets = draw()
    model = lm_tiny.tiny_model()
    with pytest.raises(NonFiniteLoss, match="step of iteration 3, epoch 1 left weights that are not finite") as caught:
        update(
            HFForward(model),
            Ruinous(model.parameters(), lr=0.1),
            rows,
            targets,
            PolicyLossConfig(),
            UpdateConfig(),
            name="iteration 3, epoch 1",
        )
    assert "\n" not in str(caught.value)


def test_nothing_to_learn_is_no_step():
    rows, targets = draw()
    targets.advantage.zero_()
    model = lm_tiny.tiny_model()
    before = copy.deepcopy(model.state_dict())
    stats = update(HFForward(model), adam(model), rows, targets, PolicyLossConfig(), UpdateConfig())
    assert (stats.stepped, stats.loss, stats.rows) == (False, 0.0, 0)
    assert all(torch.equal(one, before[name]) for name, one in model.state_dict().items())  # not even weight decay


def test_rows_of_another_batch_are_refused():
    rows, targets = draw()
    model = lm_tiny.tiny_model()
    for wrong in (rows[:-1], [*rows[:-2], rows[-1], rows[-2]]):
        with pytest.raises(InvalidBatch, match="policy tokens"):
            update(HFForward(model), adam(model), wrong, targets, PolicyLossConfig(), UpdateConfig())


def test_steps_on_an_advantage_method_make_good_replies_likelier():
    """Two replies to one prompt, one rewarded: GRPO's advantages raise its probability."""
    model = lm_tiny.tiny_model()
    forward, optimizer = HFForward(model), adam(model, 3e-3)
    rows = [TokenRow((1, 2, 3), (4, 9)), TokenRow((1, 2, 3), (7, 9))]

    def logprobs():
        with torch.no_grad():
            logits = model(input_ids=torch.tensor([[*row.prompt, *row.reply] for row in rows])).logits
        return torch.log_softmax(logits, -1)[:, 2:-1].gather(2, torch.tensor([[[4], [9]], [[7], [9]]])).flatten()

    first = logprobs()
    for _ in range(5):
        batch = StepBatch.from_columns(
            episode=[0, 1], t=[0, 0], reward=[1.0, 0.0], group=[0, 0], token_step=[0, 0, 1, 1], logprob=logprobs()
        )
        targets = Targets.of(batch, credit.advantages("grpo", batch))
        update(forward, optimizer, rows, targets, PolicyLossConfig(), UpdateConfig())
    last = logprobs()
    assert last[0] - last[2] > first[0] - first[2] + 0.5
