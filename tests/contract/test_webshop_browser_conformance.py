from envbench.testing import LONG, ConformanceSuite


class TestWebShopBrowser(ConformanceSuite):
    family = "webshop_browser"
    paths = 4
    every = 150  # the engine, the tasks and the oracle are WebShop's, whose suite plays them all
    long = LONG  # the cases differ in what is shown and in their products
