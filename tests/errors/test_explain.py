"""What an exception means, where it happened in a person's own code, and what is looked at there."""

import json
import sysconfig

import pytest
from charmer.cli import main
from charmer.commands.support import models
from charmer.errors import explain
from charmer.errors.trace import Frame, Trace

MODULE = """\
import os


def area(width, height=os.sep):
    total = width * height
    return total


def far():
    return 1


TABLE = {
    "a": area(
        1
    ),
}


class Box:
    size = TABLE["b"]

    def grow(self, by=size):
        return by

    edge = size


print(TABLE)
"""


def test_the_frame_of_a_persons_own_code(tmp_path):
    mine = tmp_path / "mine.py"
    installed = tmp_path / "site-packages" / "theirs.py"
    installed.parent.mkdir()
    for path in (mine, installed):
        path.write_text("x = 1\n")
    frames = (Frame("gone.py", 1, "f"), Frame(str(mine), 1, "g"), Frame(str(installed), 1, "h"))
    assert explain.own(Trace(frames, "ValueError", "")) == frames[1]
    assert explain.own(Trace(frames[2:], "ValueError", "")) == frames[2]
    assert explain.own(Trace(frames[:1], "ValueError", "")) is None


def test_a_path_of_another_machine_is_found_by_its_longest_end(tmp_path, monkeypatch):
    for name in ("src/pkg/box.py", "pkg/box.py", "box.py", "queue.py"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text("x = 1\n")
    monkeypatch.chdir(tmp_path)
    assert explain.local("/app/src/pkg/box.py") == "src/pkg/box.py"
    assert explain.local("C:\\work\\other\\pkg\\box.py") == "pkg/box.py"
    assert explain.local("/elsewhere/src/pkg/other.py") is None
    assert explain.local("/usr/local/lib/python3.12/queue.py") is None
    assert explain.local("/app/.venv/lib/python3.12/site-packages/pkg/box.py") is None
    assert explain.local("/app/../box.py") is None
    frames = (Frame("/app/src/pkg/box.py", 3, "f"), Frame("/usr/lib/python3.13/queue.py", 1, "get"))
    assert explain.own(Trace(frames, "Empty", "")) == Frame("src/pkg/box.py", 3, "f")


@pytest.mark.parametrize("path", ["\0.py", "x" * 5000 + ".py", "", "/", "a/" * 5000 + "b.py", "<frozen runpy>"])
def test_a_path_that_can_not_be_is_not_there(path):
    assert explain.local(path) is None


@pytest.mark.parametrize(
    ("path", "whether"),
    [
        (sysconfig.get_path("stdlib") + "/json/decoder.py", True),
        (sysconfig.get_path("stdlib") + "-mine/tool.py", False),
        ("/usr/lib/python3.9/json/decoder.py", True),
        ("C:\\Program Files\\Python311\\Lib\\json\\decoder.py", True),
        ("/usr/lib/python3/dist-packages/apt/cache.py", True),
        ("/home/me/lib/python/tool.py", False),
        ("/home/me/lib/python3.11/tool.py", False),
        ("my-site-packages/tool.py", False),
    ],
)
def test_what_is_installed(path, whether):
    assert explain.installed(path) == whether


@pytest.mark.parametrize(
    ("kind", "message", "said"),
    [
        ("AttributeError", "'NoneType' object has no attribute 'strip'", "what stands before `.strip` is None"),
        ("AttributeError", "'list' object has no attribute 'add'", "an object of type `list` has no `add`"),
        ("TypeError", "area() missing 1 required positional argument: 'height'", "`area` is called without 'height'"),
        ("TypeError", "'int' object is not an iterator", "a value of type `int` is used as if it were an iterator"),
        ("ValueError", "not enough values to unpack (expected 3, got 2)", "3 names stand on the left and only 2"),
        ("IndexError", "list index out of range", "the index is beyond the end of the list"),
        ("IndexError", "range object index out of range", "the index is beyond the end of the range"),
        ("IndexError", "list assignment index out of range", "the index that is assigned to or deleted is beyond"),
        ("IndexError", "pop index out of range", "the index that `pop` gets is beyond the end of the list"),
        ("IndexError", "pop from an empty deque", "`pop` is called on a deque that is empty"),
        ("KeyError", "'rows'", "the key 'rows' is not in the dictionary"),
        ("KeyError", "'pop from an empty set'", "something is taken out of a set or a dictionary that is empty"),
        ("AssertionError", "assert 5 == 6", "`5 == 6` does not hold"),
        (
            "AssertionError",
            "width must be > 0, got -3",
            "what the code takes for granted here does not hold: width must",
        ),
        ("AssertionError", "", "what the code takes for granted here does not hold"),
        ("ZeroDivisionError", "division by zero", "the divisor is 0"),
        ("Strange", "odd words.", "odd words"),
        ("Strange", "", "`Strange` was raised, without a message"),
    ],
)
def test_what_an_exception_means(kind, message, said):
    assert explain.meaning(Trace((), kind, message)).startswith(said)


@pytest.mark.parametrize(
    ("kind", "message", "ends"),
    [
        ("NameError", "name 'heigth' is not defined. Did you mean: 'height'?", "otherwise; Python suggests `height`"),
        ("NameError", "name 'io' is not defined. Did you forget to import 'io'?", "; Python suggests to import `io`"),
        ("TypeError", "f() got an unexpected keyword argument 'heigth'. Did you mean 'height'?", "suggests `height`"),
        ("SyntaxError", "invalid syntax. Did you mean 'elif'?", "no Python: invalid syntax. Did you mean 'elif'?"),
        (
            "AttributeError",
            "module 'a' has no attribute 'b' (consider renaming '/x/a.py' since ...)",
            "of the same name",
        ),
    ],
)
def test_what_python_suggests_is_kept(kind, message, ends):
    assert explain.meaning(Trace((), kind, message)).endswith(ends)


def test_a_very_long_message_is_cut():
    assert len(explain.meaning(Trace((), "Strange", "x" * 10_000))) == explain.LONGEST


@pytest.mark.parametrize(
    ("line", "function", "lines"),
    [
        (5, "area", {4, 5, 6}),
        (5, "", {4, 5, 6}),
        (4, "<module>", {1, 2, 3, 4, 7, 8, 11}),  # a default, but not the body
        (15, "<module>", {8, *range(11, 23)}),
        (21, "Box", set(range(15, 32)) - {23, 24}),
        (23, "Box", set(range(15, 32)) - {24}),
        (24, "grow", {23, 24}),
        (99, "<module>", set(range(94, 105))),  # the file has changed since
    ],
)
def test_the_lines_around_a_frame(line, function, lines):
    assert explain.lines_around(MODULE, line, function) == lines


def test_of_what_does_not_parse_all_lines_count():
    assert explain.lines_around("(\n", 1) == {1, 2}


SCRIPT = """\
rows = [1, 2]


for i in range(len(rows)):
    if rows[i] > 1:
        total = rows[i] + 1





print(rows[0] + 1)
"""
FUNCTION = """

def far(rows):
    return rows[1] + 1
"""


@pytest.fixture
def explained(uniform, tmp_path, monkeypatch, capsys):
    """What the command prints for a log, in a folder with a file `src/box.py`, by a model that knows nothing."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(models, "load", lambda options: uniform)
    (tmp_path / "src").mkdir()
    (tmp_path / "src" / "box.py").write_text(SCRIPT + FUNCTION)

    def explained(log, *options, encoding="utf-8"):
        (tmp_path / "log.txt").write_bytes(log.encode(encoding))
        assert main(["explain", "log.txt", *options]) == 0
        return capsys.readouterr().out

    return explained


TRACE = 'Traceback (most recent call last):\n  File "/app/src/box.py", line 5, in <module>\nmy.odd: seen\n'


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16"])
def test_of_a_frame_of_the_module_no_function_is_suspected(explained, encoding):
    record = json.loads(explained(TRACE, "--json", encoding=encoding))
    assert (record["type"], record["message"], record["groups"]) == ("my.odd", "seen", [])
    assert record["frame"] == {"path": "src/box.py", "line": 5, "function": "<module>"}
    assert {finding["line"] for finding in record["findings"]} == {4, 5, 6}


def test_of_a_frame_of_the_module_its_statement_is_suspected(explained, tmp_path):
    (tmp_path / "src" / "box.py").write_text(SCRIPT)
    lines = [finding["line"] for finding in json.loads(explained(TRACE, "--json"))["findings"]]
    assert len(lines) == 3
    assert set(lines) <= {1, 4, 5, 6}


def test_the_command_says_which_exception_of_a_group_it_explains(explained):
    group = """\
  + Exception Group Traceback (most recent call last):
  |   File "/app/src/box.py", line 5, in <module>
  | ExceptionGroup: several (2 sub-exceptions)
  +-+---------------- 1 ----------------
    | KeyError: 'b'
    +---------------- 2 ----------------
    | ValueError: no
    +------------------------------------
"""
    first, source, which = explained(group).split("\n")[:3]
    assert first == "src/box.py, line 5: KeyError: the key 'b' is not in the dictionary."
    assert source == "    5 |     if rows[i] > 1:"
    assert which == "This is the first exception of the group `ExceptionGroup: several (2 sub-exceptions)`."
    assert json.loads(explained(group, "--json"))["groups"] == ["ExceptionGroup: several (2 sub-exceptions)"]
