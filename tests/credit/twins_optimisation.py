"""Plain-Python twins of the group-advantage methods of the optimisation sheet: lists, dictionaries, the formulas."""

from __future__ import annotations

import itertools
import math
import statistics
from dataclasses import dataclass

import numpy as np


@dataclass
class Play:
    """One episode; `tokens` holds, per step, a list of dictionaries (logprob, ref_logprob, value, hidden)."""

    group: int
    rewards: list[float]
    offsets: list[float]
    include: bool
    truncated: bool
    answer: int
    tool_calls: int
    format_valid: list[bool]
    prior: float
    last_value: float
    tokens: list[list[dict]]

    @property
    def total(self):
        return math.fsum(self.rewards)

    @property
    def flat(self):
        return [token for step in self.tokens for token in step]


def random_plays(rng, most=12, groups=4, width=3, binary=None):
    """Episodes drawn from `rng` (a `random.Random`): few groups, repeated values, some excluded."""
    binary = rng.random() < 0.5 if binary is None else binary
    plays = []
    for _ in range(rng.randint(1, most)):
        steps = rng.randint(1, 4)
        rewards = [0.0] * (steps - 1) + [
            float(rng.random() < 0.5) if binary else rng.choice((0.0, 0.1, 0.4, rng.random()))
        ]
        tokens = [
            [
                {
                    "logprob": -rng.choice((0.5, 0.25, rng.random())),
                    "ref_logprob": -rng.random(),
                    "value": rng.random(),
                    "hidden": [rng.gauss(0.0, 1.0) for _ in range(width)],
                }
                for _ in range(rng.randint(1, 7))
            ]
            for _ in range(steps)
        ]
        plays.append(
            Play(
                group=rng.randrange(groups),
                rewards=rewards,
                offsets=[rng.choice((0.0, -0.1)) for _ in range(steps)],
                include=rng.random() < 0.85,
                truncated=rng.random() < 0.4,
                answer=rng.randrange(3),
                tool_calls=rng.randrange(4),
                format_valid=[rng.random() < 0.8 for _ in range(steps)],
                prior=rng.random(),
                last_value=rng.random(),
                tokens=tokens,
            )
        )
    return plays


def columns(plays):
    """Columns of `StepBatch.from_columns`; every column that the methods here ask for."""
    rows = [(i, t) for i, play in enumerate(plays) for t in range(len(play.rewards))]
    steps = [plays[i].tokens[t] for i, t in rows]

    def token(name):
        return [one[name] for step in steps for one in step]

    return {
        "episode": [i for i, _ in rows],
        "t": [t for _, t in rows],
        "reward": [plays[i].rewards[t] for i, t in rows],
        "score_offset": [plays[i].offsets[t] for i, t in rows],
        "format_valid": [plays[i].format_valid[t] for i, t in rows],
        "group": [play.group for play in plays],
        "include": [play.include for play in plays],
        "truncated": [play.truncated for play in plays],
        "answer": [play.answer for play in plays],
        "tool_calls": [play.tool_calls for play in plays],
        "prior": [play.prior for play in plays],
        "last_value": [play.last_value for play in plays],
        "token_step": [row for row, step in enumerate(steps) for _ in step],
        "token_value": token("value"),
        "logprob": token("logprob"),
        "ref_logprob": token("ref_logprob"),
        "hidden": token("hidden"),
    }


def by_group(plays):
    """Included episodes of each group, in order."""
    found = {}
    for play in plays:
        if play.include:
            found.setdefault(play.group, []).append(play)
    return found


def on_rows(plays, function):
    """function(play, t) on every row; 0 on excluded ones."""
    return [function(play, t) if play.include else 0.0 for play in plays for t in range(len(play.rewards))]


def on_tokens(plays, function):
    """function(play) gives one value per token; 0 on excluded ones."""
    return [x for play in plays for x in (function(play) if play.include else [0.0] * len(play.flat))]


def normal(x, members, scale="std", single="raw", epsilon=1e-6):
    """GRPO normalisation of a score among the scores of its group."""
    if len(members) == 1:
        mean, std = (0.0 if single == "raw" else x), 1.0
    else:
        mean, std = statistics.fmean(members), statistics.stdev(members)
    if scale == "none":
        return x - mean
    return 0.0 if std < 1e-8 else (x - mean) / (std + epsilon)


def scored(plays, worth, single="raw", scale="std"):
    """GRPO on worth(play) plus the row's offset; episodes enter with their first row."""
    groups = by_group(plays)

    def value(play, t):
        members = [worth(one) + one.offsets[0] for one in groups[play.group]]
        return normal(worth(play) + play.offsets[t], members, scale, single)

    return on_rows(plays, value)


def low_median(values):
    return sorted(values)[(len(values) - 1) // 2]


def pivot(scores):
    """Place of the member that is dropped."""
    return sorted(range(len(scores)), key=scores.__getitem__)[(len(scores) - 1) // 2]


def mc_grpo(plays, mad_floor=1e-3, rescale=True, single="raw"):
    groups = by_group(plays)

    def value(play, t):
        members = groups[play.group]
        scores = [one.total + one.offsets[0] for one in members]
        own = play.total + play.offsets[t]
        if len(members) == 1:
            return own if single == "raw" else 0.0
        middle = low_median(scores)
        distances = [abs(score - middle) for score in scores]
        if max(distances) < 1e-8 or play is members[pivot(scores)]:
            return 0.0
        spread = low_median(distances) + mad_floor
        live = sum(distance / spread > 1e-6 for distance in distances)
        return (own - middle) / spread * (len(scores) / live if rescale and live else 1.0)

    return on_rows(plays, value)


def mc_grpo_weight(plays):
    groups = by_group(plays)

    def weight(play, t):
        members = groups[play.group]
        scores = [one.total + one.offsets[0] for one in members]
        return 0.0 if len(members) > 1 and play is members[pivot(scores)] else 1.0

    return on_rows(plays, weight)


def ngrpo(plays, r_max=1.0, virtual=1, single="raw"):
    groups = by_group(plays)

    def value(play, t):
        scores = [one.total + one.offsets[0] for one in groups[play.group]]
        own = play.total + play.offsets[t]
        if len(scores) == 1:
            return normal(own, scores, single=single)
        return normal(own, scores + [r_max] * virtual)

    return on_rows(plays, value)


def a_grae(plays, mode="full", alpha=1.0, form="paper", scale="std"):
    groups, base = by_group(plays), scored(plays, lambda play: play.total, scale=scale)
    everyone = [play.total for play in plays if play.include]
    omega = statistics.fmean(everyone) if everyone else 0.0

    def factor(play, _):
        p = statistics.fmean([one.total for one in groups[play.group]])
        if p <= 0.0 or p >= 1.0:
            return 0.0
        hard = 0.5 / (math.sqrt(p) + 1e-6)
        easy = 0.5 / ((math.sqrt(1 - p) if form == "paper" else 1 - math.sqrt(p)) + 1e-6)
        return {"hard": hard, "easy": easy, "full": omega * hard + (1 - omega) * easy}[mode]

    if mode in ("positive", "negative"):
        return [a * (10.0 if mode == "positive" else 0.1) if a > 0 else a for a in base]
    damping = min(1.0, omega / alpha) if mode == "full" else 1.0
    values = [a * f for a, f in zip(base, on_rows(plays, factor), strict=True)]
    return [a * damping if a > 0 else a for a in values]


def entropy_bits(answers):
    shares = [answers.count(one) / len(answers) for one in sorted(set(answers))]
    return -math.fsum(share * math.log2(share + 1e-8) for share in shares)


def copo(plays, sharpness=5.0, threshold=1.0, coefficient="none"):
    groups, local = by_group(plays), scored(plays, lambda play: play.total)
    entropy = {g: entropy_bits([one.answer for one in members]) for g, members in groups.items()}
    reward = {}
    for g, members in groups.items():
        reward[g] = statistics.fmean([one.total for one in members])
        if coefficient == "entropy" and len(members) > 1:
            reward[g] *= 1 - (1 - 1 / len(members)) / math.log2(len(members)) * entropy[g]

    def mixed(play, t):
        everyone = list(reward.values())
        cross = normal(reward[play.group], everyone) if len(everyone) > 1 else 0.0
        weight = 1 / (1 + math.exp(-sharpness * (entropy[play.group] - threshold))) if play.total != 0 else 0.0
        return weight, cross

    pairs = on_rows(plays, mixed)
    return [0.0 if pair == 0.0 else pair[0] * a + (1 - pair[0]) * pair[1] for a, pair in zip(local, pairs, strict=True)]


def hdpo(plays, tool_weight=0.15, tool_mean="signal", solved=1.0, single="raw"):
    groups = by_group(plays)

    def accuracy(play):
        return 0.9 * (play.total >= solved - 1e-8) + 0.1 * all(play.format_valid)

    def economy(play):
        return 1 / (play.tool_calls + 1) if play.total >= solved - 1e-8 else 0.0

    def paid(play):
        return [economy(one) for one in groups[play.group] if economy(one) > 0]

    def second(play, _):
        return normal(economy(play), paid(play)) if economy(play) > 0 and len(paid(play)) > 1 else 0.0

    kept = [play for play in plays if play.include]
    signal = sum(len(play.rewards) for play in kept if economy(play) > 0 and len(paid(play)) > 1)
    ratio = sum(len(play.rewards) for play in kept) / max(signal, 1) if tool_mean == "signal" else 1.0
    first = scored(plays, accuracy, single)
    return [a + tool_weight * ratio * b for a, b in zip(first, on_rows(plays, second), strict=True)]


def v05(plays, variance="smoothed", scale="none"):
    groups = by_group(plays)

    def value(play, t):
        members = groups[play.group]
        returns, n = [one.total for one in members], len(members)
        mean, prior = statistics.fmean(returns), statistics.fmean([one.prior for one in members])
        if variance == "smoothed":
            q = min(1.0, (math.fsum(returns) + 1) / (n + 2))
            spread = q * (1 - q)
        else:
            spread = statistics.variance(returns) if n > 1 else math.inf
        gap = (mean - prior) ** 2
        w = 1.0 if gap <= spread / n else spread / n / gap
        advantage = play.total - (w * prior + (1 - w) * mean) + play.offsets[t]
        if scale == "none":
            return advantage
        deviation = 0.0 if spread == math.inf else math.sqrt(spread)
        return 0.0 if deviation < 1e-8 else advantage / (deviation + 1e-6)

    return on_rows(plays, value)


def unlikeliness(plays, beta=0.25, ties="mean", single="raw"):
    groups = by_group(plays)

    def likelihood(play):
        return statistics.fmean([token["logprob"] for token in play.flat])

    def worth(play):
        members = groups[play.group]
        if ties == "order":
            order = sorted(range(len(members)), key=lambda i: likelihood(members[i]))
            rank = next(place for place, i in enumerate(order) if members[i] is play)
        else:
            below = sum(likelihood(one) < likelihood(play) for one in members)
            rank = below + (sum(likelihood(one) == likelihood(play) for one in members) - 1) / 2
        return play.total * (1 - beta * rank / len(members))

    return scored(plays, worth, single)


def seeded_bracket(seeds):
    """Players, best first, in the places of a bracket; None where nobody is."""
    size = 1
    while size < len(seeds):
        size *= 2
    places = [0]
    while len(places) < size:
        places = [x for i in places for x in (i, 2 * len(places) - 1 - i)]
    return [seeds[i] if i < len(seeds) else None for i in places]


def tournament(n, duel, byes="top"):
    """Players best first; duel(i, j) gives the scores of both sides."""
    points = [[] for _ in range(n)]
    for other in range(1, n):
        theirs, own = duel(other, 0)
        points[other].append(theirs)
        points[0].append(own)
    if n > 1:
        points[0] = [statistics.mean(points[0])]
    alive = seeded_bracket(sorted(range(n), key=lambda i: -points[i][0] if n > 1 else 0))
    if byes == "released":
        alive = [one for one in alive if one is not None]
    out = []
    while len(alive) > 1:
        ahead, losers = [alive[-1]] if len(alive) % 2 else [], []
        for one, other in zip(alive[0 : len(alive) - 1 : 2], alive[1::2], strict=True):
            if other is None:
                ahead.append(one)
                continue
            first, second = duel(one, other)
            points[one].append(first)
            points[other].append(second)
            ahead.append(one if first >= second else other)
            losers.append(other if first >= second else one)
        out.append(losers)
        alive = ahead
    ranking = list(alive)
    for losers in reversed(out):
        ranking += sorted(losers, key=lambda i: -statistics.mean(points[i]))
    return ranking


def arenarl(plays, byes="top", topology="elimination", duels=None, ties="mean"):
    """`duels[i][m]`: score of episode i against the m-th episode of its group; by default the returns decide."""
    index = {id(play): i for i, play in enumerate(plays)}
    seat = {}
    for i, play in enumerate(plays):
        seat[i] = sum(other.group == play.group for other in plays[:i])
    reward = {}
    for members in by_group(plays).values():
        numbers = [index[id(one)] for one in members]

        def duel(a, b, numbers=numbers):
            i, j = numbers[a], numbers[b]
            return (plays[i].total, plays[j].total) if duels is None else (duels[i][seat[j]], duels[j][seat[i]])

        n = len(members)
        if topology == "elimination":
            ranking = tournament(n, duel, byes)
        elif topology == "anchor":
            own = statistics.mean([duel(m, 0)[1] for m in range(1, n)]) if n > 1 else 0.0
            ranking = sorted(range(n), key=lambda m: -(duel(m, 0)[0] if m else own))
        else:
            mean = [statistics.mean([duel(m, o)[0] for o in range(n) if o != m] or [0.0]) for m in range(n)]
            ranking = sorted(range(n), key=lambda m: -mean[m])
        for place, m in enumerate(ranking):
            reward[numbers[m]] = 1 - place / (n - 1) if n > 1 else 0.0
        if duels is None and ties == "mean":
            equal = {one.total: [i for i in numbers if plays[i].total == one.total] for one in members}
            reward |= {i: statistics.fmean([reward[j] for j in same]) for same in equal.values() for i in same}
    groups = by_group(plays)

    def value(play, _):
        members = [reward[index[id(one)]] for one in groups[play.group]]
        return normal(reward[index[id(play)]], members, single="zero")

    return on_rows(plays, value)


def ma_rlhf(
    plays, termination="fixed", length=5, pool="equal", reward="pooled", gamma=1.0, lam=0.95, bootstrap="terminal"
):
    def one(play):
        tokens = play.flat
        earned = [0.0] * len(tokens)
        row_of = [t for t, step in enumerate(play.tokens) for _ in step]
        for t, r in enumerate(play.rewards):
            earned[max(k for k, row in enumerate(row_of) if row == t)] = r
        opens = [0]
        for k in range(1, len(tokens)):
            last = k == len(tokens) - 1
            if termination == "fixed":
                new = k % length == 0 or last
            elif termination == "turn":
                new = row_of[k] != row_of[k - 1]
            else:
                new = last or tokens[k + 1]["ref_logprob"] < tokens[k]["ref_logprob"]
            if new:
                opens.append(k)
        runs = [list(range(a, b)) for a, b in zip(opens, [*opens[1:], len(tokens)], strict=True)]

        def pooled(values):
            weights = {"equal": [1.0] * len(values), "unit": [0.0] * (len(values) - 1) + [1.0]}.get(
                pool, [1 / (i + 1) for i in range(len(values))]
            )
            return math.fsum(w * v for w, v in zip(weights, values, strict=True)) / math.fsum(weights)

        values = [pooled([tokens[k]["value"] for k in run]) for run in runs]
        rewards = [
            pooled([earned[k] for k in run]) if reward == "pooled" else sum(earned[k] for k in run) for run in runs
        ]
        values.append(play.last_value if bootstrap == "truncated" and play.truncated else 0.0)
        advantage, found = 0.0, []
        for k in reversed(range(len(runs))):
            advantage = rewards[k] + gamma * values[k + 1] - values[k] + gamma * lam * advantage
            found.append((advantage, runs[k]))
        return [a for a, run in reversed(found) for _ in run]

    return on_tokens(plays, one)


def effective_rank(hidden):
    if len(hidden) < 2:
        return 0.0
    matrix = np.array(hidden)
    singular = np.linalg.svd(matrix - matrix.mean(0), compute_uv=False)
    share = singular / (singular.sum() + 1e-8)
    return math.exp(-float((share * np.log(share + 1e-8)).sum()))


def growth(hidden, stride):
    ranks = [effective_rank(hidden[: k + 1]) for k in range(stride, len(hidden), stride)]
    first = [ranks[k] - statistics.fmean(ranks[:k]) for k in range(1, len(ranks))]
    second = [b - a for a, b in itertools.pairwise(first)]
    return effective_rank(hidden), *(statistics.fmean(x) if x else 0.0 for x in (first, second))


def verl_shaping(plays, stride=40, kappa=2.0, gain=2.0, **means):
    base, row = scored(plays, lambda play: play.total), 0
    found = []
    for play in plays:
        values = [base[row + t] for t, step in enumerate(play.tokens) for _ in step]
        row += len(play.rewards)
        if means and play.include:
            pairs = zip(growth([token["hidden"] for token in play.flat], stride), means.values(), strict=True)
            rank, velocity, acceleration = ((x - mean) / (abs(mean) + 1e-8) for x, mean in pairs)
            t = 1 / (1 + math.exp(-gain * min(5.0, max(-5.0, acceleration))))
            aux = t * math.tanh(rank) + (1 - t) * math.tanh(velocity)
            values[-1] += min(max(aux, 0.0), abs(values[-1]) / kappa)
        found += values
    return found
