"""Tokenizers: any text comes back, no text forges a mark, and the fast way equals the reference."""

from __future__ import annotations

import json
import tokenize
from pathlib import Path

import numpy as np
import pytest
from charmer.common.failure import Failure
from charmer.tokens.storage import SPECIAL_NAMES
from charmer.tokens.tokenizer import Tokenizer
from hypothesis import given, settings
from hypothesis import strategies as st
from tokenizers import Tokenizer as Reference

KINDS = ["char", "byte", "gpt-2", "starcoder", "qwen2"]

TRICKY = [
    "",
    " ",
    "\n",
    "\r\n\r\n  x",
    "\t\tif x:\r\n\t\t\treturn  1\r\n",
    "a\x00b\x1c\x1d\x85\u2028\u2029c",
    "   1234567  89\n\n\n    3.14e-10   ",
    "it's we'LL I'd they'Re 's' ''''t",
    "naïve café Ελλάδα Привет 世界 한국어 עברית",
    "e\u0301 ﬁ Å Å",  # composed and decomposed letters stay what they are
    "👩‍👩‍👧‍👦🏳️‍🌈 😀😀",
    "\ufeff# with a mark\n",
    "\u00a0\u3000\u200b indented with odd spaces",
    "٣٤٥ ¾ Ⅷ ²",  # digits beyond ASCII
    "<|endoftext|><|fim_prefix|>x<|fim_suffix|>",
    "x" * 5000,
    " " * 5000 + "x",
    "\U0010ffff\U00010000\ufffd\ufffe",
    "".join(map(chr, range(0x300))),
]
texts = st.text(st.characters(exclude_categories=["Cs"]) | st.sampled_from("  \n\t\r'<|>_019aeé世😀"), max_size=200)


def reference(tokenizer: Tokenizer, tmp_path: Path) -> Reference:
    tokenizer.save(tmp_path / "tokenizer.json")
    found = Reference.from_file(str(tmp_path / "tokenizer.json"))
    found.encode_special_tokens = True  # marks in text are text
    return found


@pytest.mark.parametrize("kind", KINDS)
def test_any_text_comes_back(tokenizers: dict[str, Tokenizer], kind: str) -> None:
    tokenizer = tokenizers[kind]

    @settings(max_examples=150, deadline=None)
    @given(texts)
    def comes_back(text: str) -> None:
        ids = tokenizer.encode(text)
        assert tokenizer.decode(ids) == text
        assert tokenizer.byte_lengths[ids].sum() == len(text.encode())

    comes_back()
    for text in TRICKY:
        assert tokenizer.decode(tokenizer.encode(text)) == text


@pytest.mark.parametrize("kind", KINDS)
def test_ids_equal_those_of_the_tokenizers_library(tokenizers: dict[str, Tokenizer], kind: str, tmp_path: Path) -> None:
    tokenizer = tokenizers[kind]
    other = reference(tokenizer, tmp_path)

    @settings(max_examples=200, deadline=None)
    @given(texts)
    def equal(text: str) -> None:
        assert tokenizer.encode(text).tolist() == other.encode(text).ids

    equal()
    for text in TRICKY:
        ids = other.encode(text).ids
        assert tokenizer.encode(text).tolist() == ids
        assert other.decode(ids, skip_special_tokens=False) == text
    for path in sorted(Path(tokenize.__file__).parent.glob("*.py"))[::8]:
        with tokenize.open(path) as file:
            text = file.read()
        assert tokenizer.encode(text).tolist() == other.encode(text).ids, path


@pytest.mark.slow
@pytest.mark.parametrize("kind", KINDS)
def test_ids_equal_the_reference_on_the_whole_standard_library(
    tokenizers: dict[str, Tokenizer], kind: str, tmp_path: Path
) -> None:
    tokenizer = tokenizers[kind]
    other = reference(tokenizer, tmp_path)
    for path in sorted(Path(tokenize.__file__).parent.rglob("*.py")):
        if "site-packages" in path.parts:
            continue
        text = path.read_bytes().decode("latin-1")  # never fails, and brings C1 controls and odd letters along
        assert tokenizer.encode(text).tolist() == other.encode(text).ids, path


def test_every_code_point_is_cut_alike_by_both_libraries(bpes: dict[str, Tokenizer], tmp_path: Path) -> None:
    every = [chr(code) for code in range(0x110000) if not 0xD800 <= code <= 0xDFFF]
    text = "a".join(every[::23])  # a part of them is quick; letters between show what joins them
    for tokenizer in bpes.values():
        assert tokenizer.encode(text).tolist() == reference(tokenizer, tmp_path).encode(text).ids


def test_spaces_without_end_are_left_to_the_reference(bpes: dict[str, Tokenizer], tmp_path: Path) -> None:
    tokenizer = bpes["gpt-2"]
    text = "x = 1\n" + " " * 1_000_000 + "y"
    with pytest.raises(ValueError, match="stack"):
        tokenizer._bpe.encode_to_numpy(text, disallowed_special=())
    assert tokenizer.encode(text).tolist() == reference(tokenizer, tmp_path).encode(text).ids


@pytest.mark.parametrize("kind", KINDS)
def test_text_cannot_forge_marks(tokenizers: dict[str, Tokenizer], kind: str) -> None:
    tokenizer = tokenizers[kind]
    text = "".join(SPECIAL_NAMES) + "<|endoftext|" + ">"
    assert not set(tokenizer.encode(text).tolist()) & set(tokenizer.special.values())


@pytest.mark.parametrize("kind", KINDS)
def test_marks_are_read_where_the_caller_asks(tokenizers: dict[str, Tokenizer], kind: str) -> None:
    tokenizer = tokenizers[kind]
    ids = tokenizer.encode("<|fim_prefix|>a<|fim_suffix|>b<|fim_middle|>", allow_special=True)
    assert ids.dtype == np.int32
    assert ids.tolist() == [
        tokenizer.fim_prefix,
        *tokenizer.encode("a"),
        tokenizer.fim_suffix,
        *tokenizer.encode("b"),
        tokenizer.fim_middle,
    ]
    assert tokenizer.decode(ids) == "ab"
    assert tokenizer.decode(ids, show_special=True) == "<|fim_prefix|>a<|fim_suffix|>b<|fim_middle|>"


def test_bytes_are_the_first_ids_and_marks_the_last(tokenizers: dict[str, Tokenizer]) -> None:
    for tokenizer in tokenizers.values():
        assert [tokenizer.token_bytes(value) for value in range(256)] == [bytes([value]) for value in range(256)]
        assert list(tokenizer.special.values()) == list(range(tokenizer.vocab_size - 8, tokenizer.vocab_size))
        assert tokenizer.eof == tokenizer.special["<|endoftext|>"] and tokenizer.token_bytes(tokenizer.eof) == b""


def test_a_character_vocabulary_spells_what_it_does_not_know() -> None:
    tokenizer = Tokenizer.characters("é世")
    assert tokenizer.vocab_size == 256 + 2 + 8
    assert tokenizer.encode("aé世ü").tolist() == [97, 256, 257, 0xC3, 0xBC]


def test_merges_apply_in_their_order() -> None:
    tokenizer = Tokenizer.bpe([(ord("a"), ord("b")), (256, ord("c"))], "gpt-2")
    assert tokenizer.encode("ab abc bc").tolist() == [256, 32, 257, 32, 98, 99]


def test_a_lone_surrogate_is_refused_as_encoding_refuses_it(tokenizers: dict[str, Tokenizer]) -> None:
    for tokenizer in tokenizers.values():
        with pytest.raises(UnicodeEncodeError, match="surrogates not allowed"):
            tokenizer.encode("a\ud800b")


def test_ids_that_are_no_utf8_decode_with_replacement(tokenizers: dict[str, Tokenizer]) -> None:
    for tokenizer in tokenizers.values():
        assert tokenizer.decode([0xE4, 0xB8, ord("a")]) == "\ufffda"
        assert tokenizer.decode_bytes(np.array([0xE4, 0xB8])) == b"\xe4\xb8"


def test_an_id_outside_of_the_vocabulary_is_an_error(tokenizers: dict[str, Tokenizer]) -> None:
    for tokenizer in tokenizers.values():
        for index in (-1, tokenizer.vocab_size):
            with pytest.raises(IndexError):
                tokenizer.decode([index])


@pytest.mark.parametrize("kind", KINDS)
def test_saving_and_loading_changes_nothing(tokenizers: dict[str, Tokenizer], kind: str, tmp_path: Path) -> None:
    tokenizer, path = tokenizers[kind], tmp_path / "tokenizer.json"
    tokenizer.save(path)
    loaded = Tokenizer.load(path)
    assert (loaded.kind, loaded.pre_tokenizer, loaded.vocab_size) == (
        tokenizer.kind,
        tokenizer.pre_tokenizer,
        tokenizer.vocab_size,
    )
    assert loaded.digest == tokenizer.digest
    text = "def größe(x):\n    return '世界' * 10\n"
    assert loaded.encode(text).tolist() == tokenizer.encode(text).tolist()
    before = path.read_bytes()
    loaded.save(path)
    assert path.read_bytes() == before


def test_different_vocabularies_have_different_digests(tokenizers: dict[str, Tokenizer]) -> None:
    assert len({tokenizer.digest for tokenizer in tokenizers.values()}) == len(tokenizers)


BREAKS = {
    "no JSON": lambda text: text[: len(text) // 2],
    "another thing": lambda text: '["a list"]',
    "another model": lambda text: text.replace('"type": "BPE"', '"type": "WordPiece"'),
    "another cut": lambda text: text.replace('"use_regex": true', '"use_regex": false'),
    "an id twice": lambda text: text.replace('": 300,', '": 301,'),
    "two merges swapped": lambda text: swapped(text),
    "a mark less": lambda text: text.replace("<|fix|>", "<|fox|>"),
    "a setting more": lambda text: text.replace('"dropout": null', '"dropout": 0.1'),
}


def swapped(text: str) -> str:
    content = json.loads(text)
    merges = content["model"]["merges"]
    merges[10], merges[11] = merges[11], merges[10]
    return json.dumps(content)


@pytest.mark.parametrize("damage", BREAKS)
def test_a_damaged_file_is_named(bpes: dict[str, Tokenizer], damage: str, tmp_path: Path) -> None:
    path = tmp_path / "tokenizer.json"
    bpes["gpt-2"].save(path)
    text = path.read_text(encoding="utf-8")
    broken = BREAKS[damage](text)
    assert broken != text
    path.write_text(broken, encoding="utf-8")
    with pytest.raises(Failure, match=r"tokenizer\.json: is "):
        Tokenizer.load(path)


def test_an_absent_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(Failure, match="no such file"):
        Tokenizer.load(tmp_path / "tokenizer.json")
