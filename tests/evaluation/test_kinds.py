"""Kinds of token: what each byte of a source text is, and what each of the model's tokens counts as."""

import numpy as np
from charmer.evaluation.support.kinds import KINDS, byte_kinds, character_kinds, token_kinds
from hypothesis import given
from hypothesis import strategies as st

LETTER = dict(zip(KINDS, "_kiscno?", strict=True))


def kinds(text: str) -> str:
    """One letter a character: k keyword, i identifier, s string, c comment, n number, o operator, _ whitespace."""
    return "".join(LETTER[KINDS[kind]] for kind in character_kinds(text))


def test_every_kind_is_told_apart():
    assert kinds("if x1 != 0x1F:  # so\n") == "kk_ii_oo_nnnno__cccc_"
    assert kinds("return 'a b'\n") == "kkkkkk_sssss_"


def test_a_string_of_several_lines_is_a_string_throughout():
    text = '"""a\n  b"""\n'
    assert kinds(text) == "s" * (len(text) - 1) + "_"


def test_an_f_string_is_a_string_on_every_version_of_python():
    text = "f'{x + 1} and {y!r:>{width}}'\n"
    assert kinds(text) == "s" * (len(text) - 1) + "_"


def test_soft_keywords_are_identifiers():
    assert kinds("match = 1\n")[:5] == "iiiii"


def test_text_that_does_not_tokenize_is_other_from_there_on():
    assert kinds("x = 1\ny = '''open it") == "i_o_n_i_o_???????_??"


def test_characters_beyond_ascii_take_their_bytes():
    assert KINDS[byte_kinds("é = 1\n")[1]] == "identifier"
    assert len(byte_kinds("s = '世界😀'\n")) == len("s = '世界😀'\n".encode())


@given(st.text(alphabet=st.characters(exclude_categories=["Cs"]), max_size=60))
def test_any_text_has_a_kind_for_each_byte(text: str):
    assert len(byte_kinds(text)) == len(text.encode())


def test_a_token_is_what_its_first_visible_byte_is():
    text = "if x:\n    return 1\n"
    tokens = ["if", " x", ":\n", "    ", "return", " 1", "\n"]
    found = token_kinds(byte_kinds(text), np.array([len(token) for token in tokens]))
    assert [KINDS[kind] for kind in found] == [
        "keyword", "identifier", "operator", "whitespace", "keyword", "number", "whitespace",
    ]  # fmt: skip
