"""Plain-Python twins of the agentic sheet's advantages: dictionaries, loops and explicit sums.

Each takes a `World` and the options of its method, and returns lists by name: `value`, and `returns.x` or `parts.x`.
"""

from __future__ import annotations

import math
import statistics

from twins_trees import World


def deviation(members, ddof=1):
    mean = statistics.fmean(members)
    return math.sqrt(sum((x - mean) ** 2 for x in members) / max(len(members) - ddof, 1))


def relative(x, members, scale="std", single="raw", epsilon=1e-6, ddof=1):
    """(x - mean) / (std + epsilon); the raw x of a group of one is as if its mean were 0 and its deviation 1."""
    if len(members) == 1:
        mean, std = (0.0, 1.0) if single == "raw" else (x, 1.0)
    else:
        mean, std = statistics.fmean(members), deviation(members, ddof)
    if scale == "none":
        return x - mean
    return 0.0 if std < 1e-8 else (x - mean) / (std + epsilon)


def whitened(values, epsilon=1e-8):
    """(x - mean) / sqrt(sample variance + epsilon) over a dictionary; 0 without spread."""
    if not values:
        return {}
    mean, std = statistics.fmean(values.values()), deviation(list(values.values()))
    return {k: 0.0 if std < 1e-8 else (x - mean) / math.sqrt(std**2 + epsilon) for k, x in values.items()}


def rows_in(w: World):
    return [r for r in w.rows if w.included(r)]


def tokens_in(w: World):
    return [k for k, r in enumerate(w.c["token_step"]) if w.included(r)]


def listed(size, values):
    return [float(values.get(k, 0.0)) for k in range(size)]


def on_rows(w: World, values):
    return listed(len(w.rows), {r: x for r, x in values.items() if w.included(r)})


def on_tokens(w: World, values):
    """A dictionary over tokens as a list, excluded tokens 0."""
    row = w.c["token_step"]
    return listed(len(row), {k: x for k, x in values.items() if w.included(row[k])})


def of_rows(w: World, values):
    """A dictionary over rows, spread over their tokens."""
    return {k: values[r] for k, r in enumerate(w.c["token_step"]) if r in values}


def offset(w: World, r):
    return w.c["score_offset"][r] if "score_offset" in w.c else 0.0


def outcome(w: World, r):
    """Episode return, the prefix of a branch included, plus what the row adds to its own score."""
    return w.score[w.episode[r]] + offset(w, r)


def outcome_members(w: World, group, over):
    found = []
    for e in w.leaves:
        if w.c["group"][e] == group:
            found += [outcome(w, r) for r in (w.own[e] if over == "row" else w.own[e][:1])]
    return found


def episode_term(w: World, scale="std", statistics="episode", single="raw", epsilon=1e-6):
    return {
        r: relative(outcome(w, r), outcome_members(w, w.group(r), statistics), scale, single, epsilon)
        for r in rows_in(w)
    }


def leave_one_out(w: World, single):
    found = {}
    for r in rows_in(w):
        members = outcome_members(w, w.group(r), "episode")
        n, x = len(members), outcome(w, r)
        found[r] = (x - sum(members) / n) * n / (n - 1) if n > 1 else (x if single == "raw" else 0.0)
    return found


def later(sequence, factor):
    """For each place, the sum over it and all later ones of factor^distance times the value there."""
    return [sum(factor ** (j - i) * sequence[j] for j in range(i, len(sequence))) for i in range(len(sequence))]


def row_returns(w: World, gamma):
    found = {}
    for rows in w.own:
        found |= dict(zip(rows, later([w.c["reward"][r] for r in rows], gamma), strict=True))
    return found


def token_runs(w: World, key):
    """Token numbers by key(row), in order."""
    runs = {}
    for k, r in enumerate(w.c["token_step"]):
        runs.setdefault(key(r), []).append(k)
    return runs


def token_reward(w: World, k, reward):
    if w.c.get("token_reward") is not None:
        return w.c["token_reward"][k]
    row = w.c["token_step"]
    return reward(row[k]) if k + 1 == len(row) or row[k + 1] != row[k] else 0.0


def dr_grpo(w, statistics="episode", single="raw"):
    return {"value": on_rows(w, episode_term(w, "none", statistics, single))}


def reinforce_pp(w, level="step", gamma=1.0):
    if level == "step":
        returns = row_returns(w, gamma)
        return {"value": on_rows(w, whitened({r: returns[r] + offset(w, r) for r in rows_in(w)}))}
    found = {}
    for run in token_runs(w, lambda r: w.episode[r]).values():
        rewards = [token_reward(w, k, lambda r: w.c["reward"][r]) for k in run]
        found |= dict(zip(run, later(rewards, gamma), strict=True))
    return {"value": on_tokens(w, whitened({k: found[k] for k in tokens_in(w)}))}


def reinforce_pp_baseline(w, level="step", single="raw"):
    centred = episode_term(w, "none", single=single)
    if level == "step":
        return {"value": on_rows(w, whitened(centred))}
    return {"value": on_tokens(w, whitened(of_rows(w, centred)))}


def estimates(keys, reward, value, end, gamma, lam):
    """GAE of one sequence as the sum of (gamma lam)^l delta_{t+l}."""
    values = [value[k] for k in keys] + [end]
    deltas = [reward[k] + gamma * values[i + 1] - values[i] for i, k in enumerate(keys)]
    return dict(zip(keys, later(deltas, gamma * lam), strict=True))


def last_value(w: World, e, bootstrap, column="last_value"):
    return w.c[column][e] if bootstrap == "truncated" and w.c["truncated"][e] else 0.0


def gae(w, level="step", span="episode", gamma=1.0, lam=1.0, bootstrap="terminal", whiten=False):
    def reward_of(r):
        return outcome(w, r) if span == "row" else w.c["reward"][r]

    if level == "token":
        value = dict(enumerate(w.c["token_value"]))
        reward = {k: token_reward(w, k, reward_of) for k in value}
        runs = token_runs(w, (lambda r: r) if span == "row" else (lambda r: w.episode[r]))
        owner = {key: w.episode[key] if span == "row" else key for key in runs}
    else:
        first = {r: run[0] for r, run in token_runs(w, lambda r: r).items()}
        value = {r: w.c["value"][r] if level == "step" else w.c["token_value"][first[r]] for r in w.rows}
        reward = {r: reward_of(r) for r in w.rows}
        runs = {r: [r] for r in w.rows} if span == "row" else dict(enumerate(w.own))
        owner = {key: w.episode[key] if span == "row" else key for key in runs}
    found = {}
    for key, run in runs.items():
        end = 0.0 if span == "row" else last_value(w, owner[key], bootstrap)
        found |= estimates(run, reward, value, end, gamma, lam)
    targets = {k: found[k] + value[k] for k in found}
    kept = tokens_in(w) if level == "token" else rows_in(w)
    shown = whitened({k: found[k] for k in kept}) if whiten else {k: found[k] for k in kept}
    if level == "turn":
        shown, targets = of_rows(w, shown), of_rows(w, targets)
    place = on_rows if level == "step" else on_tokens
    return {"value": place(w, shown), "returns": place(w, targets)}


def vineppo(w, gamma=1.0, bootstrap="truncated"):
    found = {}
    for e, rows in enumerate(w.own):
        values = [w.c["value"][r] for r in rows] + [last_value(w, e, bootstrap)]
        for i, r in enumerate(rows):
            found[r] = w.c["reward"][r] + gamma * values[i + 1] - values[i]
    return {"value": on_rows(w, found)}


def hgpo(
    w,
    history=2,
    alpha=1.0,
    weights="paper",
    base_group=False,
    gamma=0.95,
    key="anchor",
    scale="std",
    statistics="episode",
    single="raw",
    epsilon=1e-6,
):
    returns = row_returns(w, gamma)
    score = {r: returns[r] + offset(w, r) for r in rows_in(w)}
    terms = {r: [] for r in score}
    if base_group:
        for r, x in episode_term(w, scale, statistics, single, epsilon).items():
            terms[r].append((1.0, x))
    for k in range(history + 1):
        context, members = {}, {}
        for r in score:
            met = w.chain[w.episode[r]]
            place = met.index(r)
            if place >= k:
                context[r] = (w.group(r), *(w.c[key][met[place - j]] for j in range(k + 1)))
                members.setdefault(context[r], []).append(score[r])
        for r, where in context.items():
            weight = (k + (2 if weights == "code" else 1)) ** alpha
            terms[r].append((weight, relative(score[r], members[where], scale, "zero", epsilon, ddof=0)))
    found = {}
    for r, pairs in terms.items():
        used = [(weight, x) for weight, x in pairs if abs(x) >= 1e-8]
        found[r] = sum(weight * x for weight, x in used) / (sum(weight for weight, _ in used) + 1e-6)
    return {"value": on_rows(w, found)}


def subgoals(w: World, e):
    """Lists of the rows of each subgoal of an episode."""
    found = []
    for place, r in enumerate(w.own[e]):
        if place == 0 or w.c["switch"][r]:
            found.append([])
        found[-1].append(r)
    return found


def keep_rewards(w: World, penalty, mode, consistency):
    reward = list(w.c["reward"])
    for rows in w.own:
        kept = [r for r in rows if not w.c["switch"][r]]
        for r in kept:
            if mode == "fixed":
                reward[r] += penalty
            elif len(rows) > 1:
                reward[r] += penalty * (len(kept) / len(rows)) / len(kept)
            if consistency and r != rows[0] and w.c["subgoal"][r] != w.c["subgoal"][r - 1]:
                reward[r] += consistency
    return reward


def hae(
    w,
    level="step",
    decision="head",
    gamma=1.0,
    lam_turn=1.0,
    lam_seg=0.95,
    bootstrap="terminal",
    normalise=False,
    keep_penalty=0.0,
    keep_mode="normalized",
    keep_consistency_penalty=0.0,
):
    c, low, high, switch = w.c, {}, {}, {}
    reward = keep_rewards(w, keep_penalty, keep_mode, keep_consistency_penalty)
    for e in range(len(w.own)):
        advantage = 0.0
        for rows in reversed(subgoals(w, e)):
            final = rows[-1] == w.own[e][-1]
            after_low = after_high = 0.0 if final else c["value_high"][rows[-1] + 1]
            if final and bootstrap == "own" and c["truncated"][e]:
                after_low, after_high = c["value_low"][rows[-1]], c["value_high"][rows[0]]
            elif final:
                after_low, after_high = (last_value(w, e, bootstrap, f"last_value_{one}") for one in ("low", "high"))
            low |= estimates(rows, reward, c["value_low"], after_low, gamma, lam_turn)
            d = len(rows)
            for i, r in enumerate(rows):
                earned = sum(gamma ** (j - i) * reward[rows[j]] for j in range(i, d))
                switch[r] = earned + gamma ** (d - i) * after_high
            delta = switch[rows[0]] - c["value_high"][rows[0]]
            advantage = delta + (0.0 if final else gamma**d * lam_seg * advantage)
            high[rows[0]] = advantage
    found = {"low": low, "high": high, "switch": {r: x - c["value_switch"][r] for r, x in switch.items()}}
    returns = {
        "low": {r: x + c["value_low"][r] for r, x in low.items()},
        "high": {r: x + c["value_high"][r] for r, x in high.items()},  # at the openings
        "switch": switch,
    }
    if decision == "closed":
        found["switch"] = {
            r: (c["switch"][r] - c["switch_prob"][r]) * (c["value_high"][r] - c["value_low"][r]) for r in w.rows
        }
        del returns["switch"]
    found = {head: {r: x for r, x in one.items() if w.included(r)} for head, one in found.items()}
    if normalise:
        found = {
            head: {r: relative(x, list(one.values()), "std", "zero", 1e-8, 0) for r, x in one.items()}
            for head, one in found.items()
        }
    if level == "token":
        heads = {1: "low", 2: "high", 3: "switch"}
        roles = {k: (heads.get(c["token_role"][k]), r) for k, r in enumerate(c["token_step"])}
        value = {k: found[head][r] for k, (head, r) in roles.items() if head and r in found[head]}
        weight = dict.fromkeys(value, 1.0)
        return {
            "value": on_tokens(w, value),
            "weight": on_tokens(w, weight),
            **{f"parts.{head}": on_tokens(w, of_rows(w, one)) for head, one in found.items()},
            **{f"returns.{head}": on_tokens(w, of_rows(w, one)) for head, one in returns.items()},
        }
    return {
        "value": on_rows(w, found["low"]),
        **{f"parts.{head}": on_rows(w, one) for head, one in found.items()},
        **{f"returns.{head}": on_rows(w, one) for head, one in returns.items()},
    }


def salt(w, base="grpo", history=0, single="raw"):
    value = episode_term(w, single=single) if base == "grpo" else leave_one_out(w, single)
    edges, edge = {}, {}
    for r in value:
        met = w.chain[w.episode[r]]
        met = met[: met.index(r) + 1]
        if history != "all":
            met = met[-1 - history :]
        pairs = tuple((w.c["anchor"][one], w.c["action"][one]) for one in met)
        edge[r] = (w.group(r), pairs, w.c["next_anchor"][r])
        edges.setdefault(edge[r], []).append(value[r])
    return {"value": on_rows(w, {r: statistics.fmean(edges[edge[r]]) for r in value}), "parts.base": on_rows(w, value)}


def tempo(w, unit="token", ddof=1, single="raw", epsilon=1e-6):
    c = w.c
    if unit == "token":
        runs = token_runs(w, lambda r: w.episode[r])
        runs = {e: [(k, c["token"][k]) for k in run] for e, run in runs.items()}
    else:
        runs = {e: [(r, (c["anchor"][r], c["action"][r])) for r in rows] for e, rows in enumerate(w.own)}
    value, td, prefix_value = {}, {}, {}
    for e in w.leaves:
        members = [j for j in w.leaves if c["group"][j] == c["group"][e]]
        scores = [w.score[j] for j in members]
        mean, std = statistics.fmean(scores), deviation(scores, ddof)
        centre = mean
        if len(members) == 1:
            centre, std = 0.0, 1.0
        before = mean
        for place, (key, _) in enumerate(runs.get(e, ())):
            prefix = [unit_of for _, unit_of in runs[e][: place + 1]]
            alike = [j for j in members if [one for _, one in runs.get(j, ())][: place + 1] == prefix]
            prefix_value[key] = statistics.fmean(w.score[j] for j in alike)
            td[key] = prefix_value[key] - before
            before = prefix_value[key]
            flat = std < 1e-8 or (len(members) == 1 and single == "zero")
            value[key] = 0.0 if flat else (w.score[e] - centre + td[key]) / (std + epsilon)
    place = on_tokens if unit == "token" else on_rows
    return {"value": place(w, value), "parts.td": place(w, td), "parts.prefix": place(w, prefix_value)}


def seeupo(w, clip_low=0.2, clip_high=0.2, limit=3.0, single="raw"):
    centred = episode_term(w, "none", single=single)
    outcomes = whitened({e: centred[w.own[e][0]] for e in w.leaves}, epsilon=0.0)
    low, high = 1.0 - clip_low, 1.0 + clip_high
    value, base, ratio = {}, {}, {}
    for e, x in outcomes.items():
        m = 1.0
        for r in reversed(w.own[e]):
            base[r], ratio[r] = max(-limit, min(limit, x)), m
            value[r] = base[r] * m
            if "turn_logratio" in w.c:
                q = max(low, min(high, math.exp(w.c["turn_logratio"][r])))
                m = max(low, min(high, m * q))
    return {"value": on_rows(w, value), "parts.base": on_rows(w, base), "parts.ratio": on_rows(w, ratio)}


def mars(w, gamma=1.0, center="turns", whiten_rewards=False, whiten=False):
    player = w.c["player"]

    def mean_of(values, distinct=False):
        by_player = {}
        for r, x in values.items():
            by_player.setdefault(player[r], []).append(x)
        return {p: statistics.fmean(set(xs) if distinct else xs) for p, xs in by_player.items()}

    reward = {r: w.c["reward"][r] for r in rows_in(w)}
    mean = mean_of(reward)
    reward = {r: x - mean[player[r]] for r, x in reward.items()}
    if whiten_rewards:
        row = w.c["token_step"]
        ends = {r: k for k, r in enumerate(row) if r in reward}
        spread = whitened({k: reward[row[k]] if k == ends[row[k]] else 0.0 for k in tokens_in(w)})
        reward = {r: spread[k] for r, k in ends.items()}
    returns = {}
    for rows in (w.own[e] for e in w.leaves):
        for p in sorted({player[r] for r in rows}):
            turns = [r for r in rows if player[r] == p]
            returns |= dict(zip(turns, later([reward[r] for r in turns], gamma), strict=True))
    mean = mean_of(returns, center == "distinct")
    value = {r: x - mean[player[r]] for r, x in returns.items()}
    return {"value": on_rows(w, whitened(value) if whiten else value), "parts.return_to_go": on_rows(w, returns)}


def step_grpo(w, scale="std", single="raw", epsilon=1e-6):
    score = {r: w.c["step_score"][r] + offset(w, r) for r in rows_in(w)}
    members = {}
    for r, x in score.items():
        members.setdefault((w.group(r), w.c["t"][r]), []).append(x)
    found = {r: relative(x, members[w.group(r), w.c["t"][r]], scale, single, epsilon) for r, x in score.items()}
    return {"value": on_rows(w, found)}
