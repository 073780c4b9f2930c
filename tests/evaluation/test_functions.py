"""Signatures taken from modules, functions cut out of generated text, and the names that they use."""

import ast
import typing
from pathlib import Path
from types import ModuleType

import pytest
from charmer.common.failure import Failure
from charmer.evaluation.support import functions

MODULE = '''
import re
from os import path

LIMIT = 3

def plain(a, b=LIMIT):
    c = a + b
    return c

def documented(text):
    """Say something.

    Twice."""
    return re.sub("a", "b", text)

async def waits(a):
    await a
    return a

@property
def decorated(self):
    x = 1
    return x

def short(): return 1

class Box:
    def method(self):
        x = 1
        return x
'''


def test_signatures_are_module_level_functions_with_their_docstrings():
    found = {signature.name: signature for signature in functions.signatures(MODULE, "p", "m.py")}
    assert set(found) == {"plain", "documented"}
    assert found["plain"].prompt == "def plain(a, b=LIMIT):"
    assert found["documented"].prompt == 'def documented(text):\n    """Say something.\n\n    Twice."""'
    assert {"re", "path", "LIMIT", "Box", "plain"} <= found["plain"].known


def test_modules_whose_names_nobody_can_know_are_left_out():
    assert functions.signatures("from os import *\n" + MODULE, "p", "m.py") == []
    assert functions.signatures("def f(:\n", "p", "m.py") == []


def test_each_document_gives_one_signature_before_any_gives_two(world: dict[str, Path]):
    two = functions.held_out(world["test_shards"], 4)
    assert sorted(signature.path for signature in two) == ["blue/c.py", "green/d.py", "red/a.py", "red/b.py"]
    assert functions.held_out(world["test_shards"], 2) == two[:2]


def test_a_split_without_functions_says_so(world: dict[str, Path]):
    with pytest.raises(Failure, match="holds no function"):
        functions.held_out(world["test_shards"], 4, longest=0)


PROMPT = "def f(a):"


@pytest.mark.parametrize(
    ("continuation", "expected"),
    [
        ("\n    return a\n\n\ndef g():\n    pass\n", "\n    return a\n\n\n"),
        ('\n    b = """\nmargin\n"""\n    return b\nprint(1)\n', '\n    b = """\nmargin\n"""\n    return b\n'),
        ("\n    return (\n        a\n)\nx = 1\n", "\n    return (\n        a\n)\n"),
        ("\n    return (\nx = 1\ny = 2\n", "\n    return (\n"),
        (" return a\nx = 1\n", " return a\n"),
        ("\nx = 1\n", "\n"),
    ],
)
def test_a_function_ends_where_the_margin_begins_again(continuation: str, expected: str):
    assert functions.function_of(PROMPT, continuation, ended=True) == PROMPT + expected


def test_a_function_cut_short_is_judged_by_its_complete_lines():
    cut = "\n    b = a\n    return b"
    assert functions.function_of(PROMPT, cut, ended=False) == PROMPT + "\n    b = a\n"
    assert functions.function_of(PROMPT, cut, ended=True) == PROMPT + cut


def test_compiling_runs_nothing(tmp_path: Path):
    target = tmp_path / "made"
    assert functions.compiles(f"open({str(target)!r}, 'w').write('x')\n")
    assert not target.exists()


@pytest.mark.parametrize(
    "text", ["def f(:\n", "x = '\0'", "break\n", "(" * 10_000, "def f(a, a):\n  pass\n", "é = \udc80"]
)
def test_bad_text_does_not_compile_and_harms_nobody(text: str):
    assert not functions.compiles(text)


@pytest.mark.parametrize("module", [ast, functions, typing])
def test_every_beginning_of_a_module_could_go_on(module: ModuleType):
    lines = Path(str(module.__file__)).read_text().splitlines(keepends=True)[:400]
    beginnings = ("".join(lines[:end]) for end in range(0, len(lines), 3))
    assert [text[-60:] for text in beginnings if not functions.could_go_on(text)] == []


@pytest.mark.parametrize(
    ("text", "mends"),
    [
        ("def f(a):\n    if a:\n", True),
        ('def f(a):\n    """Not closed\n', True),
        ("def f(a):\n    try:\n        return (a,\n", True),
        ("def f(a):\n    retrun a\n", False),
        ("def f(a):\n    return a)\n", False),
        ("def f(a):\n    if a = 1:\n", False),
        ("def f(a):\n        b = 1\n    return b\n", False),
        ("def f(a):\n    return '\0'\n", False),
    ],
)
def test_what_nothing_that_follows_could_mend(text: str, mends: bool):
    assert functions.could_go_on(text) is mends


def test_a_docstring_alone_is_no_body():
    assert not functions.has_body('def f():\n    """Only talk."""\n    # and a comment\n')
    assert functions.has_body('def f():\n    """Talk."""\n    return 1\n')
    assert not functions.has_body("def f():\n    return 1\nx = 1\n")


@pytest.mark.parametrize(
    ("body", "unknown"),
    [
        ("    return len(a)\n", []),
        ("    return re.sub('x', 'y', a)\n", []),
        ("    return lenght(a) + other\n", ["lenght", "other"]),
        ("    import json\n    return json.dumps(a)\n", []),
        ("    return [b for b in a if b in c]\n", ["c"]),
        ("    def inner():\n        return a + missing\n    return inner()\n", ["missing"]),
        ("    global made\n    made = 1\n    return made\n", []),
        ("    class Local:\n        size = a\n    return Local, __name__\n", []),
        ("    return f(a - 1)\n", []),
    ],
)
def test_names_exist_when_something_binds_them(body: str, unknown: list[str]):
    assert functions.unknown_names(f"{PROMPT}\n{body}", frozenset({"re"})) == unknown
