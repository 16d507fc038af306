from envbench.testing import ConformanceSuite


class TestWebShopBrowser(ConformanceSuite):
    family = "webshop_browser"
    paths = 4
    every = 150  # the engine, the tasks and the oracle are WebShop's, whose suite plays them all
