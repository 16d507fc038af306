"""Environments small enough to solve by hand, as `Mdp`."""

import numpy as np

from envbench.fidelity.mdp import Mdp


def mdp_of(nodes, roots=(0,)):
    """An Mdp from a list with one dict per node: action -> [(probability, target, reward, terminated, success)]."""
    edges = [outcomes for node in nodes for outcomes in node.values()]
    branches = [branch for outcomes in edges for branch in outcomes]
    columns = list(zip(*branches, strict=True))
    return Mdp(
        anchors=tuple(f"node {number}" for number in range(len(nodes))),
        actions=tuple(tuple(node) for node in nodes),
        tasks=tuple(f"task {number}" for number in range(len(roots))),
        roots=np.array(roots),
        first=np.cumsum([0, *(len(node) for node in nodes)]),
        opens=np.cumsum([0, *(len(outcomes) for outcomes in edges)]),
        probability=np.array(columns[0], float),
        target=np.array(columns[1]),
        reward=np.array(columns[2], float),
        terminated=np.array(columns[3], bool),
        success=np.array(columns[4], bool),
    )


def bandit(*means):
    """One decision, then the end; the arm pays 1 (success) with its mean as probability."""
    arms = {
        f"arm {number}": [(mean, 1, 1.0, True, True), (1.0 - mean, 1, 0.0, True, False)]
        for number, mean in enumerate(means)
    }
    return mdp_of([arms, {}])


def chain(length):
    """`length` forks in a row: `on` leads to the next and from the last to reward 1, `off` ends with nothing."""
    nodes = []
    for place in range(length):
        last = place == length - 1
        on = (1.0, length if last else place + 1, float(last), last, last)
        nodes.append({"on": [on], "off": [(1.0, length, 0.0, True, False)]})
    return mdp_of([*nodes, {}])


def waiting():
    """A door that opens with probability 1/2 at each `push` (reward 1, end); `wait` stays and costs nothing."""
    return mdp_of(
        [{"push": [(0.5, 1, 1.0, True, True), (0.5, 0, 0.0, False, False)], "wait": [(1.0, 0, 0.0, False, False)]}, {}]
    )
