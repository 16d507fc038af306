"""Episodes side by side: which of their steps stand on one line."""

from __future__ import annotations

from collections.abc import Hashable, Sequence

# Gains of a line: two steps with one key; one step alone (two others may share a line for nothing); and both at the
# very start, where all episodes of a group stand.
_MATCH, _GAP, _FIRST = 10, -6, 1000


def align(episodes: Sequence[Sequence[Hashable | None]]) -> list[list[int]]:
    """Return the line of every step, so that steps with equal keys stand on one line where the order allows it.

    One episode after the other, in the order given, is laid on the lines so far (global alignment of two sequences by
    dynamic programming). O(steps of an episode times lines) for each.

    Args:
        episodes: key of each step; None never matches.

    Returns:
        Line of each step, from 0, rising in every episode.
    """
    lines: list[set[Hashable]] = []
    placed: list[list[int]] = []
    for keys in episodes:
        chosen, lines, moved = _lay(keys, lines)
        placed = [[moved[line] for line in one] for one in placed]
        placed.append(chosen)
    return placed


def _lay(
    keys: Sequence[Hashable | None], lines: Sequence[set[Hashable]]
) -> tuple[list[int], list[set[Hashable]], list[int]]:
    """Return the line of each key among the new lines, the new lines, and where the old ones went."""

    def gain(i: int, j: int) -> int:
        if keys[i] not in lines[j]:
            return 0
        return _MATCH + (_FIRST if i == j == 0 else 0)

    steps, height = len(keys), len(lines)

    def skip(i: int) -> int:
        return _GAP if 0 < i < steps else 0  # an episode may begin and end anywhere

    score = [[_GAP * (steps - i) for _ in range(height + 1)] for i in range(steps + 1)]  # of what is left
    for i in reversed(range(steps)):
        for j in reversed(range(height)):
            score[i][j] = max(score[i + 1][j + 1] + gain(i, j), score[i + 1][j] + _GAP, score[i][j + 1] + skip(i))
    chosen, moved = [0] * steps, [0] * height
    merged: list[set[Hashable]] = []
    i = j = 0
    while i < steps or j < height:
        both = i < steps and j < height and score[i][j] == score[i + 1][j + 1] + gain(i, j)
        alone = not both and i < steps and score[i][j] == score[i + 1][j] + _GAP
        merged.append(set())
        if both or alone:
            chosen[i] = len(merged) - 1
            merged[-1] |= {keys[i]} - {None}
            i += 1
        if not alone:
            moved[j] = len(merged) - 1
            merged[-1] |= lines[j]
            j += 1
    return chosen, merged, moved
