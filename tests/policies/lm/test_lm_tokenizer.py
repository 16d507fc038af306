import hashlib
import subprocess
import sys

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from transformers import AutoTokenizer

from envbench.errors import InvalidValue
from envbench.policies.lm.chat import prompt_ids
from envbench.policies.lm.corpus import core_ids, corpus
from envbench.policies.lm.tokenizer import SMALLEST, TAGS, clean, decode, encode, load_tokenizer, train_tokenizer

TEXTS = ["the red shoe and the blue shoe", "######\n#_XP#", "search[red shoe]", "PFFHFF"] * 3


@pytest.fixture(scope="module")
def tokenizer():
    return train_tokenizer(TEXTS, 300)


@given(st.text())
@settings(max_examples=150, deadline=None)
def test_any_text_comes_back(tokenizer, text):
    assert decode(tokenizer, encode(tokenizer, text)) == text


@pytest.mark.parametrize(
    "text", ["<eos>", "a <pad><bos>b", "  \t\n\r\n ", "e\u0301 \u00e9 \ufb01", "\x00\x7f", "<think></action>"]
)
def test_marks_and_oddities_in_a_text_are_text(tokenizer, text):
    ids = encode(tokenizer, text)
    assert not {tokenizer.eos_token_id, tokenizer.bos_token_id, tokenizer.pad_token_id} & set(ids)
    assert decode(tokenizer, ids) == text


def test_half_a_pair_becomes_a_question_mark(tokenizer):
    assert decode(tokenizer, encode(tokenizer, "a\ud800b")) == "a?b" == clean("a\ud800b")


def test_pieces(tokenizer):
    assert tokenizer.convert_ids_to_tokens(encode(tokenizer, "#_XP#")) == list("#_XP#")
    assert len(encode(tokenizer, "PFFHFF")) == 6
    assert len(encode(tokenizer, " shoe")) == 1
    assert [len(encode(tokenizer, tag)) for tag in TAGS] == [1] * 4
    assert decode(tokenizer, encode(tokenizer, "<action>up</action>")) == "<action>up</action>"


def test_saved_and_loaded_beside_a_model_it_cuts_the_same(tokenizer, tmp_path):
    """`AutoTokenizer` would take Qwen2's pieces, because of the model's kind."""
    tokenizer.save_pretrained(tmp_path)
    (tmp_path / "config.json").write_text('{"model_type": "qwen2"}')
    text = "the red.shoe e\u0301 2024 Don't ##"
    assert encode(load_tokenizer(tmp_path), text) == encode(tokenizer, text)
    assert encode(AutoTokenizer.from_pretrained(tmp_path), text) != encode(tokenizer, text)


def test_errors(tmp_path):
    with pytest.raises(InvalidValue, match=str(SMALLEST)):
        train_tokenizer(TEXTS, 100)
    with pytest.raises(InvalidValue, match="no tokenizer can be read") as caught:
        load_tokenizer(tmp_path)
    assert "\n" not in str(caught.value)


def test_no_end_token_is_refused(tokenizer, tmp_path):
    tokenizer.save_pretrained(tmp_path)
    config = tmp_path / "tokenizer_config.json"
    config.write_text(config.read_text().replace('"eos_token": "<eos>",', ""))
    with pytest.raises(InvalidValue, match="no eos token"):
        load_tokenizer(tmp_path)


def test_corpus_is_the_same_in_every_process():
    code = (
        "from envbench.policies.lm.corpus import corpus\n"
        "from envbench.policies.lm.tokenizer import train_tokenizer\n"
        "import hashlib\n"
        "texts = corpus(['envbench/Sokoban-v0', 'envbench/WebShop-v0'], tasks=3, steps=4)\n"
        "print(hashlib.sha256(train_tokenizer(texts, 400).backend_tokenizer.to_str().encode()).hexdigest())"
    )
    found = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, env={"PYTHONHASHSEED": "1"}
    ).stdout
    texts = corpus(["envbench/Sokoban-v0", "envbench/WebShop-v0"], tasks=3, steps=4)
    here = hashlib.sha256(train_tokenizer(texts, 400).backend_tokenizer.to_str().encode()).hexdigest()
    assert found == here + "\n"


def test_corpus_holds_what_is_said_and_heard():
    texts = list(corpus(["envbench/Sokoban-v0"], tasks=2, steps=3))
    assert "up" in texts
    assert any("######" in text for text in texts)
    assert any(text.startswith("Push every box") for text in texts)
    assert texts != list(corpus(["envbench/Sokoban-v0"], tasks=2, steps=3, seed=1))


def test_core_ids_need_no_extra():
    assert {"envbench/WebShop-v0", "envbench/Sokoban-v0", "envbench/FrozenLake-v0"} <= set(core_ids())


def test_prompts(tokenizer):
    messages = [{"role": "system", "content": "S"}, {"role": "user", "content": "the red <eos>"}]
    ids = prompt_ids(tokenizer, messages)
    assert ids[0] == tokenizer.bos_token_id
    assert decode(tokenizer, ids) == "S\n\nthe red <eos>\n\n"
    assert tokenizer.eos_token_id not in ids


def test_prompts_of_a_chat_template():
    tokenizer = train_tokenizer(TEXTS, 300)
    tokenizer.chat_template = (
        "{% for m in messages %}[{{ m.role }}]{{ m.content }}{% endfor %}{% if add_generation_prompt %}>{% endif %}"
    )
    assert decode(tokenizer, prompt_ids(tokenizer, [{"role": "user", "content": "red"}])) == "[user]red>"
