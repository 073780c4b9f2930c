"""What `check` found at one place of a file."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any


@dataclass(frozen=True)
class Finding:
    """A fault, or what looks like one. Lines and columns count from 1, in characters; the end is exclusive.

    Attributes:
        path: the file, as it was named.
        kind: what is wrong, in a word ("syntax", "encoding", or a kind of `charmer.errors.candidates.KINDS`).
        score: how sure, the higher the surer: nats for a file that does not parse, log-odds for one that does.
        message: one sentence.
        suggestion: the text that would stand between start and end; None where there is nothing to suggest.
    """

    path: str
    line: int
    column: int
    end_line: int
    end_column: int
    kind: str
    score: float
    message: str
    suggestion: str | None

    def record(self) -> dict[str, Any]:
        """The fields by name, for JSON."""
        return asdict(self)


def place(text: str, offset: int) -> tuple[int, int]:
    """Line and column of a character of a text whose lines end in "\\n"."""
    line_start = text.rfind("\n", 0, offset) + 1
    return text.count("\n", 0, offset) + 1, offset - line_start + 1


def offset(text: str, line: int, column: int) -> int:
    """The character at a line and a column, as `place` counts them; a column behind the line's end is the end."""
    start = 0
    for _ in range(line - 1):
        start = text.find("\n", start) + 1
        if start == 0:
            return len(text)
    end = text.find("\n", start)
    return min(start + column - 1, len(text) if end < 0 else end)
