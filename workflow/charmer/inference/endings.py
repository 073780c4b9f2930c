"""Where a continuation ends by itself: with its line, its block, its function, or the file.

Notable here: what counts are logical lines. A line inside a string or a bracket ends nothing, whatever its indentation,
and blank lines wait for what follows them.

    block     what is indented as the cursor's line, or, where that opens a block (`for x in`), deeper. At the margin a
              blank line ends it too
    function  the innermost function around the cursor, or the one that is written next
"""

from __future__ import annotations

import itertools
import re
from typing import Literal

from charmer.inference.lexical import Lexed, scan

Until = Literal["line", "block", "function", "file"]
UNTIL: tuple[Until, ...] = ("line", "block", "function", "file")
TAB = 8  # columns, as Python's own tokenizer counts

_DEF = re.compile(r"\s*(async\s+)?def\b")
_WORD = re.compile(r"\s*(\w*)")
_GOES_ON = {"else", "elif", "except", "finally"}  # words that continue a statement at its own indentation


class Ending:
    """Finds the end of what is written behind `before`.

    Args:
        before: the text before the cursor, or its end from the beginning of a logical line on.
        lexed: what `scan` finds in it.
        until: what to write up to.
    """

    def __init__(self, before: str, lexed: Lexed, until: Until) -> None:
        self._lexed, self._until = lexed, until
        self._head = before[lexed.lines[-1] :]  # the cursor's line
        self._inside = _enclosing(before, lexed.lines) if until == "function" else None

    def end(self, text: str) -> int | None:
        """Where in `text`, written so far, the continuation ends; None: it may go on."""
        if self._until == "file":
            return None
        if self._until == "line":
            at = text.find("\n")
            return None if at < 0 else at
        starts = scan(text, self._lexed).lines
        lines = [self._head + text[: starts[0] if starts else None]]
        lines += [text[start:stop] for start, stop in itertools.pairwise([*starts, None])]
        return self._block(lines, starts) if self._until == "block" else self._function(lines, starts)

    def _block(self, lines: list[str], starts: list[int]) -> int | None:
        first = next((number for number, line in enumerate(lines) if line.strip()), None)
        if first is None:
            return None
        base = _indent(lines[first])
        opens = first == 0 and bool(self._head.strip()) and _opens(lines[0])
        blank = False
        for number in range(first + 1, len(lines)):
            line = lines[number]
            if not line.strip():
                blank = True
                continue
            if opens and _indent(line) == base:
                word = _WORD.match(line)
                if word and number == len(lines) - 1 and word.end() == len(line) and not blank:
                    return None  # the word may still become one that goes on
                if word is None or word[1] not in _GOES_ON:
                    return starts[number - 1]
            elif _indent(line) < base or (blank and base == _indent(line) == 0):
                return starts[number - 1]
            blank = False
        return None

    def _function(self, lines: list[str], starts: list[int]) -> int | None:
        margin = self._inside
        for number, line in enumerate(lines):
            if not line.strip():
                continue
            if margin is not None and number > 0 and _indent(line) <= margin:
                return starts[number - 1]
            if margin is None and _DEF.match(line):
                margin = _indent(line)
        return None


def _enclosing(before: str, starts: list[int]) -> int | None:
    """The indentation of the innermost function around the end of `before`; None: there is none."""
    lines = [before[start:stop] for start, stop in itertools.pairwise([*starts, None])]
    if _DEF.match(lines[-1]):
        return _indent(lines[-1])
    level = _indent(lines[-1])
    for line in reversed(lines[:-1]):
        if line.strip() and _indent(line) < level and not line.lstrip().startswith("#"):
            level = _indent(line)
            if _DEF.match(line):
                return level
    return None


def _indent(line: str) -> int:
    """Columns before a line's first character, or of a blank line."""
    line = line.split("\n", 1)[0].expandtabs(TAB)
    return len(line) - len(line.lstrip())


def _opens(line: str) -> bool:
    """Whether a logical line, comments aside, ends in a colon outside of brackets: it opens a block."""
    found = scan(line)
    code = line.rstrip()
    comment = code.rfind("#")
    while comment >= 0 and not any(start <= comment < end for start, end in found.strings):
        code = code[:comment].rstrip()
        comment = code.rfind("#")
    return code.endswith(":") and not found.open
