"""Groups collected by walking a transition graph: all episodes of an iteration at once, in numpy."""

from __future__ import annotations

import time
from typing import TypeAlias

import numpy as np

from envbench.policies.tabular import TabularPolicy, history_key
from envbench.rollout.forks import Forks
from envbench.rollout.graph import Graph
from envbench.rollout.members import Members
from envbench.rollout.record import Floats, Ints, Rollout, Spent

# One step of all live episodes: int64 [n] each of episode, node, row and choice of the policy, edge, branch.
Turn: TypeAlias = tuple[Ints, Ints, Ints, Ints, Ints, Ints]


class GraphCollector:
    """Plays the members of each group on the graph.

    On deterministic environments the result equals that of `StepCollector` to the bit. On stochastic ones one draw of
    ours chooses among the listed outcomes, so that episodes agree with the environment's in distribution, not one by
    one; and `state` ids leave out the generator, which the environment's `state_hash` holds.

    Args:
        graph: may be shared by any number of collectors; it holds nothing but facts of the environment.
        policy: chooses among the valid actions.
    """

    def __init__(self, graph: Graph, policy: TabularPolicy) -> None:
        self._graph, self._policy = graph, policy
        self._rows: Ints = np.empty(0, np.int64)  # [nodes], the policy's row, -1 unknown (keys without a past)
        self._histories: dict[tuple[str, str, int], tuple[str, int]] = {}

    @property
    def graph(self) -> Graph:
        """What is walked on."""
        return self._graph

    def collect(self, members: Members) -> Rollout:
        """Play every member once."""
        start = time.perf_counter()
        node = np.repeat([self._graph.root(task) for task in members.tasks], members.size)
        number = np.arange(members.count)
        noise = members.noise_draws() if self._graph.stochastic else None
        left = np.full(members.count, members.max_steps)
        turns = self._walk(node, left, members.action_draws(), noise, None, [""] * members.count)
        none, zero = np.full_like(number, -1), np.zeros_like(number)
        return self._rollout(members, turns, start, group=number // members.size, member=number, parent=none, t=zero)

    def fork(self, forks: Forks) -> Rollout:
        """Play on from the situations that the forks name.

        Raises:
            InvalidValue: for rows that another collector has played, or that were replayed.
        """
        start, origin, rows = time.perf_counter(), forks.origin, forks.rows
        forks.check(origin.ids is self._graph.ids and bool((origin.place[rows] >= 0).all()))
        left = forks.left
        pasts: list[str] = []
        if self._policy.key == "history":
            keys = {row: key for key, row in self._histories.values()}
            pasts = [keys[row] for row in origin.row[rows].tolist()]
        noise = forks.draws("noise") if self._graph.stochastic else None
        turns = self._walk(origin.place[rows].copy(), left, forks.draws("actions"), noise, origin.row[rows], pasts)
        return self._rollout(origin.members, turns, start, **forks.columns())

    def _walk(
        self, node: Ints, left: Ints, draws: Floats, noise: Floats | None, first: Ints | None, pasts: list[str]
    ) -> list[Turn]:
        """Play episodes until each has come to an end or has no steps left.

        Args:
            node: int64 [n], where they stand; moved on in place.
            left: int64 [n], steps until the limit.
            draws: float64 [steps, n], of the policy.
            noise: float64 [steps, n], of the transitions; None where these are deterministic.
            first: int64 [n], the policy's rows at the start where they are known, which a past needs.
            pasts: history keys, of what was met before `node` (with `first`: up to it); moved on in place.
        """
        graph, policy = self._graph, self._policy
        live, shortest = np.arange(len(node)), int(left.min())
        turns: list[Turn] = []
        for step in range(int(left.max())):
            at = node[live]
            if step == 0 and first is not None:
                rows = first
            else:
                rows = self._past_rows(turns, live, at, pasts) if policy.key == "history" else self._node_rows(at)
            choice = policy.sample(rows, draws[step, live])
            edge = graph.nodes.first[at] + choice
            branch = graph.branch(edge, None if noise is None else noise[step, live])
            turns.append((live, at, rows, choice, edge, branch))
            node[live] = graph.branches.node[branch]
            live = live[~graph.branches.terminated[branch]]
            if step + 1 >= shortest:
                live = live[left[live] > step + 1]
            if not live.size:
                break
        return turns

    def _node_rows(self, at: Ints) -> Ints:
        """Return the policy's rows of situations that their node decides."""
        graph, policy = self._graph, self._policy
        if len(self._rows) < graph.nodes.size:
            unknown = np.full(2 * graph.nodes.size - len(self._rows), -1, np.int64)
            self._rows = np.concatenate([self._rows, unknown])
        rows = self._rows[at]
        if (rows < 0).any():
            for node in at[rows < 0].tolist():
                place = graph.places[node]
                key = place.anchor if policy.key == "anchor" else place.observation
                self._rows[node] = policy.row(key, place.actions)
            rows = self._rows[at]
        return rows

    def _past_rows(self, turns: list[Turn], live: Ints, at: Ints, pasts: list[str]) -> Ints:
        """Return the policy's rows of situations that all of their past decides, and move `pasts` on."""
        places, rows = self._graph.places, np.empty(len(live), np.int64)
        actions = [""] * len(pasts)  # taken last
        if turns:
            for episode, node, _, choice, *_ in zip(*turns[-1], strict=True):
                actions[episode] = places[node].actions[choice]
        for index, (episode, node) in enumerate(zip(live.tolist(), at.tolist(), strict=True)):
            action = actions[episode]
            step = (pasts[episode], action, node)
            if step not in self._histories:
                key = history_key(pasts[episode], action, places[node].observation)
                self._histories[step] = key, self._policy.row(key, places[node].actions)
            pasts[episode], rows[index] = self._histories[step]
        return rows

    def _rollout(
        self, members: Members, turns: list[Turn], start: float, *, group: Ints, member: Ints, parent: Ints, t: Ints
    ) -> Rollout:
        """Return the recorded turns, in order of the step, as a rollout of episodes that begin at `t`."""
        nodes, branches = self._graph.nodes, self._graph.branches
        columns = [np.concatenate(parts) for parts in zip(*turns, strict=True)]
        columns.append(np.repeat(np.arange(len(turns)), [len(turn[0]) for turn in turns]))
        order = np.argsort(columns[0], kind="stable")
        episode, at, rows, choice, edge, branch, step = (column[order] for column in columns)
        last = branch[np.flatnonzero(np.append(episode[1:] != episode[:-1], True))]
        terminated = branches.terminated[last]
        return Rollout(
            members=members,
            ids=self._graph.ids,
            episode=episode,
            t=step + t[episode],
            reward=branches.reward[branch],
            state=nodes.state[at],
            anchor=nodes.anchor[at],
            observation=nodes.observation[at],
            next_anchor=nodes.anchor[branches.node[branch]],
            action=self._graph.edges.action[edge],
            row=rows,
            choice=choice,
            place=at,
            group=group,
            member=member,
            terminated=terminated,
            truncated=~terminated,
            score=branches.score[last],
            success=branches.success[last],
            parent=parent,
            branch_t=t,
            spent=Spent(len(step), len(step), len(t), time.perf_counter() - start),
        )
