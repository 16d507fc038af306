"""Collecting episodes: one at a time with any agent (`play`), or many with a policy.

`members` says who plays; `walk` (on memoised transitions) and `steps` (in the environment) play groups of chains and
continue them from any row (`forks`). On top of these two: trees (`tree`), values by continuations (`values`), dynamic
sampling (`sampling`), a replay buffer (`replay`). `fill` gives a rollout the columns that a credit method asks for.
"""
