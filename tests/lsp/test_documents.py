"""Places as clients count them, and edits."""

import pytest

pytest.importorskip("pytest_lsp", reason="needs the packages pygls and pytest-lsp")

import re

from charmer.lsp.documents import Document, split
from hypothesis import given, settings
from hypothesis import strategies as st
from lsprotocol import types

LETTERS = st.text(st.sampled_from("ab\n\r\f\u2028é😋\ud83d"), max_size=12)


def document(text: str, encoding: str = "utf-16") -> Document:
    return Document("file:///a.py", "python", 1, text, encoding)


def edit(text: str, start: tuple[int, int], end: tuple[int, int]) -> types.TextDocumentContentChangePartial:
    return types.TextDocumentContentChangePartial(types.Range(types.Position(*start), types.Position(*end)), text)


@pytest.mark.parametrize(("encoding", "column"), [("utf-8", 12), ("utf-16", 9), ("utf-32", 8)])
def test_a_column_counts_the_units_that_were_agreed(encoding: str, column: int):
    one = document('s = "é😋", 1\n', encoding)
    assert one.around(types.Position(0, column)) == ('s = "é😋"', ", 1\n")
    assert one.position(1, 9) == types.Position(0, column)


def test_a_place_inside_a_character_is_before_it_and_one_beyond_the_text_at_its_end():
    assert document("😋a").around(types.Position(0, 1)) == ("", "😋a")
    assert document("😋a", "utf-8").around(types.Position(0, 3)) == ("", "😋a")
    assert document("ab\r\nc").around(types.Position(0, 99)) == ("ab", "\r\nc")
    assert document("ab\r\nc").around(types.Position(7, 0)) == ("ab\r\nc", "")


def test_form_feeds_and_other_separators_end_no_line():
    one = document("a = 1\n\f\nb = '\u2028\x85\x1c'\nc\n")
    assert one.around(types.Position(3, 1)) == ("a = 1\n\f\nb = '\u2028\x85\x1c'\nc", "\n")


def test_an_edit_between_the_halves_of_a_line_end():
    one = document("a\r\nb")
    one.change(2, [edit("x", (0, 1), (1, 0))])  # the end of the line goes
    assert (one.text, one.version) == ("axb", 2)
    one.change(3, [edit("\r", (0, 1), (0, 2)), edit("\n", (1, 0), (1, 0))])
    assert one.text == "a\r\nb"
    assert one.around(types.Position(1, 0)) == ("a\r\n", "b")


def test_a_change_without_a_range_is_the_whole_text():
    one = document("old\n")
    one.change(2, [types.TextDocumentContentChangeWholeDocument("new\ntext")])
    assert one.around(types.Position(1, 0)) == ("new\n", "text")


def test_half_of_a_surrogate_pair_becomes_a_replacement_character_of_the_same_width():
    one = document("x = '\ud83d' # 1")
    assert one.text == "x = '\ufffd' # 1"
    assert one.around(types.Position(0, 6))[0] == "x = '\ufffd"


@pytest.mark.parametrize(
    ("name", "language", "python"),
    [("a.py", "python", True), ("a.py", "", True), ("a%20b.pyi", "", True), ("a.md", "", False), ("a.py", "c", False)],
)
def test_what_is_python(name: str, language: str, python: bool):
    assert Document(f"file:///{name}", language, 1, "", "utf-16").python is python


@given(
    LETTERS, st.lists(st.tuples(LETTERS, *[st.integers(0, 5)] * 4), max_size=4), st.sampled_from(["utf-8", "utf-16"])
)
@settings(deadline=None, max_examples=200)
def test_edits_do_to_the_lines_what_they_do_to_the_text(text: str, edits: list, encoding: str):
    one = document(text, encoding)
    for new, *numbers in edits:
        start, end = sorted([tuple(numbers[:2]), tuple(numbers[2:])])
        ahead, behind = one.around(types.Position(*start))[0], one.around(types.Position(*end))[1]
        one.change(1, [edit(new, start, end)])
        assert one.text == ahead + re.sub("[\ud800-\udfff]", "\ufffd", new) + behind
        assert one._lines == split(one.text)
