"""The open documents, as the client's edits leave them, and places in them as the client counts.

Notable here:
- A document is a list of lines, so that an edit in one of ten megabytes costs no more than the lines that it touches.
- Only "\\n", "\\r\\n" and "\\r" end a line, as the protocol has it. `str.splitlines` would end lines at form feeds and
  others too, and every place behind one would be wrong.
- A client counts columns in units of UTF-16, UTF-8 or UTF-32, as it was agreed; Charmer counts characters. A place
  inside a character is the place before it, and one behind a line's end is that end.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from pathlib import PurePosixPath
from urllib.parse import unquote, urlsplit

from lsprotocol import types

_LINE = re.compile(r"[^\r\n]*(?:\r\n|\r|\n)|[^\r\n]+\Z")
_SURROGATE = re.compile(r"[\ud800-\udfff]")
_UNITS = {types.PositionEncodingKind.Utf8: ("utf-8", 1), types.PositionEncodingKind.Utf16: ("utf-16-le", 2)}
SUFFIXES = (".py", ".pyi", ".pyw")


def split(text: str) -> list[str]:
    """The lines of a text, each with its end; the last, which may be empty, has none.

    >>> split("a\\r\\nb\\f\\r")
    ['a\\r\\n', 'b\\x0c\\r', '']
    """
    lines = _LINE.findall(text)
    if not lines or lines[-1][-1] in "\r\n":
        lines.append("")
    return lines


def whole(text: str) -> str:
    """`text` with U+FFFD for each half of a surrogate pair, which JSON can carry and no encoding can.

    Every place in it stays the same place, in whatever units.
    """
    return _SURROGATE.sub("\ufffd", text)


class Document:
    """A text that is open in the client.

    Args:
        encoding: the units in which the client counts columns, a `types.PositionEncodingKind`.

    Attributes:
        version: as the client counts its edits.
    """

    def __init__(self, uri: str, language: str, version: int, text: str, encoding: str) -> None:
        self.uri, self.language, self.version = uri, language, version
        self._encoding = encoding
        self._lines = split(whole(text))

    @property
    def python(self) -> bool:
        """Whether this is Python: by what the client calls it, or where it calls it nothing, by its name."""
        if self.language:
            return self.language == "python"
        return PurePosixPath(unquote(urlsplit(self.uri).path)).suffix in SUFFIXES

    @property
    def text(self) -> str:
        """The whole text, any half of a surrogate pair replaced."""
        return "".join(self._lines)

    def tail(self, size: int) -> str:
        """Whole lines at the end, of `size` characters or one line more."""
        found: list[str] = []
        for line in reversed(self._lines):
            if size <= 0:
                break
            found.append(line)
            size -= len(line)
        return "".join(reversed(found))

    def change(self, version: int, changes: Iterable[types.TextDocumentContentChangeEvent]) -> None:
        """Make a client's edits, one after the other."""
        self.version = version
        for change in changes:
            if isinstance(change, types.TextDocumentContentChangePartial):
                self._replace(change.range, whole(change.text))
            else:
                self._lines = split(whole(change.text))

    def around(self, position: types.Position) -> tuple[str, str]:
        """The text before a place and behind it."""
        line, column = self._place(position)
        before, after = self._lines[line][:column], self._lines[line][column:]
        return "".join([*self._lines[:line], before]), "".join([after, *self._lines[line + 1 :]])

    @property
    def last_line(self) -> int:
        """The number of the last line, from 0."""
        return len(self._lines) - 1

    def position(self, line: int, column: int) -> types.Position:
        """The client's name for a place; line and column count from 1, in characters, as a `Finding` has them."""
        line = min(line, len(self._lines)) - 1
        return types.Position(line, self.units(_content(self._lines[line])[: column - 1]))

    def units(self, text: str) -> int:
        """How many of the client's units a piece of a line is long."""
        codec, size = _UNITS.get(types.PositionEncodingKind(self._encoding), ("", 0))
        return len(text.encode(codec)) // size if codec else len(text)

    def characters(self, line: str, units: int) -> int:
        """How many characters of `line` lie wholly in its first `units` units."""
        codec, size = _UNITS.get(types.PositionEncodingKind(self._encoding), ("", 0))
        if not codec or line.isascii():
            return min(units, len(line))
        return len(line.encode(codec)[: size * units].decode(codec, "ignore"))

    def _place(self, position: types.Position) -> tuple[int, int]:
        """Line and column from 0, in characters, both within the document."""
        if position.line >= len(self._lines):
            return len(self._lines) - 1, len(self._lines[-1])
        return position.line, self.characters(_content(self._lines[position.line]), position.character)

    def _replace(self, where: types.Range, text: str) -> None:
        (first, start), (last, stop) = sorted([self._place(where.start), self._place(where.end)])
        new = self._lines[first][:start] + text + self._lines[last][stop:]
        if first and new.startswith("\n") and self._lines[first - 1].endswith("\r"):  # these two make one end of a line
            first -= 1
            new = self._lines[first] + new
        if last + 1 < len(self._lines) and new.endswith("\r") and self._lines[last + 1] == "\n":
            last += 1
            new += self._lines[last]
        lines = split(new)
        self._lines[first : last + 1] = lines if last + 1 == len(self._lines) else lines[:-1]


def _content(line: str) -> str:
    return line.rstrip("\r\n")
