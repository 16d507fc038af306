"""The grammar of actions: what is one, what is none, what becomes of its strings."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from envbench.envs._browser.grammar import Action, parse, quote
from envbench.envs._browser.keys import chord, is_chord, typed


@pytest.mark.parametrize(
    ("text", "name", "arguments"),
    [
        ("click(12)", "click", (12,)),
        ("  click ( '12' ) ", "click", (12,)),
        ('fill(3, "a, b) \\"c\\"")', "fill", (3, 'a, b) "c"')),
        ("fill(3, 'it\\'s')", "fill", (3, "it's")),
        ('type(3, "\\x41\\u00e9\\n")', "type", (3, "Aé\n")),
        ('select(4, ["a", "b"])', "select", (4, ("a", "b"))),
        ('select_option(4, "a")', "select", (4, ("a",))),
        ("scroll(0, -100)", "scroll", (0, -100)),
        ("scroll(7, 0, 100.5)", "scroll", (7, 0, 100.5)),
        ("drag_and_drop('1', '2')", "drag", (1, 2)),
        ("mouse_drag(1, 2, 3.5, 4)", "mouse_drag", (1, 2, 3.5, 4)),
        ("noop()", "noop", ()),
        ("wait(1000)", "noop", (1000.0,)),
        ('fill("3", "a", True)', "fill", (3, "a", True)),
        ("scroll_at(1, 2, 0, 50)", "scroll_at", (1, 2, 0, 50)),
        ("uncheck('5')", "uncheck", (5,)),
        ('keyboard_press("Control+a")', "keyboard_press", ("Control+a",)),
        ("go_back()", "go_back", ()),
    ],
)
def test_actions(text: str, name: str, arguments: tuple[object, ...]) -> None:
    assert parse(text) == Action(name, arguments)  # type: ignore[arg-type]


def test_options() -> None:
    assert parse('click(1, button="right", modifiers=["Shift", "Control"])') == Action("click", (1,), "right", 10)
    assert parse("click('1', 'right', ['Alt'])") == Action("click", (1,), "right", 1)
    assert parse("mouse_click(1, 2, 'middle')") == Action("mouse_click", (1, 2), "middle")
    assert parse('click(1, "right", [], 3)') is None
    assert parse('hover(1, button="right")') is None
    assert parse('click(1, button="left", button="left")') is None


@pytest.mark.parametrize(
    "text",
    [
        "", " ", "click", "click(", "click()", "click(1,)", "click(,1)", "click(1 2)", "click(1))", "click(-1)",
        "click(1.5)", "click(1);", "click(1) click(2)", "Click(1)", "click(1e3)", "click(x)", "click(1, 2)",
        'fill(1, "open', 'fill(1, "a"b")', 'fill(1, "\\q")', 'fill(1, "\\ud800")', 'fill(1, "\ud800")',
        'fill(1, "a\\x00b")', 'fill("x", "a")', "select(1, [1])", 'select(1, ["a" "b"])', "noop(-1)", "noop(1e9)",
        "noop(60001)", 'keyboard_press("NoKey")', 'keyboard_press("Control+")', "mouse_click(1)", "eval(1)",
        "__import__('os')", "goto('http://example.org')", "click(99999999999)", "no such command",
    ],
)  # fmt: skip
def test_what_is_none(text: str) -> None:
    assert parse(text) is None


@given(st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), max_size=300))
def test_quoted_text_comes_back(text: str) -> None:
    assert parse(f"fill(1, {quote(text)})") == Action("fill", (1, text))


@given(st.text(max_size=80))
def test_any_text_is_an_action_or_none(text: str) -> None:
    parse(text)
    parse(f"fill(1, {text})")
    parse(f'click(1, "{text}')


def test_length_is_bounded_and_linear() -> None:
    assert parse(f"fill(1, {quote('x' * 100_000)})") == Action("fill", (1, "x" * 100_000))
    assert parse(f"fill(1, {quote('x' * 200_000)})") is None
    assert parse("fill(1, " + "[" * 100_000) is None
    assert parse('fill(1, "' + "\\" * 100_001) is None


def test_keys() -> None:
    assert all(map(is_chord, ("Enter", "a", "+", "Control++", "Control+Shift+Tab", "é", "F5")))
    assert not any(map(is_chord, ("", "Foo", "Foo+a", "ab", "\n")))
    down, up = typed("A")
    assert down[1]["text"] == "A"
    assert down[1]["code"] == up[1]["code"] == "KeyA"
    names = [(event["type"], event["key"]) for _, event in chord("Control+a")]
    assert names == [("rawKeyDown", "Control"), ("rawKeyDown", "a"), ("keyUp", "a"), ("keyUp", "Control")]
