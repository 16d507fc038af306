"""Pages where something is read or worked out and typed into fields."""

from __future__ import annotations

import re

from envbench.envs.miniwob.oracles import oracle
from envbench.envs.miniwob.oracles.tools import answer, between, click, fill, numbers, ordinals, quoted, quotes, submit
from envbench.envs.miniwob.view import Element, View


@oracle("enter-text", "enter-text-dynamic")
def enter_text(page: View) -> str | None:
    """Type what stands in quotes, then submit."""
    return answer(page, "#tt", quoted(page))


@oracle("enter-text-2")
def enter_cased(page: View) -> str | None:
    """Type what stands in quotes in the wanted case, then submit."""
    text = quoted(page)
    return answer(page, "#tt", text.upper() if "upper case" in page.utterance else text.lower())


@oracle("enter-password")
def enter_password(page: View) -> str | None:
    """Type the password twice, then submit."""
    return fill(page.find("#password"), quoted(page)) or answer(page, "#verify", quoted(page))


@oracle("login-user", "login-user-popup")
def login(page: View) -> str | None:
    """Refuse what pops up, type name and password, log in."""
    name, password = quotes(page.utterance)
    return (
        click(page.find("#popup-cancel")) or fill(page.find("#username"), name) or answer(page, "#password", password)
    )


@oracle("text-transform")
def read_captcha(page: View) -> str | None:
    """Type the distorted letters, then submit."""
    return answer(page, "#tt", "".join(one.text for one in page.all("#captcha span")))


@oracle("copy-paste", "copy-paste-2")
def copy_text(page: View) -> str | None:
    """Repeat the text of the named area in the field, then submit."""
    areas = page.all("#area textarea")
    return answer(page, "#answer-input", areas[next(iter(ordinals(page.utterance)), 0)].value)


@oracle("find-word", "scroll-text")
def find_word(page: View) -> str | None:
    """Type the word at a place of the text, or its last one, then submit."""
    shown = page.find("#text-area") or page.find("#area p")
    words = (shown.value or shown.text).split() if shown else [""]
    place = next(iter(ordinals(page.utterance)), -1)
    return answer(page, "#answer-input", re.sub(r"[^a-zA-Z0-9]", "", words[place]))


def _table(page: View) -> dict[str, str]:
    cells = page.all("#tab td")
    return {key.text: value.text for key, value in zip(cells[::2], cells[1::2], strict=True)}


@oracle("read-table")
def read_table(page: View) -> str | None:
    """Type one value of the table, then submit."""
    return answer(page, "#tt", _table(page)[between(page.utterance, "the value of ", " into")])


@oracle("read-table-2")
def read_table_twice(page: View) -> str | None:
    """Type the values that belong to two labels, then submit."""
    table = _table(page)
    first, second = (table[label.text.removesuffix(":")] for label in page.all("#form label"))
    return fill(page.find("#tt1"), first) or answer(page, "#tt2", second)


@oracle("simple-arithmetic")
def arithmetic(page: View) -> str | None:
    """Type the result, then submit."""
    left, sign, right = page.all("#math-problem")[0].text.removesuffix(" =").split()
    a, b = int(left), int(right)
    return answer(page, "#math-answer", str({"+": a + b, "-": a - b, "x": a * b}[sign]))


@oracle("simple-algebra")
def algebra(page: View) -> str | None:
    """Type x, then submit."""
    left, sign, right, _, total = page.all("#math-problem")[0].text.split()
    if sign == "+":
        x = int(total) - int(right if left == "x" else left)
    else:
        x = int(total) + int(right) if left == "x" else int(left) - int(total)
    return answer(page, "#math-answer", str(x))


@oracle("visual-addition")
def visual_addition(page: View) -> str | None:
    """Type the number of blocks, then submit."""
    return answer(page, "#math-answer", str(len(page.all(".addition-block"))))


@oracle("guess-number")
def guess_number(page: View) -> str | None:
    """Begin in the middle and go one by one where the feedback points."""
    hint = next(one.text for one in page.all("#feedback > div"))
    said = numbers(hint)
    guess = str((said[0] - 1 if "lower" in hint else said[0] + 1) if said else 5)
    return answer(page, "#tt", guess)


@oracle("multi-layouts", "multi-orderings")
def search_film(page: View) -> str | None:
    """Fill the fields by their labels wherever they stand, then submit."""
    wanted = {
        "genre": between(page.utterance, "Search for ", " movies"),
        "direct": between(page.utterance, "directed by ", " from year"),
        "year": between(page.utterance, "from year ", "."),
        "date": between(page.utterance, "from year ", "."),
    }
    for field in page.all("#area input"):
        label = _label(page, field).lower()
        if action := fill(field, next(text for word, text in wanted.items() if word in label)):
            return action
    return click(page.find("#area button, #area .final, #area .ui-submit"))


def _label(page: View, field: Element) -> str:
    return next(one.text for one in page.parents(field) if one.text)


@oracle("use-autocomplete", "use-autocomplete-nodelay")
def autocomplete(page: View) -> str | None:
    """Type the beginning, choose what ends as wanted from the list, submit."""
    begin, end = [*quotes(page.utterance), ""][:2]
    field = page.find("#tags")
    if field and field.value.startswith(begin) and field.value.endswith(end) and field.value in page.script("ITEMS"):
        return submit(page)
    listed = page.all(".ui-autocomplete li")
    fitting = (one for one in listed if one.text.startswith(begin) and one.text.endswith(end))
    return click(next(fitting, None)) or fill(field, begin) or "noop()"


@oracle("use-colorwheel", "use-colorwheel-2")
def colour_wheel(page: View) -> str | None:
    """Type the colour as a code into the field of the wheel, then submit."""
    name = between(page.utterance, "Select ", " with the color picker")
    shown = page.find("#query .cc", visible=False)
    code = shown.attrs["style"].partition("#")[2] if shown else page.script(f"ui_utils.colorNameToHex('{name}')")[1:]
    return answer(page, "#col", code.upper())


@oracle("sign-agreement")
def sign_agreement(page: View) -> str | None:
    """Cancel, or read to the end, sign and press the named button."""
    if "Scroll" not in page.utterance:
        return click(page.find("#cancel"))
    name, button = quotes(page.utterance)
    if page.find("#agree:disabled"):
        return f"scroll({page.all('#text-area')[0].ref}, 0, 100000)"
    return fill(page.find("#name"), name) or click(page.find("#area button", text=button))


@oracle("scroll-text-2")
def scroll_text(page: View) -> str | None:
    """Scroll to the named end, then submit."""
    down = "bottom" in page.utterance
    top, rest = page.script(
        "(e => [e.scrollTop, e.scrollHeight - e.clientHeight - e.scrollTop])(document.querySelector('#text-area'))"
    )
    if (rest if down else top) > 1:
        return f"scroll({page.all('#text-area')[0].ref}, 0, {100000 if down else -100000})"
    return submit(page)
