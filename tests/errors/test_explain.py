"""Tracebacks of the interpreter and of pytest, and what they mean."""

import subprocess
import sys

import pytest
from charmer.errors import explain, trace
from charmer.errors.trace import Frame, Trace

CHAINED = """
def first(rows):
    return rows[0]


def value(rows):
    try:
        return first(rows)
    except IndexError as error:
        raise KeyError("rows") from error


value([])
"""
PYTEST = """
    def test_area():
>       assert area(2, 3) == 6

tests/test_box.py:4:
_ _ _ _ _ _ _ _ _ _ _

    def area(width, height):
>       return width * heigth
E       NameError: name 'heigth' is not defined

src/box.py:2: NameError
=========================== short test summary info ============================
FAILED tests/test_box.py::test_area - NameError: name 'heigth' is not defined
"""


def test_of_a_chain_the_last_exception_counts(tmp_path):
    (tmp_path / "a.py").write_text(CHAINED)
    said = subprocess.run([sys.executable, "a.py"], cwd=tmp_path, capture_output=True, text=True).stderr
    found = trace.read(said)
    assert (found.type, found.message) == ("KeyError", "'rows'")
    assert [(frame.line, frame.function) for frame in found.frames] == [(13, "<module>"), (10, "value")]
    assert explain.meaning(found) == "the key 'rows' is not in the dictionary"


def test_a_syntax_error_has_a_place_without_a_function(tmp_path):
    (tmp_path / "a.py").write_text("total = (1\n")
    said = subprocess.run([sys.executable, "a.py"], cwd=tmp_path, capture_output=True, text=True).stderr
    found = trace.read(said)
    assert (found.type, found.frames[-1].line, found.frames[-1].function) == ("SyntaxError", 1, "")


def test_pytests_form():
    found = trace.read(PYTEST)
    assert (found.type, found.message) == ("NameError", "name 'heigth' is not defined")
    assert found.frames[-1] == Frame("src/box.py", 2, "")
    assert explain.meaning(found).startswith("nothing is called `heigth` here")


def test_the_frame_of_a_persons_own_code(tmp_path):
    mine = tmp_path / "mine.py"
    installed = tmp_path / "site-packages" / "theirs.py"
    installed.parent.mkdir()
    for path in (mine, installed):
        path.write_text("x = 1\n")
    frames = (Frame("gone.py", 1, "f"), Frame(str(mine), 1, "g"), Frame(str(installed), 1, "h"))
    assert explain.own(Trace(frames, "ValueError", "")) == frames[1]
    assert explain.own(Trace(frames[:1], "ValueError", "")) is None


@pytest.mark.parametrize(
    ("kind", "message", "said"),
    [
        ("AttributeError", "'NoneType' object has no attribute 'strip'", "what stands before `.strip` is None"),
        ("AttributeError", "'list' object has no attribute 'add'", "an object of type `list` has no `add`"),
        ("TypeError", "area() missing 1 required positional argument: 'height'", "`area` is called without 'height'"),
        ("ValueError", "not enough values to unpack (expected 3, got 2)", "3 names stand on the left and only 2"),
        ("ZeroDivisionError", "division by zero", "the divisor is 0"),
        ("Strange", "odd words", "odd words"),
        ("Strange", "", "a `Strange` was raised"),
    ],
)
def test_what_an_exception_means(kind, message, said):
    assert explain.meaning(Trace((), kind, message)).startswith(said)


@pytest.mark.parametrize("text", ["", "all is well\n", "Error\n", "\x00\x1b[0m"])
def test_a_text_without_a_traceback_gives_none(text):
    assert trace.read(text) is None


def test_the_function_around_a_line():
    assert explain.function_lines(CHAINED, 8) == (6, 10)
    assert explain.function_lines(CHAINED, 13) == (1, 14)
    assert explain.function_lines("(", 1) == (1, 1)
