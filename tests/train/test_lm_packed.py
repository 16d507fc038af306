"""The packed forward against plain forwards of every row, and what is packed with what."""

import lm_tiny
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from envbench.bench.packed import time_packed
from envbench.bench.training_work import OneStep
from envbench.errors import InvalidBatch
from envbench.policies.lm.forward import FastForward
from envbench.train.packed import HFForward, TokenRow, pack, token_logprobs

pytestmark = pytest.mark.usefixtures("one_thread")

FORWARDS = {"hf": HFForward, "fast": FastForward}


def draw_rows(seed=0, prompts=3, replies=4):
    """Prompts of several lengths, replies of 1 to 5 tokens, an equal row, and a prompt that begins another."""
    generator = torch.Generator().manual_seed(seed)

    def ids(length):
        return tuple(torch.randint(29, (length,), generator=generator).tolist())

    rows = []
    for number in range(prompts):
        prompt = ids(3 + 4 * number)
        rows += [TokenRow(prompt, ids(1 + (number + k) % 5)) for k in range(replies)]
    rows.append(rows[1])
    rows.append(TokenRow(rows[0].prompt[:2], ids(3)))
    return rows


def plain_logprobs(model, rows):
    """Each row on its own, through the model's own call."""
    found = []
    for row in rows:
        logits = model(input_ids=torch.tensor([row.prompt + row.reply])).logits.squeeze(0)
        logprobs = torch.log_softmax(logits[len(row.prompt) - 1 : -1], -1)
        found.append(logprobs.gather(1, torch.tensor(row.reply).unsqueeze(1)).squeeze(1))
    return torch.cat(found)


def packed_logprobs(forward, micro_batches, count):
    found = torch.full((count,), torch.nan)
    parts = []
    for micro in micro_batches:
        logprob, _ = token_logprobs(forward, micro)
        parts.append((micro.index, logprob))
    return found.index_copy(0, torch.cat([one for one, _ in parts]), torch.cat([one for _, one in parts]))


def gradients(model, loss):
    model.zero_grad(set_to_none=True)
    loss.backward()
    return [one.grad.clone() for one in model.parameters()]


@pytest.mark.parametrize("share", [True, False], ids=["shared", "repeated"])
@pytest.mark.parametrize("budget", [1, 20, 10_000])
@pytest.mark.parametrize("name", sorted(FORWARDS))
def test_packed_equals_plain_in_value_and_gradient(name, budget, share):
    model, rows = lm_tiny.tiny_model(), draw_rows()
    count = sum(len(row.reply) for row in rows)
    weight = torch.linspace(-1.0, 1.0, count) * 0.25 / count
    plain = plain_logprobs(model, rows)
    expected = gradients(model, (weight * plain).sum())
    packed = packed_logprobs(FORWARDS[name](model), pack(rows, [True] * len(rows), budget, share=share), count)
    found = gradients(model, (weight * packed).sum())
    torch.testing.assert_close(packed, plain, atol=1e-5, rtol=0.0)
    for ours, theirs in zip(found, expected, strict=True):
        torch.testing.assert_close(ours, theirs, atol=1e-6, rtol=0.0)


def test_packed_logits_equal_the_models():
    model, rows = lm_tiny.tiny_model(), draw_rows()[:4]
    (micro,) = pack(rows, [True] * 4, 10_000)
    forward = HFForward(model)
    with torch.no_grad():
        _, logits = forward.outputs(micro.tokens, micro.positions, micro.mask(), micro.read)
        logits = logits.index_select(0, micro.pick)
        plain = [
            model(input_ids=torch.tensor([row.prompt + row.reply])).logits[0, len(row.prompt) - 1 : -1] for row in rows
        ]
    assert float(logits.abs().max()) > 0.5  # so that 1e-5 says something
    torch.testing.assert_close(logits.index_select(0, micro.index.argsort()), torch.cat(plain), atol=1e-5, rtol=0.0)


def test_a_reply_sees_its_prompt_and_itself():
    """Two replies of 3 to a prompt of 2: the hand-drawn mask."""
    (micro,) = pack([TokenRow((5, 6), (7, 8, 9)), TokenRow((5, 6), (1, 2, 3))], [True] * 2, 100)
    assert micro.tokens.tolist() == [[5, 6, 7, 8, 1, 2]]
    assert micro.positions.tolist() == [[0, 1, 2, 3, 2, 3]]
    seen = ["#.....", "##....", "###...", "####..", "##..#.", "##..##"]
    assert ["".join("#" if x == 0 else "." for x in line) for line in micro.mask()[0, 0].tolist()] == seen
    assert micro.read.tolist() == [1, 2, 3, 4, 5]  # the prompt's last place is read once, for both
    assert micro.pick.tolist() == [0, 1, 2, 0, 3, 4]
    assert micro.target.tolist() == [7, 8, 9, 1, 2, 3]


def test_equal_rows_are_computed_once_and_their_gradients_add_up():
    model, row = lm_tiny.tiny_model(), TokenRow((1, 2, 3), (4, 5))
    forward = HFForward(model)
    micros = pack([row] * 3, [True] * 3, 100)
    assert [one.tokens.numel() for one in micros] == [4]
    found = gradients(
        model, (torch.tensor([0.5, 0.5, -0.2, -0.2, 0.4, 0.4]) * packed_logprobs(forward, micros, 6)).sum()
    )
    once = gradients(model, 0.7 * packed_logprobs(forward, pack([row], [True], 100), 2).sum())
    for ours, theirs in zip(found, once, strict=True):
        torch.testing.assert_close(ours, theirs, atol=1e-6, rtol=1e-5)


def test_dropped_rows_cost_nothing():
    rows = draw_rows()
    keep = [number % 3 == 0 for number in range(len(rows))]
    micros = pack(rows, keep, 64)
    assert sorted(number for one in micros for number in one.rows) == [n for n, kept in enumerate(keep) if kept]
    assert pack(rows, [False] * len(rows), 64) == []


def dialogues(count=3, turns=4, seed=0):
    """Rows of conversations, in order: each prompt is the one before, the reply to it, and a message."""
    generator = torch.Generator().manual_seed(seed)

    def ids(length):
        return tuple(torch.randint(29, (length,), generator=generator).tolist())

    rows = []
    for number in range(count):
        prompt = ids(4)
        for turn in range(turns):
            rows.append(TokenRow(prompt, ids(1 + (number + turn) % 3)))
            prompt = prompt + rows[-1].reply + ids(2)
    return rows


@pytest.mark.parametrize("budget", [1, 40, 10_000])
@pytest.mark.parametrize("name", sorted(FORWARDS))
def test_a_growing_conversation_is_computed_once(name, budget):
    model, rows = lm_tiny.tiny_model(), dialogues()
    rows += rows[:4]  # an episode that went like another
    keep = [number % 4 != 2 for number in range(len(rows))]  # turns without a gradient do not end the conversation
    micros = pack(rows, keep, budget)
    lasts = [max((row for row in rows[at : at + 4]), key=lambda row: len(row.prompt)) for at in (0, 4, 8)]
    assert sum(int((one.segment >= 0).sum()) for one in micros) == sum(len(r.prompt + r.reply) - 1 for r in lasts)
    assert all(one.mask() is None for one in micros)
    count = sum(len(row.reply) for row in rows)
    kept = torch.tensor([float(kept) for row, kept in zip(rows, keep, strict=True) for _ in row.reply])
    weight = torch.linspace(-1.0, 1.0, count) * 0.25 / count
    plain = plain_logprobs(model, rows)
    expected = gradients(model, (kept * weight * plain).sum())
    packed = torch.where(kept > 0, packed_logprobs(FORWARDS[name](model), micros, count), 0.0)
    found = gradients(model, (weight * packed).sum())
    torch.testing.assert_close(packed, kept * plain, atol=1e-5, rtol=0.0)
    for ours, theirs in zip(found, expected, strict=True):
        torch.testing.assert_close(ours, theirs, atol=1e-6, rtol=0.0)


def seen_by(micro):
    """Return bool [B, T, T], what each place may look at."""
    mask = micro.mask()
    if mask is None:
        return torch.ones(*micro.tokens.shape, micro.tokens.shape[1], dtype=torch.bool).tril()
    return mask[:, 0] == 0


id_rows = st.builds(
    TokenRow,
    st.lists(st.integers(0, 2), min_size=1, max_size=4).map(tuple),
    st.lists(st.integers(0, 2), max_size=4).map(tuple),
)


@settings(max_examples=60, deadline=None)
@given(
    st.lists(st.tuples(id_rows, st.booleans()), max_size=12)
    | st.integers(1, 3).map(lambda count: [(row, row.prompt[0] % 2 == 0) for row in dialogues(count, seed=count)]),
    st.integers(1, 30),
    st.booleans(),
)
def test_every_kept_token_is_read_once_in_its_own_context(drawn, budget, share):
    rows, keep = [row for row, _ in drawn], [kept for _, kept in drawn]
    contexts = [row.prompt + row.reply[:k] for row in rows for k in range(len(row.reply))]
    wanted = [kept for row, kept in drawn for _ in row.reply]
    targets = [token for row in rows for token in row.reply]
    seen = []
    for micro in pack(rows, keep, budget, share=share):
        longest = max(len(rows[number].prompt) + len(rows[number].reply) - 1 for number in micro.rows)
        assert micro.tokens.numel() <= max(budget, longest)
        mask, length = seen_by(micro), micro.tokens.shape[1]
        for index, pick, target in zip(*(x.tolist() for x in (micro.index, micro.pick, micro.target)), strict=True):
            line, place = divmod(int(micro.read[pick]), length)
            places = [k for k in range(length) if mask[line, place, k]]
            assert micro.positions[line, places].tolist() == list(range(len(places)))
            assert tuple(micro.tokens[line, places].tolist()) == contexts[index]
            assert target == targets[index]
            seen.append(index)
    assert sorted(seen) == [index for index, kept in enumerate(wanted) if kept]


def test_bad_rows_are_named():
    row = TokenRow((1,), (2,))
    for arguments, match in (
        (([row], [True, True], 8), "2 entries for 1 rows"),
        (([row], [True], 0), "token budget of 0"),
        (([row, TokenRow((), (2,))], [True, True], 8), "row 1 has no prompt"),
    ):
        with pytest.raises(InvalidBatch, match=match):
            pack(*arguments)


def test_entropy_of_a_place_is_that_of_its_distribution():
    model, row = lm_tiny.tiny_model(), TokenRow((1, 2, 3), (4, 5))
    (micro,) = pack([row], [True], 100)
    _, entropy = token_logprobs(HFForward(model), micro)
    logits = model(input_ids=torch.tensor([[1, 2, 3, 4]])).logits[0, 2:].detach()
    expected = torch.distributions.Categorical(logits=logits).entropy()
    torch.testing.assert_close(entropy, expected, atol=1e-5, rtol=0.0)
    assert not entropy.requires_grad


def test_bench_compares_the_forms():
    model = lm_tiny.tiny_model()
    work = OneStep(groups=2, group=4, prompt=20, completion=3, repeats=1)
    repeated, packed = time_packed(FastForward(model), model, work)
    assert (repeated["form"], packed["form"]) == ("repeated", "packed")
    assert repeated["tokens"] == packed["tokens"] == 2 * 4 * 23
    assert (repeated["computed"], packed["computed"]) == (2 * 4 * 22, 2 * (20 + 4 * 2))
    assert packed["logprob_difference"] < 1e-5
    assert packed["gradient_difference"] < 1e-6
    assert repeated["logprob_difference"] == repeated["gradient_difference"] == 0.0


def dialogue(turns=4, seed=3):
    """Rows of an episode, each prompt the one before with its reply and what was seen then."""
    generator = torch.Generator().manual_seed(seed)
    read, rows = (), []
    for turn in range(turns):
        seen, reply = (tuple(torch.randint(29, (n,), generator=generator).tolist()) for n in (3 + turn, 1 + turn % 3))
        rows.append(TokenRow(read + seen, reply))
        read += seen + reply
    return rows


@pytest.mark.parametrize("budget", [1, 10_000])
def test_a_dialogue_is_read_once(budget):
    model, rows = lm_tiny.tiny_model(), [*dialogue(), *draw_rows()[:3], *dialogue(3, 4)]
    count = sum(len(row.reply) for row in rows)
    weight = torch.linspace(-1.0, 1.0, count) * 0.25 / count
    plain = plain_logprobs(model, rows)
    expected = gradients(model, (weight * plain).sum())
    micro_batches = pack(rows, [True] * len(rows), budget)
    packed = packed_logprobs(HFForward(model), micro_batches, count)
    found = gradients(model, (weight * packed).sum())
    torch.testing.assert_close(packed, plain, atol=1e-5, rtol=0.0)
    for ours, theirs in zip(found, expected, strict=True):
        torch.testing.assert_close(ours, theirs, atol=1e-6, rtol=0.0)
    if budget == 1:
        last = rows[3]
        assert max(micro.tokens.numel() for micro in micro_batches) == len(last.prompt) + len(last.reply) - 1


def test_turns_that_are_left_out_do_not_break_a_dialogue():
    model, rows = lm_tiny.tiny_model(), dialogue()
    keep = [True, False, True, False]
    (micro,) = pack(rows, keep, 10_000)
    assert sorted(micro.rows) == [0, 2]
    assert micro.tokens.numel() == len(rows[2].prompt) + len(rows[2].reply) - 1
    logprob, _ = token_logprobs(HFForward(model), micro)
    plain = plain_logprobs(model, rows)
    torch.testing.assert_close(logprob, plain.index_select(0, micro.index), atol=1e-5, rtol=0.0)
