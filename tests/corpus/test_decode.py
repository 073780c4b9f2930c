"""Decoding: Python's own reading of every file it can read, and the right one of those it cannot."""

from __future__ import annotations

import codecs
import io
import tokenize
from collections.abc import Iterator
from pathlib import Path

import pytest
from charmer.corpus import sources
from charmer.corpus.decode import Decoded, decode
from charmer.corpus.found import Found
from charmer.corpus.parsing import syntax_error, tokenizes
from hypothesis import given, settings
from hypothesis import strategies as st

from .languages import ENCODINGS, TEXTS

PAIRS = [(language, encoding) for language, encodings in ENCODINGS.items() for encoding in encodings]
SETTINGS = {"max_file_mb": 1.0, "notebooks": False, "shebang_scripts": False}


def module(comments: str, first_lines: str = "") -> str:
    """A small module, each of whose functions carries one line of `comments`."""
    functions = [
        f"def step_{number}(path, limit={number}):\n    # {line}\n    return os.path.join(path, str(limit))\n"
        for number, line in enumerate(comments.splitlines())
    ]
    return first_lines + "\n\n".join(["import os\n", *functions])


# --- what Python reads, as Python reads it ---------------------------------------------------------------------


def readable(source: dict[str, object]) -> Iterator[tuple[str, str, Decoded]]:
    """(path, the text of `tokenize.open`, ours) for each file of a source that `tokenize.open` accepts."""
    for file in sources.files({"name": "x", **source}, SETTINGS):
        if isinstance(file, Found) and file.place is not None:
            try:
                with tokenize.open(file.place) as opened:
                    text = opened.read()
            except (SyntaxError, UnicodeDecodeError):
                continue
            yield file.path, text, decode(Path(file.place).read_bytes())


def test_the_whole_standard_library_reads_as_tokenize_open_reads_it() -> None:
    compared = {path: text == ours.text for path, text, ours in readable({"kind": "stdlib"})}
    assert [path for path, same in compared.items() if not same] == []
    assert len(compared) > 500


def test_everything_installed_reads_as_tokenize_open_reads_it() -> None:
    compared = {
        path: text == ours.text for path, text, ours in readable({"kind": "distributions", "packages": ["all"]})
    }
    assert [path for path, same in compared.items() if not same] == []
    assert len(compared) > 1000


HEADS = [
    "# -*- coding: {} -*-\n",
    "#!/usr/bin/python\n# vim: fileencoding={}\r\n",
    "\n# coding={}\n",
    "\f# coding: {}\r# x\n",
    "# a\r# coding: {}\n",
    "'doc'\n# coding: {}\n",
    "x = 1  # coding: {}\n",
    "\ufeff# coding: {}\n",
    "",
]
CODECS = [
    "utf-8",
    "UTF8",
    "utf-8-unix",
    "latin-1-dos",
    "iso_latin_1",
    "ascii",
    "koi8-r",
    "cp1251",
    "shift_jis",
    "euc-jp",
    "hz",
    "gb18030",
    "big5",
    "iso-2022-jp",
    "utf-7",
    "unicode_escape",
    "idna",
    "punycode",
    "undefined",
    "rot13",
    "unknown",
]
STRANGE = [b"\x1b$B", b"+AGE-", b"~{<:Ky~}", b"\x95\\'\n", b"\x1a", b"\xc2\x85", b"\xef\xbb\xbf", b"\xff\xfe", b"\x80"]
FRAGMENTS = [b"x = 1\n", b"s = '\xe9'\n", "# Имя\n".encode(), b"'\\u1234\\x41'\n", b"\r\n", b"\r", b"\f\n", *STRANGE]


@settings(max_examples=400, deadline=None)
@given(st.sampled_from(HEADS), st.sampled_from(CODECS), st.lists(st.sampled_from(FRAGMENTS), max_size=8))
def test_whatever_python_reads_and_tokenizes_reads_the_same(head: str, codec: str, fragments: list[bytes]) -> None:
    data = head.format(codec).encode() + b"".join(fragments)
    ours = decode(data).text
    try:
        encoding, _ = tokenize.detect_encoding(io.BytesIO(data).readline)
        text = io.TextIOWrapper(io.BytesIO(data), encoding).read()
    except (SyntaxError, UnicodeError, LookupError):
        return
    if tokenizes(text):
        assert ours == text


# --- declared, marked, and neither -----------------------------------------------------------------------------


@pytest.mark.parametrize(("language", "encoding"), PAIRS)
@pytest.mark.parametrize("head", ["# -*- coding: {} -*-\n", "#!/usr/bin/env python\n# vim: set fileencoding={} :\n"])
def test_a_declaration_on_either_line_is_followed(language: str, encoding: str, head: str) -> None:
    text = module(TEXTS[language], head.format(encoding))
    decoded = decode(text.encode(encoding))
    assert decoded == (text, codecs.lookup(encoding).name, "declared", 0, "lf")


@pytest.mark.parametrize("language", sorted(TEXTS))
@pytest.mark.parametrize(
    ("mark", "codec", "name"),
    [
        (codecs.BOM_UTF8, "utf-8", "utf-8-sig"),
        (codecs.BOM_UTF16_LE, "utf-16-le", "utf-16-le"),
        (codecs.BOM_UTF16_BE, "utf-16-be", "utf-16-be"),
        (codecs.BOM_UTF32_LE, "utf-32-le", "utf-32-le"),
        (codecs.BOM_UTF32_BE, "utf-32-be", "utf-32-be"),
    ],
)
def test_a_byte_order_mark_is_followed(language: str, mark: bytes, codec: str, name: str) -> None:
    text = module(TEXTS[language])
    assert decode(mark + text.encode(codec)) == (text, name, "bom", 0, "lf")


@pytest.mark.parametrize("language", sorted(TEXTS))
def test_utf8_needs_no_mark(language: str) -> None:
    text = module(TEXTS[language])
    assert decode(text.encode()) == (text, "utf-8", "utf-8", 0, "lf")


@pytest.mark.parametrize("codec", ["utf-16-le", "utf-16-be", "utf-32-le", "utf-32-be"])
def test_wide_text_without_a_mark_is_seen_by_its_nul_bytes(codec: str) -> None:
    text = module("plain ASCII\nand more of it")
    assert decode(text.encode(codec)) == (text, codec, "detected", 0, "lf")


def test_undeclared_encodings_are_detected_from_a_kilobyte_of_comments(record_property: pytest.RecordProperty) -> None:
    """At least 95% exact; the rest is named with what it became."""
    wrong = []
    for language, encoding in PAIRS:
        assert len(TEXTS[language].encode(encoding)) >= 1000
        text = module(TEXTS[language])
        decoded = decode(text.encode(encoding))
        assert decoded.encoding_from == "detected" and decoded.replaced == 0
        if decoded.text != text:
            wrong.append(f"{language} in {encoding} was read as {decoded.encoding}")
    exact = 1 - len(wrong) / len(PAIRS)
    record_property("exact", exact)
    assert len({encoding for _, encoding in PAIRS}) >= 20
    assert exact >= 0.95, wrong


# --- declared wrongly ------------------------------------------------------------------------------------------


@pytest.mark.parametrize("claim", ["utf-8", "ascii", "no-such-codec", "rot13", "utf-16"])
@pytest.mark.parametrize(
    ("language", "encoding"), [("Russian", "koi8-r"), ("Japanese", "euc-jp"), ("Polish", "cp1250")]
)
def test_a_declaration_that_cannot_be_true_is_passed_over(claim: str, language: str, encoding: str) -> None:
    text = module(TEXTS[language], f"# coding: {claim}\n")
    decoded = decode(text.encode(encoding))
    assert (decoded.text, decoded.encoding_from, decoded.replaced) == (text, "detected", 0)


def test_utf8_declared_as_something_unknown_is_utf8() -> None:
    text = module(TEXTS["Greek"], "# coding: uft-8\n")
    assert decode(text.encode()) == (text, "utf-8", "utf-8", 0, "lf")


def test_a_declaration_under_which_the_code_falls_apart_loses_to_a_reading_that_is_whole() -> None:
    # Read as cp1251, the two bytes of each letter of the name give a letter and a sign that no name may hold.
    text = "# coding: cp1251\nИмя = 'значение'\nprint(Имя)\n"
    decoded = decode(text.encode("utf-8"))
    assert (decoded.text, decoded.encoding, decoded.encoding_from) == (text, "utf-8", "utf-8")


def test_a_declaration_that_gives_python_is_followed_even_if_it_gives_nonsense_words() -> None:
    """Python reads it so, whatever the author meant."""
    data = "# coding: latin-1\nname = 'Łódź'\n".encode()
    decoded = decode(data)
    assert decoded.text == data.decode("latin-1")
    assert (decoded.encoding, decoded.encoding_from) == ("iso8859-1", "declared")


def test_a_declaration_after_code_is_none() -> None:
    text = "x = 1\n# coding: koi8-r\ny = 'ä'\n"
    assert decode(text.encode()) == (text, "utf-8", "utf-8", 0, "lf")


def test_two_byte_characters_that_end_in_a_quote_or_backslash_stay_whole() -> None:
    text = module(TEXTS["Japanese"]) + "\nlabel = '能力表示'\npath = '構造ソ'\n"
    assert b"\\'" in text.encode("shift_jis")  # read as a one-byte encoding, this string would not end
    decoded = decode(text.encode("shift_jis"))
    assert decoded.text == text
    assert syntax_error(decoded.text) is None


# --- damage ----------------------------------------------------------------------------------------------------


def test_damaged_utf8_stays_utf8_and_says_how_many_characters_were_lost() -> None:
    text = module(TEXTS["Russian"])
    data = bytearray(text.encode())
    broken = [data.index("Э".encode()), data.index("Ц".encode())]
    for position in broken:
        data[position] = 0xFF  # the second byte of the character is then stray as well
    decoded = decode(bytes(data))
    assert (decoded.encoding, decoded.encoding_from, decoded.replaced) == ("utf-8", "utf-8", 4)
    assert decoded.text == text.replace("Э", "\ufffd\ufffd", 1).replace("Ц", "\ufffd\ufffd", 1)


def test_a_replacement_character_that_was_in_the_file_is_not_counted() -> None:
    decoded = decode("mark = '\ufffd'\n".encode())
    assert (decoded.replaced, decoded.text) == (0, "mark = '\ufffd'\n")


def test_utf16_that_was_cut_short_loses_one_character() -> None:
    text = module(TEXTS["Greek"])
    decoded = decode(codecs.BOM_UTF16_LE + text.encode("utf-16-le")[:-1])
    assert (decoded.text, decoded.encoding, decoded.replaced) == (text[:-1] + "\ufffd", "utf-16-le", 1)


def test_any_bytes_become_text_that_a_table_can_hold() -> None:
    for seed in range(256):
        data = bytes((seed * (i + 7) + i * i) % 256 for i in range(300))
        decoded = decode(data)
        decoded.text.encode("utf-8")  # raises on lone surrogates
        assert decoded.replaced <= decoded.text.count("\ufffd")


# --- newlines --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("data", "style"),
    [
        (b"a = 1\nb = 2\n", "lf"),
        (b"a = 1\r\nb = 2\r\n", "crlf"),
        (b"a = 1\rb = 2\r", "cr"),
        (b"a = 1\r\nb = 2\n", "mixed"),
        (b"a = 1\r\r\nb = 2", "mixed"),
        (b"a = 1", "none"),
    ],
)
def test_newlines_become_lf_and_their_style_is_kept(tmp_path: Path, data: bytes, style: str) -> None:
    decoded = decode(data)
    assert (decoded.newline, "\r" in decoded.text) == (style, False)
    path = tmp_path / "module.py"
    path.write_bytes(data)
    with tokenize.open(path) as file:
        assert decoded.text == file.read()
