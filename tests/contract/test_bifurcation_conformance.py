from envbench.testing import ConformanceSuite


class TestBifurcation(ConformanceSuite):
    family = "bifurcation"
