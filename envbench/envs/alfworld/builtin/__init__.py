"""Games of our own: 120 generated houses with the original's kinds of rooms, tasks, split sizes and wording.

`drafts(split)` yields the games of a split in the order of their index; `Draft.game()` writes one out.
"""

from envbench.envs.alfworld.builtin.drafts import Draft, drafts

__all__ = ["Draft", "drafts"]
