"""The contract of an environment as tests that a family inherits.

    from envbench.testing import ConformanceSuite

    class TestMyFamily(ConformanceSuite):
        family = "myfamily"

runs every check on every `[[conformance]]` case of the card.
"""

from envbench.testing.suite import LONG, ConformanceSuite

__all__ = ["LONG", "ConformanceSuite"]
