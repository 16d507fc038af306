"""Pages where the right things must be clicked."""

from __future__ import annotations

from envbench.envs.miniwob.oracles import oracle
from envbench.envs.miniwob.view import View


@oracle("click-test", "click-button")
def click_button(page: View) -> str | None:
    """Click the button that the utterance names, or the only one."""
    wanted = page.utterance.partition('"')[2].partition('"')[0]
    button = page.find(tag="button", text=wanted) if wanted else page.find(tag="button")
    return f"click({button.ref})" if button else None


@oracle("click-checkboxes", "click-checkboxes-large", "click-checkboxes-transfer")
def click_checkboxes(page: View) -> str | None:
    """Check what is listed, then submit."""
    listed = page.utterance.removeprefix("Select ").removesuffix(" and click Submit.").split(", ")
    for box in page.all(tag="input", type_="checkbox"):
        label = page.elements[box.parent].text
        if (label in listed) is not box.checked:
            return f"click({box.ref})"
    submit = page.find(id="subbtn")
    return f"click({submit.ref})" if submit else None
