"""ALFWorld: household tasks in text, over the original's PDDL problems."""
