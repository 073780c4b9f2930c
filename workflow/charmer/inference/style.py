"""A file's own way of writing: its newlines, and tabs or spaces before its lines."""

from __future__ import annotations

import re
from collections import Counter
from dataclasses import dataclass

_LEADING = re.compile(r"^[ \t]+(?=[^\s])", re.MULTILINE)
SPACES = 4  # a level of indentation where the text shows none of its own


@dataclass(frozen=True)
class Style:
    """How a text is written.

    Attributes:
        newline: "\\n", "\\r\\n" or "\\r", whichever ends most lines.
        tabs: whether lines are indented with tabs; None where no line is indented.
        unit: spaces of one level of indentation, the least that is common.
    """

    newline: str = "\n"
    tabs: bool | None = None
    unit: int = SPACES

    @classmethod
    def of(cls, text: str) -> Style:
        """The style of `text`."""
        windows = text.count("\r\n")
        ends = {"\n": text.count("\n") - windows, "\r\n": windows, "\r": text.count("\r") - windows}
        newline = max(ends, key=lambda end: ends[end])
        leading = _LEADING.findall(unix(text))
        if not leading:
            return cls(newline)
        with_tabs = sum(blanks[0] == "\t" for blanks in leading)
        widths = Counter(len(blanks) for blanks in leading if "\t" not in blanks)
        common = [width for width, count in widths.items() if width > 1 and 20 * count >= len(leading)]
        return cls(newline, 2 * with_tabs > len(leading), min(common, default=SPACES))

    def indented(self, text: str, first: bool) -> str:
        """`text`, whose lines end in newlines, with its lines indented in this style; `first`: the first line too."""
        if self.tabs is None:
            return text
        lines = text.split("\n")
        for number in range(0 if first else 1, len(lines)):
            body = lines[number].lstrip(" \t")
            blanks = lines[number][: len(lines[number]) - len(body)]
            lines[number] = self._blanks(blanks) + body
        return "\n".join(lines)

    def _blanks(self, blanks: str) -> str:
        if not self.tabs:
            return blanks.replace("\t", " " * self.unit)
        width = len(blanks.replace("\t", " " * SPACES))
        return "\t" * (width // SPACES) + " " * (width % SPACES)


def unix(text: str) -> str:
    """`text` with every line end a newline."""
    return text.replace("\r\n", "\n").replace("\r", "\n") if "\r" in text else text
