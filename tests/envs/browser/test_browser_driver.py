"""What actions do to a page, how its clock goes, what is read from it, and what typed text cannot do."""

import json
import re
import shutil
import time
from collections.abc import Callable
from typing import Any

import pytest

from envbench.envs._browser.browser import browser, close_browser
from envbench.envs._browser.env import decode
from envbench.envs._browser.grammar import parse, quote
from envbench.envs._browser.session import Session, Start
from envbench.envs._browser.site import ORIGIN, Request, Response
from envbench.testing.require import missing

pytestmark = pytest.mark.browser

Play = Callable[..., Any]

FORM = """
<label><input type=checkbox id=c> agree</label>
<input id=t aria-label=name value=old>
<textarea id=a aria-label=story></textarea>
<select id=s aria-label=list><option>one<option>two<option disabled>three</select>
<div id=e contenteditable aria-label=note></div>
<input id=d type=date aria-label=day>
<button id=b onclick="this.dataset.n = 1 + Number(this.dataset.n || 0)">go</button>
<button disabled>off</button>
<div style="display:none"><button>hidden</button></div>
"""


def test_clicks(play: Play) -> None:
    played = play(FORM)
    assert played.act(f"click({played.ref('agree')})") == ""
    assert played.js("c.checked") is True
    for action, after in (("check", True), ("check", True), ("uncheck", False), ("uncheck", False)):
        assert played.act(f"{action}({played.ref('agree')})") == ""
        assert played.js("c.checked") is after
    assert played.act(f"click({played.ref('go')})") == ""
    assert played.js("b.dataset.n") == "1"
    assert played.act(f"dblclick({played.ref('go')})") == ""
    assert played.js("b.dataset.n") == "3"


def test_typing(play: Play) -> None:
    played = play(FORM)
    name = played.ref("name")
    assert played.act(f'type({name}, " and new")') == ""
    assert played.js("t.value") == "old and new"
    assert played.act(f'fill({name}, "Ünï 1+1=2 <b>")') == ""
    assert played.js("t.value") == "Ünï 1+1=2 <b>"
    assert played.act(f"clear({name})") == ""
    assert played.js("t.value") == ""
    assert played.act(f'fill({played.ref("story")}, "a\\nb")') == ""
    assert played.js("a.value") == "a\nb"
    assert played.act(f'fill({played.ref("note")}, "xyz")') == ""
    assert played.js("e.textContent") == "xyz"
    assert played.act(f'fill({played.ref("day")}, "2020-02-03")') == ""
    assert played.js("d.value") == "2020-02-03"


def test_keyboard(play: Play) -> None:
    played = play(FORM)
    name = played.ref("name")
    played.act(f"focus({name})")
    played.act('keyboard_press("Control+a")')
    played.act('keyboard_type("new")')
    assert played.js("t.value") == "new"
    played.act('keyboard_press("Control+a")')
    played.act('keyboard_press("Control+c")')
    played.act(f"focus({played.ref('story')})")
    played.act('keyboard_press("Control+v")')
    assert played.js("a.value") == "new"
    played.act(f'press({name}, "Backspace")')
    assert played.js("document.activeElement.id") == "t"


def test_choosing(play: Play) -> None:
    played = play(FORM)
    played.js("s.onchange = () => { changed = s.value }")
    assert played.act(f'select({played.ref("list")}, "two")') == ""
    assert played.js("changed") == "two"
    assert (
        played.act(f'select({played.ref("list")}, "three")') == f"element {played.ref('list')}: it has no such option"
    )
    assert (
        played.act(f'select({played.ref("list")}, ["one", "two"])')
        == f"element {played.ref('list')}: it has no such option"
    )


def test_what_is_refused_changes_nothing(play: Play) -> None:
    played = play(FORM)
    before = played.session.seen.document
    hidden = played.js(
        "[...document.body.querySelectorAll('*')].findIndex((one) => one.matches('div[style] > button'))"
    )
    for text in (
        "click(9999)", f"click({hidden})", f"click({played.ref('off')})", f'fill({played.ref("go")}, "x")',
        f'select({played.ref("go")}, "x")', "mouse_click(400, 10)", "mouse_click(-1, 10)", "go_back()", "go_forward()",
    ):  # fmt: skip
        assert played.act(text) != "", text
        assert played.session.refresh().document == before, text
    assert played.js("__envbench.now") == 0


def test_mouse(play: Play) -> None:
    played = play(
        "<style>body { margin: 0; user-select: none } "
        "div { position: absolute; width: 40px; height: 40px; background: red }"
        "#x:hover { background: blue }</style><div id=x></div><div id=y style='left: 100px'></div>"
        "<script>heard = []; for (const kind of ['mousedown', 'mouseup', 'mouseenter', 'contextmenu'])"
        "for (const one of [x, y]) one.addEventListener(kind, () => heard.push(kind + one.id))</script>"
    )
    played.act("mouse_move(20, 20)")
    assert played.js("getComputedStyle(x).backgroundColor") == "rgb(0, 0, 255)"
    assert played.js("heard") == ["mouseenterx"]
    played.js("heard.length = 0")
    played.act("mouse_drag(20, 20, 120, 20)")
    assert played.js("heard") == ["mousedownx", "mouseentery", "mouseupy"]
    played.js("heard.length = 0")
    played.act("mouse_down(20, 20)")
    played.act("mouse_move(120, 20)")
    played.act("mouse_up(120, 20)")
    assert played.js("heard") == ["mouseenterx", "mousedownx", "mouseentery", "mouseupy"]
    played.js("heard.length = 0")
    played.act('mouse_click(120, 20, button="right")')
    assert "contextmenuy" in played.js("heard")


def test_native_drags(play: Play) -> None:
    played = play(
        "<style>div { width: 60px; height: 60px }</style><div id=x draggable=true onclick=''>thing</div>"
        "<div id=y role=region aria-label=bin></div><script>heard = [];"
        "x.ondragstart = (e) => e.dataTransfer.setData('text/plain', 'it');"
        "y.ondragover = (e) => e.preventDefault(); y.ondrop = (e) => heard.push(e.dataTransfer.getData('text/plain'));"
        "x.ondragend = () => heard.push('end')</script>"
    )
    assert played.act(f"drag({played.ref('thing')}, {played.ref('bin')})") == ""
    assert played.js("heard[0]") == "it"
    assert played.act("mouse_click(5, 5)") == ""


def test_scrolling(play: Play) -> None:
    played = play(
        "<div id=box style='height: 50px; overflow: auto'><p style='height: 500px'>x</p><button>in</button></div>"
        "<p style='height: 2000px'></p><button onclick='far = 1'>end</button>"
    )
    assert played.act("scroll(0, 120)") == ""
    assert played.js("scrollY") == 120
    box = played.js("[...document.body.querySelectorAll('*')].indexOf(box)")
    assert played.act(f"scroll({box}, 0, 30)") == ""
    assert played.js("box.scrollTop") == 30
    assert played.act("scroll_at(20, 20, 0, -60)") == ""
    assert played.act(f"click({played.ref('end')})") == ""
    assert played.js("far") == 1


def test_what_a_scrolling_part_hides_is_brought_into_view(play: Play) -> None:
    played = play(
        '<div id=box style="height:100px;overflow:auto"><p style="height:90px"></p>'
        '<button id=b onclick="this.dataset.n=1">below</button><p style="height:90px"></p></div>'
    )
    assert played.act(f"click({played.ref('below')})") == ""
    assert played.js("b.dataset.n") == "1"
    assert played.js("box.scrollTop > 0") is True


def test_what_is_read_only_is_shown_so_and_not_offered_to_be_filled(play: Play) -> None:
    played = play("<input aria-label=name><input readonly aria-label=day>")
    assert 'textbox "day" (readonly)' in played.session.seen.text
    assert played.act(f"fill({played.ref('day')}, 'x')").endswith("it is read-only")
    offered = [*played.session.seen.commands(["x"])]
    assert offered == ["click(0)", 'fill(0, "x")', "click(1)", "noop()"]


def test_what_is_disabled_can_be_scrolled(play: Play) -> None:
    played = play(
        '<textarea id=a disabled aria-label=story rows=2></textarea><script>a.value = "a\\n".repeat(99)</script>'
    )
    assert played.act(f"scroll({played.ref('story')}, 0, 50)") == ""
    assert played.js("a.scrollTop") == 50
    assert "disabled" in played.act(f"click({played.ref('story')})")


def wait_for(played: Any, address: str) -> None:
    """Without the barrier, what an input has started may come some steps later."""
    for _ in range(0 if played.session.barrier else 100):
        if address not in played.session.seen.url:
            played.act("noop()")


@pytest.mark.parametrize("barrier", [True, False])
def test_going_back_and_forward(play: Play, barrier: bool) -> None:
    played = play(
        {"/": "<a href='/two'>two</a>", "/two": "<form action='/three'><button>three</button></form>", "/three": "3"},
        barrier=barrier,
    )
    played.act(f"click({played.ref('two')})")
    wait_for(played, "/two")
    played.act(f"click({played.ref('three')})")
    wait_for(played, "/three")
    assert "/three" in played.session.seen.url
    assert played.act("go_back()") == ""
    assert played.session.seen.url.endswith("/two")
    assert played.act("go_back()") == ""
    assert played.act("go_back()") != ""
    assert played.act("go_forward()") == ""
    assert played.session.seen.url.endswith("/two")


def test_the_clock_moves_with_steps_alone(play: Play) -> None:
    played = play(
        "<script>seen = []; setTimeout(() => seen.push('t' + performance.now()), 150);"
        "setInterval(() => seen.push('i' + (Date.now() - begun)), 60); begun = Date.now();"
        "requestAnimationFrame((now) => seen.push('f' + now)); Promise.resolve().then(() => seen.push('p'));"
        "onclick = (event) => seen.push('c' + event.timeStamp)</script><p>text</p>"
    )
    assert played.js("seen") == ["p"]
    assert played.js("new Date().toISOString()") == "2020-01-01T12:00:00.000Z"
    played.act("mouse_click(5, 5)")
    assert played.js("seen") == ["p", "c0", "f16", "i60"]
    played.act("noop()")
    assert played.js("seen.slice(4)") == ["i120", "t150", "i180"]
    played.act("noop(1000)")
    assert played.js("performance.now()") == 1300
    assert played.js("[Math.random(), Math.random()]") == play("<p>").js("[Math.random(), Math.random()]")


def test_what_is_seen(play: Play) -> None:
    played = play("<title>T</title><h1>Shop</h1><p>plain <b>bold</b></p>" + FORM + "<svg><circle r=5 fill=red /></svg>")
    text = played.session.seen.text
    assert f'[{played.ref("agree")}] checkbox "agree"' in text
    assert 'textbox "name" value="old"' in text
    assert 'button "off" (disabled)' in text
    assert "hidden" not in text
    assert "circle" in text
    assert "fill=red" in text
    tree = played.session.seen.axtree
    assert tree.startswith('RootWebArea "T"')
    assert f'[{played.ref("go")}] button "go", clickable' in tree
    commands = list(played.session.seen.commands(["x"]))
    assert f'fill({played.ref("name")}, "x")' in commands
    assert f'select({played.ref("list")}, "two")' in commands
    assert not any("three" in command for command in commands)
    for command in commands:
        assert played.act(command) == "", command


CHANGES = (
    "t.value = 'x'", "c.checked = true", "c.indeterminate = true", "s.selectedIndex = 1", "t.focus()",
    "t.focus(); t.setSelectionRange(0, 1)", "document.body.append('x')", "b.disabled = true", "setTimeout('1', 10)",
    "Math.random()", "getSelection().selectAllChildren(document.body)", "history.pushState(0, '', '/x')",
    "document.body.attachShadow({mode: 'open'}).append('x')", "b.title = 'x'",
    "a.value = 'x\\n'.repeat(99); a.scrollTop = 9",
)  # fmt: skip


def test_the_document_key_tells_states_apart(play: Play) -> None:
    keys = {play(FORM).session.seen.document}
    for change in CHANGES:
        played = play(FORM)
        played.js(f"(() => {{ {change} }})()")
        keys.add(played.session.refresh().document)
    assert len(keys) == 1 + len(CHANGES)
    canvas = play("<canvas id=k></canvas>")
    before = canvas.session.seen.document
    canvas.js("k.getContext('2d').fillRect(0, 0, 1, 1)")
    assert canvas.session.refresh().document != before


def test_a_held_button_is_part_of_the_state(play: Play) -> None:
    keys = set()
    for actions in (
        ("mouse_move(9, 9)",),
        ("mouse_down(9, 9)",),
        ("mouse_down(9, 9)", "mouse_move(50, 9)"),
        ("mouse_down(50, 9)",),  # where it went down decides what it clicks
    ):
        played = play("<p>so</p>")
        for action in actions:
            played.act(action)
        keys.add(played.session.seen.document)
    assert len(keys) == 4


def test_what_is_dragged_is_part_of_the_state(play: Play) -> None:
    keys = set()
    for ways in (["mouse_move(60, 60)"], []):  # far enough for a drag to begin, or not; then back
        played = play("<div draggable=true style='width:60px;height:60px'>thing</div><p>so</p>")
        for action in ("mouse_down(20, 20)", *ways, "mouse_move(21, 20)"):
            played.act(action)
        keys.add(played.session.seen.document)
    assert len(keys) == 2


def test_where_the_mouse_was_put_by_coordinates_is_part_of_the_state(play: Play) -> None:
    """Where a reference led is not: it depends on the machine's fonts."""
    keys, ends = set(), set()
    for action in ("mouse_move(50, 20)", "mouse_move(50, 29)", "hover({})", "hover({})"):
        played = play("<p onmouseenter='a = 1'>upper</p><p onmouseenter='b = 1' style='height:2000px'>lower</p>")
        played.act(action.format(played.ref("upper")))
        keys.add(played.session.seen.document)
        played.act("scroll(0, 24)")  # so that the mouse is over another element, or not
        ends.add(played.js("String(globalThis.b)"))
    assert len(keys) == 3
    assert ends == {"undefined", "1"}


TWO = "<p id=p>one two</p><input id=t aria-label=first><input id=u aria-label=second><p>three</p>"


def test_where_tab_goes_on_from_and_which_way_a_selection_was_made_are_part_of_the_state(play: Play) -> None:
    above, below = play(TWO), play(TWO)
    above.act("mouse_click(200, 1)")
    below.act("mouse_click(200, 295)")
    assert above.session.seen.document != play(TWO).session.seen.document
    ways = []
    for keys in (("Home", "Shift+End"), ("End", "Shift+Home")):
        played = play(TWO)
        played.act(f"fill({played.ref('first')}, 'abc')")
        for key in keys:
            played.act(f"keyboard_press('{key}')")
        assert played.js("t.selectionStart") == 0
        assert played.js("t.selectionEnd") == 3
        ways.append(played.session.seen.document)
    assert ways[0] != ways[1]


def test_the_clipboard_is_the_documents_own(play: Play) -> None:
    other, played = play(TWO), play(TWO)
    other.act(f"fill({other.ref('first')}, 'secret')")
    for key in ("Control+a", "Control+c"):
        other.act(f"keyboard_press('{key}')")
    second = played.ref("second")
    fresh = played.session.seen.document
    for keys in ("Control+v", "Shift+Insert"):
        played.act(f"press({second}, '{keys}')")
        assert played.js("u.value") == ""
    played.js("document.activeElement.blur(); getSelection().selectAllChildren(p)")
    for action in ("keyboard_press('Control+c')", f"press({second}, 'Control+v')"):
        played.act(action)
    assert played.js("u.value") == "one two"
    played.act("keyboard_press('Control+z')")
    assert played.js("u.value") == "one two"  # the document would not show what can be undone
    for action in (f"press({second}, 'Control+a')", "keyboard_press('Control+x')", "keyboard_press('Control+v')"):
        played.act(action)
    assert played.js("u.value") == "one two"
    played.act(f"clear({second})")
    played.js("getSelection().removeAllRanges(); document.activeElement.blur()")
    assert played.session.refresh().document != fresh  # what can be pasted decides what comes


def test_pages_hear_of_copies_and_pastes(play: Play) -> None:
    played = play(
        "<input id=t aria-label=first><script>"
        "t.oncopy = (event) => { event.clipboardData.setData('text/plain', 'own'); event.preventDefault(); };"
        "t.onpaste = (event) => { t.dataset.got = event.clipboardData.getData('text'); event.preventDefault(); };"
        "</script>"
    )
    played.act(f"fill({played.ref('first')}, 'text')")
    for key in ("Control+a", "Control+c", "Control+v"):
        played.act(f"keyboard_press('{key}')")
    assert played.js("t.dataset.got") == "own"
    assert played.js("t.value") == "text"


def test_what_is_marked_is_not_pasted_by_the_middle_button(play: Play) -> None:
    played = play(TWO)
    played.act("mouse_dblclick(12, 24)")
    assert played.js("String(getSelection())").strip() == "one"
    x, y, width, height = next(row.box for row in played.session.seen.rows if row.name == "first")
    played.act(f'mouse_click({x + width / 2}, {y + height / 2}, button="middle")')
    assert played.js("t.value") == ""


ENDINGS = {
    "a place in the page": ("<a href='#x'>go</a><p id=x>x</p>", "go_back()"),
    "history": ("<button onclick=\"history.pushState(0, '', '/y')\">go</button>", "go_back()"),
    "another program": ("<a href='mailto:a@b.c'>go</a>", "noop()"),
    "given up": ("<button onclick=\"location.href = '/?2'; window.stop()\">go</button>", "noop()"),
    "asked for and left": ("<button onclick=\"fetch('/'); location.reload()\">go</button>", "noop()"),
}


@pytest.mark.parametrize("ending", ENDINGS)
def test_a_navigation_without_a_document_keeps_nobody_waiting(play: Play, ending: str) -> None:
    page, after = ENDINGS[ending]
    played = play(page, deadline=3)
    assert played.act(f"click({played.ref('go')})") == ""
    assert played.act(after) == ""
    assert played.ref("go") >= 0


def test_html_has_what_was_entered_and_the_numbers_of_the_text(play: Play) -> None:
    played = play("<title>in the body</title>" + FORM, html=True)
    played.act(f"fill({played.ref('name')}, 'new')")
    played.act(f"fill({played.ref('story')}, 'long')")
    played.act(f"click({played.ref('agree')})")
    played.act(f"select({played.ref('list')}, 'two')")
    html = played.session.seen.html
    assert 'value="new"' in html
    assert ">long</textarea>" in html
    assert re.search(r'id="c" bid="\d+" checked="">', html)
    assert re.search(r'<option bid="\d+" selected="">two', html)
    assert f' bid="{played.ref("go")}">go</button>' in html


def test_html_counts_in_shadow_trees_what_text_counts(play: Play) -> None:
    inner = "<style>b { color: red }</style><b>in</b>"
    played = play(
        f"<div id=h></div><button>go</button><script>h.attachShadow({{mode: 'open'}}).innerHTML = '{inner}'</script>",
        html=True,
    )
    assert f'<button bid="{played.ref("go")}">' in played.session.seen.html


def test_a_plain_browser_reads_the_same(play: Play, monkeypatch: pytest.MonkeyPatch) -> None:
    """Without command over frames the driver waits for real ones; keys are the same."""
    plain = shutil.which("chromium")
    if plain is None:
        missing("no plain Chromium: apt-get install chromium", "chromium")

    def keys() -> list[str]:
        played = play(FORM)
        found = [played.session.seen.document]
        for action in (f"click({played.ref('agree')})", f"fill({played.ref('name')}, 'x')", "mouse_drag(9, 9, 60, 30)"):
            assert played.act(action) == ""
            found.append(played.session.seen.document)
        assert decode(played.session.screenshot()).shape == (300, 400, 3)
        return found

    expected = keys()
    close_browser()
    monkeypatch.setenv("ENVBENCH_CHROMIUM", plain)
    assert not browser().program.frame_control
    assert keys() == expected
    close_browser()


def test_reading_changes_nothing(play: Play) -> None:
    played = play(FORM, html=True)
    for _ in range(3):
        before = played.session.seen
        assert played.session.refresh() == before
        played.session.page.invoke("describe")
    assert 'bid="' in played.session.seen.html
    assert "bid" not in played.js("document.body.outerHTML")
    assert "<script" not in played.session.seen.html


HOSTILE = (
    "<script>document.title = 'owned'</script>", "<img src=x onerror=\"document.title='owned'\">",
    "\"'><svg onload=document.title='owned'>", "'); document.title='owned'; ('", "${document.title='owned'}",
    "javascript:document.title='owned'", "\u202eevil\u2028\u2029\ufeff", "👩‍👩‍👧‍👦 ﷽ 中文 a\u0301",
    "\\\"\\'\\u0041\\x41", "</textarea></script>-->",
    "\t\r\n\x0b\x1b[2J", "x" * 100_000, "\uffff\ufffe\U0010ffff",
)  # fmt: skip


@pytest.mark.parametrize("text", HOSTILE, ids=range(len(HOSTILE)))
def test_typed_text_stays_text(play: Play, text: str) -> None:
    played = play("<title>fine</title><textarea id=a aria-label=story></textarea><button onclick='ok = 1'>go</button>")
    for action in (f"fill({played.ref('story')}, {quote(text)})", f"type({played.ref('story')}, {quote(text)})"):
        assert played.act(action) == ""
        assert played.js("document.title") == "fine"
    written = played.js("a.value")
    plain = text.replace("\r\n", "\n").replace("\r", "\n")
    if "\t" not in text:
        assert written == plain * 2
    json.dumps(played.session.seen.text)
    assert played.act(f"click({played.ref('go')})") == ""
    assert played.js("ok") == 1


def test_long_text_goes_into_keyboard_and_lists_as_well(play: Play) -> None:
    played = play(FORM)
    played.act(f"focus({played.ref('name')})")
    assert played.act(f"keyboard_type({quote('y' * 100_000)})") == ""
    assert played.js("t.value.length") == 100_003
    assert played.act(f"select({played.ref('list')}, {quote('z' * 100_000)})") != ""
    assert len(played.session.seen.text) < 2000


def test_screenshots(play: Play) -> None:
    played = play("<style>body { margin: 0; background: rgb(1, 2, 3) }</style>")
    first = decode(played.session.screenshot())
    assert first.shape == (300, 400, 3)
    assert tuple(first[0, 0]) == (1, 2, 3)
    assert decode(played.session.screenshot(), (10, 20, 30, 40)).shape == (40, 30, 3)
    assert (decode(played.session.screenshot()) == first).all()


SWAPPED = b"""<!DOCTYPE html><link rel=stylesheet href=http://other.test/x.css>
<style>img:hover { content: url(/over.svg); }</style>
<body><img id=icon alt=icon src=/icon.svg onclick="this.alt = 'met'">"""
ICON = b'<svg xmlns="http://www.w3.org/2000/svg" width="20" height="20"><rect width="20" height="20"/></svg>'


def test_a_picture_that_is_swapped_under_the_mouse_is_met_by_the_first_click() -> None:
    def serve(request: Request) -> Response:
        if request.path == "/":
            return Response(SWAPPED)
        time.sleep(0.1 if request.path == "/over.svg" else 0.0)
        return Response(ICON, "image/svg+xml")

    session = Session(tick_ms=100, deadline=3)  # a move that waits for a frame takes longer
    session.begin(Start(f"{ORIGIN}/", serve, width=400, height=300))
    (action,) = [parse(f"click({row.ref})") for row in session.seen.rows if row.role == "img"]
    assert action is not None
    assert session.act(action) == ""
    assert session.page is not None
    assert session.page.evaluate("icon.alt") == "met"
    session.close()
