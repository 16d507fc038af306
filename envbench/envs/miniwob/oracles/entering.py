"""Pages where something must be typed."""

from __future__ import annotations

from envbench.envs._browser.grammar import quote
from envbench.envs.miniwob.oracles import oracle
from envbench.envs.miniwob.view import View


@oracle("enter-text")
def enter_text(page: View) -> str | None:
    """Type what stands in quotes, then submit."""
    wanted = page.utterance.partition('"')[2].partition('"')[0]
    box, submit = page.find(id="tt"), page.find(id="subbtn")
    if box is None or submit is None:
        return None
    return f"fill({box.ref}, {quote(wanted)})" if box.value != wanted else f"click({submit.ref})"
