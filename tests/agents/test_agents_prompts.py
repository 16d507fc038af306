import pytest

from envbench import agents
from envbench.agents import prompts
from envbench.agents.prompts import (
    Situation,
    load_prompt,
    parse_menu,
    parse_plain,
    parse_think_action,
    parse_verl_agent,
    read_reply,
    write_reply,
)
from envbench.cards import cards
from envbench.errors import CardError, UnknownName
from envbench.hashing import digest


@pytest.mark.parametrize(
    ("reply", "action", "valid"),
    [
        ("<think>a</think><action>left</action>", "left", True),
        (" <think>\na\n</think>\n\n<action> click[x] </action>\n", "click[x]", True),
        ("<think></think><action>left</action>", "left", True),
        ("<action>left</action>", "left", False),
        ("<think>a</think>Sure: <action>left</action>", "left", False),
        ("<think>a</think><action>left</action> done", "left", False),
        ("<think>a<think>b</think><action>left</action>", "left", False),
        ("<think>a</think>b</think><action>left</action>", "left", False),
        ("<action>left</action><think>a</think>", "left", False),
        ("<think>a</think><action>left</action><action>up</action>", "", False),
        ("<think><action>up</action></think><action>left</action>", "", False),
        ("<think>a</think><action></action>", "", False),
        ("<think>a</think><action>left", "", False),
        ("<think>a</think><action><action>left</action>", "", False),
        ("<Think>a</Think><Action>left</Action>", "", False),
        ("left", "", False),
        ("", "", False),
    ],
)
def test_think_action_is_read_strictly(reply, action, valid):
    assert parse_think_action(reply) == (action, valid)


@pytest.mark.parametrize(
    ("reply", "action", "valid"),
    [
        ("left", "left", True),
        ("  search[red shoe] \n", "search[red shoe]", True),
        ("left\nup", "", False),
        ("left\u2028up", "", False),
        ("\n \n", "", False),
    ],
)
def test_plain_is_one_line(reply, action, valid):
    assert parse_plain(reply) == (action, valid)


@pytest.mark.parametrize(
    ("reply", "action", "valid"),
    [
        ("<think>So.</think><action>Click[Buy Now]</action>", "click[buy now]", True),
        ("</think> x <think><action> a </action><action>b</action> more", "a", True),
        ("<think></think><ACTION>Search[x]</Action>", "search[x]", True),
        ("<think></think></action><action>x", "", True),
        ("<action>a</action>", "a", False),
        ("<Think>So.</Think><action>a</action>", "a", False),
        ("<think>\u8d2d</think><action>a</action>", "a", False),
        ("<think>I could simply CLICK[Buy Now]</think>", "lick[buy now]</think>"[-20:], False),
        ("Buy", "buy", False),
        ("", "", False),
    ],
)
def test_verl_agent_is_read_loosely(reply, action, valid):
    assert parse_verl_agent(reply) == (action, valid)


@pytest.mark.parametrize(
    ("reply", "action"),
    [("1", "a"), ("2", "b"), ("02", "b"), ("0", ""), ("3", ""), ("-1", ""), ("1 ", ""), ("\u0661", ""),
     ("9" * 5000, ""), ("a", ""), ("", "")],
)  # fmt: skip
def test_a_menu_is_answered_by_a_number(reply, action):
    assert parse_menu(reply, ("a", "b")) == (action, bool(action))


@pytest.mark.parametrize("style", ["plain", "menu", "think-action", "verl-agent"])
def test_a_written_reply_is_read_back(style):
    prompt = load_prompt(cards()["webshop"], style)
    offered = ("search[x]", "click[a]", "click[b]")
    reply = write_reply(style, "click[b]", offered)
    assert read_reply(prompt, style, reply, offered) == ("click[b]", True)


def test_a_menu_numbers_what_is_offered():
    prompt = load_prompt(cards()["webshop"], "menu")
    (message,) = prompt.messages(
        Situation("find lamps", "a page", ("click[a]", "click[b]"), 1, 15, [("x", "search[y]")])
    )
    assert message["content"] == "find lamps\n> search[y]\n1 click[a]\n2 click[b]"


def test_verl_agent_prompt():
    prompt = load_prompt(cards()["webshop"], "verl-agent")
    shown = ("search[<your query>]", "click[search]")
    past = [("'a' [SEP] 'b'", "search[x]"), ("'c'", "click[y]")]
    (message,) = prompt.messages(Situation("find lamps", "'Search'", shown, 5, 15, past))
    text = message["content"]
    for part in (
        "find lamps",
        "\n'search[<your query>]',\n'click[search]',\n",
        "\n[Observation 4: ''a' [SEP] 'b'', Action 4: 'search[x]']\n[Observation 5: ''c'', Action 5: 'click[y]']\n",
    ):
        assert part in text
    first = prompt.messages(Situation("find lamps", "'Search'", shown, 0, 15, []))[0]["content"]
    assert "Observation" not in first
    page = "x" * (13_000 - len(first) + len("'Search'"))
    edge = prompt.messages(Situation("find lamps", page, shown, 0, 15, []))[0]["content"]
    assert len(edge) == 13_000
    assert prompt.messages(Situation("find lamps", page, shown, 5, 15, past))[0]["content"] == edge


def test_prompts_without_a_longest_turn_keep_their_digest():
    prompt = load_prompt(cards()["webshop"], "plain")
    assert prompt.longest == 0
    assert prompt.digest == digest({name: getattr(prompt, name) for name in ("version", *_TEMPLATES)})


_TEMPLATES = ("system", "turn", "history", "past", "action")


@pytest.mark.parametrize("family", sorted(cards()))
@pytest.mark.parametrize("style", ["plain", "think-action"])
def test_every_family_has_a_prompt_of_every_style(family, style):
    prompt = load_prompt(cards()[family], style)
    past = [("seen {braces}", "did"), ("seen too", "")]
    messages = prompt.messages(Situation("Do it.", "now {x}", ("a {b}", "c"), 7, 15, past))
    assert [message["role"] for message in messages] == ["system", "user"]
    text = messages[1]["content"]
    for part in ("Do it.", "now {x}", "a {b}", "seen {braces}", "[step 6]", "[step 7]", "Step 8 of 15"):
        assert part in text
    assert ("<think>" in text) == (style == "think-action")
    first = prompt.messages(Situation("Do it.", "now", (), 0, None, ()))[1]["content"]
    assert "You have taken" not in first
    assert "Step 1 of unlimited" in first


def write(home, text):
    folder = home / "envs" / "frozenlake" / "prompts"
    folder.mkdir(parents=True)
    (folder / "plain.toml").write_text(text)


GOOD = 'version = 1\nsystem = ""\nturn = "{observation}"\nhistory = "{past}"\npast = "{action}"\n'


@pytest.mark.parametrize(
    "text",
    [
        GOOD + 'extra = "x"\n',
        GOOD.replace("{observation}", "{goal}"),
        GOOD.replace("{past}", "{past"),
        GOOD.replace("version = 1", 'version = "one"'),
        GOOD.replace("{action}", "{}"),
        "version = ",
    ],
)
def test_a_malformed_prompt_is_a_card_error_with_its_path(tmp_path, monkeypatch, text):
    write(tmp_path, text)
    monkeypatch.setattr(prompts, "home", lambda: tmp_path)
    with pytest.raises(CardError, match=r"plain\.toml"):
        load_prompt(cards()["frozenlake"], "plain")


def test_without_a_system_message_there_is_only_the_user(tmp_path, monkeypatch):
    write(tmp_path, GOOD)
    monkeypatch.setattr(prompts, "home", lambda: tmp_path)
    prompt = load_prompt(cards()["frozenlake"], "plain")
    assert prompt.messages(Situation("", "here", (), 0, 3, ())) == [{"role": "user", "content": "here"}]
    with pytest.raises(UnknownName, match="style"):
        load_prompt(cards()["frozenlake"], "think-action")


def test_text_of_takes_the_text_of_a_dict():
    assert agents.text_of({"text": "a", "screenshot": None}) == "a"
    assert agents.text_of("b") == "b"
