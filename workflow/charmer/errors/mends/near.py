"""A text that does not parse, and the places near its fault at which an edit may begin."""

from __future__ import annotations

import bisect
from collections.abc import Iterator, Sequence

from charmer.errors.block import parses
from charmer.errors.shapes import Shape, shapes

Change = tuple[int, int, str]  # the characters from, to, and what stands there instead


class Near:
    """A text and the places near its fault.

    Attributes:
        lines: numbers from 1.
        starts: the first character of each line, and one behind the end.
        code: the pieces of the block but for blanks and comments; `places` where they begin.
    """

    def __init__(self, text: str, lines: Sequence[int], start: int, end: int) -> None:
        self.text, self.start, self.end = text, start, end
        self.rows = text.split("\n")
        self.starts = [0]
        for row in self.rows:
            self.starts.append(self.starts[-1] + len(row) + 1)
        self.lines = [line for line in lines if start <= self.starts[line - 1] <= max(end - 1, start)]
        self.code = [shape for shape in shapes(text, start, end) if shape.kind not in ("blank", "newline", "comment")]
        self.places = [shape.start for shape in self.code]

    def on(self, line: int) -> list[Shape]:
        """The pieces of code that begin on a line, or stand across its beginning."""
        low = bisect.bisect_left(self.places, self.starts[line - 1])
        high = bisect.bisect_left(self.places, self.starts[line])
        across = low > 0 and self.code[low - 1].end > self.starts[line - 1]
        return self.code[low - across : high]

    def line_of(self, place: int) -> int:
        return bisect.bisect_right(self.starts, place)

    def blanks(self, line: int) -> str:
        row = self.rows[line - 1]
        return row[: len(row) - len(row.lstrip(" \t"))]


def wanted(near: Near) -> Iterator[Shape]:
    for line in near.lines:
        yield from near.on(line)


def parses_alone(row: str) -> bool:
    """Whether a line is code by itself: it may not be lost to a comment."""
    plain = row.strip()
    return parses(plain) or (plain.endswith(":") and parses(f"{plain}\n pass"))
