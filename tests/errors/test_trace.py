"""Tracebacks of the interpreter and of pytest, as people paste them out of terminals and logs."""

import subprocess
import sys

import pytest
from charmer.errors import trace
from charmer.errors.trace import Frame

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
GROUP = """
def inner(text):
    raise ValueError(text)


def run():
    errors = [KeyError("never raised")]
    try:
        inner("two\\nlines")
    except ValueError as error:
        errors.insert({}, error)
    raise ExceptionGroup("several", errors)


try:
    run()
except ExceptionGroup as group:
    group.add_note("File a.py: noted")
    raise ExceptionGroup("outer", [group, OSError("last")])
"""
PLAIN = """\
Traceback (most recent call last):
  File "/app/src/box.py", line 7, in <module>
    area(2, 3)
    ~~~~^^^^^^
  File "/app/src/box.py", line 3, in area
    return width * struct.unpack("i", b"")[0]
                   ~~~~~~~~~~~~~^^^^^^^^^^
struct.error: unpack requires a buffer of 4 bytes
"""
LONG = """
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
SHORT = """
__________________________________ test_area ___________________________________
tests/test_box.py:5: in test_area
    assert box.area(2, 3) == 6
           ^^^^^^^^^^^^^^
src/box.py:2: in area
    return width * heigth
                   ^^^^^^
E   NameError: name 'heigth' is not defined
{}tests/test_box.py:8: in test_need
    box.need(-3)
src/box.py:6: in need
    assert width > 0, f"width must be > 0, got {{width}}"
           ^^^^^^^^^
E   AssertionError: width must be > 0, got -3
E   assert -3 > 0
"""
SECOND_TEST = "__________________________________ test_need ___________________________________\n"
CHAIN = "\nThe above exception was the direct cause of the following exception:\n"
COLLECTED = """\
_____________________ ERROR collecting tests/test_coll.py ______________________
ImportError while importing test module '/tmp/ex/tests/test_coll.py'.
Traceback:
/usr/lib/python3.11/importlib/__init__.py:126: in import_module
    return _bootstrap._gcd_import(name[level:], package, level)
tests/test_coll.py:1: in <module>
    import nowhere
E   ModuleNotFoundError: No module named 'nowhere'
"""
COLLECTED_SYNTAX = """\
_____________________ ERROR collecting tests/test_coll.py ______________________
/usr/lib/python3.11/ast.py:50: in parse
    return compile(source, filename, mode, flags,
E     File "/tmp/ex/tests/test_coll.py", line 1
E       x
E       ^
E   SyntaxError: '(' was never closed
=========================== short test summary info ============================
"""
LINE = """\
lib/old.py:3: DeprecationWarning: mind the gap
E   ValueError: line one
    line two
/app/src/box.py:13: ValueError: line one
"""


def ran(text, folder):
    """What Python prints of a program that fails."""
    (folder / "a.py").write_text(text)
    return subprocess.run([sys.executable, "a.py"], cwd=folder, capture_output=True, text=True).stderr


def said(found):
    return found.type, found.message


def test_of_a_chain_the_last_exception_counts(tmp_path):
    found = trace.read(ran(CHAINED, tmp_path))
    assert said(found) == ("KeyError", "'rows'")
    assert [(frame.line, frame.function) for frame in found.frames] == [(13, "<module>"), (10, "value")]


def test_a_syntax_error_has_a_place_without_a_function(tmp_path):
    found = trace.read(ran("total = (1\n", tmp_path))
    assert (found.type, found.frames[-1].line, found.frames[-1].function) == ("SyntaxError", 1, "")


@pytest.mark.parametrize(
    "line", ["struct.error: too short", "error", "Http404", "requests.exceptions.ReadTimeout: 3 s"]
)
def test_an_exception_may_have_any_name(line):
    kind, _, message = line.partition(": ")
    found = trace.read(CHAIN.join([PLAIN, PLAIN.replace("struct.error: unpack requires a buffer of 4 bytes", line)]))
    assert said(found) == ({"requests.exceptions.ReadTimeout": "ReadTimeout"}.get(kind, kind), message)


def test_an_exception_of_a_function_and_one_without_a_message(tmp_path):
    local = "def f():\n    class mine(Exception):\n        pass\n    raise mine({})\n\n\nf()\n"
    assert said(trace.read(ran(local.format("'x: y'"), tmp_path))) == ("mine", "x: y")
    assert said(trace.read(ran(local.format(""), tmp_path))) == ("mine", "")
    assert said(trace.read(ran("raise Exception", tmp_path))) == ("Exception", "")


def test_neither_notes_nor_further_lines_of_a_message_are_taken_for_an_exception(tmp_path):
    text = "error = ValueError('one\\nKeyError: two')\nerror.add_note('OSError: three')\nraise error\n"
    assert said(trace.read(ran(text, tmp_path))) == ("ValueError", "one")


@pytest.mark.parametrize(
    ("at", "kind", "message", "functions"),
    [
        (0, "ValueError", "two", ["<module>", "<module>", "run", "run", "inner"]),
        (1, "KeyError", "'never raised'", ["<module>", "<module>", "run"]),
    ],
)
def test_of_a_group_the_first_exception_counts(at, kind, message, functions, tmp_path):
    found = trace.read(ran(GROUP.format(at), tmp_path))
    assert said(found) == (kind, message)
    assert found.groups == ("ExceptionGroup: outer (2 sub-exceptions)", "ExceptionGroup: several (2 sub-exceptions)")
    assert [frame.function for frame in found.frames] == functions


def test_what_comes_behind_a_group_counts(tmp_path):
    group = ran(GROUP.format(0), tmp_path)
    for text in (group, "\n".join(group.split("\n")[:-5])):  # one that was cut off, too
        assert said(trace.read(text + "\n" + PLAIN))[0] == "struct.error"
        assert trace.read(text + "\n" + PLAIN).groups == ()


@pytest.mark.parametrize(
    "prefix", ["", "    ", "> ", "web-1  | ", "2024-05-01T12:34:56.123Z ", "May 01 12:34:{} app[7]: "]
)
@pytest.mark.parametrize("newline", ["\n", "\r\n"])
def test_what_a_log_puts_before_a_line_does_not_disturb(prefix, newline, tmp_path):
    plain, group = PLAIN, ran(GROUP.format(0), tmp_path).replace("\nlines\n", "\n")
    for text, functions in ((plain, ["<module>", "area"]), (group, ["<module>", "<module>", "run", "run", "inner"])):
        lines = ["starts: 1", *text.splitlines(), "ends: 2"]
        found = trace.read(newline.join(prefix.format(7 * number) + line for number, line in enumerate(lines)))
        assert said(found) == (
            ("struct.error", "unpack requires a buffer of 4 bytes") if text == plain else ("ValueError", "two")
        )
        assert [frame.function for frame in found.frames] == functions


def test_only_the_first_line_may_carry_a_prefix():
    assert said(trace.read("2024-05-01 12:34:56,123 ERROR app: " + PLAIN))[0] == "struct.error"


def test_without_its_first_line_a_traceback_must_end_in_something_that_sounds_like_an_exception():
    rest = PLAIN.partition("\n")[2]
    assert trace.read(rest) is None
    assert said(trace.read(rest.replace("struct.error", "StructError")))[0] == "StructError"
    flat = "\n".join(line.strip() for line in PLAIN.replace("area(2, 3)", "area").split("\n"))
    assert said(trace.read(flat.replace("struct.error", "StructError")))[0] == "StructError"


def test_a_traceback_that_was_cut_off_does_not_end_in_the_log():
    cut = PLAIN.rpartition("struct")[0]
    assert trace.read(cut + "--- restarted ---\nINFO: listening\n") is None


def test_colors_are_ignored():
    colored = PLAIN.replace('"/app/src/box.py"', '\x1b[35m"/app/src/box.py"\x1b[0m').replace(
        "struct.error", "\x1b[1;35mstruct.error\x1b[0m"
    )
    assert trace.read(colored) == trace.read(PLAIN)


def test_pytests_long_style():
    found = trace.read(LONG)
    assert said(found) == ("NameError", "name 'heigth' is not defined")
    assert found.frames == (Frame("tests/test_box.py", 4, ""), Frame("src/box.py", 2, ""))


@pytest.mark.parametrize("between", [SECOND_TEST, CHAIN, ""])
@pytest.mark.parametrize("stamp", ["", "2024-05-01T12:34:56.1234567Z "])
def test_pytests_short_style_keeps_each_exception_with_its_frames(between, stamp):
    text = SHORT.format(between).replace("\n", "\n" + stamp)
    found = trace.read(text)
    assert said(found) == ("AssertionError", "width must be > 0, got -3")
    assert found.frames == (Frame("tests/test_box.py", 8, "test_need"), Frame("src/box.py", 6, "need"))
    first = trace.read(text.partition("tests/test_box.py:8")[0])
    assert said(first) == ("NameError", "name 'heigth' is not defined")
    assert first.frames == (Frame("tests/test_box.py", 5, "test_area"), Frame("src/box.py", 2, "area"))


def test_pytests_line_style():
    found = trace.read(LINE)
    assert (*said(found), found.frames) == ("ValueError", "line one", (Frame("/app/src/box.py", 13, ""),))
    older = trace.read(LINE.replace("E   ", "    "))
    assert older == found
    assert trace.read(LINE.partition("\n")[0]) is None  # a warning


def test_a_bare_assertion_shows_its_values():
    text = LONG.replace("NameError: name 'heigth' is not defined", "assert 5 == 6", 1).replace(
        ": NameError", ": AssertionError"
    )
    assert said(trace.read(text)) == ("AssertionError", "assert 5 == 6")


def test_what_pytest_says_while_it_collects():
    found = trace.read(COLLECTED)
    assert said(found) == ("ModuleNotFoundError", "No module named 'nowhere'")
    assert found.frames[-1] == Frame("tests/test_coll.py", 1, "<module>")
    found = trace.read(COLLECTED_SYNTAX)
    assert said(found) == ("SyntaxError", "'(' was never closed")
    assert found.frames[-1] == Frame("/tmp/ex/tests/test_coll.py", 1, "")


@pytest.mark.parametrize(
    "text",
    ["", "all is well\n", "Error\n", "\x00\x1b[0m", "E   ValueError: where?\n", "+-+" + "-" * 16 + " 1 " + "-" * 16],
)
def test_a_text_without_a_traceback_gives_none(text):
    assert trace.read(text) is None
