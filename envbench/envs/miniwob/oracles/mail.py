"""Pages of an inbox."""

from __future__ import annotations

import re

from envbench.envs.miniwob.oracles import oracle
from envbench.envs.miniwob.oracles.tools import between, click, fill, quoted
from envbench.envs.miniwob.view import View


def _wanted(page: View) -> dict[str, str]:
    """Return what is asked for: task (reply, forward, delete, star), by, and message or to."""
    if "by" in page.fields:
        return {"task": "forward"} | page.fields
    sender = re.findall(r"email by (.*?)(?: and |$)", page.utterance)[0]
    if "reply" in page.utterance:
        return {"task": "reply", "by": sender, "message": quoted(page)}
    if "forward" in page.utterance:
        return {"task": "forward", "by": sender, "to": between(page.utterance, "email to ", ".")}
    return {"task": "delete" if "trash" in page.utterance else "star", "by": sender}


@oracle(
    "email-inbox",
    "email-inbox-delete",
    "email-inbox-forward",
    "email-inbox-forward-nl",
    "email-inbox-forward-nl-turk",
    "email-inbox-important",
    "email-inbox-nl-turk",
    "email-inbox-noscroll",
    "email-inbox-reply",
    "email-inbox-star-reply",
)
def handle_mail(page: View) -> str | None:
    """Find the mail by its sender, then mark it, delete it, answer it or send it on."""
    wanted = _wanted(page)
    if page.find("#reply"):
        return fill(page.find("#reply-text"), wanted["message"]) or click(page.find("#send-reply"))
    if page.find("#forward"):
        return fill(page.find("#forward .forward-sender"), wanted["to"]) or click(page.find("#send-forward"))
    if page.find("#email"):
        return click(page.find("#email .email-reply" if wanted["task"] == "reply" else "#email .email-forward"))
    sender = page.find("#main .email-sender", text=wanted["by"])
    if sender is None or wanted["task"] in ("reply", "forward"):
        return click(sender)
    row = next(one for one in page.parents(sender) if "email-thread" in one.classes)
    return click(page.find(cls="trash" if wanted["task"] == "delete" else "star", within=row))
