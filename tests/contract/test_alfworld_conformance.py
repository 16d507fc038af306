from envbench.testing import ConformanceSuite


class TestALFWorld(ConformanceSuite):
    family = "alfworld"
