"""An edit of a text: the one shape in which faults are made, guessed, ranked and mended.

Places count characters of a text whose lines end in "\\n"; who reads a file with other ends of lines translates them
first, and back when writing.
"""

from __future__ import annotations

import difflib
import io
from dataclasses import dataclass


@dataclass(frozen=True, order=True)
class Edit:
    """Put `replacement` in the place of `text[start:end]`.

    Attributes:
        start, end: characters of the text, the end exclusive; equal where something is inserted.
        replacement: what stands there afterwards; "" where something is deleted.
        kind: what is done, as one of the words in `charmer.errors.candidates.KINDS`, or "infill".
    """

    start: int
    end: int
    replacement: str
    kind: str = ""


def apply(text: str, edit: Edit) -> str:
    """The text with the edit made."""
    return text[: edit.start] + edit.replacement + text[edit.end :]


def inverse(text: str, edit: Edit) -> Edit:
    """The edit that turns `apply(text, edit)` back into `text`."""
    return Edit(edit.start, edit.start + len(edit.replacement), text[edit.start : edit.end], edit.kind)


def smallest(text: str, edit: Edit) -> Edit:
    """The same change without the characters at both ends that stay as they are.

    >>> smallest("a <= b", Edit(2, 4, "<"))
    Edit(start=3, end=4, replacement='', kind='')
    """
    old, new = text[edit.start : edit.end], edit.replacement
    ahead = _shared(old, new)
    behind = _shared(old[ahead:][::-1], new[ahead:][::-1])
    return Edit(edit.start + ahead, edit.end - behind, new[ahead : len(new) - behind], edit.kind)


def _shared(one: str, other: str) -> int:
    """With how many characters both texts begin: by halves, since an edit of a long file is found before every try."""
    low, high = 0, min(len(one), len(other))
    while low < high:
        middle = (low + high + 1) // 2
        low, high = (middle, high) if one[low:middle] == other[low:middle] else (low, middle - 1)
    return low


def line_of(text: str, place: int) -> int:
    """The number, from 1, of the line in which a character stands."""
    return text.count("\n", 0, place) + 1


def patch(before: str, after: str, path: str) -> str:
    """A unified diff as `patch -p1` and `git apply` read it; "" where nothing changed."""
    lines = []
    for line in difflib.unified_diff(_lines(before), _lines(after), f"a/{path}", f"b/{path}"):
        lines.append(line if line.endswith("\n") else f"{line}\n\\ No newline at end of file\n")
    return "".join(lines)


def _lines(text: str) -> list[str]:
    """Lines as diffs count them: only a line feed ends one, no form feed and no separator of Unicode's."""
    return list(io.StringIO(text, newline="\n"))
