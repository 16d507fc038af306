"""Plain-Python twins of the methods on trees and tool calls: explicit chains from root to leaf, loops."""

from __future__ import annotations

import itertools
import math
import statistics


class World:
    """Chains of a set of columns: `chain[e]` lists the rows from the root to the end of episode e."""

    def __init__(self, c):
        self.c = {k: v if isinstance(v, tuple) else v.tolist() for k, v in c.items()}
        c = self.c
        ids = sorted(set(c["episode"]))
        self.rows = range(len(c["t"]))
        self.episode = [ids.index(e) for e in c["episode"]]
        self.own = [[r for r in self.rows if self.episode[r] == e] for e in range(len(ids))]
        self.parent = [-1 if p == -1 else ids.index(p) for p in c["parent"]]
        self.leaves = [e for e in range(len(ids)) if c["include"][e]]
        self.chain = [self.path(e) for e in range(len(ids))]
        self.score = [sum(c["reward"][r] for r in chain) for chain in self.chain]

    def path(self, e):
        before = self.path(self.parent[e]) if self.parent[e] >= 0 else []
        return [r for r in before if self.c["t"][r] < self.c["branch_t"][e]] + self.own[e]

    def previous(self, r):
        chain = self.chain[self.episode[r]]
        place = chain.index(r)
        return chain[place - 1] if place else None

    def below(self, r):
        return [e for e in self.leaves if r in self.chain[e]]

    def included(self, r):
        return self.c["include"][self.episode[r]]

    def group(self, r):
        return self.c["group"][self.episode[r]]

    def on_rows(self, function):
        return [float(function(r)) if self.included(r) else 0.0 for r in self.rows]

    def leaf_mean(self, values):
        return lambda r: statistics.fmean(values[e] for e in self.below(r))

    def leaf_norm(self, score, key, single="raw", epsilon=1e-6):
        return {
            e: norm(score[e], [score[j] for j in self.leaves if key(j) == key(e)], single, epsilon) for e in self.leaves
        }

    def row_norm(self, value, key, single="raw"):
        members = {}
        for r in self.rows:
            if self.included(r):
                members.setdefault(key(r), []).append(value(r))
        return lambda r: norm(value(r), members[key(r)], single)


def norm(x, members, single="raw", epsilon=1e-6):
    if len(members) == 1:
        return x / (1 + epsilon) if single == "raw" else 0.0
    std = statistics.stdev(members)
    return 0.0 if std < 1e-8 else (x - statistics.fmean(members)) / (std + epsilon)


def tree_grpo(w, form="sum", single="raw"):
    inter = w.leaf_norm(w.score, lambda e: w.c["group"][e], single)
    intra = w.leaf_norm(inter if form == "twice" else w.score, lambda e: (w.c["group"][e], w.c["tree"][e]), single)
    return w.on_rows(w.leaf_mean({e: intra[e] + (inter[e] if form == "sum" else 0) for e in w.leaves}))


def arpo_attribution(w, attribution="soft", single="raw"):
    return w.on_rows(w.leaf_mean(w.leaf_norm(w.score, lambda e: w.c["group"][e], single)))


def portool(w, omega=0.5, decay=0.95, format_bonus=0.05, call_bonus=0.05):
    def reward(r):
        far = [decay ** (len(w.chain[e]) - 1 - w.chain[e].index(r)) * w.score[e] for e in w.below(r)]
        return statistics.fmean(far) + format_bonus * w.c["format_valid"][r] + call_bonus * w.c["executed"][r]

    fork = w.row_norm(reward, lambda r: (w.previous(r), w.group(r)), "zero")
    trajectory = w.leaf_mean(w.leaf_norm(w.score, lambda e: w.c["group"][e], "zero"))
    return w.on_rows(lambda r: omega * fork(r) + (1 - omega) * trajectory(r))


def hrpo(w, weight=1.0):
    offset = w.c["score_offset"]

    def outcome(r):
        members = [w.score[e] + offset[w.own[e][0]] for e in w.leaves if w.c["group"][e] == w.group(r)]
        return norm(w.score[w.episode[r]] + offset[r], members)

    return w.on_rows(lambda r: outcome(r) + weight * w.c["step_score"][r])


def hi_agent(w, format_weight=0.2, execution_weight=0.4, judge_weight=0.4):
    def reward(r):
        c = w.c
        flags = format_weight * c["format_valid"][r] + execution_weight * c["executed"][r]
        return flags + judge_weight * c["step_score"][r]

    return w.on_rows(w.row_norm(reward, lambda r: (w.group(r), w.c["anchor"][r]), "zero"))


def prorag(w, beta=0.3, format_score=False):
    outcome = w.leaf_mean(w.leaf_norm(w.score, lambda e: w.c["group"][e], epsilon=1e-4))
    tokens = w.c.get("token_step")

    def score(r):
        return w.c["step_score"][r] + ((1 if w.c["format_valid"][r] else -2) if format_score else 0)

    def one(r):
        rows = [s for s in w.rows if w.included(s) and w.group(s) == w.group(r)]
        spread = [score(s) for s in rows for _ in range(tokens.count(s) if tokens else 1)]
        var = statistics.pvariance(spread)
        process = 0.0 if math.sqrt(var) < 1e-8 else (score(r) - statistics.fmean(spread)) / math.sqrt(var + 1e-8)
        return outcome(r) + beta * process

    return w.on_rows(one)


def ppr_renorm(w, gamma=1.0, lam=1.0, bootstrap="terminal"):
    outcome, value = w.leaf_mean(w.score), w.c["value"]

    def one(r):
        own = w.own[w.episode[r]]
        e, total = w.episode[r], 0.0
        for s in reversed(own[own.index(r) :]):
            end = w.c["last_value"][e] if bootstrap == "truncated" and w.c["truncated"][e] else 0.0
            after = end if s == own[-1] else value[s + 1]
            total = w.c["step_score"][s] + outcome(s) - 1 + gamma * after - value[s] + gamma * lam * total
        return total

    return w.on_rows(one)


def spo_tree(w, scale="none"):
    alive = [r for r in w.rows if w.below(r)]

    def children(node):
        kids = [r for r in alive if (w.previous(r) if w.previous(r) is not None else ("start", w.group(r))) == node]
        ends = [w.score[e] for e in w.leaves if w.own[e][-1] == node]
        return [value(r) for r in kids] + ends

    def value(r):
        return statistics.fmean(children(r))

    def one(r):
        before = w.previous(r)
        node = ("start", w.group(r)) if before is None else before
        kids = children(node)
        if len(kids) == 1 and r != w.own[w.episode[r]][0]:
            return one(before)
        std = statistics.pstdev(kids)
        gain = value(r) - statistics.fmean(kids)
        return gain if scale == "none" else 0.0 if std < 1e-8 else gain / (std + 1e-8)

    return w.on_rows(one)


def spae(w, xi=0.5, alpha=0.5, saturation=0.9, normalise=True):
    group = w.leaf_mean(w.leaf_norm(w.score, lambda e: w.c["group"][e]))
    acc, conf = w.c["probe_accuracy"], w.c["probe_confidence"]
    level = [1.5 * a * c + 0.5 * a - c for a, c in zip(acc, conf, strict=True)]

    def one(r):
        before = w.previous(r)
        delta = 0.0 if before is None else level[r] - level[before]
        known = level[r] > saturation
        a = group(r)
        return (alpha * a if known and a > 0 else a) + xi * (min(delta, 0) if known else delta)

    return w.on_rows(w.row_norm(one, lambda r: 0) if normalise else one)


def spo_chain(w, interval=5, threshold=0.9):
    found = []
    tokens = range(len(w.c["token_step"]))
    step, value = w.c["token_step"], w.c["token_value"]
    for e, own in enumerate(w.own):
        mine = [k for k in tokens if w.episode[step[k]] == e]
        cuts = [k for k in mine if math.exp(w.c["logprob"][k]) < threshold][::interval]
        for k in mine:
            base = [c for c in cuts if c <= k]
            later = [c for c in cuts if c > k]
            if not base or not w.c["include"][e] or math.exp(w.c["logprob"][k]) > threshold:
                found.append(0.0)
                continue
            stop = step[later[0]] if later else own[-1] + 1
            earned = sum(w.c["reward"][r] for r in range(step[base[-1]], stop))
            found.append(earned + (value[later[0]] if later else 0.0) - value[base[-1]])
    return found


def match(similarity, matching):
    """Reward of each call of one episode; negative entries are no references."""
    calls = len(similarity)
    reward = [0.0] * calls
    if matching == "greedy":
        pairs = [(-s, i, j) for i, row in enumerate(similarity) for j, s in enumerate(row) if s > 0]
        rows, columns = set(), set()
        for s, i, j in sorted(pairs):
            if i not in rows and j not in columns:
                rows.add(i)
                columns.add(j)
                reward[i] = -s
        return reward
    if matching == "optimal":
        slots = [*range(len(similarity[0])), *[None] * calls]
        plans = itertools.permutations(slots, calls)
        gains = ([max(0.0, similarity[i][j]) if j is not None else 0.0 for i, j in enumerate(plan)] for plan in plans)
        return max(gains, key=sum)
    real = [j for j, s in enumerate(similarity[0]) if s >= 0]
    kernel = [[math.exp(row[j] / 0.1) for j in real] for row in similarity]
    u, v = [1.0] * calls, [1.0] * len(real)
    for _ in range(10_000 if real else 0):
        old = u
        u = [1 / calls / sum(k * x for k, x in zip(row, v, strict=True)) for row in kernel]
        v = [1 / len(real) / sum(kernel[i][j] * u[i] for i in range(calls)) for j in range(len(real))]
        if all(abs(a - b) <= 1e-15 * b for a, b in zip(old, u, strict=True)):
            break
    return [sum(u[i] * kernel[i][n] * v[n] * similarity[i][j] for n, j in enumerate(real)) for i in range(calls)]


def matchtir(w, matching="greedy", gamma=0.9, single="raw"):
    paid = list(w.c["reward"])
    for e in range(len(w.own)):
        calls = [k for k, r in enumerate(w.c["call_step"]) if w.episode[r] == e]
        reward = match([w.c["tool_match"][k] for k in calls], matching) if calls else []
        for r in w.own[e]:
            mine = [x for k, x in zip(calls, reward, strict=True) if w.c["call_step"][k] == r]
            if mine:
                paid[r] = statistics.fmean(mine)
    score = [sum(paid[r] for r in chain) for chain in w.chain]
    trajectory = w.leaf_mean(w.leaf_norm(score, lambda e: w.c["group"][e], single))

    def later(r):
        own = w.own[w.episode[r]]
        return sum(gamma ** (s - r) * paid[s] for s in own if s >= r)

    turn = w.row_norm(later, lambda r: (w.group(r), w.chain[w.episode[r]].index(r)), single)
    return w.on_rows(lambda r: (trajectory(r) + turn(r)) / 2)
