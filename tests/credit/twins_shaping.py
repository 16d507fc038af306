"""Plain-Python twins of the shaping methods and samplers, from the formulas: lists of episodes, loops, `statistics`.

A shaping twin returns the rewards of all rows; a sampler's twin what it decides, as lists by episode, row or group.
"""

from __future__ import annotations

import itertools
import math
import statistics

import numpy as np


class Episode:
    """One episode of the columns of `full_columns`: its own rows and tokens, and its path from the root."""

    def __init__(self, columns, number, rows, tokens):
        self.number, self.rows = number, rows
        self.row = {name: [columns[name][row].item() for row in rows] for name in ROW if name in columns}
        self.token = {name: [columns[name][one].item() for one in tokens] for name in TOKEN if name in columns}
        self.tokens_of_row = [[one for one in tokens if columns["token_step"][one] == row] for row in rows]
        self.of = {name: columns[name][number].item() for name in EPISODE if name in columns}
        self.include, self.group = self.of["include"], self.of["group"]
        self.parent = None

    def path(self):
        """(episode, place of the row in it) from the root's first step to the last own one."""
        before = [] if self.parent is None else self.parent.path()
        own = [(self, place) for place in range(len(self.rows))]
        return [(e, place) for e, place in before if e.row["t"][place] < self.of["branch_t"]] + own

    def total(self):
        return math.fsum(e.row["reward"][place] for e, place in self.path())

    def length(self, unit):
        return sum(1 if unit == "step" else len(e.tokens_of_row[place]) for e, place in self.path())

    def root(self):
        return self if self.parent is None else self.parent.root()


ROW = ("t", "reward", "success_rate", "progress", "step_score", "valid", "format_valid", "score_offset")
TOKEN = ("entropy", "logprob", "unhinted_logprob")
EPISODE = (
    *("group", "include", "truncated", "terminated", "branch_t", "tree", "prior"),
    *("stored", "age", "episode_advantage", "hint_valid", "unhinted_rate"),
)


def episodes_of(columns):
    ids = sorted(set(columns["episode"].tolist()))
    found = []
    for number, one in enumerate(ids):
        rows = np.flatnonzero(columns["episode"] == one).tolist()
        tokens = [k for k, row in enumerate(columns["token_step"].tolist()) if row in rows]
        found.append(Episode(columns, number, rows, tokens))
    for episode, parent in zip(found, columns["parent"].tolist(), strict=True):
        episode.parent = None if parent < 0 else found[ids.index(parent)]
    return found


def members(episodes, key=lambda e: e.group):
    """Included episodes by group, groups in order of their ids (those with excluded episodes alone as well)."""
    groups = {value: [] for value in sorted({key(e) for e in episodes})}
    for e in episodes:
        if e.include:
            groups[key(e)].append(e)
    return groups


def with_bonus(episodes, bonus):
    """The rewards of all rows, `bonus(e)` added to the last one of included episodes."""
    return [
        reward + (bonus(e) if e.include and place == len(e.rows) - 1 else 0.0)
        for e in episodes
        for place, reward in enumerate(e.row["reward"])
    ]


def overlong(episodes, limit, cache, unit="token"):
    def penalty(e):
        length = e.length(unit)
        if length <= limit - cache:
            return 0.0
        return -1.0 if length >= limit else (limit - cache - length) / cache

    return with_bonus(episodes, penalty)


def ssl_tiers(episodes, alpha=0.5, tiers=4, values="ends"):
    def bonus(e):
        zone = 0
        while zone < tiers - 1 and e.row["progress"][-1] >= (zone + 1) / tiers:
            zone += 1
        return alpha * (zone / (tiers - 1) if values == "ends" else (zone + 1) / tiers)

    return with_bonus(episodes, bonus)


def l_grpo(episodes, weight=0.5, limit=None, unit="token", success=1.0):
    groups = members(episodes)

    def bonus(e):
        group = groups[e.group]
        if any(one.total() < success for one in group):
            return 0.0
        top = max(one.length(unit) for one in group) if limit is None else limit
        return weight * (1.0 - min(1.0, e.length(unit) / top))

    return with_bonus(episodes, bonus)


def pav(episodes, best_of=4, alpha=3.0):
    found = []
    for e in episodes:
        values = [1 - (1 - p) ** best_of for p in [*e.row["success_rate"], min(1.0, max(0.0, e.total()))]]
        for place, reward in enumerate(e.row["reward"]):
            found.append(reward + alpha * (values[place + 1] - values[place]) if e.include else reward)
    return found


def vsrm_steps(accuracy, gamma=0.7, lookahead=4, threshold=1e-5):
    """Step rewards of prefix accuracies acc_0 ... acc_n."""
    changes = [after - before for before, after in itertools.pairwise(accuracy)]
    found = []
    for j, change in enumerate(changes):
        step = 0
        while abs(change) < threshold and step < lookahead and j + step + 1 < len(changes):
            step += 1
            change = changes[j + step]
        if abs(change) < threshold and step == lookahead:
            change = 0.0
        found.append(change * gamma**step)
    return found


def vsrm(episodes, **options):
    found = []
    for e in episodes:
        if e.include:
            found += [*vsrm_steps(e.row["success_rate"], **options), e.total()]
        else:
            found += e.row["reward"]
    return found


def serr(entropies, top_ratio, maximum, ties):
    """Rewards of the responses with these token entropies."""
    peak = []
    for one in entropies:
        top = max(1, math.floor(round(top_ratio * len(one), 9)))
        peak.append(statistics.fmean(sorted(one, reverse=True)[:top]))
    mean = [statistics.fmean(one) for one in entropies]
    number = range(len(entropies))
    score = [sum(peak[i] > peak[j] and mean[i] < mean[j] for j in number) for i in number]
    order = sorted(number, key=lambda i: -score[i])
    place = {i: k for k, i in enumerate(order)}
    if ties == "mean":
        place = {i: statistics.fmean(place[j] for j in number if score[j] == score[i]) for i in number}
    return [maximum * (1 - place[i] / (len(entropies) - 1)) if len(entropies) > 1 else maximum for i in number]


def r3_serr(episodes, top_ratio=0.2, maximum=0.5, ties="mean", over="truncated", success=1.0):
    bonus = {}
    for group in members(episodes).values():
        if all(e.total() < success for e in group):
            ranked = [e for e in group if over == "all" or e.of["truncated"]]
            rewards = serr([e.token["entropy"] for e in ranked], top_ratio, maximum, ties)
            bonus |= {e.number: reward for e, reward in zip(ranked, rewards, strict=True)}
    return with_bonus(episodes, lambda e: bonus.get(e.number, 0.0))


def hill_hint_reward(episodes, temperature=0.3, signal="mixed", gate=-0.2, success=1.0):
    def worth(p, n):
        return p * (1 - p) if signal == "variance" else 1 - p**n - (1 - p) ** n

    rewards = {}
    for name, group in members(episodes).items():
        right = [e for e in group if e.total() >= success]
        n, p = len(group), len(right) / max(1, len(group))
        bare = statistics.fmean(e.of.get("unhinted_rate", 0.0) for e in group) if group else 0.0
        if not all(e.of.get("hint_valid", True) for e in group):
            rewards[name] = gate
        elif not 0 < len(right) < n or worth(p, n) <= worth(bare, n):
            rewards[name] = 0.0
        else:
            reliance = statistics.fmean(
                statistics.fmean(a - b for a, b in zip(e.token["unhinted_logprob"], e.token["logprob"], strict=True))
                for e in right
            )
            rewards[name] = worth(p, n) * math.exp(min(reliance, 0.0) / temperature)
    return [
        (rewards[e.group] if place == len(e.rows) - 1 else 0.0) if e.include else reward
        for e in episodes
        for place, reward in enumerate(e.row["reward"])
    ]


def invalid_action_penalty(episodes, coefficient=0.1, column="valid"):
    """The score offsets of all rows."""
    return [
        offset - (coefficient if e.include and not fine else 0.0)
        for e in episodes
        for offset, fine in zip(e.row["score_offset"], e.row[column], strict=True)
    ]


def dynamic_sampling(episodes, on="success", success=1.0):
    groups = members(episodes)

    def outcome(e):
        return e.total() >= success if on == "success" else round(e.total(), 9)

    differs = [len({outcome(e) for e in group}) > 1 for group in groups.values()]
    held = dict(zip(groups, differs, strict=True))
    return {"keep": [e.include and held[e.group] for e in episodes], "parts.differs": differs}


def arpo_replay(episodes, draws, spread=0.05, mean=0.2, success=0.1, capacity=8):
    keep, store, rescued = set(), set(), []
    for group in members(episodes).values():
        new = [e for e in group if not e.of["stored"]]
        old = [e for e in group if e.of["stored"] and e.total() > success]
        results = [e.total() for e in new]
        deviation = statistics.stdev(results) if len(results) > 1 else 0.0
        stuck = bool(new) and deviation < spread and statistics.fmean(results) < mean
        rescued.append(stuck and bool(old))
        if rescued[-1]:
            keep.add(min(old, key=lambda e: draws[e.number]).number)
            new = new[1:]
        keep |= {e.number for e in new}
        fresh = [e for e in new if e.total() > success]
        store |= {e.number for e in [*fresh, *sorted(old, key=lambda e: e.of["age"])][:capacity]}
    return {
        "keep": [e.number in keep for e in episodes],
        "store": [e.number in store for e in episodes],
        "parts.rescued": rescued,
    }


def r3_replay(episodes, draws, k=1, weight=0.5, reflect_below=0.5, success=1.0):
    weights, history, reflect = {}, [], []
    for group in members(episodes).values():
        new, old = ([e for e in group if e.of["stored"] == stored] for stored in (False, True))
        won = [e.total() >= success for e in new]
        weights |= {e.number: 1.0 for e in new}
        if new and (all(won) or not any(won)):
            other = [e for e in old if (e.total() >= success) != all(won)]
            weights |= {e.number: weight for e in sorted(other, key=lambda e: draws[e.number])[:k]}
        history.append(statistics.fmean(e.total() >= success for e in group) if group else 0.0)
        reflect.append(history[-1] < reflect_below and any(e.total() < success for e in old))
    return {
        "keep": [e.number in weights for e in episodes],
        "weight": [weights.get(e.number, 0.0) for e in episodes],
        "store": [e.include for e in episodes],
        "parts.history": history,
        "parts.reflect": reflect,
    }


def ssb(episodes, draws, share=0.5, max_age=4):
    kept = [e for e in episodes if e.include]
    new, old = ([e for e in kept if e.of["stored"] == stored] for stored in (False, True))
    useful = [e for e in new if e.of["episode_advantage"] != 0]
    pool = [e for e in old if e.of["episode_advantage"] != 0 and e.of["age"] <= max_age]
    pool.sort(key=lambda e: -math.log(draws[e.number]) / abs(e.of["episode_advantage"]))
    drawn = pool[: max(0, math.ceil(share * len(new)) - len(useful))]
    keep = {e.number for e in [*new, *drawn]}
    store = {e.number for e in [*useful, *(e for e in pool if e.of["age"] < max_age)]}
    return {"keep": [e.number in keep for e in episodes], "store": [e.number in store for e in episodes]}


def places_of(e, start):
    """What each own row follows: the row before it on the path, or the start."""
    path = [x.rows[place] for x, place in e.path()]
    return [path[path.index(row) - 1] if path.index(row) else start for row in e.rows]


def tree_nodes(episodes, tree):
    """First rows of the places of a tree, in order."""
    first = {}
    for e in episodes:
        if e.include and e.of["tree"] == tree:
            for row, place in zip(e.rows, places_of(e, "start"), strict=True):
                first[place] = min(row, first.get(place, row))
    return sorted(first.values())


def tree_budget(episodes, draws, trees=2):
    names = sorted({e.of["tree"] for e in episodes})
    branch = [0] * sum(len(e.rows) for e in episodes)
    for name, row_of_draws in zip(names, draws, strict=True):
        nodes = tree_nodes(episodes, name)
        for u in row_of_draws if nodes else []:
            branch[nodes[math.floor(u * len(nodes))]] += 1
    held = {g: {e.of["tree"] for e in episodes if e.group == g} for g in members(episodes)}
    return {"branch": branch, "more": [max(0, trees - len(one)) for one in held.values()]}


def entropy_branching(episodes, unsure, beam=2, leaves=16, window=20, scale=1.0):
    """`unsure(row, rise)` says where to branch."""
    branch, free = [0] * sum(len(e.rows) for e in episodes), []

    def entropy(e, place):
        numbers = e.tokens_of_row[place][:window]
        offset = e.tokens_of_row[0][0]
        return math.fsum(e.token["entropy"][one - offset] for one in numbers) / scale

    for group in members(episodes).values():
        left = max(0, leaves - len(group))
        rows = [(e.row["t"][k], e.rows[k], e, k) for e in group for k in range(1, len(e.rows))]
        for _, row, e, k in sorted(rows, key=lambda one: one[:2]):
            if unsure(row, entropy(e, k) - entropy(e.root(), 0)):
                branch[row] = min(beam - 1, left)
                left -= branch[row]
        free.append(left)
    return {"branch": branch, "more": free}


def truncated_step(episodes, key):
    """`key(e, place)`: the candidate with the least is chosen."""
    rows = {}
    for e in episodes:
        for k, place in enumerate(places_of(e, ("start", e.group))):
            rows.setdefault(place, []).append((e, k))
    followed = set(rows)
    chosen = []
    for candidates in rows.values():
        if not any(e.rows[k] in followed for e, k in candidates):
            offered = [(e, k) for e, k in candidates if e.include]
            chosen += [min(offered, key=lambda one: key(*one))] if offered else []
    going = {e.number for e, _ in chosen if not (e.of["terminated"] or e.of["truncated"])}
    return {
        "advance": [e.number in going for e in episodes],
        "parts.chosen": [(e, k) in chosen for e in episodes for k in range(len(e.rows))],
    }


def osla(episodes, least=4, most=16, cost=1e-3):
    more = []
    for group in members(episodes).values():
        n = len(group)
        if n < least:
            more.append(least - n)
            continue
        returns = [e.total() for e in group]
        q = min(1.0, max(0.0, (sum(returns) + 1) / (n + 2)))
        variance = q * (1 - q)
        gap = (statistics.fmean(returns) - statistics.fmean(e.of["prior"] for e in group)) ** 2
        w = 1.0 if gap <= variance / n else variance / n / gap
        more.append(int(n < most and (1 - w) ** 2 * variance / (n * (n + 1)) >= cost))
    return {"more": more}
