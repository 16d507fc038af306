"""A tokenizer made here: byte-level pairs inside words, so that any text can be written and read again.

Text is cut before pairs are learned: a word in lower case, with the blank before it and at most one capital at its
head, is one piece; every other character stands alone. So a word becomes one token, and a map drawn in letters and
signs, such as Sokoban's, has one token per cell.
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from tokenizers import AddedToken, Regex, Tokenizer, decoders, models, pre_tokenizers, trainers
from transformers import AutoTokenizer, PreTrainedTokenizerFast

from envbench.errors import InvalidValue

PAD, BOS, EOS = "<pad>", "<bos>", "<eos>"
TAGS = ("<think>", "</think>", "<action>", "</action>")
SMALLEST = 256 + 3 + len(TAGS)  # every byte and the marks

_SAMPLE = "Go to the shelf 12.\n#_XP#\n<action>search[red shoe]</action>"  # signs that prompts of ours are made of

_PIECES = r" ?\p{Lu}?\p{Ll}+|[\s\S]"


def train_tokenizer(texts: Iterable[str], size: int) -> PreTrainedTokenizerFast:
    """Return a tokenizer of at most `size` tokens; equal texts in equal order give an equal one.

    Raises:
        InvalidValue: for a size below `SMALLEST`.
    """
    if size < SMALLEST:
        raise InvalidValue(f"a tokenizer of {size} tokens: it takes at least {SMALLEST} (every byte and the marks)")
    core = Tokenizer(models.BPE())
    core.pre_tokenizer = pre_tokenizers.Sequence(
        [
            pre_tokenizers.Split(Regex(_PIECES), "isolated"),
            pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False),
        ]
    )
    core.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(
        vocab_size=size - len(TAGS),
        min_frequency=2,
        show_progress=False,
        special_tokens=[PAD, BOS, EOS],
        initial_alphabet=sorted(pre_tokenizers.ByteLevel.alphabet()),
    )
    core.train_from_iterator((clean(text) for text in texts), trainer)
    core.add_tokens([AddedToken(tag, normalized=False, special=False) for tag in TAGS])
    return PreTrainedTokenizerFast(  # type: ignore[no-untyped-call]  # transformers leaves it untyped
        tokenizer_object=core,
        pad_token=PAD,
        bos_token=BOS,
        eos_token=EOS,
        clean_up_tokenization_spaces=False,
        split_special_tokens=True,
    )


def clean(text: str) -> str:
    """Return the text with what UTF-8 cannot write (half of a surrogate pair) replaced by "?"."""
    return text.encode("utf-8", "replace").decode("utf-8")


def encode(tokenizer: Any, text: str) -> list[int]:
    """Return the token ids of a text. Marks such as `<eos>` in it are text; nothing is added around it."""
    ids: list[int] = tokenizer.encode(clean(text), add_special_tokens=False, split_special_tokens=True)
    return ids


def decode(tokenizer: Any, ids: list[int]) -> str:
    """Return the text of token ids, without the marks for beginning, end and padding."""
    marks = {tokenizer.pad_token_id, tokenizer.bos_token_id, tokenizer.eos_token_id}
    text: str = tokenizer.decode([id for id in ids if id not in marks], clean_up_tokenization_spaces=False)
    return text


def load_tokenizer(source: str | Path) -> Any:
    """Return the tokenizer of a model's folder or hub id.

    Raises:
        InvalidValue: where there is none, or one that loses text, or without a token that ends a reply.
    """
    try:
        kind = PreTrainedTokenizerFast if _is_plain(Path(source)) else AutoTokenizer
        tokenizer = kind.from_pretrained(str(source))
    except Exception as error:  # what `tokenizers` raises has no narrower class
        raise InvalidValue(f"{source}: no tokenizer can be read there ({_line(error)})") from None
    if not _reads_back(tokenizer):
        raise InvalidValue(
            f"{source}: its tokenizer does not give text back, as when tokenizer.json is missing; copy or make the "
            "model again"
        )
    if tokenizer.eos_token_id is None:
        raise InvalidValue(
            f"{source}: its tokenizer has no eos token, so no reply could end; set one and save it again"
        )
    return tokenizer


def _reads_back(tokenizer: Any) -> bool:
    """Return whether a text survives, blanks apart: some tokenizers put one before a text or between its words.

    `transformers` makes up an empty tokenizer where the file is missing, and every text is then nothing, or unknown.
    """
    return "".join(decode(tokenizer, encode(tokenizer, _SAMPLE)).split()) == "".join(_SAMPLE.split())


def _is_plain(folder: Path) -> bool:
    """Return whether `tokenizer.json` says everything.

    `AutoTokenizer` goes by the kind of model beside it and would cut the text as Qwen2's own tokenizer does.
    """
    try:
        config = json.loads((folder / "tokenizer_config.json").read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return False
    named = config.get("tokenizer_class") if isinstance(config, dict) else None
    return named in ("PreTrainedTokenizerFast", "TokenizersBackend") and (folder / "tokenizer.json").is_file()


def _line(error: Exception) -> str:
    return " ".join(str(error).split())[:160]
