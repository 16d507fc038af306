"""Credit assignment: one file per method, one public call per kind of method.

    from envbench import credit
    selection = credit.select("dynamic_sampling", batch)
    shaped = credit.shape("overlong", batch, limit=4096, cache=512)
    result = credit.advantages("gigpo", shaped, omega=0.5)

A method is found by its file: every module of this folder is imported, in order of name.
"""

from importlib import import_module
from pkgutil import iter_modules

from envbench.credit.registry import EVIDENCE, Method, advantages, method, methods, register, select, shape
from envbench.credit.selection import Selection
from envbench.types.columns import need_torch

__all__ = ["EVIDENCE", "Method", "Selection", "advantages", "method", "methods", "register", "select", "shape"]

need_torch()
for _name in sorted(module.name for module in iter_modules(__path__)):
    import_module(f"{__name__}.{_name}")
