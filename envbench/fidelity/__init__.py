"""Credit against the truth: exact values by dynamic programming, sampled ones by branching, and what to compare."""
