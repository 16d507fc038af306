"""A purchase explained at the terminal, as in the text shop; the pages themselves are text already."""

from envbench.envs.webshop.render import ending

__all__ = ["ending"]
