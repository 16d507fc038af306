from envbench.testing import ConformanceSuite


class TestTextWorld(ConformanceSuite):
    family = "textworld"
