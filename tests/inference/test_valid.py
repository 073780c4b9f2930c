"""Prefixes of Python: every one of good code is alive, and what no continuation can mend is refused."""

from __future__ import annotations

import ast
import inspect
import random
import sys
from pathlib import Path

import pytest
from charmer.inference.lexical import scan
from charmer.inference.valid import Prefix, alive, shortened

ALIVE = [
    *("", "x = ", "def f(", "del f()", "x = 1 i", "x = 1i", "x = 0x", "x = 01", "def if", "a !", "def f() -", "if x ="),
    *(
        "1e",
        "1e-",
        "x = .",
        "x = ..",
        "from . imp",
        "lambda *",
        "match x",
        "match x:\n    c",
        "return return",
    ),
    *(
        "x = 1 \\",
        "x = 1 \\\n",
        "  ",
        "    # note",
        "x = ( # note",
        "if x:\n  ",
        "if x:\n    y\ne",
        "@a\n",
        "try:\n  x\nf",
    ),
    *("'abc", "'abc\\", "'\\x4", "'\\U0010", "'\\N{DIG", "b'\\x", "'''a\n", '"""a"', "r'\\", "x = 'a' f", "x = ('a'\n"),
    *(
        "f'{",
        "f'{a",
        "f'{a!",
        "f'{a!r",
        "f'{a:",
        "f'{a:>{w",
        "f'{a:>{w}",
        "f'{x=",
        "f'{g(a, [1",
        "f'{{",
        "f'{a}}",
        "f'{d[\"k",
    ),
    *("class A:\n\tdef f(self):\n\t\treturn 1\n\tx", "for f()", "größe = ", "if a:\n    b\n\n\n# note\n    c"),
]
DEAD = [
    *("x = =", "x = # note", "x = 1 k", "x = 1 i ", "def 1", "def f(a b", "f() = ", "for f() in", "a b c", "return)"),
    *(
        "(]",
        ")",
        "0xg",
        "x = 1__",
        "a ? b",
        "a = €",
        "x\n  y",
        "  x",
        "x = 1\n\ty",
        "if x\n",
        "if x:\n    y\n  z",
        "if x:\ny",
    ),
    *(
        "try:\n  x\nfoo",
        "match x:\n    d",
        "class A:\n\tx = 1\n        y",
        "@a\nx",
        "print 'a'",
        "f(a=1, b)",
        "{a: b, c}",
    ),
    *(
        "'a\n",
        "'\\xg",
        "'\\x4z",
        "'\\U0011",
        "'\\N{NO SUCH NAME}'",
        "x = '\\N{DIG') ",
        "'a' b'b'",
        "b'ß",
        "x = '\\x4')",
        "x\0",
    ),
    *("f'{a b", "f'{]", "f'{}'", "f'{a!q", "f'{a!ra", "f'{a)"),
]
TREES = [ast, inspect, random]  # modules of the standard library with much of the language in them


@pytest.mark.parametrize("text", ALIVE)
def test_what_can_go_on_is_alive(text):
    assert alive(text) and alive(shortened(text))


@pytest.mark.parametrize("text", DEAD)
def test_what_nothing_can_mend_is_refused(text):
    assert not alive(text) and not alive(shortened(text))
    assert not alive("def before():\n    pass\n\n\n" + text)


@pytest.mark.skipif(sys.version_info < (3, 12), reason="f-strings hold any expression from Python 3.12 on")
@pytest.mark.parametrize("text", ["f'{d['k", "f'{a\n", "f'{d['k']}", "f'{f'{"])
def test_fields_of_later_pythons_hold_anything(text):
    assert alive(text)


def modules() -> list[str]:
    return [Path(module.__file__).read_text(encoding="utf-8") for module in TREES]


def test_prefixes_of_the_standard_library_are_alive_and_stay_so_when_shortened():
    draw = random.Random(0)
    for text in modules():
        for cut in draw.sample(range(len(text)), 60):
            short = shortened(text[:cut])
            assert alive(short), text[max(cut - 60, 0) : cut]
            assert len(short) < 8000


def test_a_shortened_text_is_judged_as_the_whole():
    draw = random.Random(1)
    more = ["", "x", ")", ":", "\n", "\nelse:", "\n    ", "\n  y", "'", "(", "\n}", "\n\n\ndef f", " if", "\nexcept"]
    text = modules()[2]
    for cut in draw.sample(range(20_000), 25):
        for end in draw.sample(more, 4):
            assert alive(shortened(text[:cut]) + end) == alive(text[:cut] + end), (text[cut - 60 : cut], end)


BREAKS = [
    *(
        ") + 1",
        "]",
        "}",
        "x = = 1",
        "a b c ",
        "def 1",
        "class class:",
        "for in x",
        "import 1",
        "0xg",
        "1__0 ",
        "a ? ",
        "$",
    ),
    *("if x\n", "while\n", "x = \n", "f() = 1", "lambda: = ", "'abc\n", "'\\xg'", "(1, 2]", "{1: 2, 3}", "return = 1"),
    *(
        "def f(a, a b)",
        "from x import\n",
        "with a as 1:",
        "x = 1 i ",
        "not = ",
        "@\n",
        "elif = 1",
        "a.1",
        "f'{]'",
    ),
]


def dead_prefixes(texts: list[str], count: int) -> list[str]:
    """Good code up to a line, and at that line's indentation something that no continuation can mend."""
    draw = random.Random(0)
    starts = [scan(text).lines for text in texts]
    found: list[str] = []
    while len(found) < count:
        number = draw.randrange(len(texts))
        text, start = texts[number], draw.choice(starts[number])
        line = text[start:].split("\n", 1)[0]
        if line.strip() and not line.lstrip().startswith(("else", "elif", "except", "finally", "case")):
            found.append(text[:start] + line[: len(line) - len(line.lstrip())] + draw.choice(BREAKS))
    return found


def test_dead_prefixes_are_refused():
    for text in dead_prefixes([text[:12_000] for text in modules()], 1000):
        assert not alive(shortened(text)), text[-80:]


def test_a_word_that_lacks_its_end_is_taken_back():
    assert Prefix("for x in ").whole("a no") == "a" and Prefix("for x in ").whole("a not in b") == "a not in b"
    assert Prefix("x = 'a").whole(" no") == " no" and Prefix("x = ").whole("1  # no") == "1  # no"


def test_a_token_may_end_inside_a_character():
    name, text = Prefix("größe_"), Prefix("x = '")
    assert name.accepts("ß".encode()[:1]) and text.accepts("€".encode()[:2]) and text.accepts("\N{SNAKE}".encode()[:3])
    assert not name.accepts("€".encode()[:2] + b"x") and not text.accepts(b"\xff")
    assert not Prefix("x = 1 ").accepts("\N{SNAKE}".encode()[:3])


def held_out() -> list[str]:
    """Every module of the standard library that parses: what the slow test looks at character by character."""
    folder = Path(ast.__file__).parent
    texts = []
    for file in sorted(folder.glob("*.py")):
        text = file.read_text(encoding="utf-8", errors="replace")
        if len(text) < 25_000:
            texts.append(text)
    return texts


@pytest.mark.slow
def test_every_character_prefix_of_many_modules_is_alive():
    for text in held_out()[:40]:
        for cut in range(len(text) + 1):
            assert alive(shortened(text[:cut])), text[max(cut - 60, 0) : cut]
