"""Bifurcation: corridors in which the steps that decide are known."""
