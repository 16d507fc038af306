from envbench.testing import ConformanceSuite


class TestWebShopBrowser(ConformanceSuite):
    family = "webshop_browser"
