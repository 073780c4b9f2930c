"""The smallest part of a text that holds all of its fault, so that hundreds of repairs can be tried by parsing little.

Notable here: a part qualifies when the text parses with `pass` in its place, and so does what stands before it: else
the part might begin inside of a string. Then a repair inside makes the whole parse exactly when the part parses by
itself, as the body of an `if 1:` where it is indented.
"""

from __future__ import annotations

import ast
import re
import warnings
from collections.abc import Collection, Iterable, Iterator
from dataclasses import dataclass

from charmer.errors.edits import Edit, apply

BROKEN = (SyntaxError, ValueError, RecursionError, MemoryError)  # all that the parser answers bad text with
_HEAD = re.compile(r"(?:async\s+def|def|class|@)\b|@")
_BACK = re.compile(r"[)\]}]|(?:else|elif|except|finally|case)\b")  # what belongs to a statement that began before


def parses(text: str) -> bool:
    """Whether the running interpreter's parser accepts a text."""
    try:
        with warnings.catch_warnings(action="ignore"):
            ast.parse(text)
    except BROKEN:
        return False
    return True


@dataclass(frozen=True)
class Block:
    """The lines of `text` from character `start` to `end`, which hold the fault; `indented` tells whether by blanks."""

    text: str
    start: int
    end: int
    indented: bool

    def mended(self, edit: Edit) -> bool:
        """Whether the text parses after an edit inside of the block."""
        whole = apply(self.text, edit)
        part = whole[self.start : self.end + len(edit.replacement) - (edit.end - edit.start)]
        if _BACK.match(part.lstrip()) or _depth(part) != _depth(self.text[self.start : self.end]):
            return parses(whole)  # it begins elsewhere now, and may belong to what stands before
        return parses(f"if 1:\n{part}" if self.indented else part)


def _depth(part: str) -> str:
    """What the first line that is not blank is indented by."""
    first = part.lstrip("\n")
    return first[: len(first) - len(first.lstrip(" \t"))]


def smallest(text: str, lines: Iterable[int], inside: Collection[int] = ()) -> Block:
    """The smallest block around any of `lines` (from 1) that holds the whole fault; the text, where none does.

    Args:
        inside: lines that it has to hold, all of them.
    """
    rows = text.split("\n")
    starts = [0]
    for row in rows:
        starts.append(starts[-1] + len(row) + 1)
    found = sorted({span for line in lines for span in _spans(rows, line - 1)}, key=lambda span: span[1] - span[0])
    for first, last, blanks in found:
        if not all(first < line <= last for line in inside):
            continue
        start, end = starts[first], min(starts[last], len(text))
        before = f"{text[:start]}{blanks}pass\n"
        if parses(before) and parses(before + text[end:]):
            return Block(text, start, end, bool(blanks))
    return Block(text, 0, len(text), False)


def _spans(rows: list[str], line: int) -> Iterator[tuple[int, int, str]]:
    """Lines [first, last) that look like the definitions around a line, or the statement at the margin."""
    limit: int | None = None
    for first in range(min(line, len(rows) - 1), -1, -1):
        row = rows[first]
        depth = len(row) - len(row.lstrip(" \t"))
        if not row.strip() or (limit is not None and depth >= limit) or _BACK.match(row, depth):
            continue
        if depth and not _HEAD.match(row, depth):
            continue
        limit = depth
        last = ending(rows, max(first, line) + 1, depth)
        decorates = row.startswith("@", depth)
        while decorates and last < len(rows) and _HEAD.match(rows[last], depth):
            decorates = rows[last].startswith("@", depth)
            last = ending(rows, last + 1, depth)
        while first and rows[first - 1].startswith(row[:depth] + "@"):
            first -= 1
        yield first, last, row[:depth]
        if depth == 0:
            return


def ending(rows: list[str], first: int, depth: int) -> int:
    """The first line from `first` on that begins a new statement at most so far in; the number of lines where none."""
    for at in range(first, len(rows)):
        row = rows[at]
        blanks = len(row) - len(row.lstrip(" \t"))
        if row.strip() and blanks <= depth and not _BACK.match(row, blanks) and row[blanks] != "#":
            return at
    return len(rows)
