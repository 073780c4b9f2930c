"""The pieces of a text that may not be Python: what a lexer makes of it that never gives up.

Notable here: `tokenize` stops at the first thing that it does not know, which is where this one is needed. A quote that
is never closed ends with its line, or with the text where there are three.
"""

from __future__ import annotations

import re
from typing import NamedTuple

PAIRS = {"(": ")", "[": "]", "{": "}"}
CLOSING = {close: opening for opening, close in PAIRS.items()}
KINDS = ("comment", "string", "open", "name", "number", "operator", "newline", "blank", "other")
_PREFIX = r"(?:[rR][bBfF]?|[bBfF][rR]?|[uUtT])?"
_SHAPE = re.compile(
    rf"""(?P<comment>\#[^\n]*)
    |(?P<string>{_PREFIX}(?:\"\"\"(?:[^\\]|\\.)*?\"\"\"|'''(?:[^\\]|\\.)*?'''
        |\"(?!\"\")(?:[^"\\\n]|\\.)*\"|'(?!'')(?:[^'\\\n]|\\.)*'))
    |(?P<open>{_PREFIX}(?:\"\"\"|''')(?:[^\\]|\\.)*\Z|{_PREFIX}["'][^\n]*)
    |(?P<name>[^\W\d]\w*)
    |(?P<number>\.?\d(?:[eE][+-]|[\w.])*)
    |(?P<operator>\*\*=?|//=?|>>=?|<<=?|->|:=|\.\.\.|[!=<>+\-*/%&|^@]=|<>|&&|\|\||\+\+|[()\[\]{{}}:;,.=+\-*/%&|^~<>@!?$`\\])
    |(?P<newline>\n)
    |(?P<blank>[ \t\f\r]+)
    |(?P<other>.)""",
    re.VERBOSE | re.DOTALL,
)


class Shape(NamedTuple):
    """One piece: its place in characters, its text, and one of `KINDS`; "open" is a string that is not closed."""

    start: int
    end: int
    string: str
    kind: str


def shapes(text: str, start: int = 0, end: int | None = None) -> list[Shape]:
    """The pieces of `text[start:end]`, which fill it without gaps."""
    stop = len(text) if end is None else end
    return [
        Shape(found.start(), found.end(), found.group(), str(found.lastgroup))
        for found in _SHAPE.finditer(text, start, stop)
    ]


def code(text: str, start: int = 0, end: int | None = None) -> list[Shape]:
    """Those that are neither blanks, ends of lines nor comments."""
    return [shape for shape in shapes(text, start, end) if shape.kind not in ("blank", "newline", "comment")]
