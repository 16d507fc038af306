"""Draw the pictures of envs/webshop_browser: four pages as agents see them, and the end of a person's episode.

Usage: python scripts/webshop_pictures.py   Needs Chromium.
"""

from pathlib import Path
from typing import Any

import gymnasium
from PIL import Image

import envbench
from envbench.cards import home
from envbench.envs._browser.env import decode
from envbench.envs._browser.page import Page
from envbench.envs._browser.site import ORIGIN, Response
from envbench.envs.webshop_browser import site
from envbench.envs.webshop_browser.serve import Visit

ID, TASK = "envbench/WebShopBrowser-v0", "webshop/builtin/test/0042"
SIZE, GAP, COLOURS = (640, 480), 12, 128


def pages() -> Image.Image:
    """Return the pages of an oracle's episode: a query, its results, the product chosen and bought."""
    env: Any = gymnasium.make(ID, split="test", screenshot=True).unwrapped
    observation, info = env.reset(seed=0, options={"task": TASK})
    last: dict[str, Any] = {}
    while "outcome" not in info:
        observation, *_, info = env.step(env.oracle())
        last[info["page"]] = observation["screenshot"]
    env.close()
    sheet = Image.new("RGB", (2 * SIZE[0] + GAP, 2 * SIZE[1] + GAP), (120, 124, 132))
    for number, pixels in enumerate(last[name] for name in ("search", "results", "item", "done")):
        place = (number % 2 * (SIZE[0] + GAP), number // 2 * (SIZE[1] + GAP))
        sheet.paste(Image.fromarray(pixels).resize(SIZE, Image.Resampling.LANCZOS), place)
    return sheet


def ending() -> Image.Image:
    """Return the last page of a person who bought without choosing a size, in dark colours."""
    visit = Visit(envbench.panel(ID, split="test").task(TASK), "builtin", {})
    while (action := visit.env.oracle()) is not None:
        engine = visit.env._engine
        if engine.session.page == "item":
            action = "click[buy now]"
        visit.act(action)
    page = Page(lambda asked: Response(str(visit.answer(site.request(asked.url))).encode()), width=1024, height=860)
    page.call("Emulation.setEmulatedMedia", {"features": [{"name": "prefers-color-scheme", "value": "dark"}]})
    page.goto(ORIGIN + visit.here())
    page.frame()
    pixels = decode(page.screenshot())
    page.close()
    visit.close()
    return Image.fromarray(pixels)


if __name__ == "__main__":
    for name, picture in (("pages", pages()), ("ending", ending())):
        path = Path(home() / "envs" / "webshop_browser" / f"{name}.png")
        picture.quantize(COLOURS, dither=Image.Dither.NONE).save(path, optimize=True)
        print(path, path.stat().st_size)
