"""Pages of a feed of posts."""

from __future__ import annotations

import re

from envbench.envs.miniwob.oracles import oracle
from envbench.envs.miniwob.oracles.tools import click, quoted
from envbench.envs.miniwob.view import Element, View


def _posts(page: View) -> list[Element]:
    """Return the posts of the named user."""
    user = re.findall(r"@\w+", page.utterance)[0]
    return [post for post in page.all(".media") if page.find(cls="username", text=user, within=post)]


@oracle("social-media")
def press_on_post(page: View) -> str | None:
    """Press a button of the user's post, below the three dots if it is not in the row."""
    post, wanted = _posts(page)[0], quoted(page)
    button = page.find(cls=wanted.lower(), within=post) if wanted in ("Reply", "Retweet", "Like") else None
    menu = (one for one in page.all(tag="li", within=post) if one.text == wanted or one.text.startswith(f"{wanted} @"))
    return click(button or next(menu, None) or page.find(cls="more", within=post))


@oracle("social-media-all", "social-media-some")
def press_on_posts(page: View) -> str | None:
    """Press a button of all or of some of the user's posts, then submit."""
    kind = quoted(page).lower()
    buttons = [page.all(cls=kind, within=post)[0] for post in _posts(page)]
    count = re.findall(r" on (\d+) post", page.utterance)
    for button in buttons[: int(count[0]) if count else None]:
        if "active" not in button.classes:
            return click(button)
    return click(page.find("#submitRow button"))
