from envbench.testing import ConformanceSuite


class TestMiniWoB(ConformanceSuite):
    family = "miniwob"
