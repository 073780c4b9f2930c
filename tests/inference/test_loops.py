"""Suggestions end before they go round in circles."""

import pytest
from charmer.inference.loops import held, repeated


@pytest.mark.parametrize(
    ("text", "kept"),
    [
        ("    self.items = []\n    self.items = []\n", "    self.items = []\n"),
        ("a()\nb()\na()\nb()\nc()\n", "a()\nb()\n"),
        ("x = 1\n    if x:\n    if x:\n    if x:\n", "x = 1\n    if x:\n"),
        ("th, width, width, width, width, w", "th, width, width"),
        ("x = f(a)\nreturn a or b or b or bee or bee or bee or bee o", "x = f(a)\nreturn a or b or b or bee or bee"),
    ],
)
def test_a_round_is_cut_where_it_begins_anew(text, kept):
    assert text[: repeated(text)] == kept


@pytest.mark.parametrize(
    "text",
    [
        "a()\nb()\na()\n",  # not yet twice
        "a()\n    a()\n",  # deeper: another line
        "[\n    [\n    ],\n],\n)\n)\n\n\n",  # brackets and blank lines repeat in sound code
        "a()\na()",  # the last line is not complete
        "return None, None, None",  # a tuple of three
        "[0, 0, 0, 0, 0, 0, 0, 0, 0, 0",
        "# ==========================",
        "",
    ],
)
def test_other_repetitions_stay(text):
    assert repeated(text) is None


def test_what_may_become_a_round_is_not_shown_yet():
    assert held("a(1)\na") == len("a(1)\n")
    assert held("a(1)\nb") == len("a(1)\nb")
    assert held("a(1)\nb(2)\na(1)\nb") == len("a(1)\nb(2)\n")
    assert held("a(1)\nb(2)\na(1)\nc") == len("a(1)\nb(2)\na(1)\nc")
    assert held("return one, one") == len("return one, one")
    assert held("return one, one, o") == len("return one, one,")
    assert held("return one, one, two") == len("return one, one, two")


@pytest.mark.parametrize("text", ["a = 1\nb = 2\na = 1\nc = 3\nc = 3\n", "x\nth, width, width, width, width"])
def test_what_was_shown_is_never_taken_back(text):
    end = repeated(text)
    assert all(held(text[:at]) <= end for at in range(len(text)))
